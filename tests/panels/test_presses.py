"""Random presses, and runs that fail: never two runs in a session, never a dead control, never a thread left behind."""

import gc
import threading
import weakref

import pytest
import torch
from torch import nn

from gdw.experiments.experiment import Experiment
from gdw.training.run import run
from gdw_notebooks.panels.session import Session
from gdw_notebooks.panels.training_lab import TrainingLab
from tests.panels.presses import Presses, listening, press_at_random

SHORT_FORM, REAL_SHORT_FORM = 60, 20  # presses; the long form of both together is 10,000
START = Experiment(dataset="clouds", rate=0.4, epochs=2, device="cpu")


class Faulty(nn.Module):
    """A user's model that fails in its third batch, as long as it is set to fail."""

    def __init__(self, error):
        super().__init__()
        self.layers, self.error, self.left = nn.Linear(2, 3), error, 2

    def forward(self, points):
        self.left -= 1
        if self.left < 0 and self.error is not None:
            raise self.error
        return self.layers(points)


@pytest.mark.parametrize("really", [False, True], ids=["instant", "real training"])
def test_presses_in_any_order_from_two_threads_and_two_tabs(really):
    wanted = REAL_SHORT_FORM if really else SHORT_FORM
    assert press_at_random(wanted, really) >= wanted
    assert not [thread for thread in threading.enumerate() if thread.name == "training"]


def test_a_button_that_fails_in_one_tab_is_noticed(monkeypatch):
    def fail(lab):
        raise KeyError("a fault of ours")

    monkeypatch.setattr(TrainingLab, "_press_pause", fail)
    with listening():
        machine = Presses()
        machine.tabs[1].press("stop")
        machine.nothing_failed()
        machine.tabs[1].press("pause")
        with pytest.raises(AssertionError, match="a fault of ours"):
            machine.nothing_failed()
        machine.lab.close()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyError("weight"), "The run stopped: KeyError: 'weight'."),
        (RuntimeError("mat1 and mat2"), "The run stopped: RuntimeError: mat1 and mat2."),
        (torch.OutOfMemoryError("CUDA out of memory"), "not enough for batches of 100 images: try Batch size 50 or a"),
        (MemoryError(), "not enough for batches of 100 images: try Batch size 50 or a smaller model."),
        (SystemExit("enough"), "The run stopped: SystemExit: enough."),
        (KeyboardInterrupt(), "The run stopped: KeyboardInterrupt: it says no more."),
        (RuntimeError(), "The run stopped: RuntimeError: it says no more."),
    ],
)
def test_a_model_that_fails_ends_in_a_sentence_with_its_traceback_on_demand(error, sentence):
    model = Faulty(error)
    lab = TrainingLab(START.with_(method="cross-entropy"), beside="", model=model)
    lab.train.click()
    assert lab.session.join(60)
    assert sentence in lab.status.value.replace("&#x27;", "'")
    assert "The epochs before" not in lab.status.value  # there are none
    assert lab.trace.value.startswith("<details><summary>Traceback")
    assert type(error).__name__ in lab.trace.value
    model.error = None
    lab.train.click()
    assert lab.session.join(60)
    assert "Done." in lab.status.value
    assert lab.trace.value == ""
    lab.close()


def test_several_seeds_that_are_too_large_are_told_how_many_would_fit(monkeypatch):
    def greedy(*given, **more):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("gdw.training.sources.StackedSources.step_of", greedy)
    lab = TrainingLab(START, beside="")
    lab.controls.seeds.value = 4
    lab.run()
    assert "try Seeds, in all 2 or Batch size 50 or a smaller model." in lab.status.value
    assert "OutOfMemoryError: CUDA out of memory." in lab.trace.value


def test_data_that_do_not_fit_are_not_blamed_on_the_batch_size(monkeypatch):
    def greedy(*given, **more):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("gdw.training.many.ManySeeds.__init__", greedy)
    lab = TrainingLab(START, beside="")
    lab.run()
    assert "not enough for these data and this model: try a smaller data set, or a smaller model" in lab.status.value


class Hungry(Faulty):
    """Remembers, by weak references, what it took in each batch."""

    def __init__(self, error):
        super().__init__(error)
        self.taken = []

    def forward(self, points):
        large = points.clone()
        self.taken.append(weakref.ref(large))
        return super().forward(points)


def test_what_a_failed_run_took_is_free_before_the_next_one_begins():
    model = Hungry(torch.OutOfMemoryError("CUDA out of memory"))
    session = Session()
    gc.disable()
    try:
        session.run([START.with_(method="cross-entropy")], model=model)
        assert session.state == "failed"
        failed, model.error = model.taken[-1], None
        alive = []
        session._on_event = lambda place, event: alive.append(failed() is not None)
        session.run([START.with_(method="cross-entropy")], model=model)
    finally:
        gc.enable()
    assert session.state == "finished"
    assert not any(alive)


def test_on_a_page_for_visitors_the_traceback_goes_to_the_log(monkeypatch, capfd):
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    lab = TrainingLab(START.with_(method="cross-entropy"), beside="", model=Faulty(KeyError("weight")))
    lab.run()
    assert "The run stopped" in lab.status.value
    assert lab.trace.value == ""
    assert "KeyError: 'weight'" in capfd.readouterr().err


def test_after_a_run_that_diverges_the_next_one_is_what_it_always_is():
    lab = TrainingLab(START, beside="")
    lab.controls.lr.value = 1e30
    lab.run()
    assert "stopped being finite" in lab.status.value
    assert "TrainingDiverged" in lab.trace.value
    lab.controls.lr.value = START.lr
    assert lab.run().histories == [run(START)]
    assert lab.trace.value == ""
