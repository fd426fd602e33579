"""Fine-tuned networks compared: no choice sees a clean label beyond the run's own, and it goes on after a stop."""

from itertools import combinations, islice
from pathlib import Path

import numpy as np
import pytest

import gdw
from benchmarks import end_to_end
from gdw.comparison.records import read
from gdw.experiments.history import History
from gdw.experiments.loading import task_of

SPEC = end_to_end.load_spec()
SMALL = {
    "seeds": [0],
    "run": {
        "dataset": "digits",
        "rate": 0.4,
        "meta_per_class": 4,
        "train_per_class": 20,
        "batch_size": 50,
        "epochs": 1,
        "device": "cpu",
    },
    "search": {"meta_per_class": 2, "validation_per_class": 2, "train_per_class": 10, "test_per_class": 1},
    "common": {"lr": [1e-6, 0.1], "weight_decay": [0.0, 0.0]},
    "own": {"cross-entropy": {}, "mwnet": {"weight_net_lr": [0.01, 0.1]}},
}


def test_every_method_tries_as_many_settings():
    own, common = SPEC["own"], SPEC["common"]
    lists = [*common.values(), *(values for settings in own.values() for values in settings.values())]
    assert {len(values) for values in lists} == {4}
    assert own["gdw"] == own["gdw-tied"] == own["gdw-class-net"]
    for one, other in combinations([*common.values(), own["gdw"]["step_size"]], 2):
        assert len(set(zip(one, other, strict=True))) == 4  # each pair of values once


@pytest.mark.parametrize("seed", [0, 3])
def test_settings_are_compared_on_the_clean_pictures_of_the_run_itself(seed):
    digits = gdw.load_dataset("digits")
    search, run = (
        task_of(end_to_end.experiments_of(SMALL, "mwnet", seed, part)[0], digits).dataset_indices
        for part in ("search", "run")
    )  # fmt: skip
    halves = np.concatenate([search["meta"], search["validation"]])
    assert sorted(halves) == run["meta"].tolist()
    assert set(search["train"].tolist()) < set(run["train"].tolist())


def test_it_goes_on_after_a_stop_and_chooses_by_validation_alone(tmp_path):
    path, epochs = tmp_path / "runs.jsonl", tmp_path / "epochs.jsonl"

    def go():
        return end_to_end.run(SMALL, path, lambda history: end_to_end.save(history, epochs))

    first = list(islice(go(), 5))  # a seed's four tries, and a chosen run
    assert [line["config"]["meta_per_class"] for line in first] == [2, 2, 2, 2, 4]
    rest = list(go())
    assert [line["method"] for line in rest] == ["mwnet"]
    assert len(path.read_text().splitlines()) == len(first) + len(rest) == 6
    chosen = end_to_end.load(epochs)
    assert [(h.method, h.seed) for h in chosen] == [(method, 0) for method in SMALL["own"]]
    for run in chosen:
        own = [x for x in first + rest if (x["method"], x["seed"]) == (run.method, run.seed)]
        tries = [x for x in own if x["config"]["meta_per_class"] == 2]
        best = max(x["validation_accuracy"] for x in tries)
        assert run.config["lr"] == next(x["config"]["lr"] for x in tries if x["validation_accuracy"] == best)
    assert list(go()) == []


def test_a_setting_that_was_not_tried_is_no_reason_to_choose_another(tmp_path):
    with pytest.raises(ValueError, match="mwnet, seed 0: 2 of its settings have not been tried"):
        end_to_end.chosen(SMALL, "mwnet", 0, [])


def histories(seeds, methods):
    found = []
    for method in methods:
        for seed in range(seeds):
            history = History({"method": method, "seed": seed} | {n: v[seed] for n, v in SPEC["common"].items()})
            for epoch in range(5):
                accuracy = 60 + epoch + 2 * seed * (method == "gdw")
                history.append({"test_accuracy": accuracy, "group_loss": [1.0, 2.0 - epoch / 4]})
            found.append(history)
    return found


def test_a_table_needs_three_seeds_of_all_methods():
    methods = list(SPEC["own"])
    few = end_to_end.report(SPEC, histories(2, methods))
    assert few == "Not finished: 2 of 3 seeds have all 6 methods. A table needs 3."
    assert "0 of 3" in end_to_end.report(SPEC, histories(3, methods[:2]))
    rows = end_to_end.report(SPEC, histories(3, methods)).splitlines()
    assert len(rows) == 8
    accuracies = "60.0 | 61.0 | 62.0 | 63.0 | 64.0 ± 0.0"
    assert rows[4] == f"| MWNet | 1, 2, 3 | {accuracies} | 2.00 → 1.00 | +2.0 [-3.0, +7.0] |"


def test_the_table_in_the_docs_is_that_of_the_committed_runs():
    told = end_to_end.report(SPEC, end_to_end.load())
    assert told in (Path(end_to_end.__file__).parents[1] / "docs" / "measured.md").read_text("utf-8")
    finished = {record["code"] for record in read(end_to_end.RECORDS)}
    assert len(finished) == len(SPEC["own"]) * len(SPEC["seeds"]) * 5
