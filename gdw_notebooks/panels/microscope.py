"""The flow microscope: one instance, C signed bars, and weights to move by hand.

Python sends each instance's linear maps once (instances.py); the browser multiplies (microscope.js), so dragging
is smooth on a busy or distant kernel too.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure
from PIL import Image

from gdw.training.run import Training
from gdw_notebooks.examples.instances import MODES, Instance, cat_dog_bird, instances_of
from gdw_notebooks.figures.microscope import (
    NUMBER_NAMES,
    describe,
    findings,
    in_words,
    microscope_figure,
    number_notes,
)
from gdw_notebooks.figures.style import picture
from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.scripts import bundle

SMALLEST_RANGE = 1.5  # weights can be moved from 0 to this, or to the largest one that the method gave
SHORTER_SIDE = 0.4  # the axis reaches at least this much of its longer side to the other one
MARGIN = 1.04  # room for a handle at either end
SHOWN = ("all", "mislabelled", "clean")


class FlowMicroscope(InNotebook, anywidget.AnyWidget):
    """Shows one instance after another; the user moves its weights.

    Args:
        instances: what to step through; without any, the cat that is labelled "dog".
        mode: ``"instance"`` (one weight moves all bars), ``"classes"`` (each bar but the label's, which follows by
            the constraint) or ``"free"`` (no constraint).

    Attributes:
        index: which instance is shown; setting it starts from that instance's own weights.
        weights: ``[C]``, one for each class, before the constraint.
        weight: the instance weight of mode ``"instance"``.
        show: step through ``"all"``, the ``"mislabelled"`` or the ``"clean"`` instances.
        large: for a projector.

    Raises:
        ValueError: no instance at all.
    """

    _esm = bundle(Path(__file__).with_name("microscope.js"))
    _css = Path(__file__).with_name("microscope.css").read_text("utf-8")

    instances = traitlets.List().tag(sync=True, to_json=lambda value, widget: [_record(i) for i in value])
    index = traitlets.Int(0).tag(sync=True)
    mode = traitlets.Enum(MODES, "instance").tag(sync=True)
    weights = traitlets.List(traitlets.Float()).tag(sync=True)
    weight = traitlets.Float(1.0).tag(sync=True)
    show = traitlets.Enum(SHOWN, "all").tag(sync=True)
    large = traitlets.Bool(False).tag(sync=True)

    def __init__(self, instances: Sequence[Instance] | None = None, mode: str = "instance", **kwargs):
        instances = [cat_dog_bird()] if instances is None else list(instances)
        if not instances:
            raise ValueError("the microscope needs at least one instance to look at")
        super().__init__(instances=instances, mode=mode, **kwargs)
        if not self.weights:
            self.reset()

    @classmethod
    def from_training(cls, training: Training, count: int = 12, **kwargs) -> "FlowMicroscope":
        """The first ``count`` mislabelled and clean instances of a trained run, with the weights its method gives."""
        return cls(instances_of(training, count), **{"mode": "classes", **kwargs})

    @property
    def instance(self) -> Instance:
        """The one on show."""
        return self.instances[self.index]

    @property
    def effective_weights(self) -> np.ndarray:
        """``[C]``, after the constraint where the mode has one."""
        return self.instance.effective(self._set_by_hand(), self.mode)

    @property
    def pushes(self) -> np.ndarray:
        """The push on each logit, ``[C]``."""
        return self.instance.pushes(self._set_by_hand(), self.mode)

    @property
    def numbers(self) -> np.ndarray:
        """Sum of the pushes, true minus observed label, true minus strongest other."""
        return self.instance.number_map @ self.pushes

    def reset(self) -> None:
        """Back to the weights that the instance came with."""
        with self.hold_sync():
            self.weights, self.weight = self.instance.start.tolist(), self.instance.start_weight

    def figure(self) -> Figure:
        """The present state as a matplotlib figure."""
        return microscope_figure(self.instance, self._set_by_hand(), self.mode, self.large)

    def describe(self) -> str:
        """The present state in words: the instance, what its weights do, and every push."""
        return in_words(self.instance, self._set_by_hand(), self.mode)

    def _set_by_hand(self) -> np.ndarray:
        if self.mode == "instance":
            return np.full(len(self.weights), self.weight)
        return np.array(self.weights)

    @traitlets.validate("index")
    def _within(self, proposal):
        if not 0 <= proposal.value < len(self.instances):
            raise traitlets.TraitError(f"index must lie in 0 ... {len(self.instances) - 1}, got {proposal.value}")
        return proposal.value

    @traitlets.observe("index")
    def _moved(self, change) -> None:
        self.reset()

    def __repr__(self) -> str:
        count = len(self.instances)
        return f"FlowMicroscope({count} instance{'s' * (count != 1)})"

    def printed(self) -> tuple[bytes, str]:
        return picture(self.figure()), self.describe()


def _record(instance: Instance) -> dict:
    """What the browser needs of one instance, once."""
    start = instance.start
    largest = max(SMALLEST_RANGE, float(np.ceil(2 * start.max()) / 2))
    pushes = largest * np.diag(instance.push_map)
    reach = np.array([min(pushes.min(), -SHORTER_SIDE * pushes.max()), max(pushes.max(), -SHORTER_SIDE * pushes.min())])
    return {
        "name": instance.name or "instance", "class_names": list(instance.class_names),
        "label": instance.label, "true_label": instance.true_label, "mislabelled": instance.mislabelled,
        "picture": _data_uri(instance.picture), "alt": describe(instance), "probs": instance.probs.tolist(),
        "push_map": instance.push_map.tolist(), "constraint": instance.constraint.tolist(),
        "number_map": instance.number_map.tolist(), "number_names": NUMBER_NAMES,
        "number_notes": number_notes(instance), "findings": findings(instance),
        "weights": start.tolist(), "weight": instance.start_weight,
        "largest_weight": largest, "axis": (MARGIN * reach).tolist(),
    }  # fmt: skip


def _data_uri(pixels: np.ndarray | None) -> str | None:
    if pixels is None:
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
