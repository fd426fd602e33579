"""Decision regions of a point set in the plane: what the network believes where, and how much each point counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor, nn

from gdw.data.task import Task
from gdw_notebooks.figures import style

RESOLUTION = 120  # cells along each side
MARGIN = 0.1  # of the points' extent, around them
SMALLEST, LARGEST = 4, 55  # square points: area of a point of weight 0, and of the heaviest
PALE = 0.35  # opacity of a region where the network is sure


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


def decision_regions(
    regions: Sequence[Regions],
    points: Float[Tensor, "points 2"],
    labels: Int[Tensor, "points"],
    true_labels: Int[Tensor, "points"] | None,
    class_names: Sequence[str],
    weights: Sequence[Float[np.ndarray, "points"] | None] = (),
    names: Sequence[str] = (),
    *,
    title: str | None = None,
    large: bool = False,
) -> Figure:
    """One picture for each network: fill = observed label, ring = true label, size = weight.

    Args:
        regions: of each network to show side by side.
        labels: observed.
        true_labels: None if nobody knows them: the rings then show the observed ones, and the title says so.
        weights: of each network's method; None, or left out: all points look the same.
        names: of each network.
    """
    figure, axes = style.new_figure(1, len(regions), height=4.6, large=large, squeeze=False, sharex=True, sharey=True)
    weights = [*weights, *[None] * (len(regions) - len(weights))]
    names = [*names, *[""] * (len(regions) - len(names))]
    colors = np.array(style.class_colors(class_names))
    rings = colors[(labels if true_labels is None else true_labels).cpu()]
    for each, region, weight, name in zip(axes.flat, regions, weights, names, strict=True):
        _background(each, region, colors)
        _points(each, points.cpu().numpy(), colors[labels.cpu()], rings, weight)
        each.set_title(name, fontsize=style.TEXT, loc="left")
        each.set_xlabel("first coordinate")
    axes[0, 0].set_ylabel("second coordinate")
    _legend(figure, axes[0, 0], class_names, colors, 2 if large else 4)
    style.finding(figure, title or finding(labels, true_labels, weights, names))
    return figure


def _background(axes: Axes, region: Regions, colors: np.ndarray) -> None:
    extent = (region.left, region.right, region.bottom, region.top)
    best = region.probs.argmax(-1)
    axes.imshow(best, cmap=ListedColormap(colors), vmin=-0.5, vmax=len(colors) - 0.5, extent=extent,
                origin="lower", alpha=PALE, aspect="equal", interpolation="nearest")  # fmt: skip
    columns = np.linspace(region.left, region.right, best.shape[1])
    rows = np.linspace(region.bottom, region.top, best.shape[0])
    for label in range(len(colors)):  # borders: regions are then visible without colour
        axes.contour(columns, rows, best == label, levels=[0.5], colors=style.INK, linewidths=0.6)
    axes.grid(False)


def _points(axes: Axes, points: np.ndarray, fill: np.ndarray, ring: np.ndarray, weight: np.ndarray | None) -> None:
    share = shares(weight, len(points))
    zoom = axes.figure.dpi / style.PIXELS_PER_INCH  # as many points as before lie on a picture with large type
    size = (SMALLEST + (LARGEST - SMALLEST) * share) / zoom**2
    wrong = fill != ring
    for chosen, marker, width, name in ((~wrong, "o", 0.6, "right labels"), (wrong, "s", 1.8, "wrong labels")):
        edge = np.where(wrong, ring, style.INK)[chosen]
        axes.scatter(*points[chosen].T, s=size[chosen], c=fill[chosen], edgecolors=edge, marker=marker,
                     linewidths=width, gid=name)  # fmt: skip


def shares(weight: Float[np.ndarray, "points"] | None, count: int) -> Float[np.ndarray, "points"]:
    """Weights as shares of the largest; a third for all points without weights, 0 for one not seen yet."""
    if weight is None:
        return np.full(count, 1 / 3)
    known = np.nan_to_num(weight, nan=0.0).clip(0)
    return known / max(known.max(), 1e-12)


def _legend(figure: Figure, axes: Axes, class_names: Sequence[str], colors: np.ndarray, columns: int) -> None:
    handles = [axes.scatter([], [], c=color, s=40, label=name) for name, color in zip(class_names, colors, strict=True)]
    wrong = axes.scatter([], [], facecolors="none", edgecolors=style.INK, marker="s", s=40, linewidths=1.8,
                         label="wrong label: fill = observed, ring = true")  # fmt: skip
    figure.legend(
        handles=[*handles, wrong], loc="outside lower center", ncols=columns, frameon=False, fontsize=style.SMALL
    )


def finding(
    labels: Int[Tensor, "points"],
    true_labels: Int[Tensor, "points"] | None,
    weights: Sequence[Float[np.ndarray, "points"] | None],
    names: Sequence[str],
) -> str:
    """How many labels are wrong, and what they weigh."""
    if true_labels is None:
        return "Nobody knows which of these labels are wrong"
    wrong = labels != true_labels
    share = f"{100 * wrong.double().mean():.0f} % of the labels are wrong"
    told = [(name, weight) for name, weight in zip(names, weights, strict=True) if weight is not None]
    if not told or not wrong.any():
        return f"{share}: the regions follow what the network has learnt"
    name, weight = told[0]
    mean = [np.nanmean(weight[wrong.cpu().numpy() == kind]) for kind in (True, False)]
    return f"{share}: with {name} they weigh {mean[0]:.2f} on average, clean points {mean[1]:.2f}"
