"""Confirmed pictures: those whose label a person has checked, from a table or a dictionary."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gdw import files
from gdw.data.dataset import Dataset
from gdw.data.human_labels import chosen_column
from gdw.data.label_table import Table, class_numbers, match, read_table
from gdw.errors import unknown, whole_number

CONFIRMED_COLUMNS = ("label", "confirmed", "confirmed_label")  # tried in this order


def read_confirmed(
    path: Path, paths: Sequence[str], class_names: Sequence[str], others: Sequence[str] = ()
) -> dict[int, int]:
    """The confirmed label of each picture that a person looked at: place in ``paths`` to class number.

    Args:
        path: CSV or TSV with the columns ``path,label``.
        paths: of all pictures whose labels are in question.
        class_names: in the order of their numbers.
        others: pictures whose labels are not: those of a test folder, say. A row of one of them is not needed.

    Raises:
        ValueError: no table; an unknown path; an unknown class, with the nearest; a picture confirmed as two classes.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if _only_names(path):
        return {}
    table = read_table(path)
    columns = {name.lower(): name for name in table.columns}
    named = next((columns[name] for name in CONFIRMED_COLUMNS if name in columns), None)
    words = table.columns[named or chosen_column(table.columns, None, path)]
    table = _without_repeats(table, words)
    words = table.columns["label"]
    chosen = match(table, paths, {name: place for place, name in enumerate(others)})
    numbers = class_numbers(words, class_names, path)
    return {place: numbers[row] for place, row in enumerate(chosen) if row is not None}


def _only_names(path: Path) -> bool:
    """Whether the file has a row of column names and nothing else: nobody has confirmed a picture yet."""
    if path.name.lower().endswith(".gz"):
        return False
    rows = [row for row in files.read_text(path).lstrip("\ufeff").splitlines() if row.strip()]
    return len(rows) == 1 and "path" in rows[0].lower()


def _without_repeats(table: Table, words: Sequence[str]) -> Table:
    """Each picture once.

    Raises:
        ValueError: a picture with two labels.
    """
    first: dict[str, int] = {}
    for row, written in enumerate(table.paths):
        name = "/".join(part for part in written.strip().replace("\\", "/").split("/") if part not in ("", "."))
        before = first.setdefault(name, row)
        if words[before] != words[row]:
            raise ValueError(
                f"{table.path}: {written} is confirmed twice, as {words[before]} in row {before + 1} and as "
                f"{words[row]} in row {row + 1}"
            )
    rows = list(first.values())
    return replace(table, paths=[table.paths[row] for row in rows], columns={"label": [words[row] for row in rows]})


def confirmed_of(given: Mapping | Path | str | None, dataset: Dataset) -> dict[int, int]:
    """Confirmed labels for a data set: place to class number.

    Args:
        given: a table's path; or a mapping from a picture (its path, or its place in the data set) to a class (its
            name, or its number).

    Raises:
        ValueError: as ``read_confirmed`` does.
    """
    if given is None:
        return {}
    paths = dataset.paths or ()
    if isinstance(given, (str, Path)):
        if not paths:
            raise ValueError(f"{given} names pictures by path, but {dataset.name} is not a folder of pictures")
        others = (*(dataset.test_paths or ()), *(dataset.validation_paths or ()))
        return read_confirmed(Path(given).expanduser(), paths, dataset.class_names, others)
    if not isinstance(given, Mapping):
        raise ValueError(f"confirmed must be a table's path or a dictionary from pictures to classes, got {given!r}")
    places = {path: place for place, path in enumerate(paths)}
    return {_place(picture, places, dataset): _number(label, dataset) for picture, label in given.items()}


def _place(picture: object, places: Mapping[str, int], dataset: Dataset) -> int:
    if isinstance(picture, str):
        if picture not in places:
            raise ValueError(f"confirmed: no picture of {dataset.name} is called {picture!r}")
        return places[picture]
    return whole_number("the place of a confirmed picture", picture, 0, len(dataset.labels) - 1)


def _number(label: object, dataset: Dataset) -> int:
    if isinstance(label, str):
        if label not in dataset.class_names:
            raise unknown("confirmed class", label, dataset.class_names)
        return dataset.class_names.index(label)
    return whole_number("a confirmed class", label, 0, len(dataset.class_names) - 1)
