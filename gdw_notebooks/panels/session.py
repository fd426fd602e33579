"""A run, or several side by side, in the background: start, pause, step one batch, stop. Knows nothing of widgets."""

import functools
import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Lock, Thread, current_thread
from typing import Any

import torch

from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw.private import keep_freed_memory
from gdw.training.loop import BatchDone, EpochDone, TrainingDiverged
from gdw.training.many import ManySeeds, check_own
from gdw.training.run import Training

Event = BatchDone | EpochDone
IDLE, RUNNING, PAUSED, FINISHED, STOPPED, FAILED = "idle", "running", "paused", "finished", "stopped", "failed"
GOING_ON = "a run is going on already: stop it first, or wait for its end"
ALL_RUNS = -1  # the place, in ``errors``, of what concerns every run
END_SECONDS = 2.0  # how long an interpreter that ends waits for the present batch


class Busy(RuntimeError):
    """A run is going on already."""


class Session:
    """Trains one or more experiments, which take turns batch by batch in a single thread.

    Args:
        on_event: called with a run's place and its event after each batch and each epoch, in the training's own
            thread, while nothing trains; not after a stop. An exception in it ends the session.
        on_end: called with the session when it has ended, for whatever reason.
        runs: what makes the runs of one experiment, as ``gdw.ManySeeds``.

    Attributes:
        errors: the exception of each run that failed, by its place; ``ALL_RUNS`` for one that concerns them all.
        seeds: how many of each experiment the latest runs have.
        notes: of the latest runs, a sentence about each damaged checkpoint that was passed over.
        latest: of each run the batch that was done last, by its place.
    """

    def __init__(
        self,
        on_event: Callable[[int, Event], None] | None = None,
        on_end: Callable[["Session"], None] | None = None,
        *,
        runs: Callable[..., ManySeeds] = ManySeeds,
    ):
        keep_freed_memory()
        self._on_event, self._on_end, self._make = on_event, on_end, runs
        self._gate, self._thread, self._ended, self._beginning = _Gate(), None, IDLE, Lock()
        self._shares: list[float] = []
        self._runs: list[ManySeeds] = []
        self._going: dict[int, Iterator[Event]] = {}  # of each run that is not over, by its place
        self.seeds, self.notes = 1, []
        self.errors: dict[int, BaseException] = {}
        self.latest: dict[int, BatchDone] = {}

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"``, ``"paused"``, ``"finished"``, ``"stopped"`` or ``"failed"``."""
        return self._ended or (PAUSED if self._gate.closed else RUNNING)

    @property
    def busy(self) -> bool:
        return not self._ended

    @property
    def trainings(self) -> list[Training]:
        """Of the latest runs, in their order, each one's first seed; empty until their data are there."""
        return [run.trainings[0] for run in self._runs]

    @property
    def histories(self) -> list[History]:
        """Of the latest runs, as far as each has come; all seeds of the first, then all of the second."""
        return [training.history for run in self._runs for training in run.trainings]

    @property
    def progress(self) -> float:
        """Share of all batches done, in [0, 1]."""
        return sum(self._shares) / len(self._shares) if self._shares else 0.0

    def start(
        self, experiments: Sequence[Experiment], *, seeds: int = 1, paused: bool = False, keep: Path | None = None,
        **own,
    ) -> None:  # fmt: skip
        """Begin in the background, and return immediately.

        Args:
            seeds: how many of each, from the experiment's own on; trained at once where that can be (training/many.py).
            paused: wait for ``step`` or ``resume`` before the first batch.
            keep: a folder for checkpoints (training/many.py). A run that it holds goes on where it was, and ends
                with the same numbers; if all runs in it are finished, they start again. With one seed only.
            own: ``dataset``, ``task``, ``model`` or ``method`` of your own, as for ``gdw.Training``; with several
                seeds a ``dataset`` alone, since each seed has its own of all the rest.

        Raises:
            Busy: a run is going on.
            ValueError: several seeds of what there is but one of.
        """
        with self._beginning:  # two presses may come from two threads
            previous = self._begin(experiments, seeds, paused, own)
            self._in_background(list(experiments), seeds, keep, own, previous)

    @property
    def can_go_on(self) -> bool:
        """Whether runs were stopped that are not over."""
        return self.state == STOPPED and bool(self._going)

    def go_on(self, *, paused: bool = False) -> None:
        """Train further what was stopped, in the background, from the batch where it was.

        Args:
            paused: wait for ``step`` or ``resume`` before the next batch.

        Raises:
            Busy: a run is going on.
            ValueError: nothing was stopped.
        """
        with self._beginning:
            if not self.can_go_on:
                raise Busy(GOING_ON) if self.busy else ValueError("nothing was stopped that could go on")
            previous, self._gate, self._ended = self._thread, _Gate(closed=paused), ""
            self._in_background(None, self.seeds, None, {}, previous)

    def _in_background(self, *given: Any) -> None:
        self._thread = Thread(target=self._work, args=given, name="training", daemon=True)
        weakref.finalize(self, _leave, self._gate, self._thread)
        self._thread.start()

    def run(
        self, experiments: Sequence[Experiment], *, seeds: int = 1, keep: Path | None = None, **own
    ) -> list[History]:
        """Train in this thread, and return the histories. An interrupt (Ctrl-C, the square button) keeps them.

        Raises:
            Busy, ValueError: as ``start``.
        """
        with self._beginning:
            previous = self._begin(experiments, seeds, False, own)
        try:
            self._work(list(experiments), seeds, keep, own, previous)
        except KeyboardInterrupt:
            self._end(STOPPED)
        return self.histories

    def pause(self) -> None:
        """Pause after the current batch."""
        self._gate.close()

    def resume(self) -> None:
        """Go on after a pause."""
        self._gate.open()

    def step(self) -> None:
        """Train one batch of every run, then pause."""
        self._gate.let_one_pass()

    def stop(self, timeout: float | None = None) -> bool:
        """End after the current batch and keep the histories; as ``join``."""
        self._gate.stop()
        return self.join(timeout)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most ``timeout`` seconds; whether it has come."""
        with self._beginning:
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self.busy

    def _begin(self, experiments: Sequence[Experiment], seeds: int, paused: bool, own: dict) -> Thread | None:
        """Returns the thread of the run before, which may still be telling its owner that it has ended."""
        if self.busy:
            raise Busy(GOING_ON)
        if not experiments:
            raise ValueError("there is nothing to train: give at least one experiment")
        check_own(range(seeds), own)
        previous, self._thread = self._thread, None
        self._gate, self._runs, self._going = _Gate(closed=paused), [], {}
        self.errors, self.latest = {}, {}  # a traceback holds the tensors of a failed run's last step
        self._shares, self.seeds, self.notes = [0.0] * len(experiments), seeds, []
        self._ended = ""
        return previous

    def _work(
        self, experiments: list[Experiment] | None, seeds: int, keep: Path | None, own: dict, previous: Thread | None
    ) -> None:
        if previous is not None and previous is not current_thread():
            previous.join()
        self._train(experiments, seeds, keep, own)
        self._end(FAILED if self.errors else STOPPED if self._gate.stopping else FINISHED)

    def _train(self, experiments: list[Experiment] | None, seeds: int, keep: Path | None, own: dict) -> None:
        """These experiments; None goes on with what was stopped."""
        try:
            if experiments is not None:
                self._prepare(experiments, seeds, keep if seeds == 1 else None, own)
            with _short_collections():
                for place, event in self._turns():
                    self._shares[place] = share(self._runs[place], event)
                    if isinstance(event, BatchDone):
                        self.latest[place] = event
                    if self._on_event and not self._gate.stopping:  # after Stop nobody waits for a picture
                        self._on_event(place, event)
            for run in self._runs:
                if not run.finished:  # a finished one has been saved with its last batch
                    run.save()
        except BaseException as error:  # kept for the session's owner; SystemExit too, which would end a thread unseen
            if isinstance(error, KeyboardInterrupt) and self._thread is None:
                raise  # of ``run``, in the caller's own thread
            self.errors[ALL_RUNS] = error

    def _prepare(self, experiments: list[Experiment], seeds: int, keep: Path | None, own: dict) -> None:
        imports().join()
        for experiment in experiments:
            if self._gate.stopping:
                return
            kept = {} if keep is None else {"keep": keep}
            self._runs.append(self._make(experiment, range(experiment.seed, experiment.seed + seeds), **kept, **own))
        self.notes = [note for run in self._runs for note in run.notes]
        if keep and all(run.finished for run in self._runs):
            for run in self._runs:
                run.start_again()
        self._shares = [share(run) for run in self._runs]
        self._going = {place: run.events() for place, run in enumerate(self._runs)}

    def _end(self, state: str) -> None:
        self._ended = state
        if self._on_end:
            self._on_end(self)

    def _turns(self) -> Iterator[tuple[int, Event]]:
        """In each round a batch of every run, until the gate says stop."""
        while self._going and self._gate.wait():
            for place in list(self._going):
                for event in self._batch(place):
                    yield place, event
                if self._gate.stopping:  # between two batches: the run can go on from here
                    return

    def _batch(self, place: int) -> Iterator[Event]:
        """A run's next batch, and the epoch that it ended; a run that is over is no longer among those that go on."""
        run, event = self._runs[place], None
        try:
            for event in self._going[place]:
                yield event
                if _is_last_of_batch(run, event):
                    break
        except TrainingDiverged as error:
            self.errors[place] = error
        if event is None or _is_last(run, event) or place in self.errors:
            said = [history for history in run.histories if history.error]
            if said:
                self.errors.setdefault(place, TrainingDiverged(said[0].error, said[0]))
            next(self._going.pop(place), None)  # to its end, where it is saved if it is kept


def share(runs: ManySeeds, event: Event | None = None) -> float:
    """How much of all seeds' batches is done after an event, in [0, 1]."""
    seeds, within = len(runs.trainings), 0.0
    if isinstance(event, BatchDone):
        within = (event.batch + 1) / event.batches * (seeds if runs.at_once else 1)
    return (sum(map(len, runs.histories)) + within) / (seeds * runs.trainings[0].experiment.epochs)


def _is_last_of_batch(runs: ManySeeds, event: Event) -> bool:
    """Whether the next event belongs to another batch: an epoch's last one brings the epoch of every seed."""
    if isinstance(event, BatchDone):
        return event.batch + 1 < event.batches
    return not runs.at_once or _is_last_seed(runs, event)


def _is_last(runs: ManySeeds, event: Event) -> bool:
    return isinstance(event, EpochDone) and event.epoch + 1 == event.epochs and _is_last_seed(runs, event)


def _is_last_seed(runs: ManySeeds, event: EpochDone) -> bool:
    going = [history for history in runs.histories if history.error is None]
    return not going or event.history is going[-1]


@functools.cache
def imports() -> Thread:
    """Imports, once in a process and in the background, what the first run needs.

    Torch's first optimiser imports its compiler, which takes about two seconds; meanwhile somebody reads the panel.
    """
    thread = Thread(target=lambda: torch.optim.SGD([torch.zeros(1)]), name="imports")
    thread.start()
    return thread


class _Gate:
    """What the training's thread waits at before each round, and what others open, close or shut for good."""

    def __init__(self, closed: bool = False):
        self._changed, self._passes = Condition(), 0
        self.closed, self.stopping = closed, False

    def wait(self) -> bool:
        """Until a round may begin; False if the runs are to stop."""
        with self._changed:
            self._changed.wait_for(lambda: not self.closed or self._passes or self.stopping)
            self._passes = max(0, self._passes - 1)
            return not self.stopping

    def open(self) -> None:
        self._set(closed=False)

    def close(self) -> None:
        self._set(closed=True)

    def stop(self) -> None:
        self._set(stopping=True)

    def let_one_pass(self) -> None:
        with self._changed:
            self.closed, self._passes = True, self._passes + 1
            self._changed.notify_all()

    def _set(self, **values) -> None:
        with self._changed:
            vars(self).update(values)
            self._changed.notify_all()


@contextmanager
def _short_collections() -> Iterator[None]:
    """What is alive now, libraries above all, is left out of garbage collections meanwhile.

    Half a million objects take 0.3 s to look through; every tenth picture would wait for that, and a Stop with it.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _leave(gate: _Gate, thread: Thread) -> None:
    """At the interpreter's end: the thread leaves before the ground under it does."""
    gate.stop()
    thread.join(END_SECONDS)
