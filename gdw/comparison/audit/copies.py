"""Copies: the same picture more than once, found by its content."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gdw.data.dataset import PARTS, Dataset
from gdw.data.features import picture_keys

SHOWN = 3  # pairs that a note names


@dataclass(frozen=True)
class Copies:
    """Groups of pictures that are the same, picture by picture.

    Attributes:
        groups: places of training pictures, in ascending order.
        outside: places of training pictures that are in the test or validation set too, and the path there.
    """

    groups: tuple[tuple[int, ...], ...]
    outside: tuple[tuple[int, str], ...]

    def in_other_classes(self, labels: np.ndarray) -> dict[int, int]:
        """For each picture that has a copy with another label, that copy."""
        found = {}
        for group in self.groups:
            for place in group:
                other = next((one for one in group if labels[one] != labels[place]), None)
                if other is not None:
                    found[place] = other
        return found


def find_copies(dataset: Dataset) -> Copies:
    """By a hash of the pixels at the size at which they were read: the same photo under another name is found too."""
    keys = _keys(dataset, "")
    places: dict[bytes, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    groups = tuple(tuple(group) for group in places.values() if len(group) > 1)
    outside = []
    for part, prefix in PARTS.items():
        if prefix and getattr(dataset, f"{prefix}images") is not None:
            paths = getattr(dataset, f"{prefix}paths")
            for place, key in enumerate(_keys(dataset, prefix)):
                name = paths[place] if paths else f"{part} picture {place}"
                outside += [(one, name) for one in places.get(key, ())]
    return Copies(groups, tuple(outside))


def _keys(dataset: Dataset, prefix: str) -> list[bytes]:
    return picture_keys(getattr(dataset, f"{prefix}images").cpu(), dataset.pixels.scale)


def notes(copies: Copies, labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Sentences for the reader."""
    said = []
    same = [group for group in copies.groups if len(set(labels[list(group)])) == 1]
    if same:
        said.append(f"{len(same)} pictures are there more than once in their class (first: {_listed(same[0], names)})")
    differing = [group for group in copies.groups if len(set(labels[list(group)])) > 1]
    if differing:
        shown = "; ".join(_listed(group, names) for group in differing[:SHOWN])
        said.append(f"{len(differing)} pictures are in several classes, so at least one label is wrong: {shown}")
    if copies.outside:
        place, name = copies.outside[0]
        said.append(
            f"{len(copies.outside)} copies of training pictures are in the test or validation set, so scores on it are "
            f"too high (first: {names[place]} = {name})"
        )
    return said


def _listed(group: Sequence[int], names: Sequence[str]) -> str:
    return " = ".join(names[place] for place in group[:SHOWN])
