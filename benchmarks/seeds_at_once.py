"""What S seeds at once cost, in S ordinary runs one after another: ``python -m benchmarks.seeds_at_once --json FILE``.

Both train the same seeds on digits at uniform noise, in turns within one process, and record the same History. Setting
up (splits, noise, starts) counts on both sides; loading the images does on neither.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

import gdw
from benchmarks.measure import machine
from gdw.comparison.cost import interleaved
from gdw.data.datasets import load_dataset
from gdw.private import keep_freed_memory

METHODS = ("gdw", "gdw-tied", "mwnet", "l2rw", "cross-entropy")
SEEDS = 20
EPOCHS = 12  # of the preset's 60: a ratio is the same after a fifth of the time
ROUNDS = 5
ONE_BY_ONE, AT_ONCE = "one_by_one", "at_once"


def two_ways(method: str, seeds: int, epochs: int) -> dict[str, Callable[[], None]]:
    """Functions that train so many seeds: one after another, and at once."""
    experiment = gdw.Experiment(dataset="digits", rate=0.6, method=method, epochs=epochs, device="cpu")
    dataset = load_dataset(experiment.dataset)

    def one_by_one() -> None:
        for seed in range(seeds):
            gdw.run(experiment.with_(seed=seed), dataset=dataset)

    return {ONE_BY_ONE: one_by_one, AT_ONCE: lambda: gdw.run_seeds(experiment, range(seeds), dataset=dataset)}


def measure(methods: Sequence[str], seeds: int, epochs: int, rounds: int) -> dict[str, dict]:
    """For each method, what seeds at once take over what the ordinary runs of the same round take."""
    return {name: interleaved(two_ways(name, seeds, epochs), ONE_BY_ONE, rounds) for name in methods}


def main() -> None:
    """Measure, print a line per method and write the record."""
    keep_freed_memory()
    options = _options()
    torch.set_num_threads(1)
    rows = measure(options.method or METHODS, options.seeds, options.epochs, options.rounds)
    print(f"digits, {options.seeds} seeds, {options.epochs} epochs: {machine()}")
    for name, row in rows.items():
        one_by_one, at_once = row[ONE_BY_ONE], row[AT_ONCE]
        low, high = at_once["range"]
        print(
            f"{name:14} {at_once['seconds']:6.2f} s at once, {one_by_one['seconds']:6.2f} s one by one: "
            f"{100 * at_once['ratio']:4.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
        )
    if options.json:
        ratios = {f"{name}_at_once_over_one_by_one": row[AT_ONCE]["ratio"] for name, row in rows.items()}
        described = {"seeds": options.seeds, "epochs": options.epochs, "rows": rows, **machine()}
        options.json.write_text(json.dumps({**ratios, **described}, indent=1) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", action="append", help="a method; give it again for more")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
