"""Settings chosen on validation images, with the same number of tries for every method.

``python -m benchmarks.choose --json FILE``: every method of ``choose.toml`` is run with every setting of its grid on
every scenario and seed; a setting's score is its mean validation accuracy. No test accuracy is read.
"""

import argparse
import itertools
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

from tqdm import tqdm

from gdw.comparison.sweep import run_all
from gdw.training.experiment import Experiment

SPEC = Path(__file__).with_name("choose.toml")


def settings_of(grid: dict[str, Sequence]) -> Iterator[dict]:
    """Every combination of a grid's values."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def experiments_of(spec: dict, method: str) -> list[Experiment]:
    """Every setting x scenario x seed of one method, with a validation set held out."""
    shared = {"dataset": spec["dataset"], "validation_per_class": spec["validation_per_class"], "device": "cpu"}
    return [
        Experiment(**shared, **scenario, method=method, settings=settings, seed=seed)
        for settings in settings_of(spec["grid"][method])
        for scenario in spec["scenario"]
        for seed in spec["seeds"]
    ]


def scores(records: Sequence[tuple[dict, float]]) -> list[dict]:
    """Mean validation accuracy in percent of each setting, the best first."""
    grouped: dict[str, list[float]] = {}
    for settings, accuracy in records:
        grouped.setdefault(json.dumps(settings, sort_keys=True), []).append(accuracy)
    rows = [{"settings": json.loads(key), "validation": mean(values)} for key, values in grouped.items()]
    return sorted(rows, key=lambda row: -row["validation"])


def choose(spec: dict, method: str, workers: int | None = None) -> list[dict]:
    """Run one method's grid; its settings with their scores, the best first."""
    experiments = experiments_of(spec, method)
    histories = tqdm(run_all(experiments, workers=workers), total=len(experiments), desc=method, unit="run")
    return scores([(history.config["settings"], history.validation_accuracy) for history in histories])


def main() -> None:
    """Search every grid, print each method's table, write them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", type=Path, default=SPEC)
    parser.add_argument("--method", action="append", help="only these (default: every grid of the spec)")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    spec, found = tomllib.loads(options.spec.read_text("utf-8")), {}
    for method in options.method or spec["grid"]:
        found[method] = choose(spec, method, options.workers)
        for row in found[method]:
            print(f"{method:12} {row['validation']:6.2f} %  {row['settings']}")
        if options.json:
            options.json.write_text(json.dumps({"spec": spec, "scores": found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
