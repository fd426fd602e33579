"""What an audit is given: a folder of pictures with labels, and the pictures that a person has confirmed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from gdw.data import folder as folders
from gdw.data.dataset import Dataset
from gdw.data.folder import Listing

LEAST_CONFIRMED = 2  # pictures of each class in the clean set of a method


def list_folder(folder: Path, table: Path | None = None, column: str | None = None) -> Listing:
    """Look through a folder with a class in each subfolder, or through any folder with a table of labels.

    Raises:
        ValueError, FileNotFoundError: as ``load_folder`` and ``load_table`` raise.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of pictures {folder}")
    if table is not None:
        return folders.list_table(folder, table, column)
    try:
        return folders.list_folder(folder)
    except ValueError as error:
        if "class folders" not in str(error):
            raise
        raise ValueError(f"{error}, or a table of labels: --labels labels.csv with the columns path,label") from None


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


def as_labels(observed: object, dataset: Dataset) -> torch.Tensor:
    """Observed labels that are given with the data set, checked against it."""
    return dataset.labels if observed is None else replace(
        dataset, labels=observed, test_images=None, test_labels=None, test_paths=None, test_pictures=None,
        validation_images=None, validation_labels=None, validation_paths=None, validation_pictures=None,
    ).labels  # fmt: skip
