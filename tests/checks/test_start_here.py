"""Notebook 00's exercise: mean paired difference from run codes."""

import numpy as np
import pytest

from gdw.training.experiment import Experiment
from gdw.training.run import run
from gdw_notebooks.checks.start_here import PairedDifference

RUNS = [Experiment(noise="uniform", rate=0.6, method="gdw", epochs=2, seed=seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def differences():
    return [run(each).accuracy - run(each.with_(method="gdw-tied", settings={})).accuracy for each in RUNS]


@pytest.fixture
def exercise():
    return PairedDifference([each.code for each in RUNS])


def test_the_right_answer(exercise, differences):
    assert exercise(differences, float(np.mean(differences))).right
    assert exercise(np.array(differences), round(float(np.mean(differences)), 1)).right


def test_untouched(exercise):
    assert exercise(None, None).verdict == "not answered yet"
    assert exercise.tries == 0


def test_wrong_answers_are_told_apart(exercise, differences):
    mean = float(np.mean(differences))
    assert "not their mean" in repr(exercise(differences, mean + 1))
    assert "Number 1 of your differences" in repr(exercise([d + 5 for d in differences], mean + 5))
    assert "2 numbers are asked for here, and this has 1" in repr(exercise(differences[:1], mean))
    assert "Number 2 of your differences" in repr(exercise([differences[0], differences[1] + 1], mean + 0.5))
    assert exercise.tries == 4


def test_the_pair_turned_round_is_recognised(exercise, differences):
    if abs(differences[0]) <= 0.1:
        pytest.skip("the first pair of these short runs is a tie")
    swapped = [-d for d in differences]
    assert "Is it tied GDW minus GDW?" in repr(exercise(swapped, float(np.mean(swapped))))
