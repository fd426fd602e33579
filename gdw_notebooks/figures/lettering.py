"""Names from outside in figures: a "$" is a dollar sign, and every letter is drawn, in another font if need be."""

import functools
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

USUAL_FONT = "DejaVu Sans"  # comes with matplotlib
PLACEHOLDERS = "Last Resort"  # comes with matplotlib too: a box for every letter, and so none that can be read


class PlainFigure(Figure):
    """A figure whose texts are shown as they are written.

    Class names come from folders and method names from users: matplotlib would read "$5 ... $10" as a formula and stop
    there. Letters that the usual font lacks are drawn in an installed font that has them; where there is none, they
    are spelled in Latin letters or by number. Tables keep the names as they are.
    """

    def draw(self, renderer) -> None:
        """Prepare all texts, then draw."""
        axes = [axis for each in self.axes for axis in (each.xaxis, each.yaxis) if _has_names(axis)]
        for axis in axes:
            _spell_ticks(axis)
        named = {id(text) for axis in axes for text in _tick_labels(axis)}
        numbers = {id(text) for each in self.axes for axis in (each.xaxis, each.yaxis) for text in _tick_labels(axis)}
        texts = [text for text in self.findobj(Text) if id(text) in named or id(text) not in numbers]
        shown = "".join(text.get_text() for text in texts) + "".join(map(_ticks_text, axes))
        families = [*fonts_with(lacking)] if (lacking := _lacking(shown)) else []
        for text in texts:
            text.set_parse_math(False)
            if lacking:
                text.set_text(spelled(text.get_text()))
            if families:
                text.set(fontfamily=[USUAL_FONT, *families], fontweight="normal")  # many fonts have no bold letters
        super().draw(renderer)


def spelled(text: str) -> str:
    """The text with each letter that no installed font has in Latin letters, or as its number in Unicode.

    Example: without a Chinese font "猫" becomes "U+732B".
    """
    if text.isascii() and text.isprintable():
        return text
    lacking = _lacking(text)
    return "".join(_latin(letter) if letter in lacking and not _font_of(letter) else letter for letter in text)


def fonts_with(letters: Iterable[str]) -> Iterator[str]:
    """Names of installed fonts that have these letters, as many as are needed; letters without a font are left out."""
    yield from dict.fromkeys(font for letter in sorted(letters) if (font := _font_of(letter)))


def _lacking(text: str) -> set[str]:
    """The letters that the usual font does not have."""
    return {letter for letter in set(text) if letter != "\n" and ord(letter) not in _letters(USUAL_FONT)}


def _latin(letter: str) -> str:
    if letter.isspace():
        return " "
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    return plain if plain.isascii() and plain.isprintable() and plain else f"U+{ord(letter):04X}"


@functools.cache
def _letters(font: str) -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont(font)).get_charmap())


@functools.lru_cache(maxsize=4096)
def _font_of(letter: str) -> str | None:
    """The first installed font, by name, that has this letter; None for a control character too."""
    if not letter.isprintable():
        return None
    return next((name for name, letters in _installed() if ord(letter) in letters), None)


@functools.cache
def _installed() -> list[tuple[str, frozenset[int]]]:
    """Every scalable font with its letters; read once, when the first unusual letter is met."""
    fonts = {}
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: entry.name):
        if entry.name in fonts or entry.name.startswith(PLACEHOLDERS):
            continue
        if letters := _letters_of_file(entry.fname):
            fonts[entry.name] = letters
    return list(fonts.items())


def _letters_of_file(path: str) -> frozenset[int]:
    try:
        font = FT2Font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):  # a damaged font, or one of coloured bitmaps
        return frozenset()


def _has_names(axis: Axis) -> bool:
    """Whether its ticks have names rather than numbers, which may be formulas (powers of ten)."""
    return isinstance(axis.get_major_formatter(), FuncFormatter)


def _spell_ticks(axis: Axis) -> None:
    formatter = axis.get_major_formatter()
    if not isinstance(formatter.func, _Spelled):
        formatter.func = _Spelled(formatter.func)


class _Spelled:
    """A tick's name, spelled."""

    def __init__(self, name: Callable):
        self.name = name

    def __call__(self, place: float, position: int | None = None) -> str:
        return spelled(self.name(place, position))


def _ticks_text(axis: Axis) -> str:
    return "".join(axis.get_major_formatter().format_ticks(axis.get_majorticklocs()))


def _tick_labels(axis: Axis) -> list[Text]:
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [label for tick in ticks for label in (tick.label1, tick.label2)]
