"""Settings chosen on validation images, with the same number of tries for every method.

``python -m benchmarks.choose --json FILE``: every method of ``choose.toml`` is run with every setting of its grid on
every scenario and seed; a setting's score is its mean validation accuracy. No test accuracy is read.

``GDW_DATA=FOLDER python -m benchmarks.choose --spec benchmarks/choose_features.toml --labels TABLE --json FILE`` does
so on features of pictures, and ``--spec benchmarks/choose_digits.toml`` on digits, where learning rate, weight decay
and epochs are searched too: each method has the same number of settings drawn at random from its grid.

With ``--spec benchmarks/choose_on_clean_set.toml`` no method sees a clean label beyond its clean set: for every
scenario and seed the clean pictures are held out in turn, a fifth at a time, and the setting with the highest mean
accuracy on them is run with the whole clean set. FILE has these runs, as a sweep writes them.
"""

import argparse
import csv
import itertools
import json
import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

import torch
from tqdm import tqdm

from gdw.comparison.records import record
from gdw.comparison.sweep import grouped, run_all
from gdw.data.task import Split, Task
from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw.experiments.loading import dataset_of, task_of
from gdw.training.many import train_together
from gdw.training.run import Training

SPEC = Path(__file__).with_name("choose.toml")
OWN_KEYS = ("seeds", "scenario", "grid", "grids_of", "methods", "common", "draws", "folds")
DRAW_SEED = 0
DIVERGED = ("stopped being finite", "is not finite at the end")  # in the error of a run that diverged


def load_spec(path: Path, labels: str = "") -> dict:
    """A search's description; ``grids_of`` names a file beside it whose grids it takes too, ``methods`` picks some."""
    spec = tomllib.loads(path.read_text("utf-8").replace("{labels}", labels))
    if "grids_of" in spec:
        spec["grid"] = load_spec(path.parent / spec["grids_of"])["grid"] | spec.get("grid", {})
    spec["grid"] = {method: spec["grid"][method] for method in spec.get("methods", spec["grid"])}
    return spec


def settings_of(grid: dict[str, Sequence]) -> Iterator[dict]:
    """Every combination of a grid's values."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def tries_of(spec: dict, method: str) -> list[tuple[dict, dict]]:
    """What is tried for a method: fields of Experiment that every method searches, and its own settings.

    Without ``draws`` in the spec the whole grid; with it, so many points of the grid ``common`` x own, drawn without
    repetition from a stream that all methods share, so that they search the same learning rates.
    """
    common, own = spec.get("common", {}), spec["grid"][method]
    if "draws" not in spec:
        return [(fields, settings) for fields in settings_of(common) for settings in settings_of(own)]
    fields, settings = (random.Random(f"{DRAW_SEED}/{part}") for part in ("common", method))  # noqa: S311 - drawn again the same by anyone, not secret
    tries: list[tuple[dict, dict]] = []
    while len(tries) < spec["draws"]:
        drawn = (
            {name: fields.choice(values) for name, values in common.items()},
            {name: settings.choice(values) for name, values in own.items()},
        )
        if drawn not in tries:
            tries.append(drawn)
    return tries


def experiments_of(spec: dict, method: str) -> list[Experiment]:
    """Every setting x scenario x seed of one method, with a validation set held out."""
    shared = {name: value for name, value in spec.items() if name not in OWN_KEYS} | {"device": "cpu"}
    return [
        Experiment(**(shared | scenario | fields), method=method, settings=settings, seed=seed)
        for fields, settings in tries_of(spec, method)
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


def searched(spec: dict, config: dict) -> dict:
    """Of a run's config what was searched."""
    return {name: config[name] for name in spec.get("common", {})} | config["settings"]


def choose(spec: dict, method: str, workers: int | None = None) -> list[dict]:
    """Run one method's grid; its settings with their scores, the best first."""
    experiments = experiments_of(spec, method)
    running = run_all(experiments, workers=workers, seeds_at_once=len(spec["seeds"]))
    histories = tqdm(running, total=len(experiments), desc=method, unit="run")
    return scores([(searched(spec, history.config), _validation_accuracy(history)) for history in histories])


def folds_of(task: Task, count: int) -> list[Task]:
    """The task ``count`` times, each with another part of its clean set held out as the validation set.

    Every clean picture is held out once, and of each class as many as of any other, up to one.
    """
    labels = task.meta.labels
    place = torch.stack([(labels[:end] == labels[end]).sum() for end in range(len(labels))])  # within its class
    found = []
    for fold in range(count):
        out = place % count == fold
        parts = {"meta": ~out, "validation": out}
        splits = {name: Split(task.meta.images[which], labels[which]) for name, which in parts.items()}
        sources = {name: task.dataset_indices["meta"][which] for name, which in parts.items()}
        found.append(replace(task, **splits, dataset_indices=task.dataset_indices | sources))
    return found


def held_out_scores(group: Sequence[Experiment], folds: int) -> list[float]:
    """Accuracy in percent on clean pictures held out in turn, for each of some experiments that differ in the seed."""
    dataset = dataset_of(group[0])
    trainings = [Training(e, task=task) for e in group for task in folds_of(task_of(e, dataset), folds)]
    for _ in train_together(trainings):
        pass
    scores = [_validation_accuracy(training.history) for training in trainings]
    return [mean(scores[start : start + folds]) for start in range(0, len(scores), folds)]


def choose_on_clean_sets(spec: dict, method: str) -> list[Experiment]:
    """For every scenario and seed the setting that is best on the clean pictures held out; the first of equals."""
    chosen = []
    for scenario in spec["scenario"]:
        groups = grouped(experiments_of(spec | {"scenario": [scenario]}, method), len(spec["seeds"]))
        scores = [held_out_scores(group, spec["folds"]) for group in tqdm(groups, desc=method, unit="setting")]
        for seed in range(len(spec["seeds"])):
            best = max(range(len(groups)), key=lambda setting: scores[setting][seed])
            chosen.append(groups[best][seed])
    return chosen


def table_row(spec: dict, method: str, rows: Sequence[dict]) -> dict[str, str]:
    """A method's line in a table of settings: the best setting, and what the search's scores are."""
    best, common = rows[0]["settings"], spec.get("common", {})
    parts = {"plan": {name: best[name] for name in common}, "own": {n: v for n, v in best.items() if n not in common}}
    scores = [row["validation"] for row in rows]
    second = (scores[1:] or scores)[0]
    numbers = {"best": scores[0], "second": second, "median": median(scores), "worst": scores[-1]}
    return (
        {"method": method}
        | {name: ", ".join(f"{key} {value:g}" for key, value in part.items()) or "–" for name, part in parts.items()}
        | {name: f"{value:.2f}" for name, value in numbers.items()}
    )


def write_table(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """As CSV, in the order of the rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def score_of(validation_accuracy: float, error: str | None, run: str) -> float:
    """In percent; 0 for a run that diverged. Any other error ends the search: scores without that run would mislead."""
    if error is None:
        return validation_accuracy
    if any(words in error for words in DIVERGED):
        return 0.0
    raise RuntimeError(f"{run}: {error}")


def _validation_accuracy(history: History) -> float:
    return score_of(history.validation_accuracy, history.error, f"{history.method}, seed {history.seed}")


def main() -> None:
    """Search every grid, print each method's table, write them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", type=Path, default=SPEC)
    parser.add_argument("--method", action="append", help="only these (default: every grid of the spec)")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--dataset", help="a folder of pictures, in place of the spec's data set")
    parser.add_argument("--labels", default="", help="a table of human labels: {labels} in the spec")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="a line for each method: the best setting, and scores")
    options = parser.parse_args()
    spec, found = load_spec(options.spec, options.labels), {}
    spec |= {"dataset": options.dataset} if options.dataset else {}
    for method in options.method or spec["grid"]:
        if "folds" in spec:
            lines = [record(history) for history in run_all(choose_on_clean_sets(spec, method), workers=0)]
            with options.json.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
            continue
        found[method] = choose(spec, method, options.workers)
        for row in found[method]:
            print(f"{method:12} {row['validation']:6.2f} %  {row['settings']}")
        if options.json:
            options.json.write_text(json.dumps({"spec": spec, "scores": found}, indent=1) + "\n", "utf-8")
        if options.csv:
            write_table(options.csv, [table_row(spec, name, rows) for name, rows in found.items()])


if __name__ == "__main__":
    main()
