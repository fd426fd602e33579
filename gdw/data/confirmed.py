"""Confirmed pictures: those whose label a person has checked, and how each of them was chosen to be checked."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from gdw import files
from gdw.data.dataset import Dataset
from gdw.data.picture_labels import (
    NO_CLASS,
    NONE,
    answered,
    as_meant,
    class_numbers,
    no_picture_notes,
    numbered,
    passed_over,
)
from gdw.errors import whole_number
from gdw.label_files.columns import usual_columns
from gdw.label_files.label_table import read_table

CONFIRMED_COLUMNS = ("label", "confirmed", "confirmedlabel")  # tried in this order, before the usual names of labels
CHOSEN_COLUMN = "chosen"
RANDOM = "random"  # drawn at random from all pictures
IN_CLASS = "random in class"  # drawn at random from the pictures that have its observed label
SUSPECT = "suspect"  # looked at because its label was suspicious
NOT_KNOWN = ""  # a table without the column, a dictionary
NO_SCORE = (
    f"it needs confirmed pictures that were drawn at random (their table says '{RANDOM}' or '{IN_CLASS}' in its column "
    f"'{CHOSEN_COLUMN}') beyond those of the clean set and the validation set, or a folder 'test'; others would give "
    "the score of a selection (docs/audit.md)"
)


@dataclass(frozen=True, eq=False)  # as a mapping, it equals one of the same labels
class Confirmed(Mapping[int, int]):
    """Place of a picture in its data set to its right class, as a mapping, and how the picture was chosen.

    Only pictures that were drawn at random say something of the others: a score, or a share of wrong labels.

    Attributes:
        labels: place to class number; -1 if the picture belongs to no class.
        chosen: place to ``"random"``, ``"random in class"``, ``"suspect"``, or anything else; where a place is
            missing, it is not known.
        elsewhere: place to the right class, where that is none of the data set's classes; or what a person wrote where
            that is no class, and the picture is not in ``labels``.
        notes: how the rows of their table were matched, and what of it was passed over.
    """

    labels: Mapping[int, int] = field(default_factory=dict)
    chosen: Mapping[int, str] = field(default_factory=dict)
    elsewhere: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, place: int) -> int:
        return self.labels[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def drawn(self, *ways: str) -> list[int]:
        """The places of the pictures that were chosen in one of these ways; by default, of all drawn at random."""
        return [place for place in self.labels if self.chosen.get(place) in (ways or (RANDOM, IN_CLASS))]

    def among(self, kept: Sequence[int]) -> "Confirmed":
        """Of these places alone, which are numbered anew in this order."""
        new = {place: number for number, place in enumerate(kept)}
        labels = {new[place]: label for place, label in self.labels.items() if place in new}
        chosen, elsewhere = ({new[place]: word for place, word in words.items() if place in new}
                             for words in (self.chosen, self.elsewhere))  # fmt: skip
        return Confirmed(labels, chosen, elsewhere, self.notes)

    def of_classes(self, before: Sequence[str], class_names: Sequence[str]) -> "Confirmed":
        """With the numbers of these classes, which are some of those before: a picture of another one has none."""
        new = {label: class_names.index(name) for label, name in enumerate(before) if name in class_names}
        labels = {place: new.get(label, NO_CLASS) for place, label in self.labels.items()}
        elsewhere = {place: before[label] for place, label in self.labels.items()
                     if label != NO_CLASS and label not in new}  # fmt: skip
        return Confirmed(labels, self.chosen, {**self.elsewhere, **elsewhere}, self.notes)

    def word(self, place: int, class_names: Sequence[str]) -> str:
        """The name of a picture's right class, or "none of these"."""
        label = self.labels.get(place, NO_CLASS)
        return self.elsewhere.get(place, NONE) if label == NO_CLASS else class_names[label]

    def by_path(self, paths: Sequence[str], class_names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Path to the name of the right class, or what a person wrote in its place, and how the picture was chosen."""
        return {paths[place]: (self.word(place, class_names), self.chosen.get(place, NOT_KNOWN))
                for place in dict.fromkeys((*self, *self.elsewhere))}  # fmt: skip

    def with_class(self) -> "Confirmed":
        """Without the pictures that belong to no class."""
        labels = {place: label for place, label in self.labels.items() if label != NO_CLASS}
        return Confirmed(labels, self.chosen, notes=self.notes)


def stronger(one: str, other: str) -> str:
    """How a picture was chosen that was chosen twice: one that is part of a random sample stays part of it."""
    return next((way for way in (RANDOM, IN_CLASS) if way in (one, other)), one or other)


def as_confirmed(given: Mapping[int, int]) -> Confirmed:
    """The same labels; a plain mapping does not say how its pictures were chosen."""
    return given if isinstance(given, Confirmed) else Confirmed(dict(given))


def read_confirmed(
    path: Path, paths: Sequence[str], class_names: Sequence[str], others: Sequence[str] = (), root: str = ""
) -> Confirmed:
    """The confirmed label of each picture that a person looked at, and how it was chosen.

    Args:
        path: CSV or TSV with the columns ``path,label``, and ``chosen`` where it is known; or an audit's own table with
            its column ``label`` filled in. A picture without a label, with ``unsure``, with a word that is no class or
            with several labels is not checked; ``none of these``: it belongs to no class.
        paths: of all pictures whose labels are in question.
        class_names: in the order of their numbers.
        others: pictures whose labels are not: those of a test folder, say. A row of one of them is not needed.
        root: the name of the folder that paths begin in.

    Raises:
        ValueError: see :func:`gdw.label_files.label_table.read_table`; most labels are no classes.
    """
    table = read_table(Path(path), least=0)
    ways_of = table.columns.pop(next(iter(usual_columns(table.columns, (CHOSEN_COLUMN,))), ""), None)
    found = answered(table, paths, others, class_names=class_names, first=CONFIRMED_COLUMNS, blank=False,
                     root=root)  # fmt: skip
    words = {place: {word for _, _, word in answers} for place, answers in found.of.items()}
    differing = [
        f"{paths[place]}, as {' and as '.join(sorted(said))}" for place, said in words.items() if len(said) > 1
    ]
    agreed = {place: min(said) for place, said in words.items() if len(said) == 1}
    labels, strange, _, note = numbered(agreed, class_names, table.path, paths)
    ways = {place: reduce(stronger, [ways_of[row].lower() if ways_of else NOT_KNOWN for row, _, _ in found.of[place]])
            for place in agreed}  # fmt: skip
    odd = (
        *no_picture_notes(found.missing, table.path),
        *passed_over("pictures as confirmed twice, differently", differing),
        *note,
    )
    if any(ways[place] in (RANDOM, IN_CLASS) for place in strange):
        odd += (f"no range of wrong labels while a random sample has such words: write the right class, or '{NONE}'",)
    if not usual_columns(found.columns, CONFIRMED_COLUMNS):
        odd += (f"confirmed labels are those of column {', '.join(found.columns)}",)
    if odd:
        warnings.warn(f"{table.path}: {'; '.join(odd)}", stacklevel=2)
    said = tuple(f"{table.path.name}: {note}" for note in (*found.notes, *odd))
    return Confirmed(labels, ways, strange, said)


def names_of(dataset: Dataset) -> tuple[str, ...]:
    """What tables call the pictures or rows of a data set: their paths, or their places, counted from 0."""
    return dataset.paths or tuple(map(str, range(len(dataset.labels))))


def confirmed_of(
    given: Mapping[Any, Any] | Path | str | None, dataset: Dataset, rows: Bool[np.ndarray, "rows"] | None = None
) -> Confirmed:
    """Confirmed labels for a data set.

    Args:
        given: a table's path; or a mapping from a picture (its path, or its place among the rows) to a class (its
            name, or its number). Where the data set has no paths, a picture is called by its place.
        rows: which of the rows that a person has are in the data set; by default all.
    """
    rows = np.ones(len(dataset.labels), bool) if rows is None else rows
    if given is None:
        return Confirmed()
    paths, every = names_of(dataset), dataset.all_class_names
    if isinstance(given, (str, Path)):
        others = (*(dataset.test_paths or ()), *(dataset.validation_paths or ()))
        found = read_confirmed(files.user_path(given), paths, every, others, dataset.name)
        return found.of_classes(every, dataset.class_names)
    if not isinstance(given, Mapping):
        raise ValueError(f"confirmed must be a table's path or a dictionary from pictures to classes, got {given!r}")
    places = {path: place for place, path in enumerate(paths)}
    numbers = {_place(picture, places, dataset, rows): _number(label, every) for picture, label in given.items()
             if as_meant([str(label)], every) != [""]}  # fmt: skip
    chosen = {_place(picture, places, dataset, rows): way for picture, way in as_confirmed(given).chosen.items()}
    return Confirmed(numbers, chosen).of_classes(every, dataset.class_names)


def _place(picture: object, places: Mapping[str, int], dataset: Dataset, rows: Bool[np.ndarray, "rows"]) -> int:
    if isinstance(picture, str):
        if picture not in places:
            raise ValueError(f"confirmed: no picture of {dataset.name} is called {picture!r}")
        return places[picture]
    row = whole_number("the place of a confirmed picture", picture, 0, len(rows) - 1)
    if not rows[row]:
        raise ValueError(f"confirmed: row {row} of {dataset.name} has no label that could be checked")
    return int(rows[:row].sum())


def _number(label: object, class_names: Sequence[str]) -> int:
    if isinstance(label, str):
        return class_numbers([label], class_names, "the confirmed labels")[0][0]
    return NO_CLASS if label == NO_CLASS else whole_number("a confirmed class", label, 0, len(class_names) - 1)
