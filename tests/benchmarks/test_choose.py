"""Settings are chosen on validation images alone."""

import csv
import tomllib
from pathlib import Path

import pytest

from benchmarks import choose
from gdw.training.history import History
from gdw.training.presets import PRESETS

SPEC = tomllib.loads(choose.SPEC.read_text("utf-8"))


def test_every_method_is_given_the_same_number_of_tries():
    sizes = {method: len(list(choose.settings_of(grid))) for method, grid in SPEC["grid"].items()}
    assert set(sizes.values()) == {9}, sizes


def test_every_run_holds_validation_images_out_and_uses_seeds_of_its_own():
    for method in SPEC["grid"]:
        experiments = choose.experiments_of(SPEC, method)
        assert len(experiments) == 9 * len(SPEC["scenario"]) * len(SPEC["seeds"])
        assert all(e.validation_per_class == 20 and e.seed >= 1000 for e in experiments)


def test_the_best_setting_is_that_of_the_best_validation_accuracy_and_no_test_accuracy_is_read(monkeypatch):
    monkeypatch.setattr(History, "accuracy", property(lambda self: pytest.fail("test accuracy was read")))

    def fake_runs(experiments, workers, seeds_at_once):
        for experiment in experiments:
            history = History(experiment.config())
            good = experiment.settings["weight_net_lr"] == 0.01
            history.append({"validation_accuracy": 90.0 + experiment.seed % 3 if good else 50.0})
            yield history

    monkeypatch.setattr(choose, "run_all", fake_runs)
    rows = choose.choose(SPEC, "mwnet")
    assert rows[0] == {"settings": {"weight_net_lr": 0.01}, "validation": pytest.approx(91.0)}
    assert len(rows) == 9


FEATURES = tomllib.loads(choose.SPEC.with_name("choose_features.toml").read_text("utf-8").replace("{labels}", "a.csv"))


def test_on_features_every_method_searches_the_same_learning_rates_with_as_many_tries():
    tries = {method: choose.tries_of(FEATURES, method) for method in FEATURES["grid"]}
    assert {len(found) for found in tries.values()} == {FEATURES["draws"]}
    assert all(choose.tries_of(FEATURES, method) == found for method, found in tries.items())  # the same every time
    for method, found in tries.items():
        assert all(set(fields) == set(FEATURES["common"]) for fields, _ in found)
        assert len({str(pair) for pair in found}) == len(found), method
    runs = choose.experiments_of(FEATURES, "gdw")
    assert len(runs) == FEATURES["draws"] * len(FEATURES["scenario"]) * len(FEATURES["seeds"])
    assert all(run.features and run.validation_per_class == 100 and run.seed >= 1000 for run in runs)


def test_the_presets_of_features_are_the_best_of_the_table_and_of_its_page():
    """benchmarks/standing/features_settings.csv, docs/settings.md and gdw/training/presets.py say the same."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "settings.md").read_text("utf-8").split("## Features of real pictures")[1]
    with (root / "benchmarks" / "standing" / "features_settings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    preset = PRESETS["features"]
    searched = tomllib.loads((root / "benchmarks" / "choose_features.toml").read_text("utf-8"))["grid"]
    assert {row["method"] for row in rows} == set(searched)
    for row in rows:
        plan = dict(part.rsplit(" ", 1) for part in row["plan"].split(", "))
        own = dict(part.rsplit(" ", 1) for part in row["own"].split(", ")) if row["own"] != "–" else {}
        assert {name: float(value) for name, value in plan.items()} == preset.plans[row["method"]]
        assert {name: float(value) for name, value in own.items()} == preset.methods.get(row["method"], {})
        numbers = " · ".join(row[name] for name in ("best", "second", "median", "worst"))
        assert f"| {row['method']} | {row['plan']} | {row['own']} | {numbers} |" in page
