"""Recordings: one run made again gives the same, and what is stored is small."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import gdw_notebooks.recorded.histories as record_module
from gdw.data.datasets import load_dataset
from gdw.data.task import make_task
from gdw_notebooks.recorded.histories import HISTORIES, RECORDINGS, dirty, load, make, recipes, record
from tests.picture_files import cifar_folder

LARGEST_FILE = 1_000_000  # bytes


@pytest.mark.parametrize("name", RECORDINGS)
def test_each_recording_is_stored_whole_and_small(name):
    stored = load(name)
    assert sum(map(len, stored.values())) == len(recipes(name))
    assert (HISTORIES / f"{name}.json").stat().st_size < LARGEST_FILE
    for recipe in recipes(name):
        history = stored[recipe.label][recipe.experiment.seed]
        assert {name: value for name, value in history.config.items() if name != "own"} == recipe.experiment.config()
        assert ("own" in history.config) == bool(recipe.wrong)  # a task with a dirty clean set
        assert set(history.epochs) <= set(recipe.keep)
        assert not {"host", "date"} & set(history.metadata)


def test_a_stored_run_made_anew_is_the_same():
    recipe = next(r for r in recipes("05-long-tail", 1) if r.label == "gdw")
    stored, again = load("05-long-tail")["gdw"][0], make(recipe)
    for name in stored.epochs:
        np.testing.assert_allclose(again[name][:3], stored[name][:3], rtol=2e-3, atol=1e-6, err_msg=name)
    assert again.accuracy == pytest.approx(stored.accuracy, abs=6)  # another CPU ends elsewhere


def test_a_dirty_meta_set_has_as_many_wrong_labels_as_asked_and_no_other_change():
    clean = make_task(load_dataset("digits"), meta_per_class=40)
    spoilt = dirty(clean, 150, seed=0)
    assert int((spoilt.meta.labels != clean.meta.labels).sum()) == 150
    assert torch.equal(spoilt.train.labels, clean.train.labels)
    assert torch.equal(spoilt.meta.images, clean.meta.images)


def test_record_writes_what_load_reads(tmp_path, monkeypatch):
    monkeypatch.setattr("gdw_notebooks.recorded.histories.recipes", lambda name, seeds: recipes_of_one(name))
    record("04-class-level", tmp_path / "04-class-level.json")
    (entry,) = json.loads((tmp_path / "04-class-level.json").read_text())
    assert entry["label"] == "cross-entropy"
    assert list(entry["history"]["epochs"]) == ["test_accuracy"]


def test_a_recording_that_was_broken_off_goes_on(tmp_path, monkeypatch):
    plan = [replace(recipe, label=f"run {i}") for i in range(3) for recipe in recipes_of_one("04-class-level")]
    monkeypatch.setattr("gdw_notebooks.recorded.histories.recipes", lambda name, seeds: plan)
    made = []

    def make_two(recipe):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(recipe.label)
        return make(recipe)

    target = tmp_path / "04-class-level.json"
    monkeypatch.setattr("gdw_notebooks.recorded.histories.make", make_two)
    with pytest.raises(KeyboardInterrupt):
        record("04-class-level", target)
    begun = target.with_suffix(".jsonl")
    begun.write_text(begun.read_text() + '{"label": "run 2", "hist')  # and a line that the kill has torn
    monkeypatch.setattr(
        "gdw_notebooks.recorded.histories.make", lambda recipe: made.append(recipe.label) or make(recipe)
    )
    record("04-class-level", target)
    assert made == ["run 0", "run 1", "run 2"]
    assert [entry["label"] for entry in json.loads(target.read_text())] == made
    assert not begun.exists()


def test_the_real_pictures_recording_made_anew_at_a_reduced_size(tmp_path, monkeypatch):
    cifar_folder(tmp_path, train=40, test=4)
    monkeypatch.setenv("GDW_DATA", str(tmp_path))
    record_module._dataset.cache_clear()
    for recipe in recipes("08-real-pictures", 1):
        few = {"train_per_class": 20, "test_per_class": 4, "epochs": 2}
        history = make(replace(recipe, experiment=recipe.experiment.with_(**few)))
        assert set(history.epochs) == set(recipe.keep)
        assert history.class_counts == (20,) * 10
        assert history["group_loss"].shape == (2, 2)
    record_module._dataset.cache_clear()


def recipes_of_one(name):
    recipe = next(r for r in recipes(name, 1) if r.label == "cross-entropy")
    return [replace(recipe, experiment=recipe.experiment.with_(epochs=2))]
