"""``audit(dataset)``: which labels are probably wrong, as a table, and between which limits their share is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gdw import files
from gdw.comparison.audit.annotators import with_annotators
from gdw.comparison.audit.by_method import unseen
from gdw.comparison.audit.copies import Copies, equal_rows, find_copies
from gdw.comparison.audit.count import confident_joint, pairs, wrong_share
from gdw.comparison.audit.heads import FOLDS, Features, Labels, LogProbs, check_probs, fold_of, normalised, standardised
from gdw.comparison.audit.output import NOTHING_CONFIRMED, TOO_FEW, UNREAD, Audit
from gdw.comparison.audit.page import Shown
from gdw.comparison.audit.rank import BY_METHOD, RANKINGS, Judged, Ranked, check_ranking
from gdw.comparison.audit.table import suspects
from gdw.data.confirmed import Confirmed, confirmed_of, names_of
from gdw.data.dataset import Dataset
from gdw.data.features import described
from gdw.data.given import labelled_rows, require_order, with_probs
from gdw.errors import require_package, whole_number
from gdw.pictures.extraction import Seen, hashed
from gdw.pictures.pretrained import LITE0

LEAST_CONFIRMED = 2  # pictures of each class in the clean set of a method

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
            else holds pictures or numbers: see :func:`gdw.data.given.labelled_rows`; ``observed`` are their labels.
        confirmed: labels that a person has checked: a table's path (``path,label``, and ``chosen``: ``random`` for
            pictures that were drawn at random), or a mapping from a picture (its path, or its place) to its class (by
            name or number; :class:`gdw.data.confirmed.Confirmed` says how it was chosen). None: the ranking knows the
            observed labels alone.
        observed: labels instead of the data set's.
        pred_probs: [rows, classes], probabilities of your own by classifiers that were not trained on the row; the
            classes in the order of the data set's, with those that it has put aside (its ``all_class_names``) or
            without; columns of a pandas table by their names. They take the place of the first round.
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
            class, or for a ranking with a method fewer than 2 of a class; fewer than two classes with as many
            pictures as folds. All before any work, but for classes that broken pictures make small.
        MissingPackage: cleanlab or timm is not installed.

    Source: the ranking builds on Northcutt et al., Confident Learning, JAIR 2021.
    """
    plan = Plan(features, features_size, ranking, method, folds, seed)
    data, rows = labelled_rows(dataset, observed)
    whole_number("folds", folds, 2)
    whole_number("seed", seed, 0)
    given = None
    if pred_probs is not None:
        require_order(dataset, pred_probs, "pred_probs")
        data, rows, probs = with_probs(data, rows, pred_probs)
        given = check_probs(probs, len(data.labels), data.all_class_names, data.class_names)
    known = confirmed_of(confirmed, data, rows)
    plan.check(data.labels.tolist(), known, data.class_names)
    found = plan.run(data, known, progress or unseen, given)
    return found if rows.all() else found.at(np.flatnonzero(rows))


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
        """Refuse what cannot be done, before a picture is decoded."""
        require_package("cleanlab", "audit", "an audit")
        if self.features is not None:
            require_package("timm", "features", "an audit on features")
        check_ranking(self.ranking, self.method, bool(confirmed))
        check_counts(labels, confirmed, class_names, self.folds, self.ranking in BY_METHOD)

    @files.any_name()
    def run(
        self, dataset: Dataset, confirmed: Confirmed, progress: Progress, given: LogProbs | None = None,
        votes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Audit:  # fmt: skip
        """The audit of a data set, whose labels are the observed ones.

        Args:
            given: what another classifier says of each row.
            votes: path to annotator to label.
        """
        data, features, copies, kept, broken = self._described(dataset, progress)
        labels, classes = data.labels.cpu().numpy(), data.class_names
        known = confirmed.of_classes(dataset.class_names, classes).among(kept.tolist())
        if given is not None and len(classes) < given.shape[1]:
            given = normalised(given[:, [dataset.class_names.index(name) for name in classes]])
        sure = np.array(sorted(known.with_class()), np.int64)
        right = np.array([known[place] for place in sure.tolist()], np.int64)
        places = np.setdiff1d(np.arange(len(labels)), sorted(known)).astype(np.int64)
        first = fold_of(labels, self.folds, copies.groups, 2 * self.seed)[places]
        second = fold_of(labels, self.folds, copies.groups, 2 * self.seed + 1)[places]
        judged = Judged(
            data, features, labels, places, (sure, right), (first, second), self.method, self.seed,
            self.features or LITE0, progress, None if given is None else given[kept[places]],
        )  # fmt: skip
        aside = np.setdiff1d(np.arange(len(dataset.labels)), np.concatenate([kept, np.array([*broken], int)])).tolist()
        ranking, clean = self._ranking(known, classes, not confirmed.keys().isdisjoint(aside))
        ranked = RANKINGS[ranking](judged) if len(places) else Ranked(judged.first, np.empty(0))
        every = names_of(dataset)
        names = [every[place] for place in kept]
        ranked, said = with_annotators(ranked, judged.labels, [names[place] for place in places], votes or {}, classes)
        checked = labels.copy()
        checked[sure] = right
        others = copies.in_other_classes(checked)
        table = suspects(names, labels, places, ranked.log_probs, ranked.trust, known, classes, others)
        table = table.rename(index=kept.__getitem__)
        notes = [*data.notes, *confirmed.notes, _of_confirmed(known, labels), *copies.notes(checked, names), *said]
        notes += [*clean, ranked.warning] if ranked.warning else clean
        joint = confident_joint(judged.first, judged.labels) if len(places) else np.zeros((len(classes),) * 2)
        share = wrong_share(labels, known)
        found = Audit(table, pairs(joint, classes), share, tuple(notes), dataset.name, Shown.of(dataset))
        observed = [dataset.class_names[label] for label in dataset.labels.tolist()]
        place_of = {path: place for place, path in enumerate(every)}
        words = confirmed.by_path(every, dataset.class_names)
        unread = {every[place]: observed[place] for place in broken if every[place] in words}
        found = found.with_others(unread, words, UNREAD, place_of)
        return found.with_others({every[place]: observed[place] for place in aside}, words, TOO_FEW, place_of)

    def _ranking(self, known: Confirmed, classes: Sequence[str], aside: bool) -> tuple[str, list[str]]:
        """The ranking, and what to say where confirmed pictures of a method's clean set cannot be decoded.

        Args:
            aside: whether others are of classes that this made too small.
        """
        where = ", in classes that are not put aside" if aside else ""
        short = _below(LEAST_CONFIRMED, Counter(known.values()), range(len(classes)), classes)
        if self.ranking not in BY_METHOD or not short:
            return self.ranking, []
        if len(known.with_class()):
            return self.ranking, [f"the clean set lacks confirmed pictures that can be decoded{where}: {short}"]
        return "combined", [
            f"no confirmed picture can be decoded{where}, so the ranking is combined, not {self.ranking}"
        ]

    def _described(
        self, dataset: Dataset, progress: Progress
    ) -> tuple[Dataset, Features, Copies, Labels, Mapping[int, str]]:
        """The data that classifiers see, copies, places of the pictures that are judged, and the broken ones."""
        seen, broken, pictures = dict[str, Seen](), dict[int, str](), dataset.images.ndim == 4
        if pictures and self.features is not None:
            found = described(
                dataset, self.features, image_size=self.features_size, progress=partial(progress, "features"),
                executor=self.executor,
            )  # fmt: skip
            data, places = found.dataset(in_memory=False, least=self.folds)
            seen = {part: found.parts[part].of(places[part]) for part, _ in data.parts()}
            broken = found.parts[""].broken
        else:
            data, places = dataset.chosen(least=self.folds)
            seen = {part: hashed(images, data.pixels.scale) for part, images in data.parts()} if pictures else {}
        kept, images = places[""], data.images
        first = images[:, 0] if isinstance(images, Tensor) and data.pixels.views else images
        of_network = pictures and self.features is not None
        known = (np.array(data.pixels.mean), np.array(data.pixels.std)) if of_network else None
        features = standardised(first, self.executor, known)
        if not pictures:
            return data, features, equal_rows(features), kept, broken
        paths = {prefix: getattr(data, f"{prefix}paths") for prefix in seen}
        return data, features, find_copies(seen, paths, None if self.features is None else features), kept, broken


def check_counts(
    labels: Sequence[int], confirmed: Mapping[int, int], class_names: Sequence[str], folds: int, clean_set: bool = True
) -> None:
    """Refuse what no ranking can be made of.

    Args:
        clean_set: whether a method is trained with the confirmed pictures as its clean set; those of classes with
            fewer pictures than folds, which are put aside, are not in it.
    """
    counts = np.bincount(np.asarray(labels, int), minlength=len(class_names))
    large = np.flatnonzero(counts >= folds)
    if len(large) < 2:
        few = _below(folds, Counter(labels), range(len(class_names)), class_names)
        raise ValueError(f"each class needs at least {folds} pictures, one for each of {folds} folds: {few}")
    judged = Counter(right for place, right in confirmed.items() if counts[labels[place]] >= folds)
    short = _below(LEAST_CONFIRMED, judged, large.tolist(), class_names)
    if confirmed and clean_set and short:
        lost = len(confirmed) - judged.total()
        more = f"; {lost} do not count: their labels are of classes with fewer than {folds} pictures" if lost else ""
        raise ValueError(f"confirm at least {LEAST_CONFIRMED} pictures of each class, or none at all: {short}{more}")


def _below(
    least: int, counts: Mapping[int, int], classes: Sequence[int], class_names: Sequence[str], shown: int = 5
) -> str:
    """Those of the classes that have fewer pictures, in words."""
    parts = [f"{class_names[label]} has {counts[label]}" for label in classes if counts[label] < least]
    more = f" and {len(parts) - shown} more classes have too few" if len(parts) > shown else ""
    return ", ".join(parts[:shown]) + more


def _of_confirmed(known: Mapping[int, int], labels: Labels) -> str:
    if not known:
        return NOTHING_CONFIRMED
    wrong = sum(int(labels[place]) != right for place, right in known.items())
    return f"{len(known)} pictures are confirmed; {wrong} of them had another label and come first"
