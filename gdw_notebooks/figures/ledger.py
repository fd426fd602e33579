"""The flow ledger: mean weights and mass by true class and flow class, and each class's pull and push."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gdw.training.history import History
from gdw_notebooks.figures import style

WIDTH, ROW_HEIGHT, HEAD = 13.6, 3.55, 1.2  # inches; the head with the legend at the foot
LEAST = 1e-5  # smallest pull or push on the axis
SIDES = {"pull": ("^", "#0063a6"), "push": ("v", "#b34700")}
MOST_NAMES = 12  # classes; with more of them their names no longer fit


def flow_ledger(histories: Sequence[History], epoch: int, *, title: str | None = None, large: bool = False) -> Figure:
    """One row per run: mean weight, share of gradient mass, and each class's pull and push.

    Open marks: before weighting (the flows as they are). Filled marks: after weighting (what was sent back).

    Args:
        histories: one run of each method, of the same task.
        epoch: from 1.
        title: the finding; by default the rarest class's push over pull, before and after.
    """
    rows = len(histories)
    figure, axes = style.new_figure(
        rows, 3, width=WIDTH, height=HEAD + ROW_HEIGHT * rows, large=large, squeeze=False, width_ratios=(1, 1, 1.35)
    )
    masses = [_percent(history, epoch) for history in histories]
    most = max(np.nanmax(mass) for mass in masses)
    heaviest = max(1.0, *(np.nanmax(history["class_weight"][epoch - 1]) for history in histories))
    for (weights, shares, sides), history, mass in zip(axes, histories, masses, strict=True):
        name = style.method_title(history.method)
        image = _matrix(
            weights, history["class_weight"][epoch - 1], history, f"{name}: mean weight", "cividis", heaviest
        )
        _bar(figure, image, weights, "weight")
        weights.set_ylabel("true class (images)", fontsize=style.SMALL)
        image = _matrix(shares, mass, history, f"{name}: gradient’s mass", "cividis", most)
        _bar(figure, image, shares, "% of all")
        _pull_and_push(sides, history, epoch, name)
    _same_scale(axes[:, 2])
    figure.legend(*axes[0, 2].get_legend_handles_labels(), loc="outside lower right", ncols=4, frameon=False,
                  fontsize=style.SMALL)  # fmt: skip
    style.finding(figure, title or finding(histories, epoch))
    return figure


def finding(histories: Sequence[History], epoch: int) -> str:
    """What the ledger shows of one epoch: the rarest class's push over pull, before and after weighting."""
    parts = []
    for history in histories:
        before, after = push_over_pull(history)[epoch - 1, :, tail_class(history)]
        parts.append(f"{before:.1f} → {after:.1f} ({style.method_title(history.method)})")
    tail = histories[0].class_names[tail_class(histories[0])]
    return f"Epoch {epoch}. Push over pull of the rarest class, {tail}, before → after weighting: {', '.join(parts)}"


def tail_class(history: History) -> int:
    """The class with the fewest training images; of several the last."""
    counts = np.array(history.class_counts)
    return int(len(counts) - 1 - np.argmin(counts[::-1]))


def push_over_pull(history: History) -> np.ndarray:
    """Push divided by pull, [epochs, before and after weighting, classes]; NaN where there is no pull.

    A class of two images may miss an epoch, since incomplete batches are dropped.
    """
    pull, push = history["pull_push"][:, :, 0], history["pull_push"][:, :, 1]
    return np.divide(push, pull, out=np.full_like(push, np.nan), where=pull > 0)


def tail_balance(
    runs: dict[str, Sequence[History]], *, epochs: int | None = None, title: str = "", large: bool = False
) -> Figure:
    """The rarest class's push over pull, epoch by epoch: before and after weighting, one panel per method.

    Args:
        runs: seeds of each method; the line is their median, the band goes from the lowest to the highest.
        epochs: how many to show; by default all.
    """
    figure, axes = style.new_figure(1, len(runs), width=10, large=large, sharey=True, squeeze=False)
    for each, (method, histories) in zip(axes[0], runs.items(), strict=True):
        ratio = np.stack([push_over_pull(h)[:epochs, :, tail_class(h)] for h in histories])
        x = np.arange(1, ratio.shape[1] + 1)
        for k, (label, look) in enumerate({"before weighting": style.METHODS["cross-entropy"],
                                           "after weighting": style.method_look(method)}.items()):  # fmt: skip
            shown = np.clip(ratio[:, :, k], LEAST, None)
            each.plot(x, np.nanmedian(shown, 0), color=look.color, linestyle="--" if k == 0 else "-", label=label)
            each.fill_between(x, np.nanmin(shown, 0), np.nanmax(shown, 0), color=look.color, alpha=0.15, linewidth=0)
        each.axhline(1, color=style.INK, linewidth=0.8)
        each.set(yscale="log", xlabel="epoch", title=f"{style.method_title(method)} ({len(histories)} seeds)")
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
        each.legend(frameon=False, fontsize=style.SMALL)
    axes[0, 0].set_ylabel("push / pull of the rarest class\n(median; band: lowest to highest)")
    style.finding(figure, title or "The rarest class: push over pull, before and after weighting")
    return figure


def _percent(history: History, epoch: int) -> np.ndarray:
    return 100 * history["class_mass"][epoch - 1]


def _matrix(axes: Axes, values: np.ndarray, history: History, title: str, colours: str, most: float):
    axes.grid(False)
    image = axes.imshow(values, cmap=colours, vmin=0, vmax=most)
    axes.set_title(title, fontsize=style.TEXT, loc="left")
    axes.set_xlabel("flow of class", fontsize=style.SMALL)
    classes = range(len(history.class_names))
    if len(classes) <= MOST_NAMES:
        axes.set_xticks(classes, history.class_names)
        names = [f"{n} ({k})" for n, k in zip(history.class_names, history.class_counts, strict=True)]
        axes.set_yticks(classes, names)
    return image


def _bar(figure: Figure, image, axes: Axes, label: str) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.85, pad=0.02)
    bar.set_label(label, fontsize=style.SMALL)
    bar.ax.tick_params(labelsize=style.SMALL)


def _pull_and_push(axes: Axes, history: History, epoch: int, name: str) -> None:
    classes = np.arange(len(history.class_names))
    for side, (marker, colour) in SIDES.items():
        before, after = history["pull_push"][epoch - 1, :, list(SIDES).index(side)]
        x = classes + (-0.14 if side == "pull" else 0.14)
        look = {"marker": marker, "markersize": 6, "linestyle": "", "color": colour}
        axes.plot(x, np.clip(before, LEAST, None), fillstyle="none", label=f"{side}, before weighting", **look)
        axes.plot(x, np.clip(after, LEAST, None), label=f"{side}, after", **look)
        axes.vlines(x, np.clip(after, LEAST, None), np.clip(before, LEAST, None), color=colour, linewidth=0.8)
    axes.set_yscale("log")
    axes.set_title(f"{name}: pull and push", fontsize=style.TEXT, loc="left")
    axes.set_xlabel("class", fontsize=style.SMALL)
    axes.set_ylabel("mean |flow| · weight\nper training image", fontsize=style.SMALL)
    if len(classes) <= MOST_NAMES:
        axes.set_xticks(classes, history.class_names)


def _same_scale(axes: Sequence[Axes]) -> None:
    low = min(each.get_ylim()[0] for each in axes)
    high = max(each.get_ylim()[1] for each in axes)
    for each in axes:
        each.set_ylim(max(low, LEAST / 2), high)
