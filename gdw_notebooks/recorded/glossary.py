"""The glossary's sentences, for the words above a panel: docs/glossary.md is their one source."""

import re
from functools import cache
from html import escape
from itertools import count

from gdw_notebooks.recorded import places

ENTRY = re.compile(r"(?ms)^## (?P<word>.+?)\n(?P<text>.+?)(?=\n## |\Z)")
MARKS = re.compile(r"[*`]")
_NUMBERS = count(1)  # a page may show a word twice, and each has its own explanation


def explain(word: str) -> str:
    """What the glossary says about a word, without marks, in one line.

    Raises:
        ValueError: the glossary does not have it.
    """
    words = _entries()
    if word.casefold() not in words:
        raise ValueError(f"the glossary has no entry {word!r}")
    return words[word.casefold()]


def word_button(word: str) -> str:
    """HTML: the word as a button that shows its explanation by a tap, a click or a key; on hover it is a tooltip."""
    place, text = f"gdw-word-{next(_NUMBERS)}", escape(explain(word))
    button = f'<button class="gdw-word" popovertarget="{place}" title="{text}">{escape(word)}</button>'
    return f'{button}<span class="gdw-meaning" popover id="{place}">{text}</span>'


def words_used(*words: str) -> str:
    """HTML: a line with several words that are explained."""
    return f"<p class='gdw-words'>Words: {', '.join(map(word_button, words))}.</p>"


@cache
def _entries() -> dict[str, str]:
    text = places.glossary().read_text("utf-8")
    return {entry["word"].casefold(): " ".join(MARKS.sub("", entry["text"]).split()) for entry in ENTRY.finditer(text)}
