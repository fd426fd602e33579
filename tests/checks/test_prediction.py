"""Predict, then reveal: every guess is answered, no guess is fine, and nothing a student writes raises."""

import ast
import re
from html import escape
from pathlib import Path

import numpy as np
import pytest
import torch

from gdw_notebooks.checks.prediction import Prediction

SOURCES = Path(__file__).parents[2] / "notebooks" / "source"
LISTED = [ast.literal_eval(found) for path in sorted(SOURCES.glob("*.py"))
          for found in re.findall(r"(?:choices|words|ways)\s*=\s*(\([^()]*\))", path.read_text("utf-8"))]  # fmt: skip
CHOICES = sorted(set(LISTED))  # of all notebooks
OUTCOME = {"GDW": 93.2, "MWNet": 89.4}


def revealed(guesses, outcome=OUTCOME, choices=(), **options):
    shown = Prediction(guesses, choices).reveal(outcome, look="Look here.", **options)
    assert repr(shown).endswith("\nLook here.")
    for line in shown.lines:
        assert all(f">{escape(cell)}<" in shown._repr_html_() for cell in line)
    return shown


def test_without_a_guess_the_outcome_is_shown_and_nothing_is_judged():
    untouched = Prediction({"GDW": None, "MWNet": None})
    assert repr(untouched) == "Your guess: no guess"
    first, second = revealed({"GDW": None, "MWNet": ...}, unit="%").lines
    assert first == ("GDW", "no guess", "≈ 93.2 %", "")
    assert second == ("MWNet", "no guess", "≈ 89.4 %", "")


def test_a_number_is_close_too_high_or_too_low():
    assert repr(Prediction({"GDW": 90, "MWNet": None})) == "Your guess: GDW: 90, MWNet: no guess"
    verdicts = [line[-1] for line in revealed({"GDW": 92, "MWNet": 95.5}, close=1.5).lines]
    assert verdicts == ["close", "too high"]
    assert revealed({"GDW": 5}, {"GDW": 93.2}).lines[0][-1] == "too low"


def test_a_word_is_right_or_not_however_it_is_written():
    choices = ("falls", "stays", "rises")
    guesses = {"A": " Falls", "B": "rises", "C": "sideways", "D": 3}
    lines = revealed(guesses, dict.fromkeys("ABCD", "falls"), choices).lines
    assert [line[-1] for line in lines] == [
        "right",
        "it is different",
        "not one of the words asked for: falls, stays, rises",
        "not one of the words asked for: falls, stays, rises",
    ]
    assert "choose from: falls, stays, rises" in repr(Prediction({"A": None}, choices))


@pytest.mark.parametrize("guess", ["down", "FALLS!", "'falls'", "  goes   down ", "−", "decreases"])
def test_other_wordings_of_a_choice_are_understood(guess):
    assert revealed({"A": guess}, {"A": "falls"}, ("falls", "stays", "rises")).lines[0][-1] == "right"


@pytest.mark.parametrize("guess", ["L2RW", "l2rw", " L2RW. "])
def test_choices_with_capitals_can_be_guessed(guess):
    assert revealed({"A": guess}, {"A": "L2RW"}, ("L2RW", "only-clean")).lines[0][-1] == "right"
    assert revealed({"A": "Only the clean set"}, {"A": "only-clean"}, ("L2RW", "only-clean")).lines[0][-1] == "right"


def test_a_question_may_have_several_right_answers():
    outcome, choices = {"best": ("L2RW", "fine-tune")}, ("L2RW", "fine-tune", "GDW")
    guesses = ("l2rw", "fine-tune, L2RW", "L2RW and GDW", "GDW")
    said = [revealed({"best": guess}, outcome, choices).lines[0] for guess in guesses]
    assert [line[-1] for line in said] == ["right", "right", "it is different", "it is different"]
    assert said[0][2] == "L2RW and fine-tune"


@pytest.mark.parametrize("choices", CHOICES, ids=" ".join)
def test_every_choice_of_the_course_is_right_as_it_is_written(choices):
    for right in choices:
        for guess in (right, right.upper(), right.lower(), f" “{right}” "):
            found = [revealed({"A": guess}, {"A": other}, choices).lines[0][-1] for other in choices]
            assert found == ["right" if other == right else "it is different" for other in choices]


@pytest.mark.parametrize("guess", [93, np.float32(93), np.int64(93), "93", "93 %", "≈ 93", "93,0", torch.tensor(93)])
def test_a_number_in_any_form(guess):
    assert revealed({"GDW": guess}, {"GDW": 93.2}, close=1).lines[0][1:] == ("93", "≈ 93.2", "close")


def test_a_count_is_shown_without_the_sign_of_a_trained_number():
    assert revealed({"A": 11}, {"A": 11}, unit="passes").lines[0][1:] == ("11 passes", "11 passes", "right")


@pytest.mark.parametrize("guess", ["ninety", [1, 2], True, object, {"a": 1}])
def test_what_is_no_number_is_told_so(guess):
    assert revealed({"GDW": guess}, {"GDW": 93.2}).lines[0][-1] == "a number is asked for"


def test_small_numbers_keep_their_digits():
    assert revealed({}, {"weight": 0.204}).lines[0][2] == "≈ 0.20"
