"""``audit(dataset)``: which labels are probably wrong, as a table, and between which limits their share is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gdw import files
from gdw.comparison.audit import copies as copying
from gdw.comparison.audit.by_method import (
    BY_METHOD,
    check_ranking,
    out_of_fold_by_method,
    run_method,
    task_of_observed,
    upside_down,
)
from gdw.comparison.audit.count import NO_SAMPLE, WrongShare, confident_joint, pairs, wrong_share
from gdw.comparison.audit.heads import FOLDS, fold_of, normalised, standardised
from gdw.comparison.audit.inputs import as_labels, check_counts
from gdw.comparison.audit.output import check_outputs, csv_text
from gdw.comparison.audit.page import page
from gdw.comparison.audit.rank import Predictions, observed_log_probs, predictions, self_confidence
from gdw.comparison.audit.table import suspects
from gdw.data.confirmed import confirmed_of
from gdw.data.dataset import Dataset
from gdw.data.features import thumbnails, with_features
from gdw.data.pretrained import LITE0
from gdw.errors import require_package, whole_number
from gdw.training.experiment import Experiment

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN = 500  # rows of a page: each has its picture inside
NOTHING_CONFIRMED = (
    "no picture is confirmed: the ranking knows the observed labels alone, so it cannot see an error that most labels "
    "of a class share"
)

Progress = Callable[[str, int, int], None]
"""Called with what is counted (``"features"``, ``"epochs"``), how many are done, and how many there are."""


@dataclass(frozen=True)
class Audit:
    """What ``audit`` found.

    Attributes:
        table: one row a picture with the columns path, observed, proposed, score, rank, reason; rank 1 is the most
            suspicious. Its index is the picture's place in the data set.
        pairs: between which classes labels are probably wrong, the most frequent pair first, with the columns observed,
            proposed.
        wrong_share: of all labels, as a range; None unless pictures that were drawn at random are confirmed.
        notes: sentences that a reader must know.
        name: of the data set.
        pictures: uint8 [images, channels, height, width], for the page; None where there are none.
    """

    table: "DataFrame"
    pairs: "DataFrame"
    wrong_share: WrongShare | None
    notes: tuple[str, ...]
    name: str
    pictures: np.ndarray | None = None

    def save_csv(self, path: str | Path) -> None:
        """Write the table; an earlier audit's file is replaced, nobody else's is.

        Raises:
            OSError, ValueError: see :func:`gdw.comparison.audit.output.check_outputs`.
        """
        check_outputs((Path(path), "csv"))
        files.write(path, csv_text(self.table))

    def save_html(self, path: str | Path, top: int = SHOWN) -> None:
        """Write a page that needs no other file, with the ``top`` most suspicious pictures.

        Raises:
            OSError, ValueError: as for ``save_csv``; or the data set has no pictures.
        """
        if self.pictures is None:
            raise ValueError(f"{self.name} has no pictures to show: a page needs them, a CSV file does not")
        check_outputs((Path(path), "html"))
        shown = self.table.head(whole_number("top", top, 1))
        files.write(path, page(self.name, shown, self.pictures, self.sentences(), self.pairs))

    def sentences(self) -> list[str]:
        """The result in words, with the notes."""
        return [str(self.wrong_share or NO_SAMPLE), *self.notes]


def audit(
    dataset: Dataset,
    confirmed: Mapping | str | Path | None = None,
    *,
    observed: object = None,
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
    fifth, in turn (:mod:`gdw.comparison.audit.rank`). Nothing is measured on labels that nobody has confirmed.

    Args:
        dataset: its ``labels`` are the observed ones. Of pictures; or of features already (``with_features``).
        confirmed: labels that a person has checked: a table's path (``path,label``, and ``chosen``: ``random`` for
            pictures that were drawn at random), or a mapping from a picture (its path, or its place) to its class (by
            name or number; :class:`gdw.data.confirmed.Confirmed` says how it was chosen). None: the ranking knows the
            observed labels alone.
        observed: labels instead of the data set's.
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
    require_package("cleanlab", "audit", "an audit")
    folds = whole_number("folds", folds, 2)
    known = confirmed_of(confirmed, dataset)
    check_ranking(ranking, method, bool(known))
    labels = as_labels(observed, dataset).cpu().numpy()
    check_counts(labels, known, dataset.class_names, folds, ranking in BY_METHOD)
    experiment = Experiment(features=features or LITE0, method=method, seed=seed) if ranking in BY_METHOD else None
    found = copying.find_copies(dataset)
    data = _featured(dataset, features, features_size, progress)
    values = data.images[:, 0] if data.pixels.views else data.images
    values = standardised(values.cpu().numpy())
    places = np.arange(len(labels))
    judged = places[~np.isin(places, list(known))]
    sure, right = np.array(sorted(known), np.int64), np.array([known[place] for place in sorted(known)], np.int64)
    fold = tuple(fold_of(labels, folds, found.groups, one)[judged] for one in (2 * seed, 2 * seed + 1))
    spoken = predictions(
        values[judged], labels[judged], fold, len(data.class_names), (values[sure], right) if known else None
    )
    notes = [*_confirmed_notes(known, labels, data), *copying.notes(found, labels, _names(data))]
    log_probs = spoken.combined
    if ranking == "combined":
        trust = np.exp(observed_log_probs(spoken.combined, labels[judged]))
    elif ranking == "self-confidence":
        log_probs, trust = spoken.first, self_confidence(spoken.first, labels[judged])
    elif ranking == "with-method":
        count = None if progress is None else lambda done, total: progress("folds", done, total)
        task = task_of_observed(data, labels, judged, (sure, right))
        held_out = out_of_fold_by_method(task, experiment, fold[1], count)
        log_probs = normalised(spoken.combined + held_out)
        trust = np.exp(observed_log_probs(log_probs, labels[judged]))
    else:
        log_probs, trust, said = _by_weights(data, labels, judged, (sure, right), spoken, experiment, progress)
        notes += said
    joint = confident_joint(spoken.first, labels[judged])
    table = suspects(
        _names(data), labels, judged, log_probs, trust, known, data.class_names, found.in_other_classes(labels)
    )
    return Audit(
        table, pairs(joint, data.class_names), wrong_share(labels, known), (*dataset.notes, *notes), dataset.name,
        _pictures(data),
    )  # fmt: skip


def _featured(dataset: Dataset, features: str | None, size: int | None, progress: Progress | None) -> Dataset:
    if features is None or dataset.images.ndim != 4:
        return dataset
    require_package("timm", "features", "an audit on features")
    count = None if progress is None else lambda done, total: progress("features", done, total)
    return with_features(dataset, features, image_size=size, progress=count)


def _names(dataset: Dataset) -> tuple[str, ...]:
    """Paths; without them each picture's place in the data set."""
    return dataset.paths or tuple(str(place) for place in range(len(dataset.labels)))


def _pictures(dataset: Dataset) -> np.ndarray | None:
    if dataset.pictures is not None:
        return dataset.pictures.cpu().numpy()
    if dataset.images.ndim != 4:
        return None
    return thumbnails(dataset.images.cpu(), dataset.pixels.scale).numpy()


def _confirmed_notes(known: Mapping[int, int], labels: np.ndarray, dataset: Dataset) -> list[str]:
    if not known:
        return [NOTHING_CONFIRMED]
    wrong = sum(int(labels[place]) != right for place, right in known.items())
    return [f"{len(known)} pictures are confirmed; {wrong} of them had another label and come first"]


def _by_weights(
    data: Dataset, labels: np.ndarray, judged: np.ndarray, confirmed: tuple[np.ndarray, np.ndarray],
    spoken: Predictions, experiment: Experiment, progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Log-probabilities, weights and, where these are upside down, a warning."""
    count = None if progress is None else lambda done, total: progress("epochs", done, total)
    made = run_method(task_of_observed(data, labels, judged, confirmed), experiment, count)
    warning = upside_down(made.weights, observed_log_probs(spoken.first, labels[judged]), experiment.method)
    return spoken.combined, made.weights, [warning] if warning else []
