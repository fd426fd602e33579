"""Many experiments on any concurrent.futures executor; each finished run is kept, and none is repeated."""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread, current_thread, main_thread
from types import ModuleType
from typing import Any

import torch

from gdw.comparison.records import Record, finished, opened
from gdw.data.dataset import Dataset
from gdw.experiments.experiment import Experiment, from_config
from gdw.experiments.history import History
from gdw.experiments.loading import dataset_of, origin_of
from gdw.experiments.provenance import own_code
from gdw.methods.plugins import PLUGIN_PREFIX, load_plugins
from gdw.private import keep_freed_memory
from gdw.registry import Place
from gdw.training.many import ManySeeds, run_seeds, supports_many_seeds

Group = tuple[Experiment, ...]  # what one worker does in one go
Plain = dict[str, Any]  # of a configuration or a History, as every executor can send it
Result = Future[list[Plain]]
Given = tuple[Sequence[str], str | None]  # to every worker: plugins, and where checkpoints are kept

ATTEMPTS = 3  # how often a run may take its process down with it before it counts as failed


def run_all(
    experiments: Sequence[Experiment],
    executor: Executor | None = None,
    workers: int | None = None,
    seeds_at_once: int = 1,
    keep: str | Path | None = None,
) -> Iterator[History]:
    """Run them all; yields each History as it finishes, in no fixed order.

    A run that fails yields a History whose ``error`` says why, and the rest continue. With local processes the
    next run starts only when the one before has been taken from this iterator.

    Args:
        executor: any ``concurrent.futures.Executor``; by default fresh local processes with one thread each.
        workers: how many of these processes; by default one per core; 0 runs in this process. Methods of your own are
            known in the others if they are in a module of their own.
        seeds_at_once: up to this number of seeds of an experiment in one vectorised training (many.py) where that is
            possible; their Histories come together. A run then equals a single run up to rounding, not bit for bit.
        keep: a folder for checkpoints of the runs under way (many.py): a run that it holds continues from there.

    Raises:
        ValueError: ``seeds_at_once`` below 1; a method that other processes cannot find.
    """
    groups = grouped(experiments, seeds_at_once)
    here = (workers == 0 and executor is None) or isinstance(executor, ThreadPoolExecutor)
    given = (() if here else plugins_for(experiments), None if keep is None else str(keep))
    if executor:
        yield from _on(executor, groups, given)
    elif here:
        yield from (History.from_record(r) for group in groups for r in _run_group(_configs(group), *given))
    else:
        yield from _on_processes(groups, workers, given)


def grouped(experiments: Sequence[Experiment], seeds_at_once: int) -> list[Group]:
    """Experiments that differ only in the seed in groups of this many, if they can train together; the rest alone."""
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


def plugins_for(experiments: Iterable[Experiment]) -> tuple[str, ...]:
    """The modules and files that another process has to load before it knows what these experiments name.

    ``ValueError`` for what was defined in a notebook, in the script that runs, or typed in: no other process finds it.
    """
    found = {place: what for experiment in experiments for what, place in own_code(experiment).items()}
    return tuple(dict.fromkeys(_plugin(place, what) for place, what in found.items()))


def _plugin(place: Place, what: str) -> str:
    if place.module == "__main__" or place.file is None:
        kind, _, name = what.partition(" ")
        raise ValueError(
            f"the {kind} {name!r} is defined in a notebook or in the script itself, where no other process finds it: "
            f"write its {'class' if kind == 'method' else 'function'} to a file of its own and import that, or run in "
            "this process with workers=0"
        )
    return place.file if place.module.startswith(PLUGIN_PREFIX) else place.module


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that start within do not run the caller's script again.

    Python's ``spawn`` imports the main module in each new process, which starts a script without an
    ``if __name__ == "__main__"`` once more, and fails for a script from standard input. Workers need nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _on(executor: Executor, groups: Sequence[Group], given: Given) -> Iterator[History]:
    """Submit everything at the start: the executor knows best how many run in parallel."""
    futures = {executor.submit(_run_group, _configs(group), *given): group for group in groups}
    try:
        while futures:
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                yield from _histories_of(future, futures.pop(future))
    finally:
        for future in futures:
            future.cancel()


def _on_processes(groups: Sequence[Group], workers: int | None, given: Given) -> Iterator[History]:
    """Never submits more runs than there are workers; a pool that a dying process broke is replaced."""
    workers = workers or os.cpu_count() or 1
    waiting, attempts = list(reversed(groups)), Counter[Group]()
    while waiting:
        with _pool(workers) as pool:
            running: dict[Result, Group] = {}
            while waiting or running:
                try:
                    while waiting and len(running) < workers:
                        with _ctrl_c_held_back(), without_main():
                            running[pool.submit(_run_group, _configs(waiting[-1]), *given)] = waiting[-1]
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


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes. If the sweep is interrupted they end immediately, in the middle of their runs."""
    context = get_context("spawn")
    end, held = context.Pipe(duplex=False)
    with end, held, ProcessPoolExecutor(workers, context, _begin_worker, (end,)) as pool:
        try:
            yield pool
        except BaseException:
            held.close()  # each worker sees this end of the pipe close
            raise


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Ctrl-C comes afterwards: a process whose start is broken off halfway ends in a traceback.

    Processes that start within never see it, not even while they import: they inherit the blocked signal. In this
    process that is not enough, since the system may hand it to another thread and Python then tells this one.
    """
    if current_thread() is not main_thread():  # Python tells the main thread alone
        yield
        return
    pressed: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    blocked = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocked else set()
    try:
        yield
    finally:
        if blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler or signal.default_int_handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def _configs(group: Group) -> list[Plain]:
    return [experiment.everything() for experiment in group]


def _histories_of(future: Result, group: Group) -> list[History]:
    error = future.exception()
    if error is None:
        return [History.from_record(record) for record in future.result()]
    return [History(e.config(), error=f"{type(error).__name__}: {error}") for e in group]


def _run_group(configs: list[Plain], plugins: Sequence[str] = (), keep: str | None = None) -> list[Plain]:
    """In the worker, plain values in and out: all seeds at once; one by one if there is one seed or that fails."""
    load_plugins(plugins)
    if len(configs) > 1 and keep is None:
        experiment = from_config(configs[0])
        with suppress(Exception):  # whatever it is, each run reports it itself below
            dataset = _dataset(experiment)
            histories = run_seeds(experiment, [config["seed"] for config in configs], dataset=dataset)
            return [history.to_record() for history in histories]
    return [_run_one(config, keep) for config in configs]


def _run_one(config: Plain, keep: str | None = None) -> Plain:
    """In the worker: plain values in and out, which every executor can send."""
    try:
        experiment = from_config(config)
        runs = ManySeeds(experiment, [experiment.seed], dataset=_dataset(experiment), keep=keep)
        for _ in runs.events():
            pass
        return runs.histories[0].to_record()
    except Exception as error:  # whatever a run may raise is its own failure, not the sweep's
        return History(config, error=f"{type(error).__name__}: {error}").to_record()


_LAST: list[tuple[tuple[object, ...], Dataset]] = []  # what this process read last: for what, and the data set


def _dataset(experiment: Experiment) -> Dataset:
    """Decoded once per worker process while the files stay the same; nobody writes to it."""
    origin = (*origin_of(experiment), experiment.identified().content)
    if not _LAST or _LAST[0][0] != origin:
        _LAST[:] = [(origin, dataset_of(experiment))]
    return _LAST[0][1]


def _begin_worker(end: connection.Connection) -> None:
    """One thread per process. It ends with the sweep, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    keep_freed_memory()
    Thread(target=_end_with_parent, args=(end,), daemon=True).start()


def _end_with_parent(end: connection.Connection) -> None:
    parent = parent_process()
    connection.wait([end] if parent is None else [parent.sentinel, end])
    os._exit(1)


def resume(
    experiments: Sequence[Experiment],
    path: str | Path,
    executor: Executor | None = None,
    workers: int | None = None,
    on_done: Callable[[History], None] | None = None,
    seeds_at_once: int = 1,
    keep: str | Path | None = None,
) -> Generator[Record, None, None]:
    """Run what ``path`` does not hold yet; each finished run is a line on disk before the next one takes its place.

    Args:
        path: a file of runs (records.py); a failed run is tried again.
        on_done: called with each History before its line is written: what it saves exists before the line does.
        seeds_at_once: as for ``run_all``; seeds trained at once are on disk together, before the next group starts.
        keep: as for ``run_all``.

    Yields:
        The record of each run as it finishes. One that cannot be written says so in its ``error``.
    """
    with opened(path) as write:
        found = finished(experiments, path)
        left = [experiment for experiment, record in zip(experiments, found, strict=True) if record is None]
        for history in run_all(left, executor, workers, seeds_at_once, keep):
            if on_done:
                on_done(history)
            yield write(history)


@contextmanager
def executor_for(dask: str | None = None, workers: int | None = None) -> Iterator[Executor | None]:
    """An executor on a Dask cluster; None (local processes) without an address.

    ``dask`` is a scheduler's address (``tcp://host:port``), or ``"local"`` for a cluster of ``workers`` processes here.
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
    threads = torch.get_num_threads()
    with client:
        executor = client.get_executor()
        try:
            if dask == "local":  # a process for each core, and those of an audit use as many threads as this one
                torch.set_num_threads(1)
            yield executor
        finally:
            executor.shutdown(wait=False)  # after an interruption nobody waits for the rest
            torch.set_num_threads(threads)
