"""The label that a table gives to each picture: by path, from one column or from several annotators."""

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from gdw.data.class_names import NO_CLASS, NONE
from gdw.data.dataset import Dataset
from gdw.data.label_table import KEYS, NAME_ONE, USUAL_LABELS, Table, chosen_column, usual_columns
from gdw.data.path_match import Places, plain
from gdw.errors import unknown

NAMED = 3  # paths that an error shows
ANNOTATORS = (  # usual names of a column that says who gave a label
    "annotator", "annotatorid", "worker", "workerid", "rater", "user", "completedby", "labeler", "annotatedby",
)  # fmt: skip
VOTE = re.compile(
    r"(annotator|rater|worker|expert|reader|labell?er|coder|reviewer|judge|vote|label)s?[ _-]*\w{1,2}", re.I
)


@dataclass(frozen=True)
class Labelled:
    """What a table says of each picture.

    Attributes:
        words: place to label; of several annotators, the label that most of them gave.
        votes: place to annotator to label; empty where there is one label a picture.
        unknown: paths of no picture.
        empty: places without a label.
        contradicting: place to two of its rows, counted from 1.
        column: of the labels. ``notes``: how paths were matched, and what was passed over.
    """

    words: dict[int, str]
    votes: dict[int, dict[str, str]]
    unknown: list[str]
    empty: list[int]
    contradicting: dict[int, tuple[int, int]]
    column: str
    notes: tuple[str, ...]

    def passed_over(self, paths: Sequence[str], table: str) -> tuple[str, ...]:
        """How many pictures have no label that counts, and how many rows no picture, in words."""
        left = set(range(len(paths))) - self.words.keys() - set(self.empty) - self.contradicting.keys()
        passed = {
            f"not in {table}": sorted(left),
            f"without a label in column {self.column}": self.empty,
            "labelled twice, differently": list(self.contradicting),
        }
        notes = [
            f"passed over {len(places)} as {reason} (first: {paths[places[0]]})"
            for reason, places in passed.items() if places
        ]  # fmt: skip
        return (*notes, *no_picture_notes(self.unknown, table))


def _voters(table: Table, column: str | None, advice: str) -> list[str]:
    """The columns of labels: one; or one for each annotator, named with commas or known by their names and words."""
    if column is not None and column not in table.columns and "," in column:
        return [chosen_column(table.columns, name.strip(), table.path, advice) for name in column.split(",")]
    votes = [name for name in table.columns if VOTE.fullmatch(name) and not name.lower().endswith("id")]
    named = usual_columns(table.columns, USUAL_LABELS) or not table.columns.keys().isdisjoint(KEYS)
    if column is None and not named and len(votes) > 1:
        words = [set(filter(None, table.columns[name])) for name in votes]
        if all(one & words[0] for one in words):
            return votes
    return [chosen_column(table.columns, column, table.path, advice)]


def labelled(
    table: Table, column: str | None, paths: Sequence[str], others: Sequence[str] = (), advice: str = NAME_ONE
) -> Labelled:
    """The label of each picture that the table names, and all that is in doubt.

    Args:
        column: of labels; several with commas between them are those of several annotators. None: by its name.
        paths: of the pictures. ``others``: of pictures that may be named and are not asked about.
        advice: how a column is named, for a message.

    Raises:
        ValueError: no such column, or several to choose from.
    """
    columns = _voters(table, column, advice)
    who = next(iter(usual_columns(table.columns, ANNOTATORS)), None) if len(columns) == 1 else None
    found, notes = Places(paths, others).find(table.paths)
    given: dict[int, list[tuple[str, str, int]]] = {}
    for row, place in enumerate(found):
        if place is not None and place < len(paths):
            answers = [(table.columns[who][row] if who else name, table.columns[name][row], row) for name in columns]
            given.setdefault(place, []).extend(answers)
    usual = Counter(word for answers in given.values() for _, word, _ in answers)
    words: dict[int, str] = {}
    votes: dict[int, dict[str, str]] = {}
    contradicting: dict[int, tuple[int, int]] = {}
    empty, repeated = [], 0
    for place, answers in sorted(given.items()):
        told = [(name, word, row) for name, word, row in answers if word]
        counts = Counter(word for _, word in {(name, word) for name, word, _ in told})  # of an annotator once
        people = len({name for name, _, _ in told})
        if not told:
            empty.append(place)
        elif len(counts) > 1 and people == 1:
            other = next(row for _, word, row in told if word != told[0][1])
            contradicting[place] = (told[0][2] + 1, other + 1)
        else:
            repeated += len(told) - people
            words[place] = max(counts, key=lambda word: (counts[word], usual[word], word))
            votes[place] = {name: word for name, word, _ in told}
    if repeated:
        notes += (f"{repeated} rows repeat a picture",)
    several = any(len(answers) > 1 for answers in votes.values())
    unknown_paths = [path for path, place in zip(table.paths, found, strict=True) if place is None]
    return Labelled(
        words, votes if several else {}, unknown_paths, empty, contradicting, ", ".join(columns), table.notes + notes
    )


def labels_by_path(table: Table, column: str, dataset: Dataset) -> Int[Tensor, "images"]:
    """The label of each training picture of a data set from a folder; -1 where the table has none that counts.

    Such pictures (not in the table, in no class, labelled twice) and rows of no picture are counted in a warning. Rows
    of the data set's own test and validation pictures are not needed.

    Raises:
        ValueError: the data set keeps no paths; no row is of one of its pictures; an unknown class.
    """
    if dataset.paths is None:
        raise ValueError(
            f"{table.path} names pictures by path, but {dataset.name} is not read from a folder of pictures"
        )
    paths = dataset.paths
    found = labelled(table, column, paths, (*(dataset.test_paths or ()), *(dataset.validation_paths or ())))
    if not found.words and found.unknown:
        raise no_picture(table.path, found.unknown, paths)
    labels = torch.full((len(paths),), NO_CLASS)
    labels[list(found.words)] = torch.tensor(
        labels_of_words(list(found.words.values()), dataset.class_names, table.path), dtype=torch.int64
    )
    none = [paths[place] for place in found.words if labels[place] == NO_CLASS]
    notes = [f"passed over {len(none)} that belong to no class (first: {none[0]})"] if none else []
    if notes := [*found.passed_over(paths, table.path.name), *notes]:
        warnings.warn(f"{table.path}: {'; '.join(notes)}", stacklevel=2)
    return labels


def match(table: Table, paths: Sequence[str], others: Sequence[str] = ()) -> dict[int, int]:
    """The place of each path that a row names, and that row; in the order of the rows.

    Rows whose picture is not here and not among the others are counted in a warning.

    Raises:
        ValueError: a picture in two rows; no row is of a picture.
    """
    found, _ = Places(paths, others).find(table.paths)
    missing = [path for path, place in zip(table.paths, found, strict=True) if place is None]
    if missing and len(missing) == len(found):
        raise no_picture(table.path, missing, paths)
    if missing:
        warnings.warn(f"{table.path}: {no_picture_notes(missing, table.path.name)[0]}", stacklevel=3)
    row_of: dict[int, int] = {}
    for row, place in enumerate(found):
        if place is not None and place < len(paths) and row_of.setdefault(place, row) != row:
            raise ValueError(f"{table.path}: {paths[place]} is in rows {row_of[place] + 1} and {row + 1}")
    return row_of


def no_picture_notes(unknown_paths: Sequence[str], table: str) -> tuple[str, ...]:
    """How many rows of a table name no picture, in words; nothing where there are none."""
    if not unknown_paths:
        return ()
    return (f"{len(unknown_paths)} rows of {table} name no picture here (first: {unknown_paths[0]})",)


def no_picture(table: Path, unknown_paths: list[str], paths: Sequence[str]) -> ValueError:
    """For rows that name no picture, with an example of how pictures are called here."""
    near = f"; a picture here is {paths[0]}" if paths else ""
    return ValueError(f"{table}: no picture here is called {_some(unknown_paths, 'paths')}{near}")


def labels_of_words(words: Sequence[str], class_names: Sequence[str], path: Path) -> list[int]:
    """Labels from names of classes, -1 for "none of these"; from numbers 0 ... C - 1 where no word is a class.

    Raises:
        ValueError: an unknown class, with the nearest known one; a number out of range.
    """
    number = {plain(name): label for label, name in enumerate(class_names)}
    words = [NONE if word.lower() == NONE and plain(word) not in number else plain(word) for word in words]
    number.setdefault(NONE, NO_CLASS)
    found = set(words) - {NONE}
    if found and not found & number.keys() and all(word.isascii() and word.isdigit() for word in found):
        if max(int(word) for word in found) >= len(class_names):
            raise ValueError(
                f"{path}: labels must be names of classes or lie in 0 ... {len(class_names) - 1}, "
                f"got {max(found, key=int)}"
            )
        return [NO_CLASS if word == NONE else int(word) for word in words]
    for word in words:
        if word not in number:
            raise unknown(f"class in {path}", word, class_names)
    return [number[word] for word in words]


def _some(paths: Sequence[str], what: str) -> str:
    more = f" and {len(paths) - NAMED} more {what}" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more
