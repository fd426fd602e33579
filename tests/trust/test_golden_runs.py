"""Golden runs: every method still ends where it ended, to 1e-9, over five epochs in float64."""

import json

import numpy as np
import pytest

from gdw.methods import METHODS
from tests.golden.runs import RECORD, outcome

TOLERANCE = 1e-9  # relative and absolute
LARGEST_RECORD = 200_000  # bytes
GOLDEN = json.loads(RECORD.read_text("utf-8"))


def as_array(values):
    return np.array(values, dtype=np.float64)  # null becomes NaN


def test_every_method_has_a_golden_run():
    assert GOLDEN.keys() == METHODS.keys(), "make them again: python -m tests.golden.runs"
    assert RECORD.stat().st_size < LARGEST_RECORD


@pytest.mark.parametrize("method", sorted(GOLDEN))
def test_a_golden_run_ends_where_it_ended(method):
    expected, found = GOLDEN[method], outcome(method)
    assert found.keys() == expected.keys()
    for name in expected.keys() - {"parameters"}:
        np.testing.assert_allclose(
            as_array(found[name]), as_array(expected[name]), rtol=TOLERANCE, atol=TOLERANCE, err_msg=name
        )
    assert found["parameters"].keys() == expected["parameters"].keys()
    for name, sums in expected["parameters"].items():
        np.testing.assert_allclose(found["parameters"][name], sums, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
