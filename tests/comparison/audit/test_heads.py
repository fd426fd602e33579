"""Held-out classifiers: checked against another solver in float64, and against a leak."""

import pickle
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

import gdw
from gdw.comparison.audit import heads
from gdw.comparison.audit.heads import (
    LEAST,
    check_probs,
    fold_of,
    normalised,
    out_of_fold,
    standardised,
    trained_log_probs,
    unseen_classes,
)
from gdw.pictures.feature_store import FeatureStore, Rows
from gdw.pictures.on_disk import OnDisk


def blobs(count=60, classes=3, size=4, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = random.normal(size=(classes, size)) * 2
    return standardised(centres[labels] + random.normal(size=(count, size))), labels


def test_the_classifier_is_the_optimum_of_its_stated_objective():
    features, labels = blobs()
    weights = np.random.default_rng(1).uniform(0.5, 3, len(labels))
    found = trained_log_probs(features, labels, weights, features, 3, freedom=2.0)
    x, y, w = features.read().double(), torch.tensor(labels), torch.tensor(weights)
    matrix = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([matrix, bias], max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def objective():
        solver.zero_grad()
        losses = torch.nn.functional.cross_entropy(x @ matrix + bias, y, reduction="none")
        total = (w * losses).sum() + 4 / (2 * 2.0) * matrix.square().sum()
        total.backward()
        return total

    solver.step(objective)
    expected = (x @ matrix + bias).log_softmax(1).detach().numpy()
    np.testing.assert_allclose(np.exp(found), np.exp(expected), atol=1e-3)  # the solver stops at a gradient of 1e-4


def test_no_picture_is_judged_by_a_classifier_that_saw_its_label():
    features, labels = blobs()
    fold = fold_of(labels, 5)
    before = out_of_fold(features, labels, fold, 3)
    changed = labels.copy()
    changed[7] = (labels[7] + 1) % 3
    after = out_of_fold(features, changed, fold, 3)
    same = fold == fold[7]
    np.testing.assert_array_equal(before[same], after[same])
    assert np.abs(before[~same] - after[~same]).max() > 1e-3


def test_folds_have_every_class_and_copies_stay_together():
    labels = np.repeat([0, 1], [23, 7])
    fold = fold_of(labels, 5, copies=[(0, 25, 3)], seed=4)
    assert fold[0] == fold[25] == fold[3]
    free = np.setdiff1d(np.arange(30), [3, 25])
    counts = np.array([np.bincount(fold[free][labels[free] == c], minlength=5) for c in (0, 1)])
    assert counts.min() >= 1
    assert np.array_equal(fold, fold_of(labels, 5, copies=[(0, 25, 3)], seed=4))
    assert not np.array_equal(fold, fold_of(labels, 5, seed=5))


def test_copies_are_spread_where_one_fold_would_hold_their_whole_class():
    labels = np.repeat([0, 1, 2], [20, 20, 6])
    fold = fold_of(labels, 5, copies=[(3, 40, 41), (42, 43, 44, 45)])  # of class 2 there are two pictures
    assert fold[3] == fold[40] == fold[41]
    assert len({*fold[42:]}) == 1
    for group in ([(*range(40, 46),)], [(7, *range(40, 46))]):
        fold = fold_of(labels, 5, copies=group)
        assert len({*fold[40:]}) == 5
        assert unseen_classes(labels, fold).tolist() == []
    assert unseen_classes(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])).tolist() == [1]


@pytest.mark.parametrize("kind", ["npy", "array", "frame", "whole numbers"])
@pytest.mark.parametrize(("scale", "offset"), [(1, 1e9), (1, -1e12), (1e-9, 0), (1e-9, 1e-3), (1e12, 0)])
def test_columns_in_any_unit_and_at_any_offset_say_the_same(tmp_path, kind, scale, offset):
    features, labels = blobs()
    points = np.asarray(features.matrix, np.float64)
    moved, expected = points * scale + offset, gdw.audit(points, observed=labels)
    given = {"frame": pd.DataFrame(moved), "whole numbers": np.round(points * 2**20).astype(np.int64) + int(offset)}
    if kind == "npy":
        np.save(tmp_path / "x.npy", moved)
        given["npy"] = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = gdw.audit(given.get(kind, moved), observed=labels)
    np.testing.assert_allclose(found.table["score"].sort_index(), expected.table["score"].sort_index(), atol=2e-4)
    far = abs(offset) > 1e5 * scale * (2**20 if kind == "whole numbers" else 1) and kind != "npy"
    said = "columns that lie far from 0 for how little they differ count from their mean: 0, 1"
    assert any(said in note for note in found.notes) == far


def test_a_column_that_never_changes_is_0_wherever_it_lies():
    matrix = np.c_[np.full(9, 1e30), np.full(9, -1e-30), np.zeros(9), np.full(9, 0.1)]
    assert standardised(matrix).read().abs().max() < 1e-12


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_probabilities_may_be_rounded_and_no_more(kind):
    probs = np.random.default_rng(0).dirichlet(np.ones(100), 200)
    found = check_probs(probs.astype(kind), 200, list(map(str, range(100))), list(map(str, range(100))))
    np.testing.assert_allclose(np.exp(found).sum(1), 1)
    for share in (0.95, 1.05):
        with pytest.raises(ValueError, match="pred_probs must hold probabilities"):
            check_probs((probs * share).astype(kind), 200, *[list(map(str, range(100)))] * 2)


def test_a_class_that_is_missing_from_the_training_pictures_is_least_likely():
    features, labels = blobs()
    two = labels < 2
    found = trained_log_probs(features[two], labels[two], None, features, 3)
    assert found[:, 2].max() < LEAST + 1
    np.testing.assert_allclose(np.exp(found).sum(1), 1)
    one = trained_log_probs(features[labels == 1], labels[labels == 1], None, features, 3)
    assert (one.argmax(1) == 1).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_others_that_share_the_work_give_the_same_numbers_to_the_last_bit(tmp_path, monkeypatch, order):
    monkeypatch.setattr(heads, "BLOCK", 7)
    held, labels = blobs()
    np.save(tmp_path / "x.npy", np.asarray(held.matrix[:, :3], np.float32, order))
    matrix, fold, sent = np.load(tmp_path / "x.npy", mmap_mode="r"), fold_of(labels, 5), []

    def rows(values):
        return OnDisk.all_of(Rows(values, np.arange(len(values))))

    class Others(ThreadPoolExecutor):
        def submit(self, work, *given):
            sent.append(pickle.dumps((work, given)))
            work, given = pickle.loads(sent[-1])
            return super().submit(work, *given)

    with Others(2) as others:
        shared = standardised(rows(matrix), others)
        known = shared[:9], labels[:9]
        found = out_of_fold(shared[9:], labels[9:], fold[9:], 3, known=known)
        assert len(sent) > 2 * 7  # each pass, in two parts
        sent.clear()
        out_of_fold(standardised(rows(matrix[9:]), others), labels[9:], fold[9:], 3)  # a part of a file: read here
    assert not sent
    alone = standardised(rows(matrix))
    expected = out_of_fold(alone[9:], labels[9:], fold[9:], 3, known=(alone[:9], labels[:9]))
    np.testing.assert_array_equal(found, expected)


def test_features_in_a_temporary_folder_are_not_sent_to_other_machines():
    store = FeatureStore(None)
    store.add([b"%016d" % row for row in range(9)], torch.rand(9, 3))
    rows = OnDisk.all_of(Rows(store.matrix, np.arange(9)))
    assert list(standardised(rows, executor="no machine").each(len)) == [9]


def test_after_an_interruption_other_machines_have_nothing_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(heads, "BLOCK", 4)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 3)))
    matrix, begun = np.load(tmp_path / "x.npy", mmap_mode="r"), []

    class Stuck(Executor):
        def submit(self, work, *given):
            begun.append(Future())
            if len(begun) == 1:
                begun[0].set_exception(KeyboardInterrupt())
            return begun[-1]

    features = standardised(OnDisk.all_of(Rows(matrix, np.arange(60))), Stuck())
    with pytest.raises(KeyboardInterrupt):
        list(features.each(len))
    assert [future.cancelled() for future in begun] == [False, True, True, True]


def test_a_feature_that_never_changes_is_left_at_zero():
    found = standardised(np.array([[1.0, 5.0], [3.0, 5.0]]))
    np.testing.assert_array_equal(found.read(), [[-1, 0], [1, 0]])


@pytest.mark.parametrize("shift", [-900.0, 0.0, 900.0])
def test_normalised_rows_are_probabilities_whatever_their_scale(shift):
    found = np.exp(normalised(np.array([[0.0, 1.0, 2.0]]) + shift))
    np.testing.assert_allclose(found, np.exp([[0, 1, 2]]) / np.exp([0, 1, 2]).sum())
