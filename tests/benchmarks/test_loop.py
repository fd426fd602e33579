"""The benchmark of looks: one seed on small features, and the table in docs/audit.md."""

import json
from pathlib import Path

import numpy as np
import torch

from benchmarks import loop
from gdw.data.dataset import Dataset

ROOT = Path(__file__).parents[2]


def test_corrected_labels_are_trained_on(monkeypatch):
    """Half of the labels are wrong: the right ones must show in the accuracy."""
    monkeypatch.setattr(loop, "LOOKS", (0, 300))
    monkeypatch.setattr(loop, "METHODS", ("cross-entropy",))
    random, truth = np.random.default_rng(0), np.repeat(np.arange(3), 200)
    centres = random.normal(size=(3, 8)) * 1.5
    points = torch.tensor(centres[truth] + random.normal(size=(len(truth), 8)), dtype=torch.float32)
    observed = np.where(random.random(len(truth)) < 0.5, (truth + 1) % 3, truth)
    data = Dataset("own", ("0", "1", "2"), points, observed, points, truth)
    found = loop.one_set(data, truth, 0)["cross-entropy"]
    assert set(found) == set(loop.ORDERS)
    assert all(scores["300"] > scores["0"] + 3 for scores in found.values())
    assert len({scores["0"] for scores in found.values()}) == 1


def test_the_table_in_the_documentation_is_the_stored_result():
    stored = json.loads((ROOT / "benchmarks" / "standing" / "loop.json").read_text("utf-8"))["seeds"]
    assert loop.report(stored).strip() in (ROOT / "docs" / "audit.md").read_text("utf-8")
