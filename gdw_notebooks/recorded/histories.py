"""Runs too long for a notebook, made once: ``python -m gdw_notebooks.recorded.histories 05-noisy``.

A recording is a list of runs, each a History cut down to what its notebook draws and rounded to four digits.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from tqdm import tqdm

from gdw import Experiment, History, load_dataset, make_task, run
from gdw.data import Dataset
from gdw.data.corruption import corrupt_labels, transition_matrix
from gdw.data.randomness import generator
from gdw.data.task import Split, Task
from gdw_notebooks.recorded import places
from gdw_notebooks.recorded.scenarios import SCENARIOS

HISTORIES = places.notebooks() / "histories"
DIGITS = 4  # significant ones, of every stored number
FLOWS = ("flow_weight", "flow_weight_plain", "flow_mass")
CLASSES = ("class_weight", "class_mass", "class_push", "weight_curve")  # large: of the first seed alone


@dataclass(frozen=True)
class Run:
    """One line of a recording.

    Args:
        label: what a notebook looks it up by.
        experiment: the run, in float64: its numbers travel better between machines.
        wrong: how many of the meta labels are made wrong.
        keep: names of the History's arrays to store.
    """

    label: str
    experiment: Experiment
    wrong: int = 0
    keep: tuple[str, ...] = ("test_accuracy",)


def dirty(task: Task, wrong: int, seed: int) -> Task:
    """The same task, ``wrong`` of its meta labels replaced by one of the other classes."""
    random, labels = generator(seed, "dirty meta labels"), task.meta.labels.clone()
    changed = torch.randperm(len(labels), generator=random)[:wrong]
    never_true = transition_matrix("symmetric", 1.0, task.num_classes, random)
    labels[changed] = corrupt_labels(labels[changed], never_true, random)
    return replace(task, meta=Split(task.meta.images, labels))


def make(recipe: Run) -> History:
    """Train, keep what is asked for, round."""
    e = recipe.experiment
    own = {"dataset": _dataset(e.dataset, e.image_size)}
    if recipe.wrong:
        clean = make_task(
            own["dataset"], noise=e.noise, rate=e.rate, imbalance=e.imbalance,
            meta_per_class=e.meta_per_class, seed=e.seed,
        )  # fmt: skip
        own["task"] = dirty(clean, recipe.wrong, e.seed)
    history = run(e, **own).rounded(DIGITS)
    epochs = {name: history[name] for name in recipe.keep if name in history.epochs}
    return replace(history, epochs=epochs, metadata={"seconds": history.metadata["seconds"]})


@cache
def _dataset(name: str, image_size: int | None) -> Dataset:
    """Decoded once for all runs of a recording."""
    return load_dataset(name, image_size=image_size)


def _clean_set(seeds: Sequence[int]) -> Iterator[Run]:
    for seed in seeds:
        for method in ("only-clean", "l2rw"):
            base = Experiment(noise="uniform", rate=0.6, method=method, seed=seed, precision="float64")
            for size in (1, 2, 5, 10):
                yield Run(f"{method} / {size} per class", base.with_(meta_per_class=size))
            for wrong in (15, 30):
                yield Run(f"{method} / {wrong} of 50 wrong", base, wrong)


def _same_fifty(seeds: Sequence[int]) -> Iterator[Run]:
    for seed in seeds:
        for method in ("only-clean", "pooled", "fine-tune", "l2rw"):
            base = Experiment(noise="uniform", rate=0.6, method=method, seed=seed, precision="float64")
            yield Run(method, base)


def _class_level(seeds: Sequence[int]) -> Iterator[Run]:
    step_size = Experiment(method="gdw").settings["step_size"]
    changes = {
        "GDW": {}, "constraint off": {"zero_mean": False}, "step size ×10": {"step_size": 10 * step_size},
        "step size ÷10": {"step_size": step_size / 10}, "stage one alone": {"stage_two": False},
        "stage two alone": {"stage_one": False},
    }  # fmt: skip
    for seed in seeds:
        base = Experiment(noise="uniform", rate=0.6, seed=seed, precision="float64")
        for method in ("only-clean", "cross-entropy", "gdw-tied"):
            yield Run(method, base.with_(method=method))
        for label, settings in changes.items():
            yield Run(label, base.with_(method="gdw", settings=settings))


def _in_motion(base: Experiment, held: bool, seeds: Sequence[int]) -> Iterator[Run]:
    for seed in seeds:
        keep = ("test_accuracy", *FLOWS, "pull_push", *(CLASSES if seed == seeds[0] else ()))
        for method in ("only-clean", "cross-entropy"):
            yield Run(method, base.with_(method=method, seed=seed), keep=("test_accuracy",))
        for method in ("gdw-tied", "gdw"):
            yield Run(method, base.with_(method=method, seed=seed), keep=keep)
        if held:
            fixed = base.with_(method="gdw", settings={"stage_one": False}, seed=seed)
            yield Run("V held at 1", fixed, keep=("test_accuracy", *FLOWS))


def _noisy(seeds: Sequence[int]) -> Iterator[Run]:
    return _in_motion(Experiment(noise="uniform", rate=0.6, precision="float64"), True, seeds)


def _long_tail(seeds: Sequence[int]) -> Iterator[Run]:
    return _in_motion(Experiment(imbalance=0.02, precision="float64"), False, seeds)


def _real_pictures(seeds: Sequence[int]) -> Iterator[Run]:
    """2,000 pictures of CIFAR-10 (JPEG copy) at half their size, a small network: about 8 minutes of a core for a seed.

    The published settings of CIFAR-10; without augmentation, under which so small a run memorises nothing.
    """
    base = Experiment(
        dataset="cifar10-folder", noise="uniform", rate=0.6, model="cnn", epochs=40, image_size=16, augment=False,
        train_per_class=200, meta_per_class=10, test_per_class=200, threads=1, device="cpu",
    )  # fmt: skip
    keep = ("train_loss", "test_loss", "test_accuracy", "class_accuracy", "group_loss", "auroc", *FLOWS)
    for seed in seeds:
        for method in ("only-clean", "cross-entropy", "l2rw", "mwnet", "gdw-tied", "gdw"):
            yield Run(method, base.with_(method=method, seed=seed), keep=keep)
        for method in ("cross-entropy", "gdw"):
            yield Run(f"{method}, augmented", base.with_(method=method, seed=seed, augment=True), keep=keep)


def _lab(seeds: Sequence[int]) -> Iterator[Run]:
    """What the static page's lab plays: three scenarios of the lab, about a minute of a core for a seed."""
    keep = ("test_loss", "test_accuracy", "class_accuracy", "flow_weight")
    for seed in seeds:
        for scenario in ("uniform 60", "flip 40", "long tail 0.02"):
            base = SCENARIOS[scenario].with_(seed=seed, precision="float64")
            for method in ("only-clean", "cross-entropy", "l2rw", "mwnet", "gdw-tied", "gdw"):
                yield Run(f"{scenario} / {method}", base.with_(method=method), keep=keep)


RECORDINGS = {
    "03-clean-set": (_clean_set, 3),
    "03-same-fifty": (_same_fifty, 5),
    "04-class-level": (_class_level, 6),
    "05-noisy": (_noisy, 5),
    "05-long-tail": (_long_tail, 5),
    "08-real-pictures": (_real_pictures, 3),
    "lab": (_lab, 5),
}


def recipes(name: str, seeds: int | None = None) -> list[Run]:
    """All runs of a recording; ``seeds`` replaces its own number of seeds."""
    plan, count = RECORDINGS[name]
    return list(plan(range(seeds or count)))


def record(name: str, path: Path, seeds: int | None = None) -> None:
    """Make every run of a recording and write them as one JSON file.

    Until all are made, the finished ones are in a file next to it, one per line. An interrupted recording continues
    from there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_suffix(".jsonl")
    lines = begun.read_text("utf-8").splitlines(keepends=True) if begun.exists() else []
    lines = [line.rstrip("\n") for line in lines if line.endswith("\n")]  # a line cut off by a kill is made again
    begun.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    made = {_identity(json.loads(line)): line for line in lines}
    with begun.open("a", encoding="utf-8") as file:
        for recipe in tqdm(recipes(name, seeds), desc=name):
            identity = _identity({"label": recipe.label, "history": {"config": recipe.experiment.config()}})
            if identity not in made:
                history = make(recipe)
                history.metadata["command"] = f"python -m gdw_notebooks.recorded.histories {name}"
                entry = {"label": recipe.label, "history": history.to_record()}
                made[identity] = json.dumps(entry, separators=(",", ":"), ensure_ascii=False)
                file.write(made[identity] + "\n")
                file.flush()
    path.write_text("[\n" + ",\n".join(made.values()) + "\n]\n", "utf-8")
    begun.unlink()


def _identity(entry: dict) -> str:
    return json.dumps([entry["label"], entry["history"]["config"]], sort_keys=True)


def load(name: str) -> dict[str, list[History]]:
    """A stored recording: the Histories of each label, in the order of their seeds."""
    found: dict[str, list[History]] = {}
    for entry in json.loads((HISTORIES / f"{name}.json").read_text("utf-8")):
        found.setdefault(entry["label"], []).append(History.from_record(entry["history"]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Make and store the runs that a notebook loads.")
    parser.add_argument("names", nargs="+", choices=RECORDINGS)
    parser.add_argument("--seeds", type=int, help="fewer or more than stored")
    parser.add_argument("--folder", type=Path, default=HISTORIES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.names:
        record(name, options.folder / f"{name}.json", options.seeds)


if __name__ == "__main__":
    main()
