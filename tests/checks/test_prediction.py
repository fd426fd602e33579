"""Predict, then reveal: every guess is answered, no guess is fine, and nothing a student writes raises."""

from html import escape

import pytest

from gdw_notebooks.checks.prediction import Prediction

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
    lines = revealed({"A": " Falls", "B": "rises", "C": "up", "D": 3}, dict.fromkeys("ABCD", "falls"), choices).lines
    assert [line[-1] for line in lines] == [
        "right",
        "another way round",
        "not one of the words asked for: falls, stays, rises",
        "not one of the words asked for: falls, stays, rises",
    ]
    assert "choose from: falls, stays, rises" in repr(Prediction({"A": None}, choices))


@pytest.mark.parametrize("guess", ["ninety", [1, 2], True, object, {"a": 1}])
def test_what_is_no_number_is_told_so(guess):
    assert revealed({"GDW": guess}, {"GDW": 93.2}).lines[0][-1] == "a number is asked for"


def test_small_numbers_keep_their_digits():
    assert revealed({}, {"weight": 0.204}).lines[0][2] == "≈ 0.20"
