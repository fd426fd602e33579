"""Learning curves: one line per method, a band for its seeds."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdw.experiments.history import SCORE_EPOCHS, History
from gdw_notebooks.figures import style
from gdw_notebooks.figures.seeds import NO_SCORE, grouped, last, mean_and_sd, spread_note, window_note

AXES = {  # name in the History: axis label with unit
    "test_accuracy": "test accuracy (%)",
    "validation_accuracy": "validation accuracy (%)",
    "train_loss": "training loss on observed labels (nats)",
    "test_loss": "test loss (nats)",
    "auroc": "AUROC, clean above mislabelled",
}
LABEL_GAP = 0.055  # of the axis between two names at the lines' ends
ROOM = 1.02  # of the axis, where the names begin
SETTINGS = {  # of an experiment, with the word for a label
    "noise": "noise", "rate": "rate", "imbalance": "imbalance", "seed": "seed", "epochs": "epochs", "lr": "lr",
    "batch_size": "batch",
}  # fmt: skip
MOST_NOTES = 2  # differences in a ghost's name: more do not fit next to the picture


def learning_curves(
    histories: Sequence[History],
    *,
    name: str = "test_accuracy",
    epochs: int | None = None,
    title: str | None = None,
    large: bool = False,
) -> Figure:
    """A quantity by epoch, for runs of any number of methods and seeds.

    Args:
        histories: runs; those of one method are shown as their mean with a band of one standard deviation.
        name: of the quantity in the History.
        epochs: length of the axis; by default as far as the longest run has come.
        title: the finding; by default each method's last accuracy.
    """
    figure, axes = style.new_figure(large=large)
    groups = grouped(histories)
    for method, runs in groups.items():
        _line(axes, method, runs, name)
    longest = max([epochs or 1, *map(len, histories)])
    axes.set_xlim(0.5, longest + 0.5)
    if "accuracy" in name:
        means = [mean_and_sd(runs, name) for runs in groups.values()]
        drawn = [value for mean, sd in means for value in (*(mean - sd), *(mean + sd))]
        low, high = accuracy_axis(drawn, over=all(len(run) >= (epochs or 0) for run in histories))
        axes.set_ylim(max(0, low - 2), high)
    axes.set_xlabel("epoch")
    axes.set_ylabel(AXES.get(name, name.replace("_", " ")))
    _names_at_ends(axes, {method: mean_and_sd(runs, name)[0][-1] for method, runs in groups.items()})
    style.finding(figure, title or finding(groups, name))
    return figure


def accuracy_axis(values: Sequence[float], *, over: bool) -> tuple[float, float]:
    """Both ends of an axis in percent, at full tens; while runs go on it ends at 100, so that it does not jump."""
    known = [value for value in values if not np.isnan(value)]
    low = max(0.0, 10.0 * np.floor(min(known, default=0) / 10))
    return low, min(100.0, max(low + 10, 10 * np.ceil(max(known) / 10))) if known and over else 100.0


def _epochs(values: np.ndarray) -> np.ndarray:
    return np.arange(1, len(values) + 1)


def _line(axes: Axes, method: str, runs: Sequence[History], name: str) -> None:
    mean, sd = mean_and_sd(runs, name)
    look, x = style.method_look(method), _epochs(mean)
    axes.plot(x, mean, **look.line(), markevery=max(1, len(x) // 8), markersize=4.5, linewidth=1.8, label=method)
    if len(runs) > 1:
        axes.fill_between(x, mean - sd, mean + sd, color=look.color, alpha=0.18, linewidth=0)


def _names_at_ends(axes: Axes, ends: dict[str, float]) -> None:
    """A method's name at its line's last value, moved apart where two would touch."""
    low, high = axes.get_ylim()
    gap = LABEL_GAP * (high - low) * (style.HEIGHT / axes.figure.get_figheight())
    places = style.spread(np.nan_to_num(list(ends.values()), nan=low), gap, low, high)
    for method, place in zip(ends, places, strict=True):
        axes.annotate(style.method_title(method), (ROOM, place), xycoords=("axes fraction", "data"), va="center",
                      fontsize=style.SMALL, color=style.method_look(method).color, fontweight="bold",
                      annotation_clip=False)  # fmt: skip


def what_differs(ghost: History, histories: Sequence[History]) -> str:
    """The settings of an earlier run that are not those of the run now of its method, or of the first one."""
    now = next((run for run in histories if run.method == ghost.method), histories[0] if histories else None)
    if now is None:
        return ""
    parts = [f"{word} {ghost.config[key]}" for key, word in SETTINGS.items()
             if key in ghost.config and ghost.config[key] != now.config.get(key)
             and isinstance(ghost.config[key], str | int | float)]  # fmt: skip
    return "".join(f", {part}" for part in parts[:MOST_NOTES])


def finding(groups: dict[str, list[History]], name: str) -> str:
    """Each method's last accuracy, or another quantity, in words."""
    if not groups:
        return "No epoch is over yet"
    ends = {style.method_title(m): float(last(runs, name, SCORE_EPOCHS)[0]) for m, runs in groups.items()}
    if np.isnan(list(ends.values())).all():
        return NO_SCORE if name == "test_accuracy" else f"No number here for: {AXES.get(name, name)}"
    unit = " %" if "accuracy" in name else ""
    best_first = sorted(ends.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{method} ≈ {value:.1f}{unit}" for method, value in best_first[:3])
    epochs = max(len(run) for runs in groups.values() for run in runs)
    seeds = spread_note(next(iter(groups.values())))
    window = window_note([run for runs in groups.values() for run in runs])
    notes = seeds if epochs == 1 else f"{window}; {seeds}"
    return f"After {epochs} epoch{'s' * (epochs > 1)}: {shown} ({notes})"
