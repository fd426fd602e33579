"""The bilevel stepper: forward and back through one step of the small problem, with every tensor shown."""

import pandas as pd
from ipywidgets import Button, Dropdown, HBox, IntSlider, Layout
from matplotlib.figure import Figure

from gdw_notebooks.examples.bilevel import Stage, Walk, walk
from gdw_notebooks.examples.small_problem import CLASS, INSTANCES, Problem
from gdw_notebooks.figures.stepper import columns_of, number_text, stepper
from gdw_notebooks.panels.base import Panel

# Tensors in words, where the letter alone says too little.
SPOKEN = {
    "x": "pictures x", "theta": "parameters θ", "z": "logits z", "p": "probabilities p", "loss": "losses ℓ",
    "d": "flows d", "V": "weights V(ℓ)", "w": "weights w", "theta_virtual": "virtual parameters θ′",
    "meta_loss": "clean loss L", "clean": "clean gradient ∇L", "t": "tangent t", "g": "meta gradient g",
    "fd": "g by finite differences", "change": "change of w", "sent": "sent back, w d / B", "sum": "row sum",
}  # fmt: skip


class BilevelStepper(Panel):
    """Buttons, or the slider with its arrow keys, move through the stages; going back shows exactly the same numbers.

    Args:
        mode: ``"instance"`` (weights given, one for each picture) or ``"class"`` (V, constraint, stage two).
        stage: where it opens, from 1.
        zero_mean: whether class-level weights are constrained; in class mode a menu switches it.
    """

    def __init__(self, mode: str = "instance", stage: int = 1, zero_mean: bool = True):
        switches = (True, False) if mode == CLASS else (True,)
        self._walks = {on: walk(Problem(mode, zero_mean=on)) for on in switches}
        self.mode = mode
        self.constraint = Dropdown(options=[("on", True), ("off", False)], value=zero_mean, description="Constraint")
        self.stage = IntSlider(stage, min=1, max=len(self.walk), description="Stage", layout=Layout(width="420px"))
        self.back = Button(description="◀ Back", tooltip="one stage back")
        self.forward = Button(description="Forward ▶", tooltip="one stage forward")
        self.back.on_click(lambda button: self.move(-1))
        self.forward.on_click(lambda button: self.move(1))
        controls = [HBox([self.back, self.forward]), self.stage]
        super().__init__([*controls, self.constraint] if mode == CLASS else controls)
        self.stack()

    @property
    def walk(self) -> Walk:
        """The stages, with the constraint on or off as the menu says."""
        return self._walks[self.constraint.value]

    @property
    def shown(self) -> Stage:
        """The stage that is shown."""
        return self.walk.stages[self.stage.value - 1]

    def move(self, stages: int) -> None:
        """Forward, or back for a negative number; it stops at both ends."""
        self.stage.value = min(max(self.stage.value + stages, 1), len(self.walk))

    def draw(self) -> Figure:
        return stepper(self.walk, self.stage.value - 1, large=self.large.value)

    def describe(self) -> str:
        """Title, reading, and every number that this stage wrote."""
        title = self.shown.title if self.shown.title.endswith("?") else f"{self.shown.title}."
        parts = [f"Stage {self.stage.value} of {len(self.walk)}: {title}", self.shown.reading]
        for name in self.shown.changed:
            rows = ("; ".join(map(number_text, row)) for row in self.shown.tables[name])
            parts.append(f"{SPOKEN.get(name, name)}: {' | '.join(rows)}.")
        return " ".join(parts)

    def table(self) -> pd.DataFrame:
        """Every number that is shown: tensor, row, column, value, and whether this stage wrote it."""
        rows = [
            {"tensor": name, "row": _row_name(i, len(values)), "column": columns_of(name, self.mode)[j],
             "value": value, "changed": "yes" if (i, j) in self.shown.changed.get(name, ()) else ""}
            for name, values in self.shown.tables.items()
            for i, row in enumerate(values)
            for j, value in enumerate(row)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"BilevelStepper({self.mode!r}, stage={self.stage.value} of {len(self.walk)})"


def _row_name(index: int, rows: int) -> str:
    return INSTANCES[index] if rows == len(INSTANCES) else ""
