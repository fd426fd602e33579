"""What the lab can show of its runs: each view has a figure, the same numbers as a table, and a sentence on both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gdw.training.history import FLOWS, GROUPS, SCORE_EPOCHS
from gdw_notebooks.figures import style
from gdw_notebooks.figures.classes import class_accuracy
from gdw_notebooks.figures.curves import learning_curves
from gdw_notebooks.figures.mislabelled import mislabelled_indices, mislabelled_pictures
from gdw_notebooks.figures.regions import decision_regions
from gdw_notebooks.figures.seeds import grouped, last, mean_and_sd, window_note
from gdw_notebooks.figures.weight_curve import weight_curve
from gdw_notebooks.figures.weights import weights_by_group
from gdw_notebooks.panels.lab_drawings import (
    NO_CURVE,
    NO_REGIONS,
    Drawing,
    accuracy_drawing,
    classes_drawing,
    curve_drawing,
    regions_drawing,
    weights_drawing,
)  # fmt: skip
from gdw_notebooks.panels.lab_shown import Shown

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class View:
    """One way to look at the runs."""

    words: str
    figure: Callable[[Shown], Figure]
    table: Callable[[Shown], "DataFrame | None"]
    drawing: Callable[[Shown], Drawing] | None = None  # None: the browser shows the figure as PNG


def _curves(shown: Shown) -> Figure:
    return learning_curves(
        shown.histories, ghosts=shown.ghosts, epochs=shown.epochs, marked=shown.marked, large=shown.large,
        title=None if shown.marked is None else style.words(learning_curves(shown.read())), ghost_word=shown.ghost_word,
    )  # fmt: skip


def _by_epoch(shown: Shown) -> "DataFrame":
    import pandas as pd

    columns = {
        style.method_title(method): pd.Series(mean_and_sd(runs, "test_accuracy")[0])
        for method, runs in grouped(shown.histories).items()
    }
    frame = pd.DataFrame(columns)
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="epoch")
    return _captioned(frame, "Test accuracy (%) by epoch")


def _by_class(shown: Shown) -> "DataFrame":
    import pandas as pd

    columns = {
        style.method_title(method): last(runs, "class_accuracy", SCORE_EPOCHS)[0]
        for method, runs in grouped(shown.read()).items()
    }
    index = pd.Index(shown.histories[0].class_names if shown.histories else [], name="class")
    frame = pd.DataFrame(columns, index=index)
    return _captioned(frame, f"Test accuracy (%) of each class, {window_note(shown.read())}")


def _by_group(name: str, caption: str) -> Callable[[Shown], "DataFrame"]:
    def table(shown: Shown) -> "DataFrame":
        import pandas as pd

        columns = {}
        for method, runs in grouped(shown.histories).items():
            mean, _ = mean_and_sd(runs, name)
            known = not np.isnan(runs[0].wrong_label_rate)
            for row, group in enumerate(GROUPS if known else ("all instances",)):
                for column, flow in enumerate(FLOWS):
                    columns[style.method_title(method), group, flow] = pd.Series(mean[:, row, column])
        frame = pd.DataFrame(columns)
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="epoch")
        return _captioned(frame, caption)

    return table


def _weights(name: str) -> Callable[[Shown], Figure]:
    def figure(shown: Shown) -> Figure:
        title = None if shown.marked is None else style.words(weights_by_group(shown.read(), name=name))
        return weights_by_group(
            shown.histories, name=name, epochs=shown.epochs, marked=shown.marked, title=title, large=shown.large
        )

    return figure


def _weight_net(shown: Shown) -> Figure:
    found = shown.with_curve()
    if not found:
        return _note(NO_CURVE, shown)
    return weight_curve(found, large=shown.large)


def _weight_net_table(shown: Shown) -> "DataFrame | None":
    import pandas as pd

    from gdw.methods.learned_weights import CURVE_LOSSES

    found = shown.with_curve()
    if not found:
        return None
    index = pd.Index(CURVE_LOSSES.tolist(), name="loss (nats)")
    columns = {f"{style.method_title(run.method)}, seed {run.seed}": run["weight_curve"][-1] for run in found}
    return _captioned(pd.DataFrame(columns, index=index), "Weight of each loss, latest epoch")


def _regions(shown: Shown) -> Figure:
    pairs = shown.in_plane()
    if not pairs:
        return _note(NO_REGIONS, shown)
    task = pairs[0][0].task
    return decision_regions(
        [plane.regions for plane, _ in pairs], task.train.images, task.train.labels, task.true_labels,
        task.class_names, [plane.weights for plane, _ in pairs],
        [f"{style.method_title(h.method)}, seed {h.seed}" for _, h in pairs],
        large=shown.large,
    )  # fmt: skip


def _labels(shown: Shown) -> Figure:
    if shown.task is None:
        return _note("Press Train: the pictures with a wrong label are shown here, with what the label says", shown)
    if not shown.task.has_pictures:
        return _note("These data have no pictures", shown)
    firsts = shown.firsts()
    who = style.method_title(firsts[0].method) if firsts else ""
    return mislabelled_pictures(shown.task, shown.weights if who else None, weights_of=who, large=shown.large)


def _labels_table(shown: Shown) -> "DataFrame | None":
    import pandas as pd

    if shown.task is None or shown.task.true_labels is None:
        return None
    wrong, names = mislabelled_indices(shown.task), np.array(shown.task.class_names)
    labels, true = shown.task.train.labels.cpu()[wrong], shown.task.true_labels.cpu()[wrong]
    columns = {"label says": names[labels], "true class": names[true]}
    if shown.weights is not None and shown.firsts():
        columns[f"weight, {style.method_title(shown.firsts()[0].method)}"] = shown.weights[wrong]
    frame = pd.DataFrame(columns, index=pd.Index(wrong, name="training image"))
    return _captioned(frame, "Training instances with a wrong label")


def _points(shown: Shown) -> "DataFrame | None":
    import pandas as pd

    planes = [plane for plane in shown.planes if plane is not None]
    if not planes:
        return None
    task, names = planes[0].task, np.array(planes[0].task.class_names)
    x, y = task.train.images.cpu().numpy().T
    columns = {"x": x, "y": y, "observed": names[task.train.labels.cpu()]}
    if task.true_labels is not None:
        columns["true"] = names[task.true_labels.cpu()]
    for plane, history in zip(planes, shown.firsts(), strict=False):
        columns[f"weight, {style.method_title(history.method)}"] = plane.weights
    return _captioned(pd.DataFrame(columns), "Training points")


def _note(text: str, shown: Shown) -> Figure:
    figure, axes = style.new_figure(large=shown.large)
    axes.set_axis_off()
    style.finding(figure, text)
    return figure


def _captioned(frame: "DataFrame", caption: str) -> "DataFrame":
    frame.attrs["caption"] = caption
    return frame


VIEWS: Mapping[str, View] = MappingProxyType({
    "Accuracy": View("Learning curves: test accuracy by epoch.", _curves, _by_epoch, accuracy_drawing),
    "Classes": View(
        "Bars: test accuracy of each class.",
        lambda shown: class_accuracy(shown.read(), large=shown.large), _by_class, classes_drawing,
    ),
    "Weights": View(
        "Lines: mean weight of the flows by epoch, for clean and for mislabelled instances where they are known.",
        _weights("flow_weight"), _by_group("flow_weight", "Mean weight, counted by |p − y|"),
        weights_drawing("flow_weight"),
    ),
    "Gradient": View(
        "Lines: share of the gradient by epoch, for clean and for mislabelled instances where they are known.",
        _weights("flow_mass"), _by_group("flow_mass", "Share of the gradient's absolute mass"),
        weights_drawing("flow_mass"),
    ),
    "V’s curve": View(
        "Curves: the weight that the weight network gives to each loss.", _weight_net, _weight_net_table, curve_drawing,
    ),
    "Labels": View("Pictures with a wrong label, where it is known, and what the label says.", _labels, _labels_table),
    "Regions": View("Points in the plane over the regions that each network has learnt.", _regions, _points,
                    regions_drawing),
})  # fmt: skip


def offered(plane: bool) -> tuple[str, ...]:
    """The views that have something to show: of points in the plane their regions, of other data their labels."""
    return tuple(name for name in VIEWS if name != ("Labels" if plane else "Regions"))
