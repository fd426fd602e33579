"""One instance's pushes as signed bars, with its picture and its three numbers: the microscope without a kernel."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdw_notebooks.examples.instances import Instance
from gdw_notebooks.figures.style import FLOW_LOOKS, INK, SMALL, new_figure
from gdw_notebooks.figures.style import finding as title

WIDTH, HEAD, ROW = 8.4, 1.9, 0.3  # inches: the figure; title and axis; each class
COLUMN = 4.3  # a column of numbers beside the bars, in widths of the letter m
FEWEST_ROWS = 5  # below this the picture would be too small
NOTICEABLE = 5e-4  # smaller than this a number is shown as 0.000
NUMBER_NAMES = ("sum of all pushes", "true − observed", "true − strongest other")


def number_notes(instance: Instance) -> list[str]:
    """Which classes each of the three numbers compares."""
    true, observed, rival = (instance.class_names[c] for c in (instance.true_label, instance.label, instance.rival))
    if not instance.mislabelled:
        return ["0: the pushes cancel", "the same class here", f"{true} − {rival}"]
    if instance.rival == instance.label:
        return ["0: the pushes cancel", f"{true} − {observed}", "there is no third class"]
    return ["0: the pushes cancel", f"{true} − {observed}", f"{true} − {rival}"]


def findings(instance: Instance) -> dict[str, str]:
    """The sentence above the bars, for each mode and outcome; ``{sum}``, ``{rival}``, ``{label}`` are numbers."""
    true, observed, rival = (instance.class_names[c] for c in (instance.true_label, instance.label, instance.rival))
    at_one = (instance.number_map @ instance.pushes(np.ones(len(instance.class_names))))[2]
    follows = f"The weight of “{observed}” follows, so that the sum stays 0"
    texts = {
        "instance": f"One weight scales all pushes: {true} − {rival} is always {signed(at_one)} times the weight.",
        "above": f"“{true}” rises above “{rival}” by {{rival}}. {follows}.",
        "below": f"{follows}; {true} − {rival} is {{rival}}.",
        "balanced": "Constraint off: each bar moves alone. The sum is still 0, for now.",
        "unbalanced": "Without the constraint the pushes no longer cancel: their sum has left 0 and is {sum}.",
    }
    if instance.mislabelled:
        price = f"The price: the wrong label “{observed}” still gets {{label}}."
        texts["above"] = f"“{true}” rises above “{rival}” by {{rival}}. {price}"
    return texts


def finding(instance: Instance, weights: np.ndarray, mode: str) -> str:
    """The sentence that holds for these weights."""
    pushes = instance.pushes(weights, mode)
    total, observed, rival = instance.number_map @ pushes
    key = "above" if rival >= NOTICEABLE else "below"
    if mode == "free":
        key = "unbalanced" if abs(total) >= NOTICEABLE else "balanced"
    values = {"sum": total, "observed": observed, "rival": rival, "label": pushes[instance.label]}
    text = findings(instance)["instance" if mode == "instance" else key]
    return text.format(**{name: signed(value) for name, value in values.items()})


def signed(value: float) -> str:
    """Three digits with a sign; what rounds to 0 has none."""
    text = f"{abs(value):.3f}"
    return text if float(text) == 0 else f"{'−' if value < 0 else '+'}{text}"


def role(instance: Instance, c: int) -> str:
    """Its kind of flow, as in ``style.FLOW_LOOKS``; a label that is right counts as the true class."""
    if c == instance.true_label:
        return "true class"
    return "observed label" if c == instance.label else "other classes"


def describe(instance: Instance) -> str:
    """The picture in words."""
    true, observed = instance.class_names[instance.true_label], instance.class_names[instance.label]
    what = f"{instance.name}: " if instance.name else ""
    return f"{what}a picture of “{true}”, {'wrongly ' if instance.mislabelled else ''}labelled “{observed}”"


def in_words(instance: Instance, weights: np.ndarray, mode: str) -> str:
    """All that ``microscope_figure`` shows: the picture, its title, and each class's push and weight."""
    effective, pushes = instance.effective(weights, mode), instance.pushes(weights, mode)
    rows = zip(instance.class_names, pushes, effective, strict=True)
    listed = "; ".join(f"{name} {signed(push)} (weight {weight:.3f})" for name, push, weight in rows)
    what = describe(instance)
    return f"{what[0].upper()}{what[1:]}. {finding(instance, weights, mode)} Push on each logit: {listed}."


def microscope_figure(instance: Instance, weights: np.ndarray, mode: str = "classes", large: bool = False) -> Figure:
    """Picture, signed bars (outlined: at weight 1) and the three numbers; titled by what these weights do.

    Args:
        weights: ``[C]``, as set by hand, before the constraint.
        mode: one of ``instances.MODES``.
        large: for a projector.
    """
    classes = len(instance.class_names)
    height = HEAD + ROW * max(classes, FEWEST_ROWS)
    figure, (picture, bars) = new_figure(1, 2, width=WIDTH, height=height, large=large, width_ratios=(1, 3))
    title(figure, finding(instance, weights, mode))
    _picture(picture, instance)
    _bars(bars, instance, weights, mode)
    return figure


def _picture(axes: Axes, instance: Instance) -> None:
    axes.axis("off")
    true, observed = instance.class_names[instance.true_label], instance.class_names[instance.label]
    axes.set_title(f"observed label: {observed}\ntrue class: {true}", fontsize=10, loc="left")
    if instance.picture is None:
        axes.text(0.5, 0.5, "(no picture)", ha="center", va="center", transform=axes.transAxes)
    else:
        axes.imshow(instance.picture, cmap="gray", vmin=0, vmax=255)


def _bars(axes: Axes, instance: Instance, weights: np.ndarray, mode: str) -> None:
    effective, pushes = instance.effective(weights, mode), instance.pushes(weights, mode)
    plain = np.diag(instance.push_map)
    rows = np.arange(len(pushes))
    axes.barh(rows, plain, 0.62, fill=False, edgecolor="#8c8c8c", linestyle="--", linewidth=1)
    for c in rows:
        axes.barh(c, pushes[c], 0.62, **FLOW_LOOKS[role(instance, c)].patch(), linewidth=0)
    reach = 1.12 * max(np.abs(plain).max(), np.abs(pushes).max())
    axes.set(xlim=(-reach, reach), ylim=(len(rows) - 0.4, -0.6))
    axes.axvline(0, color=INK, linewidth=1)
    axes.grid(axis="y", visible=False)
    axes.set_yticks(rows, [_name(instance, c) for c in rows])
    _columns(axes, {"push": [signed(push) for push in pushes], "weight": [f"{weight:.3f}" for weight in effective]})
    axes.spines["left"].set_visible(False)
    axes.tick_params("y", length=0)
    notes, numbers = number_notes(instance), instance.number_map @ pushes
    below = "      ".join(f"{n}: {signed(v)}" for n, v in zip(["sum", *notes[1:]], numbers, strict=True))
    axes.set_xlabel(f"push on the logit: − weight · ∂loss/∂logit (dashed: at weight 1)\n{below}")


def _columns(axes: Axes, columns: dict[str, list[str]]) -> None:
    """Text right of the bars: for each heading one entry for each row, as far apart as the letters are large."""
    style = {"ha": "right", "va": "center", "fontsize": SMALL, "annotation_clip": False}
    style |= {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset fontsize"}
    for at, (heading, entries) in enumerate(columns.items(), start=1):
        axes.annotate(heading, (1, -0.85), xytext=(at * COLUMN, 0), color="#595959", **style)
        for row, entry in enumerate(entries):
            axes.annotate(entry, (1, row), xytext=(at * COLUMN, 0), **style)


def _name(instance: Instance, c: int) -> str:
    tags = [tag for tag, at in (("observed", instance.label), ("true", instance.true_label)) if at == c]
    return f"{instance.class_names[c]} ({' and '.join(tags)})" if tags else instance.class_names[c]
