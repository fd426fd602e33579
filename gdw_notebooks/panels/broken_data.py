"""Broken data by hand: a transition matrix whose rows always sum to 1, and a size for each class."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from ipywidgets import HTML, FloatSlider, IntSlider, Layout
from matplotlib.figure import Figure

from gdw.data.corruption import checked_matrix
from gdw_notebooks.figures.broken_data import broken_data_figure
from gdw_notebooks.figures.transition import wrong_share
from gdw_notebooks.panels.base import Panel

STEP = 0.01  # of a probability
LARGEST = 1000  # images of a class
MOST_CLASSES = 4  # more rows of sliders do not fit next to a picture
CLOSE = 1e-9  # a slider that differs by less was set by us


class BrokenData(Panel):
    """A slider for each probability and each class size.

    If one probability of a row moves, the others of the row change in proportion: the row still sums to 1.

    Args:
        matrix: row-stochastic, of 2 to 4 classes; rows: true, columns: observed.
        class_names: one for each class.
        counts: images of each true class, 1 to 1,000; by default 300 each.

    Raises:
        ValueError: the matrix is not row-stochastic; not one name and one size for each class.
    """

    def __init__(
        self, matrix: Sequence[Sequence[float]], class_names: Sequence[str], counts: Sequence[int] | None = None
    ):
        self.class_names = tuple(class_names)
        classes = len(self.class_names)
        if not 2 <= classes <= MOST_CLASSES:
            raise ValueError(f"this panel has room for 2 to {MOST_CLASSES} classes, got {classes}")
        rows = checked_matrix(matrix, classes).tolist()
        counts = [300] * classes if counts is None else list(counts)
        if len(counts) != classes or not all(1 <= count <= LARGEST for count in counts):
            raise ValueError(f"counts must be {classes} whole numbers from 1 to {LARGEST}, got {counts}")
        self._balancing = False
        self.cells = [
            [_slider(value, f"{true}: labelled {seen}") for seen, value in zip(self.class_names, row, strict=True)]
            for true, row in zip(self.class_names, rows, strict=True)
        ]
        width = Layout(width="min(300px, 100% - 4px)")
        self.sizes = [IntSlider(int(count), min=1, max=LARGEST, description="images", layout=width) for count in counts]
        for row in self.cells:
            for place, cell in enumerate(row):
                cell.observe(lambda change, row=row, place=place: self._balance(row, place), names="value")
        controls = []
        for true, row, size in zip(self.class_names, self.cells, self.sizes, strict=True):
            controls += [HTML(f"<b>true class {true}</b>"), *row, size]
        super().__init__(controls)

    @property
    def matrix(self) -> np.ndarray:
        """``[classes, classes]``, rows: true, columns: observed; each row sums to 1."""
        matrix = np.array([[cell.value for cell in row] for row in self.cells])
        return matrix / matrix.sum(1, keepdims=True)

    @property
    def counts(self) -> list[int]:
        """Images of each true class."""
        return [size.value for size in self.sizes]

    @property
    def wrong_share(self) -> float:
        """Expected share of wrong labels, in [0, 1]."""
        return wrong_share(self.matrix, self.counts)

    def draw(self) -> Figure:
        return broken_data_figure(self.matrix, self.counts, self.class_names, large=self.large.value)

    def table(self) -> pd.DataFrame:
        """For each true class the expected images with each label."""
        images = np.array(self.counts)[:, None] * self.matrix
        frame = pd.DataFrame(images, columns=[f"labelled {name}" for name in self.class_names])
        frame.insert(0, "true class", self.class_names)
        return frame

    def on_reset(self) -> None:
        """Bring every slider back, then draw once; no slider moves another meanwhile."""
        with self._unbalanced():
            super().on_reset()

    def _balance(self, row: list[FloatSlider], moved: int) -> None:
        if self._balancing:
            return
        values = np.array([cell.value for cell in row])
        left = 1 - values[moved]
        values[moved] = 0
        others = values.sum()
        share = values / others if others > CLOSE else (np.arange(len(row)) != moved) / (len(row) - 1)
        values = left * share
        values[moved] = 1 - left
        with self.one_redraw(), self._unbalanced():
            for cell, value in zip(row, values, strict=True):
                cell.value = float(value)

    @contextmanager
    def _unbalanced(self) -> Iterator[None]:
        """No slider moves another meanwhile."""
        self._balancing = True
        try:
            yield
        finally:
            self._balancing = False

    def __repr__(self) -> str:
        return f"BrokenData({', '.join(self.class_names)}; {100 * self.wrong_share:.1f} % wrong labels)"


def _slider(value: float, description: str) -> FloatSlider:
    return FloatSlider(
        value, min=0, max=1, step=STEP, description=description, readout_format=".2f",
        style={"description_width": "10em"}, layout=Layout(width="min(330px, 100% - 4px)"),
    )  # fmt: skip
