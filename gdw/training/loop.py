"""The one loop: phases, epochs, events and time.

``train`` is a generator of events. The caller decides when the next step happens: to pause is not to ask for the next
event, to stop is to close the generator. Between two events no step is half done, so a run can be saved there.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gdw.data.randomness import generator
from gdw.data.task import Task
from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw.gradients.outputs import own_random_state, seeded_random_state
from gdw.gradients.prepared import Prepared
from gdw.gradients.stacked_step import StackedStep
from gdw.gradients.step import Seen, Step
from gdw.methods.base import Method
from gdw.methods.state import load_optimizer
from gdw.networks.stacked import Stacked
from gdw.training.epoch_statistics import EpochStatistics, Row, TrainingDiverged, epoch_row, finite_scores
from gdw.training.sources import Sources, StackedSources
from gdw.training.stepping import Captured, captures, cosine, set_rate, sgd, take_step

BATCHES_A_STEP = 4  # more than any step takes from one source: a saved number beyond it is wrong
_POSITION = ("phase", "epoch", "phase_epoch", "batch", "begun")


@dataclass(frozen=True)
class BatchDone:
    """One step has been taken; ``epoch`` and ``batch`` count from 0. ``gradient`` is what went back, [B, C].

    Of a captured step only what the epoch's statistics see is left.
    """

    epoch: int
    batch: int
    batches: int
    step: Step | Seen
    gradient: Tensor


@dataclass(frozen=True)
class EpochDone:
    """An epoch is over and its row is in the history.

    ``instance_weights`` [N] is each training instance's weight when it was last seen in this epoch, as the History
    defines it for a group of flows; NaN for one not seen, and for one whose flows are all 0 in the run's precision.
    """

    epoch: int
    epochs: int
    history: History
    instance_weights: Tensor


@dataclass
class Lane:
    """One seed of a run: what is trained on what, and where its numbers go. All of it is on one device.

    ``random_state`` is where the run is in torch's own generators, if a network or method of your own may draw from
    them (dropout); what the package draws comes from generators of its own.
    """

    model: nn.Module
    task: Task
    method: Method
    experiment: Experiment
    history: History
    random_state: list[Tensor] | None = None


def train(
    model: nn.Module, task: Task, method: Method, experiment: Experiment, history: History
) -> Iterator[BatchDone | EpochDone]:
    """Train ``model`` on ``task`` as ``method`` says; fills ``history`` epoch by epoch.

    Model, method and task are on one device. The experiment's recipe and engine say how; everything random comes from
    its seed.

    Raises:
        ValueError: a batch larger than the data, before any work.
        TrainingDiverged: the loss, or what was learnt, is not finite; the history keeps the epochs before.
        torch.OutOfMemoryError: the message names a smaller batch size.
    """
    passes = seeded_random_state(generator(experiment.seed, "passes"), task.train.labels.device)
    yield from Loop([Lane(model, task, method, experiment, history, passes)]).events()


class Loop:
    """A run of one seed, or of several side by side, and how far it is.

    Between two events a run of one seed can be saved, and another Loop continues from there. Several seeds are one
    model with a leading seed axis (networks/stacked.py); each has the data, start and batches of its own run, and ends
    with the same numbers up to rounding. The lanes, one for each seed, differ in nothing else.

    ``phase``, ``epoch``, ``phase_epoch`` and ``batch`` count from 0 what is over: phases, epochs of the run and of this
    phase, batches of this epoch.
    """

    def __init__(self, lanes: Sequence[Lane]):
        self.lanes = list(lanes)
        one = self.lanes[0]
        self.experiment = one.experiment
        #: the models of several seeds as one; None for a single seed
        self.stacked = Stacked([lane.model for lane in lanes]) if len(lanes) > 1 else None
        self.model: nn.Module = one.model if self.stacked is None else self.stacked
        self.sources = [Sources(lane.task, lane.model, lane.experiment) for lane in lanes]
        self.batches: Sources | StackedSources = self.sources[0]
        if self.stacked is not None:
            self.batches = StackedSources(self.sources, self.stacked)
        self.steps = self.sources[0].steps  # in an epoch
        self.plans = [list(lane.method.phases(lane.task, self.experiment.epochs)) for lane in lanes]
        self.phases = self.plans[0]
        self.methods = self._methods()  # of each phase
        self.total = sum(phase.epochs for phase in self.phases)
        self.initial: dict[str, Tensor] = {}  # where a later phase starts again
        if any(phase.restart for phase in self.phases):
            self.initial = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.phase, self.epoch, self.phase_epoch, self.batch = 0, 0, 0, 0
        self.begun = False  # whether what comes before this phase was done
        self.optimizer: torch.optim.SGD | None = None
        self.prepared: Prepared | None = None  # what the steps of this phase share
        self.captured: Captured | None = None  # takes the steps of this phase where they are recorded
        self.lr: float | None = None  # of this epoch, once it has begun in this process
        self.statistics: list[EpochStatistics] = []
        self.diverged: set[int] = set()  # places of the lanes that stopped
        self.whole = True  # no step was interrupted in the middle
        self.tries_kernels = tries_kernels(one.task.train.labels.device)

    @property
    def finished(self) -> bool:
        return self.phase == len(self.phases)

    def _methods(self) -> list[Method]:
        """Of several seeds one method for all of them; phases that share a method share this one too."""
        if self.stacked is None:
            return [phase.method for phase in self.phases]
        of_lanes = [[phase.method for phase in same] for same in zip(*self.plans, strict=True)]
        stacked = {id(methods[0]): type(methods[0]).stack(methods) for methods in of_lanes}
        return [stacked[id(methods[0])] for methods in of_lanes]

    def events(self) -> Iterator[BatchDone | EpochDone]:
        """Train from here on, one event at a time; an epoch ends with an EpochDone for every seed that still runs.

        Each event is made under the engine's number of threads: several runs may take turns in one process.

        Raises:
            RuntimeError: a step was interrupted in the middle; model and record no longer match.
            TrainingDiverged: every seed has diverged. One of several gets its ``history.error``, and the others go on.
            torch.OutOfMemoryError: the message, and each ``history.error``, says what to try.
        """
        self.check_whole()
        started = time.perf_counter() - self.lanes[0].history.metadata.get("seconds", 0.0)
        try:
            while self.phase < len(self.phases):
                with self._under_engine():
                    self._begin_epoch()
                while self.batch < self.steps:
                    with self._under_engine():
                        self.whole = False
                        step: Step | Seen
                        if self.captured is not None:
                            step, gradient = self.captured.take(self.epoch)
                        elif self.prepared is not None and self.optimizer is not None:
                            drawn = self.batches.draw(self.phases[self.phase].source)
                            step = self.batches.step_of(drawn, self.epoch, self.prepared)
                            gradient = take_step(step, self.methods[self.phase], self.optimizer)
                        parts = step.seeds() if isinstance(step, StackedStep) else [step]
                        gradients = [gradient] if self.stacked is None else gradient
                        for statistics, part, own in zip(self.statistics, parts, gradients, strict=True):
                            statistics.add(part, own)
                        self.batch, self.whole = self.batch + 1, True
                    yield BatchDone(self.epoch, self.batch - 1, self.steps, step, gradient)
                with self._under_engine():
                    done = self._close_epoch(started)
                yield from done
        except torch.OutOfMemoryError as error:  # in _under_engine, Python 3.12 would keep the step in a cycle
            raise self._too_large() from error

    def check_whole(self) -> None:
        """Raise ``RuntimeError`` if a step was interrupted in the middle."""
        if not self.whole:
            raise RuntimeError("this run was interrupted in the middle of a step: start it again, or load a saved one")

    @contextmanager
    def _under_engine(self) -> Iterator[None]:
        """Within: the engine's number of threads, cuDNN's trials, and the run's own place in torch's random numbers."""
        one = self.lanes[0]
        own = one.random_state and own_random_state(one.random_state, one.task.train.labels.device)
        threads, cudnn = self.experiment.engine.threads, torch.backends.cudnn
        before, benchmark = torch.get_num_threads(), cudnn.benchmark
        differs = threads not in (0, before)
        if differs:
            torch.set_num_threads(threads)
        cudnn.benchmark = benchmark or self.tries_kernels
        try:
            with own or nullcontext():
                yield
        finally:
            cudnn.benchmark = benchmark
            if differs:
                torch.set_num_threads(before)

    def _begin_epoch(self) -> None:
        """All that is asked once: for a phase, its optimiser and what its steps share; for an epoch, its rate."""
        if self.lr is not None:  # it has begun, and another one listens now
            return
        phase = self.phases[self.phase]
        if not self.begun:
            self.whole = False
            if self.stacked is None:  # for methods that support many seeds nothing happens before a phase
                phase.before(self.model)
            if phase.restart:
                self.model.load_state_dict(self.initial)
            self.begun = self.whole = True
        self.optimizer = self.optimizer or sgd(self.model, self.experiment.recipe)
        if self.prepared is None:
            self.prepared, method = self.batches.prepared(self.optimizer), self.methods[self.phase]
            if isinstance(self.batches, Sources) and captures(self.experiment.engine, method):
                self.captured = Captured(self.batches, phase.source, method, self.optimizer)
        self.lr = phase.lr_scale * cosine(self.experiment.lr, self.phase_epoch, phase.epochs)
        if self.captured is not None:
            self.captured.rate.fill_(self.lr)
        else:
            set_rate(self.optimizer, self.lr)
        self.statistics = self.statistics or self._new_statistics()

    def _new_statistics(self) -> list[EpochStatistics]:
        return [EpochStatistics(lane.task.best_known_labels, lane.task.num_classes) for lane in self.lanes]

    def _close_epoch(self, started: float) -> Sequence[EpochDone]:
        lr = self.lr or 0.0
        if self.stacked is not None:
            self.stacked.copy_to([lane.model for lane in self.lanes])
            self.methods[self.phase].copy_to([plan[self.phase].method for plan in self.plans])
        rows = self._scores(lr)
        self.whole = False
        seconds = (time.perf_counter() - started) / len(self.lanes)
        for place, scores in rows.items():
            lane, statistics = self.lanes[place], self.statistics[place]
            lane.history.append(epoch_row(statistics, lane.method, scores, lr))
            lane.history.metadata["seconds"] = round(seconds, 3)
            if waited := sum(source.waited for source in self.sources):
                lane.history.metadata["seconds_waited"] = round(waited / len(self.lanes), 3)  # for batches of data
        done = [
            EpochDone(self.epoch, self.total, self.lanes[place].history, self.statistics[place].instance_weights)
            for place in rows
        ]
        self.epoch, self.phase_epoch, self.batch, self.statistics = self.epoch + 1, self.phase_epoch + 1, 0, []
        self.lr = None
        if self.phase_epoch == self.phases[self.phase].epochs:
            self.phase, self.phase_epoch, self.begun = self.phase + 1, 0, False
            self.optimizer = self.prepared = self.captured = None
        self.whole = True
        return done

    def _scores(self, lr: float) -> dict[int, Row]:
        """What ``evaluate`` gives after an epoch of each lane that still runs; a lane that diverged stops here."""
        rows: dict[int, Row] = {}
        errors: dict[int, TrainingDiverged] = {}
        for place, lane in enumerate(self.lanes):
            if place not in self.diverged:
                try:
                    of_lane = lane.model, lane.task, lane.method
                    rows[place] = finite_scores(self.statistics[place], *of_lane, self.epoch, lr)
                except TrainingDiverged as error:
                    error.history, errors[place] = lane.history, error
                    lane.history.error = str(error)
        if not rows:
            raise next(iter(errors.values()))
        self.diverged |= errors.keys()
        return rows

    def _too_large(self) -> torch.OutOfMemoryError:
        """What to try where a GPU's memory is not enough: fewer seeds, or half as many images in a batch."""
        seeds, size = len(self.lanes), self.experiment.batch_size
        fewer = f"{seeds // 2 or 1} seeds at once, or " if seeds > 1 else ""
        found = torch.OutOfMemoryError(
            f"the memory of the GPU is not enough for batches of {size} images: try {fewer}"
            f"batch_size={max(1, size // 2)}, save_memory=True, or a smaller model"
        )
        for lane in self.lanes:
            lane.history.error = str(found)
        return found

    def state_dict(self) -> dict[str, Any]:
        """How far a run of one seed is, without model, method and history."""
        self.check_whole()
        restarts = any(phase.restart for phase in self.phases[self.phase + self.begun :])
        return {
            **{name: getattr(self, name) for name in _POSITION},
            "initial": self.initial if restarts else {},
            "optimizer": self.optimizer.state_dict() if self.optimizer else None,
            "sources": self.sources[0].state_dict(),
            "statistics": self.statistics[0].state_dict() if self.statistics else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position. What came before its last phase is done again, for what a method makes there.

        Load model and method after this: it may change them.
        """
        position = [state[name] for name in _POSITION]
        if [type(value) for value in position] != [int, int, int, int, bool] or not self._is_possible(*position):
            raise ValueError(f"no position of this run: {dict(zip(_POSITION, position, strict=True))}")
        self.phase, self.epoch, self.phase_epoch, self.batch, self.begun = position
        reached = self.phase if self.begun else self.phase - 1
        if reached >= 0:
            self.phases[reached].before(self.model)
        if state["initial"]:
            self.initial = {name: value.to(self.initial[name].device) for name, value in state["initial"].items()}
        if state["optimizer"]:
            self.optimizer = sgd(self.model, self.experiment.recipe)
            load_optimizer(self.optimizer, state["optimizer"])
        self.sources[0].load_state_dict(state["sources"], BATCHES_A_STEP * (self.total * self.steps + 1))
        if state["statistics"]:
            self.statistics = self._new_statistics()
            self.statistics[0].load_state_dict(state["statistics"])

    def _is_possible(self, phase: int, epoch: int, phase_epoch: int, batch: int, begun: bool) -> bool:
        if not 0 <= phase < len(self.phases):
            return (phase, epoch, phase_epoch, batch, begun) == (len(self.phases), self.total, 0, 0, False)
        before = sum(one.epochs for one in self.phases[:phase])
        possible = range(self.phases[phase].epochs)  # its last epoch once closed, the next phase begins
        return epoch == before + phase_epoch and phase_epoch in possible and 0 <= batch <= self.steps


def tries_kernels(device: torch.device) -> bool:
    """Whether cuDNN may find by trial which kernels are fastest for a run's few shapes.

    Two runs on a GPU may then differ by rounding: not where torch is asked to be deterministic.
    """
    deterministic = torch.backends.cudnn.deterministic or torch.are_deterministic_algorithms_enabled()
    return device.type == "cuda" and not deterministic
