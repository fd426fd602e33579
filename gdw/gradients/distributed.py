"""Step across ranks, which are processes: the B x C matrices are gathered, so a method sees the whole batch."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from gdw.gradients.flows import Matrix
from gdw.gradients.meta import Problem
from gdw.gradients.outputs import Inputs
from gdw.gradients.rates import Named, Rates
from gdw.gradients.step import Batch, Step
from gdw.gradients.targets import rows_in

Value = TypeVar("Value")


class DistributedProblem(Problem):
    """As ``Problem``, where each rank has rows of the training batch and of the meta batch."""

    def averaged(self, parts: Named) -> Named:
        """The mean over ranks: ``_Gather`` sends back as many times a rank's rows, and a meta batch is one rank's."""
        flat = torch.cat([part.flatten() for part in parts.values()])  # in any layout
        dist.all_reduce(flat)
        means = (flat / dist.get_world_size()).split([part.numel() for part in parts.values()])
        return {name: mean.view_as(part) for (name, part), mean in zip(parts.items(), means, strict=True)}

    def step_back(self, weights: Matrix, create_graph: bool = False) -> Named:
        """Of the whole batch; with a graph, of this rank's part."""
        gradients = super().step_back(weights, create_graph)
        return gradients if create_graph else self.averaged(gradients)

    def uphill(self, parameters: Named, rates: Rates) -> Named:
        """By all ranks' clean batches as one: a rank's part counts by its rows."""
        own = super().uphill(parameters, rates)
        count = rows_in(self.meta_batch[1]).to(self.logits)
        parts = self.averaged({**{name: part * count for name, part in own.items()}, "": count})
        mean = parts.pop("")
        return {name: part / mean for name, part in parts.items()}

    def tangent(self, direction: Named) -> Matrix:
        return gather(super().tangent(direction))


class DistributedStep(Step):
    """A Step whose ``logits``, ``labels`` and ``indices`` are those of all ranks, in rank order.

    Every rank computes the method on the whole batch and sends back its own rows: normalisers, sums over the batch
    and V are those of one process, and V (INSW's parameters, ...) stays the same on every rank without being sent.

    ``step.logits.backward(gradient)`` sends this rank's rows back through its model; DistributedDataParallel adds
    up the ranks' gradients. With BatchNorm each rank normalises by its own part of the batch, so the result
    differs from one process's as it does in plain data-parallel training; SyncBatchNorm is the remedy in the real
    pass, and has no forward-mode rule. Methods that take ``step.images`` (Co-teaching, mwnet-difference) would see
    only this rank's images and are refused.

    Args:
        model: a DistributedDataParallel, the same parameters on every rank.
        images, labels, indices, is_meta: this rank's part of the batch. Ranks may have different numbers of rows (the
            last batch of an epoch), at least one each, and take the same number of steps.
        meta_batch: this rank's part of the clean batch.
        given: the rest, as for ``Step``.

    Raises:
        TypeError: the model is not a DistributedDataParallel.
        ValueError: ``save_memory``.
    """

    def __init__(self, model: DistributedDataParallel, images: Inputs, labels: Tensor, **given: Any):
        if not isinstance(model, DistributedDataParallel):
            raise TypeError(f"wrap the model in DistributedDataParallel first, got {type(model).__name__}")
        if given.get("save_memory"):
            raise ValueError("across ranks the graph is kept: leave out save_memory")
        self._called = model  # its forward pass has the ranks add up their gradients
        super().__init__(model.module, images, labels, **given)
        self.logits, self._observed = _Gather.apply(self.logits), gather(self._observed)
        if not self._observed.is_floating_point():
            self.labels = self._observed
        self.indices = None if self.indices is None else gather(self.indices)
        self.is_meta = None if self.is_meta is None else gather(self.is_meta)

    def problem_with(self, meta_batch: Batch) -> Problem:
        """As ``Step.problem_with``; the meta batch is this rank's part."""
        return DistributedProblem(**vars(super().problem_with(meta_batch)))

    @property
    def images(self) -> Tensor:
        """Not gathered: images are large, and each rank has its own."""
        raise ValueError("this method needs the images of the whole batch: it does not run across ranks")

    @images.setter
    def images(self, images: Tensor) -> None:
        """``Step`` keeps this rank's for its model."""


class _Gather(torch.autograd.Function):
    """All ranks' rows; backward, this rank's rows, times the number of ranks, since DDP takes the mean over ranks."""

    @staticmethod
    def forward(ctx: Any, own: Float[Tensor, "rows classes"]) -> Float[Tensor, "batch classes"]:
        ctx.counts = row_counts(own)
        return gather(own)

    @staticmethod
    def backward(ctx: Any, gradient: Float[Tensor, "batch classes"]) -> Float[Tensor, "rows classes"]:
        own: Tensor = gradient.split(ctx.counts)[dist.get_rank()]
        return own * dist.get_world_size()


def row_counts(rows: Tensor) -> list[int]:
    """How many rows each rank has."""
    counts = rows.new_empty(dist.get_world_size(), dtype=torch.long)
    dist.all_gather_into_tensor(counts, torch.tensor([len(rows)], device=rows.device))
    return [int(count) for count in counts.tolist()]


def gather(rows: Tensor) -> Tensor:
    """The rows of all ranks, in rank order; without a graph."""
    counts = row_counts(rows)
    most = max(counts)
    padded = rows.new_zeros(most, *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    whole: Tensor = torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
    return whole


def world_size() -> int:
    """How many processes train together: 1 outside of a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def of_the_first(value: Value) -> Value:
    """What the first process has, in all of them."""
    found = [value]
    if world_size() > 1:
        dist.broadcast_object_list(found)
    return found[0]


@contextmanager
def joined(device: str) -> Iterator[bool]:
    """Within, where torchrun has started several processes: they are one group, and only the first prints.

    Yields whether this process is the first, or the only one. For the device ``"cpu"`` no GPU is looked for.
    """
    if not started_by_torchrun():
        yield True
        return
    gpu = torch.cuda.is_available() and device != "cpu"
    if gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    with ExitStack() as silent:
        silent.callback(dist.destroy_process_group)
        if dist.get_rank():
            nothing = silent.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123 - no file of anyone's
            silent.enter_context(redirect_stdout(nothing))
            silent.enter_context(redirect_stderr(nothing))
        yield dist.get_rank() == 0
        sys.stdout.flush()


def started_by_torchrun() -> bool:
    """Whether it has started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ
