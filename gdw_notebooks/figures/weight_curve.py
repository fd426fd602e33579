"""The weight network's curve: which weight V gives to which loss, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from gdw.methods.weight_net import CURVE_LOSSES
from gdw.training.history import History
from gdw_notebooks.figures import style

EARLY_TO_LATE = colormaps["cividis"]  # even for colour-blind eyes; its yellow end is left out
SHOWN = 5  # epochs by default: more lines cannot be told apart


def weight_curve(
    history: History, epochs: Sequence[int] | None = None, *, title: str | None = None, large: bool = False
) -> Figure:
    """V(loss) at some epochs.

    Args:
        history: of a method that learns a weight network.
        epochs: which, from 1; by default five, evenly spaced from the first to the last.

    Raises:
        ValueError: the method has no weight network, or no epoch is over.
    """
    if "weight_curve" not in history.epochs:
        raise ValueError(f"{history.method} has no weight network, or no epoch is over: there is no curve to show")
    curves, losses = history["weight_curve"], CURVE_LOSSES.numpy()
    if epochs is None:
        epochs = sorted({round(e) for e in np.linspace(1, len(curves), min(SHOWN, len(curves)))})
    figure, axes = style.new_figure(large=large)
    lines = ["-", style.LONG, style.DASHED, style.DASHDOT, style.DOTTED]
    for place, epoch in enumerate(epochs):
        shade = EARLY_TO_LATE(0.85 * (1 - place / max(len(epochs) - 1, 1)))
        axes.plot(losses, curves[epoch - 1], color=shade, linewidth=2, linestyle=lines[-1 - place % len(lines)],
                  label=f"epoch {epoch}")  # fmt: skip
    axes.set_xlim(losses[0], losses[-1])
    axes.set_ylim(0, 1)
    axes.set_xlabel("loss of the instance (nats)")
    axes.set_ylabel("weight V(loss)")
    axes.legend(frameon=False, fontsize=style.SMALL)
    style.finding(figure, title or _finding(history.method, curves[epochs[-1] - 1], losses, epochs[-1]))
    return figure


def _finding(method: str, curve: np.ndarray, losses: np.ndarray, epoch: int) -> str:
    low, high = np.interp([0.25, 5], losses, curve)
    verdict = "trusts small losses more than large ones" if low > high else "does not tell small losses from large ones"
    return f"At epoch {epoch} V {verdict}: {low:.2f} at 0.25 nats, {high:.2f} at 5 ({style.method_title(method)})"
