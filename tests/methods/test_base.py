"""What each class promises itself, and the recipe for your own method."""

from math import nan

import pytest
import torch

from gdw.methods import GDW, METHODS, FineTune, Method, ReducedGDW, TiedGDW, register
from gdw.methods.state import equal


def promises(method):
    return method.supports_many_seeds, method.all_steps_identical


def test_the_base_promises_nothing_and_a_new_gradient_neither():
    class Own(Method):
        def logit_gradient(self, step):
            return step.flows

    assert promises(Method) == promises(Own) == (False, False)


def test_a_promise_is_made_by_each_class_itself():
    both = {"all_steps_identical": True, "supports_many_seeds": True}
    assert promises(type("Below", (GDW,), {})) == (False, False)
    assert promises(type("Again", (GDW,), {"supports_many_seeds": True})) == (True, False)
    assert promises(type("Both", (GDW,), both)) == (True, True)
    assert promises(type("BelowBoth", (type("Both", (GDW,), both),), {})) == (False, False)


def test_an_instance_may_take_its_promise_back():
    assert GDW(4).all_steps_identical
    assert not GDW(4, meta_every=2).all_steps_identical
    assert GDW.all_steps_identical


def test_no_registered_method_is_a_special_case_of_another():
    """A concrete class under a concrete one is where promises and names were inherited by mistake."""
    for name, method in METHODS.items():
        others = [other for other in METHODS.values() if other is not method]
        assert not any(issubclass(method, other) for other in others), name
    assert TiedGDW.settings().keys() | {"tied"} == GDW.settings().keys()
    assert ReducedGDW.settings() == TiedGDW.settings()
    assert {"train_share", "lr_scale"} == FineTune.settings().keys()


def gradient(self, step):
    return step.flows


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        (Method(), TypeError, "register takes a subclass"),
        (type("Empty", (Method,), {"name": "empty", "title": "empty"}), TypeError, "write logit_gradient"),
        (type("Mute", (Method,), {"title": "t", "logit_gradient": gradient}), ValueError, "needs a name of its own"),
        (type("Plain", (Method,), {"name": "n", "logit_gradient": gradient}), ValueError, "needs a title of its own"),
        (type("Child", (GDW,), {}), ValueError, "needs a name of its own"),
        (type("Double", (GDW,), {"name": "gdw", "title": "t"}), ValueError, "'gdw' exists already"),
    ],
)
def test_register_says_what_is_missing(method, error, message):
    before = dict(METHODS)
    with pytest.raises(error, match=message):
        register(method)
    assert before == METHODS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2), (1, 1.0), (1, True), (None, 0), ([1], [1, 2]), ([1], [2]), ({"a": 1}, {"b": 1}), ({"a": 1}, {"a": 2}),
        (torch.ones(2), torch.zeros(2)), (torch.ones(2), [1.0, 1.0]), (torch.tensor([nan]), torch.tensor([0.0])),
    ],
)  # fmt: skip
def test_states_are_equal_only_if_all_in_them_is(one, other):
    for value in (one, other):
        assert equal({"deep": [value]}, {"deep": [value]})
    assert not equal({"deep": [one]}, {"deep": [other]})
