"""Tables of a sweep: scenarios in words, pairs by seed, and ranks against scipy and published critical values."""

import tomllib

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

import gdw
from benchmarks import report
from gdw.comparison.names import scenario_name
from gdw.comparison.sweep_spec import experiments_of, load_spec
from gdw.comparison.tables import deviations, differences, means, ranks, table, unpaired
from gdw.methods import METHODS
from tests.runs import NOT_YET_COMPARED

SCORES = {"cross-entropy": (80, 60), "gdw": (85, 70), "gdw-tied": (84, 71), "mwnet": (82, 65)}


def record(method, seed, accuracy, **scenario):
    config = gdw.Experiment(method=method, seed=seed, **scenario).config()
    return {
        "method": method, "seed": seed, "config": config, "code": "x", "accuracy": accuracy,
        "worst_class": accuracy - 9, "validation_accuracy": None, "auroc": None, "seconds": 1.0, "error": None,
    }  # fmt: skip


def records(seeds=4):
    noise = np.random.default_rng(0).normal(size=(seeds, 2))
    return [
        record(method, seed, scores[k] + noise[seed, k] + 0.1 * (seed % 2) * len(method), rate=rate)
        for seed in range(seeds)
        for k, rate in enumerate((0.4, 0.8))
        for method, scores in SCORES.items()
    ]


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ({"rate": 0.4}, "uniform 40"),
        ({}, "clean"),
        ({"noise": "flip", "rate": 0.0}, "clean"),
        ({"imbalance": 0.1}, "long tail 0.1"),
        ({"rate": 0.4, "imbalance": 0.1}, "uniform 40 + long tail 0.1"),
        ({"imbalance": 0.5, "imbalance_kind": "step"}, "step 0.5"),
        ({"noise": ((0.5, 0.5), (0.0, 1.0))}, "own matrix 644545"),
        ({"noise": "human:C:\\folder\\labels.csv:worse_label"}, "human worse_label"),
        ({"noise": "human:labels.csv:worse_label", "imbalance": 0.1}, "human worse_label + long tail 0.1"),
        ({"rate": 0.6, "meta_per_class": 100}, "uniform 60 (100 clean a class)"),
    ],
)
def test_a_scenario_in_words(scenario, words):
    assert scenario_name(gdw.Experiment(**scenario).config()) == words


def test_means_and_deviations_are_numpys_and_failed_runs_stay_out():
    lines = records()
    runs = table([*lines, record("gdw", 9, 1.0, rate=0.4) | {"error": "no"}])
    values = [line["accuracy"] for line in lines if line["method"] == "gdw" and line["config"]["rate"] == 0.4]
    assert means(runs).loc["gdw", "uniform 40"] == pytest.approx(np.mean(values))
    assert deviations(runs).loc["gdw", "uniform 40"] == pytest.approx(np.std(values, ddof=1))
    assert list(means(runs).index) == list(SCORES)


def test_means_over_other_seeds_are_said():
    lines = records()
    assert unpaired(table(lines)) == []
    left = [
        line for line in lines if not (line["method"] == "mwnet" and line["seed"] and line["config"]["rate"] == 0.4)
    ]
    assert unpaired(table(left)) == ["uniform 40: means are over other seeds; of 4 seeds mwnet has 1"]


def test_runs_of_a_plugin_or_weights_that_changed_in_between_are_not_averaged():
    lines = records(2)
    for name, values in (("own_code", ({"method gdw": {"code": c}} for c in "ab")), ("weights", "ab")):
        changed = [line | {"made": {name: value}} for line, value in zip(lines[:2], values, strict=True)]
        changed = [
            line | {"method": "gdw", "config": lines[1]["config"], "seed": place} for place, line in enumerate(changed)
        ]
        found = table(changed)
        assert found["scenario"].nunique() * found["method"].nunique() == 2


def test_a_plugin_is_compared_with_the_others():
    lines = records(2)
    made = {"made": {"own_code": {"method gdw": {"code": "e66"}}}}
    own = [line | (made if line["method"] == "gdw" else {}) for line in lines]
    assert sorted(table(own)["scenario"].unique()) == sorted(table(lines)["scenario"].unique())
    assert set(differences(table(own), "gdw")) == {"cross-entropy", "gdw-tied", "mwnet"}


def test_differences_are_paired_by_seed():
    """The seeds' own spread, shared by all methods, is not in them."""
    found = differences(table(records()), "gdw")["mwnet"]["uniform 40"]
    assert found.mean == pytest.approx(3 - 0.1, abs=1e-9)
    assert found.low > 2.7
    assert found.high < 3.1


def test_ranks_are_friedmans_and_the_critical_difference_is_the_published_one():
    runs = table(records())
    found = ranks(runs)
    assert next(iter(found.mean)) in ("gdw", "gdw-tied")
    assert list(found.mean.values()) == sorted(found.mean.values())
    expected = friedmanchisquare(*means(runs).to_numpy())
    assert (found.statistic, found.p_value) == (expected.statistic, expected.pvalue)
    q = 2.569  # Demsar 2006, table 5, four classifiers at 0.05
    assert found.critical_difference == pytest.approx(q * np.sqrt(4 * 5 / (6 * 2)), abs=2e-3)


def test_ranks_need_enough_to_rank():
    runs = table(records())
    assert len(ranks(runs[runs["method"] != "gdw-tied"]).mean) == 3
    for few in (runs[runs["method"].isin(["gdw", "mwnet"])], runs[runs["scenario"] == "uniform 40"]):
        with pytest.raises(ValueError, match="3 methods and 2 scenarios"):
            ranks(few)


def test_the_page_is_made_of_the_records_alone_and_says_wins_and_losses():
    lines = records()
    text = report.page(table(lines))
    assert text == report.page(table(lines))
    assert "against **cross-entropy**: wins: uniform 40" in text
    assert "the control for class-level weights" in text
    assert "Friedman" in text
    with pytest.raises(ValueError, match="no finished run of gdw"):
        report.page(table([line for line in lines if line["method"] == "mwnet"]))


@pytest.mark.skipif(not report.TABLE.exists(), reason="the standing comparison has not been run here")
def test_the_committed_page_is_that_of_the_committed_records():
    assert report.PAGE.read_text("utf-8") == report.whole_page()


def test_the_comparison_on_real_pictures_is_complete_and_paired():
    runs = report.load(report.FEATURES)
    experiments = load_spec(report.FEATURES.with_suffix(".toml"))
    assert len(runs) == len(experiments)
    found = set(zip(runs["method"], runs["scenario"], runs["seed"], strict=True))
    assert found == {(e.method, scenario_name(e.config()), e.seed) for e in experiments}


def test_the_standing_comparison_has_every_method_and_every_scenario():
    path = report.TABLE.with_name("spec.toml")
    experiments = load_spec(path)
    assert {e.method for e in experiments} == set(METHODS) - NOT_YET_COMPARED
    assert len({e.seed for e in experiments}) >= 10
    assert {scenario_name(e.config()) for e in experiments} == {
        "clean", "uniform 20", "uniform 40", "uniform 60", "uniform 80", "flip 20", "flip 40", "long tail 0.1",
        "long tail 0.02", "uniform 40 + long tail 0.1",
    }  # fmt: skip
    assert len(experiments) == len(experiments_of(tomllib.loads(path.read_text())))
