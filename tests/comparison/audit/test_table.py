"""The table and the copies: order, reasons, and what is known for certain."""

import numpy as np
import torch

from gdw.comparison.audit.copies import find_copies
from gdw.comparison.audit.table import suspects
from gdw.data.dataset import Dataset
from gdw.pictures.extraction import hashed

NAMES, CLASSES = ("a", "b", "c", "d", "e"), ("cat", "dog")


def made(**given):
    labels = np.array([0, 0, 1, 1, 0])
    log_probs = np.log([[0.999, 0.001], [0.2, 0.8], [0.4, 0.6]])  # of a, b, c
    trust = np.exp(log_probs)[np.arange(3), labels[:3]]
    return suspects(NAMES, labels, np.arange(3), log_probs, trust, {3: 0, 4: 0}, CLASSES, {}, **given)


def test_rank_1_is_the_most_suspicious_and_confirmed_errors_come_first():
    table = made()
    assert list(table.columns) == ["path", "observed", "proposed", "score", "rank", "reason", "label", "chosen"]
    assert table["path"].tolist() == ["d", "b", "c", "a", "e"]
    assert table["label"].tolist() == ["cat", "", "", "", "cat"]
    assert table.index.tolist() == [3, 1, 2, 0, 4]
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["score"].tolist() == [1, 0.8, 0.4, 0.001, 0]
    assert table["proposed"].tolist() == ["cat", "dog", "dog", "cat", "cat"]
    assert table["reason"].tolist() == [
        "you confirmed it as cat, not dog", "looks like dog (80 %), not like cat (20 %)",
        "looks like dog (60 %), as labelled", "looks like cat (100 %), as labelled", "you confirmed it as cat",
    ]  # fmt: skip


def test_copies_are_found_by_content_and_said():
    images = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 1, 4, 4).clone()
    images[4], images[2], images[5] = images[0], images[1], images[0]
    data = Dataset("own", CLASSES, images, [0, 1, 1, 0, 1, 0], images[3:5].clone(), torch.tensor([0, 1]),
                   test_paths=("test/x", "test/y"))  # fmt: skip
    paths = {"": None, "test_": data.test_paths}
    copies, labels = find_copies({part: hashed(held, 1.0) for part, held in data.parts()}, paths), data.labels.numpy()
    assert copies.groups == ((0, 4, 5), (1, 2))
    assert copies.in_other_classes(labels) == {0: 4, 4: 0, 5: 4}
    assert set(copies.outside) == {(3, "test/x"), (0, "test/y"), (4, "test/y"), (5, "test/y")}
    said = copies.notes(labels, ("a", "b", "c", "d", "e", "f"))
    assert said[0] == "1 pictures are there more than once in their class (first: b = c)"
    assert said[1].endswith("so at least one label is wrong: a = e = f")
    assert "scores on it are too high" in said[2]
    table = suspects(("a", "b"), np.array([0, 1]), np.arange(2), np.log([[0.5, 0.5], [0.1, 0.9]]), np.array([0.5, 0.9]),
                     {}, CLASSES, {0: 1})  # fmt: skip
    assert table.index.tolist() == [0, 1]
    table = suspects(("a", "b", "c"), np.array([0, 1, 1]), np.arange(3), np.log([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]),
                     np.array([0.9, 0.8, 0.5]), {}, CLASSES, {0: 1, 1: 0})  # fmt: skip
    assert table.index.tolist() == [1, 0, 2]  # one of two labels of a picture is wrong, whatever the scores say
    assert table["reason"][0].endswith("; the same picture as b, which is labelled dog")
