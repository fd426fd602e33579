"""Which ranking finds wrong labels? ``python -m benchmarks.audit --data FOLDER --labels TABLE --json FILE``.

FOLDER holds CIFAR-10's pictures, train/<class>/..., whose classes are right; TABLE the labels that people gave them
(path, random_label1, random_label2, worse_label, aggre_label: CIFAR-10N). Each split draws a third of the pictures, or
a long tail, and of them 10 confirmed pictures of each class; all others are ranked by every ranking, from the same
features, folds and confirmed pictures. Each ranking is compared with cleanlab's, split by split. Each finished split
is in FILE: the same command continues from there.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.measure import machine
from gdw import files
from gdw.comparison.audit.by_method import out_of_fold_by_method, run_method, task_of_observed
from gdw.comparison.audit.count import confident_joint
from gdw.comparison.audit.heads import (
    FOLDS,
    LogProbs,
    combined,
    fold_of,
    normalised,
    observed_log_probs,
    out_of_fold,
    standardised,
    trained_log_probs,
)
from gdw.comparison.report import paired_difference
from gdw.data.corruption import class_counts, corrupt_labels, transition_matrix
from gdw.data.dataset import Dataset
from gdw.data.picture_labels import labels_by_path
from gdw.data.randomness import generator
from gdw.experiments.experiment import Experiment
from gdw.experiments.loading import dataset_of
from gdw.label_files.label_table import read_table
from gdw.pictures.pretrained import LITE0
from gdw.private import keep_freed_memory

CONFIRMED = 10  # pictures of each class
HUMAN = {
    "human random 1": "random_label1", "human random 2": "random_label2", "human worst": "worse_label",
    "human aggregate": "aggre_label",
}  # fmt: skip
TAILED = ("human random 2", "human worst")  # with a long tail too
TAIL, IMBALANCE = "long tail 0.02, {}", 0.02
PART, LARGEST = 1 / 3, 2 / 3  # of each class's pictures in a split; of the largest class's in a long tail
UNIFORM, RATE = "uniform 60", 0.6
CLEAN = "clean"  # every label right: only the estimated number is of interest
BASE, OURS = "cleanlab self-confidence", "combined"
CONFIRMED_FREEDOM = 10.0  # of the classifier of the confirmed pictures alone, whose labels are all right
TOP = 100
METRICS = ("auroc", "average precision", f"precision at {TOP}", "precision at k")
DIGITS = 4  # of a stored score
WEIGHTING = ("mwnet", "gdw")


def splits(classes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the confirmed pictures and of all others."""
    random = np.random.default_rng([seed, 1])
    sure = [random.choice(np.flatnonzero(classes == c), CONFIRMED, replace=False) for c in np.unique(classes)]
    sure = np.sort(np.concatenate(sure))
    return sure, np.setdiff1d(np.arange(len(classes)), sure)


def observed_labels(dataset: Dataset, table: Path, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Label sets by name: places of the pictures of this split, and the observed labels of all pictures."""
    rows = read_table(table)
    here = set(dataset.paths)
    used = [row for row, path in enumerate(rows.paths) if path in here]  # the folder may hold a part of the pictures
    columns = {name: [words[row] for row in used] for name, words in rows.columns.items()}
    rows = replace(rows, paths=[rows.paths[row] for row in used], columns=columns)
    random, classes = generator(seed, "noise"), len(dataset.class_names)
    matrix = transition_matrix("uniform", RATE, classes, random)
    labels = {name: labels_by_path(rows, column, dataset).numpy() for name, column in HUMAN.items()}
    labels[UNIFORM] = corrupt_labels(dataset.labels, matrix, random).numpy()
    truth = dataset.labels.numpy()
    largest = np.bincount(truth).min()
    part = drawn(truth, [int(PART * largest)] * classes, seed)
    tail = drawn(truth, class_counts("exponential", int(LARGEST * largest), classes, IMBALANCE), seed)
    return {name: (part, observed) for name, observed in labels.items()} | {
        TAIL.format(name): (tail, labels[name]) for name in TAILED
    }


def drawn(classes: np.ndarray, counts: Sequence[int], seed: int) -> np.ndarray:
    """Places of as many pictures of each class, at random."""
    random = np.random.default_rng([seed, 2])
    own = [random.choice(np.flatnonzero(classes == c), count, replace=False) for c, count in enumerate(counts)]
    return np.sort(np.concatenate(own))


def rankings(
    dataset: Dataset,
    features: np.ndarray,
    observed: np.ndarray,
    sure: np.ndarray,
    rest: np.ndarray,
    seed: int,
    methods: Sequence[str],
) -> tuple[dict[str, np.ndarray], int]:
    """Every ranking of the pictures that are not confirmed (low: suspicious), and cleanlab's number of wrong labels."""
    labels, classes, right = observed[rest], len(dataset.class_names), dataset.labels.numpy()[sure]
    folds = tuple(fold_of(observed, FOLDS, seed=one)[rest] for one in (2 * seed, 2 * seed + 1))
    known = features[sure], right
    first = out_of_fold(features[rest], labels, folds[0], classes)
    both, alone = (combined(first, features[rest], labels, folds[1], k) for k in (known, None))
    confirmed = trained_log_probs(*known, None, features[rest], classes, CONFIRMED_FREEDOM)
    found = {
        BASE: np.exp(observed_log_probs(first, labels)),
        OURS: observed_log_probs(both, labels),
        "combined, nothing confirmed": observed_log_probs(alone, labels),
        "confirmed pictures alone": observed_log_probs(confirmed, labels),
    }
    task = task_of_observed(dataset, observed, rest, (sure, right))
    for method in methods:
        experiment = Experiment(features=LITE0, method=method, seed=seed)
        held_out = out_of_fold_by_method(task, experiment, folds[1])
        found[f"{method}: probability out of fold"] = observed_log_probs(held_out, labels)
        found[f"combined and {method} out of fold"] = observed_log_probs(normalised(both + held_out), labels)
        run = run_method(task, experiment)
        found[f"{method}: probability in sample"] = observed_log_probs(run.log_probs, labels)
        if method in WEIGHTING:
            found[f"{method}: weights"] = run.weights
    return found, off_diagonal(first, labels)


def off_diagonal(log_probs: LogProbs, labels: np.ndarray) -> int:
    """What cleanlab's confident joint takes for the number of wrong labels."""
    joint = confident_joint(log_probs, labels)
    return round(float(joint.sum() - np.trace(joint)))


def scores(trust: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """How well a ranking finds the wrong labels. ``k`` is how many there are."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    order = np.argsort(trust, kind="stable")
    values = roc_auc_score(wrong, -trust), average_precision_score(wrong, -trust)
    at = [float(wrong[order[:count]].mean()) for count in (TOP, int(wrong.sum()))]
    return {name: round(float(value), DIGITS) for name, value in zip(METRICS, [*values, *at], strict=True)}


def one_split(dataset: Dataset, features: np.ndarray, table: Path, seed: int, methods: Sequence[str]) -> dict:
    """Scores of every ranking on every label set, and the estimated and the true number of wrong labels."""
    found: dict = {"seed": seed, "scores": {}, "wrong": {}}
    sets = observed_labels(dataset, table, seed)
    for name, (places, observed) in sets.items():
        part = replace(dataset, images=dataset.images[places], labels=dataset.labels[places], paths=None)
        truth, labels, seen = part.labels.numpy(), observed[places], standardised(features[places])
        sure, rest = splits(truth, seed)
        made, estimate = rankings(part, seen, labels, sure, rest, seed, methods)
        wrong = labels[rest] != truth[rest]
        found["scores"][name] = {ranking: scores(trust, wrong) for ranking, trust in made.items()}
        found["wrong"][name] = {"estimated": estimate, "true": int(wrong.sum())}
    places, _ = sets[UNIFORM]
    seen, truth = standardised(features[places]), dataset.labels.numpy()[places]
    first = out_of_fold(seen, truth, fold_of(truth, FOLDS, seed=2 * seed), len(dataset.class_names))
    found["wrong"][CLEAN] = {"estimated": off_diagonal(first, truth), "true": 0}
    return found


def report(found: Sequence[dict]) -> str:
    """Means over splits as Markdown, and each ranking's difference from cleanlab's, paired by split."""
    lines = []
    for name in found[0]["scores"]:
        lines += [f"### {name}", "", f"| ranking | {' | '.join(METRICS)} | average precision − cleanlab's |"]
        lines.append("| --- " * (len(METRICS) + 2) + "|")
        for ranking in found[0]["scores"][name]:
            values = {m: [split["scores"][name][ranking][m] for split in found] for m in METRICS}
            base = [split["scores"][name][BASE]["average precision"] for split in found]
            difference = "" if ranking == BASE else _signed(values["average precision"], base)
            cells = " | ".join(f"{np.mean(values[m]):.3f}" for m in METRICS)
            lines.append(f"| {ranking} | {cells} | {difference} |")
        lines.append("")
    lines += ["| labels | wrong by the confident joint | truly wrong |", "| --- | --- | --- |"]
    for name in found[0]["wrong"]:
        both = [np.mean([split["wrong"][name][kind] for split in found]) for kind in ("estimated", "true")]
        lines.append(f"| {name} | {both[0]:.0f} | {both[1]:.0f} |")
    return "\n".join(lines)


def _signed(ours: Sequence[float], theirs: Sequence[float]) -> str:
    difference = paired_difference(ours, theirs)
    if np.isnan(difference.low):
        return f"{difference.mean:+.3f} (one split)"
    return f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every split that the file does not hold, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="FOLDER")
    parser.add_argument("--labels", required=True, type=Path, metavar="TABLE")
    parser.add_argument("--features", default=LITE0, metavar="NAME")
    parser.add_argument("--splits", type=int, default=10, metavar="N", help="how many (default: 10)")
    parser.add_argument("--method", action="append", default=[], help="rank by its runs too; again for more")
    parser.add_argument("--json", type=Path, metavar="FILE", required=True)
    if arguments is None:
        keep_freed_memory()
    options = parser.parse_args(arguments)
    files.check_writable(options.json)
    found = files.read_json(options.json)["splits"] if options.json.exists() else []
    dataset = dataset_of(Experiment(dataset=options.data, features=options.features))
    dataset = replace(dataset, pictures=None)
    features = dataset.images.numpy()
    done = {split["seed"] for split in found}
    for seed in tqdm([seed for seed in range(options.splits) if seed not in done], unit="split"):
        found.append(one_split(dataset, features, options.labels, seed, options.method))
        record = {"command": "python -m benchmarks.audit", "features": options.features, "machine": machine()}
        record |= {"pictures": len(dataset.labels), "confirmed per class": CONFIRMED, "splits": found}
        files.write(options.json, json.dumps(record, indent=1) + "\n")
    print(report(found))


if __name__ == "__main__":
    main()
