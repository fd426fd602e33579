"""Which cells of a notebook run where its solution runs too."""

import pytest

from tests.shared_cells import needed


@pytest.mark.parametrize(
    ("codes", "differ", "run"),
    [
        (["a = 1", "print(a)", "b = None"], {2}, {2}),  # what is shared and needed by none
        (["a = 1", "b = a + 1", "print(b)", "c = b"], {3}, {0, 1, 3}),  # what it needs
        (["a = None", "b = a", "c = b", "print(1)"], {0}, {0, 1, 2}),  # what depends on it
        (["a = [1]", "a.append(2)", "print(a)", "c = a"], {3}, {0, 1, 3}),  # a method that changes it
        (["a = {}", "a['x'] = 1", "c = a"], {2}, {0, 1, 2}),
        (["import os", "def f():\n    return os.name", "g = f()", "x = 1"], {3}, {0, 3}),
        (["a = 1", "def f():\n    return a", "b = f()"], {2}, {0, 1, 2}),
        (["a = 1"], set(), set()),
    ],
)
def test_cells_that_have_to_run(codes, differ, run):
    assert needed(codes, differ) == run
