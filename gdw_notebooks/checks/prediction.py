"""Predict, then reveal: a guess stands in a cell's text before the run, and is laid beside what came out.

    guess = Prediction({"GDW": None, "MWNet": None})      # the student puts numbers in the place of None
    guess.reveal({"GDW": 93.2, "MWNet": 89.4}, close=3, unit="%", look="Which one is still falling at the end?")

A guess is a number, or one of the words that ``choices`` offers. Nothing here raises for what a student may write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from gdw_notebooks.checks.exercise import is_placeholder

NO_GUESS = "no guess"
Answer = float | str | None


@dataclass(frozen=True)
class Revealed:
    """One line for each thing that was guessed, and what to look at.

    Args:
        lines: what was asked, the guess in words, what came out, and a verdict on the two.
        look: what to look at now.
    """

    lines: tuple[tuple[str, str, str, str], ...]
    look: str

    def __repr__(self) -> str:
        rows = [f"{name}: you said {guess}; it is {came}{_comma(word)}" for name, guess, came, word in self.lines]
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
    """A guess for each of some things, committed before they are shown.

    Args:
        guesses: what is asked for → a number or a word; None: no guess.
        choices: the words to choose from, where words are asked for.
    """

    def __init__(self, guesses: Mapping[str, Answer], choices: Sequence[str] = ()):
        self.guesses, self.choices = dict(guesses), tuple(choices)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}: {_said(guess)}" for name, guess in self.guesses.items())
        choose = f" (choose from: {', '.join(self.choices)})" if self.choices and not self._committed else ""
        return f"Your guess: {said if self._committed else NO_GUESS}{choose}"

    @property
    def _committed(self) -> bool:
        return not all(is_placeholder(guess) for guess in self.guesses.values())

    def reveal(self, outcome: Mapping[str, Answer], *, look: str, close: float = 0.0, unit: str = "") -> Revealed:
        """Lay the guesses beside what came out.

        Args:
            outcome: what is asked for → what came out; a number that was trained is shown as ``≈ 93.2``.
            look: what to look at, whatever the guess was.
            close: a number within this of the outcome counts as close.
            unit: of the numbers.
        """
        unit = f" {unit}" if unit else ""
        return Revealed(
            tuple(
                (
                    name,
                    _said(guess := self.guesses.get(name), unit),
                    _came(came, unit),
                    self._verdict(guess, came, close),
                )
                for name, came in outcome.items()
            ),
            look,
        )

    def _verdict(self, guess: object, came: Answer, close: float) -> str:
        if is_placeholder(guess):
            return ""
        if isinstance(came, str):
            if not isinstance(guess, str) or (self.choices and guess.strip().lower() not in self.choices):
                return (
                    f"not one of the words asked for: {', '.join(self.choices)}"
                    if self.choices
                    else "a word is asked for"
                )
            return "right" if guess.strip().lower() == came.lower() else "another way round"
        if isinstance(guess, bool) or not isinstance(guess, int | float):
            return "a number is asked for"
        if abs(guess - came) <= close:
            return "close"
        return "too high" if guess > came else "too low"


def _said(guess: object, unit: str = "") -> str:
    if is_placeholder(guess):
        return NO_GUESS
    return f"{guess:g}{unit}" if isinstance(guess, int | float) and not isinstance(guess, bool) else f"{guess}"


def _came(came: Answer, unit: str) -> str:
    return came if isinstance(came, str) else f"≈ {came:.1f}{unit}" if abs(came) >= 1 else f"≈ {came:.2f}{unit}"


def _comma(word: str) -> str:
    return f" ({word})" if word else ""
