"""The lab by its traits: what the controls say is what trains, what has trained is what is drawn."""

import threading
import time

import pytest
import torch

from gdw.training.experiment import Experiment
from gdw.training.run import run
from gdw_notebooks.panels import lab_words
from gdw_notebooks.panels.lab_controls import imbalance_label
from gdw_notebooks.panels.lab_views import VIEWS
from gdw_notebooks.panels.session import Busy
from gdw_notebooks.panels.training_lab import TrainingLab
from gdw_notebooks.recorded.scenarios import SCENARIOS

WAIT = 240  # seconds: far more than any of these runs takes
START = Experiment(dataset="clouds", rate=0.4, epochs=3)
ENDLESS = 10_000  # epochs


@pytest.fixture
def lab():
    lab = TrainingLab(START)
    yield lab
    lab.close()
    lab.session.join(WAIT)  # close waits two seconds; a first run may still be importing what reads its data
    assert not [thread for thread in threading.enumerate() if thread.name == "training"]


def wait_until(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def line(lab, method):
    axes = lab.draw().axes[0]
    return {each.get_label(): each.get_ydata() for each in axes.get_lines()}[method]


def test_train_draws_what_the_same_experiments_give_elsewhere(lab):
    lab.train.click()
    lab.session.join(WAIT)
    for method in ("gdw", "mwnet"):
        assert line(lab, method).tolist() == run(START.with_(method=method))["test_accuracy"].tolist()
    assert lab.progress.value == 1
    assert "Done." in lab.status.value
    assert lab.picture.alt.startswith("Learning curves: test accuracy by epoch. After 3 epochs:")


def test_several_seeds_are_a_mean_with_a_band(lab):
    lab.controls.seeds.value = 3
    lab.run()
    assert [(h.method, h.seed) for h in lab.histories] == [(m, s) for m in ("gdw", "mwnet") for s in range(3)]
    mean = sum(history["test_accuracy"] for history in lab.histories[:3]) / 3
    assert line(lab, "gdw").tolist() == pytest.approx(mean.tolist())
    assert len(lab.draw().axes[0].collections) == 2  # a band for each method
    assert "Mean ± sd of 3 seeds." in lab.status.value
    assert lab.table()["GDW"].tolist() == pytest.approx(mean.tolist())
    for view in VIEWS:
        lab.view.value = view
        assert lab.table() is not None
    lab.reset.click()
    assert lab.controls.seeds.value == 1


def test_within_a_cell_it_gives_the_same(lab):
    assert lab.run() is lab
    assert lab.histories == [run(START), run(START.with_(method="mwnet"))]


def test_the_curve_grows_and_the_controls_stay_alive_while_it_trains(lab):
    lab.controls.epochs.value = ENDLESS
    before = lab.picture.value
    lab.train.click()
    wait_until(lambda: lab.picture.value != before and lab.progress.value > 0)
    second = lab.picture.value
    lab.view.value = "Classes"  # the training's thread draws it
    wait_until(lambda: lab.picture.alt.startswith("Bars"))
    assert lab.picture.value != second
    lab.controls.rate.value = 0.9
    assert lab.session.busy


def test_a_second_train_is_refused_kindly(lab):
    lab.controls.epochs.value = ENDLESS
    lab.train.click()
    wait_until(lambda: len(lab.session.trainings) == 2)
    first = lab.session.trainings
    lab.train.click()
    assert lab_words.BUSY in lab.status.value or lab.session.progress > 0  # its own progress may have followed
    assert all(now is before for now, before in zip(lab.session.trainings, first, strict=True))
    with pytest.raises(Busy):
        lab.run()


def test_stop_keeps_what_has_been_learnt(lab):
    lab.controls.epochs.value = ENDLESS
    lab.train.click()
    wait_until(lambda: lab.histories and len(lab.histories[0]))
    lab.stop.click()
    lab.session.join(WAIT)
    assert "Stopped" in lab.status.value
    assert 0 < len(lab.histories[0]) < ENDLESS
    assert lab.epoch.max == max(map(len, lab.histories))


def test_stop_is_answered_at_once_while_a_picture_is_drawn(lab, monkeypatch):
    drawing, go_on, draw = threading.Event(), threading.Event(), lab.draw

    def slowly():
        drawing.set()
        assert go_on.wait(WAIT)
        return draw()

    monkeypatch.setattr(lab, "draw", slowly)
    lab.controls.epochs.value = ENDLESS
    lab.train.click()
    assert drawing.wait(WAIT)
    lab.stop.click()
    assert lab_words.STOPPING in lab.status.value
    go_on.set()
    assert lab.session.join(WAIT)
    wait_until(lambda: "Stopped" in lab.status.value)


def test_pause_and_resume(lab):
    lab.controls.epochs.value = ENDLESS
    lab.train.click()
    wait_until(lambda: lab.session.progress)
    lab.pause.click()
    assert lab.pause.description == "Resume"
    assert "Paused" in lab.status.value
    lab.pause.click()
    assert lab.session.state == "running"


def test_step_takes_one_batch_of_each(lab):
    lab.step.click()
    wait_until(lambda: lab.session.progress)
    batches = len(lab.session.trainings[0].task.train) // START.batch_size
    wait_until(lambda: abs(lab.session.progress - 1 / (batches * START.epochs)) < 1e-9)
    assert lab.session.state == "paused"


def test_the_run_before_stays_as_a_ghost(lab):
    lab.run()
    first = lab.histories[0]["test_accuracy"].tolist()
    lab.controls.seed.value = 1
    lab.run()
    assert line(lab, "before: gdw").tolist() == first
    assert lab.histories[0].seed == 1


def test_a_run_code_brings_the_controls_back(lab):
    other = Experiment(noise="flip", rate=0.4, imbalance=0.02, method="l2rw", seed=7, epochs=9, batch_size=50)
    lab.controls.code.value = f"{other.code}\n{other.with_(method='gdw-tied').code}"
    controls = lab.controls
    assert (controls.noise.value, controls.rate.value, controls.imbalance.value) == ("flip", 0.4, 0.02)
    assert (controls.seed.value, controls.epochs.value, controls.method.value) == (7, 9, "l2rw")
    assert controls.experiments() == [other, other.with_(method="gdw-tied")]  # its batch size as well


def test_every_change_shows_in_the_code_and_the_code_starts_a_lab(lab):
    lab.controls.rate.value = 0.25
    lab.controls.beside.value = ""
    again = TrainingLab(lab.controls.code.value, beside="")
    assert again.controls.experiments() == [START.with_(rate=0.25)]


def test_a_wrong_code_is_said_and_changes_nothing(lab):
    before = lab.controls.experiments()
    lab.controls.code.value = "gdw1:nonsense"
    assert "not a run code" in lab.status.value
    assert lab.controls.experiments() == before


def test_bad_input_is_said_and_the_lab_lives_on(lab):
    lab.controls.dataset.value = "cloudz"
    lab.train.click()
    lab.session.join(WAIT)
    assert "did you mean" in lab.status.value
    lab.controls.dataset.value = "clouds"
    lab.controls.epochs.value = 1
    assert len(lab.run().histories[0]) == 1


def test_a_run_that_diverges_says_so(lab):
    lab.controls.code.value = START.with_(method="cross-entropy", lr=1e30).code
    lab.run()
    assert "stopped being finite" in lab.status.value


def test_a_scenario_sets_the_controls(lab):
    lab.controls.scenario.value = "long tail 0.02"
    assert lab.controls.experiments()[0] == SCENARIOS["long tail 0.02"]
    assert lab.controls.imbalance.label == "0.02 (50 : 1)"
    lab.controls.rate.value = 0.5
    assert lab.controls.scenario.value.startswith("–")  # one's own settings now


@pytest.mark.parametrize(("imbalance", "label"), [(1.0, "1 (all classes equal)"), (0.01, "0.01 (100 : 1)")])
def test_imbalance_is_written_both_ways(imbalance, label):
    assert imbalance_label(imbalance) == label


def test_the_hint_says_what_a_rate_comes_to():
    assert "54 %" in TrainingLab("uniform 60").controls.hint.value


def test_reset_forgets_and_goes_back(lab):
    lab.controls.rate.value = 0.9
    lab.run()
    lab.reset.click()
    assert lab.histories == lab.ghosts == []
    assert lab.controls.experiments()[0] == START
    assert lab.status.value == TrainingLab(START).status.value


def test_looking_back_reads_an_earlier_epoch(lab):
    lab.run()
    lab.epoch.value = 1
    assert "After 1 epoch:" in lab.picture.alt
    assert len(line(lab, "gdw")) == 3  # the whole curve stays in sight


def test_a_recorded_history_plays_in_the_same_panel():
    recorded = run(START)
    lab = TrainingLab(histories=[recorded])
    assert lab.controls.experiments() == [START]
    assert lab.epoch.max == 3
    lab.epoch.value = 2
    assert "After 2 epochs: GDW" in lab.picture.alt
    lab.show_table.value = True
    assert f"{recorded['test_accuracy'][0]:.4g}" in lab.data.value


@pytest.mark.parametrize("view", ["Accuracy", "Classes", "Weights", "Gradient", "V’s curve", "Regions"])
def test_every_view_has_words_a_picture_and_a_table(lab, view):
    lab.view.value = view  # before any run
    lab.run()
    lab.show_table.value = True
    assert lab.picture.value.startswith(b"\x89PNG")
    assert lab.picture.alt.endswith(lab.draw().get_suptitle().replace("\n", " "))
    assert "<table" in lab.data.value


def test_run_codes_stand_beneath_the_picture(lab):
    lab.run()
    assert START.code.replace("&", "&amp;") in lab.codes.value


def test_a_click_on_a_point_opens_it_in_the_microscope(lab):
    lab.view.value = "Regions"
    lab.run()
    point = 7
    task, axes = lab.session.trainings[1].task, lab._figure.axes[1]
    x, y = axes.transData.transform(task.train.images[point].tolist())
    before = {name: value.clone() for name, value in lab.session.trainings[1].model.state_dict().items()}
    lab.picture.clicked = [x / lab._figure.bbox.width, 1 - y / lab._figure.bbox.height]
    shown = lab.closer.microscope.instance
    assert (lab.closer.method.value, lab.closer.instance.value) == (1, point)
    assert (shown.label, shown.clean_label) == (int(task.train.labels[point]), int(task.clean_labels[point]))
    after = lab.session.trainings[1].model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    lab.closer.shut.click()
    assert lab.closer.microscope is None


def test_any_instance_of_any_run_can_be_looked_at_but_not_while_it_moves(lab):
    lab.closer.look.click()
    assert lab.closer.words.value == lab_words.NOTHING_TRAINED
    lab.controls.epochs.value = ENDLESS
    lab.train.click()
    wait_until(lambda: lab.progress.value > 0)
    lab.closer.look.click()
    assert lab.closer.words.value == lab_words.WAIT
    lab.stop.click()
    lab.session.join(WAIT)
    lab.closer.method.value, lab.closer.instance.value = 0, 3
    lab.closer.look.click()
    assert lab.closer.microscope.instance.name == "training image 3"
    lab.closer.look.click()  # a second one takes the first one's place
    assert lab.closer.children.count(lab.closer.microscope) == 1
    lab.large.value = True
    assert lab.closer.microscope.large
    lab.closer.look.click()  # the next one too
    assert lab.closer.microscope.large
