"""Which cells need not run: those of the course that no cell that runs uses."""

import pytest

from gdw_notebooks.checks.asked import ASKED, asked_in
from gdw_notebooks.grading.needed import not_needed
from gdw_notebooks.grading.notebook import read_notebook
from gdw_notebooks.grading.sandbox import Sandbox
from gdw_notebooks.grading.student import Student
from gdw_notebooks.grading.watch import Limits
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
    (["a = 1", "def f():\n    global a\n    a = 2", "f()"], set()),
    (["a = 1", "[a := 2 for _ in b]", "print(2)"], {3}),
    (["import a", "a.show()", "print(2)"], {3}),
    (["a = [1]", "b = a\nb.append(1)", "print(2)"], {3}),
    (["a = [1]", "random.shuffle(a)", "print(2)"], {3}),
    (["a = draw()", "torch.manual_seed(0)", "print(2)"], {3}),
    (["a = net()", "loss(a).backward()\nopt.step()", "print(2)"], {3}),
    (["a = [1]", "m.K = 3", "print(2)"], {3}),
    (["a = [1]", "b = a\nb[0] = 3", "print(2)"], {3}),
    (["a = [1]", "if late():\n    train(a)", "print(2)"], {3}),
    (["a = [1]", "del b[0]", "print(2)"], {3}),
    (["a = [1]", "display(a)", "Still(a)"], {2, 3}),
    (["a = [1]", "b = {}\nb[0] = train()", "print(2)"], {2, 3}),
    (["a = [1]", "b, c = [], a\nfor x in range(3):\n    b.append(train())", "print(2)"], {2, 3}),
    (["a = [1]", "b, c = [], a\nc.append(train())", "print(2)"], {3}),
    (["a = [1]", "b = [a]\nb[0][0] = 3", "print(2)"], {3}),
    (["a = [1]", "b = [a]\nb = a\nb[0] = 3", "print(2)"], {3}),
    (["a = [1]", "b = []\ndef f(b):\n    b[0] = 3\nc = f(a)", "print(2)"], {3}),
    (["a = [1]", "b = [a]\nfor b in b:\n    b[0] = 3", "print(2)"], {3}),
    (["a = [1]", "if late():\n    b = []\nb[0] = 3", "print(2)"], {3}),
    (["a = [1]", "b[0] = 3\nb = []", "print(2)"], {3}),
    (["a = [1]", "def f():\n    b = []\nb[0] = 3", "print(2)"], {3}),
    (["a = {}", "b = []\nb.append(2)\na[0] = b", "print(2)"], {3}),
])  # fmt: skip
def test_what_makes_or_changes_an_answers_parts_runs(cells, left_out):
    assert not_needed([*cells, "check(a)"], [1, 2, 3], ["check"]) == left_out


def test_a_students_own_cell_always_runs():
    assert not_needed(["a = 1", "b = 2"], [1], ["check"]) == {1}
    assert not_needed(["a = 1", "check(None)"], [1, 2], ["check"]) == {1}  # the exercise as it was given


def solved(name):
    path = places.notebooks() / "solutions" / f"{name}.ipynb"
    notebook = read_notebook(path.name, path.read_bytes())
    return notebook, not_needed(notebook.cells, notebook.ours, [asked.check for asked in asked_in(name)])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_most_cells_of_a_solved_notebook_need_not_run(name):
    notebook, left_out = solved(name)
    assert not left_out - set(notebook.ours)
    assert len(left_out) > len(notebook.cells) / 3


@pytest.fixture(scope="module")
def student():
    with Sandbox() as sandbox:
        if refusal := sandbox.refusal():
            pytest.skip(refusal)
        with Student(sandbox, 9, Limits(100, 3000)) as one:
            yield one


@pytest.mark.parametrize("name", NOTEBOOKS[1:])  # the answer of the first is ten trainings
def test_solved_notebooks_have_all_right_answers_without_them(student, name):
    notebook, left_out = solved(name)
    cells = ["1 / 0" if n in left_out else code for n, code in enumerate(notebook.cells, start=1)]
    checks, right = {asked.kind.__name__: asked.make() for asked in asked_in(name)}, {}

    def judge(kind, answer, called):
        right[kind] = checks[kind].judge(*answer).right

    assert student.run(cells, asked_in(name), [], judge, notebook.ours) == []
    assert right == dict.fromkeys(checks, True)
