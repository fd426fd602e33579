"""A pretrained network fine-tuned under human label noise: ``GDW_DATA=FOLDER python -m benchmarks.end_to_end``.

``end_to_end.toml`` describes it. Seed by seed, every method's settings are compared on half of that seed's clean
pictures, learning from the other half; then the best of them runs with all of these pictures. So no choice sees a clean
label that the method does not learn from later. Each finished run is a line of ``end_to_end.jsonl``, and the
same command continues from there; the chosen runs are kept epoch by epoch in ``end_to_end_epochs.jsonl``. The
score is the test accuracy after the last epoch.
"""

import argparse
import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.choose import score_of
from benchmarks.cifar import DIGITS
from benchmarks.clean_set import marked
from gdw import files
from gdw.comparison.names import title
from gdw.comparison.records import Record, read, records_of
from gdw.comparison.sweep import resume
from gdw.comparison.tables import differences
from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw.private import keep_freed_memory

SPEC = Path(__file__).with_name("end_to_end.toml")
RECORDS, HISTORIES = (SPEC.with_name(f"end_to_end{what}.jsonl") for what in ("", "_epochs"))
OURS = "gdw"
FEWEST_SEEDS = 3  # with fewer there is no interval, and no table
WRONG = 1  # of History's groups: mislabelled


def load_spec() -> dict:
    """What ``end_to_end.toml`` says."""
    return tomllib.loads(SPEC.read_text("utf-8"))


def experiments_of(spec: dict, method: str, seed: int, part: str = "run") -> list[Experiment]:
    """One method's settings, in the order of the file; ``part="search"``: on half of the clean set."""
    fields = spec["run"] | (spec["search"] if part == "search" else {})
    found = []
    for place, values in enumerate(zip(*spec["common"].values(), strict=True)):
        settings = {name: each[place] for name, each in spec["own"][method].items()}
        common = dict(zip(spec["common"], values, strict=True))
        found.append(Experiment(**fields, **common, method=method, settings=settings, seed=seed))
    return found


def chosen(spec: dict, method: str, seed: int, records: Sequence[Record]) -> Experiment:
    """The setting with the highest validation accuracy, the first of equals, as it runs with the whole clean set."""
    tried = records_of(experiments_of(spec, method, seed, "search"), records)
    scores = [score_of(r["validation_accuracy"], r["error"], f"{method}, seed {seed}") for r in tried if r]
    if len(scores) < len(tried):
        raise ValueError(f"{method}, seed {seed}: {len(tried) - len(scores)} of its settings have not been tried")
    return experiments_of(spec, method, seed)[int(np.argmax(scores))]


def run(spec: dict, path: Path, keep: Callable[[History], None]) -> Iterator[Record]:
    """Everything that ``path`` does not hold yet, in this process: a seed's settings, then its chosen runs."""
    for seed in spec["seeds"]:
        yield from resume([e for m in spec["own"] for e in experiments_of(spec, m, seed, "search")], path, workers=0)
        best = [chosen(spec, method, seed, read(path)) for method in spec["own"]]
        yield from resume(best, path, workers=0, on_done=keep)


def report(spec: dict, histories: Sequence[History]) -> str:
    """Accuracy by epoch and GDW's differences as Markdown; with too few seeds only how many there are."""
    by_method = {m: {h.seed: h for h in histories if h.method == m} for m in spec["own"]}
    seeds = sorted(set.intersection(*map(set, by_method.values())))
    if len(seeds) < FEWEST_SEEDS:
        done = f"{len(seeds)} of {len(spec['seeds'])} seeds have all {len(by_method)} methods"
        return f"Not finished: {done}. A table needs {FEWEST_SEEDS}."
    runs = [h for by_seed in by_method.values() for seed, h in by_seed.items() if seed in seeds]
    last = pd.DataFrame({
        "method": [h.method for h in runs], "scenario": "all", "seed": [h.seed for h in runs],
        "accuracy": [h["test_accuracy"][-1] for h in runs],
    })  # fmt: skip
    against = differences(last, OURS)
    epochs = spec["run"]["epochs"]
    head = ["method", "settings", *(f"epoch {n + 1}" for n in range(epochs)), "loss of wrong labels", "GDW − it"]
    rows = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for method, by_seed in by_method.items():
        kept = [by_seed[seed] for seed in seeds]
        accuracy = np.array([h["test_accuracy"] for h in kept])
        loss = np.mean([h["group_loss"][[0, -1], WRONG] for h in kept], axis=0)
        cells = [title(method), ", ".join(str(_place(spec, h)) for h in kept)]
        cells += [f"{value:.1f}" for value in accuracy.mean(axis=0)]
        cells[-1] += f" ± {accuracy[:, -1].std(ddof=1):.1f}"
        cells += [f"{loss[0]:.2f} → {loss[1]:.2f}", marked(against[method]["all"]) if method != OURS else ""]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _place(spec: dict, history: History) -> int:
    """Which of its settings a run was chosen with, counted from 1."""
    common = list(zip(*spec["common"].values(), strict=True))
    return common.index(tuple(history.config[name] for name in spec["common"])) + 1


def load(path: Path = HISTORIES) -> list[History]:
    """The chosen runs that are over; of one that is there twice the last."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = [History.from_record(json.loads(line)) for line in lines]
    return list({(history.method, history.seed): history for history in found}.values())


def save(history: History, path: Path) -> None:
    """One more run, rounded; one that diverged has no last epoch and is in the records alone."""
    kept = [*load(path), *([] if history.error else [history.rounded(DIGITS)])]
    files.write(path, "".join(json.dumps(files.finite(each.to_record())) + "\n" for each in kept))


def main() -> None:
    """Run what FILE does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=RECORDS, metavar="FILE", help="one line per finished run")
    parser.add_argument("--epochs", type=Path, default=HISTORIES, metavar="FILE", help="the chosen runs, every epoch")
    options = parser.parse_args()
    keep_freed_memory()
    spec = load_spec()
    for line in tqdm(run(spec, options.json, lambda history: save(history, options.epochs)), unit="run"):
        if line["error"]:
            tqdm.write(f"{line['method']}, seed {line['seed']}: {line['error']}")
    print(report(spec, load(options.epochs)))


if __name__ == "__main__":
    main()
