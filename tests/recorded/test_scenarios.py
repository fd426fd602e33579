"""Scenarios: the sentence says what the record says, losses included, and nothing where there is no record."""

import json

import pytest

from gdw.experiments.experiment import Experiment
from gdw.experiments.history import History
from gdw_notebooks.recorded.scenarios import OUTCOMES, SCENARIOS, experiments, outcomes, sentence

SCORES = {"gdw": (90.0, 92.0, 94.0), "mwnet": (80.0, 81.0, 85.0), "l2rw": (95.0, 97.0, 98.5)}


@pytest.fixture
def record():
    made = []
    for method, accuracies in SCORES.items():
        for seed, accuracy in enumerate(accuracies):
            experiment = SCENARIOS["uniform 60"].with_(method=method, seed=seed)
            made.append(History(experiment.config()))
            for _ in range(5):
                made[-1].append({"test_accuracy": accuracy})
    return outcomes(made)


def test_means_and_paired_differences(record):
    found = record["uniform 60"]
    assert found["methods"]["gdw"] == {"mean": 92.0, "sd": 2.0, "accuracy": [90.0, 92.0, 94.0]}
    mean, low, high, p_value = found["gdw minus"]["mwnet"]
    assert mean == 10.0  # of 10, 11 and 9
    assert (low, high) == (7.52, 12.48)  # 4.303 / sqrt(3) on each side
    assert p_value == 0.003317  # t = 17.3 at 2 degrees of freedom; the larger of two, so Holm leaves it as it is


def test_the_sentence_names_wins_and_losses(record, tmp_path):
    record["uniform 60"]["seeds"] = 8
    path = tmp_path / "outcomes.json"
    path.write_text(json.dumps(record))
    words = sentence("uniform 60", path)
    assert words.startswith("Over 8 seeds GDW reaches 92.0 ± 2.0 %; ahead of MWNet (+10.0 [")
    assert "; behind L2RW (−4.8 [" in words
    assert "Holm's correction for 2 methods" in words
    record["uniform 60"]["gdw minus"]["l2rw"][3] = 0.06
    path.write_text(json.dumps(record))
    assert "; not significantly different from L2RW (−4.8 [" in sentence("uniform 60", path)
    assert sentence("uniform 80", path) == ""


def test_no_sentence_without_a_record_or_with_few_seeds(record, tmp_path):
    assert sentence("uniform 60", tmp_path / "none.json") == ""
    path = tmp_path / "outcomes.json"
    path.write_text(json.dumps(record))  # three seeds
    assert sentence("uniform 60", path) == ""


def test_no_sentence_where_the_settings_have_changed_since(record, tmp_path):
    record["uniform 60"] |= {"seeds": 8, "code": Experiment(rate=0.6, lr=0.05).code}
    path = tmp_path / "outcomes.json"
    path.write_text(json.dumps(record))
    assert sentence("uniform 60", path) == ""


def test_every_scenario_meets_every_method_on_every_seed():
    planned = experiments(seeds=8)
    assert len(planned) == len(set(planned)) == len(SCENARIOS) * 8 * 8


@pytest.mark.skipif(not OUTCOMES.exists(), reason="python -m gdw_notebooks.recorded.scenarios has not been run")
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_stored_record_is_of_todays_settings(name):
    assert sentence(name)
