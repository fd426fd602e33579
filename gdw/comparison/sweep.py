"""Many experiments on any concurrent.futures executor; each finished run is kept, and none repeated."""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread

import torch

from gdw.data.dataset import Dataset
from gdw.training.experiment import OWN, Experiment, from_config
from gdw.training.history import SCORE_EPOCHS, History
from gdw.training.inputs import dataset_of, source_of
from gdw.training.loop import TrainingDiverged
from gdw.training.many import run_seeds, supports_many_seeds
from gdw.training.run import run

Group = tuple[Experiment, ...]  # what one worker does in one go

ATTEMPTS = 3  # how often a run may take its process down with it before it counts as failed


def run_all(
    experiments: Sequence[Experiment],
    executor: Executor | None = None,
    workers: int | None = None,
    on_done: Callable[[History], None] | None = None,
    seeds_at_once: int = 1,
) -> Iterator[History]:
    """Run them all; yields each History as it finishes, so not in order.

    A run that fails yields a History whose ``error`` says why, and the rest go on. With local processes the
    next run starts only when the one before has been taken from this iterator.

    Args:
        executor: any ``concurrent.futures.Executor``; by default fresh local processes with one thread each.
        workers: how many of these processes; by default one per core.
        on_done: called with each History before it is yielded.
        seeds_at_once: up to so many seeds of an experiment in one vectorised training (many.py) where that can be;
            their Histories come together. A run then equals one by itself up to rounding, not bit for bit.

    Raises:
        ValueError: ``seeds_at_once`` below 1.
    """
    groups = grouped(experiments, seeds_at_once)
    for history in _on(executor, groups) if executor else _on_processes(groups, workers):
        if on_done:
            on_done(history)
        yield history


def grouped(experiments: Sequence[Experiment], seeds_at_once: int) -> list[Group]:
    """Experiments that differ in the seed alone, up to so many together where they bear it; the rest one by one.

    Raises:
        ValueError: ``seeds_at_once`` below 1.
    """
    if seeds_at_once < 1:
        raise ValueError(f"seeds_at_once must be at least 1, got {seeds_at_once}")
    if seeds_at_once == 1:
        return [(experiment,) for experiment in experiments]
    groups: dict[str, list[Experiment]] = {}
    for experiment in experiments:
        apart = {"seed": None} if supports_many_seeds(experiment) else {}
        groups.setdefault(json.dumps({**experiment.everything(), **apart}, sort_keys=True), []).append(experiment)
    return [
        tuple(group[start : start + seeds_at_once])
        for group in groups.values()
        for start in range(0, len(group), seeds_at_once)
    ]


def _on(executor: Executor, groups: Sequence[Group]) -> Iterator[History]:
    """Everything is handed over at once: the executor knows best how many run side by side."""
    futures = {executor.submit(_run_group, _configs(group)): group for group in groups}
    try:
        while futures:
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                yield from _histories_of(future, futures.pop(future))
    finally:
        for future in futures:
            future.cancel()


def _on_processes(groups: Sequence[Group], workers: int | None) -> Iterator[History]:
    """Never more runs handed over than there are workers; a pool that a dying process broke is replaced."""
    workers = workers or os.cpu_count() or 1
    waiting, attempts = list(reversed(groups)), Counter()
    while waiting:
        with ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker) as pool:
            running: dict[Future, Group] = {}
            while waiting or running:
                try:
                    while waiting and len(running) < workers:
                        running[pool.submit(_run_group, _configs(waiting[-1]))] = waiting[-1]
                        waiting.pop()
                except BrokenProcessPool:
                    pass
                if not running:
                    break
                future = next(iter(wait(running, return_when=FIRST_COMPLETED).done))
                group = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    attempts[group] += 1
                    if len(group) > 1 or attempts[group] < ATTEMPTS:
                        waiting += [(experiment,) for experiment in reversed(group)]
                        continue
                yield from _histories_of(future, group)


def _configs(group: Group) -> list[dict]:
    return [experiment.everything() for experiment in group]


def _histories_of(future: Future, group: Group) -> list[History]:
    error = future.exception()
    if error is None:
        return [History.from_record(record) for record in future.result()]
    return [History(e.config(), error=f"{type(error).__name__}: {error}") for e in group]


def _run_group(configs: list[dict]) -> list[dict]:
    """In the worker, plain values in and out: seeds at once, or one by one where there is one or that fails."""
    if len(configs) > 1:
        experiment = from_config(configs[0])
        with suppress(Exception):  # whatever it is, each run tells it for itself below
            dataset = _dataset(experiment)
            histories = run_seeds(experiment, [config["seed"] for config in configs], dataset=dataset)
            return [history.to_record() for history in histories]
    return [_run_one(config) for config in configs]


def _run_one(config: dict) -> dict:
    """In the worker: plain values in, plain values out, whatever the executor speaks."""
    try:
        experiment = from_config(config)
        return run(experiment, dataset=_dataset(experiment)).to_record()
    except TrainingDiverged as error:
        history = error.history
    except Exception as error:  # whatever a run may raise is its own failure, not the sweep's
        history = History(config, error=f"{type(error).__name__}: {error}")
    return history.to_record()


_DATASETS: dict[tuple, Dataset] = {}


def _dataset(experiment: Experiment) -> Dataset:
    """Decoded once per worker process; nobody writes to it."""
    source = source_of(experiment)
    if source not in _DATASETS:
        _DATASETS[source] = dataset_of(experiment)
    return _DATASETS[source]


def _begin_worker() -> None:
    """One thread per process; and when the sweep is killed, its workers end too."""
    torch.set_num_threads(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    connection.wait([parent_process().sentinel])
    os._exit(1)


def record(history: History) -> dict:
    """One run in one line of JSON; accuracies in percent, each number the mean of the last five epochs."""
    at_once = history.metadata.get("seeds_at_once")  # its seconds are then a share of a common time
    return {
        "method": history.method,
        "seed": history.seed,
        "config": history.config,
        "engine": history.metadata.get("engine"),
        "code": None if OWN in history.config else from_config(history.config).code,
        "accuracy": _finite(history.accuracy),
        "worst_class": _finite(history.worst_class),
        "validation_accuracy": _finite(history.validation_accuracy if len(history) else float("nan")),
        "auroc": _finite(float(history["auroc"][-SCORE_EPOCHS:].mean()) if len(history) else float("nan")),
        "wrong_label_rate": history.wrong_label_rate,
        "seconds": history.metadata.get("seconds"),
        **({"seeds_at_once": at_once} if at_once else {}),
        "date": history.metadata.get("date"),
        "error": history.error,
    }


def _finite(value: float) -> float | None:
    return value if value == value else None


def resume(
    experiments: Sequence[Experiment],
    path: str | Path,
    executor: Executor | None = None,
    workers: int | None = None,
    on_done: Callable[[History], None] | None = None,
    seeds_at_once: int = 1,
) -> Iterator[dict]:
    """Run what ``path`` does not hold yet; each finished run is a line on disk before its place is given away.

    Args:
        path: JSON Lines, one ``record`` each, in the order in which they finished. What is there stays; a line
            torn by a kill is cut off and its run repeated; a failed run is tried again.
        on_done: called with each History before its line is written: what it keeps is there when the line is.
        seeds_at_once: as for ``run_all``; seeds trained at once are on disk together, before the next group starts.

    Yields:
        The record of each run as it finishes.

    Raises:
        ValueError: the file holds something else, or another sweep is writing to it.
    """
    path = Path(path)
    with _sole_writer(path) as file:
        done = {key(r["config"]) for r in read(path) if r["error"] is None}
        left = [e for e in experiments if key(e.config()) not in done]
        for history in run_all(left, executor, workers, on_done, seeds_at_once):
            line = record(history)
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
            yield line


def count_done(experiments: Sequence[Experiment], path: str | Path) -> int:
    """How many of them the file holds without an error."""
    done = {key(r["config"]) for r in read(path) if r["error"] is None}
    return sum(key(e.config()) in done for e in experiments)


def read(path: str | Path) -> list[dict]:
    """The records of a sweep, the last one of each run; a torn last line is left out.

    Raises:
        ValueError: a line before the last is no record; the message gives its number.
    """
    if not Path(path).exists():
        return []
    *lines, _torn = Path(path).read_text("utf-8").split("\n")
    records: dict[str, dict] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            records[key(entry["config"])] = entry
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}, line {number}, is no record of a run: {line[:60]!r}") from error
    return list(records.values())


def key(config: dict) -> str:
    """What makes two runs the same: the science of a config, of this version or an earlier one."""
    with suppress(ValueError):  # a run on objects of its own is the same as no other
        config = from_config(config).config()
    return json.dumps(config, sort_keys=True)


@contextmanager
def _sole_writer(path: Path):
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another sweep is writing to {path}") from None
        text = path.read_bytes()
        file.truncate(text.rfind(b"\n") + 1)  # what a kill left half-written
        yield file


@contextmanager
def executor_for(dask: str | None = None, workers: int | None = None) -> Iterator[Executor | None]:
    """An executor on a Dask cluster; None (local processes) without an address.

    Args:
        dask: a scheduler's address (``tcp://host:port``), or ``"local"`` for a cluster of processes here.
        workers: how many of these.

    Raises:
        ValueError: Dask is not installed, or no scheduler answers.
    """
    if dask is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--dask needs Dask: pip install 'gdw[dask]'") from None
    here = {"n_workers": workers or os.cpu_count(), "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = Client(**here) if dask == "local" else Client(dask)
    except OSError as error:
        raise ValueError(f"no Dask scheduler answers at {dask}: {error}") from None
    with client, client.get_executor() as executor:
        yield executor
