"""Random presses of a lab's buttons and moves of its controls, from two threads and from two tabs of one page.

``press_at_random(presses)`` runs hypothesis' stateful machine with a trainer that takes no time;
``press_at_random(presses, really=True)`` with real training, whose numbers are compared with those of ``gdw.run``.
A long check (``python -m tools.soak``) calls both, with 10,000 presses in all.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from types import SimpleNamespace

import numpy as np
import traitlets.log
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gdw.experiments.experiment import Experiment
from gdw.experiments.history import FLOWS, GROUPS, History
from gdw.training.loop import BatchDone, EpochDone
from gdw.training.run import run
from gdw_notebooks.panels.session import Session
from gdw_notebooks.panels.training_lab import TrainingLab

START = Experiment(dataset="clouds", rate=0.4, epochs=3)
BATCHES, CLASSES, INSTANCES = 3, ("a", "b"), 4
WAIT_SECONDS = 20  # for a thread to end: far more than it takes
STEPS_PER_EXAMPLE = 50
BUTTONS = ("train", "pause", "step", "stop", "reset")
running: set[threading.Thread] = set()  # threads that train now: never two for one session
made: list[str] = []  # the button of each press since the last start of press_at_random
problems: list[str] = []  # what a button's or a control's function raised: ipywidgets only logs it


class Listener(logging.Handler):
    """Keeps what traitlets and ipywidgets log of failed functions."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            problems.append(self.format(record))


class InstantTraining:
    """A run of the right shape without any training; a seed of 13 fails, of 14 is a number that is not finite."""

    def __init__(self, experiment, **own):
        self.experiment = experiment
        self.history = History(experiment.config(), CLASSES, 0.4, (2, 2))
        self.task = SimpleNamespace(input_shape=(5,), has_pictures=False, train=[None] * INSTANCES, class_names=CLASSES)
        self.model = self.method = None

    def events(self):
        for epoch in range(self.experiment.epochs):
            for batch in range(BATCHES):
                if self.experiment.seed == 13:
                    raise KeyError("a user's model")
                yield BatchDone(epoch, batch, BATCHES, None, None)
            self.history.append(
                {
                    "test_accuracy": 50.0 + epoch,
                    "class_accuracy": np.array([40.0, 60.0]),
                    **dict.fromkeys(("flow_weight", "flow_mass"), np.ones((len(GROUPS), len(FLOWS)))),
                }
            )
            yield EpochDone(epoch, self.experiment.epochs, self.history, None)


class InstantRuns:
    """One seed of it, as ManySeeds has it."""

    at_once, notes, finished = False, (), False

    def __init__(self, experiment, seeds, **own):
        (seed,) = seeds
        self.trainings = [InstantTraining(experiment.with_(seed=seed), **own)]
        self.histories, self.events = [self.trainings[0].history], self.trainings[0].events

    def save(self):
        pass


class InstantLab(TrainingLab):
    """A lab with that trainer, which counts its threads, and draws nothing: drawing is slow and has its own tests."""

    def new_session(self) -> Session:
        return CountingSession(self._on_event, self._on_end, runs=InstantRuns)

    def redraw(self) -> None:
        pass

    def _draw_what_is_new(self) -> None:
        pass


class RealLab(InstantLab):
    """The same, but it trains."""

    def new_session(self) -> Session:
        return CountingSession(self._on_event, self._on_end)


class CountingSession(Session):
    """Fails where a second thread trains in it."""

    def _train(self, *given) -> None:
        thread = threading.current_thread()
        self.doubled = getattr(self, "doubled", False) or any(other.session is self for other in list(running))
        thread.session = self
        running.add(thread)
        try:
            super()._train(*given)
        finally:
            running.discard(thread)


class Tab:
    """One of the browser tabs that show a lab: it sends the kernel what a page sends, in messages."""

    def __init__(self, lab: TrainingLab):
        self.lab = lab

    def press(self, name: str) -> None:
        made.append(name)
        _receive(getattr(self.lab, name), {"method": "custom", "content": {"event": "click"}})

    def move(self, name: str, value: float) -> None:
        _receive(getattr(self.lab.controls, name), {"method": "update", "state": {"value": value}})


def _receive(widget, data: dict) -> None:
    widget._handle_msg({"content": {"data": data}, "buffers": []})


def at_the_same_time(*functions) -> None:
    """Each in a thread of its own, but the last, which is called here; all of them end."""
    others = [threading.Thread(target=function) for function in functions[:-1]]
    for other in others:
        other.start()
    functions[-1]()
    for other in others:
        other.join(WAIT_SECONDS)
        assert not other.is_alive()


class Presses(RuleBasedStateMachine):
    """Buttons and controls in any order, some from a second thread at the same time, as JupyterLab's kernel does it."""

    lab_class = InstantLab

    def __init__(self):
        super().__init__()
        problems.clear()  # of an example before: a failing sequence must fail in the same way when it is tried again
        self.lab = self.lab_class(START)
        self.tabs = Tab(self.lab), Tab(self.lab)

    def press(self, name: str) -> None:
        made.append(name)
        getattr(self.lab, name).click()

    @rule(name=st.sampled_from(BUTTONS))
    def press_a_button(self, name):
        self.press(name)

    @rule(names=st.lists(st.sampled_from(BUTTONS), min_size=2, max_size=4))
    def press_from_two_threads(self, names):
        def press(some):
            for name in some:
                self.press(name)

        at_the_same_time(lambda: press(names[::2]), lambda: press(names[1::2]))

    @rule(
        buttons=st.tuples(st.sampled_from(BUTTONS), st.sampled_from(BUTTONS)),
        seeds=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    )
    def both_tabs_move_a_control_and_press_a_button(self, buttons, seeds):
        def use(tab, button, seed):
            tab.move("seed", seed)
            tab.press(button)

        before = self.lab.controls.seed.value
        at_the_same_time(*[
            lambda given=given: use(*given) for given in zip(self.tabs, buttons, seeds, strict=True)
        ])  # fmt: skip
        allowed = {*seeds, *([START.seed, before] if "reset" in buttons else [])}  # Reset brings the first value back
        assert self.lab.controls.seed.value in allowed

    @rule(epochs=st.integers(1, 5), seed=st.integers(0, 14), rate=st.sampled_from([0.0, 0.5, 1.0]))
    def move_controls_while_a_button_is_pressed(self, epochs, seed, rate):
        def move():
            self.lab.controls.epochs.value, self.lab.controls.seed.value = epochs, seed
            self.lab.controls.rate.value = rate

        at_the_same_time(move, lambda: self.press("train"))
        asked = self.lab.controls.experiments()[0]
        assert (asked.epochs, asked.seed, asked.rate) == (epochs, seed, rate)

    @rule(text=st.sampled_from(["", "nonsense", "gdw1:x~0", START.code, START.with_(method="mwnet").code]))
    def paste_a_code(self, text):
        self.lab.controls.code.value = text

    @rule(epoch=st.integers(1, 5), view=st.sampled_from(["Accuracy", "Weights"]))
    def look_around(self, epoch, view):
        self.lab.view.value = view
        self.lab.epoch.value = epoch

    @invariant()
    def one_run_at_most(self):
        sessions = [thread.session for thread in list(running)]
        assert len(sessions) == len(set(sessions))
        assert not getattr(self.lab.session, "doubled", False)

    @invariant()
    def nothing_failed(self):
        assert not problems, problems[0]

    @invariant()
    def every_control_is_alive(self):
        buttons = [getattr(self.lab, name) for name in BUTTONS]
        assert not any(button.disabled for button in buttons)

    def teardown(self):
        """Whatever was pressed: Stop ends it, a new run starts clean and ends well, and no thread is left."""
        lab = self.lab
        lab.stop.click()
        assert lab.session.join(WAIT_SECONDS)
        lab.reset.click()
        lab.train.click()
        assert lab.session.join(WAIT_SECONDS)
        deadline = time.monotonic() + WAIT_SECONDS
        while "Done." not in lab.status.value and time.monotonic() < deadline:
            time.sleep(0.001)
        assert lab.session.state == "finished", lab.status.value
        self.check(lab.histories)
        assert lab.trace.value == ""
        self.nothing_failed()
        lab.close()
        assert not [thread for thread in running if thread.session is lab.session]

    def check(self, histories: list[History]) -> None:
        assert [len(history) for history in histories] == [START.epochs] * 2


class RealPresses(Presses):
    """With real training: whatever was pressed before, the run at the end has the numbers of ``gdw.run``."""

    lab_class = RealLab

    def check(self, histories: list[History]) -> None:
        assert histories == unbroken()


@cache
def unbroken() -> list[History]:
    return [run(START), run(START.with_(method="mwnet"))]


@contextmanager
def listening() -> Iterator[None]:
    """Within: what a button's or a control's function raises is in ``problems``."""
    log, listener = traitlets.log.get_logger(), Listener()
    before = log.level, log.disabled, logging.root.manager.disable
    log.setLevel(logging.WARNING)  # whatever an application in this process has set
    log.disabled, logging.root.manager.disable = False, logging.NOTSET
    log.addHandler(listener)
    try:
        yield
    finally:
        log.removeHandler(listener)
        log.setLevel(before[0])
        log.disabled, logging.root.manager.disable = before[1:]
        problems.clear()


def press_at_random(presses: int, really: bool = False) -> int:
    """At least so many random presses of buttons; how many there were.

    Args:
        really: whether each press of Train trains; otherwise a trainer that takes no time stands in for it.

    Raises:
        AssertionError: with the shortest failing sequence.
    """
    made.clear()
    with listening():
        for number in count():
            _press(seed(number)(RealPresses if really else Presses), presses - len(made))
            if len(made) >= presses:
                break
    assert not running
    return len(made)


def _press(machine: type[Presses], presses: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=2 + presses // STEPS_PER_EXAMPLE,  # hypothesis' first example is always the simplest
            stateful_step_count=STEPS_PER_EXAMPLE, deadline=None,
            suppress_health_check=list(HealthCheck), database=None,
        ),
    )  # fmt: skip
