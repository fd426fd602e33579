"""Named scenarios for the lab, each an Experiment, with what became of it over eight seeds (scenarios.json).

python -m gdw_notebooks.recorded.scenarios        # makes scenarios.json again: 6 scenarios x 8 methods x 8 seeds
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from tqdm import tqdm

from gdw.comparison.report import SIGNIFICANCE, holm, paired_difference
from gdw.comparison.sweep import run_all
from gdw.experiments.experiment import Experiment, from_config
from gdw.experiments.history import History
from gdw.methods import METHODS

SCENARIOS: Mapping[str, Experiment] = MappingProxyType({
    "uniform 60": Experiment(noise="uniform", rate=0.6),
    "uniform 80": Experiment(noise="uniform", rate=0.8),
    "flip 40": Experiment(noise="flip", rate=0.4),
    "long tail 0.02": Experiment(imbalance=0.02),
    "both": Experiment(noise="uniform", rate=0.4, imbalance=0.1),
    "clean": Experiment(),
})  # fmt: skip
COMPARED = ("only-clean", "cross-entropy", "fine-tune", "pooled", "mwnet", "l2rw", "gdw-tied")
OUTCOMES = Path(__file__).with_suffix(".json")
SEEDS, LEAST_SEEDS, WORKERS = 8, 8, 2


def sentence(name: str, path: Path = OUTCOMES) -> str:
    """How the scenario ended over all seeds, losses included; empty if the current scenario has not been measured."""
    outcome = json.loads(path.read_text("utf-8")).get(name) if path.exists() else None
    if outcome is None or outcome["code"] != SCENARIOS[name].code or outcome["seeds"] < LEAST_SEEDS:
        return ""
    gdw = outcome["methods"]["gdw"]
    parts = [f"Over {outcome['seeds']} seeds GDW reaches {gdw['mean']:.1f} ± {gdw['sd']:.1f} %"]
    for words, sign in (("ahead of", 1), ("not significantly different from", 0), ("behind", -1)):
        found = [
            _difference(method, mean, low, high)
            for method, (mean, low, high, p_value) in outcome["gdw minus"].items()
            if sign == (p_value < SIGNIFICANCE) * np.sign(mean)
        ]
        if found:
            parts.append(f"{words} {', '.join(found)}")
    return (
        "; ".join(parts) + ". In brackets: mean difference in points, paired by seed, and its 95 % interval; ahead and "
        f"behind by a t-test at 5 %, with Holm's correction for {len(outcome['gdw minus'])} methods."
    )


def _difference(method: str, mean: float, low: float, high: float) -> str:
    mean, low, high = (f"{number:+z.1f}".replace("-", "−") for number in (mean, low, high))
    return f"{METHODS[method].title} ({mean} [{low}, {high}])"


def experiments(seeds: int = SEEDS, epochs: int | None = None) -> list[Experiment]:
    """Every scenario with every method and seed."""
    changes = {} if epochs is None else {"epochs": epochs}
    return [
        scenario.with_(method=method, seed=seed, **changes)
        for scenario in SCENARIOS.values()
        for method in ("gdw", *COMPARED)
        for seed in range(seeds)
    ]


def outcomes(histories: Iterable[History]) -> dict:
    """Means and standard deviations in percent, and GDW's paired differences in points, by scenario."""
    runs: dict[tuple, dict[str, dict[int, float]]] = {}
    for history in histories:
        experiment = from_config(history.config)
        key = experiment.with_(method="gdw", seed=0)
        runs.setdefault(key, {}).setdefault(history.method, {})[history.seed] = history.accuracy
    names = {_kind(experiment): name for name, experiment in SCENARIOS.items()}
    return {names[_kind(key)]: _outcome(key, methods) for key, methods in runs.items()}


def _kind(experiment: Experiment) -> tuple:
    return experiment.noise, experiment.rate, experiment.imbalance


def _outcome(key: Experiment, methods: dict[str, dict[int, float]]) -> dict:
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in methods.values())))
    values = {method: [by_seed[seed] for seed in seeds] for method, by_seed in methods.items()}
    differences = holm({m: paired_difference(values["gdw"], values[m]) for m in COMPARED if m in values})
    return {
        "code": key.code,
        "seeds": len(seeds),
        "methods": {method: _summary(v) for method, v in values.items()},
        "gdw minus": {  # mean, both ends of the interval, corrected p-value
            method: [*(round(number, 2) for number in d[:3]), float(f"{d.p_value:.4g}")]
            for method, d in differences.items()
        },
    }


def _summary(accuracies: list[float]) -> dict:
    mean, sd = np.mean(accuracies), np.std(accuracies, ddof=1)
    return {"mean": round(mean, 2), "sd": round(sd, 2), "accuracy": [round(value, 2) for value in accuracies]}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run every scenario and store how it ended.")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, help="fewer than the preset's, for a trial")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--out", type=Path, default=OUTCOMES)
    options = parser.parse_args()
    planned = experiments(options.seeds, options.epochs)
    histories = list(tqdm(run_all(planned, workers=options.workers), total=len(planned)))
    broken = [history for history in histories if history.error]
    if broken:
        parser.error(f"{len(broken)} runs broke off, the first with: {broken[0].error}")
    order = {experiment: place for place, experiment in enumerate(planned)}
    histories.sort(key=lambda history: order[from_config(history.config)])
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found)}" for name, found in outcomes(histories).items())
    options.out.write_text(f"{{\n{lines}\n}}\n", "utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
