"""From a sweep's records to tables: means by scenario, differences paired by seed, ranks over scenarios."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gdw.comparison.report import Difference, paired_difference
from gdw.data.human_labels import PREFIX as HUMAN
from gdw.data.human_labels import parse
from gdw.training.presets import preset_for

if TYPE_CHECKING:
    from pandas import DataFrame

SIGNIFICANCE = 0.05


def scenario_name(config: dict) -> str:
    """Noise and imbalance in words, as ``"uniform 40 + long tail 0.1"``; ``"clean"`` where there is neither.

    Labels that people gave go by the name of their column; a clean set of another size than the preset's is named.
    """
    if config.get("confirmed"):
        path, column = (None, None) if config["noise"] == "uniform" else parse(config["noise"])
        table = f" in {' '.join(filter(None, (str(path), column)))}" if path else ""
        return f"as labelled{table}{_clean_set(config)}"
    parts = []
    if not isinstance(config["noise"], str):
        parts.append("own matrix")
    elif config["noise"].startswith(HUMAN):
        parts.append(f"human {config['noise'].rpartition(':')[2]}")
    elif config["rate"] > 0:
        parts.append(f"{config['noise']} {100 * config['rate']:g}")
    if config["imbalance"] < 1:
        kind = "long tail" if config["imbalance_kind"] == "exponential" else "step"
        parts.append(f"{kind} {config['imbalance']:g}")
    return (" + ".join(parts) or "clean") + _clean_set(config)


def _clean_set(config: dict) -> str:
    usual = preset_for(config.get("dataset", ""), config.get("features")).meta_per_class
    size = config.get("meta_per_class", usual)
    return "" if size == usual else f" ({size} clean a class)"


def table(records: Sequence[dict]) -> "DataFrame":
    """One row per finished run: scenario, method, seed, its numbers and its run code; failed runs are left out."""
    import pandas as pd

    numbers = ("accuracy", "worst_class", "validation_accuracy", "auroc", "seconds")
    rows = [
        {"scenario": scenario_name(r["config"]), "method": r["method"], "seed": r["seed"]}
        | {name: r.get(name) for name in numbers} | {"code": r.get("code")}
        for r in records
        if r["error"] is None
    ]
    frame = pd.DataFrame(rows, columns=["scenario", "method", "seed", *numbers, "code"])
    return frame.astype(dict.fromkeys(numbers, "float64"))


def means(runs: "DataFrame", value: str = "accuracy") -> "DataFrame":
    """Mean over seeds, methods by scenarios, both in order of appearance."""
    return _in_order(runs.pivot_table(index="method", columns="scenario", values=value, sort=False), runs)


def deviations(runs: "DataFrame", value: str = "accuracy") -> "DataFrame":
    """Standard deviation over seeds (n - 1), methods by scenarios; NaN for a single seed."""
    spread = runs.groupby(["method", "scenario"], sort=False)[value].std(ddof=1)
    return _in_order(spread.unstack("scenario"), runs)


def _in_order(frame: "DataFrame", runs: "DataFrame") -> "DataFrame":
    return frame.reindex(index=runs["method"].unique(), columns=runs["scenario"].unique())


def differences(
    runs: "DataFrame", ours: str, value: str = "accuracy"
) -> dict[str, dict[str, Difference]]:
    """``ours - other`` by other method, then scenario: mean over the shared seeds with a 95 % bootstrap interval."""
    found: dict[str, dict[str, Difference]] = {}
    for scenario, group in runs.groupby("scenario", sort=False):
        by_seed = group.pivot(index="seed", columns="method", values=value)
        for other in by_seed.columns if ours in by_seed else ():
            pairs = by_seed[[ours, other]].dropna() if other != ours else []
            if len(pairs):
                found.setdefault(other, {})[scenario] = paired_difference(pairs[ours], pairs[other])
    return {name: found[name] for name in runs["method"].unique() if name in found}


class Ranks(NamedTuple):
    """Mean ranks over scenarios (1 is best) with Friedman's test and Nemenyi's critical difference."""

    mean: "dict[str, float]"
    scenarios: int
    statistic: float
    p_value: float
    critical_difference: float


def ranks(runs: "DataFrame", value: str = "accuracy") -> Ranks:
    """Rank the methods by their mean in each scenario; the scenario, not the seed, is the unit of the test.

    Two methods differ, at 5 % over all pairs, where their mean ranks lie further apart than
    ``q sqrt(k (k + 1) / (6 n))`` with k methods, n scenarios and q the studentised range's quantile over sqrt 2.

    Raises:
        ValueError: fewer than three methods or two scenarios that all of them share.

    Source: Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    scores = means(runs, value).dropna(axis="columns")
    methods, scenarios = scores.shape
    if methods < 3 or scenarios < 2:
        raise ValueError(f"ranks need 3 methods and 2 scenarios shared by all, got {methods} and {scenarios}")
    test = friedmanchisquare(*scores.to_numpy())
    mean = rankdata(-scores.to_numpy(), axis=0).mean(axis=1)
    quantile = studentized_range.ppf(1 - SIGNIFICANCE, methods, np.inf) / np.sqrt(2)
    critical = float(quantile * np.sqrt(methods * (methods + 1) / (6 * scenarios)))
    order = np.argsort(mean, kind="stable")
    by_rank = {str(scores.index[i]): float(mean[i]) for i in order}
    return Ranks(by_rank, scenarios, float(test.statistic), float(test.pvalue), critical)
