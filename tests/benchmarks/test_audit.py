"""The audit's benchmark: one split on small features, and the table in docs/audit.md."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import audit
from gdw.comparison.report import paired_difference
from gdw.data.dataset import Dataset

ROOT = Path(__file__).parents[2]
EACH, CONFIRMED = 300, 3  # of a class: the smallest of a long tail has more than are confirmed
PEOPLE = {name: column for name, column in audit.HUMAN.items() if name in audit.TAILED}


def test_one_split_ranks_by_every_ranking(tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "CONFIRMED", CONFIRMED)
    monkeypatch.setattr(audit, "HUMAN", PEOPLE)
    random = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), EACH)
    features = random.normal(size=(3, 8))[truth] * 2 + random.normal(size=(len(truth), 8))
    paths = tuple(f"{label}/{place}.png" for place, label in enumerate(truth))
    data = Dataset("own", ("0", "1", "2"), torch.tensor(features, dtype=torch.float32), truth, paths=paths)
    worse = np.where(random.random(len(truth)) < 0.3, (truth + 1) % 3, truth)
    rows = [f"{path},{one},{one}" for path, one in zip(paths, worse, strict=True)]
    table = tmp_path / "labels.csv"
    names = ",".join(["path", *PEOPLE.values()])
    table.write_text("\n".join([names, *rows, "elsewhere/1.png,0,0"]), "utf-8")
    found = audit.one_split(data, features.astype(np.float32), table, 0, ["mwnet"])
    tails = {f"long tail 0.02, human {name}" for name in ("random 2", "worst")}
    assert set(found["scores"]) == {*PEOPLE, "uniform 60"} | tails
    human = found["scores"]["human worst"]
    assert {audit.BASE, audit.OURS, "mwnet: weights"} <= set(human)
    assert human[audit.OURS]["average precision"] > 0.9
    part, _ = audit.observed_labels(data, table, 0)["human worst"]
    assert np.bincount(truth[part]).tolist() == [EACH // 3] * 3
    sure, rest = audit.splits(truth[part], 0)
    assert found["wrong"]["human worst"]["true"] == (worse[part][rest] != truth[part][rest]).sum()
    assert np.bincount(truth[part][sure]).tolist() == [CONFIRMED] * 3
    assert not set(sure) & set(rest)
    tail, _ = audit.observed_labels(data, table, 0)[tails.pop()]
    np.testing.assert_allclose(np.bincount(truth[tail]), EACH * 2 / 3 * 0.02 ** np.array([0, 0.5, 1]), atol=1)
    assert "| combined |" in audit.report([found, found])


def test_scores_of_a_known_ranking():
    trust, wrong = np.array([0.1, 0.2, 0.3, 0.4]), np.array([True, False, True, False])
    found = audit.scores(trust, wrong)
    assert found["auroc"] == pytest.approx(0.75)
    assert found["average precision"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert found["precision at k"] == 0.5


def stored(name):
    return json.loads((ROOT / "benchmarks" / "standing" / name).read_text("utf-8"))["splits"]


def test_the_tables_in_the_documentation_are_the_stored_results():
    pages = {name: (ROOT / "docs" / name).read_text("utf-8") for name in ("audit.md", "results.md")}
    assert audit.report(stored("audit.json")) in pages["audit.md"]
    for name in ("audit.json", "audit_methods.json"):
        assert audit.report(stored(name)).replace("### ", "## ") in pages["results.md"]


def test_the_default_ranking_is_at_least_as_good_as_cleanlab_on_every_label_set():
    """As the page says: its interval is above 0 on long tails too, with and without confirmed pictures."""
    splits = stored("audit.json")
    for name in splits[0]["scores"]:
        base, *ours = (
            [split["scores"][name][ranking]["average precision"] for split in splits]
            for ranking in (audit.BASE, audit.OURS, "combined, nothing confirmed")
        )
        assert all(paired_difference(values, base).low > 0 for values in ours), name


def test_the_confident_joint_is_above_the_true_number_on_every_label_set():
    for split in stored("audit.json"):
        assert all(found["estimated"] > found["true"] for found in split["wrong"].values())
