"""Two changes to GDW that were tried against breakdowns, as a plugin of ``gdw sweep`` and ``gdw run``.

``standing/breakdowns.toml`` says how they were compared, docs/tried.md what came out.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

import gdw
from gdw.gradients.meta import Problem
from gdw.gradients.rates import VirtualStep
from gdw.gradients.step import Step
from gdw.methods.base import Matrix

CELLS = (-2, -1)  # axes of one batch
TINY = torch.finfo(torch.float32).tiny


class ByParts(gdw.methods.GDW):
    """GDW whose meta gradient is the mean over several problems of a step."""

    source = "this package: GDW (Chen et al., NeurIPS 2021) otherwise"

    def problems(self, step: Step) -> Sequence[Problem]:
        """What the meta gradient is taken of."""
        raise NotImplementedError

    def logit_gradient(self, step: Step) -> Matrix:
        weights = self.first_stage(step)
        parts = [step.meta_gradient(weights, problem) for problem in self.problems(step)]
        meta_gradient = torch.stack(parts).mean(0)
        self.learn(weights, meta_gradient)
        self.look_at(parts)
        weights = self.second_stage(weights.detach(), meta_gradient, step)
        return weights.detach() * step.flows / len(step)

    def look_at(self, parts: Sequence[Matrix]) -> None:
        """Before the second stage."""


@gdw.methods.register
class OwnVirtualStep(ByParts):
    """GDW whose virtual step is the optimiser's own, momentum and weight decay included, as the real step is."""

    name, title = "gdw-own-step", "GDW, the optimiser's virtual step"
    supports_many_seeds = True

    def problems(self, step: Step) -> Sequence[Problem]:
        return [replace(step.problem, virtual_step=VirtualStep(step.model, step.lr, "optimizer"))]


@gdw.methods.register
class Agreed(ByParts):
    """GDW whose step size is the agreement of two halves of the clean batch: nothing is chosen.

    With g1 and g2 from a half each it is ``max(0, <g1, g2> / ((|g1|^2 + |g2|^2) / 2))``: about the share of their mean
    square that is no noise.
    """

    name, title = "gdw-agreed", "GDW, step size by agreement"
    supports_many_seeds = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clip = 1.0  # a weight of 1 at most falls to 0

    def problems(self, step: Step) -> Sequence[Problem]:
        images, labels = step.meta_batch
        middle, before = labels.shape[-1] // 2, (slice(None),) * (labels.ndim - 1)
        halves = (slice(middle), slice(middle, None))
        return [step.problem_with((images[(*before, half)], labels[(*before, half)])) for half in halves]

    def look_at(self, parts: Sequence[Matrix]) -> None:
        one, other = parts
        squares = (one.square() + other.square()).sum(CELLS, keepdim=True) / 2
        self.step_size = ((one * other).sum(CELLS, keepdim=True) / squares.clamp_min(TINY)).clamp_min(0)
