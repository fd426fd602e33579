"""The lab by its traits: what the controls say is what trains, what has trained is what is drawn."""

import threading
import time
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import gdw
from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw.methods import METHODS, CrossEntropy
from gdw_notebooks.figures import style
from gdw_notebooks.figures.regions import regions_of
from gdw_notebooks.panels import lab_words
from gdw_notebooks.panels.lab_controls import imbalance_label
from gdw_notebooks.panels.lab_labels import labels_drawing
from gdw_notebooks.panels.lab_methods import METHOD_GROUPS, OTHERS, method_groups
from gdw_notebooks.panels.lab_shown import Shown
from gdw_notebooks.panels.lab_views import VIEWS
from gdw_notebooks.panels.session import Busy
from gdw_notebooks.panels.training_lab import TrainingLab
from gdw_notebooks.recorded.scenarios import SCENARIOS
from tests.runs import known, trained

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


def view(lab, name):
    return dict(zip(lab.view.options, lab.picture.views, strict=True))[name]


def line(lab, name):
    lines = view(lab, "Accuracy")["plots"][0]["lines"]
    return {each["name"]: each["y"] for each in lines}[name]


def as_drawn(values):
    return pytest.approx(list(values), abs=5e-4)  # the page is sent three digits


def test_train_draws_what_the_same_experiments_give_elsewhere(lab):
    lab.train.click()
    lab.session.join(WAIT)
    for method, title in (("gdw", "GDW"), ("mwnet", "MWNet")):
        assert line(lab, title) == as_drawn(known(START.with_(method=method))["test_accuracy"])
    assert lab.progress.value == 1
    assert "Done." in lab.status.value
    assert lab.picture.alt.startswith("Learning curves: test accuracy by epoch. After 3 epochs:")


def test_several_seeds_are_a_mean_with_a_band(lab):
    lab.controls.seeds.value = 3
    lab.run()
    assert [(h.method, h.seed) for h in lab.histories] == [(m, s) for m in ("gdw", "mwnet") for s in range(3)]
    mean = sum(history["test_accuracy"] for history in lab.histories[:3]) / 3
    assert line(lab, "GDW") == as_drawn(mean)
    assert all("low" in each for each in view(lab, "Accuracy")["plots"][0]["lines"])  # a band for each method
    assert "Mean ± sd of 3 seeds." in lab.status.value
    assert lab.table()["GDW"].tolist() == pytest.approx(mean.tolist())
    for name in lab.view.options:
        lab.view.value = name
        assert lab.table().notna().to_numpy().any()
    plots = view(lab, "Regions")["plots"]
    for plot, training in zip(plots, lab.session.trainings, strict=True):  # the first seed of each method
        own = regions_of(training.model, training.task).probs.argmax(-1)
        assert plot["regions"]["rows"] == ["".join(map(str, row)) for row in own.tolist()]
    lab.reset.click()
    assert lab.controls.seeds.value == 1


def test_the_curve_grows_and_the_controls_stay_alive_while_it_trains(lab):
    lab.controls.epochs.value = ENDLESS
    before = lab.picture.views
    lab.train.click()
    wait_until(lambda: lab.picture.views != before and lab.progress.value > 0)
    second = lab.picture.alt
    lab.view.value = "Classes"  # the training's thread draws it
    wait_until(lambda: lab.picture.alt.startswith("Bars"))
    assert lab.picture.alt != second
    lab.controls.rate.value = 0.9
    assert lab.session.state == "running"
    assert "shows other settings than the controls" in lab.notice.value


def test_a_second_train_is_refused_kindly(lab):
    lab.controls.epochs.value = ENDLESS
    lab.train.click()
    wait_until(lambda: len(lab.session.trainings) == 2)
    first, said = lab.session.trainings, []
    lab.status.observe(lambda change: said.append(change["new"]), names="value")  # its own progress may follow
    lab.train.click()
    assert any(lab_words.BUSY in words for words in said)
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
    drawing, go_on, draw = threading.Event(), threading.Event(), lab.show_picture

    def slowly():
        drawing.set()
        assert go_on.wait(WAIT)
        return draw()

    monkeypatch.setattr(lab, "show_picture", slowly)
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
    first = lab.histories[0]["test_accuracy"]
    lab.controls.seed.value = 1
    lab.run()
    assert line(lab, "before: GDW, seed 0") == as_drawn(first)
    assert [each.get("pale", False) for each in view(lab, "Accuracy")["plots"][0]["lines"]] == [True] * 2 + [False] * 2
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


def test_bad_input_is_said_and_the_lab_lives_on(lab):
    lab.controls.dataset.value = "cloudz"
    lab.train.click()
    lab.session.join(WAIT)
    assert "did you mean" in lab.status.value
    lab.controls.dataset.value = "clouds"
    lab.controls.epochs.value = 1
    assert len(lab.run().histories[0]) == 1


def test_a_scenario_sets_the_controls(lab):
    lab.controls.scenario.value = "long tail 0.02"
    assert lab.controls.experiments()[0] == SCENARIOS["long tail 0.02"]
    assert lab.controls.imbalance.label == "0.02 (50 : 1)"
    lab.controls.rate.value = 0.5
    assert lab.controls.scenario.value.startswith("–")  # the user's own settings now


@pytest.mark.parametrize(("imbalance", "label"), [(1.0, "1 (all classes equal)"), (0.01, "0.01 (100 : 1)")])
def test_imbalance_is_written_both_ways(imbalance, label):
    assert imbalance_label(imbalance) == label


def test_the_hint_says_what_a_rate_comes_to():
    assert "54 %" in TrainingLab("uniform 60").controls.hint.value


def test_labels_from_a_file_have_no_rate(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("image,label\n", "utf-8")
    controls = TrainingLab(START.with_(noise=f"human:{table}", rate=0.0)).controls
    assert "No label is made wrong" not in controls.hint.value
    assert "come from a file" in controls.hint.value
    assert controls.rate.layout.display == "none"
    controls.noise.value = "flip"
    assert "No label is made wrong" in controls.hint.value
    assert controls.rate.layout.display == ""


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
    assert len(line(lab, "GDW")) == 3  # the whole curve stays in sight


def test_only_views_with_something_to_show_are_offered(lab):
    assert "Regions" in lab.view.options
    assert "Labels" not in lab.view.options
    lab.view.value = "Weights"
    lab.controls.dataset.value = "digits"
    assert "Labels" in lab.view.options
    assert "Regions" not in lab.view.options
    assert lab.view.value == "Weights"


def test_a_picture_without_a_weight_is_explained_in_the_title():
    """Of 24 drawings three had no w, and nothing said why: the last, smaller batch of an epoch is left out."""
    task = gdw.make_task(gdw.load_dataset("digits"), noise="uniform", rate=0.4, meta_per_class=5, seed=0)
    history = History({"method": "gdw", "seed": 0})
    history.append({"test_accuracy": 50.0})
    weights = np.ones(len(task.train))
    said = [
        labels_drawing(Shown([history], task=task, weights=each))["title"]
        for each in (weights, np.where(np.arange(len(weights)) % 2, weights, np.nan))
    ]
    assert said[0].endswith("24 of them here; w: the weight that GDW gives it")
    assert said[1] == f"{said[0]} (none: it was in no batch of this epoch, or without a flow)"


def test_settings_without_a_name_are_shown_from_the_start_others_at_a_press(lab):
    *_, rest = lab.controls.children
    assert lab.controls.more.value
    assert rest.layout.display == ""
    named = TrainingLab("uniform 60")
    *_, rest = named.controls.children
    assert rest.layout.display == "none"
    named.controls.more.value = True
    assert rest.layout.display == ""
    named.close()


def test_every_method_is_in_one_group_with_words_and_ones_own_come_last(monkeypatch):
    assert sorted(name for methods in METHOD_GROUPS.values() for name in methods) == sorted(METHODS)
    assert all(words and len(words) < 75 for _, methods in method_groups() for *_, words in methods)
    monkeypatch.setitem(METHODS, "mine", type("Mine", (CrossEntropy,), {"__doc__": "What I do.", "title": "Mine"}))
    assert method_groups()[-1] == (OTHERS, [("mine", "Mine", "What I do")])


def test_a_recorded_history_plays_in_the_same_panel():
    recorded = known(START)
    lab = TrainingLab(histories=[recorded])
    assert lab.controls.experiments() == [START]
    assert lab.epoch.max == 3
    lab.epoch.value = 2
    assert "After 2 epochs: GDW" in lab.picture.alt
    lab.show_table.value = True
    assert f"{recorded['test_accuracy'][0]:.4g}" in lab.data.value


def test_a_lab_opens_with_the_view_that_is_asked_for():
    lab = TrainingLab(START, beside="", view="Regions")
    assert lab.view.value == "Regions"
    lab.close()
    with pytest.raises(ValueError, match=r"unknown view of these data 'Labels' \(known: Accuracy, .*Regions"):
        TrainingLab(START, view="Labels")


def test_every_view_has_words_and_a_table_and_the_curves_are_in_print(lab):
    for has_run in (False, True):
        for name in ("Accuracy", "Classes", "Weights", "Gradient", "V’s curve", "Regions"):
            lab.view.value = name
            assert lab.picture.alt.startswith(VIEWS[name].words)
            assert not has_run or "<table" in lab.data.value
            png, words = lab.printed()
            assert png.startswith(b"\x89PNG")
            assert words.startswith("Learning curves")
            assert words.endswith(view(lab, "Accuracy")["title"])
        lab.show_table.value = True
        lab.run()


def test_a_click_on_a_point_opens_it_in_the_microscope(lab):
    lab.view.value = "Regions"
    lab.run()
    point = 7
    task, plots = lab.session.trainings[1].task, lab.picture.views[lab.view.index]["plots"]
    assert len(plots) == 2
    assert [plots[1]["points"][axis][point] for axis in "xy"] == pytest.approx(task.train.images[point].tolist())
    before = {name: value.clone() for name, value in lab.session.trainings[1].model.state_dict().items()}
    lab.picture.clicked = [1, point]
    shown = lab.closer.microscope.instance
    assert (lab.closer.method.value, lab.closer.instance.value) == (1, point)
    assert (shown.label, shown.true_label) == (int(task.train.labels[point]), int(task.true_labels[point]))
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


def test_within_a_cell_steps_are_replayed_where_that_changes_no_bit(lab):
    longer = START.with_(epochs=5)
    lab.controls.epochs.value = longer.epochs
    assert lab.run() is lab
    assert longer.code.replace("&", "&amp;") in lab.codes.value
    assert [training.history.metadata["captured"] for training in lab.session.trainings] == [True, True]
    by_step = [trained(experiment) for experiment in (longer, longer.with_(method="mwnet"))]
    assert [training.history.metadata["captured"] for training in by_step] == [False, False]
    assert lab.histories == [training.history for training in by_step]


def test_a_run_of_ones_own_model_is_shown_without_a_code():
    lab = TrainingLab(START.with_(method="cross-entropy"), beside="", model=torch.nn.Linear(2, 3))
    lab.run()
    assert "no code" in lab.codes.value
    assert lab.notice.value == ""
    lab.run()
    assert len(lab.ghosts) == 1


def test_a_moved_control_is_said_beside_the_old_picture(lab):
    lab.controls.rate.value = 0.9
    assert lab.notice.value == ""  # nothing is in the picture yet
    lab.controls.rate.value = 0.4
    lab.run()
    assert lab.notice.value == ""
    lab.controls.rate.value = 0.9
    assert "shows other settings than the controls: clouds, uniform noise 0.4" in lab.notice.value
    lab.controls.rate.value = 0.4
    assert lab.notice.value == ""
    lab.controls.epochs.value, lab.controls.seeds.value = 7, 2
    assert "GDW and MWNet, epochs 3, 1 seeds in all. Press Train" in lab.notice.value
    lab.controls.epochs.value = 3
    assert "GDW and MWNet, 1 seeds in all. Press Train" in lab.notice.value
    lab.controls.seeds.value = 1
    assert lab.notice.value == ""


def test_while_a_second_run_trains_nothing_of_the_first_can_be_looked_back_on(lab):
    lab.run()
    assert not lab.epoch.disabled
    lab.controls.epochs.value, lab.controls.rate.value = ENDLESS, 0.8
    lab.train.click()
    assert (lab.epoch.disabled, lab.epoch.max) == (True, 1)
    wait_until(lambda: lab.session.histories and len(lab.session.histories[0]) > 1)
    wait_until(lambda: "rate=0.8" in lab.codes.value.split("(before")[0])
    assert lab.codes.value.count("rate=0.4") == 2
    assert lab.epoch.disabled
    lab.stop.click()
    wait_until(lambda: not lab.session.busy and not lab.epoch.disabled)
    assert lab.epoch.value == lab.epoch.max == len(lab.session.histories[0])


def test_a_method_beside_itself_is_nothing_beside_it(lab):
    lab.controls.beside.value = lab.controls.method.value
    lab.run()
    assert len(lab.histories) == 1
    assert "One seed proves little" in lab.status.value


def test_the_sentence_on_eight_seeds_belongs_to_the_picture():
    lab = TrainingLab("uniform 60", beside="")
    assert "uniform 60" in lab.outcome.value
    lab.controls.epochs.value = 1
    lab.controls.scenario.value = "clean"
    assert "<b>clean</b>" in lab.outcome.value  # nothing is in the picture yet
    lab.controls.epochs.value = 1
    lab.run()
    lab.controls.scenario.value = "uniform 60"
    assert lab.outcome.value == ""  # one epoch has no sentence, and that of another scenario is not for this picture


def test_a_ghost_of_another_data_set_is_not_drawn(lab):
    lab.run()
    lab.controls.dataset.value, lab.controls.epochs.value = "digits", 1
    lab.run()
    assert lab.ghosts == []
    lab.controls.seed.value = 1
    lab.run()
    assert "before: GDW, seed 0" in [entry["name"] for entry in view(lab, "Accuracy")["legend"]]


def test_the_legend_says_the_titles_numbers_at_every_epoch(lab):
    lab.run()
    for epoch in (3, 2, 1):
        lab.epoch.value = epoch
        shown = view(lab, "Accuracy")
        numbers = {entry["name"]: entry["last"] for entry in shown["legend"]}
        assert set(numbers) == {"GDW", "MWNet"}
        for name, number in numbers.items():
            assert f"{name} ≈ {number}" in shown["title"]


def test_look_closer_does_not_keep_the_run_before(lab):
    lab.run()
    lab.closer.look.click()
    assert lab.closer.microscope.instance.name == "training image 0"
    lab.run()
    assert lab.closer.microscope is None


def test_train_does_not_ignore_a_bad_code_and_a_good_one_clears_its_message(lab):
    before = lab.controls.experiments()
    lab.controls.code.value = "gdw1:nonsense"
    assert "not a run code" in lab.status.value
    assert lab.controls.experiments() == before
    lab.train.click()
    assert not lab.session.busy
    assert "not a run code" in lab.status.value
    lab.controls.code.value = START.with_(seed=3).code
    assert lab.status.value == TrainingLab(START).status.value
    lab.controls.code.value = "gdw1:nonsense"
    lab.controls.code.value = ""
    assert lab.controls.code.value.startswith(START.with_(seed=3).code)
    assert "not a run code" not in lab.status.value


def test_words_on_the_mean_follow_the_number_of_epochs(lab):
    lab.controls.epochs.value = 1
    lab.run()
    assert "Test accuracy, after one epoch:" in lab.status.value
    lab.controls.epochs.value = 6
    lab.run()
    assert "Test accuracy, mean of the last 5 epochs:" in lab.status.value


def test_learning_rate_and_batch_size_are_controls_and_follow_the_data(lab):
    lab.controls.lr.value, lab.controls.batch_size.value = 0.02, 30
    experiment = lab.controls.experiments()[0]
    assert (experiment.lr, experiment.batch_size) == (0.02, 30)
    assert experiment == Experiment.from_code(lab.controls.code.value.split()[0])
    lab.controls.dataset.value = "cifar10"
    assert lab.controls.batch_size.value == Experiment(dataset="cifar10").batch_size
    assert lab.controls.epochs.value == Experiment(dataset="cifar10").epochs


def test_a_code_with_numbers_beyond_the_fields_is_read_to_the_last_digit(lab):
    far = START.with_(epochs=20_000, seed=5_000_000)
    lab.controls.code.value = far.code
    assert lab.controls.experiments()[0] == far


def test_labels_shows_the_wrong_ones_beside_their_pictures():
    lab = TrainingLab(Experiment(rate=0.6, epochs=1), beside="")
    lab.view.value = "Labels"
    assert "Press Train" in lab.picture.alt
    lab.run()
    task, table = lab.session.trainings[0].task, lab.table()
    wrong = (task.train.labels != task.true_labels).nonzero()[:, 0]
    assert table.index.tolist() == wrong.tolist()
    assert (table["label says"] != table["true class"]).all()
    shown, first = view(lab, "Labels")["pictures"], int(wrong[0])
    says, true = (task.class_names[int(labels[first])] for labels in (task.train.labels, task.true_labels))
    assert len(shown) == 24
    assert shown[0]["lines"][:2] == [f"says {says}", f"is {true}"]
    assert shown[0]["lines"][2].startswith("w ")
    assert (np.asarray(Image.open(BytesIO(b64decode(lab.picture.shots[0])))) == task.picture(first)).all()
    axes = lab.draw().axes[0]
    assert len(axes.images) == len(axes.texts) == 24  # the same in print
    said = f"{len(wrong)} of {len(task.train)} labels are wrong"
    assert said in lab.picture.alt
    assert said in lab.printed()[1]


def test_regions_say_whose_seed_they_show(lab):
    lab.view.value, lab.controls.seed.value = "Regions", 4
    lab.run()
    assert [plot["title"] for plot in view(lab, "Regions")["plots"]] == ["GDW, seed 4", "MWNet, seed 4"]


def test_a_recorded_run_is_not_wiped_by_train_and_reset_brings_it_back():
    recorded = known(START)
    lab = TrainingLab(histories=[recorded])
    words = lab.picture.alt
    lab.controls.batch_size.value = 5000  # more than there are
    lab.train.click()
    lab.session.join(WAIT)
    assert "batch_size must not exceed" in lab.status.value
    assert lab.histories == [recorded]
    lab.controls.batch_size.value, lab.controls.seed.value = START.batch_size, 1
    for _ in range(2):
        lab.run()
        assert line(lab, "recorded: GDW, seed 0") == as_drawn(recorded["test_accuracy"])
    lab.reset.click()
    assert lab.histories == [recorded]
    assert (lab.picture.alt, lab.epoch.max) == (words, 3)


def test_drawing_takes_at_most_a_fifth_of_the_time(lab, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("gdw_notebooks.panels.training_lab.time.perf_counter", lambda: now[0])

    def draw_slowly():
        now[0] += 1.0
        drawn.append(now[0])

    drawn: list[float] = []
    monkeypatch.setattr(lab, "_draw_what_is_new", draw_slowly)
    session = lab.session
    lab.session = SimpleNamespace(state="running", trainings=[], histories=[], progress=0.0, errors={}, busy=False)
    for _ in range(200):
        now[0] += 0.1  # a batch
        lab._on_event(0, SimpleNamespace())
    lab.session = session
    assert len(drawn) * 1.0 / now[0] <= 0.2 + 0.05


def test_values_from_two_threads_end_in_one_code(lab):
    """As JupyterLab sends them: some through the main thread, some through a subshell's."""

    def move(name, values):
        for value in values:
            getattr(lab.controls, name).value = value

    threads = [
        threading.Thread(target=move, args=("rate", [0.1, 0.2, 0.3, 0.7] * 10)),
        threading.Thread(target=move, args=("seed", list(range(40)))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    experiment = lab.controls.experiments()[0]
    assert (experiment.rate, experiment.seed) == (0.7, 39)
    assert lab.controls.code.value.split()[0] == experiment.code


def test_a_run_goes_on_while_another_cell_uses_forward_mode(lab):
    lab.train.click()
    square, refused = torch.tensor(3.0), []
    while lab.session.busy:
        try:
            torch.func.jvp(lambda x: (time.sleep(0.002), x**2)[1], (square,), (torch.ones(()),))
        except RuntimeError as error:
            refused.append(str(error))
        time.sleep(0.001)  # one that is refused does not wait by itself, and would only take the run's time
    lab.session.join(WAIT)  # it says that it is over before the words do
    assert all("Nested forward mode AD" in text for text in refused)  # that cell has to wait for its turn as well
    assert "Done." in lab.status.value
    assert lab.histories == [known(START), known(START.with_(method="mwnet"))]


def test_step_after_stop_goes_on_where_the_run_was(lab):
    for taken in (1, 2):
        lab.step.click()
        wait_until(lambda taken=taken: f"{taken} of" in lab.status.value and "batches of the next" in lab.status.value)
    lab.stop.click()
    lab.session.join(WAIT)
    wait_until(lambda: "Step goes on from here" in lab.status.value)
    lab.step.click()
    wait_until(lambda: "Paused: 0 of 3 epochs are over, and 3 of" in lab.status.value)
    lab.pause.click()
    assert lab.session.join(WAIT)
    assert lab.histories == [known(START), known(START.with_(method="mwnet"))]


def test_step_after_stop_begins_anew_where_the_controls_ask_for_another_run(lab):
    lab.step.click()
    wait_until(lambda: "1 of" in lab.status.value)
    lab.stop.click()
    lab.session.join(WAIT)
    lab.controls.seed.value = 1
    lab.step.click()
    wait_until(lambda: lab.session.trainings and "Paused: 0 of 3 epochs are over, and 1 of" in lab.status.value)
    assert [training.experiment.seed for training in lab.session.trainings] == [1, 1]


def test_a_run_that_broke_off_does_not_replace_the_finished_one_as_the_pale_curve(lab):
    finished = lab.run().histories[0]
    lab.controls.epochs.value = ENDLESS
    lab.train.click()
    wait_until(lambda: lab.session.histories and len(lab.session.histories[0]))
    lab.stop.click()
    lab.session.join(WAIT)
    lab.controls.epochs.value = START.epochs
    lab.run()
    assert lab.ghosts[0] is finished


def test_a_picture_of_the_run_before_says_so_until_the_new_one_is_drawn(lab, monkeypatch):
    lab.run()
    monkeypatch.setattr(lab.session, "start", lambda *given, **more: None)  # the data take their time
    lab.train.click()
    assert lab.picture.old == lab_words.OLD_PICTURE
    monkeypatch.undo()
    lab.run()
    assert lab.picture.old == ""


def test_every_view_is_in_the_page_so_that_a_tab_needs_no_kernel(lab):
    lab.run()
    assert line(lab, "GDW") == as_drawn(lab.histories[0]["test_accuracy"])
    assert view(lab, "Accuracy")["plots"][0]["lines"][0]["x"] == [1, 2, 3]
    assert [len(each["plots"]) for each in lab.picture.views] == [1, 1, 4, 4, 2, 2]


def test_bars_are_the_last_epochs_of_each_class_with_their_counts(lab):
    lab.run()
    history, plot = lab.histories[0], view(lab, "Classes")["plots"][0]
    assert plot["bars"][0]["y"] == as_drawn(history["class_accuracy"].mean(0))
    names = zip(history.class_names, history.class_counts, strict=True)
    assert [text for _, text in plot["x"]["ticks"]] == [f"{name}\n{count}" for name, count in names]
    worst = history.class_names[history["class_accuracy"].mean(0).argmin()]
    assert f"GDW: “{worst}” with" in view(lab, "Classes")["title"]


def test_points_show_label_truth_and_weight(lab):
    lab.run()
    plot, training = view(lab, "Regions")["plots"][0], lab.session.trainings[0]
    labels, true, points = training.task.train.labels, training.task.true_labels, plot["points"]
    colors = style.class_colors(training.task.class_names)
    assert points["square"] == (labels != true).tolist()
    assert points["fill"] == [colors[label] for label in labels]
    wrong = points["square"].index(True)
    assert points["ring"][wrong] == colors[true[wrong]]
    lab.view.value = "Regions"
    weights = lab.table()["weight, GDW"].fillna(0).to_numpy()
    assert (np.argsort(weights, kind="stable")[-1]) == np.argmax(points["radius"])


def test_a_long_run_is_thinned_to_what_a_screen_shows():
    epochs = 700
    short = known(START.with_(epochs=1))
    long = replace(short, epochs={name: values.repeat(epochs, 0) for name, values in short.epochs.items()})
    long["test_accuracy"][:] = np.linspace(0, 100, epochs)
    curve = TrainingLab(histories=[long]).picture.views[0]["plots"][0]["lines"][0]
    assert len(curve["x"]) == len(curve["y"]) <= 200
    assert (curve["x"][0], curve["x"][-1]) == (1, epochs)
    assert curve["y"] == pytest.approx([100 * (x - 1) / (epochs - 1) for x in curve["x"]], abs=1e-3)


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_of_noise_that_no_matrix_describes_nothing_is_said_beforehand(rate):
    """At rate 0 some labels are wrong too."""
    lab = TrainingLab(START.with_(noise="instance-dependent", rate=rate))
    assert lab.controls.hint.value == ""
    assert lab.controls.noise.value == "instance-dependent"


def test_a_matrix_by_the_names_of_the_classes_is_read_too():
    rows = {name: dict.fromkeys("0123456789", 0.04) | {name: 0.64} for name in "0123456789"}
    assert "about 36 %" in TrainingLab(START.with_(noise=rows)).controls.hint.value
