"""The lab's records: recorded runs cut down to what the browser draws, and each pair's difference with its interval."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from gdw import History
from gdw.comparison.report import paired_difference
from gdw.experiments.history import FLOWS, SCORE_EPOCHS
from gdw_notebooks.figures import style
from gdw_notebooks.recorded.histories import load

TITLES = {
    "uniform 60": "Digits, 60 % uniform noise",
    "flip 40": "Digits, 40 % flip noise",
    "long tail 0.02": "Digits, long tail (imbalance 0.02)",
    "CIFAR-10": "CIFAR-10 (JPEG copy), 60 % uniform noise, a small network",
}
MISLABELLED = 1  # place in gdw.experiments.history.GROUPS


def lab_data() -> dict:
    """Everything that records.js draws.

    ``scenarios``: for each its title, class names, images of each class, and for each method the test accuracy
    ``[seeds][epochs]``, each class's accuracy ``[seeds][epochs][classes]`` (percent), the weights of mislabelled
    pictures ``[seeds][epochs][3]`` and scores; ``differences[first|second]`` has [mean, low, high] for 1, 2, ... seeds.
    """
    runs = by_scenario()
    methods = dict.fromkeys(method for scenario in runs.values() for method in scenario)
    return {
        "scenarios": {name: scenario(TITLES[name], found) for name, found in runs.items()},
        "methods": {name: _look(name) for name in methods},
        "flows": {flow: style.FLOW_LOOKS[flow].drawn() for flow in FLOWS},
        "score_epochs": SCORE_EPOCHS,
    }


def by_scenario() -> dict[str, dict[str, list[History]]]:
    """The recorded runs: scenario, method, seeds in their order."""
    runs: dict[str, dict[str, list[History]]] = {}
    for label, histories in load("lab").items():
        name, method = label.split(" / ")
        runs.setdefault(name, {})[method] = histories
    runs["CIFAR-10"] = {name: found for name, found in load("08-real-pictures").items() if "augmented" not in name}
    return runs


def scenario(title: str, runs: dict[str, list[History]]) -> dict:
    """One scenario's records; every method has the same seeds."""
    first = next(iter(runs.values()))[0]
    return {
        "title": title,
        "class_names": list(first.class_names),
        "class_counts": list(first.class_counts),
        "methods": {method: _records(histories) for method, histories in runs.items()},
        "differences": {f"{a}|{b}": differences(runs[a], runs[b]) for a, b in combinations(runs, 2)},
    }


def differences(ours: Sequence[History], theirs: Sequence[History]) -> list[list[float | None]]:
    """[mean, low, high] in points for the first seed, the first two, and so on; a single seed has no interval."""
    if [h.seed for h in ours] != [h.seed for h in theirs]:
        raise ValueError("a paired difference needs the same seeds in the same order")
    pairs = [(a.accuracy, b.accuracy) for a, b in zip(ours, theirs, strict=True)]
    found = [paired_difference(*zip(*pairs[:count], strict=True)) for count in range(1, len(pairs) + 1)]
    return [_numbers((each.mean, each.low, each.high), 3) for each in found]


def _records(histories: Sequence[History]) -> dict:
    return {
        "accuracy": [_numbers(history["test_accuracy"], 1) for history in histories],
        "classes": [_numbers(history["class_accuracy"], 1) for history in histories],
        "weights": [_numbers(history["flow_weight"][:, MISLABELLED], 3) for history in histories],
        "scores": _numbers([history.accuracy for history in histories], 2),
    }


def _numbers(values: object, decimals: int) -> list:
    """Rounded nested lists; what is undefined becomes null."""
    rounded = np.round(np.asarray(values, dtype=float), decimals)
    return np.where(np.isnan(rounded), None, rounded.astype(object)).tolist()


def _look(method: str) -> dict:
    return {"title": style.method_title(method), **style.method_look(method).drawn()}
