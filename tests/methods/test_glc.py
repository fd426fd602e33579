"""GLC: corrected on noisy rows, plain on clean rows, and its matrix near the true one."""

import torch
from torch.nn.functional import cross_entropy, nll_loss

import gdw
from gdw.methods import GLC
from tests.methods.helpers import CLASSES, autograd_of, make_step
from tests.methods.test_transition import MATRIX


def test_the_gradient_is_autograds_on_noisy_and_on_clean_rows():
    clean = torch.arange(12) % 3 == 0
    step, method = make_step(is_meta=clean), GLC(transition=0.9 * MATRIX + 0.1 / CLASSES).double()

    def loss(logits):
        observed = (logits.softmax(-1) @ method.transition).log()
        noisy_part = nll_loss(observed[~clean], step.labels[~clean], reduction="sum")
        return (noisy_part + cross_entropy(logits[clean], step.labels[clean], reduction="sum")) / len(step)

    torch.testing.assert_close(method.logit_gradient(step), autograd_of(loss, step))


def test_the_first_model_learns_by_cross_entropy():
    step, first = make_step(), GLC(CLASSES).double().phases(None, 10)[0]
    expected = autograd_of(lambda z: cross_entropy(z, step.labels), step)
    torch.testing.assert_close(first.method.logit_gradient(step), expected)


def test_the_first_model_trains_on_noisy_labels_and_the_second_starts_anew_on_both_sets():
    half = {"first_share": 0.5}
    training = gdw.Training(gdw.Experiment(method="glc", noise="flip", rate=0.4, epochs=20, settings=half))
    start = {name: value.clone() for name, value in training.model.state_dict().items()}
    clean_rows = [0, 0]
    for event in training.events():
        if isinstance(event, gdw.BatchDone):
            clean_rows[event.epoch // 10] += 0 if event.step.is_meta is None else int(event.step.is_meta.sum())
            if event.epoch == 10 and event.batch == 0:  # one step from the start, not ten epochs
                moved = max(float((training.model.state_dict()[n] - v).abs().max()) for n, v in start.items())
                assert moved < 0.05
    assert clean_rows[0] == 0
    assert clean_rows[1] > 0


def test_on_digits_the_true_flip_matrix_is_recovered_to_a_tenth_on_average():
    training = gdw.Training(gdw.Experiment(method="glc", noise="flip", rate=0.4, epochs=30))
    list(training.events())
    error = (training.method.transition.double() - training.task.matrix).abs().mean()
    untouched = (torch.eye(10) - training.task.matrix).abs().mean()
    assert error < 0.1
    assert error < 0.7 * untouched
