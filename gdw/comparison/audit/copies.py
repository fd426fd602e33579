"""Copies: the same picture more than once, exactly or nearly: resized, saved again, cropped a little."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt64
from torch.nn.functional import cosine_similarity

from gdw.cache import digest
from gdw.comparison.audit.heads import Features, Labels
from gdw.pictures.extraction import Seen
from gdw.pictures.feature_store import BLOCK
from gdw.pictures.pixels import distance

SHOWN = 3  # pairs that a note names
BAND, SHIFT = 16, 8  # bits of a fingerprint: two pictures are compared if they agree in one of eight overlapping bands
BITS = np.uint64(64)
COMPARED = 50  # pictures with which one is compared in each band, at most: the work grows as their number does
NEAR_BITS = 8  # of 64: of 499,500 pairs of CIFAR-10's pictures none differs in so few; saved again, all do
NEAR_COSINE = 0.9  # of standardised features: below it they are of two pictures, whatever the fingerprints say

Pairs = Int[np.ndarray, "pairs 2"]


@dataclass(frozen=True)
class Copies:
    """Groups of pictures that are the same, picture by picture.

    Attributes:
        groups: places of training pictures, in ascending order.
        near: whether some are only nearly the same, for each group.
        outside: places of training pictures that are in the test or validation set too, and the path there.
        of_numbers: whether these are rows of numbers, of which two things may have the same.
    """

    groups: tuple[tuple[int, ...], ...] = ()
    near: tuple[bool, ...] = ()
    outside: tuple[tuple[int, str], ...] = ()
    of_numbers: bool = False

    def in_other_classes(self, labels: Labels) -> dict[int, int]:
        """For each picture that has a copy with another label, that copy."""
        found = {}
        for group in () if self.of_numbers else self.groups:
            for place in group:
                other = next((one for one in group if labels[one] != labels[place]), None)
                if other is not None:
                    found[place] = other
        return found

    def notes(self, labels: Labels, names: Sequence[str]) -> list[str]:
        """Sentences for the reader."""
        said, things = [], "rows" if self.of_numbers else "pictures"
        for near, what in ((False, ""), (True, "nearly ")):
            groups = [group for group, is_near in zip(self.groups, self.near, strict=True) if is_near == near]
            listed = [" = ".join(names[place] for place in group[:SHOWN]) for group in groups]
            one = [len({int(labels[place]) for place in group}) == 1 for group in groups]
            same = [text for text, alone in zip(listed, one, strict=True) if alone]
            differing = [text for text, alone in zip(listed, one, strict=True) if not alone]
            if same:
                said.append(f"{len(same)} {things} are there {what}more than once in their class (first: {same[0]})")
            if differing:
                shown = "; ".join(differing[:SHOWN])
                wrong = "" if self.of_numbers else ", so at least one label is wrong"
                said.append(f"{len(differing)} {things} are {what}in several classes{wrong}: {shown}")
        sizes = Counter(labels.tolist())
        alone = [group for group in self.groups for label, count in Counter(labels[[*group]].tolist()).items()
                 if count == sizes[label]]  # fmt: skip
        if alone:
            said.append(f"all {things} of a class are one (first: {names[alone[0][0]]}): its labels cannot be judged")
        if self.outside:
            place, name = self.outside[0]
            said.append(
                f"{len(self.outside)} copies of training pictures are in the test or validation set, so scores on it "
                f"are too high (first: {names[place]} = {name})"
            )
        return said


def find_copies(
    parts: Mapping[str, Seen], paths: Mapping[str, Sequence[str] | None], features: Features | None = None
) -> Copies:
    """By a hash of the pixels at the size at which they were read; near copies by fingerprints and features.

    Args:
        parts: what is known of the pictures, by part of the data set, the training pictures first.
        paths: of the pictures of each part.
        features: standardised, of the training pictures; None: exact copies alone are found.
    """
    first, *others = parts.items()
    places: dict[bytes, list[int]] = {}
    for place, key in enumerate(first[1].keys):
        places.setdefault(key, []).append(place)
    exact = [(group[0], other) for group in places.values() for other in group[1:]]
    different = np.array([group[0] for group in places.values()], np.int64)
    near = [] if features is None else _near(first[1].fingerprints, different, features)
    groups = _joined([*exact, *near])
    nearly = tuple(len({first[1].keys[place] for place in group}) > 1 for group in groups)
    outside = []
    for part, seen in others:
        for place, key in enumerate(seen.keys):
            listed = paths[part]
            name = listed[place] if listed else f"{part} {place}"
            outside += [(one, name) for one in places.get(key, ())]
    return Copies(groups, nearly, tuple(outside))


def equal_rows(features: Features) -> Copies:
    """Rows of the same numbers, where most differ: those of a table of few values are no copies of each other."""
    places: dict[bytes, list[int]] = {}
    for start in range(0, len(features), BLOCK):
        for place, row in enumerate(features.matrix[features.places[start : start + BLOCK]], start):
            places.setdefault(digest(row.tobytes()), []).append(place)
    most_differ = 2 * len(places) > len(features)
    groups = tuple(tuple(group) for group in places.values() if len(group) > 1) if most_differ else ()
    return Copies(groups, (False,) * len(groups), of_numbers=True)


def _near(
    fingerprints: UInt64[np.ndarray, "pictures"], different: Labels, features: Features
) -> Iterator[tuple[int, int]]:
    """Pairs of different pictures that are nearly the same: by their fingerprints, and then by their features."""
    found = [np.empty((0, 2), np.int64), *_candidates(fingerprints[different])]
    pairs = different[np.unique(np.concatenate(found), axis=0)]
    one, other = (features[pairs[:, side]].blocks() for side in (0, 1))
    for (rows, left), (_, right) in zip(one, other, strict=True):
        yield from map(tuple, pairs[rows][cosine_similarity(left, right).numpy() >= NEAR_COSINE].tolist())


def _candidates(fingerprints: UInt64[np.ndarray, "pictures"]) -> Iterator[Pairs]:
    """Pairs that agree in a band and differ in few bits. In large bands each is compared with those next in order."""
    places = np.flatnonzero(fingerprints)  # 0: a picture without a pattern
    for start in map(np.uint64, range(0, BITS, SHIFT)):
        turned = fingerprints[places] << start | fingerprints[places] >> (BITS - start) % BITS
        order = np.argsort(turned, kind="stable")
        turned, own = turned[order], places[order]
        band = turned >> np.uint64(BITS - BAND)
        for step in range(1, COMPARED):
            one = np.flatnonzero(band[step:] == band[:-step])
            one = one[distance(turned[one], turned[one + step]) <= NEAR_BITS]
            yield np.sort(np.stack([own[one], own[one + step]], axis=1), axis=1)


def _joined(pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Groups of all that pairs connect."""
    if not pairs:
        return ()
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    places, numbers = np.unique(np.array(pairs), return_inverse=True)
    one, other = numbers.reshape(-1, 2).T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(len(places),) * 2)
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    parts = np.split(places[order], np.flatnonzero(np.diff(group[order])) + 1)
    return tuple(sorted(tuple(part.tolist()) for part in parts))
