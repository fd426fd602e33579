"""The measured matrix of human labels: what is stored, and how it is made from your own copy."""

import numpy as np
import pytest
import torch

from gdw.data.folder import CIFAR10_CLASSES
from gdw_notebooks.recorded import human_noise


def test_what_is_stored_is_a_matrix_with_the_published_rate():
    matrix, names = human_noise.load()
    assert names == CIFAR10_CLASSES
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-12)
    assert matrix.min() > 0
    assert 1 - matrix.diagonal().mean() == pytest.approx(0.4021, abs=2e-4)  # of the paper's table 1: 40.21 %


def labels():
    random = np.random.default_rng(0)
    true = np.repeat(np.arange(10), 20)
    return true, np.where(random.random(200) < 0.4, random.integers(0, 10, 200), true)


def by_hand(true, observed):
    return [[100 * np.mean(observed[true == i] == j) for j in range(10)] for i in range(10)]


def test_both_kinds_of_copies_give_the_same(tmp_path):
    true, observed = labels()
    torch.save({"clean_label": true, "worse_label": observed}, tmp_path / "human.pt")
    folders, words = ([CIFAR10_CLASSES[label] for label in each] for each in (true, observed))
    rows = [f"train/{folder}/{k}.jpg,{word}" for k, (folder, word) in enumerate(zip(folders, words, strict=True))]
    (tmp_path / "human.csv").write_text("\n".join(["path,worse_label", *rows]), "utf-8")
    for name in ("human.pt", "human.csv"):
        np.testing.assert_allclose(human_noise.measure(tmp_path / name), by_hand(true, observed), atol=0.005)


def test_other_files_are_refused(tmp_path):
    true, observed = labels()
    torch.save({"worse_label": observed}, tmp_path / "a.pt")
    torch.save({"clean_label": true, "worse_label": observed + 1}, tmp_path / "b.pt")
    (tmp_path / "c.csv").write_text("path,worse_label\n0000.jpg,cat\n", "utf-8")
    (tmp_path / "d.csv").write_text("path,label\ntrain/cat/0000.jpg,cat\n", "utf-8")
    (tmp_path / "e.csv").write_text("path,worse_label\ntrain/cat/0000.jpg,cat\n", "utf-8")
    (tmp_path / "f.csv").write_text("path,worse_label\ntrain/cat/0000.jpg,none of these\n", "utf-8")
    for name, says in (
        ("a.pt", "lacks clean_label"), ("b.pt", "labels in 0 ... 9"), ("c.csv", "must hold the true class"),
        ("d.csv", "needs a column worse_label"), ("e.csv", "all ten are needed"),
        ("f.csv", "each picture needs a class"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=says):
            human_noise.measure(tmp_path / name)
