"""Which rows of two tables are the same: by columns that name the rows in both, where there are such."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from re import fullmatch
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from gdw.label_files.columns import PATH_COLUMNS, PICTURE, column_key, numbered_in_order, usual_columns
from gdw.label_files.path_match import Places, plain

COUNTERS = ("index", "id", "unnamed0", "row", "rowid", "column1")  # names of columns that number the rows
SAMPLE = 1000  # rows of a column that show whether it may name the rows
BY_ORDER = "the labels are matched to the rows by their order"


class Shared(NamedTuple):
    """A column at ``place`` that names the rows, the names there and in the other table; or a note on why none does."""

    place: int | None = None
    rows: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def word(value: Any) -> str:
    """One cell as a word: a whole number as one, bytes as text."""
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value).strip()


def row_names(frame: Any) -> tuple[str, ...] | None:
    """What the rows are called, where a column of words or whole numbers says so: each another name."""
    for name in usual_columns(map(str, frame.columns), PATH_COLUMNS):
        if name in frame and are_names(names := _words(frame[name])):
            return names
    return None


def are_names(names: Sequence[str]) -> bool:
    """Whether each is another one."""
    return len({*names}) == len(names) > 0


def row_key(name: str) -> str:
    """The name of a row as it is compared: a number without the zeros that pandas takes away or adds."""
    number = fullmatch(r"0*(\d+)(\.0+)?", name.strip())
    return number[1] if number else plain(name.strip())


def _words(cells: Any) -> tuple[str, ...]:
    """A column of words or whole numbers; nothing of one of fractions."""
    fractions = cells.dtype.kind == "b" or (cells.dtype.kind == "f" and (cells % 1 != 0).any())
    return () if fractions else tuple(map(word, cells))


def shared_names(frame: Any, columns: Mapping[str, Sequence[str]]) -> Shared:
    """A column in each of two tables that gives each row another name, and most of the rows the same ones.

    Two columns of one name, or of usual ones; else any two of words, or of the same whole numbers. Not an index that
    counts the rows of one table in order: in the other it may be that of an earlier table.

    Args:
        columns: of the other table.

    Raises:
        ValueError: two columns of one name call the rows alike, but in another order, and several rows have one name.
    """
    unlike, twice, differs = Shared(), "", ""
    for place, name, theirs, alike in _pairs(frame, columns):
        found = Shared(place, _words(frame.iloc[:, place]), tuple(theirs))
        keys, others = ([*map(row_key, each or ())] for each in (found.rows, theirs))
        here, there = Counter(keys), Counter(others)
        most, same = 2 * len(here.keys() & there) > min(len(here), len(there)), here == there
        counted = _key(place, name) in COUNTERS and (numbered_in_order(keys) or numbered_in_order(others))
        if are_names(keys) and are_names(others):
            if alike and most and not counted:
                return found
            numbers = all(map(str.isdecimal, keys))
            if not alike and most and (not numbers or (same and not numbered_in_order(sorted(keys, key=int)))):
                unlike = found
            differs = name if alike and keys != others else differs
        elif alike and most and keys != others and (same or 2 * len(here) > len(keys)):
            several = next(key for key in (*keys, *others) if max(here[key], there[key]) > 1)
            twice = f"several rows may have one name (such as {several}), and column {name} is in another order"
    if unlike.place is None and twice:
        raise ValueError(f"{twice} in the other file: write different names, or remove it where both have one order")
    said = differs and unlike.place is None
    return unlike._replace(notes=(f"{BY_ORDER}: column {differs} calls them differently",) if said else ())


def _pairs(frame: Any, columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, str, Sequence[str], bool]]:
    """Columns of both tables that may name their rows: place and name of one, the other's cells, whether alike."""
    names = [*map(str, frame.columns)]
    usual = {*usual_columns(names, PATH_COLUMNS)}, {*usual_columns(columns, PATH_COLUMNS)}
    for place, name in enumerate(names):
        start = frame.iloc[:SAMPLE, place]
        for other, cells in columns.items():
            alike = _key(place, name) == column_key(other) or (name in usual[0] and other in usual[1])
            if alike or (start.dtype.kind not in "bf" and start.is_unique and are_names(cells)):
                yield place, name, cells, alike


def _key(place: int, name: str) -> str:
    return f"column{place + 1}" if name.startswith("Unnamed: ") else column_key(name)


def by_name(words: Any, names: Sequence[str] | None, rows: Sequence[str] | None) -> tuple[Any, Any, tuple[str, ...]]:
    """Labels and names in the order of the rows, where both files name them; and a note where that is another one."""
    places, how = places_of(names, rows)
    if not places or rows is None:
        return words, names, ()
    if not any(place is not None for place in places):
        return words, names, ("the labels are matched to the rows by their order: no name of one is one of the other",)
    given = [words[place] if place is not None else "" for place in places]
    lost = sum(place is None for place in places)
    note = "the labels are matched to the rows by their names" + (f"; {lost} rows have none" if lost else "")
    return given, tuple(rows), (note, *how)


def places_of(
    names: Sequence[str] | None, rows: Sequence[str] | None, kept: Bool[np.ndarray, "rows"] | None = None
) -> tuple[list[int | None], tuple[str, ...]]:
    """The place of each row's name among ``names``: of pictures as paths are matched, else of the same name.

    Nothing where one of them has no names, or both have the same order.

    Args:
        kept: which of the rows that a person has these are; by default all.
    """
    kept = np.ones(len(rows or ()), bool) if kept is None else kept
    if names is None or rows is None or tuple(names) == tuple(rows):
        return [], ()
    if len(names) == len(kept) and _counted(names, rows, kept):
        return [], ()
    exact = {row_key(name): place for place, name in enumerate(names)}
    places: list[int | None] = [exact.get(row_key(row)) for row in rows]
    how: tuple[str, ...] = ()
    pictures = [any(map(PICTURE.search, each)) for each in (names, rows)]
    if any(pictures):
        by_path, how = Places(names).find(rows)
        numbered = any(all(name.isdecimal() for name in each) for each in (names, rows))
        if not numbered or None not in by_path:  # 0, 1, ... may number what is called 1.jpg, 2.jpg, ...
            places = by_path
    found = [place for place in places if place is not None]
    if len(exact) < len(names) or len(set(found)) < len(found):
        twice = next((row for row, place in zip(rows, places, strict=True) if places.count(place) > 1), names[0])
        raise ValueError(f"several rows may have one name (such as {twice}): write different names")
    return places, how


def _counted(names: Sequence[str], others: Sequence[str], rows: Bool[np.ndarray, "rows"]) -> bool:
    """Whether these only number the rows, in order, one from 0 and one from 1: the same number is another row.

    Args:
        rows: which rows the others are of.
    """
    mine, theirs, places = [*map(row_key, names)], [*map(row_key, others)], np.flatnonzero(rows)
    for start in (0, 1):
        counts = [str(place + start) for place in range(len(mine))], [str(place + 1 - start) for place in places]
        if (set(mine), set(theirs)) == (set(counts[0]), set(counts[1])):
            if (mine, theirs) != counts:
                raise ValueError(
                    "the rows are numbered from 0 in one file and from 1 in another, in another order: number both "
                    "in the same way"
                )
            return True
    return False
