"""A value and a press from two threads, in each order: what the controls say when Train is pressed is what trains.

JupyterLab sends values through one thread of the kernel and presses through another. The page holds a press back until
its values have arrived (care.js, held to that by the browser's tests). From there on it is up to the lab.
"""

import threading

import pytest

from gdw.experiments.experiment import Experiment
from gdw_notebooks.panels.training_lab import TrainingLab
from gdw_notebooks.recorded.scenarios import SCENARIOS

WAIT = 60  # seconds for another thread: far more than it takes
START = Experiment(dataset="clouds", rate=0.4, epochs=1)
A_MOMENT = 0.2  # seconds, for a thread to do what it must not do


@pytest.fixture
def lab():
    lab = TrainingLab(START, beside="")
    yield lab
    lab.close()
    assert lab.session.join(WAIT)


def in_thread(action):
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def trained(lab):
    """The seeds and rates of what has trained, as its histories tell."""
    assert lab.session.join(WAIT)
    return [(history.seed, history.config["rate"]) for history in lab.histories]


def set_values(lab):
    lab.controls.rate.value, lab.controls.seed.value, lab.controls.seeds.value = 0.1, 5, 2


def test_a_value_before_the_press_trains(lab):
    arrived = threading.Event()
    values = in_thread(lambda: (set_values(lab), arrived.set()))
    press = in_thread(lambda: (arrived.wait(WAIT), lab.train.click()))
    for thread in (values, press):
        thread.join(WAIT)
    assert trained(lab) == [(5, 0.1), (6, 0.1)]
    assert lab.notice.value == ""


def test_a_value_after_the_press_waits_for_the_next_one(lab, monkeypatch):
    """It comes in the middle of the press: after the settings were read, before anything trains."""
    pressed, arrived, clear = threading.Event(), threading.Event(), lab._clear

    def clear_slowly(experiments):
        pressed.set()
        assert arrived.wait(WAIT)
        clear(experiments)

    monkeypatch.setattr(lab, "_clear", clear_slowly)
    press = in_thread(lab.train.click)
    assert pressed.wait(WAIT)
    in_thread(lambda: (set_values(lab), arrived.set())).join(WAIT)
    press.join(WAIT)
    assert trained(lab) == [(0, 0.4)]
    assert "shows other settings than the controls: clouds, uniform noise 0.4" in lab.notice.value
    lab.train.click()
    assert trained(lab) == [(5, 0.1), (6, 0.1)]
    assert lab.notice.value == ""


@pytest.mark.parametrize("control", ["scenario", "code"])
def test_a_press_in_the_middle_of_a_scenario_or_a_code_waits_for_all_of_it(lab, control):
    """They set one widget after another: half of them would be settings that nobody asked for."""
    name, wanted = next((n, e) for n, e in SCENARIOS.items() if e.imbalance != START.imbalance and e.rate == 0)
    half, go_on, asked = threading.Event(), threading.Event(), []

    def in_the_middle(change):
        half.set()
        assert go_on.wait(WAIT)

    lab.controls.dataset.observe(in_the_middle, names="value")  # the first of the widgets that are set
    value = name if control == "scenario" else wanted.code
    values = in_thread(lambda: setattr(getattr(lab.controls, control), "value", value))
    assert half.wait(WAIT)
    lab.session.start = lambda experiments, **more: asked.append(experiments)
    press = in_thread(lab.train.click)
    press.join(A_MOMENT)
    assert press.is_alive()
    go_on.set()
    for thread in (values, press):
        thread.join(WAIT)
    assert asked == [[wanted]]


def test_a_press_while_a_bad_code_arrives_trains_nothing(lab):
    arrived = threading.Event()
    values = in_thread(lambda: (setattr(lab.controls.code, "value", "gdw1:nonsense"), arrived.set()))
    press = in_thread(lambda: (arrived.wait(WAIT), lab.train.click()))
    for thread in (values, press):
        thread.join(WAIT)
    assert not lab.session.busy
    assert lab.session.state == "idle"
    assert "not a run code" in lab.status.value
    with pytest.raises(ValueError, match="not a run code"):
        lab.run()


def test_a_kernel_that_is_behind_takes_no_pressed_view_back(lab, monkeypatch):
    """The page has gone on to another view when the kernel hears of the first: it must not say which one is shown."""
    sent = []
    for widget in (lab.view, lab.picture):
        monkeypatch.setattr(widget, "_send", lambda message, buffers=None: sent.append(message))
    lab.view.set_state({"index": 2})  # as a message from the page
    lab.run()
    told = {name for message in sent if message["method"] == "update" for name in message["state"]}  # no mere echo
    assert "views" in told
    assert told <= {"views", "shots", "old"}
