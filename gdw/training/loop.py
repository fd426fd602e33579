"""The one loop: stages, epochs, events, evaluation and time.

``train`` is a generator of events. The caller decides when the next step happens: to pause is not to ask for the next
event, to stop is to close the generator. Between two events no step is half done, so a run can be saved there.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gdw.data.task import Split, Task
from gdw.gradients.outputs import evaluation_mode, logits_of
from gdw.gradients.seen import Seen
from gdw.gradients.step import Step
from gdw.methods.base import Method
from gdw.training.history import History
from gdw.training.plan import Plan, cosine, sgd
from gdw.training.recorder import EpochRecorder
from gdw.training.sources import Sources
from gdw.training.state import load_optimizer
from gdw.training.stepping import Captured, OneByOne

BATCHES_A_STEP = 4  # more than any step takes from one source: a saved number beyond it is wrong
_POSITION = ("stage", "epoch", "stage_epoch", "batch", "begun")
EVALUATION_BATCH = 1000  # images at once, without a graph


@dataclass(frozen=True)
class BatchDone:
    """One step has been taken; ``epoch`` and ``batch`` count from 0. ``gradient`` is what went back, [B, C].

    Of a captured step only what a recorder sees is left.
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
    defines it for a group of flows; NaN for one not seen.
    """

    epoch: int
    epochs: int
    history: History
    instance_weights: Tensor


class TrainingDiverged(ArithmeticError):
    """A loss, an output or something learnt is no longer a finite number. ``history`` holds the epochs before."""

    def __init__(self, message: str, history: History | None = None):
        super().__init__(message)
        self.history = history


def train(
    model: nn.Module, task: Task, method: Method, plan: Plan, history: History
) -> Iterator[BatchDone | EpochDone]:
    """Train ``model`` on ``task`` as ``method`` says; fills ``history`` epoch by epoch.

    Model, method and task are on one device. Everything random comes from ``plan.seed``.

    Raises:
        ValueError: a batch larger than the data, before any work.
        TrainingDiverged: the loss, or what was learnt, is not finite; the history keeps the epochs before.
        torch.OutOfMemoryError: the message names a smaller batch size.
    """
    yield from Loop(model, task, method, plan, history).events()


class Loop:
    """One training run and how far it is: between two events it can be saved, and another Loop continues from there.

    Args:
        model, task, method, plan, history: as for ``train``.

    Attributes:
        stage: number of the stage, from 0.
        epoch: epochs that are over, in all stages.
        stage_epoch: epochs of this stage that are over.
        batch: batches of this epoch that are over.

    Raises:
        ValueError: a batch larger than the data.
    """

    def __init__(self, model: nn.Module, task: Task, method: Method, plan: Plan, history: History):
        self.model, self.task, self.method, self.plan, self.history = model, task, method, plan, history
        self.sources = Sources(task, model, plan)
        self.stages = list(method.stages(task, plan.epochs))
        self.total = sum(stage.epochs for stage in self.stages)
        self.initial: dict[str, Tensor] = {}  # where a later stage starts again
        if any(stage.restart for stage in self.stages):
            self.initial = {name: value.clone() for name, value in model.state_dict().items()}
        self.stage, self.epoch, self.stage_epoch, self.batch = 0, 0, 0, 0
        self.begun = False  # whether this stage was prepared
        self.optimizer: torch.optim.SGD | None = None
        self.take: OneByOne | None = None
        self.recorder: EpochRecorder | None = None
        self.whole = True  # no step was interrupted in the middle

    @property
    def finished(self) -> bool:
        """Whether every stage is over."""
        return self.stage == len(self.stages)

    def events(self) -> Iterator[BatchDone | EpochDone]:
        """Train from here on, one event at a time.

        Raises:
            RuntimeError: a step was interrupted in the middle; model and record no longer match.
        """
        started = time.perf_counter() - self.history.metadata.get("seconds", 0.0)
        while not self.finished:
            self.check_whole()
            self._begin_stage()
            stage = self.stages[self.stage]
            lr = stage.lr_scale * cosine(self.plan.lr, self.stage_epoch, stage.epochs)
            self.recorder = self.recorder or EpochRecorder(self.task.clean_labels, self.task.num_classes)
            while self.batch < self.sources.steps:
                yield self._take_step(lr)
            yield self._close_epoch(lr, started)

    def check_whole(self) -> None:
        """Raise ``RuntimeError`` if a step was interrupted in the middle."""
        if not self.whole:
            raise RuntimeError("this run was interrupted in the middle of a step: start it again, or load a saved one")

    def _begin_stage(self) -> None:
        if not self.begun:
            self.whole = False
            self.method.prepare(self.task, self.model)
            if self.stages[self.stage].restart:
                self.model.load_state_dict(self.initial)
            self.begun = self.whole = True
        if self.take is None:
            self.optimizer = self.optimizer or sgd(self.model, self.plan)
            stepping = Captured if self.plan.capture and self.method.all_steps_identical else OneByOne
            self.take = stepping(self.sources, self.stages[self.stage].source, self.method, self.optimizer)

    def _next_stage(self) -> None:
        self.stage, self.stage_epoch, self.begun = self.stage + 1, 0, False
        self.optimizer = self.take = None

    def _take_step(self, lr: float) -> BatchDone:
        self.check_whole()
        self.whole = False
        with smaller_batch_named(self.plan.batch_size):
            step, gradient = self.take(self.epoch, lr)
        self.recorder.add(step, gradient)
        self.batch += 1
        self.whole = True
        return BatchDone(self.epoch, self.batch - 1, self.sources.steps, step, gradient)

    def _close_epoch(self, lr: float, started: float) -> EpochDone:
        with smaller_batch_named(self.plan.batch_size):
            scores = finite_scores(
                self.recorder, self.model, self.task, self.method, self.epoch, lr, self.history
            )  # fmt: skip
        self.whole = False
        self.history.append(epoch_row(self.recorder, self.method, scores, lr))
        self.history.metadata["seconds"] = round(time.perf_counter() - started, 3)
        weights = self.recorder.instance_weights
        self.epoch, self.stage_epoch, self.batch, self.recorder = self.epoch + 1, self.stage_epoch + 1, 0, None
        if self.stage_epoch == self.stages[self.stage].epochs:
            self._next_stage()
        self.whole = True
        return EpochDone(self.epoch - 1, self.total, self.history, weights)

    def state_dict(self) -> dict:
        """How far the run is, without model, method and history.

        Raises:
            RuntimeError: a step was interrupted in the middle.
        """
        self.check_whole()
        restarts = any(stage.restart for stage in self.stages[self.stage + self.begun :])
        return {
            **{name: getattr(self, name) for name in _POSITION},
            "initial": self.initial if restarts else {},
            "optimizer": self.optimizer.state_dict() if self.optimizer else None,
            "sources": self.sources.state_dict(),
            "recorder": self.recorder.state_dict() if self.recorder else None,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from a saved position. The stages so far are prepared again, for what a method makes there.

        Load model and method after this: it may change them.

        Raises:
            ValueError: the position is not one of this run.
        """
        position = [state[name] for name in _POSITION]
        if [type(value) for value in position] != [int, int, int, int, bool] or not self._is_possible(*position):
            raise ValueError(f"no position of this run: {dict(zip(_POSITION, position, strict=True))}")
        self.stage, self.epoch, self.stage_epoch, self.batch, self.begun = position
        for _ in range(self.stage + self.begun):
            self.method.prepare(self.task, self.model)
        if state["initial"]:
            self.initial = {name: value.to(self.initial[name].device) for name, value in state["initial"].items()}
        if state["optimizer"]:
            self.optimizer = sgd(self.model, self.plan)
            load_optimizer(self.optimizer, state["optimizer"])
        self.sources.load_state_dict(state["sources"], BATCHES_A_STEP * (self.total * self.sources.steps + 1))
        if state["recorder"]:
            self.recorder = EpochRecorder(self.task.clean_labels, self.task.num_classes)
            self.recorder.load_state_dict(state["recorder"])

    def _is_possible(self, stage: int, epoch: int, stage_epoch: int, batch: int, begun: bool) -> bool:
        if not 0 <= stage <= len(self.stages):
            return False
        before = sum(one.epochs for one in self.stages[:stage])
        within = self.stages[stage].epochs if stage < len(self.stages) else 0
        possible = range(max(1, within))  # its last epoch once closed, the next stage begins
        return epoch == before + stage_epoch and stage_epoch in possible and 0 <= batch <= self.sources.steps


@contextmanager
def smaller_batch_named(batch_size: int, seeds: int = 1) -> Iterator[None]:
    """Within: where a GPU's memory is not enough, the error says so, and names a batch size of half as many images."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        fewer = f"{seeds // 2 or 1} seeds at once, or " if seeds > 1 else ""
        raise torch.OutOfMemoryError(
            f"the memory of the GPU is not enough for batches of {batch_size} images: try {fewer}"
            f"batch_size={max(1, batch_size // 2)}, save_memory=True, or a smaller model"
        ) from error


def finite_scores(
    recorder: EpochRecorder, model: nn.Module, task: Task, method: Method, epoch: int, lr: float, history: History
) -> dict:
    """What ``evaluate`` gives after an epoch, once it is known that the epoch left finite numbers.

    Raises:
        TrainingDiverged: a loss of the epoch, a parameter of model or method, or the test loss is not finite.
    """
    bad = recorder.first_bad_step()
    if bad is not None:
        raise _diverged(f"the loss stopped being finite at step {bad + 1}", epoch, lr, history)
    for owner, module in (("model", model), ("method", method)):
        for name, parameter in module.named_parameters():
            if not parameter.isfinite().all():
                raise _diverged(f"the {owner}'s {name} is not finite at the end", epoch, lr, history)
    scores = evaluate(model, task)
    if len(task.test) and not math.isfinite(scores["test_loss"]):
        raise _diverged("the test loss is not finite at the end", epoch, lr, history)
    return scores


def _diverged(what: str, epoch: int, lr: float, history: History) -> TrainingDiverged:
    return TrainingDiverged(
        f"{what} of epoch {epoch + 1} (learning rate {lr:g}): "
        "try a smaller lr, a smaller step_size, or look for non-finite images", history,
    )  # fmt: skip


def epoch_row(recorder: EpochRecorder, method: Method, scores: dict, lr: float) -> dict:
    """What the History keeps of an epoch that is over."""
    snapshot = {name: value.detach().cpu().double().numpy() for name, value in method.snapshot().items()}
    return {**recorder.row(), **scores, "lr": lr, **snapshot}


@torch.no_grad()
def evaluate(model: nn.Module, task: Task) -> dict:
    """Test loss (nats) and accuracy in percent, overall and by class; validation accuracy, NaN without such a set."""
    test = predict(model, task, task.test)
    correct = _is_right(test, task.test.labels).cpu().double() * 100  # some devices have no float64
    labels = task.test.labels.cpu()
    by_class = torch.zeros(2, task.num_classes, dtype=torch.float64, device=correct.device)
    by_class.index_add_(1, labels, torch.stack([correct, torch.ones_like(correct)]))
    row = {
        "test_loss": nn.functional.cross_entropy(test, task.test.labels).item(),
        "test_accuracy": correct.mean().item(),
        "class_accuracy": (by_class[0] / by_class[1]).cpu().numpy(),
        "validation_accuracy": float("nan"),
    }
    if len(task.validation):
        right = _is_right(predict(model, task, task.validation), task.validation.labels)
        row["validation_accuracy"] = 100 * right.cpu().double().mean().item()
    return row


def _is_right(logits: Tensor, labels: Tensor) -> Tensor:
    """A row with a NaN is wrong: its argmax is a class all the same."""
    return (logits.argmax(-1) == labels) & ~logits.isnan().any(-1)


@torch.no_grad()
def predict(model: nn.Module, task: Task, split: Split) -> Tensor:
    """Logits of a whole split, by the model in evaluation mode."""
    dtype = next(model.parameters()).dtype
    with evaluation_mode(model):
        return torch.cat([
            logits_of(model(task.pixels.normalise(images.to(split.labels.device, non_blocking=True), dtype)), model)
            for images in split.images.split(EVALUATION_BATCH)
        ])  # fmt: skip
