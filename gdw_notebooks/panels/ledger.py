"""The flow ledger: mean weight and gradient mass by true class and flow class, epoch by epoch."""

from collections.abc import Sequence

import pandas as pd
from ipywidgets import HBox, IntSlider, Layout, Play
from matplotlib.figure import Figure
from traitlets import link

from gdw.training.history import History
from gdw_notebooks.figures.ledger import finding, flow_ledger, push_over_pull
from gdw_notebooks.panels.base import Panel

PLAY_MS = 900  # between two epochs: longer than a picture takes to draw


class FlowLedger(Panel):
    """A slider over the epochs (arrow keys), and a button that plays them; nothing plays before it is pressed.

    Args:
        histories: one run of each method, of the same task; GDW and tied GDW, say.
        epoch: where it opens, from 1.

    Raises:
        ValueError: no run, or one without the class-level record.
    """

    def __init__(self, histories: Sequence[History], epoch: int = 1):
        if not histories or any("class_weight" not in h.epochs or not len(h) for h in histories):
            raise ValueError("the ledger needs runs of at least one epoch with their class-level record")
        self.histories = list(histories)
        epochs = min(map(len, self.histories))
        self.epoch = IntSlider(epoch, min=1, max=epochs, description="Epoch", layout=Layout(width="420px"))
        self.play = Play(value=epoch, min=1, max=epochs, interval=PLAY_MS, tooltip="play the epochs")
        super().__init__([self.epoch])
        link((self.play, "value"), (self.epoch, "value"))
        left = self.children[0]
        left.children = (HBox([self.play]), *left.children)  # after the base: it draws once for both
        self.stack()

    def draw(self) -> Figure:
        return flow_ledger(self.histories, self.epoch.value, large=self.large.value)

    def describe(self) -> str:
        """The finding, and what the nine panels of the picture hold."""
        panels = "mean weight and share of the gradient by true class and flow class, and each class's pull and push"
        return f"{finding(self.histories, self.epoch.value)}. For each method: {panels}, before and after weighting."

    def table(self) -> pd.DataFrame:
        """Each class's pull, push and their ratio, before and after weighting, for each method."""
        frames = []
        for history in self.histories:
            pull_push, ratio = history["pull_push"][self.epoch.value - 1], push_over_pull(history)
            columns = {"method": history.method, "class": history.class_names, "images": history.class_counts}
            for k, when in enumerate(("before", "after")):
                columns |= {f"pull {when}": pull_push[k, 0], f"push {when}": pull_push[k, 1]}
                columns |= {f"push/pull {when}": ratio[self.epoch.value - 1, k]}
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        methods = ", ".join(h.method for h in self.histories)
        return f"FlowLedger({methods}; epoch {self.epoch.value} of {self.epoch.max})"
