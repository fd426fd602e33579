"""The one loop: stages, epochs, events, evaluation and time.

``train`` is a generator of events. Whoever pulls it decides when the next step happens: pausing is not pulling,
stopping is closing it, and between two events nothing is half done.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gdw.data.task import Split, Task
from gdw.gradients.seen import Seen
from gdw.gradients.step import Step
from gdw.methods.base import Method
from gdw.training.history import History
from gdw.training.plan import Plan, cosine, sgd
from gdw.training.recorder import EpochRecorder
from gdw.training.sources import Sources
from gdw.training.stepping import Captured, OneByOne

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
    """An epoch is over and its row stands in the history.

    ``instance_weights`` [N] is each training instance's weight when it was last seen in this epoch, as the History
    defines it for a group of flows; NaN for one not seen.
    """

    epoch: int
    epochs: int
    history: History
    instance_weights: Tensor


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a finite number. ``history`` holds the epochs before."""

    def __init__(self, epoch: int, batch: int, lr: float, history: History):
        self.history = history
        super().__init__(
            f"the loss stopped being finite at step {batch + 1} of epoch {epoch + 1} (learning rate {lr:g}): "
            "try a smaller lr, a smaller step_size, or look for non-finite images"
        )


def train(
    model: nn.Module, task: Task, method: Method, plan: Plan, history: History
) -> Iterator[BatchDone | EpochDone]:
    """Train ``model`` on ``task`` as ``method`` says; fills ``history`` epoch by epoch.

    Model, method and task lie on one device. Everything random comes from ``plan.seed``.

    Raises:
        ValueError: a batch larger than the data, before any work.
        TrainingDiverged: the loss is not finite; the history keeps the epochs before.
    """
    sources = Sources(task, model, plan)
    initial = {name: value.clone() for name, value in model.state_dict().items()}
    stages = list(method.stages(task, plan.epochs))
    total, epoch = sum(stage.epochs for stage in stages), 0
    started = time.perf_counter()
    for stage in stages:
        method.prepare(task, model)
        if stage.restart:
            model.load_state_dict(initial)
        stepping = Captured if plan.capture and method.all_steps_identical else OneByOne
        take = stepping(sources, stage.source, method, sgd(model, plan))
        for stage_epoch in range(stage.epochs):
            lr = stage.lr_scale * cosine(plan.lr, stage_epoch, stage.epochs)
            recorder = EpochRecorder(task.clean_labels, task.num_classes)
            for batch in range(sources.steps):
                step, gradient = take(epoch, lr)
                recorder.add(step, gradient)
                yield BatchDone(epoch, batch, sources.steps, step, gradient)
            bad = recorder.first_bad_step()
            if bad is not None:
                raise TrainingDiverged(epoch, bad, lr, history)
            history.append(epoch_row(recorder, model, task, method, lr))
            history.metadata["seconds"] = round(time.perf_counter() - started, 3)
            epoch += 1
            yield EpochDone(epoch - 1, total, history, recorder.instance_weights)


def epoch_row(recorder: EpochRecorder, model: nn.Module, task: Task, method: Method, lr: float) -> dict:
    """What the History keeps of an epoch that is over."""
    snapshot = {name: value.detach().double().cpu().numpy() for name, value in method.snapshot().items()}
    return {**recorder.row(), **evaluate(model, task), "lr": lr, **snapshot}


@torch.no_grad()
def evaluate(model: nn.Module, task: Task) -> dict:
    """Test loss (nats) and accuracy in percent, overall and by class; validation accuracy, NaN without such a set."""
    was_training = model.training
    model.eval()
    test = predict(model, task, task.test)
    correct = (test.argmax(-1) == task.test.labels).double() * 100
    by_class = torch.zeros(2, task.num_classes, dtype=torch.float64, device=correct.device)
    by_class.index_add_(1, task.test.labels, torch.stack([correct, torch.ones_like(correct)]))
    row = {
        "test_loss": nn.functional.cross_entropy(test, task.test.labels).item(),
        "test_accuracy": correct.mean().item(),
        "class_accuracy": (by_class[0] / by_class[1]).cpu().numpy(),
        "validation_accuracy": float("nan"),
    }
    if len(task.validation):
        right = predict(model, task, task.validation).argmax(-1) == task.validation.labels
        row["validation_accuracy"] = 100 * right.double().mean().item()
    model.train(was_training)
    return row


@torch.no_grad()
def predict(model: nn.Module, task: Task, split: Split) -> Tensor:
    """Logits of a whole split; the caller puts the model in evaluation mode."""
    dtype = next(model.parameters()).dtype
    return torch.cat([
        model(task.pixels.normalise(images.to(split.labels.device, non_blocking=True), dtype))
        for images in split.images.split(EVALUATION_BATCH)
    ])  # fmt: skip
