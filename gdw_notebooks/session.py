"""A run, or several side by side, in the background: start, pause, step one batch, stop. Knows nothing of widgets."""

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, Thread

from gdw.experiment import Experiment, Training
from gdw.history import History
from gdw.train import BatchDone, EpochDone, TrainingDiverged

Event = BatchDone | EpochDone
IDLE, RUNNING, PAUSED, FINISHED, STOPPED, FAILED = "idle", "running", "paused", "finished", "stopped", "failed"
ALL_RUNS = -1  # the place, in ``errors``, of what concerns every run
END_SECONDS = 2.0  # how long an interpreter that is going away waits for the batch in hand


class Busy(RuntimeError):
    """A run is going on already."""


class Session:
    """Trains one or more experiments, which take turns batch by batch in a single thread.

    Args:
        on_event: called with a run's place and its event after each batch and each epoch, in the training's own
            thread, while its model stands still; not after a stop. What it raises ends the session.
        on_end: called with the session when it has ended, however it did.

    Attributes:
        trainings: of the latest runs, in their order; empty until their data are there.
        errors: the exception of each run that broke off, by its place; ``ALL_RUNS`` for what concerns them all.
    """

    def __init__(
        self,
        on_event: Callable[[int, Event], None] | None = None,
        on_end: Callable[["Session"], None] | None = None,
    ):
        self._on_event, self._on_end = on_event, on_end
        self._gate, self._thread, self._ended = _Gate(), None, IDLE
        self._shares: list[float] = []
        self.trainings: list[Training] = []
        self.errors: dict[int, Exception] = {}

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"``, ``"paused"``, ``"finished"``, ``"stopped"`` or ``"failed"``."""
        return self._ended or (PAUSED if self._gate.closed else RUNNING)

    @property
    def busy(self) -> bool:
        return not self._ended

    @property
    def histories(self) -> list[History]:
        """Of the latest runs, as far as each has come."""
        return [training.history for training in self.trainings]

    @property
    def progress(self) -> float:
        """Share of all batches done, in [0, 1]."""
        return sum(self._shares) / len(self._shares) if self._shares else 0.0

    def start(self, experiments: Sequence[Experiment], *, paused: bool = False, **own) -> None:
        """Begin in the background, and return at once.

        Args:
            paused: wait for ``step`` or ``resume`` before the first batch.
            own: ``dataset``, ``task``, ``model`` or ``method`` of your own, as for ``gdw.Training``.

        Raises:
            Busy: a run is going on.
        """
        self._begin(experiments, paused)
        self._thread = Thread(target=self._work, args=(list(experiments), own), name="training", daemon=True)
        weakref.finalize(self, _leave, self._gate, self._thread)
        self._thread.start()

    def run(self, experiments: Sequence[Experiment], **own) -> list[History]:
        """Train here and now, and return the histories. An interrupt (Ctrl-C, the square button) keeps them.

        Raises:
            Busy: a run is going on.
        """
        self._begin(experiments, paused=False)
        try:
            self._work(list(experiments), own)
        except KeyboardInterrupt:
            self._end(STOPPED)
        return self.histories

    def pause(self) -> None:
        """Stand still after the batch in hand."""
        self._gate.close()

    def resume(self) -> None:
        """Go on after a pause."""
        self._gate.open()

    def step(self) -> None:
        """One batch of every run, then stand still."""
        self._gate.let_one_pass()

    def stop(self, timeout: float | None = None) -> bool:
        """End after the batch in hand and keep the histories; as ``join``."""
        self._gate.stop()
        return self.join(timeout)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most ``timeout`` seconds; whether it has come."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.busy

    def _begin(self, experiments: Sequence[Experiment], paused: bool) -> None:
        if self.busy:
            raise Busy("a run is going on already: stop it first, or wait for its end")
        if not experiments:
            raise ValueError("there is nothing to train: give at least one experiment")
        self._gate, self._ended = _Gate(closed=paused), ""
        self.trainings, self.errors, self._shares = [], {}, [0.0] * len(experiments)

    def _work(self, experiments: list[Experiment], own: dict) -> None:
        try:
            for experiment in experiments:
                self.trainings.append(Training(experiment, **own))
            with _short_collections():
                for place, event in self._turns():
                    self._count(place, event)
                    if self._on_event and not self._gate.stopping:  # whoever pressed Stop waits for no picture
                        self._on_event(place, event)
        except Exception as error:  # kept for whoever owns the session, rather than lost in a thread
            self.errors[ALL_RUNS] = error
        self._end(FAILED if self.errors else STOPPED if self._gate.stopping else FINISHED)

    def _end(self, state: str) -> None:
        self._ended = state
        if self._on_end:
            self._on_end(self)

    def _turns(self) -> Iterator[tuple[int, Event]]:
        """In each round a batch of every run, until the gate says stop."""
        runs = {place: training.events() for place, training in enumerate(self.trainings)}
        while runs and self._gate.wait():
            for place in list(runs):
                for event in self._batch(place, runs):
                    yield place, event
                    if self._gate.stopping:
                        return

    def _batch(self, place: int, runs: dict[int, Iterator[Event]]) -> Iterator[Event]:
        """A run's next batch, and the epoch that it ended; a run that is over leaves ``runs``."""
        event = None
        try:
            for event in runs[place]:
                yield event
                if isinstance(event, EpochDone) or event.batch + 1 < event.batches:
                    break
        except TrainingDiverged as error:
            self.errors[place] = error
        last = isinstance(event, EpochDone) and event.epoch + 1 == event.epochs
        if event is None or last or place in self.errors:
            del runs[place]

    def _count(self, place: int, event: Event) -> None:
        within = (event.batch + 1) / event.batches if isinstance(event, BatchDone) else 1
        self._shares[place] = (event.epoch + within) / self.trainings[place].experiment.epochs


class _Gate:
    """What the training's thread waits at before each round, and what others open, close or shut for good."""

    def __init__(self, closed: bool = False):
        self._changed, self._passes = Condition(), 0
        self.closed, self.stopping = closed, False

    def wait(self) -> bool:
        """Until a round may begin; False: none shall."""
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
        self._set(closed=True, _passes=self._passes + 1)

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
