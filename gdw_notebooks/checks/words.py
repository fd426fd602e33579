"""One way to compare the words of an answer: case, spaces, quotes and punctuation do not count."""

import re
from collections.abc import Iterable, Mapping

# Other wordings of a word, used where that word is one of the choices.
WORDINGS: Mapping[str, tuple[str, ...]] = {
    "undecided": ("neither", "unclear", "not significant", "the same", "same"),
    "wins": ("win", "better"),
    "loses": ("lose", "loss", "worse"),
}


def normalise(word: object) -> str:
    """The word in small letters, one space between parts, without quotes and punctuation."""
    return re.sub(r"[\W_]+", " ", str(word).strip().casefold()).strip()


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
