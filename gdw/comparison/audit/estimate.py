"""What an audit will cost, said before the work: time, memory and disk, from a few pictures that are timed."""

import numpy as np

from gdw.data.dataset import Dataset
from gdw.data.features import timed
from gdw.data.on_disk import OnDisk

BASE = 1.0e9  # bytes: the program, a network and a batch of pictures
ROW, ROW_CLASS = 1000, 48  # bytes in memory for each row: its words, and its probabilities for each class
FLOAT = 4  # bytes


def estimate(dataset: Dataset, network: str | None, size: int | None) -> str:
    """In words.

    Args:
        dataset: whose training, validation and test pictures are described.
        network, size: as for :func:`gdw.data.features.with_features`; None: the pictures are taken as they are.

    Raises:
        ValueError, OSError: as ``with_features`` does, for its network.
    """
    count = sum(len(images) for _, images in dataset.parts())
    memory = BASE + len(dataset.labels) * (ROW + ROW_CLASS * len(dataset.class_names))
    if network is None or dataset.images.ndim != 4:
        numbers = int(np.prod(dataset.images.shape[1:]))
        held = 0 if isinstance(dataset.images, OnDisk) else FLOAT * numbers * count
        return f"{count} rows of {numbers} numbers: expect {_size(memory + held)} of memory"
    seconds, width = timed(dataset, network, size)
    return (
        f"{count} pictures: expect {_duration(seconds * count)} for features ({1000 * seconds:.0f} ms a picture), "
        f"{_size(memory)} of memory, {_size(FLOAT * width * count)} on disk; then the folds"
    )


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(1, round(seconds))} s"
