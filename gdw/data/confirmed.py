"""Confirmed pictures: those whose label a person has checked, and how each of them was chosen to be checked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gdw import files
from gdw.data.class_names import NO_CLASS, NONE
from gdw.data.dataset import Dataset
from gdw.data.label_table import Table, chosen_column, read_table
from gdw.data.picture_labels import labels_of_words, match
from gdw.errors import unknown, whole_number

CONFIRMED_COLUMNS = ("label", "confirmed", "confirmed_label")  # tried in this order
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
    """

    labels: Mapping[int, int] = field(default_factory=dict)
    chosen: Mapping[int, str] = field(default_factory=dict)

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
        return Confirmed(labels, {new[place]: way for place, way in self.chosen.items() if place in new})

    def with_class(self) -> "Confirmed":
        """Without the pictures that belong to no class."""
        labels = {place: label for place, label in self.labels.items() if label != NO_CLASS}
        return Confirmed(labels, self.chosen)


def stronger(one: str, other: str) -> str:
    """How a picture was chosen that was chosen twice: one that is part of a random sample stays part of it."""
    return next((way for way in (RANDOM, IN_CLASS) if way in (one, other)), one or other)


def as_confirmed(given: Mapping[int, int]) -> Confirmed:
    """The same labels; a plain mapping does not say how its pictures were chosen."""
    return given if isinstance(given, Confirmed) else Confirmed(dict(given))


def read_confirmed(
    path: Path, paths: Sequence[str], class_names: Sequence[str], others: Sequence[str] = ()
) -> Confirmed:
    """The confirmed label of each picture that a person looked at, and how it was chosen.

    Args:
        path: CSV or TSV with the columns ``path,label``, and ``chosen`` where it is known; or an audit's own table with
            its column ``label`` filled in. A picture without a label is not checked; ``none of these``: it belongs
            to no class.
        paths: of all pictures whose labels are in question.
        class_names: in the order of their numbers.
        others: pictures whose labels are not: those of a test folder, say. A row of one of them is not needed.

    Raises:
        ValueError: no table; no path is of a picture; an unknown class, with the nearest; a picture confirmed as two
            classes.
        FileNotFoundError: there is no such file.
    """
    table = read_table(Path(path), least=0)
    columns = {name.lower(): words for name, words in table.columns.items()}
    ways = columns.pop(CHOSEN_COLUMN, [NOT_KNOWN] * len(table.paths))
    named = next((name for name in CONFIRMED_COLUMNS if name in columns), None)
    table = _without_repeats(table, columns[named or chosen_column(columns, None, table.path)], ways)
    row_of = match(table, paths, others)
    numbers = labels_of_words(table.columns["label"], class_names, table.path)
    return Confirmed(
        {place: numbers[row] for place, row in row_of.items()},
        {place: table.columns[CHOSEN_COLUMN][row] for place, row in row_of.items()},
    )


def _without_repeats(table: Table, words: Sequence[str], ways: Sequence[str]) -> Table:
    """Each checked picture once, with its label and how it was chosen; one that was drawn too is a drawn one.

    Raises:
        ValueError: a picture with two labels.
    """
    first: dict[str, int] = {}
    ways = [way.lower() for way in ways]
    for row, written in enumerate(table.paths):
        if not words[row]:
            continue
        name = "/".join(part for part in written.strip().replace("\\", "/").split("/") if part not in ("", "."))
        before = first.setdefault(name, row)
        if words[before] != words[row]:
            raise ValueError(
                f"{table.path}: {written} is confirmed twice, as {words[before]} in row {before + 1} and as "
                f"{words[row]} in row {row + 1}"
            )
        ways[before] = stronger(ways[before], ways[row])
    rows = list(first.values())
    columns = {"label": [words[row] for row in rows], CHOSEN_COLUMN: [ways[row] for row in rows]}
    return replace(table, paths=[table.paths[row] for row in rows], columns=columns)


def confirmed_of(given: Mapping[Any, Any] | Path | str | None, dataset: Dataset) -> Confirmed:
    """Confirmed labels for a data set.

    Args:
        given: a table's path; or a mapping from a picture (its path, or its place in the data set) to a class (its
            name, or its number).

    Raises:
        ValueError: as ``read_confirmed`` does.
    """
    if given is None:
        return Confirmed()
    paths = dataset.paths or ()
    if isinstance(given, (str, Path)):
        if not paths:
            raise ValueError(f"{given} names pictures by path, but {dataset.name} is not a folder of pictures")
        others = (*(dataset.test_paths or ()), *(dataset.validation_paths or ()))
        return read_confirmed(files.user_path(given), paths, dataset.class_names, others)
    if not isinstance(given, Mapping):
        raise ValueError(f"confirmed must be a table's path or a dictionary from pictures to classes, got {given!r}")
    places = {path: place for place, path in enumerate(paths)}
    found = {_place(picture, places, dataset): _number(label, dataset) for picture, label in given.items()}
    chosen = {_place(picture, places, dataset): way for picture, way in as_confirmed(given).chosen.items()}
    return Confirmed(found, chosen)


def _place(picture: object, places: Mapping[str, int], dataset: Dataset) -> int:
    if isinstance(picture, str):
        if picture not in places:
            raise ValueError(f"confirmed: no picture of {dataset.name} is called {picture!r}")
        return places[picture]
    return whole_number("the place of a confirmed picture", picture, 0, len(dataset.labels) - 1)


def _number(label: object, dataset: Dataset) -> int:
    if label in (NONE, NO_CLASS) and label not in dataset.class_names:
        return NO_CLASS
    if isinstance(label, str):
        if label not in dataset.class_names:
            raise unknown("confirmed class", label, dataset.class_names)
        return dataset.class_names.index(label)
    return whole_number("a confirmed class", label, 0, len(dataset.class_names) - 1)
