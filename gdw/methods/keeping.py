"""Bases of methods that keep tensors during training: numbers for each class, or for each training instance."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from gdw.gradients.step import Step
from gdw.methods.base import Method


class KeepsTensors(Method):
    """Base of methods that keep their own parameters or buffers. For several seeds they have a leading seed axis."""

    kept: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def stack(cls, methods: Sequence[Self]) -> Self:
        """One method whose kept tensors are ``[S, ...]``."""
        stacked = deepcopy(methods[0])
        for name in cls.kept:
            together = torch.stack([getattr(method, name).detach() for method in methods])
            is_parameter = name in dict(stacked.named_parameters(recurse=False))
            setattr(stacked, name, nn.Parameter(together) if is_parameter else together)
        return stacked

    @torch.no_grad()
    def copy_to(self, methods: Sequence[Self]) -> None:
        for name in self.kept:
            for method, value in zip(methods, getattr(self, name), strict=True):
                getattr(method, name).copy_(value)


class KeepsInstances(KeepsTensors):
    """Base of methods whose kept tensors have one row for each training instance, ``[N]`` or ``[N, C]``.

    Raises:
        ValueError: ``num_instances`` was not given; the Step has no indices, or one that is out of range.
    """

    num_instances: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.num_instances is None:  # until here it may be
            raise ValueError(f"{self.title} keeps numbers for each training instance: give num_instances=...")

    def of_batch(self, name: str, step: Step) -> Tensor:
        """The batch's rows of a kept tensor, without a graph: ``[B]`` or ``[B, C]``."""
        kept: Tensor = getattr(self, name).detach()
        rows, axis = self._rows(kept, step), step.flows.ndim - 2
        try:
            return kept.gather(axis, rows).to(step.flows.dtype)
        except (IndexError, RuntimeError) as error:  # checked by torch: reading indices here would stall a GPU
            last = kept.shape[axis] - 1
            raise ValueError(
                f"{self.title} has parameters for {last + 1} training instances: the Step's indices must be whole "
                f"numbers in 0 ... {last} (torch says: {str(error).splitlines()[0]})"
            ) from error

    @torch.no_grad()
    def write(self, name: str, step: Step, values: Tensor) -> None:
        """Put the batch's rows back, in place; of an instance that is in it twice, one of them."""
        kept: Tensor = getattr(self, name)
        kept.scatter_(step.flows.ndim - 2, self._rows(kept, step), values.to(kept.dtype))

    @torch.no_grad()
    def move(self, name: str, step: Step, change: Tensor) -> None:
        """Add to the batch's rows, in place: of an instance that is in it twice both changes, as a gradient's sum."""
        kept: Tensor = getattr(self, name)
        kept.scatter_add_(step.flows.ndim - 2, self._rows(kept, step), change.to(kept.dtype))

    def _rows(self, kept: Tensor, step: Step) -> Tensor:
        """The indices, repeated along the classes if there are any. Copies: a recorded step writes to its tensors."""
        if step.indices is None:
            raise ValueError(f"{self.title} needs to know which instances these are: give the Step indices=...")
        if step.indices.shape != step.flows.shape[:-1]:
            raise ValueError(
                f"{self.title} keeps numbers for each row of the logits, and a pixel or token is one: give the Step "
                f"{len(step)} indices, got {list(step.indices.shape)}"
            )
        if kept.ndim == step.indices.ndim:
            return step.indices
        return step.indices[..., None].repeat(*(1 for _ in step.indices.shape), kept.shape[-1])
