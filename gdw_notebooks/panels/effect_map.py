"""EffectMap: where GDW wins, loses or is undecided against a rival, over noise and imbalance; can redo any cell."""

from ipywidgets import HTML, Button, Dropdown, FloatProgress, HBox, IntSlider, Layout
from matplotlib.figure import Figure

from gdw.comparison.report import Difference, holm, paired_difference
from gdw.experiments.experiment import Experiment
from gdw_notebooks.figures import style
from gdw_notebooks.figures.effect_map import effect_map, finding, verdict
from gdw_notebooks.panels.base import Panel
from gdw_notebooks.panels.rerun import one_per_cell
from gdw_notebooks.panels.session import END_SECONDS, Session
from gdw_notebooks.recorded import standing

RIVALS = ("gdw-tied", "mwnet", "l2rw", "fine-tune", "cross-entropy", "only-clean")
RECORDED = "From the recorded runs."
IDLE = "Nothing is being computed."
BUSY = "A cell is being computed: let it end, or press Stop."


class EffectMap(Panel):
    """A rival, a cell, a number of seeds, and a button that computes the cell again.

    Args:
        rival: whom GDW meets first; a name in ``RIVALS``.
        runs: as ``gdw_notebooks.recorded.standing.load`` gives them.

    Attributes:
        rival, rate, imbalance, seeds: the choices.
        compute, stop: the buttons.
        session: the Session behind them.
        fresh: the Difference of each cell computed again, by (rival, rate, imbalance).
    """

    def __init__(self, rival: str = "gdw-tied", runs=None):
        self.runs = standing.load() if runs is None else runs
        self.fresh: dict[tuple[str, float, float], Difference] = {}
        self.session, self._asked, self._said = Session(self._on_event, self._on_end), None, ""
        self.rival = Dropdown(
            options=[(style.method_title(name), name) for name in RIVALS], value=rival, description="Rival"
        )
        self.rate = Dropdown(
            options=[(f"{100 * rate:g} %", rate) for rate in standing.RATES], value=0.6, description="Noise"
        )
        self.imbalance = Dropdown(
            options=[(f"{i:g} ({1 / i:g} : 1)", i) for i in standing.IMBALANCES], value=1.0, description="Imbalance"
        )
        self.seeds = IntSlider(value=3, min=2, max=10, description="Seeds")
        self.compute = Button(description="Compute this cell", tooltip="train both methods, seed by seed, now")
        self.stop = Button(description="Stop", tooltip="end now and leave the map as it was")
        self.progress = FloatProgress(min=0, max=1, description="Progress", layout=Layout(width="auto"))
        self.words = HTML()
        self.compute.on_click(lambda button: self._press())
        self.stop.on_click(lambda button: self.session.stop(0) if self.session.busy else self._say(IDLE))
        super().__init__([self.rival, self.rate, self.imbalance, self.seeds])  # draws, and says what is drawn
        self.left.children = [*self.left.children, HBox([self.compute, self.stop]), self.progress, self.words]
        one_per_cell(self.leave)

    def leave(self) -> None:
        """End a computation, since the cell that has made this map makes another one now."""
        self.session.stop(END_SECONDS)

    def cells(self) -> dict[tuple[float, float], Difference]:
        """The difference of each (rate, imbalance), recorded or computed again; p-values corrected for all cells."""
        rival = self.rival.value
        return holm({
            (rate, imbalance): self.fresh.get((rival, rate, imbalance))
            or standing.difference(self.runs, standing.cell_name(rate, imbalance), rival)
            for rate in standing.RATES
            for imbalance in standing.IMBALANCES
        })  # fmt: skip

    def run(self) -> "EffectMap":
        """Compute the chosen cell within the notebook's cell, and return the panel."""
        self.session.run(self._experiments())
        return self

    def draw(self) -> Figure:
        chosen = (self.rate.value, self.imbalance.value)
        return effect_map(
            self.cells(), standing.RATES, standing.IMBALANCES, rival=style.method_title(self.rival.value),
            chosen=chosen, large=self.large.value,
        )  # fmt: skip

    def describe(self) -> str:
        return f"Map of differences. {finding(self.cells(), style.method_title(self.rival.value))}"

    def table(self):
        import pandas as pd

        rows = [
            {"noise (%)": 100 * rate, "imbalance": imbalance, "GDW minus rival": d.mean, "low": d.low, "high": d.high,
             "p (Holm)": d.p_value, "GDW": verdict(d)}
            for (rate, imbalance), d in self.cells().items()
        ]  # fmt: skip
        frame = pd.DataFrame(rows).set_index(["noise (%)", "imbalance"])
        frame.attrs["caption"] = (
            "Points of test accuracy, paired by seed, 95 % intervals of Student's t; a cell is decided where its "
            f"p-value, corrected for the {len(frame)} cells (Holm), is below 0.05"
        )
        return frame

    def on_reset(self) -> None:
        """Back to the recorded map."""
        self._asked = None
        self.session.stop(0)
        self.fresh.clear()
        self._said = ""
        self.progress.value = 0
        super().on_reset()

    def close(self) -> None:
        """Take the panel off the page; a computation ends with it."""
        self.session.stop(0)
        super().close()

    def _press(self) -> None:
        if self.session.busy:
            self._say(BUSY)
        else:
            self._said = ""
            self.session.start(self._experiments())
            self._say_what_is_shown()

    def redraw(self) -> None:
        super().redraw()
        self._say_what_is_shown()

    def _say_what_is_shown(self) -> None:
        """Whether the chosen cell is recorded or computed here, and what is being computed."""
        chosen = (self.rival.value, self.rate.value, self.imbalance.value)
        found = self.fresh.get(chosen)
        words = RECORDED
        if found is not None:
            words = f"Computed now, {found.seeds} seeds: {found}. Fewer seeds, a wider interval."
        if self.session.busy and self._asked:
            rival, rate, imbalance = self._asked
            cell = f"{style.method_title(rival)}, noise {100 * rate:g} %, imbalance {imbalance:g}"
            words = f"Computing GDW and {cell}: until it is done the map shows the result before. {words}"
        self._say(f"{self._said} {words}".strip())

    def _experiments(self) -> list[Experiment]:
        self._asked = (self.rival.value, self.rate.value, self.imbalance.value)
        rival, rate, imbalance = self._asked
        cell = Experiment(noise="uniform", rate=rate, imbalance=imbalance, method="gdw", device="cpu")
        pairs = ((cell.with_(seed=seed), cell.with_(seed=seed, method=rival)) for seed in range(self.seeds.value))
        return [experiment for pair in pairs for experiment in pair]

    def _on_event(self, place: int, event) -> None:
        self.progress.value = self.session.progress

    def _on_end(self, session: Session) -> None:
        self._said = ""
        if self._asked is None:  # it was reset meanwhile
            return
        if session.state == "finished":
            scores = [history.accuracy for history in session.histories]
            self.fresh[self._asked] = paired_difference(scores[::2], scores[1::2])
        else:
            problems = "; ".join(map(str, session.errors.values()))
            self._said = f"Stopped: the map is as it was. {problems}".strip()
        self.redraw()

    def _say(self, words: str) -> None:
        self.words.value = f'<div role="status" aria-live="polite">{words}</div>'
