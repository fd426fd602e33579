"""Decision regions of a point set in the plane: what the network believes where, and how much each point counts."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gdw.data.task import Task

RESOLUTION = 120  # cells along each side
MARGIN = 0.1  # of the points' extent, around them


@dataclass(frozen=True, eq=False)
class Regions:
    """The network's belief on a grid, rows from low to high y.

    Attributes:
        left, right, bottom, top: the grid's edges.
        probs: ``[rows, columns, classes]``.
    """

    left: float
    right: float
    bottom: float
    top: float
    probs: Float[np.ndarray, "rows columns classes"]


@torch.no_grad()
def regions_of(model: nn.Module, task: Task, resolution: int = RESOLUTION) -> Regions:
    """What ``model`` believes around the training points, which must be in the plane.

    Raises:
        ValueError: the task's inputs have other than two coordinates.
    """
    if task.input_shape != (2,):
        raise ValueError(f"decision regions need points with two coordinates, got inputs of shape {task.input_shape}")
    points = task.train.images
    low, high = points.min(0).values, points.max(0).values
    margin = MARGIN * (high - low)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    x, y = torch.linspace(left, right, resolution), torch.linspace(bottom, top, resolution)
    grid = torch.cartesian_prod(y, x).flip(-1).to(points)
    parameter = next(model.parameters())
    was_training = model.training
    model.eval()
    probs = model(task.pixels.normalise(grid, parameter.dtype)).softmax(-1)
    model.train(was_training)
    return Regions(left, right, bottom, top, probs.reshape(resolution, resolution, -1).cpu().double().numpy())


def shares(weight: Float[np.ndarray, "points"]) -> Float[np.ndarray, "points"]:
    """Weights as shares of the largest; 0 for a point not seen yet."""
    known = np.nan_to_num(weight, nan=0.0).clip(0)
    return known / max(known.max(), 1e-12)


def finding(
    labels: Int[Tensor, "points"], true_labels: Int[Tensor, "points"] | None, weight: Float[np.ndarray, "points"],
    name: str,
) -> str:  # fmt: skip
    """How many labels are wrong, and what they weigh."""
    if true_labels is None:
        return "Nobody knows which of these labels are wrong"
    wrong = labels != true_labels
    share = f"{100 * wrong.double().mean():.0f} % of the labels are wrong"
    if not wrong.any():
        return f"{share}: the regions follow what the network has learnt"
    mean = [np.nanmean(weight[wrong.cpu().numpy() == kind]) for kind in (True, False)]
    return f"{share}: with {name} they weigh {mean[0]:.2f} on average, clean points {mean[1]:.2f}"
