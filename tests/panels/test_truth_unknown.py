"""The lab on pictures whose labels may be wrong as they are: no view says which are."""

import pytest

import gdw
from gdw_notebooks.figures.seeds import NO_SCORE
from gdw_notebooks.panels.closer_look import TRUTH_UNKNOWN
from gdw_notebooks.panels.training_lab import TrainingLab
from tests.training.test_confirmed import folder


def lab_on(tmp_path, sure):
    pets, table = folder(tmp_path, sure)
    lab = TrainingLab(gdw.Experiment(
        dataset=str(pets), confirmed=str(table), meta_per_class=5, epochs=3, model="mlp", batch_size=20
    ))  # fmt: skip
    lab.run()
    return lab


def said(lab, view):
    lab.view.value = view
    lab.draw()
    return lab.describe()


@pytest.mark.parametrize("sure", [5, 12])
def test_each_view_says_what_nobody_knows(tmp_path, sure):
    lab = lab_on(tmp_path, sure)
    words = {view: said(lab, view) for view in lab.view.options}
    assert not any("nan" in text.split() for text in words.values())
    for view in ("Weights", "Gradient"):
        assert "nobody knows which labels are wrong, so all instances are together" in words[view]
    assert "Nobody knows which of these labels are wrong" in words["Labels"]
    assert (NO_SCORE in words["Accuracy"], NO_SCORE in words["Classes"]) == ((sure == 5),) * 2
    assert (NO_SCORE in lab.status.value) == (sure == 5)
    lab.view.value = "Labels"
    assert lab.table() is None


def test_the_microscope_does_not_guess_the_true_class(tmp_path):
    lab = lab_on(tmp_path, 12)
    lab.closer.show(0, 1)
    assert lab.closer.words.value == TRUTH_UNKNOWN
    assert lab.closer.microscope is None


def test_controls_keep_the_table(tmp_path):
    lab = lab_on(tmp_path, 12)
    assert all(experiment.confirmed for experiment in lab.controls.experiments())
    assert "confirmed=" in lab.controls.code.value
