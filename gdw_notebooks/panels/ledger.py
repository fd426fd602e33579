"""The flow ledger: mean weight and gradient mass by true class and flow class, epoch by epoch."""

from collections.abc import Iterable, Sequence

from gdw.experiments.history import History
from gdw_notebooks.figures.ledger import ledger_frame, ledger_page
from gdw_notebooks.panels.steps import Frame, Steps, Variant


class FlowLedger(Steps):
    """A slider over the epochs (arrow keys), and a button that plays them; nothing plays before it is pressed.

    Args:
        histories: one run of each method, of the same task; GDW and tied GDW, say.
        epoch: where it opens, from 1.
        epochs: which ones it holds, by default all.

    Raises:
        ValueError: no run, or one without the class-level record.
    """

    def __init__(self, histories: Sequence[History], epoch: int = 1, epochs: Iterable[int] | None = None, **kwargs):
        if not histories or any("class_weight" not in h.epochs or not len(h) for h in histories):
            raise ValueError("the ledger needs runs of at least one epoch with their class-level record")
        self.histories = list(histories)
        shown = list(epochs or range(1, min(map(len, self.histories)) + 1))
        frames = [Frame(*ledger_frame(self.histories, each)) for each in shown]
        page = Variant("", ledger_page(self.histories, shown[0]), shown, frames)
        super().__init__([page], word="Epoch", step=epoch, plays=True, **kwargs)

    def page(self) -> str:
        return ledger_page(self.histories, self.step)

    def __repr__(self) -> str:
        methods = ", ".join(h.method for h in self.histories)
        return f"FlowLedger({methods}; epoch {self.step} of {self.variants[0].values[-1]})"
