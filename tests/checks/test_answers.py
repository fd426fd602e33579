"""Every exercise: right answers are accepted in any form, wrong ones refused and told why, hints come one by one."""

from pathlib import Path

import numpy as np
import pytest

from gdw.experiments.experiment import Experiment
from gdw.training.run import run
from gdw_notebooks.checks import start_here
from gdw_notebooks.checks.exercise import Exercise
from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat
from gdw_notebooks.checks.motion import HighestRatio
from gdw_notebooks.checks.own_data import PrecisionThreshold
from gdw_notebooks.checks.price import PassOrder
from gdw_notebooks.checks.real_pictures import memorisation_start
from gdw_notebooks.checks.start_here import PairedDifference
from gdw_notebooks.recorded.histories import load
from tests.checks.answers import CASES, DIFFERENCES, ORDER, memorising

SOURCES = Path(__file__).parents[2] / "notebooks" / "source"
FEWEST_WRONG = 6
CASES_BY_TITLE = [pytest.param(make(), id=title) for title, make in CASES.items()]


def every_exercise(test):
    test = pytest.mark.usefixtures("known_differences")(test)
    return pytest.mark.parametrize("case", CASES_BY_TITLE)(test)


@pytest.fixture
def known_differences(monkeypatch):
    monkeypatch.setattr(start_here, "paired_difference", DIFFERENCES.__getitem__)


def test_no_exercise_is_left_out():
    def below(kind):
        return {kind} | set().union(*map(below, kind.__subclasses__()))

    ours = {kind for kind in below(Exercise) if kind.__module__.startswith("gdw_notebooks.")} - {Exercise}
    assert ours == {type(make().make()) for make in CASES.values()}


@every_exercise
def test_a_right_answer_is_accepted_in_any_form(case):
    for answer in case.right:
        feedback = case.ask(answer)
        assert feedback.right, (answer, feedback)


@every_exercise
def test_wrong_answers_are_refused_and_told_why(case):
    assert len(case.wrong) >= FEWEST_WRONG
    for answer, words in case.wrong:
        feedback = case.ask(answer)
        assert feedback.verdict == "look again", answer
        assert words in feedback.text, (answer, feedback.text)
        if "The function stops with" not in feedback.text:  # the student's own error
            assert "Error" not in feedback.text, "Python's words in place of ours"


@every_exercise
def test_hints_go_on_when_the_object_is_made_again(case):
    wrong = case.wrong[0][0]
    seen = [case.ask(wrong).hints for _ in range(6)]
    hints = case.make().all_hints()
    assert [len(each) for each in seen] == [1, 2, 3, 4, 4, 4]
    assert seen[-1] == hints
    case.make().start_over()
    assert len(case.ask(wrong).hints) == 1


@every_exercise
def test_the_last_hint_names_the_place_of_the_solution(case):
    exercise = case.make()
    source = (SOURCES / f"{exercise.notebook}.py").read_text("utf-8")
    assert f"# {exercise.heading}\n" in source
    below = source.split(f"# {exercise.heading}\n", 1)[1]
    assert "# BEGIN SOLUTION" in below.split("\n# ## ", 1)[0]
    assert exercise.heading in exercise.all_hints()[-1]
    assert f"solutions/{exercise.notebook}.ipynb" in exercise.all_hints()[-1]


@every_exercise
def test_an_untouched_exercise_costs_no_try(case):
    exercise = case.make()
    for answer in case.untouched:
        assert case.ask(answer, exercise).verdict == "not answered yet"
    assert exercise.tries == 0


def test_two_real_runs_give_their_difference():
    runs = [Experiment(noise="uniform", rate=0.6, method="gdw", epochs=2, seed=seed) for seed in (0, 1)]
    differences = [run(each).accuracy - run(each.with_(method="gdw-tied", settings={})).accuracy for each in runs]
    mean = float(np.mean(differences))
    exercise = PairedDifference([each.code for each in runs])
    assert exercise(np.array(differences), round(mean, 1)).right
    assert "Number 2 of your differences" in repr(exercise([differences[0], differences[1] + 1], mean + 0.5))


def test_the_highest_ratio_of_a_recorded_run():
    history = load("05-long-tail")["gdw"][0]
    pull_push = history["pull_push"][2]
    ratios = pull_push[:, 1] / pull_push[:, 0]
    which = int(np.argmax(ratios[0]))
    assert HighestRatio(history, 3)((which, *ratios[:, which])).right


def test_a_precision_just_too_low_is_not_said_to_be_what_is_wanted():
    exercise = PrecisionThreshold([0.9] * 10 + [0.5] * 69, [1] * 63 + [0] * 16)
    assert "only 79.7 % are wrong" in exercise(0.5).text


def test_memorisation_starts_where_both_means_fall():
    accuracy = memorising()["test_accuracy"]
    falls = [e for e in range(5, 26) if accuracy[e : e + 5].mean() < accuracy[e - 5 : e].mean()]
    assert memorisation_start(memorising()) == falls[0] == 12
    assert memorisation_start(memorising(fall=0.0)) is None


@pytest.mark.parametrize("place", range(len(ORDER) - 1))
def test_every_swap_of_neighbours_is_seen_but_one(place):
    answer = [*ORDER[:place], ORDER[place + 1], ORDER[place], *ORDER[place + 2 :]]
    either_way = {ORDER[place], ORDER[place + 1]} == {"V learns", "stage two"}
    assert PassOrder()(answer).right == either_way


@pytest.mark.parametrize("exercise", [LiftTheCat, LabelWeight])
def test_no_hint_is_the_bare_answer(exercise):
    text = " ".join(exercise.hints)
    assert "0.143" not in text
    assert "1 − p[label]" not in text


@pytest.mark.parametrize("hundredths", range(1, 101))
def test_weights_as_the_microscope_shows_them_lift_the_cat(hundredths):
    bird = hundredths / 100
    assert LiftTheCat()([0, round(bird / 7, 3), bird]).right


@pytest.mark.parametrize("weights", [[0, 0, 0.009], [0, 0, 1e-4], [0, 0.002, 0.02], [0, 4e-4, 1e-3]])
def test_small_weights_must_balance_too(weights):
    assert "not to 0" in LiftTheCat()(weights).text
