"""Which rows of two tables are the same: by columns that name the rows in both, where there are such."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from re import fullmatch
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from gdw.label_files.columns import PATH_COLUMNS, PICTURE, column_key, numbered_in_order, usual_columns
from gdw.label_files.path_match import Places, plain

COUNTERS = ("index", "id", "unnamed0", "row", "rowid", "column1")  # names of columns that number the rows
SAMPLE = 1000  # rows of a column that show whether it may name the rows
GLANCE, GLANCED = 64, 8  # names that show whether most may be in both: an eighth of them then
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
    """A column of words or whole numbers, with nothing for a missing one; nothing of a column of fractions."""
    fractions = cells.dtype.kind == "b" or (cells.dtype.kind == "f" and (cells % 1 != 0).any())
    filled = cells.notna()
    return () if fractions else tuple(word(cell) if there else "" for cell, there in zip(cells, filled, strict=True))


class _Column:
    """A column that may name the rows, as it is compared."""

    def __init__(self, names: Sequence[str]):
        self.names, self.keys = tuple(names), [*map(row_key, names)]
        self.counts = Counter(self.keys)
        self.unique, self.counted = are_names(self.keys), numbered_in_order(self.keys)
        self.numbers = all(map(str.isdecimal, self.keys))

    def has_most_of(self, other: "_Column") -> bool:
        """Whether most names of the shorter of two columns are in both."""
        few, many = sorted((self.counts, other.counts), key=len)
        if sum(name in many for name in islice(few, GLANCE)) * GLANCED < min(len(few), GLANCE):  # cannot be
            return False
        return 2 * len(few.keys() & many) > len(few)


def shared_names(frame: Any, columns: Mapping[str, Sequence[str]]) -> Shared:
    """A column in each of two tables that gives each row another name, and most of the rows the same ones.

    Two columns of one name, or of usual ones; else the only two of words, or of the same whole numbers, where no two
    are in one order. Not an index that counts the rows of one table in order: in the other it may be that of an earlier
    table.

    Args:
        columns: of the other table.

    Raises:
        ValueError: two columns of one name give the rows the same names in another order, and several rows have one;
            or columns of other names would match the rows in several ways.
    """
    found, twice, differs, in_order = list[tuple[int, _Column, _Column]](), "", "", False
    for place, name, mine, theirs, paired in _pairs(frame, columns):
        counted = _key(place, name) in COUNTERS and (mine.counted or theirs.counted)
        if mine.unique and theirs.unique:
            most = mine.has_most_of(theirs)
            if paired and most and not counted:
                return Shared(place, mine.names, theirs.names)
            if mine.keys == theirs.keys:
                in_order = in_order or not mine.counted
            elif paired:
                differs = name
            elif most and (not mine.numbers or (mine.counts == theirs.counts and not _count(mine.keys))):
                found.append((place, mine, theirs))
        elif (
            paired
            and mine.keys != theirs.keys
            and mine.has_most_of(theirs)
            and (mine.counts == theirs.counts or 2 * len(mine.counts) > len(mine.keys))
        ):
            several = next(key for key in mine.counts | theirs.counts if max(mine.counts[key], theirs.counts[key]) > 1)
            twice = f"several rows may have one name (such as {several}), and column {name} is in another order"
    if in_order:
        return Shared()
    if len({tuple(map({key: n for n, key in enumerate(theirs.keys)}.get, mine.keys)) for _, mine, theirs in found}) > 1:
        names = ", ".join(str(frame.columns[place]) for place in dict.fromkeys(place for place, _, _ in found))
        raise ValueError(f"the rows may be named by several columns ({names}): call the right one id in both files")
    if found:
        return Shared(found[0][0], found[0][1].names, found[0][2].names)
    if twice:
        raise ValueError(f"{twice} in the other file: write different names, or remove it where both have one order")
    return Shared(notes=(f"{BY_ORDER}: column {differs} calls them differently",) if differs else ())


def _count(keys: Sequence[str]) -> bool:
    """Whether these whole numbers are a count of the rows, in any order."""
    return numbered_in_order(sorted(keys, key=int))


def _pairs(frame: Any, columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, str, _Column, _Column, bool]]:
    """Columns of both tables that may name their rows: place and name of one; both; whether they go together."""
    made = {id(cells): _Column(cells) for cells in columns.values()}
    by_key: dict[str, dict[int, _Column]] = {}
    for other, cells in columns.items():
        by_key.setdefault(column_key(other), {})[id(cells)] = made[id(cells)]
    names = [*map(str, frame.columns)]
    theirs = {id(columns[other]): made[id(columns[other])] for other in usual_columns(columns, PATH_COLUMNS)}
    mine, unique = {*usual_columns(names, PATH_COLUMNS)}, {at: column for at, column in made.items() if column.unique}
    for place, name in enumerate(names):
        start = frame.iloc[:SAMPLE, place]
        paired = by_key.get(_key(place, name), {}) | (theirs if name in mine else {})
        others = unique if start.dtype.kind not in "bf" and start.is_unique else {}
        if not (paired or others):
            continue
        own = _Column(_words(frame.iloc[:, place]))
        for at, column in (paired | others).items() if own.keys else ():
            yield place, name, own, column, at in paired


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
