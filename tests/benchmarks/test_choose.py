"""Settings are chosen on validation images alone."""

import csv
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import gdw
from benchmarks import choose
from gdw.comparison.report import holm, paired_difference
from gdw.experiments.fields import PRESETS
from gdw.experiments.history import History
from gdw.experiments.loading import task_of
from gdw.training.many import supports_many_seeds

ROOT = Path(__file__).parents[2]
STANDING = ROOT / "benchmarks" / "standing"
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


def settings_table(name):
    with (STANDING / f"{name}_settings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def said(part):
    """``"lr 0.1, epochs 30"`` as a dictionary."""
    return {} if part == "–" else {name: float(value) for name, value in (p.rsplit(" ", 1) for p in part.split(", "))}


def line(row):
    numbers = " · ".join(row[name] for name in ("best", "second", "median", "worst"))
    return f"| {row['method']} | {row['plan']} | {row['own']} | {numbers} |"


def test_the_searched_comparison_of_digits_takes_the_best_of_the_table_and_of_its_page():
    """benchmarks/standing/digits_settings.csv, docs/settings.md and digits_searched.toml say the same."""
    spec = tomllib.loads((STANDING / "digits_searched.toml").read_text("utf-8"))
    page = (ROOT / "docs" / "settings.md").read_text("utf-8").split("## Digits, with the training searched too")[1]
    rows = settings_table("digits")
    assert {row["method"] for row in rows} | {"gdw-reduced"} == set(spec["methods"])
    for row in rows:
        assert line(row) in page
        assert said(row["plan"]) == spec["plans"][row["method"]]
        assert said(row["own"]) == spec["settings"].get(row["method"], {})
    for part in ("plans", "settings"):
        assert spec[part]["gdw-reduced"] == spec[part]["gdw-tied"] == spec[part]["gdw"]


def test_a_search_takes_the_grids_of_another_file_and_has_the_same_budget_for_all():
    spec = choose.load_spec(ROOT / "benchmarks" / "choose_digits.toml")
    assert spec["grid"]["l2rw"] == SPEC["grid"]["l2rw"]
    for method in spec["grid"]:
        tries = choose.tries_of(spec, method)
        assert len({str(one) for one in tries}) == len(tries) == spec["draws"]


def test_a_row_of_the_table_has_the_best_setting_and_the_scores():
    spec = {"common": {"lr": [0.1]}}
    rows = [{"settings": {"lr": 0.1, "q": 0.5}, "validation": v} for v in (90.0, 80.0, 70.0, 10.0)]
    found = choose.table_row(spec, "gce", rows)
    assert found == {
        "method": "gce", "plan": "lr 0.1", "own": "q 0.5", "best": "90.00", "second": "80.00", "median": "75.00",
        "worst": "10.00",
    }  # fmt: skip


def test_the_presets_of_features_are_the_best_of_the_table_and_of_its_page():
    """benchmarks/standing/features_settings.csv, docs/settings.md and gdw/experiments/presets.toml say the same."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8").split("## Features of real pictures")[1]
    preset, rows = PRESETS["features"], settings_table("features")
    searched = tomllib.loads((ROOT / "benchmarks" / "choose_features.toml").read_text("utf-8"))["grid"]
    assert {row["method"] for row in rows} == set(searched)
    for row in rows:
        assert said(row["plan"]) == preset.plans[row["method"]]
        assert said(row["own"]) == preset.methods.get(row["method"], {})
        assert line(row) in page


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [("cmw_net_mean_digits", "digits_searched", {1: 3, -1: 0}), ("cmw_net_mean", "features", {1: 0, -1: 8})],
)
def test_what_the_two_searches_of_cmw_net_are_worth_is_what_their_runs_say(first, second, said):
    """``said``: in how many scenarios the second is ahead and behind."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8").replace("−", "-").replace("**", "")
    tables = [pd.read_csv(STANDING / f"{name}.csv") for name in (first, second)]
    runs = [table[table["method"] == "cmw-net"].set_index(["scenario", "seed"])["accuracy"] for table in tables]
    found = {scenario: paired_difference(runs[1][scenario], runs[0][scenario]) for scenario in dict(runs[0].index)}
    for scenario, difference in found.items():
        means = " | ".join(f"{values[scenario].mean():.1f} ± {values[scenario].std():.1f}" for values in runs)
        assert f"| {scenario} | {means} | {difference} |" in page
    decided = [difference.mean for difference in holm(found).values() if not difference.undecided]
    assert {sign: sum(sign * mean > 0 for mean in decided) for sign in said} == said


CLEAN = choose.load_spec(choose.SPEC.with_name("choose_on_clean_set.toml"))
DIGITS = choose.load_spec(choose.SPEC.with_name("choose_digits.toml"))


def test_every_clean_picture_is_held_out_once_and_never_learnt_from_meanwhile():
    task = task_of(gdw.Experiment(rate=0.6), gdw.load_dataset("digits"))
    folds = choose.folds_of(task, 5)
    whole = set(task.dataset_indices["meta"].tolist())
    held = [set(fold.dataset_indices["validation"].tolist()) for fold in folds]
    assert sorted(place for fold in held for place in fold) == sorted(whole)
    for fold, out in zip(folds, held, strict=True):
        assert set(fold.dataset_indices["meta"].tolist()) == whole - out
        assert fold.validation.labels.bincount().tolist() == [1] * 10
        assert fold.meta.labels.bincount().tolist() == [4] * 10
        images = gdw.load_dataset("digits").images[fold.dataset_indices["validation"]]
        assert (fold.validation.images == images).all()
        assert fold.train is task.train


def test_on_the_clean_set_every_method_tries_the_first_settings_of_the_search_and_may_train_side_by_side():
    for method in CLEAN["grid"]:
        assert choose.tries_of(CLEAN, method) == choose.tries_of(DIGITS, method)[: CLEAN["draws"]]
        runs = choose.experiments_of(CLEAN, method)
        assert all(run.validation_per_class == 0 for run in runs)
        assert supports_many_seeds(runs[0])


def test_each_seed_takes_the_setting_that_is_best_on_its_own_held_out_pictures(monkeypatch):
    monkeypatch.setattr(History, "accuracy", property(lambda self: pytest.fail("test accuracy was read")))

    def fake_scores(group, folds):
        assert folds == CLEAN["folds"]
        return [90.0 if e.settings["total"] == (0.5, 1.0)[e.seed % 2] and e.rate < 0.5 else 50.0 for e in group]

    monkeypatch.setattr(choose, "held_out_scores", fake_scores)
    scenarios = [*CLEAN["scenario"], {"rate": 0.4}]
    few = {"draws": 3, "seeds": [0, 1], "common": {}, "grid": {"l2rw": {"total": [0.2, 0.5, 1.0]}}}
    spec = CLEAN | {"scenario": scenarios} | few
    chosen = choose.choose_on_clean_sets(spec, "l2rw")
    first = choose.tries_of(spec, "l2rw")[0][1]["total"]
    assert [(e.rate, e.seed, e.settings["total"]) for e in chosen] == [
        (0.6, 0, first), (0.6, 1, first), (0.4, 0, 0.5), (0.4, 1, 1.0),
    ]  # fmt: skip


def test_a_held_out_score_is_that_of_training_on_the_other_folds():
    """The same number as from runs one by one, on tasks cut by hand."""
    runs = [gdw.Experiment(rate=0.6, method="gdw", epochs=2, seed=seed, device="cpu") for seed in (0, 1)]
    found = choose.held_out_scores(runs, 5)
    task = task_of(runs[1], gdw.load_dataset("digits"))
    alone = [gdw.run(runs[1], task=fold).validation_accuracy for fold in choose.folds_of(task, 5)]
    assert found[1] == pytest.approx(sum(alone) / 5, abs=2)
