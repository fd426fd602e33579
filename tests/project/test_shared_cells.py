"""Which cells of a notebook run where its solution runs too."""

import os
from types import SimpleNamespace

import pytest

from tests.shared_cells import FIRST, needed, pytest_collection_modifyitems


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
        (["a = None", "a = 2\nprint(a)", "print(a)"], {0}, {0}),  # bound anew: the other value is gone
        (["a = 1", "a = 2", "b = a"], {2}, {1, 2}),
        (["a = None", "a = a + 1", "print(a)"], {0}, {0, 1, 2}),  # read before it is bound anew
        (["a = None", "a += 1", "a[0] = 1"], {0}, {0, 1, 2}),
        (["a = None", "for a in []:\n    pass", "print(a)"], {0}, {0, 1, 2}),  # perhaps not bound anew
        (["a = None", "if b:\n    a = 1", "print(a)"], {0}, {0, 1, 2}),
        (["a = 1", "if b:\n    a = 2", "c = a"], {2}, {0, 1, 2}),
        (["a = None", "[a for a in [1]]\nfor a in [1]:\n    print(a)"], {0}, {0}),  # names of their own
        (["a = None", "def f(a):\n    return a", "f(1)"], {0}, {0}),
        (["a = None", "x = [a for b in [1]]", "print(x)"], {0}, {0, 1, 2}),
        (["a = None", "with open(a) as a:\n    print(a)", "print(a)"], {0}, {0, 1, 2}),
    ],
)
def test_cells_that_have_to_run(codes, differ, run):
    assert needed(codes, differ) == run


def test_the_first_notebook_runs_whole_as_on_another_processor(tmp_path):
    def cells(path):
        file = SimpleNamespace(setup=lambda: seen.append(os.environ.get("ATEN_CPU_CAPABILITY")))
        return [SimpleNamespace(cell_num=number, path=path, parent=file) for number in range(2)]

    seen, own, solved = [], cells(tmp_path / FIRST), cells(tmp_path / "solutions" / FIRST)
    items = [*own, *solved]
    nothing_left_out = SimpleNamespace(hook=SimpleNamespace(pytest_deselected=lambda items: None))
    pytest_collection_modifyitems(nothing_left_out, items)
    assert items == [*own, *solved]
    own[0].parent.setup(), solved[0].parent.setup()
    assert seen == ["default", None]
    assert "ATEN_CPU_CAPABILITY" not in os.environ
