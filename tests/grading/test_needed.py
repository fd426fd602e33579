"""Which cells need not run: those of the course that no cell that runs uses."""

import pytest

from gdw_notebooks.checks.asked import ASKED, asked_in
from gdw_notebooks.grading.needed import not_needed
from gdw_notebooks.grading.notebook import read_notebook
from gdw_notebooks.recorded import places

NOTEBOOKS = sorted({asked.notebook for asked in ASKED})
DEAR = ("a = [1]", "b = train()", "check = Check()")  # of the course; the student's cell comes last


@pytest.mark.parametrize(("own", "left_out"), [
    ("check(3)", {1, 2}),
    ("check(a)", {2}),
    ("b = 4\ncheck(b)", {1, 2}),
    ("if False:\n    b = 4\ncheck(b)", {1}),
    ("def answer():\n    return b\ncheck(answer)", {1}),
    ("check([b for _ in range(3)])", {1}),
    ("check(lambda: b)", {1}),
    ("class Answer:\n    value = b", {1}),
    ("import b\ncheck(b)", {1, 2}),
    ("b += 1", {1}),
    ("del b", {1}),
    ("check(f'{b}')", {1}),
    ("check(await b)", {1}),
    ("%time check(b)", {1}),
    ("!echo $b", {1}),
    ("%run -i other.py", set()),
    ("check(b", {1}),
    ("# b\ncheck(3)", {1, 2}),
    ("check(eval('b'))", set()),
    ("check(globals()['b'])", set()),
    ("check(_)", set()),
    ("for _ in range(3):\n    check(3)", {1, 2}),
    ("get_ipython().run_cell('check(b)')", set()),
    ("import __main__\ncheck(__main__.b)", set()),
    ("check(__import__('sys').modules['__main__'].b)", set()),
])  # fmt: skip
def test_a_cell_of_the_course_is_left_out_if_nothing_uses_it(own, left_out):
    assert not_needed([*DEAR, own], [1, 2, 3], ["check"]) == left_out


@pytest.mark.parametrize(("cells", "left_out"), [
    (["a = []", "a.append(1)", "print(2)"], {3}),
    (["a = {}", "a[1] = 2", "print(2)"], {3}),
    (["a = thing()", "a.b.c = 2", "print(2)"], {3}),
    (["a = [1]", "a += [2]", "print(2)"], {3}),
    (["a = 1", "if now():\n    a = 2", "print(2)"], {3}),
    (["a = [1]", "a = [2]", "print(2)"], {1, 3}),
    (["a = [1]", "for a in range(3):\n    pass", "print(2)"], {3}),
    (["x = 1", "def a():\n    return x", "x = 2"], set()),
    (["x = 1", "a = x", "x = 2"], {3}),
    (["a = 1", "def f():\n    global a\n    a = 2", "f()"], {3}),
    (["a = 1", "[a := 2 for _ in b]", "print(2)"], {3}),
    (["import a", "a.show()", "print(2)"], {2, 3}),
])  # fmt: skip
def test_what_makes_or_changes_an_answers_parts_runs(cells, left_out):
    assert not_needed([*cells, "check(a)"], [1, 2, 3], ["check"]) == left_out


def test_a_students_own_cell_always_runs():
    assert not_needed(["a = 1", "b = 2"], [1], ["check"]) == {1}
    assert not_needed(["a = 1", "check(None)"], [1, 2], ["check"]) == {1}  # the exercise as it was given


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_most_cells_of_a_solved_notebook_need_not_run(name):
    """Those that run have the answers in them; tests/course/test_grade.py runs some."""
    path = places.notebooks() / "solutions" / f"{name}.ipynb"
    notebook = read_notebook(path.name, path.read_bytes())
    asked = asked_in(name)
    own = [n for n in range(1, len(notebook.cells) + 1) if n not in notebook.ours]
    left_out = not_needed(notebook.cells, notebook.ours, [each.check for each in asked])
    assert all(any(f"{each.check}(" in notebook.cells[n - 1] for n in own) for each in asked)
    assert not left_out & set(own)
    assert len(left_out) > len(notebook.cells) / 2
