"""The published CIFAR-10 protocol end to end: ``python -m benchmarks.cifar --data PATH --json FILE``.

ResNet-32, 80 epochs, batch 100, 1,000 clean images disjoint from the training images, the published settings: five
methods, four scenarios, three seeds; GDW and its nearest rivals at uniform 60 come first. Each finished run is a line
of FILE: after an interruption the same command continues from there, with ``--checkpoint FOLDER`` in the middle of a
run; ``--seconds 540`` stops by itself before that time is over. PATH is torchvision's folder (cifar-10-batches-py) or
an image folder with CIFAR-10's
classes, train/<class>/... and test/<class>/...; figures from such a copy are not figures on CIFAR-10.
"""

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tqdm import tqdm

from benchmarks.measure import machine
from gdw.__main__ import add_experiment_options
from gdw.cache import SETTLED
from gdw.comparison import sweep
from gdw.comparison.names import scenario_name
from gdw.comparison.records import finished
from gdw.comparison.tables import deviations, differences, means, table
from gdw.data.datasets import cifar10_at
from gdw.errors import unknown
from gdw.experiments.experiment import Experiment, from_config
from gdw.experiments.fields import resolve_device
from gdw.experiments.history import History
from gdw.experiments.loading import dataset_of

if TYPE_CHECKING:
    from pandas import DataFrame

OURS, RIVALS = "gdw", ("gdw-tied", "mwnet")
METHODS = ("mwnet", "gdw-tied", "gdw", "cross-entropy", "l2rw")
SCENARIOS: Mapping[str, Mapping] = {
    "uniform 60": {"noise": "uniform", "rate": 0.6},
    "uniform 40": {"noise": "uniform", "rate": 0.4},
    "flip 40": {"noise": "flip", "rate": 0.4},
    "long tail 0.01": {"imbalance": 0.01},
}
SEEDS = 3
TABLE_SECONDS = 10.0  # kept back to end workers and print
DIGITS = 4  # significant ones, of the numbers in a saved History
CHANGES = (
    "model", "epochs", "batch_size", "meta_per_class", "train_per_class", "test_per_class", "image_size", "threads",
    "device", "precision", "channels_last", "capture",
)  # fmt: skip


def experiments_of(
    dataset: str, methods: Sequence[str], scenarios: Sequence[str], seeds: int, changes: Mapping
) -> list[Experiment]:
    """Scenario by scenario, all seeds of the methods that are compared before the others: what is done is paired.

    Raises:
        ValueError: an unknown method, scenario or value.
    """
    for name in scenarios:
        if name not in SCENARIOS:
            raise unknown("scenario", name, SCENARIOS)
    if seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {seeds}")
    parts = [[m for m in dict.fromkeys(methods) if (m in (OURS, *RIVALS)) == compared] for compared in (True, False)]
    return [
        Experiment(dataset=dataset, method=method, seed=seed, **SCENARIOS[scenario], **changes)
        for scenario in scenarios
        for part in parts
        for seed in range(seeds)
        for method in part
    ]


def report(runs: "DataFrame") -> str:
    """Mean and standard deviation over seeds, and GDW's differences paired by seed with their 95 % intervals."""
    if runs.empty:
        return "no run has finished"
    cells = means(runs).map("{:.2f}".format) + deviations(runs).map(_spread)
    parts = ["test accuracy in %, mean of the last five epochs, ± sd over seeds", cells.to_string()]
    against = differences(runs, OURS)
    for rival in RIVALS:
        parts += [f"{OURS} − {rival}, {s}: {d}" for s, d in against.get(rival, {}).items()]
    return "\n".join(parts)


def _spread(deviation: float) -> str:
    return f" ± {deviation:.2f}" if deviation == deviation else " (one seed)"


def save_history(history: History, folder: Path) -> Path:
    """One run's History, rounded, under a name that says which run it is."""
    check = from_config(history.config).code.rpartition("~")[2]  # of all other settings
    name = f"{scenario_name(history.config)} {history.method} {history.seed} {check}"
    name = re.sub(r"[ ()]+", "-", name)
    path = folder / f"{name}.json"
    history.rounded(DIGITS).save(path)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what FILE does not hold yet, then print the table; 1 where a run failed, 2 for bad input."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (ValueError, OSError) as error:
        print(f"benchmarks.cifar: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    os.environ["GDW_DATA"] = str(options.data.expanduser().resolve())  # for the workers too
    given = {name: getattr(options, name) for name in CHANGES}
    device = resolve_device(options.device or "auto").type
    experiments = experiments_of(
        cifar10_at(Path(os.environ["GDW_DATA"])), options.method or METHODS, options.scenario or list(SCENARIOS),
        options.seeds, {name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    if options.histories:
        options.histories.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    where = machine(device)  # before workers are ended in the middle of their steps, under MPS too
    with ended_in(options.seconds):
        _decode_once(experiments[0])
        _work_through(experiments, options, failed)
    records = [record for record in finished(experiments, options.json) if record]
    print(f"{experiments[0].dataset}, {experiments[0].model}, {experiments[0].epochs} epochs: {where}")
    print(report(table(records)))
    if left := len(experiments) - len(records):
        print(f"not run: {left} of {len(experiments)}; the same command continues with them")
    return int(bool(failed))


@contextmanager
def ended_in(seconds: float | None) -> Iterator[None]:
    """What is within ends early enough for the table; workers end with it.

    Raises:
        ValueError: no time at all, or a system without timers.
    """
    if seconds is None:
        yield
        return
    if seconds <= TABLE_SECONDS or not hasattr(signal, "setitimer"):
        raise ValueError(f"--seconds must be above {TABLE_SECONDS:g}, on a system with timers, got {seconds:g}")

    def end(*_: object) -> NoReturn:
        raise TimeIsOver

    before = signal.signal(signal.SIGALRM, end)
    try:
        with suppress(TimeIsOver):
            signal.setitimer(signal.ITIMER_REAL, seconds - TABLE_SECONDS)
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class TimeIsOver(BaseException):
    """Not an error of a run: no run keeps it."""


def _decode_once(experiment: Experiment) -> None:
    """Every worker then finds the pictures in one file; none is kept of files that were written a moment ago."""
    if experiment.dataset == "cifar10-folder":
        folder = Path(os.environ["GDW_DATA"])
        newest = max(part.stat().st_ctime for part in (*folder.glob("*/"), *folder.glob("*/*/")))
        time.sleep(max(0.0, newest + SETTLED + 0.5 - time.time()))
    dataset_of(experiment)


def _work_through(experiments: Sequence[Experiment], options: argparse.Namespace, failed: list[str]) -> None:
    """Run what is not there yet; the names of runs that fail go to ``failed``."""

    def keep(history: History) -> None:
        if options.histories and history.error is None:
            save_history(history, options.histories)

    runs = sweep.resume(experiments, options.json, workers=options.workers, on_done=keep, keep=options.checkpoint)
    done = sum(map(bool, finished(experiments, options.json)))
    with closing(runs), tqdm(total=len(experiments), initial=done, unit="run") as bar:
        for line in runs:
            name = f"{scenario_name(line['config'])}, {line['method']}, seed {line['seed']}"
            bar.write(f"{name}: {line['error'] or format(line['accuracy'], '.2f') + ' %'}", file=sys.stderr)
            bar.update()
            failed += [name] if line["error"] else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.cifar", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="torchvision's or an image folder")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="one line per finished run")
    parser.add_argument("--histories", type=Path, metavar="FOLDER", help="keep each run's History here, rounded")
    parser.add_argument("--method", action="append", help="this one in place of the five; give it again for more")
    parser.add_argument("--scenario", action="append", help=f"one of: {', '.join(SCENARIOS)}; again for more")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="seeds 0 ... N - 1 (default: 3)")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop by itself before they are over")
    parser.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="keep the runs under way there, to go on")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs side by side (default: 1)")
    add_experiment_options(parser, CHANGES)
    return parser


if __name__ == "__main__":
    sys.exit(main())
