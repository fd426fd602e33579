"""Rankings and the estimated number, on blobs whose labels were made wrong; cleanlab's parts against slow loops."""

import numpy as np
import pytest

from gdw.comparison.audit.count import confident_joint, pairs, probably_wrong
from gdw.comparison.audit.heads import fold_of, standardised
from gdw.comparison.audit.rank import kept, observed_log_probs, predictions, self_confidence

CLASSES, COUNT = 3, 300


@pytest.fixture(scope="module")
def spoken():
    random = np.random.default_rng(0)
    truth = np.arange(COUNT) % CLASSES
    features = standardised(random.normal(size=(CLASSES, 6))[truth] * 2.5 + random.normal(size=(COUNT, 6)))
    observed = truth.copy()
    wrong = random.choice(np.arange(15, COUNT), 60, replace=False)
    observed[wrong] = (truth[wrong] + 1) % CLASSES
    rest = np.arange(15, COUNT)
    folds = tuple(fold_of(observed, 5, seed=seed)[rest] for seed in (0, 1))
    known = features[:15], truth[:15]
    return predictions(features[rest], observed[rest], folds, CLASSES, known), observed[rest], truth[rest]


def test_wrong_labels_come_first(spoken):
    said, observed, truth = spoken
    wrong = observed != truth
    for log_probs in (said.first, said.combined):
        order = observed_log_probs(log_probs, observed).argsort()
        assert wrong[order[:60]].mean() > 0.8
        assert (log_probs[wrong].argmax(1) == truth[wrong]).mean() > 0.9  # the proposal is the right label


def test_self_confidence_is_the_probability_of_the_observed_label(spoken):
    said, observed, _ = spoken
    expected = [np.exp(said.first)[row, label] for row, label in enumerate(observed)]
    np.testing.assert_allclose(self_confidence(said.first, observed), expected)


def test_the_confident_joint_is_that_of_the_paper(spoken):
    said, observed, truth = spoken
    probs = np.exp(said.first)
    thresholds = [probs[observed == label, label].mean() for label in range(CLASSES)]
    counts = np.zeros((CLASSES, CLASSES))
    for row, label in zip(probs, observed, strict=True):
        above = [c for c in range(CLASSES) if row[c] >= thresholds[c] - 1e-6]
        if above:
            counts[label, max(above, key=lambda c: row[c])] += 1
    expected = counts / counts.sum(1, keepdims=True) * np.bincount(observed)[:, None]
    joint = confident_joint(said.first, observed)
    np.testing.assert_allclose(joint, expected, atol=1)  # cleanlab rounds to whole pictures
    np.testing.assert_array_equal(joint.sum(1), np.bincount(observed))
    assert abs(probably_wrong(joint) - (observed != truth).sum()) <= 10


def test_pairs_are_sorted_and_leave_out_the_diagonal():
    found = pairs(np.array([[9.0, 2.0, 0.0], [5.0, 7.0, 0.2], [0.0, 1.0, 4.0]]), ("a", "b", "c"))
    assert found.values.tolist() == [["b", "a", 5], ["a", "b", 2], ["c", "b", 1]]
    assert list(pairs(np.eye(2) * 4, ("a", "b")).columns) == ["observed", "proposed", "pictures"]


def test_a_class_that_the_first_round_never_finds_keeps_its_pictures():
    log_probs = np.log(np.tile([0.6, 0.4], (40, 1)))
    labels = np.repeat([0, 1], 20)
    assert kept(log_probs, labels, 5).all()
    log_probs[25:, 1] = np.log(0.9)
    assert kept(log_probs, labels, 5).sum() == 35
