"""The one loop: it alone steps the model, draws batches and keeps time.

``train`` is a generator of events. Whoever pulls it decides when the next step happens: pausing is not pulling,
stopping is closing it, and between two events nothing is half done.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gdw.data.batches import index_batches
from gdw.data.fetch import fetched
from gdw.data.randomness import generator
from gdw.data.task import Split, Task
from gdw.history import History
from gdw.methods.base import Method
from gdw.recorder import EpochRecorder
from gdw.step import Step

EVALUATION_BATCH = 1000  # images at once, without a graph
NORMALISED_ONCE = 16_000_000  # pixels: a training set up to this size, if never augmented, is kept as floats (64 MB)


@dataclass(frozen=True)
class Plan:
    """How the model is stepped: SGD with momentum, weight decay and a cosine by epoch."""

    epochs: int
    batch_size: int = 100
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    seed: int = 0
    derivative: str = "auto"
    max_prob: float | None = None
    save_memory: bool = False


@dataclass(frozen=True)
class BatchDone:
    """One step has been taken; ``epoch`` and ``batch`` count from 0. ``gradient`` is what went back, [B, C]."""

    epoch: int
    batch: int
    batches: int
    step: Step
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
        optimizer = sgd(model, plan)
        for stage_epoch in range(stage.epochs):
            lr = stage.lr_scale * cosine(plan.lr, stage_epoch, stage.epochs)
            recorder = EpochRecorder(task.clean_labels, task.num_classes)
            for batch in range(sources.steps):
                step = sources.step(stage.source, epoch, with_rate(optimizer, lr))
                gradient = take_step(step, method, optimizer)
                recorder.add(step, gradient)
                yield BatchDone(epoch, batch, sources.steps, step, gradient)
            bad = recorder.first_bad_step()
            if bad is not None:
                raise TrainingDiverged(epoch, bad, lr, history)
            history.append(epoch_row(recorder, model, task, method, lr))
            history.metadata["seconds"] = round(time.perf_counter() - started, 3)
            epoch += 1
            yield EpochDone(epoch - 1, total, history, recorder.instance_weights)


def take_step(step: Step, method: Method, optimizer: torch.optim.Optimizer) -> Tensor:
    """The method shapes the gradient, the logits carry it back, the optimiser steps. Returns the gradient."""
    optimizer.zero_grad()
    gradient = method.logit_gradient(step).detach()
    step.logits.backward(gradient.to(step.logits.dtype))
    optimizer.step()
    return gradient


def cosine(lr: float, epoch: int, epochs: int) -> float:
    """Half a cosine from ``lr`` towards 0, constant within an epoch."""
    return lr * (1 + math.cos(math.pi * epoch / epochs)) / 2


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


class Sources:
    """Batches of the training set, the clean set, or both, each with its own named randomness.

    The training images of a task that is not resident are fetched from the host (data/fetch.py), in the same order.
    """

    def __init__(self, task: Task, model: nn.Module, plan: Plan):
        self.task, self.model, self.plan = task, model, plan
        device, train, meta = task.train.labels.device, len(task.train), len(task.meta)
        if plan.batch_size > train:
            raise ValueError(f"batch_size must not exceed the training set's {train} images, got {plan.batch_size}")

        def indices(name: str, count: int, where: torch.device = device) -> Iterator[Tensor]:
            return index_batches(count, min(plan.batch_size, count), generator(plan.seed, name, device), where)

        where = device if task.resident else torch.device("cpu")
        self.indices = {
            "train": indices("train batches", train, where), "both": indices("both batches", train + meta, where),
            "meta": indices("clean batches", meta),
        }  # fmt: skip
        self.meta = indices("meta batches", meta)
        self.augmentation = generator(plan.seed, "augmentation", device)
        self.steps = train // plan.batch_size
        self.dtype = next(model.parameters()).dtype
        still, small = task.pixels.pad == 0 and not task.pixels.flip, task.train.images.numel() <= NORMALISED_ONCE
        self.once = still and small and task.resident
        self.images = {
            "train": self.normalised(task.train.images) if self.once else task.train.images,
            "meta": self.normalised(task.meta.images) if self.once else task.meta.images,
        }
        self.fetched = {
            name: fetched(task.train.images, self.indices[name], device)
            for name in ("train", "both") if not task.resident
        }  # fmt: skip

    def normalised(self, images: Tensor) -> Tensor:
        return self.task.pixels.normalise(images, self.dtype)

    def ready(self, images: Tensor) -> Tensor:
        """Stored images as the model takes them: augmented anew each time they are drawn."""
        return images if self.once else self.normalised(self.task.pixels.augment(images, self.augmentation))

    def meta_batch(self) -> tuple[Tensor, Tensor]:
        chosen = next(self.meta)
        return self.ready(self.images["meta"][chosen]), self.task.meta.labels[chosen]

    def draw(self, source: str) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """The next batch of a source: images, labels, indices, and which rows are clean (None: none of them)."""
        task = self.task
        if source == "meta":
            chosen = next(self.indices["meta"])
            images, labels = self.ready(self.images["meta"][chosen]), task.meta.labels[chosen]
            return images, labels, chosen, torch.ones_like(chosen, dtype=torch.bool)
        chosen, stored = self._training_images(source)
        if source == "train":
            return self.ready(stored), task.train.labels[chosen], chosen, None
        return self._pooled(chosen, stored)

    def _training_images(self, source: str) -> tuple[Tensor, Tensor]:
        """Indices of the next batch with the stored images; a clean row has some other image, to be replaced."""
        if not self.task.resident:
            return next(self.fetched[source])
        chosen = next(self.indices[source])
        return chosen, self.images["train"][chosen.clamp(max=len(self.task.train) - 1)]

    def _pooled(self, chosen: Tensor, stored: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Clean rows last. How many they are is never asked: the host would have to wait for the device."""
        task, count = self.task, len(self.task.train)
        order = (chosen >= count).byte().argsort(stable=True)
        chosen, stored = chosen[order], stored[order]
        is_meta, clean = chosen >= count, (chosen - count).clamp(min=0)
        as_images = is_meta.view(-1, *[1] * (stored.ndim - 1))
        images = torch.where(as_images, self.images["meta"][clean], stored)
        labels = torch.where(is_meta, task.meta.labels[clean], task.train.labels[chosen.clamp(max=count - 1)])
        return self.ready(images), labels, chosen, is_meta

    def step(self, source: str, epoch: int, lr: torch.optim.Optimizer) -> Step:
        """The next batch of a source, forward through the model once."""
        images, labels, chosen, is_meta = self.draw(source)
        return Step(
            self.model, images, labels, indices=chosen, meta_batch=self.meta_batch, lr=lr, epoch=epoch,
            is_meta=is_meta, derivative=self.plan.derivative, max_prob=self.plan.max_prob,
            save_memory=self.plan.save_memory,
        )  # fmt: skip


def sgd(model: nn.Module, plan: Plan) -> torch.optim.SGD:
    """The optimiser of a stage, over what is not frozen."""
    return torch.optim.SGD(
        (p for p in model.parameters() if p.requires_grad),
        lr=plan.lr, momentum=plan.momentum, weight_decay=plan.weight_decay, fused=True,
    )  # fmt: skip


def with_rate(optimizer: torch.optim.Optimizer, lr: float) -> torch.optim.Optimizer:
    """The same optimiser at this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    return optimizer
