"""TrainingLab: choose what is wrong with the data and two ways to learn from it, press Train, and watch."""

import time
from collections.abc import Sequence
from html import escape

from ipywidgets import HTML, Button, FloatProgress, HBox, IntSlider, Layout, Play, ToggleButtons, jslink
from matplotlib.figure import Figure

from gdw.training.experiment import Experiment, from_config
from gdw.training.history import History
from gdw.training.loop import EpochDone
from gdw.training.run import Training
from gdw_notebooks.figures.film import Film
from gdw_notebooks.figures.regions import point_at
from gdw_notebooks.panels import lab_words
from gdw_notebooks.panels.base import Panel
from gdw_notebooks.panels.closer_look import CloserLook
from gdw_notebooks.panels.lab_controls import LabControls, read_codes
from gdw_notebooks.panels.lab_views import VIEWS, Plane, Shown
from gdw_notebooks.panels.session import RUNNING, Session
from gdw_notebooks.recorded.scenarios import SCENARIOS, sentence

REST = 0.1  # seconds at least between two pictures
REST_SHARE, PATIENT_SHARE = 1, 4  # and so many times what the last one took: live, and within a cell
LEFT, LARGE_LEFT, RIGHT = "346px", "490px", "440px"  # in JupyterLab on a screen of 1280 x 800 side by side
RESET_SECONDS = 2.0  # how long Reset waits for the batch in hand


class TrainingLab(Panel):
    """Trains one or two methods on the same data and seed, in the background, and draws their curves meanwhile.

    Args:
        start: a scenario's name, a run code (or two, with a space between), or an Experiment.
        beside: the second method, where ``start`` names but one run; ``""`` for none.
        histories: recorded runs to play, of one or two methods; the controls then stand where they were made.
        own: ``dataset``, ``task``, ``model`` or ``method`` of your own, as for ``gdw.Training``.

    Attributes:
        controls: the LabControls, with a widget for every choice and for the run code.
        train, pause, step, stop, reset: the buttons.
        view: which picture; a name in ``lab_views.VIEWS``.
        closer: the CloserLook, which opens one training instance in the microscope; a click on a point does it too.
        epoch: slider to look back, or to play a recorded run.
        session: the Session behind it.
        histories, ghosts: of the latest runs and of the ones before.
    """

    def __init__(
        self,
        start: str | Experiment = "uniform 60",
        beside: str = "mwnet",
        histories: Sequence[History] = (),
        **own,
    ):
        self._first = [from_config(h.config) for h in histories[:2]] or _experiments(start, beside)
        self._own, self._recorded = own, list(histories)
        self.ghosts, self._weights, self._planes = [], {}, []
        self._next_picture, self._drawn, self._rest_share = 0.0, None, REST_SHARE
        self._film, self._figure = Film(), None
        self.session = Session(self._on_event, self._on_end)
        self.controls = LabControls(self._first)
        self.train, self.pause, self.step, self.stop = (
            _button(name, tip, action)
            for name, tip, action in (
                ("Train", "train both methods from the start", self._press_train),
                ("Pause", "stand still after this batch, or go on", self._press_pause),
                ("Step", "one batch of each method", self._press_step),
                ("Stop", "end now and keep what has been learnt", self._press_stop),
            )
        )
        self.train.button_style = "primary"
        self.progress = FloatProgress(min=0, max=1, description="Progress", layout=Layout(width="auto"))
        self.view = ToggleButtons(options=list(VIEWS), style={"button_width": "auto"})
        self.epoch = IntSlider(value=1, min=1, max=1, description="Epoch", layout=Layout(width="60%"), disabled=True)
        self.player = Play(value=1, min=1, max=1, interval=200, show_repeat=False, disabled=True)
        self.status, self.outcome, self.codes = HTML(), HTML(), HTML()
        self.closer = CloserLook(self._still_trainings, self._why_no_closer_look)
        jslink((self.player, "value"), (self.epoch, "value"))
        super().__init__([self.controls])
        buttons = HBox([self.train, self.pause, self.step, self.stop], layout=Layout(flex_flow="row wrap"))
        self.right.children = [
            buttons, self.progress, self.status, self.outcome, self.view, self.picture,
            HBox([self.player, self.epoch]), self.closer, self.codes, self.data,
        ]  # fmt: skip
        self._size_columns()
        self.right.layout.flex = f"1 1 {RIGHT}"
        self.picture.observe(self._clicked, names="clicked")
        self.view.observe(lambda change: self.redraw(), names="value")
        self.epoch.observe(lambda change: self.redraw(), names="value")
        self._say(lab_words.READY)
        self._show_outcome()
        self._look_back()

    @property
    def histories(self) -> list[History]:
        return self._recorded or self.session.histories

    def run(self) -> "TrainingLab":
        """Train within the cell, and return the lab. An interrupt (the square button) keeps what has been learnt.

        Raises:
            Busy: a run is going on in the background.
            ValueError: what the controls say is no experiment.
        """
        experiments = self.controls.experiments()
        if not self.session.busy:
            self._clear()
            self._rest_share = PATIENT_SHARE
        self.session.run(experiments, seeds=self.controls.seeds.value, **self._own)
        return self

    def draw(self) -> Figure:
        figure = VIEWS[self.view.value].figure(self._shown())
        self._finding = figure.get_suptitle().replace("\n", " ")
        self._figure = self._film.settle(figure) if self.session.state == RUNNING else figure
        return figure

    def describe(self) -> str:
        return f"{VIEWS[self.view.value].words} {self._finding}"

    def table(self):
        return VIEWS[self.view.value].table(self._shown())

    def redraw(self) -> None:
        """Draw now; while a run is going on, its own thread does so after the batch in hand."""
        if self.session.state == RUNNING:
            self._next_picture, self._drawn = 0.0, None
        else:
            super().redraw()

    def on_reset(self) -> None:
        """End a run, forget all runs, and bring every control back to where it stood."""
        self.session.stop(RESET_SECONDS)
        self.session = Session(self._on_event, self._on_end)
        self._clear()
        self.ghosts, self.progress.value = [], 0
        self.controls.restore(self._first)
        self.controls.seeds.value = 1
        self.codes.value = ""
        self.closer.close_microscope()
        self._say(lab_words.READY)
        self.redraw()

    def close(self) -> None:
        """Take the lab off the page; a run ends with it."""
        self.session.stop(RESET_SECONDS)
        super().close()

    def _press_train(self, paused: bool = False) -> None:
        if self.session.busy:
            self._say(lab_words.BUSY)
            return
        try:
            experiments = self.controls.experiments()
        except ValueError as error:
            self._say(str(error))
            return
        self._clear()
        self._rest_share = REST_SHARE
        self._say(lab_words.LOADING)
        try:
            self.session.start(experiments, seeds=self.controls.seeds.value, paused=paused, **self._own)
        except ValueError as error:
            self._say(str(error))

    def _press_pause(self) -> None:
        if not self.session.busy:
            self._say(lab_words.NOTHING_RUNS)
        elif self.session.state == RUNNING:
            self.session.pause()
            self._show_state()
        else:
            self.session.resume()
            self._show_state()

    def _press_step(self) -> None:
        if not self.session.busy:
            self._press_train(paused=True)
        self.session.step()
        self._show_state()

    def _press_stop(self) -> None:
        if not self.session.busy:
            self._say(lab_words.NOTHING_RUNS)
        elif not self.session.stop(0):  # the thread may be drawing, and says itself when it has ended
            self._say(lab_words.STOPPING)
            if not self.session.busy:  # it said so before these words
                self._show_state()

    def _clear(self) -> None:
        """Make room for new runs; those before stay as ghosts."""
        self.ghosts = [history for history in self.histories if len(history)]
        self._recorded, self._weights, self._planes = [], {}, []
        self._next_picture, self._drawn = 0.0, None
        self._look_back()

    def _on_event(self, place: int, event) -> None:
        if isinstance(event, EpochDone) and event.history is self.session.trainings[place].history:
            self._weights[place] = event.instance_weights
        if time.perf_counter() >= self._next_picture:
            begun = time.perf_counter()
            self._show_state()
            self._draw_what_is_new()
            now = time.perf_counter()
            self._next_picture = now + max(REST, self._rest_share * (now - begun))

    def _draw_what_is_new(self) -> None:
        epochs = [len(history) for history in self.session.histories]
        if epochs != self._drawn:
            self._drawn = epochs
            if self.view.value == "Regions":
                self._take_planes()
            super().redraw()

    def _on_end(self, session: Session) -> None:
        if session is not self.session:  # one that a Reset has left behind
            return
        self._show_state()  # first: whoever pressed Stop waits for this
        self._take_planes()
        self._look_back()
        self.closer.refresh()
        super().redraw()

    def _still_trainings(self) -> list[Training]:
        """The latest runs, where nobody is training them now."""
        return [] if self.session.state == RUNNING else self.session.trainings

    def _why_no_closer_look(self) -> str:
        return lab_words.WAIT if self.session.state == RUNNING else lab_words.NOTHING_TRAINED

    def _clicked(self, change: dict) -> None:
        """A click on a point of the plane opens it in the microscope."""
        planes = [(place, plane) for place, plane in enumerate(self._planes) if plane is not None]
        if self.view.value == "Regions" and planes and self._figure is not None:
            found = point_at(self._figure, planes[0][1].task.train.images, change["new"])
            if found is not None:
                self.closer.show(planes[found[0]][0], found[1])

    def _take_planes(self) -> None:
        trainings = self.session.trainings
        self._planes = [Plane.of(training, self._weights.get(place)) for place, training in enumerate(trainings)]

    def _shown(self) -> Shown:
        marked = None if self.epoch.value == self.epoch.max else self.epoch.value
        epochs = self.histories[0].config["epochs"] if self.histories else self.controls.epochs.value
        return Shown(self.histories, self.ghosts, epochs, marked, self._planes, self.large.value)

    def _look_back(self) -> None:
        """The epoch slider reaches as far as the runs that have ended."""
        longest = 1 if self.session.busy else max([1, *map(len, self.histories)])
        with self._lock, self.no_redraw():
            for widget in (self.player, self.epoch):
                widget.max = longest
                widget.value = longest
                widget.disabled = longest == 1
        self.codes.value = lab_words.codes(self.histories, self.ghosts)

    def _show_state(self) -> None:
        self.progress.value = self.session.progress
        self.pause.description = "Resume" if self.session.state == "paused" else "Pause"
        self._say(lab_words.of(self.session))

    def _say(self, words: str) -> None:
        self.status.value = f'<div role="status" aria-live="polite">{escape(words)}</div>'

    def _changed(self, change: dict) -> None:
        """A control moved: nothing is redrawn, what was wrong with it is said."""
        if self.controls.problem:
            self._say(self.controls.problem)
        self._show_outcome()

    def _resize(self, change: dict) -> None:
        self._size_columns()
        self.closer.enlarge(change["new"])
        super()._resize(change)

    def _size_columns(self) -> None:
        width = LARGE_LEFT if self.large.value else LEFT
        self.left.layout.flex, self.left.layout.width = f"0 0 {width}", width

    def _show_outcome(self) -> None:
        name = self.controls.scenario.value
        words = sentence(name) if name in SCENARIOS else ""
        lines = escape(words).replace("; ", ";<br>")
        self.outcome.value = f"<div><b>{escape(name)}</b>. {lines}</div>" if words else ""


def _experiments(start: str | Experiment, beside: str) -> list[Experiment]:
    if isinstance(start, Experiment):
        found = [start]
    else:
        found = [SCENARIOS[start]] if start in SCENARIOS else read_codes(start)
    return found if len(found) == 2 or not beside else [found[0], found[0].with_(method=beside)]


def _button(name: str, tip: str, action) -> Button:
    button = Button(description=name, tooltip=tip, layout=Layout(width="90px"))
    button.on_click(lambda pressed: action())
    return button
