"""A run that is too short for a method is refused, or the method is what it is: never cross-entropy under its name."""

from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import gdw
from gdw.methods import METHODS, CrossEntropy, Phase
from gdw.methods.base import Method
from gdw.methods.transition import share_of_epochs
from tests.runs import trained

SMALL = {"noise": "flip", "rate": 0.4, "imbalance": 0.3, "train_per_class": 20, "batch_size": 20, "device": "cpu"}
SLOW_TO_DIFFER = ("sop",)  # each instance's own numbers start at 1e-8 and grow from batch to batch
REFUSED_AT_ONE = {"fine-tune", "glc", "importance", "noise-layer", "co-teaching", "ldam-drw", "loss-mixture", "fsr"}


@cache
def parameters(method, epochs, **settings):
    """None of ``settings`` is a list here."""
    experiment = gdw.Experiment(method=method, epochs=epochs, settings=settings, **SMALL)
    return torch.cat([value.flatten() for value in trained(experiment).model.parameters()])


@pytest.mark.parametrize("epochs", [1, 2, 4])
@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("cross-entropy", *SLOW_TO_DIFFER)])
@pytest.mark.filterwarnings("error:loss-mixture")
def test_a_short_run_is_refused_or_differs_from_cross_entropy(name, epochs):
    """With the settings that the data set brings. One that needs other settings says so in a warning."""
    if name in REFUSED_AT_ONE and epochs == 1:
        with pytest.raises(ValueError, match=rf"^{name} .*epochs must be .*, got 1$"):
            parameters(name, epochs)
    elif name == "loss-mixture":
        with pytest.raises(UserWarning, match=f"and the run has {epochs}. Give a smaller warm_up"):
            parameters(name, epochs)
    else:
        assert (parameters(name, epochs) - parameters("cross-entropy", epochs)).abs().max() > 1e-6


@pytest.mark.parametrize("name", ["glc", "fine-tune", "ldam-drw"])
def test_it_is_refused_before_the_first_step(name):
    training = gdw.Training(gdw.Experiment(method=name, epochs=1, **SMALL))
    before = [value.clone() for value in training.model.parameters()]
    with pytest.raises(ValueError, match=f"^{name} .*: epochs must be at least 2, got 1$"):
        next(training.events())
    assert all(torch.equal(old, new) for old, new in zip(before, training.model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "settings"),
    [("co-teaching", {"forget": 0.4}), ("glc", {"transition": (torch.eye(10) * 0.6 + 0.04).tolist()})],
)
def test_with_what_the_first_model_would_find_out_one_epoch_is_enough(name, settings):
    method = METHODS[name](10, **settings)
    assert [phase.epochs for phase in method.phases(None, 1)] == [1]
    if name == "co-teaching":
        assert (parameters(name, 1, **settings) - parameters("cross-entropy", 1)).abs().max() > 1e-6


def test_fsr_and_loss_mixture_name_their_warm_up():
    with pytest.raises(ValueError, match=r"^fsr .* first 3 epochs \(warm_up\): epochs must be above that, got 3"):
        parameters("fsr", 3, warm_up=3)
    assert (parameters("fsr", 4, warm_up=3) - parameters("cross-entropy", 4)).abs().max() > 1e-6
    with pytest.warns(UserWarning, match="loss-mixture is cross-entropy in this run"):
        same = parameters("loss-mixture", 4, warm_up=4)
    assert torch.equal(same, parameters("cross-entropy", 4))
    assert (parameters("loss-mixture", 4, warm_up=3) - same).abs().max() > 1e-6


def shares(name):
    """The settings of a method that say which share of the epochs a part gets: any number in [0, 1]."""
    kind = METHODS[name]
    return [one for one in kind.settings() if one in ("first_share", "train_share", "deferred")]


@given(epochs=st.integers(1, 200), share=st.floats(0, 1), name=st.sampled_from(sorted(METHODS)))
def test_no_part_of_a_run_is_empty_whatever_the_share(epochs, share, name):
    method = METHODS[name](10, num_instances=20, **dict.fromkeys(shares(name), share))
    always = name == "ldam-drw" and share in (0, 1)
    if epochs == 1 and name in REFUSED_AT_ONE and not always:
        with pytest.raises(ValueError, match=rf"^{name} "):
            method.phases(None, epochs)
        return
    phases = method.phases(None, epochs)
    assert all(phase.epochs >= 1 for phase in phases)
    assert sum(phase.epochs for phase in phases) == epochs
    if name == "ldam-drw":
        assert method.epochs_before(epochs) in (range(1, epochs) if 0 < share < 1 else (round(share) * epochs,))


@given(epochs=st.integers(2, 1000), share=st.floats(0, 1))
def test_both_parts_have_at_least_an_epoch_and_their_share(epochs, share):
    first, second = share_of_epochs(epochs, share)
    assert first + second == epochs
    assert min(first, second) >= 1
    if 1 <= round(epochs * share) < epochs:
        assert first == round(epochs * share)


def test_a_phase_without_an_epoch_does_not_exist():
    class Short(CrossEntropy):
        name = "short"

        def phases(self, task, epochs):
            return [Phase(self, "train", epochs // 2), Phase(self, "meta", epochs - epochs // 2)]

    with pytest.raises(ValueError, match="a phase of training needs at least 1 epoch, got 0"):
        next(gdw.Training(gdw.Experiment(method="cross-entropy", epochs=1, **SMALL), method=Short(10)).events())
    gdw.methods.check(Short)


def test_check_wants_all_epochs_of_shorter_runs_too():
    class Forgetful(CrossEntropy):
        name, title = "forgetful", "forgetful"

        def phases(self, task, epochs):
            return [Phase(self, "train", max(2, epochs))]

    with pytest.raises(ValueError, match="of 1 it plans 2"):
        gdw.methods.check(Forgetful)

    class Long(Method):
        name, title = "long", "long"

        def phases(self, task, epochs):
            raise ValueError("epochs must be at least 100")

        def logit_gradient(self, step):
            return step.flows / len(step)

    with pytest.raises(ValueError, match=r"phases refuses a run of 4 epochs \(epochs must be at least 100\)"):
        gdw.methods.check(Long)
