"""Labels that people gave: the published CIFAR-10N / CIFAR-100N files, from a path; never unpickled blindly."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gdw.errors import unknown

PREFIX = "human:"
KEYS = ("noisy_label", "worse_label")  # tried in this order where none is named: CIFAR-100N's, then CIFAR-10N's worst
CLEAN_KEY = "clean_label"
# What a pickled numpy array is made of; nothing of it can run code.
ARRAY_PARTS = [np.ndarray, np.dtype, np._core.multiarray._reconstruct, np.dtypes.Int64DType, np.dtypes.Int32DType]


def parse(noise: str) -> tuple[Path, str | None]:
    """``"human:PATH"`` or ``"human:PATH:KEY"`` to the path and the key."""
    text = noise.removeprefix(PREFIX)
    path, colon, key = text.rpartition(":")
    if colon and "/" not in key and "." not in key:
        return Path(path), key
    return Path(text), None


def human_labels(noise: str, clean: Int[Tensor, "images"], classes: int) -> Int[Tensor, "images"]:
    """The observed labels of a whole data set, checked against it.

    Args:
        noise: ``"human:PATH"`` or ``"human:PATH:KEY"``; the file is a ``.pt`` or ``.npy`` that holds one array of
            labels, or a dictionary of them as published (``aggre_label``, ``worse_label``, ``random_label1``, ...
            for CIFAR-10N, ``noisy_label`` for CIFAR-100N), in the order of the data set's training images.
        clean: the data set's own labels in that order.
        classes: C.

    Raises:
        ValueError: a file that cannot be read as plain arrays; an unknown key; another length; labels out of range;
            a ``clean_label`` in the file that is not the data set's (another order of images).
        FileNotFoundError: there is no such file.

    Source: Wei et al., Learning with Noisy Labels Revisited: A Study Using Real-World Human Annotations, ICLR 2022.
    """
    path, key = parse(noise)
    found = _labels_in(path)
    labels = _chosen(found, key, path)
    _check(labels, len(clean), classes, path)
    if CLEAN_KEY in found:
        own = _tensor(found[CLEAN_KEY], path)
        if not torch.equal(own, clean.cpu()):
            raise ValueError(f"{path}: its {CLEAN_KEY} is not this data set's: other images, or another order")
    return labels


def _labels_in(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of human labels")
    try:
        if path.suffix == ".npy":
            content = np.load(path, allow_pickle=False)
        else:
            with torch.serialization.safe_globals(ARRAY_PARTS), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of pickles that torch did not write: they are refused or read
                content = torch.load(path, weights_only=True, map_location="cpu")
    except (UnpicklingError, ValueError, RuntimeError, EOFError, KeyError):
        # torch's own message advises to load the file unsafely: not passed on
        raise ValueError(f"{path} does not hold plain arrays of labels, which must be whole numbers") from None
    return dict(content) if isinstance(content, Mapping) else {KEYS[0]: content}


def _chosen(found: dict, key: str | None, path: Path) -> Int[Tensor, "images"]:
    if key is None:
        key = next((name for name in KEYS if name in found), KEYS[0])
    if key not in found:
        raise unknown(f"label set in {path.name}", key, [str(name) for name in found])
    return _tensor(found[key], path)


def _tensor(values, path: Path) -> Int[Tensor, "images"]:
    try:
        labels = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{path}: labels must be whole numbers") from None
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"{path}: labels must be whole numbers, got {labels.dtype}")
    return labels.long()


def _check(labels: Tensor, count: int, classes: int, path: Path) -> None:
    if labels.shape != (count,):
        raise ValueError(f"{path}: one label for each of {count} training images, got shape {tuple(labels.shape)}")
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        raise ValueError(
            f"{path}: labels must lie in 0 ... {classes - 1}, got {int(labels.min())} to {int(labels.max())}"
        )
