"""Rankings and the range of wrong labels, on blobs whose labels were made wrong; cleanlab's against slow loops."""

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from scipy.stats import binomtest

from gdw.comparison.audit.count import clopper_pearson, confident_joint, pairs, wrong_share
from gdw.comparison.audit.heads import (
    combined,
    fold_of,
    normalised,
    observed_log_probs,
    out_of_fold,
    standardised,
    trust,
)
from gdw.data.confirmed import IN_CLASS, RANDOM, SUSPECT, Confirmed

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
    first = out_of_fold(features[rest], observed[rest], folds[0], CLASSES)
    both = combined(first, features[rest], observed[rest], folds[1], known)
    return first, both, observed[rest], truth[rest]


def test_wrong_labels_come_first(spoken):
    first, both, observed, truth = spoken
    wrong = observed != truth
    for log_probs in (first, both):
        order = observed_log_probs(log_probs, observed).argsort()
        assert wrong[order[:60]].mean() > 0.8
        assert (log_probs[wrong].argmax(1) == truth[wrong]).mean() > 0.9  # the proposal is the right label


def test_self_confidence_is_the_probability_of_the_observed_label(spoken):
    first, _, observed, _ = spoken
    cleanlab = get_label_quality_scores(observed, np.exp(first), method="self_confidence")
    np.testing.assert_allclose(np.exp(observed_log_probs(first, observed)), cleanlab)


def test_the_confident_joint_is_that_of_the_paper(spoken):
    first, _, observed, _ = spoken
    probs = np.exp(first)
    thresholds = [probs[observed == label, label].mean() for label in range(CLASSES)]
    counts = np.zeros((CLASSES, CLASSES))
    for row, label in zip(probs, observed, strict=True):
        above = [c for c in range(CLASSES) if row[c] >= thresholds[c] - 1e-6]
        if above:
            counts[label, max(above, key=lambda c: row[c])] += 1
    expected = counts / counts.sum(1, keepdims=True) * np.bincount(observed)[:, None]
    joint = confident_joint(first, observed)
    np.testing.assert_allclose(joint, expected, atol=1)  # cleanlab rounds to whole pictures
    np.testing.assert_array_equal(joint.sum(1), np.bincount(observed))


def test_pairs_are_sorted_and_leave_out_the_diagonal():
    found = pairs(np.array([[9.0, 2.0, 0.0], [5.0, 7.0, 0.2], [0.0, 1.0, 4.0]]), ("a", "b", "c"))
    assert found.values.tolist() == [["b", "a"], ["a", "b"], ["c", "b"]]
    assert list(pairs(np.eye(2) * 4, ("a", "b")).columns) == ["observed", "proposed"]  # how often: nobody has checked


@pytest.mark.parametrize(("count", "total"), [(54, 275), (0, 40), (40, 40), (1, 150)])
def test_the_range_of_a_share_is_that_of_clopper_and_pearson(count, total):
    expected = binomtest(count, total).proportion_ci(0.95, "exact")
    np.testing.assert_allclose(clopper_pearson(count, total), expected, rtol=1e-7)


def drawn(labels, truth, places, way):
    return Confirmed({int(p): int(truth[p]) for p in places}, dict.fromkeys(map(int, places), way))


def test_a_random_sample_gives_a_range_and_nothing_else_does():
    truth, random = np.arange(400) % 4, np.random.default_rng(0)
    labels = np.where(np.arange(400) < 80, (truth + 1) % 4, truth)
    sample = random.permutation(400)[:150]
    known = drawn(labels, truth, sample, RANDOM)
    found, wrong = wrong_share(labels, known), int((sample < 80).sum())
    assert (found.wrong, found.checked, found.pictures) == (wrong, 150, 400)
    np.testing.assert_allclose((found.low, found.high), binomtest(wrong, 150).proportion_ci(0.95, "exact"), rtol=1e-7)
    assert f"of 150 pictures drawn at random and checked, {wrong} had another label" in str(found)
    for way in (SUSPECT, "", "checked"):
        assert wrong_share(labels, drawn(labels, truth, sample, way)) is None
    suspects = drawn(labels, truth, range(80), SUSPECT)
    both = Confirmed({**suspects.labels, **known.labels}, {**suspects.chosen, **known.chosen})
    assert wrong_share(labels, both) == found  # suspects beside it change nothing
    assert wrong_share(labels, Confirmed()) is None


def test_pictures_drawn_class_by_class_count_by_the_size_of_their_class():
    """900 pictures of a class without an error, 100 of one with every second label wrong: 5 % are wrong, not 25 %."""
    labels = np.repeat([0, 1], [900, 100])
    truth = np.where((labels == 1) & (np.arange(1000) % 2 == 0), 0, labels)
    known = drawn(labels, truth, [*range(20), *range(900, 920)], IN_CLASS)
    found = wrong_share(labels, known)
    weights, wrong = np.repeat([45.0, 5.0], 20), truth[list(known)] != labels[list(known)]
    number = weights.sum() ** 2 / (weights**2).sum()
    expected = clopper_pearson(number * weights[wrong].sum() / weights.sum(), number)
    np.testing.assert_allclose((found.low, found.high), expected, rtol=1e-9)
    assert found.low < 0.05 < found.high < 0.25
    assert wrong_share(labels, drawn(labels, truth, range(20), IN_CLASS)) is None  # nothing of the other class


@pytest.mark.parametrize("way", [RANDOM, IN_CLASS])
def test_the_range_holds_the_share_in_at_least_95_of_100_trials(way):
    """Eight classes in a long tail, more errors in the small ones; class by class: until five show the class."""
    random, sizes = np.random.default_rng(0), [int(800 * 0.05 ** (c / 7)) for c in range(8)]
    labels = np.repeat(np.arange(8), sizes)
    held = []
    for _ in range(300):
        wrong = random.random(len(labels)) < np.linspace(0.05, 0.4, 8)[labels]
        truth = np.where(wrong, (labels + random.integers(1, 8, len(labels))) % 8, labels)
        places = random.permutation(len(labels))
        if way == RANDOM:
            places = places[:100]
        else:
            own = [[p for p in places if labels[p] == c] for c in range(8)]
            places = [p for c in range(8) for p in own[c][: 1 + np.flatnonzero(np.cumsum(truth[own[c]] == c) == 5)[0]]]
        found = wrong_share(labels, drawn(labels, truth, places, way))
        held.append(found.low <= wrong.mean() <= found.high)
    assert np.mean(held) > 0.95 - 2 * np.sqrt(0.05 * 0.95 / 300)


def test_a_label_counts_as_it_is_believed_whatever_the_size_of_its_class():
    """Bayes by hand: with 90 and 10 pictures, a probability of 0.1 for the rare class is one half for equal classes."""
    labels = np.repeat([0, 1], [90, 10])
    log_probs = np.log(np.tile([0.9, 0.1], (100, 1)))
    np.testing.assert_allclose(trust(log_probs, labels), 1)
    log_probs[95:] = np.log([0.1, 0.9])
    expected = np.where(np.arange(100) < 95, 0.5, 0.9 / 0.1 / (0.9 / 0.1 + 0.1 / 0.9))
    np.testing.assert_allclose(trust(log_probs, labels), expected / expected.mean())
    assert np.isfinite(trust(np.log(np.full((4, 3), 1 / 3)), np.array([0, 0, 1, 1]))).all()  # a class without a label


def test_the_second_round_trains_on_trusted_labels_and_with_confirmed_pictures():
    random = np.random.default_rng(0)
    truth = np.arange(400) % 4
    features = standardised(random.normal(size=(4, 6))[truth] * 1.5 + random.normal(size=(400, 6)))
    labels = np.where(random.random(400) < 0.4, random.integers(0, 4, 400), truth)
    folds = fold_of(labels, 5, seed=0), fold_of(labels, 5, seed=1)
    first = out_of_fold(features, labels, folds[0], 4)
    both = combined(first, features, labels, folds[1])
    second = out_of_fold(features, labels, folds[1], 4, weights=trust(first, labels))
    np.testing.assert_allclose(both, normalised((first + second) / 2))
    known = features[truth == 0][:20], np.zeros(20, np.int64)
    with_known = combined(first, features, labels, folds[1], known)
    assert with_known[:, 0].mean() > both[:, 0].mean()
