"""gdw-course grade, on students' notebooks made here from the course's sources; one of them is hostile."""

import ast
import csv
import json
import pkgutil
import re
import sys
from importlib import import_module

import nbformat
import pytest

from gdw_notebooks import checks
from gdw_notebooks.__main__ import main
from gdw_notebooks.checks.asked import ASKED, NOT_GRADED, asked_in
from gdw_notebooks.checks.exercise import Exercise
from gdw_notebooks.course import grade as command
from gdw_notebooks.grading.verdicts import grade
from tools.build_notebooks import NOTEBOOKS, generate, reveals, sources

SOURCE = NOTEBOOKS / "source" / "01_gradient_flows.py"
CAT, LABEL = "01 Lift the cat", "01 The label's weight"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit or no fork")
SECONDS = 300  # more than any of them takes on a busy machine
MEMORY_MB = 700

HOSTILE = """
import os, sys, socket, subprocess, shutil, ctypes
from pathlib import Path
OUTSIDE = Path({outside!r})
{attack}
"""
ATTACKS = (
    "os.system(f'touch {OUTSIDE}/made')",
    "subprocess.run(['touch', f'{OUTSIDE}/made'])",
    "(OUTSIDE / 'kept').write_text('changed')",
    "os.remove(OUTSIDE / 'kept')",
    "shutil.rmtree(OUTSIDE)",
    "os.rename(OUTSIDE / 'kept', 'taken')",
    "socket.create_connection(('192.0.2.1', 80), timeout=1)",
    "print([os.fork() for _ in range(3)])",  # without the guard these are eight processes, and each of them ends
    "ctypes.CDLL(None).system(f'touch {OUTSIDE}/made'.encode())",
    "memory = [bytearray(2**28) for _ in range(16)]",
    "sys.exit(0)",
)
CHEAT = """
from gdw_notebooks.checks import Exercise, Feedback
from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat
LiftTheCat.examine = LabelWeight.examine = Exercise.examine = lambda *anything: None
right = lambda *anything: Feedback('Lift the cat', 'right', '')
LiftTheCat.__call__ = LabelWeight.__call__ = right
lift_the_cat = the_label_weight = right
my_weights, label_weight = [1, 1, 1], lambda weights, probs, label: 0.5
print('✓ Lift the cat: right.')
lift_the_cat(my_weights)
"""
FORGE = """
import json, os
said = {'answers': {'LiftTheCat': ['right'], 'LabelWeight': [True]}, 'stopped': [], 'verdict': 'right', 'right': 2}
for pipe in range(3, 12):
    try:
        os.write(pipe, json.dumps(said).encode() + b'\\n')
    except OSError:
        pass
"""


def needed(notebook):
    """Without the cells that only show something, so that a test is short."""
    words = ("import", "lift_the_cat", "the_label_weight", "my_weights")
    keep = [c for c in notebook.cells if c.cell_type == "code" and not reveals(c) and any(w in c.source for w in words)]
    notebook.cells = keep
    return notebook


def cell(notebook, words):
    texts = [one.source for one in notebook.cells]
    (found,) = [number for number, text in enumerate(texts) if words in text and "import" not in text]
    return found


def code(text):
    return nbformat.v4.new_code_cell(text)


def students(outside):
    """Name → notebook."""
    solved, empty = (lambda: needed(generate(SOURCE, solved=True))), (lambda: needed(generate(SOURCE, solved=False)))
    made = {"all_right": generate(SOURCE, solved=True), "empty": empty()}
    wrong = made["all_wrong"] = empty()
    wrong.cells[cell(wrong, "my_weights =")].source = "my_weights = [1, 1, 1]\nlift_the_cat(my_weights)"
    wrong.cells[
        cell(wrong, "def label_weight")
    ].source = "def label_weight(weights, probs, label):\n    return -weights[label]\nthe_label_weight(label_weight)"
    tries = "↻ Lift the cat: look again. cat − bird.\n  Hint 1: one\n  Hint 2: two"
    wrong.cells[cell(wrong, "my_weights =")].outputs = [
        nbformat.v4.new_output("execute_result", {"text/plain": tries}, execution_count=1)
    ]
    partly = made["partly"] = empty()
    partly.cells[cell(partly, "my_weights =")].source = "mine = (0, 0.1 / 0.7, 1)\nlift_the_cat(mine)"  # an own name
    made["syntax_error"] = solved()
    made["syntax_error"].cells[cell(made["syntax_error"], "def label_weight")].source = "def label_weight(weights:\n"
    deleted = made["deleted_cell"] = solved()
    del deleted.cells[cell(deleted, "my_weights =")]
    made["other_order"] = solved()
    made["other_order"].cells.reverse()
    attacks = [code(HOSTILE.format(outside=str(outside), attack=attack)) for attack in ATTACKS]
    made["hostile"] = solved()
    made["hostile"].cells = [*made["hostile"].cells[:1], *attacks, code(CHEAT)]
    made["forger"] = solved()
    made["forger"].cells = [code(FORGE)]
    return made


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    (folder / "kept").write_text("as it was", "utf-8")
    return folder


@pytest.fixture(scope="module")
def lines(outside, tmp_path_factory):
    """The table's lines, by the student's name."""
    folder = tmp_path_factory.mktemp("students")
    for name, notebook in students(outside).items():
        nbformat.write(notebook, folder / f"01_{name}.ipynb")
    (folder / "notes.ipynb").write_text("no notebook at all", "utf-8")
    target = folder / "grades.csv"
    options = ["--csv", str(target), "--seconds", str(SECONDS), "--memory", str(MEMORY_MB)]
    assert main(["grade", str(folder), *options]) == 0
    rows = list(csv.DictReader(target.read_text("utf-8").splitlines()))
    return {re.search(r"(?:01_)?(\w+)\.ipynb", row["file"])[1]: row for row in rows}


@pytest.mark.parametrize(("student", "cat", "label"), [
    ("all_right", "right", "right"),
    ("all_wrong", "wrong", "wrong"),
    ("empty", "not answered", "not answered"),
    ("partly", "right", "not answered"),
    ("syntax_error", "right", "not answered"),
    ("deleted_cell", "not answered", "right"),
    ("other_order", "right", "right"),
    ("hostile", "wrong", "wrong"),
    ("forger", "wrong", "wrong"),
])  # fmt: skip
def test_verdicts(lines, student, cat, label):
    assert (lines[student][CAT], lines[student][LABEL]) == (cat, label), lines[student]
    assert lines[student]["right"] == str([cat, label].count("right"))


def test_tries_and_remarks(lines):
    assert lines["all_wrong"][f"{CAT}: wrong tries"] == "2"
    assert lines["all_right"]["remarks"] == ""
    assert "SyntaxError" in lines["syntax_error"]["remarks"]
    assert "no answer to “Lift the cat”" in lines["deleted_cell"]["remarks"]
    assert "not a notebook" in lines["notes"]["remarks"]


def test_the_hostile_one_is_reported_and_nothing_outside_is_touched(lines, outside):
    assert [file.name for file in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text("utf-8") == "as it was"
    assert "was refused" in lines["hostile"]["remarks"]
    assert "PermissionError" in lines["hostile"]["remarks"]


@pytest.mark.parametrize(("attack", "remark"), [
    ("while True: pass", "ended after 3 s, in code cell 1"),
    ("import os; os._exit(0)", "Python ended in code cell 1"),
    ("import os\nfor pipe in range(3, 12):\n  try: os.write(pipe, b'x' * 5_000_000)\n  except OSError: pass",
     "a message is"),
    pytest.param("memory = bytearray(2**31)", "MemoryError", marks=on_linux),
    pytest.param("import os; os.fork()", "os.fork", marks=on_linux),
])  # fmt: skip
def test_what_a_hostile_cell_comes_to(tmp_path, attack, remark):
    file = tmp_path / "01_one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[code(attack)]), file)
    graded = grade(file, seconds=3, memory_mb=MEMORY_MB)
    assert remark in graded.remark
    assert set(graded.verdicts.values()) == {"not answered"}


def test_a_file_name_is_no_formula(tmp_path):
    file = tmp_path / "=1+1.ipynb"
    file.write_text("{}", "utf-8")
    graded = grade(file, seconds=3, memory_mb=MEMORY_MB)
    graded.file = file.relative_to(tmp_path)
    (row,) = csv.DictReader(command.table([graded]).splitlines())
    assert row["file"] == "'=1+1.ipynb"


def test_refusals_of_the_command(tmp_path, capsys):
    assert main(["grade", str(tmp_path / "nothing"), "--csv", str(tmp_path / "out.csv")]) == 2
    assert main(["grade", str(tmp_path), "--csv", str(tmp_path / "out.csv")]) == 2
    (tmp_path / "one.ipynb").write_text(json.dumps({"cells": []}), "utf-8")
    assert main(["grade", str(tmp_path), "--csv", str(tmp_path / "no" / "out.csv")]) == 2
    assert main(["grade", str(tmp_path), "--csv", str(tmp_path / "out.csv"), "--seconds", "0"]) == 2
    said = capsys.readouterr().err
    for words in ("there is no file or folder", "there is no notebook in", "there is no folder", "--seconds must be 1"):
        assert words in said


def calls_in(source):
    """Of each exercise in a source: the name of its check, and the names of what it is given."""
    for one in generate(source, solved=True).cells:
        if one.cell_type == "code" and one.source.strip():
            last = ast.parse(one.source).body[-1]
            call = getattr(last, "value", None)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.keywords:
                yield call.func.id, tuple(getattr(argument, "id", "") for argument in call.args)


def test_every_exercise_of_the_course_can_be_graded():
    for module in pkgutil.iter_modules(checks.__path__):
        import_module(f"{checks.__name__}.{module.name}")
    own = {kind for kind in Exercise.__subclasses__() if kind.__module__.startswith(checks.__name__) and kind.notebook}
    assert {asked.kind for asked in ASKED} | set(NOT_GRADED) == own
    for source in sources():
        called = dict(calls_in(source))
        for asked in asked_in(source.stem):
            assert called.get(asked.check) == asked.answers, f"{source.name}: {asked.check}"


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.kind.__name__)
def test_each_check_is_made_as_its_notebook_makes_it(asked):
    """The solved notebook's stored verdict says that its answer is right for the notebook's own check."""
    check = asked.make()
    assert type(check) is asked.kind
    assert check(*[None for _ in asked.answers]).verdict == "not answered yet"
