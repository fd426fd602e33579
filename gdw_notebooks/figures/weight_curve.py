"""The weight network's curve: which weight V gives to which loss, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from gdw.experiments.history import History
from gdw.methods.learned_weights import CURVE_LOSSES
from gdw_notebooks.figures import style

EARLY_TO_LATE = colormaps["cividis"]  # even for colour-blind eyes; its yellow end is left out
SHOWN = 5  # epochs by default: with more, the lines are hard to distinguish
SMALL_LOSS, LARGE_LOSS = 0.25, 5  # nats: of a label that the network believes, and of one that it does not
CLOSE = 0.05  # of a weight in [0, 1]: a smaller difference decides little


def weight_curve(
    history: History | Sequence[History],
    epochs: Sequence[int] | None = None,
    *,
    title: str | None = None,
    large: bool = False,
) -> Figure:
    """V(loss) at some epochs.

    Args:
        history: of a method that learns a weight network; or several, for pictures side by side.
        epochs: which, from 1; by default five, evenly spaced from the first to the last.

    Raises:
        ValueError: a method has no weight network, or no epoch is over.
    """
    histories = [history] if isinstance(history, History) else list(history)
    for each in histories:
        if "weight_curve" not in each.epochs:
            raise ValueError(f"{each.method} has no weight network, or no epoch is over: there is no curve to show")
    figure, axes = style.new_figure(1, len(histories), large=large, squeeze=False, sharey=True)
    for each, run in zip(axes.flat, histories, strict=True):
        _lines(each, run["weight_curve"], epochs)
        if len(histories) > 1:
            each.set_title(f"{style.method_title(run.method)}, seed {run.seed}", fontsize=style.TEXT, loc="left")
    axes[0, 0].set_ylabel("weight V(loss)")
    axes[0, -1].legend(frameon=False, fontsize=style.SMALL, handlelength=4, loc="center right")  # a dash and its gap
    style.finding(figure, title or "; ".join(finding(run, epochs) for run in histories))
    return figure


def _lines(axes: Axes, curves: np.ndarray, epochs: Sequence[int] | None) -> None:
    losses = CURVE_LOSSES.numpy()
    for epoch, look in looks(epochs or shown_epochs(len(curves))).items():
        axes.plot(losses, curves[epoch - 1], color=look.color, linewidth=2, linestyle=look.linestyle,
                  label=f"epoch {epoch}")  # fmt: skip
    axes.set_xlim(losses[0], losses[-1])
    axes.set_ylim(0, 1.03)  # a line at 1 is not on the frame
    axes.set_xlabel("loss of the instance (nats)")


def shown_epochs(count: int) -> list[int]:
    """Five epochs, from 1, evenly spaced from the first to the last of ``count``; all where there are fewer."""
    return sorted({round(e) for e in np.linspace(1, count, min(SHOWN, count))})


def looks(epochs: Sequence[int]) -> dict[int, style.Look]:
    """A colour and a line for each epoch, early ones light."""
    lines = ["-", style.LONG, style.DASHED, style.DASHDOT, style.DOTTED]
    shades = [EARLY_TO_LATE(0.85 * (1 - place / max(len(epochs) - 1, 1))) for place in range(len(epochs))]
    return {
        epoch: style.Look(to_hex(shade), lines[-1 - place % len(lines)])
        for place, (epoch, shade) in enumerate(zip(epochs, shades, strict=True))
    }


def finding(history: History, epochs: Sequence[int] | None = None) -> str:
    """Whether V gives small or large losses more weight."""
    epoch = epochs[-1] if epochs else len(history)
    low, high = np.interp([SMALL_LOSS, LARGE_LOSS], CURVE_LOSSES.numpy(), history["weight_curve"][epoch - 1])
    if abs(low - high) < CLOSE:
        verdict = "gives small and large losses nearly the same weight"
    else:
        verdict = f"gives {'small' if low > high else 'large'} losses more weight"
    return (
        f"{style.method_title(history.method)}, epoch {epoch}: V {verdict}, {low:.2f} at {SMALL_LOSS} nats "
        f"and {high:.2f} at {LARGE_LOSS}"
    )
