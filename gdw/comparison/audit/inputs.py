"""What an audit is given: a folder of pictures with labels, and the pictures that a person has confirmed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gdw.data.dataset import Dataset
from gdw.data.folder import load_folder
from gdw.data.human_labels import chosen_column
from gdw.data.label_table import match, read_table
from gdw.data.scan import natural_key, pictures_below, scan
from gdw.data.table import load_table

LEAST_CONFIRMED = 2  # pictures of each class in the clean set of a method


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


def check_counts(
    labels: Sequence[int], confirmed: Mapping[int, int], class_names: Sequence[str], folds: int, clean_set: bool = True
) -> None:
    """Refuse what no ranking can be made of.

    Args:
        clean_set: whether a method is trained with the confirmed pictures as its clean set.

    Raises:
        ValueError: a class with fewer pictures to judge than folds; a clean set with fewer than 2 of a class.
    """
    if confirmed and clean_set:
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
