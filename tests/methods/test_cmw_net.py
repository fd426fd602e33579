"""CMW-Net's two further losses, its families, and what a run keeps; its steps are in test_meta_methods."""

import pytest
import torch

import gdw
from gdw.methods import CMWNet
from gdw.methods.cmw_net import class_families
from tests.methods.helpers import BATCH, CLASSES, begun, make_step, new, small_model

COUNTS = [50, 20, 21, 1]


def method(**settings):
    return new(CMWNet, class_counts=COUNTS, **settings)


def gradient_of(**settings):
    return method(**settings).logit_gradient(make_step())


def test_divided_by_its_weights_a_step_is_longer_by_one_over_their_mean():
    weights = method().instance_weights(make_step())
    shares = method(divide_by_weights=True).instance_weights(make_step()).detach()
    torch.testing.assert_close(shares, weights / weights.mean())
    assert shares.sum().item() == pytest.approx(BATCH)


def test_own_labels_of_the_model_itself_send_nothing_back():
    """An average that keeps nothing is the model: ``z = probs``, and only the weighted flows are left."""
    torch.testing.assert_close(gradient_of(own_labels=1e-300), gradient_of())
    torch.testing.assert_close(gradient_of(own_labels=0.9), gradient_of())  # at the first step the average is the model


def test_the_average_drops_the_units_that_the_model_drops():
    model = small_model()
    model.insert(2, torch.nn.Dropout(0.5))
    step, method = make_step(model), begun(new(CMWNet, own_labels=0.9, class_counts=[3] * CLASSES))
    torch.testing.assert_close(method.predictions(step), step.probs)


def test_with_own_labels_the_weights_sum_to_the_batch_already():
    assert torch.equal(gradient_of(own_labels=0.9, divide_by_weights=True), gradient_of(own_labels=0.9))


@pytest.mark.parametrize("settings", [{"divide_by_weights": True}, {"own_labels": 0.9}])
def test_a_run_captured_or_saved_in_the_middle_gives_the_same_numbers(settings):
    gdw.methods.check(CMWNet, settings)


def test_a_new_phase_starts_a_new_average():
    training = gdw.Training(gdw.Experiment(method="cmw-net", epochs=1, settings={"own_labels": 0.9}))
    list(training.events())
    assert set(training.method.average) == set(dict(training.model.named_parameters()))
    assert all(not torch.equal(training.method.average[n], p) for n, p in training.model.named_parameters())
    begun(training.method, training.task, model=training.model)
    assert training.method.average == {}


@pytest.mark.parametrize(
    ("counts", "families", "expected"),
    [
        (COUNTS, 3, [2, 1, 1, 0]),
        ([5000, 4900, 500, 480, 50, 40], 3, [2, 2, 1, 1, 0, 0]),
        ([40, 50, 500], 2, [0, 0, 1]),
        ([100, 100, 100], 3, [0, 0, 0]),
        ([100, 7, 100], 3, [1, 0, 1]),
        ([3, 2, 1], 1, [0, 0, 0]),
    ],
)
def test_classes_of_similar_size_are_a_family(counts, families, expected):
    assert class_families(torch.tensor(counts), families).tolist() == expected


def test_the_task_gives_the_families_and_each_curve_is_recorded():
    training = gdw.Training(gdw.Experiment(method="cmw-net", imbalance=0.1, rate=0.2, epochs=2))
    list(training.events())
    counts = torch.bincount(training.task.train.labels, minlength=10)
    assert torch.equal(training.method.family, class_families(counts, 3))
    curves = training.history["family_curves"]
    assert curves.shape == (2, 3, 33)
    assert (curves[1] != curves[0]).any()
