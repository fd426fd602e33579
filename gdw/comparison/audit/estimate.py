"""What an audit will cost, said before the work: time, memory and disk, from short measurements."""

from math import prod
from time import perf_counter

import numpy as np

from gdw.comparison.audit.audit import Plan
from gdw.comparison.audit.heads import standardised
from gdw.comparison.audit.rank import BY_METHOD
from gdw.comparison.audit.solver import MEMORY, Objective
from gdw.data.dataset import Dataset
from gdw.data.features import timed
from gdw.pictures.feature_store import BLOCK, ROW, SEEN, Rows
from gdw.pictures.on_disk import OnDisk

BASE = 1.0e9  # bytes: the program, a network and a batch of pictures
OF_ROW, OF_CLASS = 1700, 48  # bytes in memory for each row: its words, and its probabilities for each class
FLOAT, DOUBLE = 4, 8  # bytes
PASSES = 40  # over all rows in each round of classifiers
TIMED = 4_000_000  # numbers in the rows of a pass that is timed, at most
ROW_SECONDS = 3e-5  # of the table


def estimate(dataset: Dataset, plan: Plan, given: bool = False) -> str:
    """In words.

    Args:
        dataset: whose training, validation and test pictures are described.
        plan: of the audit.
        given: whether somebody else's probabilities take the place of the first round.
    """
    count = sum(len(images) for _, images in dataset.parts())
    rows, classes = len(dataset.labels), len(dataset.class_names)
    times, disk = list[str](), "nothing"
    memory = BASE + rows * (OF_ROW + OF_CLASS * classes)
    if plan.features is None or dataset.images.ndim != 4:
        width = prod(dataset.images.shape[1:])
        what = f"{count} rows of {width} numbers"
        mapped = isinstance(dataset.images, OnDisk) and isinstance(dataset.images.reader, Rows)
        memory += 0 if mapped else sum(images.nbytes for _, images in dataset.parts())
    else:
        seconds, width = timed(dataset, plan.features, plan.features_size)
        what, disk = f"{count} pictures", _size((FLOAT * width + ROW.itemsize + SEEN.itemsize) * count)
        times.append(f"{_duration(seconds * count)} for features ({1000 * seconds:.0f} ms a picture)")
    rounds = (plan.ranking != "self-confidence") + (not given)
    if rounds:
        memory += 2 * MEMORY * DOUBLE * plan.folds * (width + 1) * classes
        passing = seconds_of_pass(width, classes, plan.folds)
        times.append(f"{_duration(rounds * PASSES * rows * passing)} for the folds")
    times.append(f"{_duration(rows * ROW_SECONDS)} for the table")
    more = f"; the training of {plan.method} comes on top" if plan.ranking in BY_METHOD else ""
    return f"{what}: expect {', '.join(times)}, {_size(memory)} of memory, {disk} on disk{more}"


def seconds_of_pass(width: int, classes: int, folds: int) -> float:
    """Seconds that the classifiers of all folds take for a row in one pass, timed on a block of random numbers."""
    random, rows = np.random.default_rng(0), min(BLOCK, 1 + TIMED // width)
    features = standardised(random.standard_normal((rows, width), np.float32))
    value = Objective(features, random.integers(0, classes, rows), np.ones((rows, folds)), classes)
    value(value.start())  # the first takes longer
    started = perf_counter()
    value(value.start())
    return (perf_counter() - started) / rows


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(1, round(seconds))} s"
