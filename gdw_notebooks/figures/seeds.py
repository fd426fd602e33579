"""Runs grouped by method, and the mean and spread of their seeds."""

import json
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gdw.comparison.report import labels_of
from gdw.experiments.history import SCORE_EPOCHS, History

NO_SCORE = "No test score: no picture that was drawn at random is left to test on"


def grouped(histories: Sequence[History]) -> dict[str, list[History]]:
    """Runs of at least one epoch by method, in the order of appearance; one that broke off keeps its epochs.

    Runs of several scenarios, or of one method with several settings, are groups of their own.
    """
    begun = [history for history in histories if len(history)]
    groups: dict[str, list[History]] = {}
    labels = _labels(tuple(json.dumps(h.config | {"seed": 0}, sort_keys=True, default=str) for h in begun))
    for history, label in zip(begun, labels, strict=True):
        groups.setdefault(label, []).append(history)
    return groups


@lru_cache(maxsize=64)
def _labels(configs: tuple[str, ...]) -> list[str]:
    """Of runs by their configurations as JSON: a live picture asks for the same ones again and again."""
    return labels_of([json.loads(config) for config in configs])


def mean_and_sd(runs: Sequence[History], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over seeds, epoch by epoch, as far as every run has come.

    Returns:
        Two arrays of the recorded value's shape, epochs first; the deviation of a single run is 0.
    """
    shortest = min(map(len, runs))
    values = np.stack([run[name][:shortest] for run in runs])
    return values.mean(0), values.std(0, ddof=1) if len(runs) > 1 else np.zeros_like(values[0])


def last(runs: Sequence[History], name: str, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over seeds of each run's mean over its last ``epochs``."""
    values = np.stack([run[name][-epochs:].mean(0) for run in runs])
    return values.mean(0), values.std(0, ddof=1) if len(runs) > 1 else np.zeros_like(values[0])


def window_note(runs: Sequence[History]) -> str:
    """What ``last`` takes the mean of, in words, for runs as far as they have come."""
    epochs = min(SCORE_EPOCHS, max(map(len, runs), default=0))
    return "after one epoch" if epochs == 1 else f"mean of the last {epochs} epochs"


def spread_note(runs: Sequence[History]) -> str:
    """What the band or the error bar is, in words."""
    return "one seed" if len(runs) == 1 else f"mean of {len(runs)} seeds, ± 1 sd"
