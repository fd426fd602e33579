"""Does looking at suspects help? ``python -m benchmarks.loop --data FOLDER --labels TABLE --json FILE``

FOLDER holds pictures whose classes are right, train/<class>/... and test/<class>/...; TABLE the labels that people gave
those of train (CIFAR-10N's columns). Each seed has 2,000 pictures of its own. Ten of each class are confirmed at the
start: the clean set of every run. A person who makes no mistake then looks at more, in three orders: the audit's
(``combined``), cleanlab's (``self-confidence``), and at random. After each number of looks two methods are trained on
the observed labels with the confirmed ones in their places, and tested on the pictures of test. Each finished seed is
in FILE: the same command continues from there.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

import gdw
from benchmarks.audit import CONFIRMED, splits
from benchmarks.measure import machine
from gdw import files
from gdw.comparison.report import paired_difference
from gdw.data.confirmed import IN_CLASS, SUSPECT, Confirmed
from gdw.data.dataset import Dataset
from gdw.data.picture_labels import labels_by_path
from gdw.experiments.loading import dataset_of
from gdw.label_files.label_table import read_table
from gdw.pictures.pretrained import LITE0
from gdw.private import keep_freed_memory

SETS = {"human random 1": "random_label1", "human worst": "worse_label"}
EACH = 200  # pictures of a class in a seed
LOOKS = (0, 150, 300, 600)
ORDERS = {"the audit's order": "combined", "cleanlab's order": "self-confidence", "random order": None}
METHODS = ("cross-entropy", "gdw")
DIGITS = 2  # of a stored accuracy in %


def order_of(part: Dataset, start: Confirmed, ranking: str | None, seed: int) -> list[int]:
    """All places that are not confirmed at the start, in the order in which a person looks at them."""
    if ranking is None:
        left = [place for place in range(len(part.labels)) if place not in start]
        return np.random.default_rng([seed, 3]).permutation(left).tolist()
    found = gdw.audit(part, start, ranking=ranking, seed=seed)
    return [place for place in found.table.index.tolist() if place not in start]


def one_set(part: Dataset, truth: np.ndarray, seed: int) -> dict:
    """Accuracy in % by method, order and number of looks.

    Args:
        part: pictures with their observed labels, and clean test pictures.
        truth: the right classes.
    """
    sure, _ = splits(truth, seed)
    start = {int(place): int(truth[place]) for place in sure}
    ways, found = dict.fromkeys(start, IN_CLASS), {}
    for name, ranking in ORDERS.items():
        order = order_of(part, Confirmed(start, ways), ranking, seed)
        for looks in LOOKS:
            seen = {place: int(truth[place]) for place in order[:looks]}
            known = Confirmed(start | seen, ways | dict.fromkeys(seen, SUSPECT))
            task = gdw.make_task(part, confirmed=known, meta_per_class=CONFIRMED, seed=seed)
            for method in METHODS:
                scores = found.setdefault(method, {}).setdefault(name, {})
                first = next(iter(ORDERS))
                if looks == 0 and name != first:  # nothing is looked at yet: the same run
                    scores[str(looks)] = found[method][first]["0"]
                    continue
                experiment = gdw.Experiment(features=LITE0, method=method, seed=seed, meta_per_class=CONFIRMED)
                training = gdw.Training(experiment, task=task)
                for _ in training.events():
                    pass
                scores[str(looks)] = round(float(training.history.accuracy), DIGITS)
    return found


def one_seed(dataset: Dataset, table: Path, seed: int) -> dict:
    """Every label set of the pictures that belong to this seed."""
    rows, here = read_table(table), set(dataset.paths or ())
    used = [row for row, path in enumerate(rows.paths) if path in here]
    columns = {name: [words[row] for row in used] for name, words in rows.columns.items()}
    rows = replace(rows, paths=[rows.paths[row] for row in used], columns=columns)
    truth, random = dataset.labels.numpy(), np.random.default_rng(0)  # one order: the seeds share no picture
    own = [random.permutation(np.flatnonzero(truth == c))[seed * EACH : (seed + 1) * EACH] for c in np.unique(truth)]
    places = np.sort(np.concatenate(own))
    found: dict = {"seed": seed, "wrong": {}, "accuracy": {}}
    for name, column in SETS.items():
        observed = labels_by_path(rows, column, dataset)[places]
        part = replace(dataset, images=dataset.images[places], labels=observed, paths=None)
        found["wrong"][name] = int((observed.numpy() != truth[places]).sum())
        found["accuracy"][name] = one_set(part, truth[places], seed)
    return found


def report(found: Sequence[dict]) -> str:
    """Means over seeds as Markdown, and the audit's order minus the others, paired by seed."""
    lines = []
    ours = next(iter(ORDERS))
    for name in found[0]["accuracy"]:
        wrong = np.mean([seed["wrong"][name] for seed in found])
        lines += [f"### {name}: {wrong:.0f} labels are wrong", ""]
        lines += [f"| method | order | {' | '.join(f'{n} looks' for n in LOOKS)} | {ours} − this, {LOOKS[-1]} looks |"]
        lines += ["| --- " * (len(LOOKS) + 3) + "|"]
        for method in METHODS:
            values = {order: {str(n): [seed["accuracy"][name][method][order][str(n)] for seed in found] for n in LOOKS}
                      for order in ORDERS}  # fmt: skip
            for order, scores in values.items():
                cells = " | ".join(f"{np.mean(scores[str(n)]):.1f}" for n in LOOKS)
                last = str(LOOKS[-1])
                against = "" if order == ours else signed(values[ours][last], scores[last])
                lines.append(f"| {method} | {order} | {cells} | {against} |")
        lines.append("")
    return "\n".join(lines)


def signed(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The mean difference with its 95 % interval."""
    found = paired_difference(ours, theirs)
    return (
        f"{found.mean:+.1f} [{found.low:+.1f}, {found.high:+.1f}]" if found.low == found.low else f"{found.mean:+.1f}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every seed that the file does not hold, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="FOLDER")
    parser.add_argument("--labels", required=True, type=Path, metavar="TABLE")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", required=True)
    if arguments is None:
        keep_freed_memory()
    options = parser.parse_args(arguments)
    files.check_writable(options.json)
    found = files.read_json(options.json)["seeds"] if options.json.exists() else []
    dataset = dataset_of(gdw.Experiment(dataset=options.data, features=LITE0))
    dataset = replace(dataset, pictures=None)
    done = {seed["seed"] for seed in found}
    for seed in tqdm([seed for seed in range(options.seeds) if seed not in done], unit="seed"):
        found.append(one_seed(dataset, options.labels, seed))
        record = {"command": "python -m benchmarks.loop", "features": LITE0, "machine": machine()}
        record |= {"pictures": EACH * len(dataset.class_names), "confirmed per class": CONFIRMED, "seeds": found}
        files.write(options.json, json.dumps(record, indent=1) + "\n")
    print(report(found))


if __name__ == "__main__":
    main()
