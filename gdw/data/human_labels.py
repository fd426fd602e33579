"""Labels that people gave, from a file: CIFAR-10N and CIFAR-100N as published, arrays, and tables by path."""

import warnings
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from gdw.data.dataset import Dataset
from gdw.data.label_files import ALONE, label_sets, whole_numbers
from gdw.data.label_table import is_table, labels_by_path, read_table
from gdw.errors import unknown

PREFIX = "human:"
# Tried in this order where none is named: CIFAR-100N's, then CIFAR-10N's worst, then common names for your own labels.
KEYS = ("noisy_label", "worse_label", ALONE, "labels", "observed_label")
CLEAN_KEY = "clean_label"
FILE_ENDINGS = (".pt", ".pth", ".npy", ".npz", ".pkl", ".pickle", ".csv", ".tsv", ".gz")
SHOWN = 12  # classes whose numbers an error lists


def parse(noise: str) -> tuple[Path, str | None]:
    r"""``"human:PATH"`` or ``"human:PATH:KEY"`` to the path and the key; ``C:\labels.csv`` keeps its drive.

    Raises:
        ValueError: no path.
    """
    text = noise.removeprefix(PREFIX)
    path, colon, key = text.rpartition(":")
    drive = len(path) == 1 and path.isalpha()
    if not colon or drive or "/" in key or "\\" in key or Path(key).suffix in FILE_ENDINGS:
        path, key = text, ""
    if not path.strip():
        raise ValueError(f"human labels need a path, human:PATH or human:PATH:KEY, got {noise!r}")
    return Path(path).expanduser(), key or None


def human_labels(noise: str, dataset: Dataset) -> Int[Tensor, "images"]:
    """The observed labels of all training images of a data set, checked against it.

    A table (``.csv``, ``.tsv``, also ``.gz``) has a column ``path`` and columns of labels, which are names of classes
    or their numbers; its rows are matched by path to a data set from a folder of pictures. Any other file holds one
    array of class numbers, or a dictionary of them as published (``aggre_label``, ``worse_label``,
    ``random_label1``, ... for CIFAR-10N, ``noisy_label`` for CIFAR-100N), in the order of the training images.

    The published files follow CIFAR's own order, with mixed classes; a folder of pictures is read class
    by class. If such a file has a ``clean_label`` with the folder's number of images in each class, its k-th row
    of a class belongs to the folder's k-th picture of that class: this is right if the folder's names keep CIFAR's
    order within each class.

    Args:
        noise: ``"human:PATH"`` or ``"human:PATH:KEY"``; KEY is a set of labels, or a column of a table.
        dataset: the labels are for its training images.

    Raises:
        ValueError: a file that cannot be read, with its cause; an unknown key or class; another length; labels out of
            range; a ``clean_label`` that is not the data set's.
        FileNotFoundError: there is no such file.

    Source: Wei et al., Learning with Noisy Labels Revisited: A Study Using Real-World Human Annotations, ICLR 2022.
    """
    path, key = parse(noise)
    if is_table(path):
        return _from_table(path, key, dataset)
    found = label_sets(path)
    key = _key(found, key, path)
    labels = whole_numbers(found[key], path)
    _check(labels, dataset, path)
    _warn_of_numbers(dataset, path)
    clean_key = key.replace("noisy", "clean")  # CIFAR-100N has coarse classes too, each set with its clean labels
    clean_key = clean_key if clean_key != key and clean_key in found else CLEAN_KEY
    if clean_key not in found:
        return labels
    clean = whole_numbers(found[clean_key], path)
    return labels[_rows_for(clean, dataset, path)]


def chosen_column(columns: dict, key: str | None, path: Path) -> str:
    """The column of labels: the one named, the first of ``KEYS``, or the only one.

    Raises:
        ValueError: no such column, or several to choose from.
    """
    return _key(columns, key, path)


def _key(found: dict, key: str | None, path: Path) -> str:
    if key is None:
        key = next((name for name in KEYS if name in found), None)
    if key is None and len(found) - (CLEAN_KEY in found) == 1:
        key = next(name for name in found if name != CLEAN_KEY)
    if key is None:
        raise ValueError(f"{path} has several sets of labels, name one as human:PATH:KEY: {', '.join(found)}")
    if key not in found:
        raise unknown(f"label set in {path.name}", key, found)
    return key


def _from_table(path: Path, key: str | None, dataset: Dataset) -> Int[Tensor, "images"]:
    table = read_table(path)
    column = _key(table.columns, key, path)
    labels = labels_by_path(table, column, dataset)
    if CLEAN_KEY in table.columns and not torch.equal(labels_by_path(table, CLEAN_KEY, dataset), dataset.labels.cpu()):
        raise ValueError(f"{path}: its {CLEAN_KEY} is not this data set's{_class_order(dataset)}")
    if not set(table.columns[column]) & set(dataset.class_names):
        _warn_of_numbers(dataset, path)
    return labels


def _check(labels: Tensor, dataset: Dataset, path: Path) -> None:
    count, classes = len(dataset.labels), len(dataset.class_names)
    if labels.shape != (count,):
        raise ValueError(f"{path}: one label for each of {count} training images, got shape {tuple(labels.shape)}")
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        raise ValueError(
            f"{path}: labels must lie in 0 ... {classes - 1}, got {int(labels.min())} to {int(labels.max())}"
            f"{_class_order(dataset)}"
        )


def _rows_for(clean: Tensor, dataset: Dataset, path: Path) -> Int[Tensor, "images"]:
    """For each training image the row of the file that is its own."""
    own = dataset.labels.cpu()
    if torch.equal(clean, own):
        return torch.arange(len(own))
    classes = len(dataset.class_names)
    if clean.shape == own.shape and int(clean.min()) >= 0 and dataset.paths is not None:
        counts, own_counts = (torch.bincount(labels, minlength=classes) for labels in (clean, own))
        if torch.equal(counts, own_counts):
            rows = torch.empty_like(own)
            rows[own.argsort(stable=True)] = clean.argsort(stable=True)
            return rows
    raise ValueError(
        f"{path}: its {CLEAN_KEY} is not this data set's: other images, or another order{_class_order(dataset)}"
    )


def _class_order(dataset: Dataset) -> str:
    """The number of each class, for a data set whose classes were folders: their order is a likely cause."""
    if dataset.paths is None:
        return ""
    names = [f"{label} = {name}" for label, name in enumerate(dataset.class_names)][:SHOWN]
    more = ", ..." if len(dataset.class_names) > SHOWN else ""
    return f" (its classes are numbered {', '.join(names)}{more})"


def _warn_of_numbers(dataset: Dataset, path: Path) -> None:
    """Numbers of classes mean something else to each way of ordering folders: say which is taken where it matters."""
    names = dataset.class_names
    numbers_differ = any(name.isdigit() and int(name) != label for label, name in enumerate(names))
    if dataset.paths is not None and (list(names) != sorted(names) or numbers_differ):
        warnings.warn(f"{path} gives numbers of classes: they are taken{_class_order(dataset)}", stacklevel=4)
