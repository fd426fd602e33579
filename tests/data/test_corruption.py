"""Transition matrices written out by hand, labels by counting, class sizes by their formula."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdw.data.corruption import (
    IMBALANCES,
    NOISES,
    class_counts,
    corrupt_labels,
    transition_matrix,
    wrong_label_rate,
)
from gdw.data.splits import thinned

RATES = st.floats(0, 1)
MANY = 100_000


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def matrix_of(rows):
    return torch.tensor(rows, dtype=torch.float64)


@given(noise=st.sampled_from(sorted(NOISES)), rate=RATES, classes=st.integers(3, 20), seed=st.integers(0, 1000))
def test_rows_are_probabilities_and_the_seed_decides(noise, rate, classes, seed):
    matrix = transition_matrix(noise, rate, classes, random(seed))
    assert matrix.dtype == torch.float64
    assert matrix.shape == (classes, classes)
    assert (matrix >= 0).all()
    torch.testing.assert_close(matrix.sum(1), torch.ones(classes, dtype=torch.float64), atol=1e-12, rtol=0)
    assert torch.equal(matrix, transition_matrix(noise, rate, classes, random(seed)))


@pytest.mark.parametrize("noise", sorted(NOISES))
def test_rate_zero_keeps_every_label(noise):
    labels = torch.arange(4).repeat(50)
    matrix = transition_matrix(noise, 0, 4, random())
    assert torch.equal(matrix, torch.eye(4, dtype=torch.float64))
    assert torch.equal(corrupt_labels(labels, matrix, random()), labels)


def test_uniform_draws_from_all_classes():
    expected = matrix_of([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    torch.testing.assert_close(transition_matrix("uniform", 0.3, 3, random()), expected)


def test_uniform_forty_percent_of_ten_classes_is_thirty_six_percent_wrong():
    matrix = transition_matrix("uniform", 0.4, 10, random())
    labels = torch.arange(10).repeat(MANY // 10)
    assert abs(wrong_label_rate(labels, corrupt_labels(labels, matrix, random())) - 0.36) < 0.008


def test_symmetric_never_draws_the_true_class():
    expected = matrix_of([[0.7, 0.15, 0.15], [0.15, 0.7, 0.15], [0.15, 0.15, 0.7]])
    torch.testing.assert_close(transition_matrix("symmetric", 0.3, 3, random()), expected)


def test_pair_leads_to_the_next_class():
    expected = matrix_of([[0.7, 0.3, 0], [0, 0.7, 0.3], [0.3, 0, 0.7]])
    torch.testing.assert_close(transition_matrix("pair", 0.3, 3, random()), expected)


@given(seed=st.integers(0, 1000), classes=st.integers(3, 12), others=st.sampled_from([1, 2]))
def test_flips_lead_to_as_many_others_as_they_say(seed, classes, others):
    matrix = transition_matrix({1: "flip", 2: "flip2"}[others], 0.4, classes, random(seed))
    assert torch.equal(matrix.diagonal(), torch.full((classes,), 0.6, dtype=torch.float64))
    beside = matrix - torch.diag(matrix.diagonal())
    assert ((beside > 0).sum(1) == others).all()
    assert ((beside == 0) | (beside == 0.4 / others)).all()


def test_flip_reaches_every_other_class_for_some_seed():
    reached = sum(transition_matrix("flip", 1.0, 4, random(seed)) for seed in range(200))
    assert torch.equal(reached > 0, ~torch.eye(4, dtype=torch.bool))


def test_labels_follow_their_rows():
    matrix = matrix_of([[0.5, 0.5, 0, 0], [0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0]])
    labels = torch.arange(4).repeat_interleave(MANY)
    observed = corrupt_labels(labels, matrix, random())
    shares = torch.bincount(labels * 4 + observed, minlength=16).view(4, 4).double() / MANY
    torch.testing.assert_close(shares, matrix, atol=0.008, rtol=0)  # 5 standard deviations
    assert (shares[matrix == 0] == 0).all()


def test_a_matrix_is_taken_as_it_is():
    given_matrix = [[0.25, 0.75], [0.0, 1.0]]
    assert transition_matrix(given_matrix, 0.0, 2, random()).tolist() == given_matrix
    assert transition_matrix(torch.tensor(given_matrix), 0.9, 2, random()).tolist() == given_matrix


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.5, 0.4], [0, 1]], "rows that sum to 1, got the sum 0.9 in row 0"),
        ([[1, 0], [0.5, 0.5 + 2e-4]], "got the sum 1.0002 in row 1"),
        ([[1.5, -0.5], [0, 1]], "negative number or NaN"),
        ([[float("nan"), 1], [0, 1]], "negative number or NaN"),
        ([[1, 0, 0], [0, 1, 0]], r"must be a square matrix .* of 2 x 2, got the shape \(2, 3\)"),
        ([[1, 0], [1]], "rows of equal length"),
    ],
)
def test_a_matrix_that_is_not_row_stochastic_is_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        transition_matrix(matrix, 0.0, 2, random())


@pytest.mark.parametrize(
    ("noise", "rate", "classes", "message"),
    [
        ("uniform", 1.4, 3, r"rate must lie in \[0, 1\], got 1.4"),
        ("uniform", -0.1, 3, r"rate must lie in \[0, 1\], got -0.1"),
        ("uniform", float("nan"), 3, "rate must be a finite number, got nan"),
        ("unifrom", 0.1, 3, "unknown noise 'unifrom'; did you mean 'uniform'"),
        ("flip2", 0.1, 2, "flip noise to 2 other classes needs 3 classes, got 2"),
        ("symmetric", 0.1, 1, "at least 2 classes, got 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(noise, rate, classes, message):
    with pytest.raises(ValueError, match=message):
        transition_matrix(noise, rate, classes, random())


@pytest.mark.parametrize("labels", [[0, 3], [-1, 2]])
def test_a_label_without_a_row_is_refused(labels):
    with pytest.raises(ValueError, match=r"labels must lie in 0 ... 2"):
        corrupt_labels(torch.tensor(labels), torch.eye(3, dtype=torch.float64), random())


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (torch.zeros(3, 3), "got the sum 0 in row 0"),
        (np.zeros((3, 3)), "got the sum 0 in row 0"),
        (torch.full((3, 3), torch.nan), "negative number or NaN"),
        ([[1, 0, 0], [0, 1, 0], [0, 0, float("nan")]], "negative number or NaN"),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 0]], "got the sum 0 in row 2"),
        (torch.eye(3)[:2], r"must be a square matrix .*, got the shape \(2, 3\)"),
        ([[1, 0], "ab"], "rows of equal length"),
        (None, r"must be a square matrix .*, got the shape \(\)"),
        ([], r"must be a square matrix .*, got the shape \(0,\)"),
        ([[10**400]], "with numbers in rows"),
    ],
)
def test_labels_are_never_drawn_from_what_is_no_matrix(matrix, message):
    with pytest.raises(ValueError, match=message):
        corrupt_labels(torch.tensor([0, 1]), matrix, random())


@pytest.mark.parametrize("of", [torch.tensor, np.array, list, lambda rows: np.array(rows).astype(">f4")])
def test_matrices_of_every_kind_draw_the_same(of):
    rows = [[0.25, 0.75], [0.5, 0.5]]
    labels = torch.tensor([0, 1] * 50)
    expected = corrupt_labels(labels, matrix_of(rows), random())
    assert torch.equal(corrupt_labels(labels, transition_matrix(of(rows), 0, 2, random()), random()), expected)
    if of is not torch.tensor:  # float32 draws other numbers
        assert torch.equal(corrupt_labels(labels.tolist(), of(rows), random()), expected)


def test_wrong_label_rate_counts():
    assert wrong_label_rate(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])) == 0.25
    assert wrong_label_rate(torch.tensor([]), torch.tensor([])) == 0.0


def test_the_published_long_tail_of_cifar10():
    counts = class_counts("exponential", 5000, 10, 0.01)
    assert counts == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def test_step_and_exact_products():
    assert class_counts("step", 500, 4, 0.1) == [500, 500, 50, 50]
    assert class_counts("step", 500, 5, 0.02) == [500, 500, 500, 10, 10]
    assert class_counts("exponential", 500, 3, 0.0196)[-1] == 9  # 9.8: fractions are dropped


@given(
    kind=st.sampled_from(sorted(IMBALANCES)),
    largest=st.integers(1, 10_000),
    classes=st.integers(2, 100),
    smallest=st.integers(1, 10_000),
)
def test_counts_fall_from_the_largest_to_the_smallest(kind, largest, classes, smallest):
    smallest = min(smallest, largest)
    counts = class_counts(kind, largest, classes, smallest / largest)
    assert counts[0] == largest
    assert counts[-1] == smallest
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(
    ("kind", "imbalance", "message"),
    [
        ("exponential", 0.0, r"imbalance must lie in \(0, 1\], got 0"),
        ("exponential", 1.2, r"imbalance must lie in \(0, 1\], got 1.2"),
        ("steps", 0.5, "unknown imbalance kind 'steps'; did you mean 'step'"),
        ("step", 0.05, "imbalance 0.05 leaves class 2 without an image: the largest class has only 10"),
    ],
)
def test_an_imbalance_that_cannot_be_is_refused(kind, imbalance, message):
    with pytest.raises(ValueError, match=message):
        class_counts(kind, 10, 4, imbalance)


@pytest.mark.parametrize("sizes", [[1000, 100, 10, 1], [1000, 100, 10], [125, 25, 5, 1], [93, 1], [59, 3]])
def test_data_that_have_a_tail_already_keep_every_image_of_it(sizes):
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    factor = sizes[-1] / sizes[0]
    kept = thinned(torch.arange(len(labels)), labels, "exponential", factor, len(sizes), random())
    assert torch.bincount(labels[kept]).tolist() == sizes


@given(largest=st.integers(1, 500), smallest=st.integers(1, 500), kind=st.sampled_from(sorted(IMBALANCES)))
def test_two_classes_of_any_sizes_are_their_own_tail(largest, smallest, kind):
    sizes = sorted((largest, smallest), reverse=True)
    labels = torch.arange(2).repeat_interleave(torch.tensor(sizes))
    kept = thinned(torch.arange(len(labels)), labels, kind, sizes[1] / sizes[0], 2, random())
    assert torch.bincount(labels[kept]).tolist() == sizes


@pytest.mark.parametrize("imbalance", [5e-324, 1e-310, 1e-20])
def test_an_imbalance_that_no_data_has_ends_in_its_sentence(imbalance):
    labels = torch.arange(2).repeat_interleave(50)
    with pytest.raises(ValueError, match="leaves class 1 without an image: the largest class has only 50"):
        thinned(torch.arange(100), labels, "exponential", imbalance, 2, random())


def test_labels_drawn_in_parts_are_those_drawn_at_once(monkeypatch):
    """A row of the matrix for each of a million labels would not fit in memory."""
    labels, matrix = torch.arange(4).repeat(25), transition_matrix("symmetric", 0.6, 4, random())
    expected = corrupt_labels(labels, matrix, random(1))
    monkeypatch.setattr("gdw.data.corruption.ROWS", 7)
    assert torch.equal(corrupt_labels(labels, matrix, random(1)), expected)
    assert torch.equal(corrupt_labels(labels[:0], matrix, random(1)), labels[:0])
