"""What an audit is given: a folder of pictures with labels, and the pictures that a person has confirmed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gdw import files
from gdw.data.dataset import Dataset
from gdw.data.folder import load_folder
from gdw.data.human_labels import chosen_column
from gdw.data.label_table import Table, class_numbers, match, read_table
from gdw.data.scan import natural_key, pictures_below, scan
from gdw.data.table import load_table
from gdw.errors import unknown, whole_number

LEAST_CONFIRMED = 2  # pictures of each class, if any are confirmed
CONFIRMED_COLUMNS = ("label", "confirmed", "confirmed_label")  # tried in this order


@dataclass(frozen=True)
class Listing:
    """What is known of a folder before a picture is decoded.

    Attributes:
        files: the pictures to be audited.
        paths: of each, relative to the folder.
        labels: observed.
        class_names: in natural order.
        others: paths of pictures that are not audited: a test set's, a validation set's.
    """

    files: tuple[Path, ...]
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    others: tuple[str, ...] = ()


def list_folder(folder: Path, table: Path | None = None, column: str | None = None) -> Listing:
    """Look through a folder with a class in each subfolder, or through any folder with a table of labels.

    Raises:
        ValueError, FileNotFoundError: as ``load_folder`` and ``load_table`` raise.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of pictures {folder}")
    if table is not None:
        return _list_table(folder, table, column)
    try:
        found = scan(folder)
    except ValueError as error:
        if "class folders" not in str(error):
            raise
        raise ValueError(f"{error}, or a table of labels: --labels labels.csv with the columns path,label") from None
    pictures, labels = found.splits["train"]
    other = [file for split, (theirs, _) in found.splits.items() if split != "train" for file in theirs]
    return Listing(
        tuple(pictures), _relative(pictures, folder), tuple(labels), found.class_names, _relative(other, folder)
    )


def _list_table(folder: Path, path: Path, column: str | None) -> Listing:
    table = read_table(path)
    words = table.columns[chosen_column(table.columns, column, path)]
    pictures, _ = pictures_below(folder)
    chosen = match(table, _relative(pictures, folder))
    known = [(file, words[row]) for file, row in zip(pictures, chosen, strict=True) if row is not None]
    names = tuple(sorted({word for _, word in known}, key=natural_key))
    labels = tuple(names.index(word) for _, word in known)
    listed = [file for file, _ in known]
    return Listing(tuple(listed), _relative(listed, folder), labels, names)


def load_pictures(folder: Path, table: Path | None, column: str | None, seen_at: int | None) -> Dataset:
    """The data set: its labels are the observed ones.

    Args:
        seen_at: height and width in pixels at which a network will see the pictures; None if none will.
    """
    if table is None:
        return load_folder(folder, seen_at=seen_at)
    return load_table(folder, table, column, seen_at=seen_at)


def read_confirmed(path: Path, listing: Listing) -> dict[int, int]:
    """The confirmed label of each picture that a person looked at: place in ``listing.paths`` to class number.

    Args:
        path: CSV or TSV with the columns ``path,label``. A row of a picture that is not audited is not needed.

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
    chosen = match(table, listing.paths, {name: place for place, name in enumerate(listing.others)})
    numbers = class_numbers(words, listing.class_names, path)
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
        return read_confirmed(Path(given), Listing((), paths, (), dataset.class_names, others))
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


def check_counts(
    labels: Sequence[int], confirmed: Mapping[int, int], class_names: Sequence[str], folds: int
) -> None:
    """Refuse what no ranking can be made of.

    Raises:
        ValueError: a class with fewer pictures to judge than folds; some confirmed, but fewer than 2 of a class.
    """
    if confirmed:
        counts = Counter(confirmed.values())
        short = [f"{name} has {counts[c]}" for c, name in enumerate(class_names) if counts[c] < LEAST_CONFIRMED]
        if short:
            raise ValueError(
                f"confirm at least {LEAST_CONFIRMED} pictures of each class, or none at all: {_some(short)}"
            )
    left = Counter(label for place, label in enumerate(labels) if place not in confirmed)
    few = [f"{name} has {left[c]}" for c, name in enumerate(class_names) if left[c] < folds]
    if few:
        raise ValueError(
            f"each class needs at least {folds} pictures that are not confirmed, one for each of {folds} folds: "
            f"{_some(few)}"
        )


def _some(parts: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(parts) - shown} more classes have too few" if len(parts) > shown else ""
    return ", ".join(parts[:shown]) + more


def _relative(pictures: Sequence[Path], folder: Path) -> tuple[str, ...]:
    return tuple(file.relative_to(folder).as_posix() for file in pictures)


def as_labels(observed: object, dataset: Dataset) -> torch.Tensor:
    """Observed labels that are given with the data set, checked against it."""
    return dataset.labels if observed is None else replace(
        dataset, labels=observed, test_images=None, test_labels=None, test_paths=None, test_pictures=None,
        validation_images=None, validation_labels=None, validation_paths=None, validation_pictures=None,
    ).labels  # fmt: skip
