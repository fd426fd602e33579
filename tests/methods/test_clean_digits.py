"""On clean balanced digits no method that sees all the data loses more than 3 points to cross-entropy."""

from functools import cache

import pytest

import gdw
from gdw.methods import METHODS

EPOCHS = 20  # of 60: what is learnt is learnt by then, and all methods are given the same
LARGEST_LOSS = 3.0  # points of test accuracy


@cache
def accuracy(method):
    return gdw.run(gdw.Experiment(method=method, epochs=EPOCHS)).accuracy


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("cross-entropy", "only-clean")])
def test_clean_labels_cost_no_method_more_than_three_points(method):
    assert accuracy("cross-entropy") > 90
    assert accuracy(method) > accuracy("cross-entropy") - LARGEST_LOSS
