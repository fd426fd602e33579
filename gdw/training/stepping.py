"""How the loop takes its steps: as they are written, or recorded once and replayed.

SGD with momentum, weight decay and a cosine by epoch.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn

from gdw.experiments.experiment import Experiment
from gdw.experiments.fields import EXACT_PRECISIONS, Engine, Recipe
from gdw.gradients.distributed import world_size
from gdw.gradients.recording import Capture, CudaGraph, NoDrawing, Operations
from gdw.gradients.step import Batch, Seen, Step
from gdw.methods.base import METHODS, Method
from gdw.training.sources import Drawn, Sources

Outputs = tuple[Tensor, ...]
BATCH_NORM = nn.BatchNorm1d, nn.BatchNorm2d
STEPS_TO_RECORD = 25  # with a clean set, these save about as much time as the recording takes


def cosine(lr: float, epoch: int, epochs: int) -> float:
    """Half a cosine from ``lr`` towards 0, constant within an epoch."""
    return lr * (1 + math.cos(math.pi * epoch / epochs)) / 2


def sgd(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """The optimiser of a phase, over what is not frozen."""
    return torch.optim.SGD(
        (p for p in model.parameters() if p.requires_grad),
        lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=True,
    )  # fmt: skip


def set_rate(optimizer: torch.optim.Optimizer, lr: float | Tensor) -> None:
    """Set the learning rate of all its groups."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def take_step(step: Step, method: Method, optimizer: torch.optim.Optimizer) -> Tensor:
    """The method shapes the gradient, the logits carry it back, the optimiser steps. Returns the gradient."""
    optimizer.zero_grad()
    gradient = method.logit_gradient(step).detach()
    step.logits.backward(gradient.to(step.logits.dtype))
    optimizer.step()
    return gradient


def captures(engine: Engine, method: Method) -> bool:
    """Whether the steps of a method are recorded: not of a compiled network, nor where processes share each batch."""
    asked = bool(engine.capture) and not engine.compile
    return asked and method.all_steps_identical and world_size() == 1


def usually_captures(device: torch.device, experiment: Experiment, model: nn.Module, steps: float) -> bool:
    """Whether this number of steps of a network of the package is recorded where nobody has said.

    On a GPU always; on the CPU the package's own methods, where this changes no bit and takes less time. There torch
    orders BatchNorm's sums along a tangent differently in a recording.
    """
    if device.type != "cpu" or METHODS.place(experiment.method).is_own:
        return device.type == "cuda"
    exact = experiment.precision in EXACT_PRECISIONS and experiment.max_prob is None and not experiment.save_memory
    return exact and steps >= STEPS_TO_RECORD and not any(isinstance(m, BATCH_NORM) for m in model.modules())


class Captured:
    """The steps of a phase from a recording of one of them (recording.py), with the same numbers.

    The first steps of a phase are taken as usual; then one whole step is recorded, from the forward pass to the
    optimiser, and every batch is copied to where the recording reads. Batches are drawn and augmented outside.
    On the CPU it ends bit for bit as steps taken by Python do, except for BatchNorm along a tangent: torch orders
    its sums differently in a recording. On a GPU the learning rate is a float32.

    All steps of the method are identical (``Method.all_steps_identical``); the optimiser's rate is ``rate`` from now
    on. A model that draws random numbers, or puts a new tensor in an old one's place, is refused at the first steps.
    """

    def __init__(self, sources: Sources, source: str, method: Method, optimizer: torch.optim.Optimizer):
        self.sources, self.source, self.method, self.optimizer = sources, source, method, optimizer
        self.prepared = sources.prepared(optimizer)
        device, dtype = sources.task.train.labels.device, sources.dtype
        dtype = dtype if device.type == "cpu" else torch.float32  # a GPU's fused SGD reads no other
        self.rate = torch.zeros((), dtype=dtype, device=device)
        self.capture = Capture(device, method)
        self.asks_clean_set = False
        self.batch: Drawn | None = None  # where the recording reads
        self.meta_batch: tuple[Tensor, Tensor] | None = None
        self.recording: Operations | CudaGraph | None = None
        set_rate(optimizer, self.rate)

    def take(self, epoch: int) -> tuple[Seen, Tensor]:
        """What the epoch's statistics see of the next step, and what went back through the logits."""
        drawn = self.sources.draw(self.source)
        flows, losses, gradient = self._warm_up(drawn, epoch) if self.capture.runs_left else self._replay(drawn)
        _, labels, indices, is_meta = drawn
        return Seen(flows, losses, labels, indices, is_meta), gradient

    def _warm_up(self, drawn: Drawn, epoch: int) -> Outputs:
        before = self._places()
        with NoDrawing():  # type: ignore[no-untyped-call]  # torch's
            outputs = self.capture.warm_up(lambda: self._take_first(drawn, epoch))
        moved = [name for name, place in self._places().items() if before.get(name, place) != place]
        if moved:
            raise ValueError(f"{moved[0]} is another tensor after each step: write in place, or give capture=False")
        return outputs

    def _take_first(self, drawn: Drawn, epoch: int) -> Outputs:
        step = self.sources.step_of(drawn, epoch, self.prepared)
        outputs = _outputs(self.method, self.optimizer, step)
        self.asks_clean_set = "meta_batch" in vars(step)
        return outputs

    def _places(self) -> dict[str, int]:
        """The memory address of each of the model's and the method's tensors."""
        state = {**self.sources.model.state_dict(keep_vars=True), **dict(self.method.named_buffers(prefix="method"))}
        return {name: tensor.data_ptr() for name, tensor in state.items() if isinstance(tensor, Tensor)}

    def _replay(self, drawn: Drawn) -> Outputs:
        meta_batch = self.sources.meta_batch() if self.asks_clean_set else None
        if self.recording is None:
            static, self.meta_batch = _copy(drawn), meta_batch  # the drawn ones are the statistics' to keep
            self.batch = static
            take = partial(_outputs, self.method, self.optimizer)  # with `self` in it, it would wait for the collector
            again = partial(self.sources.step_of, static, None, self.prepared, meta_batch=meta_batch)
            self.recording = self.capture.take(lambda: take(again()))
            self.optimizer.zero_grad()  # a replay leaves nothing in `.grad`
            self.method.zero_grad()
            return self.recording.outputs
        _write(self.batch, drawn)
        _write(self.meta_batch, meta_batch)
        return self.recording.replay()


def _outputs(method: Method, optimizer: torch.optim.Optimizer, step: Step) -> Outputs:
    gradient = take_step(step, method, optimizer)
    return step.flows, step.losses, gradient


def _copy(drawn: Drawn) -> Drawn:
    images, labels, indices, is_meta = drawn
    return images.clone(), labels.clone(), indices.clone(), None if is_meta is None else is_meta.clone()


def _write(static: Drawn | Batch | None, given: Drawn | Batch | None) -> None:
    for place, values in zip(static or (), given or (), strict=True):
        if place is not None and values is not None:
            place.copy_(values, non_blocking=True)
