"""Several logistic regressions at once, on features that are read block by block: L-BFGS, one pass for all of them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

ITERATIONS = 300  # at most; about 30 are needed
TOLERANCE = 1e-4  # of the largest entry of a gradient, as in scikit-learn
MEMORY = 10  # steps that L-BFGS remembers, as in scipy
HALVINGS = 25  # of a step that does not descend
DESCENT = 1e-4  # Armijo's constant

Result = TypeVar("Result")
PerModel = Float[Tensor, "models"]
Points = Float[Tensor, "models numbers"]


class Blocks(Protocol):
    """Rows of features that are read again and again."""

    @property
    def matrix(self) -> np.ndarray:
        """[..., D]."""

    def each(self, work: Callable[..., Result], *with_rows: Tensor) -> Iterator[Result]:
        """``work(values, ...)`` of each block of rows, in order, with the same rows of the other tensors."""


def fitted(
    features: Blocks,
    labels: Int[np.ndarray, "rows"],
    weights: Float[np.ndarray, "rows models"],
    classes: int,
    freedom: float = 1.0,
    seen: Callable[[int, int], object] | None = None,
) -> Float[Tensor, "models inputs classes"]:
    """Coefficients of multinomial logistic regressions, one for each column of weights; the last input is 1.

    Each minimises ``sum_i w_i loss_i + D / (2 freedom) |W|^2`` (the constant is not penalised), until no entry of the
    gradient, divided by ``sum_i w_i``, is above 1e-4. A class without a row of positive weight gets minus infinity.

    Args:
        seen: called after each step with how far the gradient is from where it stops, as (done, 100).
    """
    value = Objective(features, labels, weights, classes, freedom)
    found = minimised(value, value.start(), seen).view(value.shape).clone()
    found[:, -1] += value.absent
    return found


class Objective:
    """The losses of several regressions and their gradients, by one pass over the rows: what ``fitted`` minimises."""

    def __init__(
        self, features: Blocks, labels: Int[np.ndarray, "rows"], weights: Float[np.ndarray, "rows models"],
        classes: int, freedom: float = 1.0,
    ):  # fmt: skip
        inputs, models = features.matrix.shape[1], weights.shape[1]
        self.features, self.shape = features, (models, inputs + 1, classes)
        self.labels, weight = torch.from_numpy(labels), torch.from_numpy(weights).float()
        total = torch.from_numpy(weights.sum(0))
        if not (total > 0).all():
            raise ValueError("a fold's classifier has no row to learn from: too few are left to be judged")
        self.share, self.penalty = weight / total, inputs / freedom / total
        there = torch.zeros(classes, models).index_add_(0, self.labels, (weight > 0).float()).T > 0
        self.absent = torch.zeros(models, classes).masked_fill_(~there, -torch.inf)

    def start(self) -> Points:
        """All coefficients 0."""
        return torch.zeros(self.shape[0], self.shape[1] * self.shape[2], dtype=torch.float64)

    def __call__(self, points: Points) -> tuple[PerModel, Points]:
        """Loss and gradient of each model."""
        models, inputs, classes = self.shape
        cubes = points.view(self.shape)
        matrix = cubes.float().transpose(0, 1).reshape(inputs, models * classes)
        loss = torch.zeros(models, dtype=torch.float64)
        slope = torch.zeros(inputs, models * classes, dtype=torch.float64)
        work = partial(of_block, matrix=matrix, absent=self.absent)
        for lost, slopes, of_constant in self.features.each(work, self.labels, self.share):
            loss += lost
            slope[:-1] += slopes
            slope[-1] += of_constant
        gradient = slope.view(inputs, models, classes).transpose(0, 1).clone()
        gradient[:, :-1] += self.penalty[:, None, None] * cubes[:, :-1]
        loss += self.penalty / 2 * cubes[:, :-1].square().sum((1, 2))
        return loss, gradient.flatten(1)


def of_block(
    values: Float[Tensor, "block D"],
    labels: Int[Tensor, "block"],
    share: Float[Tensor, "block models"],
    *,
    matrix: Float[Tensor, "inputs outputs"],
    absent: Float[Tensor, "models classes"],
) -> tuple[PerModel, Float[Tensor, "D outputs"], Float[Tensor, "outputs"]]:
    """What a block adds to the losses, and to their slopes by the coefficients and by the constants."""
    here = labels[:, None, None].expand(-1, len(absent), 1)
    logits = torch.addmm(matrix[-1], values, matrix[:-1]).view(-1, *absent.shape).add_(absent)
    log_probs = logits.log_softmax(2)
    lost = log_probs.gather(2, here).squeeze(2)
    loss = -(torch.where(share > 0, lost, 0.0) * share).sum(0, dtype=torch.float64)
    flows = log_probs.exp_().scatter_add_(2, here, torch.full(here.shape, -1.0)).mul_(share[..., None]).flatten(1)
    return loss, values.T @ flows, flows.sum(0)


def minimised(
    value: Callable[[Points], tuple[PerModel, Points]],
    points: Points,
    seen: Callable[[int, int], object] | None = None,
) -> Points:
    """Minima of several convex functions by L-BFGS; none depends on another, but all are evaluated together.

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 (two loops) and 3.1 (halving the step).
    """
    losses, slopes = value(points)
    past: list[tuple[Points, Points, PerModel]] = []
    active = slopes.abs().amax(1) > TOLERANCE
    farthest, done = max(1.0, np.log(max(1.0, float(slopes.abs().amax(1).max()) / TOLERANCE))), 0
    for _ in range(ITERATIONS):
        if not bool(active.any()):
            break
        step = -_by_curvature(slopes, past) * active[:, None]
        if not past:
            step /= slopes.norm(dim=1, keepdim=True).clamp(min=1.0)
        descent = (step * slopes).sum(1)
        length = torch.ones_like(losses)
        for _ in range(HALVINGS):
            there = points + length[:, None] * step
            new, new_slopes = value(there)
            lower = (new <= losses + DESCENT * length * descent) | ~active
            if bool(lower.all()):
                break
            length = torch.where(lower, length, length / 2)
        accepted = active & lower
        change, bend = torch.where(accepted[:, None], there - points, 0.0), new_slopes - slopes
        curvature = (change * bend).sum(1)
        past = [*past, (change, bend, torch.where(curvature > 0, 1 / curvature, 0.0))][-MEMORY:]
        points = torch.where(accepted[:, None], there, points)
        losses = torch.where(accepted, new, losses)
        slopes = torch.where(accepted[:, None], new_slopes, slopes)
        active = accepted & (slopes.abs().amax(1) > TOLERANCE)
        if seen is not None:
            far = np.log(max(1.0, float(slopes.abs().amax(1).max()) / TOLERANCE)) if bool(active.any()) else 0.0
            done = max(done, round(100 - 100 * far / farthest))
            seen(done, 100)
    return points


def _by_curvature(slopes: Points, past: list[tuple[Points, Points, PerModel]]) -> Points:
    """The slopes times an estimate of the inverse Hessian."""
    found, shares = slopes, []
    for change, bend, inverse in reversed(past):
        share = inverse * (change * found).sum(1)
        found = found - share[:, None] * bend
        shares.append(share)
    if past:
        change, bend, inverse = past[-1]
        scale = torch.where(inverse > 0, (change * bend).sum(1) / bend.square().sum(1).clamp(min=1e-300), 1.0)
        found = found * scale[:, None]
    for (change, bend, inverse), share in zip(past, reversed(shares), strict=True):
        found = found + (share - inverse * (bend * found).sum(1))[:, None] * change
    return found
