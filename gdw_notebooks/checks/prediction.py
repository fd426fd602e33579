"""Predict, then reveal: the student writes a guess before the run, and then sees guess and result together.

    guess = Prediction({"GDW": None, "MWNet": None})      # the student replaces None by a number
    guess.reveal({"GDW": 93.2, "MWNet": 89.4}, close=3, unit="%", look="Which one is still falling at the end?")

A guess is a number, or one of the words in ``choices``. Nothing here raises for what a student may write.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from numbers import Integral, Real

import numpy as np
import torch

from gdw_notebooks.checks.exercise import is_placeholder
from gdw_notebooks.checks.words import choose, normalise

NO_GUESS = "no guess"
NUMBER = re.compile(r"\s*[≈~]?\s*(?P<value>[+\-−]?(\d+([.,]\d*)?|[.,]\d+))\s*(%|points?|nats?|passes)?\s*")
Answer = float | str | tuple[str, ...]


@dataclass(frozen=True)
class Revealed:
    """One line for each thing that was guessed, and what to look at.

    Args:
        lines: what was asked, the guess in words, the result, and a verdict on the two.
        look: what to look at now.
    """

    lines: tuple[tuple[str, str, str, str], ...]
    look: str

    def __repr__(self) -> str:
        rows = [f"{name}: you said {guess}; it is {came}{_in_brackets(word)}" for name, guess, came, word in self.lines]
        return "\n".join([*rows, self.look])

    def _repr_html_(self) -> str:
        head = "".join(f"<th scope='col' style='text-align:left'>{name}</th>" for name in ("", "you said", "it is", ""))
        rows = "".join(
            "<tr>" + f"<th scope='row' style='text-align:left'>{escape(line[0])}</th>"
            + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in line[1:]) + "</tr>"
            for line in self.lines
        )  # fmt: skip
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f"<div role='status'>{table}<p><b>Look:</b> {escape(self.look)}</p></div>"


class Prediction:
    """A guess for each of some things, written before they are shown.

    Args:
        guesses: what is asked for → a number or a word; None: no guess.
        choices: the words to choose from, where words are asked for. Case, quotes and punctuation do not count,
            and common other wordings (checks/words.py) are understood.
    """

    def __init__(self, guesses: Mapping[str, object], choices: Sequence[str] = ()):
        self.guesses, self.choices = dict(guesses), tuple(choices)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}: {_said(guess)}" for name, guess in self.guesses.items())
        choice = f" (choose from: {', '.join(self.choices)})" if self.choices and not self._committed else ""
        return f"Your guess: {said if self._committed else NO_GUESS}{choice}"

    @property
    def _committed(self) -> bool:
        return not all(is_placeholder(guess) for guess in self.guesses.values())

    def reveal(self, outcome: Mapping[str, Answer], *, look: str, close: float = 0.0, unit: str = "") -> Revealed:
        """Show the guesses next to the results.

        Args:
            outcome: what is asked for → the result. A float counts as trained and is shown as ``≈ 93.2``, an int as
                it is. Several words in a tuple are all right answers.
            look: what to look at, whatever the guess was.
            close: a number within this distance of the result counts as close.
            unit: of the numbers.
        """
        unit = f" {unit}" if unit else ""
        lines = []
        for name, came in outcome.items():
            guess = self.guesses.get(name)
            lines.append((name, _said(guess, unit), _came(came, unit), self._verdict(guess, came, close)))
        return Revealed(tuple(lines), look)

    def _verdict(self, guess: object, came: Answer, close: float) -> str:
        if is_placeholder(guess):
            return ""
        if isinstance(came, str | tuple):
            return self._verdict_on_words(guess, (came,) if isinstance(came, str) else came)
        value = number_in(guess)
        if value is None:
            return "a number is asked for"
        if abs(value - came) <= close:
            return "close" if close else "right"
        return "too high" if value > came else "too low"

    def _verdict_on_words(self, guess: object, right: tuple[str, ...]) -> str:
        if not isinstance(guess, str):
            return self._asked_for()
        choices = self.choices or right
        whole = choose(guess, choices)
        parts = [whole] if whole else [choose(part, choices) for part in re.split(r",|;| and ", guess)]
        if None in parts and self.choices:
            return self._asked_for()
        accepted = {normalise(word) for word in right}
        return "right" if all(part and normalise(part) in accepted for part in parts) else "it is different"

    def _asked_for(self) -> str:
        if not self.choices:
            return "a word is asked for"
        return f"not one of the words asked for: {', '.join(self.choices)}"


def number_in(guess: object) -> float | None:
    """The number in a guess such as ``85``, ``np.float32(85)``, ``"85 %"`` or ``"≈ 85"``; None: there is none."""
    if isinstance(guess, torch.Tensor | np.ndarray) and math.prod(guess.shape) == 1:
        guess = guess.item()
    if isinstance(guess, str) and (found := NUMBER.fullmatch(guess)):
        return float(found["value"].replace(",", ".").replace("−", "-"))
    if isinstance(guess, bool | np.bool_) or not isinstance(guess, Real):
        return None
    return float(guess) if math.isfinite(guess) else None


def _said(guess: object, unit: str = "") -> str:
    if is_placeholder(guess):
        return NO_GUESS
    value = number_in(guess)
    return f"{guess}" if value is None else f"{value:g}{unit}"


def _came(came: Answer, unit: str) -> str:
    if isinstance(came, str | tuple):
        return came if isinstance(came, str) else " and ".join(came)
    if isinstance(came, Integral):
        return f"{int(came)}{unit}"
    return f"≈ {came:.1f}{unit}" if abs(came) >= 1 else f"≈ {came:.2f}{unit}"


def _in_brackets(word: str) -> str:
    return f" ({word})" if word else ""
