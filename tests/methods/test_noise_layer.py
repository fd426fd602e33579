"""The noise adaptation layer: both halves of its gradient by autograd, and its start."""

import torch
from torch.nn.functional import nll_loss

import gdw
from gdw.methods import NoiseLayer
from tests.methods.helpers import CLASSES, autograd_of, make_step


def started(**settings):
    method = NoiseLayer(CLASSES, **settings).double()
    method.ready = True
    with torch.no_grad():
        method.layer.copy_(torch.randn(CLASSES, CLASSES, generator=torch.Generator().manual_seed(0)))
    return method


def test_the_gradient_through_the_logits_is_autograds():
    method, step = started(), make_step()
    matrix = method.layer.detach().softmax(-1)
    expected = autograd_of(lambda z: nll_loss((z.softmax(-1) @ matrix).log(), step.labels), step)
    torch.testing.assert_close(method.logit_gradient(step), expected)


def test_the_layers_gradient_is_autograds():
    method, step = started(layer_lr=0.0), make_step()
    layer = method.layer.detach().clone().requires_grad_()
    nll_loss((step.probs @ layer.softmax(-1)).log(), step.labels).backward()
    method.learn(step)
    torch.testing.assert_close(method.layer.grad, layer.grad)


def test_the_first_model_sees_no_layer_and_the_second_starts_from_the_estimate():
    training = gdw.Training(gdw.Experiment(method="noise-layer", noise="flip", rate=0.4, epochs=12))
    matrices = []
    for event in training.events():
        if isinstance(event, gdw.BatchDone) and event.batch == 0:
            matrices.append(training.method.transition.detach().clone())
            if event.epoch == 5:
                torch.testing.assert_close(event.gradient, event.step.flows / len(event.step))
    assert torch.equal(matrices[5], torch.full((10, 10), 0.1))
    assert 0.3 < matrices[6].diagonal().mean() < 0.9
    assert not torch.equal(matrices[6], matrices[7])  # and it learns
    assert training.history["transition"].shape == (12, 10, 10)


def test_it_is_saved_and_loaded_with_its_optimiser(tmp_path):
    training = gdw.Training(gdw.Experiment(method="noise-layer", epochs=2))
    list(training.events())
    training.save(tmp_path / "run.pt")
    loaded = gdw.Training.load(tmp_path / "run.pt").method
    assert loaded.ready
    assert torch.equal(loaded.layer, training.method.layer)
    assert loaded.optimizer.state_dict()["state"].keys() == training.method.optimizer.state_dict()["state"].keys()
