"""One way to compare words, for guesses and choices: case, spaces, quotes and punctuation do not count."""

import re
from collections.abc import Iterable, Mapping

# Other wordings of a word, used where that word is one of the choices.
WORDINGS: Mapping[str, tuple[str, ...]] = {
    "up": ("rises", "goes up", "higher", "increases", "pulled up", "+"),
    "down": ("falls", "goes down", "lower", "decreases", "pushed down", "-", "−"),
    "rises": ("up", "goes up", "higher", "increases", "more", "+"),
    "falls": ("down", "goes down", "lower", "decreases", "less", "-", "−"),
    "stays": ("stays the same", "no change", "unchanged", "same", "it stays"),
    "goes": ("goes away", "disappears", "it goes", "no"),
    "falls to 0": ("0", "zero", "to 0", "falls to zero", "goes to 0", "goes to zero"),
    "never": ("no", "not possible", "impossible"),
    "always": ("yes", "at every weight", "at all weights"),
    "at some weight": ("sometimes", "at some weights"),
    "exactly 0": ("0", "zero", "exactly zero", "is 0"),
    "above 0": ("positive", "more than 0", "greater than 0", "above zero", "> 0"),
    "rows": ("row", "whole rows", "images", "whole images"),
    "columns": ("column", "whole columns", "flows"),
    "cells": ("cell", "single cells", "single flows"),
    "only-clean": ("only the clean set", "the clean set", "clean set", "clean"),
    "worse": ("loses", "lower"),
    "better": ("wins", "higher"),
    "undecided": ("neither", "unclear", "not significant", "the same", "same"),
    "wins": ("win", "better"),
    "loses": ("lose", "loss", "worse"),
    "yes": ("true", "it does"),
    "no": ("false", "it does not"),
}
SIGNS = {"+": "plus", "-": "minus", "−": "minus", ">": "greater", "<": "less"}


def normalise(word: object) -> str:
    """The word in small letters, one space between parts, without quotes and punctuation.

    A bare sign keeps its meaning: ``"−"`` is ``"minus"``.
    """
    text = str(word).strip().casefold()
    if text in SIGNS:
        return SIGNS[text]
    return re.sub(r"[\W_]+", " ", text).strip()


def choose(guess: object, choices: Iterable[str]) -> str | None:
    """Which of the choices the guess means; None: none of them."""
    choices = tuple(choices)
    word = normalise(guess)
    for choice in choices:
        if word == normalise(choice):
            return choice
    for choice in choices:
        if word in map(normalise, WORDINGS.get(choice, ())):
            return choice
    return None
