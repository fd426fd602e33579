"""Importance reweighting: with the true matrix and posterior the noisy risk is the clean risk, exactly."""

import torch

import gdw
from gdw.methods import ImportanceReweighting
from tests.methods.helpers import CLASSES, autograd_of, make_step
from tests.methods.test_transition import MATRIX


def test_the_expected_gradient_on_noisy_labels_is_that_on_clean_labels():
    """Sum over observed labels of p(observed | x) w gradient = sum over true labels of p(true | x) gradient."""
    method = ImportanceReweighting(CLASSES, transition=MATRIX.tolist()).double()
    step, other = make_step(), make_step(seed=3)  # the posterior is the model's; the loss is another's
    observed = step.probs @ MATRIX
    noisy = clean = 0
    for label in range(CLASSES):
        step.labels = torch.full_like(step.labels, label)
        flows = other.probs - torch.eye(CLASSES, dtype=torch.float64)[label]
        noisy = noisy + observed[:, label, None] * method.instance_weights(step) * flows
        clean = clean + step.probs[:, label, None] * flows
    torch.testing.assert_close(noisy, clean)


def test_the_gradient_is_autograds_with_the_ratio_held_fixed():
    method = ImportanceReweighting(CLASSES, transition=MATRIX.tolist()).double()
    step = make_step()
    rows = torch.arange(len(step))
    ratio = step.probs[rows, step.labels] / (step.probs @ MATRIX)[rows, step.labels]
    expected = autograd_of(
        lambda z: (ratio * torch.nn.functional.cross_entropy(z, step.labels, reduction="none")).mean(), step
    )
    torch.testing.assert_close(method.logit_gradient(step), expected)


def test_without_noise_every_ratio_is_1():
    method = ImportanceReweighting(CLASSES).double()
    torch.testing.assert_close(method.instance_weights(make_step()), torch.ones(12, 1, dtype=torch.float64))


def test_a_run_estimates_the_matrix_before_its_second_model_and_tells_clean_from_mislabelled():
    half = {"first_share": 0.5}
    training = gdw.Training(gdw.Experiment(method="importance", noise="flip", rate=0.4, epochs=20, settings=half))
    for event in training.events():
        if isinstance(event, gdw.EpochDone) and event.epoch == 8:
            assert torch.equal(training.method.transition, torch.eye(10))
    assert 0.4 < training.method.transition.diagonal().mean() < 0.8
    assert training.history["auroc"][-1] > 0.8
