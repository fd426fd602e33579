"""The microscope's linear maps against gdw's own functions, the paper's numbers and a run that stays as it was."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

import gdw
from gdw_notebooks.examples.instances import Instance, cat_dog_bird, instances_of
from tests.runs import trained


def random_instance(seed, classes=5):
    random = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(classes, generator=random, dtype=torch.float64)
    label, clean = torch.randint(classes, (2,), generator=random).tolist()
    names = tuple(f"class {c}" for c in range(classes))
    return Instance(logits, label, clean, names), torch.rand(classes, generator=random, dtype=torch.float64)


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 12))
def test_the_maps_are_what_gdw_computes(seed, classes):
    instance, weights = random_instance(seed, classes)
    logits, labels = instance.logits[None].requires_grad_(), torch.tensor([instance.label])
    (gradient,) = torch.autograd.grad(cross_entropy(logits, labels), logits)
    constrained = gdw.zero_mean(weights[None], logits.detach(), labels)[0]
    np.testing.assert_allclose(instance.effective(weights.numpy(), "classes"), constrained, atol=1e-12)
    np.testing.assert_allclose(instance.pushes(weights.numpy()), -constrained * gradient[0], atol=1e-12)
    np.testing.assert_allclose(instance.pushes(weights.numpy(), "free"), -weights * gradient[0], atol=1e-12)
    assert abs(instance.pushes(weights.numpy()).sum()) < 1e-12


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 2.0])
def test_one_weight_leaves_cat_minus_bird_at_minus_half_of_it(weight):
    cat = cat_dog_bird()
    total, true_observed, true_rival = cat.number_map @ cat.pushes(np.full(3, weight))
    np.testing.assert_allclose([total, true_observed, true_rival], [0, -1.3 * weight, -0.5 * weight], atol=1e-12)


def test_class_level_weights_lift_cat_over_bird_and_pay_with_dog():
    cat = cat_dog_bird()
    pushes = cat.pushes(np.array([0.0, 99.0, 1.0]))  # the label's own entry does not count
    np.testing.assert_allclose(cat.effective(np.array([0.0, 99.0, 1.0]), "classes"), [0, 1 / 7, 1])
    np.testing.assert_allclose(pushes, [0, 0.1, -0.1], atol=1e-12)
    np.testing.assert_allclose(cat.number_map @ pushes, [0, -0.1, 0.1], atol=1e-12)


@given(seed=st.integers(0, 10_000))
def test_no_weights_from_0_up_lift_the_true_label_over_the_observed_one(seed):
    instance, weights = random_instance(seed)
    assert (instance.number_map @ instance.pushes(weights.numpy()))[1] <= 0


@pytest.fixture(scope="module")
def training():
    return trained(gdw.Experiment(noise="uniform", rate=0.6, method="gdw", epochs=1))


def test_instances_of_a_run_are_what_the_run_saw(training):
    before = deepcopy(training.method.state_dict()), deepcopy(training.model.state_dict())
    instances = instances_of(training, 4)
    assert [i.mislabelled for i in instances] == [True] * 4 + [False] * 4
    index = int(instances[0].name.split()[-1])
    assert instances[0].label == training.task.train.labels[index]
    assert instances[0].true_label == training.task.true_labels[index]
    np.testing.assert_array_equal(instances[0].picture, (training.task.train.images[index, 0] * 15.9375).byte())
    spread = [np.ptp(i.start) for i in instances]
    assert max(spread) > 0.01  # GDW gives each flow its own weight
    for i in instances:  # and its weights obey the constraint already
        np.testing.assert_allclose(i.effective(i.start, "classes"), i.start, atol=1e-3)
    after = training.method.state_dict(), training.model.state_dict()
    for old, new in zip(before, after, strict=True):
        for name, value in old.items():
            torch.testing.assert_close(new[name], value, rtol=0, atol=0)


def test_cross_entropy_weights_every_flow_by_one():
    instances = instances_of(gdw.Training(gdw.Experiment(rate=0.4, method="cross-entropy")), 2)
    assert all(np.allclose(i.start, 1) and abs(i.start_weight - 1) < 1e-6 for i in instances)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"label": 3}, "label must lie in 0 ... 2, got 3"), ({"logits": torch.zeros(2)}, "logits must have one entry")],
)
def test_what_cannot_be_shown_is_refused(change, message):
    given = {"logits": torch.zeros(3), "label": 0, "true_label": 1, "class_names": ("a", "b", "c"), **change}
    with pytest.raises(ValueError, match=message):
        Instance(**given)


@pytest.mark.parametrize("name", ["fine-tune", "glc", "only-clean", "co-teaching"])
def test_methods_of_several_phases_are_seen_by_the_phase_that_the_run_is_in(name):
    training = gdw.Training(gdw.Experiment(method=name, epochs=2, device="cpu"))
    first_phase = []
    for event in training.events():
        if isinstance(event, gdw.EpochDone):
            first_phase.append(float(instances_of(training, 2)[0].weights.std()))
    assert len(first_phase) == 2
    assert first_phase[0] == pytest.approx(0, abs=1e-6)  # cross-entropy: every weight is 1
