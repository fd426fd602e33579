"""A run in the background does what a run in the foreground does, and stops, pauses and fails as one is told."""

import gc
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from gdw.data.datasets import load_dataset
from gdw.experiments.experiment import Experiment
from gdw.training.loop import BatchDone, EpochDone, TrainingDiverged
from gdw.training.many import Checkpoints, ManySeeds
from gdw_notebooks.panels.session import ALL_RUNS, Busy, Session, imports
from tests.runs import known

WAIT = 240  # seconds: far more than any of these runs takes
SHORT = Experiment(dataset="clouds", rate=0.4, method="gdw", epochs=2)
LONG = Experiment(dataset="clouds", rate=0.4, method="cross-entropy", epochs=100_000)


@pytest.fixture
def session():
    events = []
    session = Session(lambda place, event: events.append((place, event)))
    session.events = events
    yield session
    session.stop(WAIT)


def wait_until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_background_gives_the_same_history_as_the_foreground(session):
    session.start([SHORT])
    assert session.join(WAIT)
    assert session.state == "finished"
    assert session.progress == 1
    assert session.histories == [known(SHORT)]


def test_two_runs_take_turns_batch_by_batch(session):
    other = SHORT.with_(method="cross-entropy")
    session.start([SHORT, other])
    session.join(WAIT)
    assert session.histories == [known(SHORT), known(other)]
    places = [place for place, event in session.events if isinstance(event, BatchDone)]
    assert places == [0, 1] * (len(places) // 2)


def test_a_second_start_is_refused_and_the_first_goes_on(session):
    session.start([LONG])
    with pytest.raises(Busy, match="going on already"):
        session.start([SHORT])
    with pytest.raises(Busy):
        session.run([SHORT])
    wait_until(lambda: session.events)
    assert session.state == "running"


def test_stop_keeps_the_history_and_leaves_no_thread(session):
    before = threading.active_count()
    session.start([LONG])
    wait_until(lambda: any(isinstance(event, EpochDone) for _, event in session.events))
    assert session.stop(WAIT)
    assert session.state == "stopped"
    assert 1 <= len(session.histories[0]) < LONG.epochs
    assert threading.active_count() == before


def test_what_a_run_keeps_from_the_garbage_collector_it_gives_back():
    frozen = []
    session = Session(lambda place, event: frozen.append(gc.get_freeze_count()))
    session.run([SHORT])
    assert min(frozen) > 1000  # the libraries
    assert gc.get_freeze_count() == 0


def test_after_a_stop_one_may_start_again(session):
    session.start([LONG])
    session.stop(WAIT)
    session.start([SHORT])
    session.join(WAIT)
    assert session.histories == [known(SHORT)]


def test_step_takes_one_batch_of_each_and_stands(session):
    session.start([SHORT, SHORT.with_(method="mwnet")], paused=True)
    assert session.state == "paused"
    session.step()
    wait_until(lambda: len(session.events) == 2)
    assert [(place, event.batch) for place, event in session.events] == [(0, 0), (1, 0)]
    for count in range(2, session.events[0][1].batches + 1):
        session.step()
        wait_until(lambda count=count: len(session.events) >= 2 * count)
    wait_until(lambda: len(session.histories[1]) == 1)  # the last batch of an epoch brings the epoch with it
    assert session.state == "paused"


def test_pause_stands_still_and_resume_goes_on(session):
    session.start([LONG])
    wait_until(lambda: session.events)
    session.pause()
    assert session.state == "paused"
    time.sleep(0.2)  # the current batch ends
    count = len(session.events)
    time.sleep(0.2)
    assert len(session.events) == count
    session.resume()
    wait_until(lambda: len(session.events) > count)


def test_a_pause_does_not_keep_one_from_stopping(session):
    session.start([LONG], paused=True)
    assert session.stop(WAIT)
    assert session.state == "stopped"


def test_one_run_diverges_and_the_other_ends(session):
    wild = SHORT.with_(method="cross-entropy", lr=1e30)
    session.start([wild, SHORT])
    session.join(WAIT)
    assert session.state == "failed"
    assert isinstance(session.errors[0], TrainingDiverged)
    assert session.histories[0].error == str(session.errors[0])
    assert session.histories[1] == known(SHORT)


def test_bad_input_is_kept_for_its_owner(session):
    session.start([SHORT.with_(batch_size=10_000)])
    session.join(WAIT)
    assert session.state == "failed"
    assert "batch_size must not exceed" in str(session.errors[ALL_RUNS])


def test_nothing_to_train_is_an_error(session):
    with pytest.raises(ValueError, match="nothing to train"):
        session.start([])
    assert session.state == "idle"


def test_a_data_set_of_ones_own(session):
    clouds = replace(load_dataset("clouds"), name="mine", class_names=("a", "b", "c"))
    session.start([SHORT], dataset=clouds)
    session.join(WAIT)
    assert session.histories[0].class_names == ("a", "b", "c")


def test_an_interrupt_in_the_foreground_keeps_the_history():
    ended = []

    def press_stop(place, event):
        if isinstance(event, EpochDone) and event.epoch == 2:
            raise KeyboardInterrupt

    session = Session(press_stop, ended.append)
    (history,) = session.run([LONG])
    assert len(history) == 3
    assert session.state == "stopped"
    assert ended == [session]


def test_an_interpreter_ends_while_a_run_goes_on():
    code = (
        "import time\n"
        "from gdw.experiments.experiment import Experiment\n"
        "from gdw_notebooks.panels.session import Session\n"
        "session = Session()\n"
        f"session.start([Experiment(dataset='clouds', method='gdw', epochs={LONG.epochs})])\n"
        "while not session.progress: time.sleep(0.01)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_several_seeds_at_once_are_what_each_is_alone(session):
    exact = SHORT.with_(precision="float64")
    session.start([exact, exact.with_(method="cross-entropy")], seeds=3)
    assert session.join(WAIT)
    assert (session.state, session.progress) == ("finished", 1)
    assert [(h.method, h.seed) for h in session.histories] == [
        (method, seed) for method in ("gdw", "cross-entropy") for seed in (0, 1, 2)
    ]
    for history in session.histories:
        alone = known(exact.with_(method=history.method, seed=history.seed))
        assert history["train_loss"] == pytest.approx(alone["train_loss"], abs=1e-9)
    assert [t.experiment.seed for t in session.trainings] == [0, 0]  # each run's first


def test_a_step_of_several_seeds_is_one_batch_of_each(session):
    session.start([SHORT], seeds=2, paused=True)
    wait_until(lambda: session.trainings)
    for taken in (1, 2):
        session.step()
        wait_until(lambda taken=taken: len(session.events) == taken)
    assert all(event.gradient.shape[0] == 2 for _, event in session.events)


def test_the_last_batch_of_an_epoch_brings_the_epoch_of_every_seed(session):
    session.start([SHORT], seeds=3, paused=True)
    wait_until(lambda: session.trainings)
    while not (batches := [event for _, event in session.events if isinstance(event, BatchDone)]) or (
        batches[-1].batch + 1 < batches[-1].batches
    ):
        before = len(session.events)
        session.step()
        wait_until(lambda before=before: len(session.events) > before)
    wait_until(lambda: [isinstance(event, EpochDone) for _, event in session.events[-3:]] == [True] * 3)
    assert session.progress == pytest.approx(1 / SHORT.epochs)


def test_seeds_that_cannot_train_at_once_train_one_after_another(session):
    small = Experiment(model="cnn", epochs=1, train_per_class=20, batch_size=100, device="cpu", method="cross-entropy")
    session.start([small], seeds=2)
    assert session.join(WAIT)
    assert session.histories == [known(small), known(small.with_(seed=1))]
    assert (session.state, session.progress) == ("finished", 1)


def test_a_seed_that_diverges_is_an_error_and_the_others_are_kept(session):
    session.start([SHORT.with_(lr=1e30)], seeds=2)
    assert session.join(WAIT)
    assert session.state == "failed"
    assert "stopped being finite" in str(session.errors[0])


def test_several_seeds_of_what_there_is_but_one_of_are_refused(session):
    with pytest.raises(ValueError, match="each seed has its own"):
        session.start([SHORT], seeds=2, model=object())
    assert session.state == "idle"


def test_what_was_stopped_goes_on_from_its_batch_and_ends_with_the_same_numbers(session):
    other = SHORT.with_(method="cross-entropy")
    session.start([SHORT, other], paused=True)
    for taken in (1, 2):
        session.step()
        wait_until(lambda taken=taken: len(session.events) == 2 * taken)
    assert session.stop(WAIT)
    session.go_on(paused=True)
    session.step()
    wait_until(lambda: len(session.events) == 6)
    assert [event.batch for _, event in session.events] == [0, 0, 1, 1, 2, 2]
    session.resume()
    assert session.join(WAIT)
    assert (session.state, session.histories) == ("finished", [known(SHORT), known(other)])
    assert not session.can_go_on
    with pytest.raises(ValueError, match="nothing was stopped"):
        session.go_on()


def test_several_seeds_that_were_stopped_go_on_too(session):
    session.start([SHORT], seeds=2, paused=True)
    wait_until(lambda: session.trainings)
    session.step()
    wait_until(lambda: session.events)
    assert session.stop(WAIT)
    session.go_on()
    assert session.join(WAIT)
    unbroken = Session().run([SHORT], seeds=2)
    assert session.histories == unbroken


@pytest.mark.parametrize("every", [0.0, 1e9])
def test_a_finished_run_is_saved_once(session, tmp_path, monkeypatch, every):
    saved, save = [], Checkpoints.save

    def count(checkpoints, training):
        saved.append(training.finished)
        save(checkpoints, training)

    monkeypatch.setattr(Checkpoints, "save", count)
    keeping = lambda *given, **more: ManySeeds(*given, **more, every=every)  # noqa: E731
    kept = Session(runs=keeping)
    kept.run([SHORT], keep=tmp_path)
    assert kept.state == "finished"
    assert saved.count(True) == 1
    assert (saved.count(False) > 0) == (every == 0)


def test_what_the_first_run_needs_is_imported_once_in_a_process_and_before_it(monkeypatch):
    called = []
    monkeypatch.setattr("gdw_notebooks.panels.session.torch.optim.SGD", lambda given: called.append(given))
    imports.cache_clear()
    assert imports() is imports()
    imports().join()
    assert len(called) == 1
    monkeypatch.undo()
    imports.cache_clear()
    Session().run([SHORT.with_(epochs=1)])
    assert imports.cache_info().currsize
    assert not imports().is_alive()
