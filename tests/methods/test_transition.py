"""The noise matrix: recovered where it is known, learnt from, and estimated between the two models of a run."""

import pytest
import torch
from torch.nn.functional import cross_entropy, nll_loss

import gdw
from gdw.data import generator, load_dataset, make_task
from gdw.data.task import Split
from gdw.methods import GLC, ImportanceReweighting, NoiseLayer
from gdw.methods.transition import estimate_transition, mean_by_class, share_of_epochs, true_class_posterior
from gdw.networks.classifiers import build_model
from tests.methods.helpers import (
    BATCH,
    CLASSES,
    FEATURES,
    MATRIX,
    autograd_of,
    batch,
    labels_task,
    make_step,
    new,
    small_model,
)  # fmt: skip

UNTOUCHED = {"glc": torch.eye(10), "importance": torch.eye(10), "noise-layer": torch.full((10, 10), 0.1)}


class KnowsTheNoise(torch.nn.Module):
    """Sees the true class in its input and answers with that class's row of the matrix."""

    def __init__(self):
        super().__init__()
        self.matrix = torch.nn.Parameter(MATRIX)

    def forward(self, images):
        return self.matrix[images[:, 0].round().long()].log()


def test_a_model_that_knows_the_noise_gives_the_matrix_back():
    labels = torch.arange(CLASSES).repeat(3)
    images = labels[:, None].expand(-1, FEATURES).double()
    estimate = estimate_transition(KnowsTheNoise(), labels_task(labels, meta=Split(images, labels)))
    torch.testing.assert_close(estimate, MATRIX, atol=4e-4, rtol=0)  # zeros count as 1e-4
    torch.testing.assert_close(estimate.sum(-1), torch.ones(CLASSES, dtype=torch.float64))


def test_a_class_without_a_clean_image_keeps_its_labels():
    rows = mean_by_class(torch.tensor([[0.25, 0.75, 0.0]]), torch.tensor([0]))
    torch.testing.assert_close(rows, torch.tensor([[0.25, 0.75, 0], [0, 1, 0], [0, 0, 1]]), atol=3e-4, rtol=0)


def assert_recovered(estimate, task, share=0.7):
    """To a tenth on average, and to this share of the error of a matrix without noise."""
    error = (estimate.double() - task.matrix).abs().mean()
    assert error < 0.1
    assert error < share * (torch.eye(task.num_classes) - task.matrix).abs().mean()


@pytest.mark.parametrize(("noise", "rate"), [("flip", 0.4), ("uniform", 0.5)])
def test_the_matrix_of_noisy_clouds_is_recovered(noise, rate):
    """A model trained on the noisy labels, and 20 clean points of each class."""
    task = make_task(load_dataset("clouds"), noise=noise, rate=rate, meta_per_class=20)
    model = build_model("mlp", task.input_shape, task.num_classes, generator(0, "model"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images = task.pixels.normalise(task.train.images)
    for _ in range(100):
        optimizer.zero_grad()
        cross_entropy(model(images), task.train.labels).backward()
        optimizer.step()
    assert_recovered(estimate_transition(model, task), task, share=0.5)


def test_the_corrected_gradient_is_autograds_where_rates_are_0_too():
    step = make_step()
    expected = autograd_of(lambda z: nll_loss((z.softmax(-1) @ MATRIX).log(), step.labels, reduction="sum"), step)
    posterior = true_class_posterior(step.logits.detach(), step.labels, MATRIX.log())
    torch.testing.assert_close(step.probs - posterior, expected)


@pytest.mark.parametrize("kind", [GLC, ImportanceReweighting])
@pytest.mark.parametrize(("dtype", "gap"), [("float16", 50), ("bfloat16", 1e3), ("float32", 1e3), ("float64", 1e4)])
def test_without_noise_a_given_matrix_corrects_nothing_however_sure_the_model_is(kind, dtype, gap):
    model = small_model().to(getattr(torch, dtype))
    with torch.no_grad():
        model[2].weight *= gap
    images, labels = batch()
    step = gdw.Step(model, images.to(getattr(torch, dtype)), labels, indices=torch.arange(BATCH))
    given = kind(CLASSES, transition=torch.eye(CLASSES)).logit_gradient(step)
    torch.testing.assert_close(given, step.flows / BATCH, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", [GLC, ImportanceReweighting])
def test_a_class_that_is_never_observed_leaves_the_gradient_finite(kind):
    matrix = [[0.5, 0, 0.5, 0], [0, 0, 1, 0], [0.1, 0, 0.9, 0], [0, 0, 0, 1]]
    step = make_step()
    assert 1 in step.labels
    assert kind(CLASSES, transition=matrix).logit_gradient(step).isfinite().all()


@pytest.mark.parametrize(("epochs", "share", "parts"), [(60, 0.5, (30, 30)), (2, 0.01, (1, 1)), (3, 1.0, (2, 1))])
def test_both_models_get_at_least_an_epoch(epochs, share, parts):
    assert share_of_epochs(epochs, share) == parts


def test_importance_makes_the_expected_gradient_on_noisy_labels_that_on_clean_ones():
    """Sum over observed labels of p(observed | x) w gradient = sum over true labels of p(true | x) gradient."""
    method = new(ImportanceReweighting, transition=MATRIX.tolist())
    step, other = make_step(), make_step(seed=3)  # the posterior is the model's; the loss is another's
    observed = step.probs @ MATRIX
    noisy = clean = 0
    for label in range(CLASSES):
        step.labels = torch.full_like(step.labels, label)
        flows = other.probs - torch.eye(CLASSES, dtype=torch.float64)[label]
        noisy = noisy + observed[:, label, None] * method.instance_weights(step) * flows
        clean = clean + step.probs[:, label, None] * flows
    torch.testing.assert_close(noisy, clean)


def test_the_noise_layers_own_gradient_is_autograds():
    method, step = new(NoiseLayer, transition=(0.9 * MATRIX + 0.025).tolist(), layer_lr=0.0), make_step()
    layer = method.layer.detach().clone().requires_grad_()
    nll_loss((step.probs @ layer.softmax(-1)).log(), step.labels).backward()
    method.learn(step)
    torch.testing.assert_close(method.layer.grad, layer.grad)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_second_model_starts_anew_with_what_the_first_one_found(name):
    training = gdw.Training(
        gdw.Experiment(method=name, noise="flip", rate=0.4, epochs=30, settings={"first_share": 0.5})
    )
    start = {key: value.clone() for key, value in training.model.state_dict().items()}
    matrices, clean_rows = [], [0, 0]
    for event in training.events():
        if not isinstance(event, gdw.BatchDone):
            continue
        clean_rows[event.epoch // 15] += 0 if event.step.is_meta is None else int(event.step.is_meta.sum())
        if event.batch == 0:
            matrices.append(training.method.transition.detach().clone())
            if event.epoch < 15:
                torch.testing.assert_close(event.gradient, event.step.flows / len(event.step))
            if event.epoch == 15:  # one step from the start, not fifteen epochs
                now = training.model.state_dict()
                assert max(float((now[key] - value).abs().max()) for key, value in start.items()) < 0.05
    assert all(torch.equal(matrix, UNTOUCHED[name]) for matrix in matrices[:15])
    assert_recovered(matrices[15], training.task)
    assert torch.equal(matrices[15], matrices[29]) == (name != "noise-layer")  # which learns on
    assert clean_rows[0] == 0
    assert (clean_rows[1] > 0) == (name == "glc")  # which trains on both sets
    if name == "importance":
        assert training.history["auroc"][-1] > 0.8
    if name == "noise-layer":
        assert training.history["transition"].shape == (30, 10, 10)
