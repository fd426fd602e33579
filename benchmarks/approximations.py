"""Cheaper meta gradients, and bfloat16 passes, in one table: error, cost, accuracy.

``python -m benchmarks.approximations --json FILE``

Error: of g against the exact one, on the batches of epoch 10 of a digits run by exact GDW under uniform 60 %. Cost:
operations of a ResNet-32 step, in plain steps, counted and not timed. Accuracy: GDW on digits with g taken that way,
and its difference from exact GDW, paired by seed; bold where it is decided after Holm's correction for the whole table.
"""

import argparse
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean

import torch
from tqdm import tqdm

import gdw
from benchmarks.measure import machine
from benchmarks.step_cost import network_and_batches
from gdw.comparison.cost import operations
from gdw.comparison.report import Difference, holm, paired_difference
from gdw.data.randomness import generator
from gdw.experiments.experiment import Experiment
from gdw.gradients.exact import by_forward_mode
from gdw.networks.autocast import Autocast
from gdw.training.loop import BatchDone
from gdw.training.run import Training
from gdw.training.stepping import take_step
from gdw_notebooks.examples import approximations

WAYS = {  # name: how an Experiment says it; what is of approximations.py it does not
    "exact": {},
    "exact, passes in bfloat16": {"precision": "bfloat16"},
    **{way: {} for way in approximations.WAYS if way != "double backward"},
    "every second batch": {"settings": {"meta_every": 2}},
    "every fifth batch": {"settings": {"meta_every": 5}},
}
SCENARIOS = {
    "uniform 60": {"rate": 0.6},
    "uniform 80": {"rate": 0.8},
    "flip 40": {"noise": "flip", "rate": 0.4},
    "uniform 40 + long tail 0.1": {"rate": 0.4, "imbalance": 0.1},
}
COMMAND = "python -m benchmarks.approximations --json FILE"
EPOCH = 10  # whose batches the errors are measured on
COUNTED_BATCH = 4  # images: a ratio of operations does not depend on it
COUNTED_STEPS = 10  # whole rounds of every second and every fifth batch


def errors() -> dict[str, dict[str, float]]:
    """Relative error and cosine of each g against the exact one: means over an epoch's batches."""
    training = Training(Experiment(rate=0.6, epochs=60))
    names = [name for name, how in WAYS.items() if name != "exact" and "settings" not in how]  # another g there
    found = {name: {"relative": [], "cosine": []} for name in names}
    for event in training.events():
        if event.epoch >= EPOCH:
            break
        if isinstance(event, BatchDone) and event.epoch == EPOCH - 1:
            weights = training.method.first_stage(event.step).detach()
            exact = _meta_gradient(event.step, "exact", weights)
            for name in names:
                g = _meta_gradient(event.step, name, weights)
                found[name]["relative"].append(((g - exact).norm() / exact.norm()).item())
                found[name]["cosine"].append(torch.cosine_similarity(g.flatten(), exact.flatten(), dim=0).item())
    return {name: {kind: mean(values) for kind, values in kinds.items()} for name, kinds in found.items()}


def _meta_gradient(seen: gdw.Step, name: str, weights: torch.Tensor) -> torch.Tensor:
    """On that step's batches, with the model as it is now."""
    model = Autocast(seen.model) if "precision" in WAYS[name] else seen.model
    step = gdw.Step(model, seen.images, seen.labels, meta_batch=seen.meta_batch, lr=seen.lr)
    return approximations.WAYS.get(name, by_forward_mode)(step.problem, weights)


def costs() -> dict[str, float]:
    """Operations of a GDW step over a plain one's, for each way; a mean over ten steps."""
    plain = _operations("cross-entropy", "exact")
    return {name: _operations("gdw", name) / plain for name in WAYS}


def _method(name: str, **given) -> gdw.methods.Method:
    """GDW, with its meta gradient taken that way."""
    method = gdw.methods.GDW(10, **given)
    return approximations.taken_by(approximations.WAYS[name], method) if name in approximations.WAYS else method


def _operations(method_name: str, name: str) -> int:
    network, batch, meta_batch = network_and_batches("resnet32", COUNTED_BATCH, 10, "cpu")
    method = _method(name, **WAYS[name].get("settings", {})) if method_name == "gdw" else gdw.methods.CrossEntropy(10)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)

    def steps() -> None:
        for _ in range(COUNTED_STEPS):
            take_step(gdw.Step(network, *batch, meta_batch=meta_batch, lr=optimizer), method, optimizer)

    steps()  # the first ones are checked, which takes a pass more (gdw/gradients/agreement.py)
    return operations(steps)


def _accuracy(name: str, scenario: str, seed: int) -> float:
    experiment = Experiment(**SCENARIOS[scenario], **WAYS[name], seed=seed, device="cpu")
    method = _method(name, generator=generator(seed, "method"), **experiment.settings)
    return gdw.run(experiment, method=method).accuracy


def accuracies(seeds: Sequence[int], workers: int | None = None) -> dict[str, dict[str, list[float]]]:
    """Test accuracy in percent by way and scenario, one for each seed in order."""
    runs = [(way, scenario, seed) for way in WAYS for scenario in SCENARIOS for seed in seeds]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        found = tqdm(pool.map(_accuracy, *zip(*runs, strict=True)), total=len(runs), unit="run")
        score = dict(zip(runs, found, strict=True))
    return {way: {scenario: [score[way, scenario, seed] for seed in seeds] for scenario in SCENARIOS} for way in WAYS}


def rows(error: dict, cost: dict, accuracy: dict) -> list[dict]:
    """One row for each way; differences are paired with exact GDW, their p-values corrected for all of them."""
    apart = holm({
        (way, name): paired_difference(accuracy[way][name], accuracy["exact"][name])
        for way in WAYS if way != "exact" for name in SCENARIOS
    })  # fmt: skip
    return [
        {
            "way": way,
            "relative_error": error.get(way, {}).get("relative"),
            "cosine": error.get(way, {}).get("cosine"),
            "cost": cost[way],
            **{name: mean(accuracy[way][name]) for name in SCENARIOS},
            **{f"{name}, difference": apart[way, name] for name in SCENARIOS if way != "exact"},
        }
        for way in WAYS
    ]


def _shown(difference: Difference) -> str:
    return str(difference) if difference.undecided else f"**{difference}**"


def main() -> None:
    """Measure, print the table as Markdown, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="0, 1, ... (default 10 of them)")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    table = rows(errors(), costs(), accuracies(range(options.seeds), options.workers))
    print(f"| way | relative error of g | cosine | plain steps | {' | '.join(SCENARIOS)} |")
    print("| --- " * (4 + len(SCENARIOS)) + "|")
    for row in table:
        beside = [f"{row[key]:.2g}" if row[key] is not None else "" for key in ("relative_error", "cosine")]
        apart = [_shown(row[f"{name}, difference"]) if row["way"] != "exact" else "" for name in SCENARIOS]
        scores = [f"{row[name]:.1f} {shown}".strip() for name, shown in zip(SCENARIOS, apart, strict=True)]
        print("| " + " | ".join([row["way"], *beside, f"{row['cost']:.2f}", *scores]) + " |")
    if options.json:
        record = {"command": COMMAND, "seeds": options.seeds, "scenarios": list(SCENARIOS), "rows": table, **machine()}
        options.json.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
