"""Every setting of every method refuses what it cannot be, with its name in one sentence, before anything is built."""

import math
import re
from ast import literal_eval
from pathlib import Path

import numpy as np
import pytest
import torch

import gdw
from gdw.errors import Counts, Flag, Number, Probabilities
from gdw.methods import GDW, INSW, LDAM, METHODS, CoTeaching, Method

ABSURD = (math.nan, math.inf, -math.inf, -1, -0.5, "a", "1", "false", True, None, [], (1,), {}, 1j, object)
ALL = [(name, setting) for name, method in METHODS.items() for setting in method.settings()]
MAY_BE_NONE = {"forget", "transition", "class_counts"}  # None: not known yet


def accepted(name, setting, value):
    """Whether the documentation allows it."""
    if value is None:
        return setting in MAY_BE_NONE
    return value is True and isinstance(METHODS[name].settings()[setting], bool)


@pytest.mark.parametrize(("name", "setting"), ALL)
def test_absurd_values_are_refused_by_name(name, setting):
    method = METHODS[name]
    for value in ABSURD:
        if accepted(name, setting, value):
            method.check_settings({setting: value})
            continue
        for use in (method.check_settings, lambda given: METHODS[name](4, 40, **given)):
            with pytest.raises((TypeError, ValueError), match=f"'s {setting}") as caught:
                use({setting: value})
            assert len(str(caught.value).splitlines()) == 1


SHARES = {"train_share", "smoothing", "beta", "deferred", "first_share", "forget", "momentum", "own_labels"}


@pytest.mark.parametrize(("name", "setting"), [(name, its) for name, its in ALL if its in SHARES or name == "gce"])
def test_a_share_is_at_most_one(name, setting):
    METHODS[name].check_settings({setting: 1.0})
    with pytest.raises(ValueError, match=f"'s {setting}"):
        METHODS[name].check_settings({setting: 1.001})


@pytest.mark.parametrize("name", METHODS)
def test_defaults_and_presets_are_accepted(name):
    METHODS[name].check_settings(METHODS[name].settings())
    for dataset in ("digits", "clouds", "cifar10"):
        METHODS[name].check_settings(gdw.Experiment(dataset=dataset, method=name).settings)


@pytest.mark.parametrize("name", METHODS)
def test_an_unknown_setting_names_the_nearest_one(name):
    with pytest.raises(ValueError, match=f"unknown setting of {name} 'step_sise'"):
        METHODS[name].check_settings({"step_sise": 1.0})
    with pytest.raises(TypeError, match="unknown argument of .* 'num_clases'; did you mean 'num_classes'"):
        METHODS[name](num_clases=4, num_instances=40, **needed(name))


def needed(name):
    """What a method cannot be built without."""
    values = {"class_counts": [1, 2], "transition": [[1, 0], [0, 1]]}
    return {setting: value for setting, value in values.items() if setting in METHODS[name].settings()}


def test_nothing_is_built_from_a_wrong_setting():
    class Loud(Method):
        def __init__(self, *args, rate: float = 0.5, **kwargs):
            raise AssertionError("built")

    with pytest.raises(ValueError, match="rate must be a finite number, got nan"):
        Loud(rate=math.nan)


@pytest.mark.parametrize(("value", "good"), [(1, True), (1.0, True), (np.float32(1), True), (np.int64(1), True)])
def test_numbers_of_any_real_type_are_numbers(value, good):
    assert GDW(4, clip=value).clip == 1


def test_the_number_of_classes_and_of_instances_is_checked():
    for wrong in (1, "4", True, 2.5, 2.0):
        with pytest.raises(ValueError, match="^num_classes"):
            GDW(wrong)
    with pytest.raises(ValueError, match="^num_instances"):
        INSW(4, 0)


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (Number(0, 1), 1.2, r"x must lie in \[0, 1\], got 1.2"),
        (Number(0, 1, above_low=True), 0, r"x must lie in \(0, 1\], got 0"),
        (Number(0), math.inf, "x must be a finite number, got inf"),
        (Number(0, above_low=True), 0.0, "x must be above 0, got 0"),
        (Number(1, whole=True), 2.5, "x must be a whole number, got 2.5"),
        (Flag(), "false", "x must be true or false, got 'false'"),
        (Flag(), 1, "x must be true or false, got 1"),
        (Counts(), [3, -1], r"x\[1\] must be at least 0, got -1"),
        (Counts(), [0, 0], "x must count at least one image"),
        (Counts(), 7, "x must be one whole number for each class, got 7"),
        (Counts(), [7], "x must be one whole number for each class, for at least 2 classes"),
        (Probabilities(), [[1, 0], [1, 0, 0]], "x must be a square matrix .*, with numbers in rows of equal length"),
        (Probabilities(), [[1]], "x must be a square matrix .*, for at least 2 classes"),
        (Probabilities(), [[1, 0], [0.5, 0.4]], "x must have rows that sum to 1, got the sum 0.9 in row 1"),
        (Probabilities(), [[2, -1], [0, 1]], "x must hold probabilities: found a negative number"),
    ],
)
def test_each_rule_says_what_is_wanted_and_what_was_given(rule, value, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        rule.check("x", value)


def test_tensors_and_arrays_serve_as_counts_and_matrices():
    Counts().check("x", torch.tensor([3, 1]))
    Counts().check("x", np.array([3, 1]))
    Probabilities().check("x", torch.eye(3))
    assert LDAM(class_counts=torch.tensor([5, 1])).num_classes == 2


def test_a_subclass_may_narrow_a_rule_and_keeps_the_others():
    class Short(CoTeaching):
        name, rules = "short", {"ramp": Number(1, 5)}

    with pytest.raises(ValueError, match=r"ramp must lie in \[1, 5\]"):
        Short(ramp=6)
    with pytest.raises(ValueError, match="forget"):
        Short(forget=2)


DEPARTURES = (Path(__file__).parents[2] / "docs" / "quirks.md").read_text("utf-8").split("## The other methods")[1]


def test_every_option_that_it_names_can_be_set():
    """``name=value`` in a row's last column, of the method that the row or one above it names."""
    titles, method, found = {method.title: method for method in METHODS.values()}, None, 0
    for row in (line.strip("| ").split("|") for line in DEPARTURES.splitlines() if line.startswith("| ")):
        method = titles.get(row[0].strip(), method)
        for name, value in re.findall(r"`(\w+)=([\w.]+)`", row[-1]):
            method.check_settings({name: literal_eval(value)})
            found += 1
    assert found >= 8
