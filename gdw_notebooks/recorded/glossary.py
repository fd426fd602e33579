"""The glossary's sentences, for what a panel shows on hover: docs/glossary.md is their one source."""

import re
from functools import cache
from html import escape

from gdw_notebooks.recorded import places

ENTRY = re.compile(r"(?ms)^## (?P<word>.+?)\n(?P<text>.+?)(?=\n## |\Z)")
MARKS = re.compile(r"[*`]")


def explain(word: str) -> str:
    """What the glossary says about a word, without marks, in one line.

    Raises:
        ValueError: the glossary does not have it.
    """
    words = _entries()
    if word.casefold() not in words:
        raise ValueError(f"the glossary has no entry {word!r}")
    return words[word.casefold()]


def hover(word: str, shown: str = "") -> str:
    """HTML: the word, with its explanation as a tooltip; ``shown`` is another form of it, as in "weights"."""
    return f'<abbr tabindex="0" title="{escape(explain(word))}">{escape(shown or word)}</abbr>'


def words_used(*words: str) -> str:
    """HTML: a line with several words to point at."""
    return f"<p class='gdw-words'>Words: {', '.join(map(hover, words))}.</p>"


@cache
def _entries() -> dict[str, str]:
    text = places.glossary().read_text("utf-8")
    return {
        entry["word"].casefold(): " ".join(MARKS.sub("", entry["text"]).split()) for entry in ENTRY.finditer(text)
    }
