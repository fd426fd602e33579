"""The audit's benchmark: one split on small features, and the table in docs/audit.md."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import audit
from gdw.comparison.audit.heads import standardised
from gdw.data.dataset import Dataset

ROOT = Path(__file__).parents[2]


def test_one_split_ranks_by_every_ranking(tmp_path):
    random = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), 60)
    features = random.normal(size=(3, 8))[truth] * 2 + random.normal(size=(180, 8))
    paths = tuple(f"{label}/{place}.png" for place, label in enumerate(truth))
    data = Dataset("own", ("0", "1", "2"), torch.tensor(features, dtype=torch.float32), truth, paths=paths)
    worse = np.where(random.random(180) < 0.3, (truth + 1) % 3, truth)
    rows = [f"{path},{one},{two}" for path, one, two in zip(paths, worse, worse, strict=True)]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,worse_label,aggre_label", *rows, "elsewhere/1.png,0,0"]), "utf-8")
    found = audit.one_split(data, standardised(features), table, 0, ["mwnet"])
    assert set(found["scores"]) == {"human worst", "human aggregate", "uniform 60"}
    human = found["scores"]["human worst"]
    assert {audit.BASE, audit.OURS, "mwnet: weights"} <= set(human)
    assert human[audit.OURS]["average precision"] > 0.9
    sure, rest = audit.splits(truth, 0)
    assert found["wrong"]["human worst"]["true"] == (worse[rest] != truth[rest]).sum()
    assert np.bincount(truth[sure]).tolist() == [audit.CONFIRMED] * 3
    assert not set(sure) & set(rest)
    assert "| combined |" in audit.report([found, found])


def test_scores_of_a_known_ranking():
    trust, wrong = np.array([0.1, 0.2, 0.3, 0.4]), np.array([True, False, True, False])
    found = audit.scores(trust, wrong)
    assert found["auroc"] == pytest.approx(0.75)
    assert found["average precision"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert found["precision at k"] == 0.5


def test_the_table_in_the_documentation_is_the_stored_result():
    stored = json.loads((ROOT / "benchmarks" / "standing" / "audit.json").read_text("utf-8"))
    assert audit.report(stored["splits"]) in (ROOT / "docs" / "audit.md").read_text("utf-8")
