"""Tables of many runs: means over seeds, and differences paired by seed with their intervals."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from gdw.comparison.names import Config, names
from gdw.experiments.history import History

if TYPE_CHECKING:
    from pandas import DataFrame

Key = TypeVar("Key")
CONFIDENCE = 0.95
SIGNIFICANCE = 0.05  # of a p-value
EQUAL = 1e-9  # in the values' unit: differences closer than this are equal, and apart by rounding alone
UPSIDE_DOWN = 0.45  # AUROC of the weights; a little below 0.5 is chance


class Difference(NamedTuple):
    """A mean paired difference with its 95 % interval, both in the values' own unit, p-value and number of seeds.

    ``p_value`` is that of one comparison, or, from :func:`holm`, of one among several; the interval is always that of
    one comparison. It is NaN where all differences are equal, as those of a single seed are.
    """

    mean: float
    low: float
    high: float
    p_value: float
    seeds: int

    @property
    def undecided(self) -> bool:
        """Whether the p-value is not below 0.05."""
        return not self.p_value < SIGNIFICANCE

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.mean:+.1f} ({'one seed' if self.seeds == 1 else f'equal in {self.seeds} seeds'})"
        return f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Mean of ``ours - theirs``, seed by seed, with Student's t interval and two-sided p-value.

    Where all differences are equal their spread cannot be estimated: the bounds are NaN and the p-value is that of the
    sign test, 2^(1 - n) for n seeds (1 for a single seed, or where the differences are 0).

    Args:
        ours, theirs: values of the same seeds in the same order, at least one.

    Raises:
        ValueError: no seed, or another number of seeds on each side.

    Source: Student, The probable error of a mean, Biometrika 1908.
    """
    from scipy.special import stdtr, stdtrit  # Student's distribution and its inverse

    if len(ours) != len(theirs) or len(ours) == 0:
        raise ValueError(f"a paired difference needs at least one seed, the same ones: {len(ours)} and {len(theirs)}")
    differences = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    mean, seeds = float(differences.mean()), len(differences)
    if np.ptp(differences) < EQUAL:
        return Difference(mean, np.nan, np.nan, 1.0 if abs(mean) < EQUAL else 2.0 ** (1 - seeds), seeds)
    error = differences.std(ddof=1) / np.sqrt(seeds)
    half = float(stdtrit(seeds - 1, (1 + CONFIDENCE) / 2) * error)
    return Difference(mean, mean - half, mean + half, float(2 * stdtr(seeds - 1, -abs(mean) / error)), seeds)


def holm(differences: Mapping[Key, Difference]) -> dict[Key, Difference]:
    """The same differences, each with a p-value corrected for all of them: for wherever wins and losses are counted.

    Among any number of equal pairs the chance that even one of them is decided is then at most 5 %. Intervals stay
    those of one comparison, so that one may exclude 0 and its difference be undecided.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
    """
    p = {key: 1.0 if np.isnan(found.p_value) else found.p_value for key, found in differences.items()}
    corrected, highest = {}, 0.0
    for place, key in enumerate(sorted(p, key=p.__getitem__)):  # the smallest times n, the next times n - 1, ...
        highest = max(highest, min(1.0, (len(p) - place) * p[key]))
        corrected[key] = highest
    return {key: found._replace(p_value=corrected[key]) for key, found in differences.items()}


def summary(histories: Sequence[History]) -> "DataFrame":
    """One row per method, in the order of appearance: accuracies in percent, seconds, differences paired by seed.

    Differences are those of the last method to each other one. Runs of several scenarios, or of one method with several
    settings, have rows of their own and are named by what differs (:func:`gdw.comparison.names.names`); differences are
    of one scenario.
    """
    import pandas as pd

    runs = by_method(histories)
    configs = [history.config for history in histories if history.error is None]
    named = dict(zip(labels_of(configs), names(configs), strict=True))
    against = next((method for _, method in reversed(named.values())), None)
    rows = []
    for name, by_seed in runs.items():
        scenario, method = named[name]
        accuracy = [h.accuracy for h in by_seed.values()]
        reference = next((runs[other] for other, found in named.items() if found == (scenario, against)), {})
        rows.append({
            "method": name,
            "seeds": len(by_seed),
            "accuracy": np.mean(accuracy),
            "sd": np.std(accuracy, ddof=1) if len(accuracy) > 1 else float("nan"),
            "worst class": np.mean([h.worst_class for h in by_seed.values()]),
            "seconds": np.mean([h.metadata.get("seconds", float("nan")) for h in by_seed.values()]),
            f"{against} minus this": "" if method == against else str(_difference(reference, by_seed)),
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("method") if rows else pd.DataFrame()


def upside_down(histories: Sequence[History]) -> list[str]:
    """A sentence for each method whose weights end the wrong way round in some runs: wrong labels above right ones.

    V starts at random, in about half of all starts with a larger weight for a larger loss, and a short run may end
    before the clean set has turned it round.
    """
    found = []
    for method, runs in by_method(histories).items():
        scores = [h.score("auroc") for h in runs.values() if "auroc" in h.epochs]
        low = [score for score in scores if score < UPSIDE_DOWN]
        if low:
            found.append(
                f"the weights of {method} are upside down in {len(low)} of {len(scores)} runs: mislabelled instances "
                f"have more weight than clean ones (AUROC {', '.join(f'{score:.2f}' for score in low)}; 0.5 is chance)"
            )
    return found


def by_method(histories: Sequence[History]) -> dict[str, dict[int, History]]:
    """Runs by method, then by seed; failed ones are left out. Several scenarios follow the method's name."""
    finished = [history for history in histories if history.error is None]
    runs: dict[str, dict[int, History]] = {}
    for history, label in zip(finished, labels_of([history.config for history in finished]), strict=True):
        runs.setdefault(label, {})[history.seed] = history
    return runs


def labels_of(configs: Sequence[Config]) -> list[str]:
    """The method of each run, with the scenario and the settings as far as they differ among these runs."""
    named = names(configs)
    several = len({scenario for scenario, _ in named}) > 1
    return [f"{method}, {scenario}" if several else method for scenario, method in named]


def _difference(ours: dict[int, History], theirs: dict[int, History]) -> Difference | str:
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        return "no shared seed"
    pairs = [(ours[s].accuracy, theirs[s].accuracy) for s in shared]
    if np.isnan(pairs).any():
        return "no test score"
    return paired_difference(*zip(*pairs, strict=True))
