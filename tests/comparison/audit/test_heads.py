"""Held-out classifiers: checked against another solver in float64, and against a leak."""

import pickle
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch

from gdw.comparison.audit import heads
from gdw.comparison.audit.heads import LEAST, fold_of, normalised, out_of_fold, standardised, trained_log_probs
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
