"""How the loop takes its steps: one by one as they are written, or recorded once and replayed."""

import torch
from torch import Tensor

from gdw.methods.base import Method
from gdw.plan import with_rate
from gdw.recording import CudaGraph, Operations, consent, record, side_stream
from gdw.seen import Seen
from gdw.sources import Drawn, Sources
from gdw.step import Step

WARM_UP = {"cuda": 3}  # steps before the recording: optimisers make their state, libraries choose their kernels
Outputs = tuple[Tensor, ...]


def take_step(step: Step, method: Method, optimizer: torch.optim.Optimizer) -> Tensor:
    """The method shapes the gradient, the logits carry it back, the optimiser steps. Returns the gradient."""
    optimizer.zero_grad()
    gradient = method.logit_gradient(step).detach()
    step.logits.backward(gradient.to(step.logits.dtype))
    optimizer.step()
    return gradient


class OneByOne:
    """The next step of one stage of training, each time it is called."""

    def __init__(self, sources: Sources, source: str, method: Method, optimizer: torch.optim.Optimizer):
        self.sources, self.source, self.method, self.optimizer = sources, source, method, optimizer

    def __call__(self, epoch: int, lr: float) -> tuple[Step, Tensor]:
        """The step as it was taken, and what went back through the logits."""
        step = self.sources.step(self.source, epoch, with_rate(self.optimizer, lr))
        return step, take_step(step, self.method, self.optimizer)


class Captured(OneByOne):
    """The same steps from a recording of one of them (recording.py), with the same numbers.

    The first steps of a stage are taken as ever; then the whole of one is recorded, from the forward pass to the
    optimiser, and every batch is copied to where the recording reads. Batches are drawn and augmented outside.
    On the CPU it ends bit for bit where ``OneByOne`` ends, but for BatchNorm along a tangent, whose sums torch orders
    otherwise in a recording.

    Args:
        sources, source, optimizer: as for ``OneByOne``.
        method: one whose steps are all alike (``Method.steps_alike``).
    """

    def __init__(self, sources: Sources, source: str, method: Method, optimizer: torch.optim.Optimizer):
        super().__init__(sources, source, method, optimizer)
        self.device = sources.task.train.labels.device
        exact = torch.float64 if self.device.type == "cpu" else torch.float32  # a GPU's fused SGD reads no other
        self.rate = torch.zeros((), dtype=exact, device=self.device)
        self.still_to_warm_up = WARM_UP.get(self.device.type, 1)
        self.asks_clean_set = False
        self.batch: Drawn | None = None  # where the recording reads
        self.meta_batch: tuple[Tensor, Tensor] | None = None
        self.recording: Operations | CudaGraph | None = None
        with_rate(optimizer, self.rate)

    def __call__(self, epoch: int, lr: float) -> tuple[Seen, Tensor]:
        """What a recorder sees of the step, and what went back through the logits."""
        self.rate.fill_(lr)
        drawn = self.sources.draw(self.source)
        flows, losses, gradient = self._warm_up(drawn, epoch) if self.still_to_warm_up else self._replay(drawn)
        _, labels, indices, is_meta = drawn
        return Seen(flows, losses, labels, indices, is_meta), gradient

    def _warm_up(self, drawn: Drawn, epoch: int) -> Outputs:
        self.still_to_warm_up -= 1
        with side_stream(self.device):
            step = self.sources.step_of(drawn, epoch, self.optimizer)
            outputs = self._take(step)
        self.asks_clean_set = "meta_batch" in vars(step)
        return outputs

    def _replay(self, drawn: Drawn) -> Outputs:
        meta_batch = self.sources.meta_batch() if self.asks_clean_set else None
        if self.recording is None:
            self.batch, self.meta_batch = _copy(drawn), meta_batch  # the drawn ones are a recorder's to keep
            with consent(self.method):
                self.recording = record(self._take_static, self.device)
            return self.recording.outputs
        _write(self.batch, drawn)
        _write(self.meta_batch, meta_batch)
        return self.recording.replay()

    def _take_static(self) -> Outputs:
        return self._take(
            self.sources.step_of(self.batch, None, self.optimizer, meta_batch=self.meta_batch, trusted=True)
        )

    def _take(self, step: Step) -> Outputs:
        gradient = take_step(step, self.method, self.optimizer)
        return step.flows, step.losses, gradient


def _copy(drawn: Drawn) -> Drawn:
    return tuple(None if part is None else part.clone() for part in drawn)


def _write(static: Drawn | tuple | None, given: Drawn | tuple | None) -> None:
    for place, values in zip(static or (), given or (), strict=True):
        if place is not None:
            place.copy_(values, non_blocking=True)
