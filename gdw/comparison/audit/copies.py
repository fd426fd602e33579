"""Copies: the same picture more than once, found by its content."""

from collections.abc import Sequence
from dataclasses import dataclass

from gdw.comparison.audit.heads import Labels
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

    def in_other_classes(self, labels: Labels) -> dict[int, int]:
        """For each picture that has a copy with another label, that copy."""
        found = {}
        for group in self.groups:
            for place in group:
                other = next((one for one in group if labels[one] != labels[place]), None)
                if other is not None:
                    found[place] = other
        return found

    def notes(self, labels: Labels, names: Sequence[str]) -> list[str]:
        """Sentences for the reader."""
        said = []
        listed = [" = ".join(names[place] for place in group[:SHOWN]) for group in self.groups]
        classes = [len(set(labels[list(group)])) for group in self.groups]
        same = [text for text, count in zip(listed, classes, strict=True) if count == 1]
        differing = [text for text, count in zip(listed, classes, strict=True) if count > 1]
        if same:
            said.append(f"{len(same)} pictures are there more than once in their class (first: {same[0]})")
        if differing:
            shown = "; ".join(differing[:SHOWN])
            said.append(f"{len(differing)} pictures are in several classes, so at least one label is wrong: {shown}")
        if self.outside:
            place, name = self.outside[0]
            said.append(
                f"{len(self.outside)} copies of training pictures are in the test or validation set, so scores on it "
                f"are too high (first: {names[place]} = {name})"
            )
        return said


def find_copies(dataset: Dataset) -> Copies:
    """By a hash of the pixels at the size at which they were read: the same photo under another name is found too."""
    places: dict[bytes, list[int]] = {}
    outside: list[tuple[int, str]] = []
    for part, prefix in PARTS.items():  # the training set first
        images, paths = getattr(dataset, f"{prefix}images"), getattr(dataset, f"{prefix}paths")
        for place, key in enumerate(() if images is None else picture_keys(images.cpu(), dataset.pixels.scale)):
            if prefix:
                name = paths[place] if paths else f"{part} picture {place}"
                outside += [(one, name) for one in places.get(key, ())]
            else:
                places.setdefault(key, []).append(place)
    groups = tuple(tuple(group) for group in places.values() if len(group) > 1)
    return Copies(groups, tuple(outside))
