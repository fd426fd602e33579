"""What the browser draws of the lab's runs: the numbers of each view, thinned to what a screen shows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gdw.experiments.history import FLOWS, GROUPS, SCORE_EPOCHS, History
from gdw.methods.learned_weights import CURVE_LOSSES
from gdw_notebooks.figures import curves, regions, style, weight_curve, weights
from gdw_notebooks.figures.seeds import NO_SCORE, grouped, last, mean_and_sd, window_note
from gdw_notebooks.panels.lab_shown import Shown

Drawing = dict[str, Any]
NO_CURVE = "None of these methods has a weight network, or no epoch is over yet"
MOST_PLACES = 160  # of a line: more would be finer than a pixel
DIGITS = 3  # after the point
SMALLEST, LARGEST = 0.1, 0.4  # radius of a point of weight 0, and of the heaviest; 1 is a 30th of the plot
NO_REGIONS = "Press Train: regions are shown after the first epoch"


def accuracy_drawing(shown: Shown) -> Drawing:
    """Test accuracy by epoch, with bands, and the runs before in pale."""
    groups, lines, legend = grouped(shown.histories), [], []
    read = groups if shown.marked is None else grouped(shown.read())
    for method, runs in grouped(shown.ghosts).items():
        look, mean = style.method_look(method), mean_and_sd(runs, "test_accuracy")[0]
        name = f"{shown.ghost_word}: {style.method_title(method)}{curves.what_differs(runs[0], shown.histories)}"
        lines.append(_line(name, look, mean) | {"pale": True})
        legend.append(_entry(name, look, _score(runs)) | {"pale": True})
    for method, runs in groups.items():
        look, (mean, sd) = style.method_look(method), mean_and_sd(runs, "test_accuracy")
        lines.append(_line(style.method_title(method), look, mean, sd if len(runs) > 1 else None))
        legend.append(_entry(style.method_title(method), look, _score(read.get(method, []))))
    seen = [value for line in lines for key in ("y", "low", "high") for value in line.get(key, ()) if value is not None]
    over = all(len(run) >= shown.epochs for run in shown.histories)
    axis = _axis(*curves.accuracy_axis(seen, over=over), "{:g} %")
    plot = {"x": _epochs(shown), "y": axis, "lines": lines, "marked": shown.marked}
    return _drawing(curves.finding(read, "test_accuracy"), [plot], legend)


def _score(runs: list[History]) -> str:
    """The number that the title has too: over the last epochs of what is read."""
    score = float(last(runs, "test_accuracy", SCORE_EPOCHS)[0]) if runs else np.nan
    return "" if np.isnan(score) else f"{score:.1f} %"


def classes_drawing(shown: Shown) -> Drawing:
    """A bar for each class and method."""
    groups, bars = grouped(shown.read()), []
    for place, (method, runs) in enumerate(groups.items()):
        mean, sd = last(runs, "class_accuracy", SCORE_EPOCHS)
        spread = {"spread": _numbers(sd)} if len(runs) > 1 else {}
        look = style.method_look(method)
        bars.append({"name": style.method_title(method), "color": look.color, "hollow": place > 0, "y": _numbers(mean),
                     **spread})  # fmt: skip
    first = next(iter(groups.values()))[0] if groups else None
    counts = zip(first.class_names, first.class_counts, strict=True) if first else ()
    names = [f"{name}\n{count}" for name, count in counts]
    x = {"low": -0.5, "high": max(len(names), 1) - 0.5, "label": "true class, and its number of training images",
         "ticks": list(enumerate(names))}  # fmt: skip
    legend = [{key: bar[key] for key in ("name", "color", "hollow")} for bar in bars]
    return _drawing(_lowest_class(groups), [{"x": x, "y": _axis(0, 100.0, "{:g} %"), "bars": bars}], legend)


def _lowest_class(groups: dict[str, list[History]]) -> str:
    """The class with the lowest accuracy of each method."""
    if not groups:
        return "No epoch is over yet"
    parts = []
    for method, runs in groups.items():
        mean, _ = last(runs, "class_accuracy", SCORE_EPOCHS)
        if np.isnan(mean).all():
            return NO_SCORE
        worst = int(np.nanargmin(mean))
        parts.append(f"{style.method_title(method)}: “{runs[0].class_names[worst]}” with {mean[worst]:.0f} %")
    note = window_note([run for runs in groups.values() for run in runs])
    return f"The class with the lowest accuracy ({note}): " + "; ".join(parts)


def weights_drawing(name: str) -> Callable[[Shown], Drawing]:
    """Weights, or shares of the gradient, by group of flows: a plot for each method and group."""

    def drawing(shown: Shown) -> Drawing:
        groups = grouped(shown.histories)
        found = {method: mean_and_sd(runs, name) for method, runs in groups.items()}
        top = max((float(np.nanmax(mean + sd, initial=0)) for mean, sd in found.values()), default=1.0)
        axis = _axis(0, max(0.5, np.ceil(2 * top) / 2), "{:g}")
        plots = [
            {
                "title": f"{style.method_title(method)}: {weights.shown_there(group, runs)}",
                "x": _epochs(shown), "y": axis, "marked": shown.marked,
                "lines": [
                    _line(flow, style.FLOW_LOOKS[flow], found[method][0][:, row, k],
                          found[method][1][:, row, k] if len(runs) > 1 else None)
                    for k, flow in enumerate(FLOWS)
                ],
            }
            for method, runs in groups.items()
            for row, group in enumerate(GROUPS)
            if not (row and np.isnan(runs[0].wrong_label_rate))  # nobody knows the groups: one plot for all
        ]  # fmt: skip
        legend = [_entry(f"flow of the {flow}", style.FLOW_LOOKS[flow]) for flow in FLOWS]
        read = groups if shown.marked is None else grouped(shown.read())
        return _drawing(weights.finding(read, name), plots, legend if plots else [], columns=2)

    return drawing


def curve_drawing(shown: Shown) -> Drawing:
    """V's curve at some epochs, for each method that has one."""
    runs = shown.with_curve()
    if not runs:
        return _drawing(NO_CURVE, [], [])
    epochs = weight_curve.shown_epochs(max(map(len, runs)))
    looks = weight_curve.looks(epochs)
    x = {"low": 0, "high": float(CURVE_LOSSES[-1]), "label": "loss of the instance (nats)",
         "ticks": [(loss, f"{loss:g}") for loss in range(0, int(CURVE_LOSSES[-1]) + 1, 2)]}  # fmt: skip
    plots = [
        {"title": f"{style.method_title(run.method)}, seed {run.seed}", "x": x, "y": _axis(0, 1, "{:g}"),
         "lines": [_line(f"epoch {epoch}", looks[epoch], run["weight_curve"][epoch - 1], x=CURVE_LOSSES.tolist())
                   for epoch in epochs if epoch <= len(run)]}
        for run in runs
    ]  # fmt: skip
    legend = [_entry(f"epoch {epoch}", look) for epoch, look in looks.items()]
    return _drawing("; ".join(weight_curve.finding(run) for run in runs), plots, legend, columns=2)


def regions_drawing(shown: Shown) -> Drawing:
    """Points over the regions of each network: fill = observed label, ring = true label, size = weight."""
    pairs = shown.in_plane()
    if not pairs:
        return _drawing(NO_REGIONS, [], [])
    task = pairs[0][0].task
    colors = style.class_colors(task.class_names)
    labels, x, y = task.train.labels.tolist(), *task.train.images.T.tolist()
    true = labels if task.true_labels is None else task.true_labels.tolist()
    wrong = [label != its for label, its in zip(labels, true, strict=True)]
    points = {
        "x": x, "y": y, "square": wrong, "fill": [colors[label] for label in labels],
        "ring": [colors[its] if bad else style.INK for its, bad in zip(true, wrong, strict=True)],
    }  # fmt: skip
    names, plots = [f"{style.method_title(history.method)}, seed {history.seed}" for _, history in pairs], []
    for (plane, _), name in zip(pairs, names, strict=True):
        grid, share = plane.regions, regions.shares(plane.weights)
        plots.append({
            "title": name,
            "x": _axis(grid.left, grid.right, "{:.3g}") | {"label": "first coordinate"},
            "y": _axis(grid.bottom, grid.top, "{:.3g}"),
            "regions": {"rows": ["".join(chr(48 + cell) for cell in row) for row in grid.probs.argmax(-1)],
                        "colors": colors},
            "points": points | {"radius": _numbers(SMALLEST + (LARGEST - SMALLEST) * np.sqrt(share))},
        })  # fmt: skip
    legend = [{"name": name, "color": color} for name, color in zip(task.class_names, colors, strict=True)]
    legend.append({"name": "wrong label: fill = observed, ring = true", "color": style.INK, "hollow": True})
    told = regions.finding(task.train.labels, task.true_labels, pairs[0][0].weights, names[0]) + shown.latest_only
    return _drawing(told, plots, legend, columns=2)


def _drawing(title: str, plots: Sequence[Mapping], legend: Sequence[Mapping], columns: int = 1) -> Drawing:
    return {"title": title, "plots": list(plots), "legend": list(legend), "columns": columns}


def _line(
    name: str, look: style.Look, mean: np.ndarray, sd: np.ndarray | None = None, x: Sequence[float] | None = None
) -> dict:
    """A line with as many places as a screen shows; the last one is among them."""
    every = -(-len(mean) // MOST_PLACES) or 1
    kept = sorted({*range(0, len(mean), every), len(mean) - 1})
    line = {"name": name, **look.drawn(), "y": _numbers(mean[kept])}
    line["x"] = [index + 1 for index in kept] if x is None else [x[index] for index in kept]
    if sd is not None:
        line |= {"low": _numbers((mean - sd)[kept]), "high": _numbers((mean + sd)[kept])}
    return line


def _entry(name: str, look: style.Look, value: str = "") -> dict:
    return {"name": name, **look.drawn(), "last": value}


def _epochs(shown: Shown) -> dict:
    longest = max([shown.epochs, *map(len, shown.histories), *map(len, shown.ghosts)])
    ticks = sorted({1, (longest + 1) // 2, longest})
    return {"low": 1, "high": longest, "label": "epoch", "ticks": [(epoch, str(epoch)) for epoch in ticks]}


def _axis(low: float, high: float, text: str) -> dict:
    ticks = [round(low + share * (high - low), DIGITS) for share in (0, 0.5, 1)]
    return {"low": float(low), "high": float(high), "ticks": [(tick, text.format(tick)) for tick in ticks]}


def _numbers(values: np.ndarray) -> list[float | None]:
    """Rounded; what is undefined is None, since JSON knows no NaN."""
    return [None if value != value else value for value in np.round(np.asarray(values, float), DIGITS).tolist()]
