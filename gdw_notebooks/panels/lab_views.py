"""What the lab can show of its runs: each view is drawn by the browser from numbers, and has a table and a sentence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gdw.experiments.history import FLOWS, GROUPS, SCORE_EPOCHS
from gdw_notebooks.figures import style
from gdw_notebooks.figures.curves import learning_curves
from gdw_notebooks.figures.seeds import grouped, last, mean_and_sd, window_note
from gdw_notebooks.panels.lab_drawings import (
    Drawing,
    accuracy_drawing,
    classes_drawing,
    curve_drawing,
    regions_drawing,
    weights_drawing,
)
from gdw_notebooks.panels.lab_labels import labels_drawing, labels_table, sheet
from gdw_notebooks.panels.lab_shown import Shown

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class View:
    """One way to look at the runs."""

    words: str
    drawing: Callable[[Shown], Drawing]
    table: Callable[[Shown], "DataFrame | None"]


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


def _weight_net(shown: Shown) -> "DataFrame | None":
    import pandas as pd

    from gdw.methods.learned_weights import CURVE_LOSSES

    found = shown.with_curve()
    if not found:
        return None
    index = pd.Index(CURVE_LOSSES.tolist(), name="loss (nats)")
    columns = {f"{style.method_title(run.method)}, seed {run.seed}": run["weight_curve"][-1] for run in found}
    when = f"epoch {shown.marked}" if shown.marked else "latest epoch"
    return _captioned(pd.DataFrame(columns, index=index), f"Weight of each loss, {when}")


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


def _captioned(frame: "DataFrame", caption: str) -> "DataFrame":
    frame.attrs["caption"] = caption
    return frame


VIEWS: Mapping[str, View] = MappingProxyType({
    "Accuracy": View("Learning curves: test accuracy by epoch.", accuracy_drawing, _by_epoch),
    "Classes": View("Bars: test accuracy of each class.", classes_drawing, _by_class),
    "Weights": View(
        "Lines: mean weight of the flows by epoch, for clean and for mislabelled instances where they are known.",
        weights_drawing("flow_weight"), _by_group("flow_weight", "Mean weight, counted by |p − y|"),
    ),
    "Gradient": View(
        "Lines: share of the gradient by epoch, for clean and for mislabelled instances where they are known.",
        weights_drawing("flow_mass"), _by_group("flow_mass", "Share of the gradient's absolute mass"),
    ),
    "V’s curve": View("Curves: the weight that the weight network gives to each loss.", curve_drawing, _weight_net),
    "Labels": View("Pictures with a wrong label, where it is known, and what the label says.", labels_drawing,
                   labels_table),
    "Regions": View("Points in the plane over the regions that each network has learnt.", regions_drawing, _points),
})  # fmt: skip


def offered(plane: bool) -> tuple[str, ...]:
    """The views that have something to show: of points in the plane their regions, of other data their labels."""
    return tuple(name for name in VIEWS if name != ("Labels" if plane else "Regions"))


def in_print(name: str, shown: Shown, large: bool) -> tuple[Figure, str]:
    """For where no browser draws, a figure and its words: the pictures with a wrong label, else the learning curves."""
    drawing = VIEWS[name].drawing(shown)
    if not drawing.get("pictures"):
        name, figure = "Accuracy", learning_curves(shown.read(), epochs=shown.epochs, large=large)
    else:
        figure = sheet(drawing)
    return figure, f"{VIEWS[name].words} {style.words(figure)}"
