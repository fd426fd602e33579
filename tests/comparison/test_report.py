"""Paired differences and the summary table."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from gdw.comparison.report import Difference, by_method, holm, paired_difference, summary, upside_down
from gdw.experiments.history import History

PAIRS, FAMILIES = 1500, 400  # of methods that do not differ


def history(method, seed, accuracy, error=None):
    run = History({"method": method, "seed": seed}, error=error, metadata={"seconds": 1.0})
    run.append({"test_accuracy": accuracy, "class_accuracy": [accuracy, accuracy - 10]})
    return run


def test_the_interval_and_the_p_value_are_those_of_a_t_test():
    """By hand: differences 1, 2, 3, 6 have mean 3, sd sqrt(14 / 3); t is 3.182 at 3 degrees of freedom and 97.5 %."""
    difference = paired_difference([11, 22, 33, 46], [10, 20, 30, 40])
    assert difference.mean == 3
    assert (difference.high - 3, 3 - difference.low) == pytest.approx((3.182446 * np.sqrt(14 / 3 / 4),) * 2, abs=1e-5)
    assert difference.undecided
    swapped = paired_difference([10, 20, 30, 40], [11, 22, 33, 46])
    assert (swapped.mean, swapped.low, swapped.p_value) == (-3, -difference.high, pytest.approx(difference.p_value))
    assert difference.p_value == pytest.approx(stats.ttest_rel([11, 22, 33, 46], [10, 20, 30, 40]).pvalue)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 20])
def test_equal_methods_are_decided_in_one_of_twenty_comparisons(seeds):
    random = np.random.default_rng(0)
    pairs = random.normal(90, 2, size=(PAIRS, 2, seeds))
    found = [paired_difference(ours, theirs) for ours, theirs in pairs]
    decided = np.mean([not difference.undecided for difference in found])
    assert decided == np.mean([difference.low > 0 or difference.high < 0 for difference in found])
    assert decided == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / PAIRS))


def test_few_seeds_and_equal_differences():
    one = paired_difference([3.0], [1.0])
    assert np.isnan(one.low)
    assert one.undecided
    assert str(one) == "+2.0 (one seed)"
    assert str(paired_difference([3.0, 4.0], [1.0, 2.0])) == "+2.0 (equal in 2 seeds)"
    rounded = [0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, 0.3]
    six = paired_difference(rounded, [0.1] * 6)
    assert six.p_value == 1 / 32
    assert paired_difference(rounded, [0.3] * 6).p_value == 1
    assert [paired_difference(rounded[:n], [0.1] * n).undecided for n in (2, 5, 6)] == [True, True, False]
    for ours, theirs in (([], []), ([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0])):
        with pytest.raises(ValueError, match="at least one seed"):
            paired_difference(ours, theirs)


def of(p_values):
    return {place: Difference(1.0, 0.5, 1.5, p, 10) for place, p in enumerate(p_values)}


def corrected(p_values):
    return [difference.p_value for difference in holm(of(p_values)).values()]


def test_holm_by_hand():
    assert corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrected([0.6, float("nan"), 0.02]) == pytest.approx([1, 1, 0.06])
    assert holm(of([0.03])) == of([0.03])
    assert holm({}) == {}


def test_holm_is_the_closed_test_with_bonferroni():
    """The corrected p-value is the largest of Bonferroni's over all sets of hypotheses that hold this one."""
    p = np.random.default_rng(0).uniform(0, 0.2, size=7)
    sets = [s for size in range(1, 8) for s in combinations(range(7), size)]
    closed = [max(min(1, len(s) * p[list(s)].min()) for s in sets if i in s) for i in range(7)]
    assert corrected(p) == pytest.approx(closed)


def test_holm_decides_any_of_twenty_equal_pairs_in_one_of_twenty_families():
    random = np.random.default_rng(0)
    families = random.normal(size=(FAMILIES, 20, 5))
    found = [holm({i: paired_difference(x, 0 * x) for i, x in enumerate(family)}) for family in families]
    any_decided = [not all(difference.undecided for difference in family.values()) for family in found]
    assert np.mean(any_decided) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / FAMILIES)
    assert np.mean(any_decided) > 0.02  # nor does it decide nothing


def test_the_table_pairs_by_seed_and_leaves_failed_runs_out():
    runs = [history("a", s, 80 + s) for s in (0, 1, 2)]
    runs += [history("b", s, 85 + s, error="nan" if s == 1 else None) for s in (2, 1, 0)]
    assert list(by_method(runs)["b"]) == [2, 0]
    table = summary(runs)
    assert table.loc["a", "accuracy"] == 81
    assert table.loc["a", "sd"] == 1
    assert table.loc["a", "worst class"] == 71
    assert table.loc["a", "b minus this"] == "+5.0 (equal in 2 seeds)"
    assert table.loc["b", "seeds"] == 2
    assert summary([]).empty


def weighted(method, seed, auroc):
    run = History({"method": method, "seed": seed})
    for value in auroc:
        run.append({"test_accuracy": 80.0, "auroc": value})
    return run


def test_weights_that_are_upside_down_at_the_end_are_told():
    runs = [weighted("mwnet", 0, [0.1] * 8), weighted("mwnet", 1, [0.1] * 3 + [0.8] * 5)]
    runs.append(weighted("gdw", 0, [0.48] * 8))
    (sentence,) = upside_down(runs)
    assert sentence.startswith("the weights of mwnet are upside down in 1 of 2 runs")
    assert "AUROC 0.10;" in sentence
    assert upside_down([weighted("cross-entropy", 0, [float("nan")] * 5)]) == []


def test_a_p_value_of_exactly_five_percent_decides_nothing():
    assert [Difference(1.0, 0.0, 2.0, p_value, 9).undecided for p_value in (0.0499, 0.05, 0.0501)] == [
        False,
        True,
        True,
    ]
