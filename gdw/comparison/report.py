"""Tables of many runs: means over seeds, and differences paired by seed with their intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gdw.training.history import SCORE_EPOCHS, History

if TYPE_CHECKING:
    from pandas import DataFrame

RESAMPLES = 9999  # of the bootstrap
CONFIDENCE = 0.95
UPSIDE_DOWN = 0.45  # AUROC of the weights; a little below 0.5 is chance


class Difference(NamedTuple):
    """A mean paired difference and its 95 % interval, in the values' own unit."""

    mean: float
    low: float
    high: float

    @property
    def undecided(self) -> bool:
        """Whether the interval holds 0."""
        return self.low <= 0 <= self.high

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.mean:+.1f} (one seed)"
        return f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Mean of ``ours - theirs``, seed by seed, with its bootstrap interval (bias-corrected and accelerated).

    Args:
        ours, theirs: values of the same seeds in the same order, at least one.

    Returns:
        NaN bounds for a single seed; the mean itself as both bounds where all differences are equal.
    """
    from scipy.stats import bootstrap  # slow to import, and needed only here

    differences = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    if len(differences) == 0:
        raise ValueError("a paired difference needs at least one seed")
    mean = float(differences.mean())
    if len(differences) == 1:
        return Difference(mean, float("nan"), float("nan"))
    if np.ptp(differences) == 0:
        return Difference(mean, mean, mean)
    interval = bootstrap(
        (differences,), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, rng=np.random.default_rng(0)
    ).confidence_interval
    return Difference(mean, float(interval.low), float(interval.high))


def summary(histories: Sequence[History], against: str | None = None) -> "DataFrame":
    """One row per method, in the order of appearance: accuracies in percent, seconds, differences paired by seed.

    Args:
        against: the method whose paired difference to each other one is given; by default the last.
    """
    import pandas as pd

    runs = by_method(histories)
    against = against or next(reversed(runs), None)
    rows = []
    for method, by_seed in runs.items():
        accuracy = [h.accuracy for h in by_seed.values()]
        rows.append({
            "method": method,
            "seeds": len(by_seed),
            "accuracy": np.mean(accuracy),
            "sd": np.std(accuracy, ddof=1) if len(accuracy) > 1 else float("nan"),
            "worst class": np.mean([h.worst_class for h in by_seed.values()]),
            "seconds": np.mean([h.metadata.get("seconds", float("nan")) for h in by_seed.values()]),
            f"{against} - it": "" if method == against else str(_difference(runs[against], by_seed)),
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("method") if rows else pd.DataFrame()


def upside_down(histories: Sequence[History]) -> list[str]:
    """A sentence for each method whose weights end the wrong way round in some runs: wrong labels above right ones.

    V starts at random, in about half of all starts with a larger weight for a larger loss, and a short run may end
    before the clean set has turned it round.
    """
    found = []
    for method, runs in by_method(histories).items():
        scores = [float(h["auroc"][-SCORE_EPOCHS:].mean()) for h in runs.values() if "auroc" in h.epochs and len(h)]
        low = [score for score in scores if score < UPSIDE_DOWN]
        if low:
            found.append(
                f"the weights of {method} are upside down in {len(low)} of {len(scores)} runs: mislabelled instances "
                f"have more weight than clean ones (AUROC {', '.join(f'{score:.2f}' for score in low)}; 0.5 is chance)"
            )
    return found


def by_method(histories: Sequence[History]) -> dict[str, dict[int, History]]:
    """Runs by method, then by seed; failed ones are left out."""
    runs: dict[str, dict[int, History]] = {}
    for history in histories:
        if history.error is None:
            runs.setdefault(history.method, {})[history.seed] = history
    return runs


def _difference(ours: dict[int, History], theirs: dict[int, History]) -> Difference | str:
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        return "no shared seed"
    pairs = [(ours[s].accuracy, theirs[s].accuracy) for s in shared]
    if np.isnan(pairs).any():
        return "no test score"
    return paired_difference(*zip(*pairs, strict=True))
