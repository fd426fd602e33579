"""The lab's Labels: training pictures with a wrong label, each with what its label says and what it is."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gdw.data.task import Task
from gdw_notebooks.figures import style
from gdw_notebooks.figures.picture_sheet import picture_sheet
from gdw_notebooks.panels.lab_shown import Shown

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 24  # pictures, spread over all with a wrong label
MOST_PIXELS = 96  # of a side, as the page shows it
NOT_YET = "Press Train: the pictures with a wrong label are shown here, with what the label says"
_PNGS: WeakKeyDictionary[Task, list[str]] = WeakKeyDictionary()
UNKNOWN = "Nobody knows which of these labels are wrong: gdw audit looks for them (notebook 09)"


def labels_drawing(shown: Shown) -> dict[str, Any]:
    """24 of the training pictures with a wrong label, and the weight that the first method gives each."""
    task = shown.task
    if task is None:
        return {"title": NOT_YET}
    if not task.has_pictures or task.true_labels is None:
        return {"title": UNKNOWN if task.has_pictures else "These data have no pictures"}
    wrong, (weights, title) = mislabelled_indices(task), _weights(shown)
    chosen = wrong[np.linspace(0, len(wrong) - 1, min(len(wrong), MOST)).round().astype(int)]
    note = f"; w: the weight that {title} gives it" if title and len(chosen) else ""
    if note and weights is not None and not np.isfinite(weights[chosen]).all():
        note += " (none: it was in no batch of this epoch, or without a flow)"
    first = f"; {len(chosen)} of them here" if len(chosen) < len(wrong) else ""
    return {
        "title": f"{len(wrong)} of {len(task.train)} labels are wrong ({100 * len(wrong) / len(task.train):.0f} %)"
        f"{first}{note}{shown.latest_only if note else ''}",
        "pictures": [
            {"png": png, "lines": _lines(task, index, weights)}
            for png, index in zip(_pngs(task, chosen), chosen, strict=True)
        ],
    }


def labels_table(shown: Shown) -> "DataFrame | None":
    """All of them, in numbers."""
    import pandas as pd

    task = shown.task
    if task is None or task.true_labels is None:
        return None
    wrong, names, (weights, title) = mislabelled_indices(task), np.array(task.class_names), _weights(shown)
    labels, true = task.train.labels.cpu()[wrong], task.true_labels.cpu()[wrong]
    frame = pd.DataFrame(
        {"label says": names[labels], "true class": names[true]}, index=pd.Index(wrong, name="training image")
    )
    frame.attrs["caption"] = "Training instances with a wrong label"
    return frame if weights is None else frame.assign(**{f"weight, {title}": weights[wrong]})


def sheet(drawing: dict[str, Any]) -> Figure:
    """The same pictures for print."""
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one["png"])))) / 255 for one in drawing["pictures"]]
    return picture_sheet(pictures, ["\n".join(one["lines"]) for one in drawing["pictures"]], title=drawing["title"])


def mislabelled_indices(task: Task) -> np.ndarray:
    """Of the training instances whose label is known to be wrong, in their order."""
    return np.flatnonzero((task.train.labels != task.best_known_labels).cpu().numpy())


def _weights(shown: Shown) -> tuple[np.ndarray | None, str]:
    """What the first method gives each training instance, and that method's title; nothing before its first epoch."""
    firsts = shown.firsts()
    return (shown.weights, style.method_title(firsts[0].method)) if firsts and shown.weights is not None else (None, "")


def _lines(task: Task, index: int, weights: np.ndarray | None) -> Sequence[str]:
    says, true = (task.class_names[int(labels[index])] for labels in (task.train.labels, task.best_known_labels))
    known = weights is not None and np.isfinite(weights[index])
    return [f"says {says}", f"is {true}", *([f"w {weights[index]:.2f}"] if known else [])]


def _pngs(task: Task, indices: np.ndarray) -> list[str]:
    """Of these instances, the same at every update: made once."""
    if task not in _PNGS:
        _PNGS[task] = [_png(task.picture(index)) for index in indices]
    return _PNGS[task]


def _png(picture: np.ndarray) -> str:
    buffer, image = io.BytesIO(), Image.fromarray(picture)
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    image.save(buffer, format="png", compress_level=style.FASTEST)
    return base64.b64encode(buffer.getvalue()).decode()
