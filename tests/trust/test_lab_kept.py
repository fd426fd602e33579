"""A run that the lab keeps: the kernel ends in the middle, a new lab goes on, and the numbers are those of one run."""

import subprocess
import sys
import time

import pytest

from gdw.data.datasets import load_dataset
from gdw.experiments.experiment import Experiment
from gdw.training.loop import EpochDone
from gdw.training.run import run
from gdw_notebooks.panels.session import Session
from gdw_notebooks.panels.training_lab import TrainingLab

WAIT = 240  # seconds: far more than any of these runs takes
START = Experiment(dataset="clouds", rate=0.4, epochs=6, device="cpu")
BOTH = [START, START.with_(method="mwnet")]


@pytest.fixture(scope="module")
def unbroken():
    return [run(experiment) for experiment in BOTH]


def broken_off(folder, epochs, experiments=BOTH, **own):
    """Train and stop once so many epochs of the first run are over; how many there are then."""
    session = Session(lambda place, event: stop(event))

    def stop(event):
        if isinstance(event, EpochDone) and event.epoch + 1 == epochs:
            session._gate.stop()

    session.start(experiments, keep=folder, **own)
    assert session.join(WAIT)
    assert session.state == "stopped"
    return [len(history) for history in session.histories]


def lab_on(folder, start=START, **more):
    return TrainingLab(start, checkpoint=folder, **more)


def test_a_new_session_goes_on_where_the_old_one_was(tmp_path, unbroken):
    assert broken_off(tmp_path, 2) == [2, 1]  # they take turns
    seen = []
    session = Session(lambda place, event: seen.append((place, event)))
    session.start(BOTH, keep=tmp_path)
    assert session.join(WAIT)
    assert session.histories == unbroken
    first = [event.epoch for place, event in seen if place == 0 and isinstance(event, EpochDone)]
    assert first == [2, 3, 4, 5]
    assert session.progress == 1


def test_a_new_lab_offers_to_go_on_and_ends_with_the_same_numbers(tmp_path, unbroken):
    broken_off(tmp_path, 3)
    lab = lab_on(tmp_path)
    assert "with Keep, Train goes on at epoch 3 of 6." in lab.kept.value  # MWNet has finished two
    lab.keep.value = True
    assert lab.kept.value == "<div>Train goes on at epoch 3 of 6.</div>"
    lab.controls.seed.value = 1
    assert lab.kept.value == ""
    lab.controls.seed.value = 0
    lab.train.click()
    assert lab.session.join(WAIT)
    assert lab.histories == unbroken
    assert "Done." in lab.status.value
    assert lab.kept.value == ""
    lab.close()


def test_stop_in_the_lab_keeps_the_last_batch(tmp_path, unbroken):
    lab = lab_on(tmp_path, START)
    lab.keep.value = True
    lab.step.click()
    deadline = time.monotonic() + WAIT
    while not lab.session.latest and time.monotonic() < deadline:
        time.sleep(0.005)
    lab.stop.click()
    assert lab.session.join(WAIT)
    again = lab_on(tmp_path)
    again.keep.value = True
    assert "Train goes on at epoch 1 of 6." in again.kept.value
    again.run()
    assert again.histories == unbroken


def test_a_kernel_that_is_killed_loses_nothing_but_time(tmp_path, unbroken):
    """It ends without a word, while it trains, with what it has written before."""
    code = (
        "import os, sys, time\n"
        "from gdw.training.many import ManySeeds\n"
        "from gdw_notebooks.panels.training_lab import TrainingLab\n"
        "from tests.trust.test_lab_kept import START\n"
        "ManySeeds.__init__.__kwdefaults__['every'] = 0.0\n"
        "lab = TrainingLab(START, checkpoint=sys.argv[1])\n"
        "lab.keep.value = True\n"
        "lab.train.click()\n"
        "while not any(len(history) >= 2 for history in lab.session.histories): time.sleep(0.01)\n"
        "os._exit(9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=WAIT, check=False)
    assert ended.returncode == 9
    lab = lab_on(tmp_path)
    lab.keep.value = True
    assert "Train goes on at epoch" in lab.kept.value
    assert lab.run().histories == unbroken


def test_a_finished_run_starts_again(tmp_path, unbroken):
    lab = lab_on(tmp_path)
    lab.keep.value = True
    for _ in range(2):
        assert lab.run().histories == unbroken
        assert lab.session.latest[0].epoch == 5
        assert lab.kept.value == ""


def test_without_keep_nothing_is_written_and_nothing_is_read(tmp_path, unbroken):
    folder = tmp_path / "checkpoints"
    lab = lab_on(folder)
    lab.run()
    assert not folder.exists()
    broken_off(folder, 1)
    before = sorted(path.read_bytes() for path in folder.iterdir())
    assert lab.run().histories == unbroken
    assert sorted(path.read_bytes() for path in folder.iterdir()) == before


def test_a_damaged_checkpoint_is_passed_over_with_a_word(tmp_path, unbroken):
    for epochs in (1, 3):
        broken_off(tmp_path, epochs)
    for path in tmp_path.glob("*.safetensors"):
        if "previous" not in path.name:
            path.write_bytes(path.read_bytes()[:100])
    lab = lab_on(tmp_path)
    lab.keep.value = True
    lab.run()
    assert lab.histories == unbroken
    assert "is not a saved run, or it was cut off" in lab.kept.value


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    lab = lab_on(tmp_path / "file" / "checkpoints")
    lab.keep.value = True
    lab.run()
    assert "This could not be trained: no checkpoints can be kept in" in lab.status.value
    lab.keep.value = False
    lab.run()
    assert "Done." in lab.status.value


def test_several_seeds_are_not_kept_and_that_is_said(tmp_path):
    lab = lab_on(tmp_path / "checkpoints")
    lab.keep.value, lab.controls.seeds.value = True, 2
    assert "Several seeds at once are not kept." in lab.kept.value
    lab.run()
    assert not (tmp_path / "checkpoints").exists()


def test_visitors_and_models_of_ones_own_have_no_such_switch(tmp_path, monkeypatch):
    assert lab_on(tmp_path, START, dataset=load_dataset("clouds")).keep is not None
    assert lab_on(tmp_path, START, model=object()).keep is None
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    lab = lab_on(tmp_path / "checkpoints")
    assert lab.keep is None
    lab.run()
    assert not (tmp_path / "checkpoints").exists()
