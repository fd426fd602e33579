"""From a sweep's records to tables: means by scenario, differences paired by seed, ranks over scenarios."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gdw.comparison.names import names
from gdw.comparison.records import Record
from gdw.comparison.report import SIGNIFICANCE, Difference, holm, paired_difference

if TYPE_CHECKING:
    from pandas import DataFrame


def table(records: Sequence[Record]) -> "DataFrame":
    """One row per finished run: scenario, method, seed, its numbers and its run code; failed runs are left out.

    Scenarios and methods are named so that no two of them are averaged (:func:`gdw.comparison.names.names`); of a run
    that is there twice the last one counts.
    """
    import pandas as pd

    numbers = ("accuracy", "worst_class", "validation_accuracy", "auroc", "seconds")
    done = [r for r in records if r["error"] is None]
    named = names([_with_digests(r) for r in done])
    rows = [
        {"scenario": scenario, "method": method, "seed": r["seed"]}
        | {name: r.get(name) for name in numbers}
        | {"code": r.get("code")}
        for r, (scenario, method) in zip(done, named, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["scenario", "method", "seed", *numbers, "code"])
    frame = frame.drop_duplicates(["scenario", "method", "seed"], keep="last", ignore_index=True)
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _with_digests(record: Record) -> dict[str, Any]:
    """The config, with digests of what may have changed since under its name: confirmed pictures, plugins, weights."""
    config, made = record["config"], record.get("made") or {}
    code = {what: place.get("code") for what, place in made.get("own_code", {}).items()}
    of_method = code.pop(f"method {config.get('method')}", None)
    found = {"confirmed pictures": made.get("confirmed"), "code": code, "weights": made.get("weights")}
    settings = config.get("settings", {}) | ({"code": of_method} if of_method else {})
    return {**config, "settings": settings, **{name: value for name, value in found.items() if value}}


def means(runs: "DataFrame", value: str = "accuracy") -> "DataFrame":
    """Mean over seeds, methods by scenarios, both in order of appearance; :func:`unpaired` says where seeds differ."""
    return _in_order(runs.pivot_table(index="method", columns="scenario", values=value, sort=False), runs)


def unpaired(runs: "DataFrame") -> list[str]:
    """A sentence for each scenario in which methods have other seeds than the most have: their means do not compare."""
    said = []
    for scenario, group in runs.groupby("scenario", sort=False):
        seeds = group.groupby("method", sort=False)["seed"].apply(lambda own: tuple(sorted(own)))
        usual = max(seeds, key=len)
        others = [f"{method} has {len(own)}" for method, own in seeds.items() if own != usual]
        if others:
            said.append(f"{scenario}: means are over other seeds; of {len(usual)} seeds {', '.join(others)}")
    return said


def deviations(runs: "DataFrame") -> "DataFrame":
    """Standard deviation of the accuracy over seeds (n - 1), methods by scenarios; NaN for a single seed."""
    spread = runs.groupby(["method", "scenario"], sort=False)["accuracy"].std(ddof=1)
    return _in_order(spread.unstack("scenario"), runs)


def _in_order(frame: "DataFrame", runs: "DataFrame") -> "DataFrame":
    return frame.reindex(index=runs["method"].unique(), columns=runs["scenario"].unique())


def differences(
    runs: "DataFrame", ours: str, others: Sequence[str] | None = None, value: str = "accuracy"
) -> dict[str, dict[str, Difference]]:
    """``ours - other`` by other method, then scenario, paired by seed; p-values corrected for all of them (Holm).

    Args:
        others: the methods to compare with, by default all: the family that the correction is for.
    """
    found: dict[tuple[str, str], Difference] = {}
    for other in others or runs["method"].unique():
        pair = runs[runs["method"].isin([ours, other])]
        for scenario, group in pair.groupby("scenario", sort=False):
            both = group.pivot(index="seed", columns="method", values=value).dropna()
            if len(both) and other != ours and both.shape[1] == 2:
                found[other, scenario] = paired_difference(both[ours], both[other])
    by_other: dict[str, dict[str, Difference]] = {}
    for (other, scenario), difference in holm(found).items():
        by_other.setdefault(other, {})[scenario] = difference
    return by_other


class Ranks(NamedTuple):
    """Mean ranks over scenarios (1 is best) with Friedman's test and Nemenyi's critical difference."""

    mean: "dict[str, float]"
    scenarios: int
    statistic: float
    p_value: float
    critical_difference: float


def ranks(runs: "DataFrame") -> Ranks:
    """Rank the methods by their mean accuracy in each scenario; the scenario, not the seed, is the unit of the test.

    Two methods differ, at 5 % over all pairs, where their mean ranks lie further apart than
    ``q sqrt(k (k + 1) / (6 n))`` with k methods, n scenarios and q the studentised range's quantile over sqrt 2.

    Raises:
        ValueError: fewer than three methods or two scenarios that all of them share.

    Source: Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    scores = means(runs).dropna(axis="columns")
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
