"""The live run: the same text everywhere; in the widget what is missing, or a lab with the time of a step."""

import torch

from gdw.data.datasets import load_dataset
from gdw.experiments.experiment import Experiment
from gdw_notebooks.panels import live_run
from gdw_notebooks.panels.live_run import LiveRun, step_milliseconds, what_is_missing
from tests.picture_files import cifar_folder


def test_without_gpu_or_pictures_it_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    live = LiveRun()
    assert live.lab is None
    assert "needs a GPU that torch can use" in live.words.value
    assert "and CIFAR-10" in live.words.value
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert what_is_missing(None).startswith("CIFAR-10's pictures (let `pictures` name")
    assert "holds neither cifar-10-batches-py nor train/" in what_is_missing(tmp_path)
    (tmp_path / "train").mkdir()
    assert what_is_missing(tmp_path) == ""


def test_with_both_a_lab_stands_there_and_says_the_time_of_a_step(monkeypatch, tmp_path):
    monkeypatch.setattr(live_run, "what_is_missing", lambda pictures: "")
    small = {"model": "cnn", "epochs": 3, "meta_per_class": 2, "batch_size": 10, "device": "cpu", "threads": 1}
    live = LiveRun(cifar_folder(tmp_path, train=8, test=2), beside="cross-entropy", **small)
    assert "One step of GDW takes" in live.words.value
    assert " ms here; 3 epochs of 6 steps" in live.words.value
    live.lab.run()
    assert [history.method for history in live.lab.histories] == ["gdw", "cross-entropy"]
    live.lab.close()
    monkeypatch.undo()
    assert repr(live) == repr(LiveRun())  # on every machine the same text, so that a notebook's check holds


def test_the_time_of_a_step_is_a_time_and_the_steps_are_counted():
    experiment = Experiment(device="cpu", method="gdw")
    milliseconds, steps = step_milliseconds(experiment, load_dataset("digits"), steps=3)
    assert 0 < milliseconds < 10_000
    assert steps == 12
