"""TrainingLab: choose what is wrong with the data and two ways to learn from it, press Train, and watch."""

import re
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from threading import Lock

from ipywidgets import HTML, Button, Checkbox, FloatProgress, HBox, IntSlider, Layout, Play, ToggleButtons, jslink
from matplotlib.figure import Figure

from gdw.errors import one_of
from gdw.experiments.experiment import Experiment, from_config
from gdw.experiments.history import History
from gdw.training.loop import EpochDone
from gdw.training.many import epochs_kept
from gdw.training.run import Training
from gdw_notebooks.figures import style
from gdw_notebooks.panels import lab_words, served
from gdw_notebooks.panels.base import Panel
from gdw_notebooks.panels.closer_look import CloserLook
from gdw_notebooks.panels.drawing import Drawing
from gdw_notebooks.panels.lab_controls import OWN, LabControls, read_codes, scenario_of
from gdw_notebooks.panels.lab_shown import Plane, Shown
from gdw_notebooks.panels.lab_views import VIEWS, in_print, offered
from gdw_notebooks.panels.rerun import current_cell, one_per_cell
from gdw_notebooks.panels.session import FINISHED, IDLE, PAUSED, RUNNING, Busy, Session, imports
from gdw_notebooks.recorded.scenarios import SCENARIOS, sentence

KEEP_TIP = "write the run to the folder checkpoints while it trains; after a restart Train goes on where it was"
REST = 0.06  # seconds at least between two pictures
REST_SHARE = 7  # and so many times what the last one took: drawing takes at most an eighth of the time
LEFT, LARGE_LEFT, RIGHT = "346px", "490px", "440px"  # in JupyterLab on a screen of 1280 x 800 side by side
CHECKPOINTS = "checkpoints"  # a folder beside the notebook
RESET_SECONDS = 2.0  # how long Reset waits for the current batch


class TrainingLab(Panel):
    """Trains one or two methods on the same data and seed, in the background, and draws their curves meanwhile.

    A cell that makes a lab and is run again ends the run of the lab that it made before (rerun.py).

    Args:
        start: a scenario's name, a run code (or two, with a space between), or an Experiment.
        beside: the second method, if ``start`` names one run only; ``""`` for none.
        histories: recorded runs to play, of one or two methods; the controls then show their settings. A new run does
            not replace them: they stay in the picture, faint, and Reset brings them back.
        checkpoint: the folder for runs that are kept (see ``keep``); made when the first one is.
        view: which picture it shows first, a name in ``lab_views.VIEWS``.
        own: ``dataset``, ``task``, ``model`` or ``method`` of your own, as for ``gdw.Training``.

    Attributes:
        controls: the LabControls, with a widget for every choice and for the run code.
        train, pause, step, stop, reset: the buttons.
        keep: switch: the run is written to the folder while it trains. If the kernel ends, a new lab goes on from
            there. None on a page for visitors, and with a task, model or method of your own.
        view: which picture; a name in ``lab_views.VIEWS``.
        closer: the CloserLook, which opens one training instance in the microscope; a click on a point does it too.
        epoch: slider to look back, or to play a recorded run.
        session: the Session behind it.
        histories, ghosts: of the latest runs and of the ones before. ``histories`` waits for the end of ``run``.

    Raises:
        ValueError: a ``start`` that names no run, or a view that these data do not have.
    """

    def __init__(
        self,
        start: str | Experiment = "uniform 60",
        beside: str = "mwnet",
        histories: Sequence[History] = (),
        checkpoint: str | Path = CHECKPOINTS,
        view: str = "Accuracy",
        **own,
    ):
        self._first = [from_config(h.config) for h in histories[:2]] or _experiments(start, beside)
        self._own, self._recorded = own, list(histories)
        self._asked: list[Experiment] = []  # what the latest run was asked to train
        self.ghosts, self._weights, self._planes = [], {}, []
        self._next_picture, self._drawn, self._awaited = 0.0, None, False
        self._presses = Lock()
        imports()
        self.session, self._problem = self.new_session(), ""
        self.controls = LabControls(self._first)
        self.train, self.pause, self.step, self.stop = (
            _button(name, tip, action)
            for name, tip, action in (
                ("Train", "train both methods from the start", self._press_train),
                ("Pause", "pause after this batch, or go on", self._press_pause),
                ("Step", "one batch of each method", self._press_step),
                ("Stop", "end now and keep what has been learnt", self._press_stop),
            )
        )
        self.train.button_style = "primary"
        self.progress = FloatProgress(min=0, max=1, description="Progress", layout=Layout(width="auto"))
        views = offered(self._in_plane())
        self._view = one_of("view of these data", view, views)
        self.view = ToggleButtons(options=views, value=view, style={"button_width": "auto"})
        self.epoch = IntSlider(value=1, min=1, max=1, description="Epoch", layout=Layout(width="60%"), disabled=True)
        self.player = Play(value=1, min=1, max=1, interval=200, show_repeat=False, disabled=True)
        self.status, self.notice, self.trace, self.outcome, self.codes = (HTML() for _ in range(5))
        self._checkpoint, self.kept, self.keep = Path(checkpoint), HTML(), None
        if not served.is_served() and own.keys() <= {"dataset"}:  # a model of your own has no name to find it by
            self.keep = Checkbox(description="Keep", tooltip=KEEP_TIP, indent=False, layout=Layout(width="auto"))
        self.closer = CloserLook(self._still_trainings, self._why_no_closer_look)
        self._link = jslink((self.player, "value"), (self.epoch, "value"))
        super().__init__([self.controls, *([self.keep, self.kept] if self.keep else [])])
        buttons = HBox([self.train, self.pause, self.step, self.stop], layout=Layout(flex_flow="row wrap"))
        self.right.children = [
            buttons, self.progress, self.status, self.notice, self.trace, self.view, self.picture,
            HBox([self.player, self.epoch]), self.outcome, self.closer, self.codes, self.data,
        ]  # fmt: skip
        self._size_columns()
        self.right.layout.flex = f"1 1 {RIGHT}"
        self.picture.observe(self._clicked, names="clicked")
        self.view.observe(lambda change: self.redraw(), names="value")
        self.epoch.observe(lambda change: self.redraw(), names="value")
        self._say(lab_words.READY)
        self._show_outcome()
        self._look_back()
        self._show_kept()
        self._cell = one_per_cell(self.leave)

    @property
    def histories(self) -> list[History]:
        if self._awaited:
            self.session.join()
        return self._histories()

    def _histories(self) -> list[History]:
        return self.session.histories or self._recorded

    def _in_picture(self) -> list[Experiment]:
        """What the picture shows; empty before the first run."""
        return self._asked if self.session.histories else self._first if self._recorded else []

    def run(self) -> "TrainingLab":
        """Train, and return the lab with what has been learnt. An interrupt (the square button) keeps it too.

        In a cell of JupyterLab it returns immediately, and the page shows the lab while it trains; ``histories`` then
        waits for the end.

        Raises:
            Busy: a run is going on in the background.
            ValueError: the controls' settings are no experiment.
        """
        experiments, seeds = self.controls.asked()
        if self.session.busy:
            raise Busy(lab_words.BUSY)
        self._clear(experiments)
        cell = current_cell()
        self._awaited = cell is not None and cell.watched
        if self._awaited:
            self._say(lab_words.LOADING)
            self.session.start(experiments, seeds=seeds, keep=self._folder(), **self._own)
            self._look_back()
        else:
            self.session.run(experiments, seeds=seeds, keep=self._folder(), **self._own)
        return self

    def new_session(self) -> Session:
        """The session behind the lab; a new one after each Reset."""
        return Session(self._on_event, self._on_end)

    def new_picture(self) -> Drawing:
        return Drawing(self.view)

    def draw(self) -> Figure:
        return in_print(self.view.value, self._shown(), self.large.value)[0]

    def printed(self) -> tuple[bytes, str]:
        figure, words = in_print(self.view.value, self._shown(), self.large.value)
        return style.picture(figure), words

    def describe(self) -> str:
        return self.picture.alt

    def show_picture(self) -> None:
        """Send the numbers of every view, so that the page can change between them by itself."""
        shown = self._shown()
        views = [{"words": VIEWS[name].words, **VIEWS[name].drawing(shown)} for name in self.view.options]
        pictures = [one for view in views for one in view.get("pictures", ())]
        with self.picture.hold_sync():
            self.picture.shots = [one.pop("png") for one in pictures]
            self.picture.views, self.picture.old = views, ""

    def table(self):
        return VIEWS[self.view.value].table(self._shown())

    def redraw(self) -> None:
        """Draw now; while a run is going on, its own thread does so after the current batch."""
        if self.session.state == RUNNING:
            self._next_picture, self._drawn = 0.0, None
        else:
            super().redraw()

    def on_reset(self) -> None:
        """End a run, forget all runs but recorded ones, and bring every control back to its first value."""
        with self._presses:
            self.session.stop(RESET_SECONDS)
            self.session, self._awaited = self.new_session(), False
            self._clear([])
            self.ghosts, self.progress.value = [], 0
            self.controls.restore(self._first)
            self.controls.seeds.value = 1
            self.controls.more.value = self.controls.scenario.value == OWN
            self._offer_views()
            self.view.value = self._view if self._view in self.view.options else self.view.options[0]
            self.closer.refresh()
            self._look_back()
            self._say(lab_words.READY)
            self._show_outcome()
            self._show_kept()
        self.redraw()

    def close(self) -> None:
        """Remove the lab from the page; a run ends with it."""
        self.session.stop(RESET_SECONDS)
        super().close()

    def leave(self) -> None:
        """End a run, since the cell that has made this lab makes another one now."""
        if self.session.busy:
            self.session.stop(RESET_SECONDS)
            self._say(lab_words.REPLACED)

    def _press_train(self, paused: bool = False) -> None:
        with self._presses:
            if self.session.busy:
                self._say(lab_words.BUSY)
                return
            try:
                keep, (experiments, seeds) = self._folder(), self.controls.asked()
                self._clear(experiments)
                self._say(lab_words.LOADING)
                self.session.start(experiments, seeds=seeds, paused=paused, keep=keep, **self._own)
                self._look_back()
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
        if not self.session.busy and not self._go_on():
            self._press_train(paused=True)
        if self.session.busy:
            self.session.step()
            self._show_state()

    def _go_on(self) -> bool:
        """Continue what was stopped, one batch at a time, unless the controls now ask for something else."""
        with self._presses:
            if not self.session.can_go_on:
                return False
            try:
                asked, seeds = self.controls.asked()
            except ValueError:
                return False
            if asked != self._asked or seeds != self.session.seeds:
                return False
            self.session.go_on(paused=True)
            self._look_back()
            return True

    def _press_stop(self) -> None:
        if not self.session.busy:
            self._say(lab_words.NOTHING_RUNS)
        elif not self.session.stop(0):  # the thread may be drawing, and says itself when it has ended
            self._say(lab_words.STOPPING)
            if not self.session.busy:  # it said so before these words
                self._show_state()

    def _clear(self, experiments: Sequence[Experiment]) -> None:
        """Make room for runs of these experiments; those before on the same data stay as ghosts."""
        before = self._recorded or self.session.histories
        if self.session.state != FINISHED and not self._recorded and self.ghosts:
            before = self.ghosts  # a run that broke off does not replace one that ended
        same = "dataset" in self._own or "task" in self._own
        data = experiments[0].dataset if experiments else None
        self.ghosts = [run for run in before if len(run) and (same or run.config["dataset"] == data)]
        self._asked, self._weights, self._planes = list(experiments), {}, []
        self._next_picture, self._drawn = 0.0, None
        self.trace.value = self.kept.value = ""
        if experiments and self._histories():
            self.picture.old = lab_words.OLD_PICTURE
        self.closer.close_microscope()
        self._look_back()
        self._show_outcome()

    def _on_event(self, place: int, event) -> None:
        if isinstance(event, EpochDone) and event.history is self.session.trainings[place].history:
            self._weights[place] = event.instance_weights
        if self.session.state == PAUSED or time.perf_counter() >= self._next_picture:  # each Step is shown
            begun = time.perf_counter()
            self._show_state()
            self._draw_what_is_new()
            now = time.perf_counter()
            self._next_picture = now + max(REST, REST_SHARE * (now - begun))

    def _draw_what_is_new(self) -> None:
        epochs = [len(history) for history in self.session.histories]
        if epochs != self._drawn and (any(epochs) or self.session.state == PAUSED):  # else there is nothing to see yet
            if self._drawn is None:
                self._look_back()  # its codes are known now
            self._drawn = epochs
            self._offer_views()
            if self.view.value == "Regions":
                self._take_planes()
            super().redraw()

    def _on_end(self, session: Session) -> None:
        if session is not self.session:  # one that a Reset has left behind
            return
        self._show_state()  # first: after Stop somebody waits for this
        self.trace.value = lab_words.traceback_of(session)
        self._take_planes()
        self._look_back()
        self.closer.refresh()
        self._show_outcome()
        self._show_kept()
        super().redraw()
        self.keep_picture()

    def _still_trainings(self) -> list[Training]:
        """The latest runs, if they are not being trained now."""
        return [] if self.session.state == RUNNING else self.session.trainings

    def _why_no_closer_look(self) -> str:
        return lab_words.WAIT if self.session.state == RUNNING else lab_words.NOTHING_TRAINED

    def _clicked(self, change: dict) -> None:
        """A click on a point of the plane opens it in the microscope."""
        places = [place for place, plane in enumerate(self._planes) if plane is not None]
        if change["new"] and change["new"][0] < len(places):
            self.closer.show(places[change["new"][0]], change["new"][1])

    def _in_plane(self) -> bool:
        """Whether the data of the picture, or of the first run, are points in the plane."""
        task = self.session.trainings[0].task if self.session.trainings else self._own.get("task")
        if task is not None:
            return task.input_shape == (2,)
        return "dataset" not in self._own and self.controls.dataset.value == "clouds"

    def _offer_views(self) -> None:
        """Only views that have something to show."""
        names, kept = offered(self._in_plane()), self.view.value
        if tuple(self.view.options) != names:
            with self.no_redraw():
                self.view.options = names
                self.view.value = kept if kept in names else names[0]

    def _take_planes(self) -> None:
        trainings = self.session.trainings
        self._planes = [Plane.of(training, self._weights.get(place)) for place, training in enumerate(trainings)]

    def _shown(self) -> Shown:
        marked = None if self.epoch.value == self.epoch.max else self.epoch.value
        histories = self._histories()
        epochs = histories[0].config["epochs"] if histories else self.controls.epochs.value
        ghosts = self.ghosts if self.session.histories else []  # until the new run is there, the picture is the old one
        trainings, first = self.session.trainings, self._weights.get(0)
        return Shown(
            histories, ghosts, epochs, marked, self._planes,
            "recorded" if self._recorded else "before", trainings[0].task if trainings else None,
            None if first is None else first.cpu().numpy(),
        )  # fmt: skip

    def _look_back(self) -> None:
        """The epoch slider reaches as far as the runs that have ended."""
        longest = 1 if self.session.busy else max([1, *map(len, self._histories())])
        with self._lock, self.no_redraw():
            for widget in (self.player, self.epoch):
                widget.max = longest
                widget.value = longest
                widget.disabled = longest == 1
        self.codes.value = lab_words.codes(self._histories(), self.ghosts)

    def _show_state(self) -> None:
        self.progress.value = self.session.progress
        self.pause.description = "Resume" if self.session.state == PAUSED else "Pause"
        self._say(lab_words.READY if self.session.state == IDLE else lab_words.of(self.session))

    def _say(self, words: str) -> None:
        self.status.value = f'<div role="status" aria-live="polite">{escape(words)}</div>'

    def _changed(self, change: dict) -> None:
        """A control moved: nothing is redrawn; what is wrong with it is said, and what the picture shows instead."""
        was_wrong, self._problem = self._problem, self.controls.problem
        if self._problem:
            self._say(self._problem)
        elif was_wrong:
            self._show_state()
        if not self.session.trainings:
            self._offer_views()
        self._show_outcome()
        self._show_kept()

    def _folder(self) -> Path | None:
        """Where the next run is kept; None if it is not."""
        return self._checkpoint if self.keep and self.keep.value else None

    def _show_kept(self) -> None:
        """Whether Train goes on from a kept run, and what else there is to know about it."""
        if self.keep is None or self.session.state in (RUNNING, PAUSED):
            return
        if not self.keep.value and not self._checkpoint.is_dir():
            self.kept.value = ""
            return
        try:
            asked = self.controls.experiments()
        except ValueError:
            asked = []
        done = [epochs_kept(self._checkpoint, experiment) for experiment in asked]
        epochs, seeds = self.controls.epochs.value, self.controls.seeds.value
        words = lab_words.kept(done, epochs, seeds, self.keep.value, self.session.notes)
        self.kept.value = f"<div>{escape(words)}</div>" if words else ""

    def _resize(self, change: dict) -> None:
        self._size_columns()
        self.closer.enlarge(change["new"])
        super()._resize(change)

    def _size_columns(self) -> None:
        width = LARGE_LEFT if self.large.value else LEFT
        self.left.layout.flex, self.left.layout.width = f"0 0 {width}", width

    def _show_outcome(self) -> None:
        """What eight seeds say of the settings in the picture, or of the controls before the first run."""
        try:
            asked = self.controls.experiments()
        except ValueError:
            asked = []
        shown = self._in_picture()
        name = scenario_of((shown or asked or self._first)[0])
        words = sentence(name) if name in SCENARIOS else ""
        lines = re.sub("; (?=ahead of|not significantly|behind )", ";<br>", escape(words))
        self.outcome.value = f"<div><b>{escape(name)}</b>. {lines}</div>" if words else ""
        notice = lab_words.other_run(shown, asked, self.session.seeds, self.controls.seeds.value)
        self.notice.value = f'<div class="gdw-notice">{escape(notice)}</div>' if notice else ""


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
