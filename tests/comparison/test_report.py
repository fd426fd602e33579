"""Paired differences and the summary table."""

import numpy as np
import pytest

from gdw.comparison.report import by_method, paired_difference, summary, upside_down
from gdw.training.history import History


def history(method, seed, accuracy, error=None):
    run = History({"method": method, "seed": seed}, error=error, metadata={"seconds": 1.0})
    run.append({"test_accuracy": accuracy, "class_accuracy": [accuracy, accuracy - 10]})
    return run


def test_the_interval_is_that_of_the_differences():
    random = np.random.default_rng(0)
    theirs = random.normal(80, 5, size=200)
    ours = theirs + random.normal(2, 1, size=200)
    difference = paired_difference(ours, theirs)
    standard_error = np.std(ours - theirs, ddof=1) / np.sqrt(200)
    assert difference.mean == pytest.approx(np.mean(ours - theirs))
    assert difference.low == pytest.approx(difference.mean - 1.96 * standard_error, abs=0.03)
    assert difference.high == pytest.approx(difference.mean + 1.96 * standard_error, abs=0.03)
    assert not difference.undecided
    assert paired_difference(theirs, ours).high < 0


def test_few_seeds():
    assert np.isnan(paired_difference([3.0], [1.0]).low)
    assert paired_difference([3.0, 4.0], [1.0, 2.0]) == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="at least one seed"):
        paired_difference([], [])


def test_the_table_pairs_by_seed_and_leaves_failed_runs_out():
    runs = [history("a", s, 80 + s) for s in (0, 1, 2)]
    runs += [history("b", s, 85 + s, error="nan" if s == 1 else None) for s in (2, 1, 0)]
    assert list(by_method(runs)["b"]) == [2, 0]
    table = summary(runs)
    assert table.loc["a", "accuracy"] == 81
    assert table.loc["a", "sd"] == 1
    assert table.loc["a", "worst class"] == 71
    assert table.loc["a", "b - it"] == "+5.0 [+5.0, +5.0]"
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
