"""``audit(dataset)``: which labels are probably wrong, as a table, and between which limits their share is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from gdw.comparison.audit.annotators import with_annotators
from gdw.comparison.audit.by_method import unseen
from gdw.comparison.audit.copies import Copies, find_copies
from gdw.comparison.audit.count import confident_joint, pairs, wrong_share
from gdw.comparison.audit.heads import FOLDS, Labels, LogProbs, check_probs, fold_of, standardised
from gdw.comparison.audit.output import Audit
from gdw.comparison.audit.rank import BY_METHOD, RANKINGS, Judged, Ranked, check_ranking
from gdw.comparison.audit.table import suspects
from gdw.data.confirmed import Confirmed, confirmed_of
from gdw.data.dataset import PARTS, Dataset
from gdw.data.features import described, hashed, thumbnails
from gdw.data.given import as_dataset
from gdw.data.on_disk import Images
from gdw.data.pretrained import LITE0
from gdw.errors import require_package, whole_number

LEAST_CONFIRMED = 2  # pictures of each class in the clean set of a method
NOTHING_CONFIRMED = (
    "no picture is confirmed: the ranking knows the observed labels alone, so it cannot see an error that most labels "
    "of a class share"
)

Progress = Callable[[str, int, int], object]
"""Called with what is counted (``"features"``, ``"epochs"``), how many are done, and how many there are."""


def audit(
    dataset: Any,
    confirmed: Mapping[str | int, str | int] | str | Path | None = None,
    *,
    observed: Any = None,
    pred_probs: Any = None,
    features: str | None = LITE0,
    features_size: int | None = None,
    ranking: str = "combined",
    method: str = "gdw",
    folds: int = FOLDS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Audit:
    """Rank the training pictures of a data set by how suspicious their labels are. What is right is not needed.

    Classifiers on features of a frozen network are trained on four fifths of the pictures and asked about the last
    fifth, in turn (:mod:`gdw.comparison.audit.heads`). Nothing is measured on labels that nobody has confirmed.

    Args:
        dataset: its ``labels`` are the observed ones. Of pictures; or of features already (``with_features``). Or what
            else holds pictures or numbers: see :func:`gdw.data.given.as_dataset`; ``observed`` are their labels.
        confirmed: labels that a person has checked: a table's path (``path,label``, and ``chosen``: ``random`` for
            pictures that were drawn at random), or a mapping from a picture (its path, or its place) to its class (by
            name or number; :class:`gdw.data.confirmed.Confirmed` says how it was chosen). None: the ranking knows the
            observed labels alone.
        observed: labels instead of the data set's.
        pred_probs: [rows, classes], probabilities of your own by classifiers that were not trained on the row; the
            classes in the order of the data set's. They take the place of the first round.
        features: a pretrained network of timm; None takes the stored pixels themselves.
        features_size: height and width in pixels at which it sees the pictures.
        ranking: ``"combined"``, ``"self-confidence"`` (cleanlab's), ``"with-method"`` (combined, times what classifiers
            trained by ``method`` say), or ``"weights"`` (of a run of ``method``).
        method: for ``"with-method"`` and ``"weights"``; the confirmed pictures are its clean set.
        folds: the number of parts into which the pictures are divided.
        seed: draws the folds, and the run of ``method``.
        progress: called while features are computed and a method trains.

    Raises:
        ValueError: a wrong argument, with the nearest known name; confirmed pictures that are unknown, of an unknown
            class, or for a ranking with a method fewer than 2 of a class; a class with fewer pictures than folds. All
            before any work.
        MissingPackage: cleanlab or timm is not installed.

    Source: the ranking builds on Northcutt et al., Confident Learning, JAIR 2021.
    """
    plan = Plan(features, features_size, ranking, method, folds, seed)
    dataset = as_dataset(dataset, observed)
    known, labels = confirmed_of(confirmed, dataset), dataset.labels
    given = None if pred_probs is None else check_probs(pred_probs, len(labels), dataset.class_names)
    plan.check(labels.tolist(), known, dataset.class_names)
    return plan.run(dataset, labels.cpu().numpy(), known, progress or unseen, given)


@dataclass(frozen=True)
class Plan:
    """How an audit is made: ``audit``'s arguments of the same names; and what runs on the machines that share it."""

    features: str | None = LITE0
    features_size: int | None = None
    ranking: str = "combined"
    method: str = "gdw"
    folds: int = FOLDS
    seed: int = 0
    executor: Executor | None = None

    def check(self, labels: Sequence[int], confirmed: Mapping[int, int], class_names: Sequence[str]) -> None:
        """Refuse what cannot be done, before a picture is decoded.

        Raises:
            ValueError, MissingPackage: as for ``audit``.
        """
        require_package("cleanlab", "audit", "an audit")
        if self.features is not None:
            require_package("timm", "features", "an audit on features")
        whole_number("folds", self.folds, 2)
        check_ranking(self.ranking, self.method, bool(confirmed))
        check_counts(labels, confirmed, class_names, self.folds, self.ranking in BY_METHOD)

    def run(
        self, dataset: Dataset, labels: Labels, confirmed: Confirmed, progress: Progress,
        given: LogProbs | None = None, votes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Audit:  # fmt: skip
        """The audit of a data set with these observed labels.

        Args:
            given: what another classifier says of each row.
            votes: path to annotator to label.
        """
        data, copies, labels, confirmed = self._described(dataset, labels, confirmed, progress)
        sure = np.array(sorted(confirmed.with_class()), np.int64)
        right = np.array([confirmed[place] for place in sure.tolist()], np.int64)
        places = np.setdiff1d(np.arange(len(labels)), sorted(confirmed)).astype(np.int64)
        first, second = (fold_of(labels, self.folds, copies.groups, 2 * self.seed + one)[places] for one in (0, 1))
        network = self.features or LITE0
        judged = Judged(
            data, labels, places, (sure, right), (first, second), self.method, self.seed, network, progress,
            None if given is None else given[places], self.executor,
        )  # fmt: skip
        ranked = RANKINGS[self.ranking](judged) if len(places) else Ranked(judged.first, np.empty(0))
        names = data.paths or tuple(map(str, range(len(labels))))
        said: list[str] = []
        if votes and len(places):
            of_each = [votes.get(names[place], {}) for place in places]
            ranked, said = with_annotators(ranked, judged.labels, of_each, data.class_names)
        table = suspects(
            names, labels, places, ranked.log_probs, ranked.trust, confirmed, data.class_names,
            copies.in_other_classes(labels),
        )  # fmt: skip
        notes = [*data.notes, _of_confirmed(confirmed, labels), *copies.notes(labels, names), *said]
        notes += [ranked.warning] if ranked.warning else []
        classes = data.class_names
        joint = confident_joint(judged.first, judged.labels) if len(places) else np.zeros((len(classes),) * 2)
        confused = pairs(joint, classes)
        return Audit(table, confused, wrong_share(labels, confirmed), tuple(notes), dataset.name, Shown.of(data))

    def _described(
        self, dataset: Dataset, labels: Labels, confirmed: Confirmed, progress: Progress
    ) -> tuple[Dataset, Copies, Labels, Confirmed]:
        """The data that classifiers see, copies, and the labels and confirmed pictures of what could be decoded."""
        if dataset.images.ndim != 4:
            return dataset, Copies(), labels, confirmed
        paths = {prefix: getattr(dataset, f"{prefix}paths") for prefix in PARTS.values()}
        if self.features is None:
            seen = {prefix: hashed(images, dataset.pixels.scale) for prefix, images in dataset.parts()}
            return dataset, find_copies(seen, paths), labels, confirmed
        found = described(
            dataset, self.features, image_size=self.features_size, progress=partial(progress, "features"),
            executor=self.executor,
        )  # fmt: skip
        data, good = found.dataset(in_memory=False), np.flatnonzero(found.parts[""].rows >= 0)
        copies = find_copies(
            found.kept(),
            {prefix: getattr(data, f"{prefix}paths") for prefix in found.parts},
            standardised(_first(data)),
        )
        if len(good) < len(labels):
            labels, confirmed = labels[good], confirmed.among(good.tolist())
        return data, copies, labels, confirmed


def check_counts(
    labels: Sequence[int], confirmed: Mapping[int, int], class_names: Sequence[str], folds: int, clean_set: bool = True
) -> None:
    """Refuse what no ranking can be made of.

    Args:
        clean_set: whether a method is trained with the confirmed pictures as its clean set.

    Raises:
        ValueError: a class with fewer pictures than folds; a clean set with fewer than 2 of a class.
    """
    if confirmed and clean_set:
        short = _below(LEAST_CONFIRMED, Counter(confirmed.values()), class_names)
        if short:
            raise ValueError(f"confirm at least {LEAST_CONFIRMED} pictures of each class, or none at all: {short}")
    if few := _below(folds, Counter(labels), class_names):
        raise ValueError(f"each class needs at least {folds} pictures, one for each of {folds} folds: {few}")


def _below(least: int, counts: Mapping[int, int], class_names: Sequence[str], shown: int = 5) -> str:
    """The classes with fewer pictures, in words."""
    parts = [f"{name} has {counts[c]}" for c, name in enumerate(class_names) if counts[c] < least]
    more = f" and {len(parts) - shown} more classes have too few" if len(parts) > shown else ""
    return ", ".join(parts[:shown]) + more


def _of_confirmed(known: Mapping[int, int], labels: Labels) -> str:
    if not known:
        return NOTHING_CONFIRMED
    wrong = sum(int(labels[place]) != right for place, right in known.items())
    return f"{len(known)} pictures are confirmed; {wrong} of them had another label and come first"


@dataclass(frozen=True, eq=False)
class Shown:
    """Small copies of pictures for a page, each made when it is asked for by its place."""

    pictures: Images
    scale: float

    @classmethod
    def of(cls, dataset: Dataset) -> "Shown | None":
        """The pictures of a data set; None where it has none."""
        if dataset.pictures is not None:
            return cls(dataset.pictures, 255.0)
        return cls(dataset.images, dataset.pixels.scale) if dataset.images.ndim == 4 else None

    def __getitem__(self, place: int) -> UInt8[np.ndarray, "channels height width"]:
        small: np.ndarray = thumbnails(self.pictures[place][None].cpu(), self.scale)[0].numpy()
        return small


def _first(data: Dataset) -> Images:
    """Features, of the first view."""
    return data.images[:, 0] if isinstance(data.images, Tensor) and data.pixels.views else data.images
