"""StackedStep: one training batch of every seed, as a Step whose matrices have a leading seed axis."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from gdw.gradients.agreement import PassesDiffer
from gdw.gradients.meta import NoMetaGradient, Problem
from gdw.gradients.step import Seen, Step
from gdw.networks.stacked import Stacked
from gdw.private import has_hooks

SeedsMatrix = Float[Tensor, "seeds batch classes"]


class StackedStep(Step):
    """A Step of S seeds: ``images [S, B, ...]``, ``labels`` and ``indices [S, B]``, ``logits`` and ``flows [S, B, C]``.

    ``len`` is B. A meta gradient is exact, by forward mode: one tangent pass for all seeds.

    Raises:
        NoMetaGradient: the model has an operation that cannot run for several seeds at once.
    """

    has_seeds = True

    model: Stacked

    def __init__(self, model: Stacked, images: Tensor, labels: Tensor, **given: Any):
        if has_hooks(model):
            raise NoMetaGradient("hooks do not run when several seeds are trained at once: train them one by one")
        with _one_sentence():
            super().__init__(model, images, labels, **given)

    def meta_gradient(self, weights: SeedsMatrix, problem: Problem | None = None) -> SeedsMatrix:
        """For each seed its own, by forward mode: a double backward does not run for several seeds."""
        with _one_sentence():
            return super().meta_gradient(weights, problem)

    @cached_property
    def losses(self) -> Float[Tensor, "seeds batch"]:
        losses = cross_entropy(self._frozen_logits.flatten(0, 1), self.labels.flatten(), reduction="none")
        return losses.view_as(self.labels)

    def seeds(self) -> Iterator[Seen]:
        is_meta = self.is_meta if self.is_meta is not None else [None] * len(self.labels)
        indices = torch.arange(len(self)).expand_as(self.labels) if self.indices is None else self.indices
        parts = zip(self.flows, self.losses, self.labels, indices, is_meta, strict=True)
        return (Seen(*part) for part in parts)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Within: what ``torch.func.vmap`` cannot run ends in a sentence that says what to do."""
    try:
        yield
    except (NoMetaGradient, PassesDiffer, torch.OutOfMemoryError):
        raise
    except (RuntimeError, ValueError) as error:
        if isinstance(error, ValueError) and "vmap" not in str(error):
            raise
        reason = str(error).splitlines()[0]
        raise NoMetaGradient(
            f"this model cannot run for several seeds at once ({reason}): train them one by one"
        ) from error
