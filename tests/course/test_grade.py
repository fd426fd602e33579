"""gdw-course release and gdw-course grade, on students' notebooks made here from the course's sources."""

import ast
import csv
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import nbformat
import psutil
import pytest

from gdw_notebooks import checks
from gdw_notebooks.__main__ import main
from gdw_notebooks.checks.asked import ASKED, NOT_GRADED, asked_in
from gdw_notebooks.checks.exercise import Exercise, NotRun
from gdw_notebooks.course.grade import Course, find, forget_folders, write_all
from gdw_notebooks.course.release import release
from gdw_notebooks.grading import sandbox, verdicts
from gdw_notebooks.grading.notebook import read_notebook
from gdw_notebooks.grading.report import (
    COLUMNS,
    Person,
    canvas,
    feedback,
    grades,
    moodle,
    people_of,
    person_of,
    read_points,
)
from gdw_notebooks.grading.sandbox import Sandbox
from gdw_notebooks.grading.verdicts import Graded, Verdict, not_run
from tools.build_notebooks import NOTEBOOKS, generate, reveals, sources

SOURCE = NOTEBOOKS / "source" / "01_gradient_flows.py"
CAT, LABEL = "01 Lift the cat", "01 The label's weight"
CHEAT = """
from gdw_notebooks.checks import Exercise, Feedback
from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat
LiftTheCat.examine = LabelWeight.examine = Exercise.examine = lambda *anything: None
my_weights, label_weight = [1, 1, 1], lambda weights, probs, label: 0.5
print('✓ Lift the cat: right.')
"""
RIGHT = (
    "right",
    "syntax",
    "reversed",
    "endless",
    "ends",
    "forks",
    "leaves",
    "module",
    "split",
    "in_place",
    "spoilt",
    "streams",
    "asserts",
    "fractions",
    "magics",
    "copied",
    "later",
    "below",
)
WRONG = ("wrong", "empty", "cheat", "cut", "slow", "memory", "magic", "gpu")
ENDLESS = "import time\nwhile True: pass"


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


def students():
    """File → notebook, or what is in the file; one folder for each student, since a student's start takes seconds."""
    made = {f"right/{name}": needed(generate(SOURCE, solved=True)) for name in RIGHT}
    made |= {f"wrong/{name}": needed(generate(SOURCE, solved=False)) for name in WRONG}
    wrong = made["wrong/wrong"]
    wrong.cells[cell(wrong, "my_weights =")].source = "my_weights = [1, 1, 1]\nlift_the_cat(my_weights)"
    wrong.cells[cell(wrong, "def label_weight")].source = label_weight("-weights[label]")
    tries = "↻ Lift the cat: look again. cat − bird.\n  Hint 1: one\n  Hint 2: two"
    wrong.cells[cell(wrong, "my_weights =")].outputs = [
        nbformat.v4.new_output("execute_result", {"text/plain": tries}, execution_count=1)
    ]
    for name, stops in (("slow", "while True: pass"), ("memory", "raise MemoryError")):
        slow = made[f"wrong/{name}"]
        slow.cells[cell(slow, "def label_weight")].source = label_weight("0", stops)
    syntax = made["right/syntax"]
    syntax.cells[cell(syntax, "def label_weight")].source = "def label_weight(weights:\n"
    made["right/reversed"].cells.reverse()
    made["right/endless"].cells.append(code(ENDLESS))
    made["right/ends"].cells.insert(1, code("import os; os._exit(0)"))
    made["right/forks"].cells.insert(1, code("import os; os.fork()"))
    made["right/leaves"].cells.insert(1, code("import sys; sys.exit(1)"))
    made["right/module"].cells[:0] = [code("%%writefile helper.py\nvalue = 1"), code("import helper")]
    made["right/spoilt"].cells.insert(1, code("import builtins; del builtins.len, builtins.print; exit()"))
    made["right/streams"].cells[1:1] = [code("%matplotlib inline\nimport sys"), code("sys.stdout = sys.stderr = None")]
    made["right/asserts"].cells.insert(1, code("assert lift_the_cat([1, 1, 1]).right"))
    fractions = made["right/fractions"]
    exact = "from fractions import Fraction\nmy_weights = [0, Fraction(1, 7), Fraction(1)]\nlift_the_cat(my_weights)"
    fractions.cells[cell(fractions, "my_weights =")].source = exact
    made["right/magics"].cells[0].source = f"%autosave 60\n%matplotlib widget\n{made['right/magics'].cells[0].source}"
    made["wrong/magic"].cells.insert(1, code("%no_magic_here 3\nmy_weights = 1"))
    made["wrong/gpu"].cells.insert(1, code("import torch\nmy_weights = torch.ones(3, device='cuda')"))
    copied, given = made["right/copied"], needed(generate(SOURCE, solved=False))
    copied.cells += [given.cells[cell(given, words)] for words in ("my_weights =", "def label_weight")]
    later, below = made["right/later"], made["right/below"]  # answered in the second pass; in variables alone
    answers = [later.cells.pop(cell(later, words)).source for words in ("my_weights =", "def label_weight")]
    later.cells += [code(f"needed_below\n{text}") for text in answers]
    later.cells += [given.cells[cell(given, words)] for words in ("my_weights =", "def label_weight")]
    later.cells.append(code("needed_below = 1"))
    below.cells = [*given.cells, *(code(text.rsplit("\n", 1)[0]) for text in answers)]
    split, in_place = made["right/split"], made["right/in_place"]
    number = cell(split, "my_weights =")
    text = split.cells[number].source
    split.cells[number : number + 1] = [code(part) for part in text.rsplit("\n", 1)]
    answer = text.rsplit("\n", 1)[0]  # its check is not called
    in_place.cells[number : number + 1] = [
        code(answer + "\nkept, my_weights[:] = list(my_weights), [1, 1, 1]"), code("my_weights[:] = kept")
    ]  # fmt: skip
    made["wrong/cheat"].cells.append(code(CHEAT))
    cut = made["wrong/cut"]
    cut.cells[cell(cut, "my_weights =")].source = "my_weights = [1, 1, 1]"
    cut.cells += [code("my_weights = open('of my own.csv').read()"), code("lift_the_cat(my_weights)")]
    content = {file: nbformat.writes(notebook) for file, notebook in made.items()}
    cells = [{"cell_type": one.cell_type, "input": one.source} for one in made["right/right"].cells]
    content["right/format3"] = json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3})
    content["right/windows"] = content["right/right"].replace("import torch", "import torch  # für Möwen")
    content |= {"right/notes": "no notebook at all", "right/nothing": ""}
    return {f"{file}.ipynb": text.encode("cp1252" if "windows" in file else "utf-8") for file, text in content.items()}


def label_weight(returned, before="pass"):
    body = f"def label_weight(weights, probs, label):\n    {before}\n    return {returned}"
    return f"{body}\nthe_label_weight(label_weight)"


with Sandbox() as probe:
    OPTIONS = ["--trust-students"] if probe.refusal() else []


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder of the tables."""
    folder = tmp_path_factory.mktemp("students")
    for name, content in students().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    for name in ("thief", "nobody"):
        (folder / name).mkdir()
    (folder / "thief" / "01.ipynb").symlink_to(folder / "right" / "right.ipynb")
    (folder / "thief" / "all.zip").write_bytes(b"PK")
    out = tmp_path_factory.mktemp("out")
    arguments = ["grade", str(folder), "--csv", str(out / "grades.csv"), "--seconds", "2", "--memory", "1500"]
    assert main([*arguments, "--jobs", "2", *OPTIONS]) == 0
    return folder, out, [*arguments, *OPTIONS]


def rows(file, key):
    return {row[key]: row for row in csv.DictReader(file.read_text("utf-8").splitlines())}


@pytest.mark.parametrize(("file", "cat", "label", "remark"), [
    ("right/right", "right", "right", ""),
    ("wrong/wrong", "wrong", "wrong", ""),
    ("wrong/empty", "not answered", "not answered", ""),
    ("right/syntax", "right", "not answered", "SyntaxError"),
    ("right/reversed", "right", "right", ""),
    ("right/endless", "right", "right", "OutOfTime (ended after 2 s)"),
    ("right/ends", "right", "right", "code cell 2 is left out: Python ended"),
    ("right/forks", "right", "right", ""),
    ("right/leaves", "right", "right", "SystemExit"),
    ("right/module", "right", "right", ""),
    ("right/split", "right", "right", ""),
    ("right/in_place", "right", "right", ""),
    ("right/spoilt", "right", "right", ""),
    ("right/streams", "right", "right", ""),
    ("right/asserts", "right", "right", "AssertionError"),
    ("right/copied", "right", "right", ""),
    ("right/later", "right", "right", ""),
    ("right/below", "right", "right", ""),
    ("right/fractions", "right", "right", ""),
    ("right/magics", "right", "right", ""),
    ("wrong/magic", "not run", "not run", "UsageError"),
    ("wrong/gpu", "not run", "not run", "code cell 2 stops with"),
    ("right/format3", "right", "right", ""),
    ("right/windows", "right", "right", ""),
    ("right/nothing", "", "", "the file is empty"),
    ("wrong/cheat", "wrong", "wrong", ""),  # what it leaves in the variables
    ("wrong/cut", "not run", "not answered", "FileNotFoundError"),
    ("wrong/slow", "not answered", "not run", ""),
    ("wrong/memory", "not answered", "not run", ""),
])  # fmt: skip
def test_verdicts(graded, file, cat, label, remark):
    row = rows(graded[1] / "grades-files.csv", "file")[f"{file}.ipynb"]
    assert (row[CAT], row[LABEL]) == (cat, label), row
    assert remark in row["remarks"]
    assert remark or not row["remarks"]


def test_the_tables_and_pages(graded):
    _, out, _ = graded
    table = rows(out / "grades.csv", "student")
    assert (table["right"][CAT], table["right"]["points"], table["right"]["of"]) == ("1", "2", str(len(ASKED)))
    assert table["wrong"][LABEL] == "not run"
    assert "not a notebook" in table["right"]["remarks"]
    assert [table[name]["points"] for name in ("thief", "nobody")] == ["0", "0"]
    for name, said in (("thief", "01.ipynb: not run: it is a link"), ("thief", "archive"), ("nobody", "no notebook")):
        assert said in table[name]["remarks"]
    assert rows(out / "grades-files.csv", "file")["wrong/wrong.ipynb"][f"{CAT}: wrong tries"] == "2"
    assert rows(out / "grades-canvas.csv", "Student")["right"]["01_gradient_flows"] == "2"
    assert rows(out / "grades-moodle.csv", "Full name")["right"]["Grade"] == "2"
    page = (out / "grades-feedback" / "wrong.html").read_text("utf-8")
    assert "cat − bird is" in page
    assert "0 of 14 points" in page


def test_a_second_run_repeats_nothing(graded, capsys):
    _, out, arguments = graded
    before = (out / "grades.csv").read_text("utf-8")
    assert main(arguments) == 0
    assert capsys.readouterr().out.count("(as before)") == len(students())
    assert (out / "grades.csv").read_text("utf-8") == before


def test_without_a_sandbox_it_refuses(tmp_path, monkeypatch, capsys):
    (tmp_path / "one.ipynb").write_text("{}", "utf-8")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert main(["grade", str(tmp_path), "--csv", str(tmp_path / "out.csv")]) == 2
    assert "--trust-students" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_a_sandbox_that_hangs_is_refused(monkeypatch):
    with Sandbox() as box:
        if box.refusal():
            pytest.skip("no sandbox here")
        monkeypatch.setattr(sandbox, "PROBE", "import time; time.sleep(60)")
        monkeypatch.setattr(sandbox, "PROBE_SECONDS", 0.3)
        assert box.refusal() == "bubblewrap does not work here: it has not started in 0.3 s"


def test_released_notebooks_have_marks_and_no_solutions(tmp_path):
    names = release(tmp_path / "for_students")
    assert len(names) == len(sources()) - 1  # the demo is a page of its own
    given = [path.name for path in (tmp_path / "for_students").rglob("*")]
    assert not [name for name in given if "solution" in name or "question" in name]  # nor the lecturer's pages
    marks = []
    for path in (tmp_path / "for_students").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        marks += [one.metadata.nbgrader for one in notebook.cells if "nbgrader" in one.metadata]
    assert {mark.grade_id for mark in marks} == {asked.kind.__name__ for asked in ASKED}
    assert read_points((tmp_path / "for_students" / "points.csv").read_text("utf-8")) == dict.fromkeys(COLUMNS, 1.0)
    with pytest.raises(ValueError, match="not an empty folder"):
        release(tmp_path / "for_students")


@pytest.mark.parametrize("damaged", [
    3, {}, {"cell_type": "code"}, {"cell_type": "code", "source": ["a", 3], "outputs": "text"},
    {"cell_type": "code", "source": "a", "outputs": [3, {"data": 3}, {"data": {"text/plain": ["a", 1]}}]},
])  # fmt: skip
def test_a_damaged_cell_costs_no_other_one(damaged):
    content = {"cells": [damaged, {"cell_type": "code", "source": "lift_the_cat([0, 0, 1])"}]}
    found = read_notebook("any name.ipynb", json.dumps(content).encode())
    assert (found.course, found.cells[-1]) == ("01_gradient_flows", "lift_the_cat([0, 0, 1])")


def test_of_two_files_the_best_answers_count():
    one = Graded(Path("a/1.ipynb"), "01_gradient_flows", {CAT: Verdict("right"), LABEL: Verdict("wrong")})
    two = Graded(Path("a/2.ipynb"), "01_gradient_flows", {CAT: Verdict("not answered"), LABEL: Verdict("not run")})
    table = grades({Person("a"): [one, two]}, {CAT: 1.0, LABEL: 2.0}).splitlines()[-1]
    assert table == "a,1,not run,1,3,33.3,2 files of 01_gradient_flows: the best answers count"


def test_no_mark_is_sent_for_a_notebook_that_was_not_handed_in():
    one = Graded(Path("a/1.ipynb"), "01_gradient_flows", {CAT: Verdict("right"), LABEL: Verdict("wrong")})
    two = Graded(Path("b/2.ipynb"), "02_broken_data", {COLUMNS[3]: Verdict("wrong")})
    lines = canvas({Person("a"): [one], Person("b"): [two]}, dict.fromkeys(COLUMNS, 1.0)).splitlines()
    assert lines[0] == "Student,ID,SIS User ID,SIS Login ID,Section,01_gradient_flows,02_broken_data"
    assert lines[2:] == ["a,,,,,1,", "b,,,,,,0"]


def test_moodle_finds_all_columns_that_it_asks_for():
    """Moodle refuses a worksheet without the first three (mod/assign/feedback/offline/importgradeslib.php)."""
    one = Graded(Path("a/1.ipynb"), "01_gradient_flows", {CAT: Verdict("right")})
    (row,) = csv.DictReader(moodle({Person("Anna", moodle="12"): [one]}, {CAT: 2.0}).splitlines())
    assert [row[name] for name in ("Identifier", "Grade", "Last modified (grade)")] == ["Participant 12", "2", ""]


@pytest.mark.parametrize("said", ["=1+1", "\t=1+1", "; =1+1", "x;@SUM(1)", "＝1+1", "-1"])
def test_no_table_has_a_formula(said):
    one = Graded(Path(f"{said}/1.ipynb"), "01_gradient_flows", {CAT: Verdict("right")}, [said])
    for table in (grades({Person(said): [one]}, {CAT: 1.0}), canvas({Person(said): [one]}, {CAT: 1.0})):
        for text in (field for line in csv.reader(table.splitlines()) for field in line):
            assert not re.search(r"(^|;)\s*[=+@＝-]", text), text


def test_every_student_has_a_page(tmp_path):
    people = {Person("a"): [], Person("a-2"): [], Person("A"): [], Person("a", canvas="1"): [], Person("a/"): []}
    write_all(tmp_path / "grades.csv", people, {CAT: 1.0})
    assert len(list((tmp_path / "grades-feedback").iterdir())) == len(people)
    assert "a (1)," in (tmp_path / "grades.csv").read_text("utf-8")


def test_stored_outputs_take_no_time():
    text = {"output_type": "stream", "text": "\n" * 300_000 + "  Hint 1: one\n"}
    cell = {"cell_type": "code", "source": "lift_the_cat(1)", "outputs": [text]}
    begun = time.perf_counter()
    found = read_notebook("1.ipynb", json.dumps({"cells": [cell]}).encode())
    assert found.tries(asked_in("01_gradient_flows")[0]) == 1
    assert time.perf_counter() - begun < 5  # it took minutes


def test_a_file_that_was_not_graded_is_not_called_missing():
    page = feedback(Person("a"), [not_run(Path("a/01_gradient_flows.ipynb"), "damaged")], {CAT: 1.0})
    assert "<h2>Not handed in, or not graded</h2>" in page
    assert "<h2>Not handed in</h2>" in feedback(Person("a"), [], {CAT: 1.0})


@pytest.mark.parametrize(("files", "students"), [
    (("anna/01.ipynb", "ben/notes.txt", "grades-done.jsonl", "grades-feedback/anna.html"), {"anna", "ben"}),
    (("anna/01.ipynb", "tables/grades-done.jsonl"), {"anna"}),
    (("01_anna.ipynb", "data/one.csv", "checkpoints/kept"), {"anna"}),
    (("01_ANNA.IPYNB", "data/one.csv"), {"ANNA"}),
])  # fmt: skip
def test_a_folder_of_something_else_is_no_student(tmp_path, files, students):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("{}", "utf-8")
    assert {person_of(file).name for file in find([tmp_path]).values()} == students


@pytest.mark.parametrize(("source", "course"), [
    ("lift_the_cat([0, 0, 1])", "01_gradient_flows"), ("print('a report')", ""),
])  # fmt: skip
def test_a_foreign_file_is_no_notebook_of_the_course_by_its_number(source, course):
    content = json.dumps({"cells": [{"cell_type": "code", "source": source}]}).encode()
    assert read_notebook("01_lab_report.ipynb", content).course == course


def test_a_student_with_a_thousand_files_keeps_nobody_waiting(monkeypatch):
    asked = []
    monkeypatch.setattr(Course, "_file", lambda self, path, file, student: asked.append(file) or not_run(file, "here"))
    options = Namespace(jobs=1, csv=Path("none.csv"), seconds=1, memory=1, trust_students=True)
    files = {Path(f"{n}.ipynb"): Path(f"a/{n}.ipynb") for n in range(1000)}
    with Sandbox() as box:
        (graded,) = Course(options, box).grade({Person("a"): files}).values()
    assert (len(asked), len(graded)) == (50, 1000)
    assert "only 50 files" in graded[-1].remark


def test_a_line_that_was_cut_off_costs_no_other_one(tmp_path):
    options = Namespace(jobs=1, csv=tmp_path / "grades.csv", seconds=1, memory=1, trust_students=True)
    (tmp_path / "grades-done.jsonl").write_text('{"key": "a", "gra', "utf-8")
    Course(options, None)._keep("b", Graded(Path("a/1.ipynb"), "01_gradient_flows", {CAT: Verdict("right")}))
    assert Course(options, None)._done["b"].verdicts == {CAT: Verdict("right")}


def test_marks_are_given_where_they_cannot_be_kept(tmp_path, monkeypatch, capsys):
    (tmp_path / "grades-done.jsonl").mkdir()  # cannot be opened as a file
    one = Graded(Path("a/1.ipynb"), "01_gradient_flows", {CAT: Verdict("right")})
    monkeypatch.setattr(verdicts, "grade", lambda *given: one)
    options = Namespace(jobs=1, csv=tmp_path / "grades.csv", seconds=1, memory=1, trust_students=True)
    (tmp_path / "1.ipynb").write_text("{}", "utf-8")
    assert Course(options, None)._file(tmp_path / "1.ipynb", Path("a/1.ipynb"), None) is one
    assert "the next run grades again" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="a terminal's Ctrl-C reaches all processes of a group")
def test_an_interrupted_run_keeps_nothing_of_what_it_broke_off(tmp_path):
    for name in ("anna", "ben"):
        notebook = nbformat.v4.new_notebook(cells=[code("while True: pass\nlift_the_cat(1)")])
        (tmp_path / "all" / name).mkdir(parents=True)
        nbformat.write(notebook, tmp_path / "all" / name / "1.ipynb")
    arguments = ["grade", str(tmp_path / "all"), "--csv", str(tmp_path / "grades.csv"), *OPTIONS]
    command = [sys.executable, "-m", "gdw_notebooks", *arguments]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(command, cwd=NOTEBOOKS.parent, **pipes) as grader:
        below = psutil.Process(grader.pid)
        until(lambda: busy(below))
        os.killpg(grader.pid, signal.SIGINT)
        said = grader.communicate(timeout=60)[1].decode()
    assert grader.returncode == 130
    assert "the same command goes on" in said
    assert not (tmp_path / "grades-done.jsonl").exists()
    assert not (tmp_path / "grades.csv").exists()


def busy(process):
    """Whether a notebook's own process runs: it is a fork of the worker."""
    with suppress(psutil.Error):  # one of them has just ended
        workers = [one for one in process.children(recursive=True) if one.cmdline()[2:4] == ["-m", sandbox.WORKER]]
        return any(one.children() for one in workers)
    return False


def until(true, seconds=120):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_points_are_checked():
    assert read_points(f'exercise,points\n"{CAT}",2.5\n"{LABEL}",0\n')[CAT] == 2.5
    assert read_points(f"\ufeffexercise;points\n{CAT};2,5\n")[CAT] == 2.5  # as a spreadsheet may save it
    assert read_points(f'"exercise";"points"\n"{CAT}";"2,5"\n')[CAT] == 2.5
    with pytest.raises(ValueError, match="has more than two fields: write 1.5, or ; between the fields"):
        read_points(f"exercise,points\n{CAT},1,5\n")
    with pytest.raises(ValueError, match="is there twice"):
        read_points(f"exercise,points\n{CAT},1\n{CAT},2\n")
    for wrong in ("no such exercise,1", f'"{CAT}",-1', f'"{CAT}",nan'):
        with pytest.raises(ValueError, match="exercise|points"):
            read_points(f"exercise,points\n{wrong}\n")


@pytest.mark.parametrize(("file", "person"), [
    ("anna/01.ipynb", Person("anna")),
    ("Anna Bell_123_assignsubmission_file/01_gradient_flows.ipynb", Person("Anna Bell", moodle="123")),
    ("bellanna_77_99_01_gradient_flows-1.ipynb", Person("bellanna", canvas="77")),
    ("bellanna_LATE_77_99_01_gradient_flows.ipynb", Person("bellanna", canvas="77")),
    ("01_gradient_flows_anna.ipynb", Person("anna")),
    ("anna_01_gradient_flows.ipynb", Person("anna")),
    ("Anna Bell_123_assignsubmission_file_01_gradient_flows.ipynb", Person("Anna Bell", moodle="123")),
    ("Anna Bell_123_assignsubmission_file_Ben_124_assignsubmission_file_x.ipynb", Person("Anna Bell", moodle="123")),
    ("anna/Ben_124_assignsubmission_file_/01.ipynb", Person("anna")),
    ("müllerjürgen_77_991_01_gradient_flows.ipynb", Person("müllerjürgen", canvas="77")),
    ("müllerjürgen_LATE_77_992_02.ipynb", Person("müllerjürgen", canvas="77")),
    ("o2brien_77_99_ben_78_99_x.ipynb", Person("o2brien", canvas="77")),
    ("01_anna.ipynb", Person("anna")),
])  # fmt: skip
def test_whose_file_it_is(file, person):
    assert person_of(Path(file)) == person


@pytest.mark.parametrize(("files", "count"), [
    (("gradient_flows_2024_11_anna", "gradient_flows_2024_11_ben"), 2),
    (("hw1_2024_11_anna", "hw1_2024_11_ben"), 2),
    (("hw_2024_11_anna", "hw_2024_12_ben"), 2),
    (("hw1_2024_11_anna", "hw1_2024_12_ben", "hw2_2024_13_anna", "hw2_2024_14_ben"), 4),
    (("anna_2024_11_one", "ben_2024_11_one"), 2),
    (("hw1_2024_11_anna", "ben"), 2),
])  # fmt: skip
def test_names_that_only_look_like_canvas_are_kept_whole(files, count):
    people = people_of([Path(f"{file}.ipynb") for file in files])
    assert len(set(people.values())) == count
    assert not any(person.canvas for person in people.values())


@pytest.mark.parametrize(("file", "name"), [("gradient_flows_2024_11_anna", ""), ("müller2_7_9_x", "7")])
def test_a_name_in_canvas_has_no_line(file, name):
    assert person_of(Path(f"{file}.ipynb")).canvas == name


@pytest.mark.parametrize(("files", "names"), [
    (("group-01", "group-02"), ("group-01", "group-02")),
    (("Gruppe (1)", "Gruppe (2)"), ("Gruppe (1)", "Gruppe (2)")),
    (("01_gradient_flows-4711", "02_broken_data-4711"), ("4711", "4711")),
    (("hw-4711234", "hw-4711235"), ("hw-4711234", "hw-4711235")),
    (("anna", "anna (1)", "anna-2", "02_broken_data-anna-3"), ("anna",) * 4),
    (("01_gradient_flows", "01_gradient_flows (1)"), ("01_gradient_flows",) * 2),
    (("musteranna_123_456_01_gradient_flows", "musteranna_123_457_02_broken_data-1"), ("musteranna",) * 2),
    (("02_broken_data (1)",), ("02_broken_data",)),
    (("02_broken_data_anna (1)", "01_gradient_flows_anna (2)", "02_broken_data_ben"), ("anna", "anna", "ben")),
    (("02_broken_data_anna-copy", "01_gradient_flows_anna copy"), ("anna", "anna")),
    (("02_broken_data-s-01", "01_gradient_flows-s-02"), ("s-01", "s-02")),
    (("Kurs-99/Anna_1_assignsubmission_file/x", "Kurs-99/Ben_2_assignsubmission_file/x"), ("Anna", "Ben")),
    (("Kurs-99/Anna_1_assignsubmission_file/x", "Kurs-99/y"), ("Kurs-99", "Kurs-99")),
])  # fmt: skip
def test_numbers_in_names_are_of_copies_where_there_is_an_original(files, names):
    people = people_of([Path(f"{file}.ipynb") for file in files])
    assert tuple(people[Path(f"{file}.ipynb")].name for file in files) == names


def test_folders_of_students_that_are_given_one_by_one_keep_their_names(tmp_path):
    for file in (
        "anna/02_broken_data.ipynb",
        "ben/02_broken_data.ipynb",
        "ben/01_gradient_flows (1).ipynb",
        "flat/02_eva.ipynb",
    ):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("{}", "utf-8")
    found = find([tmp_path / name for name in ("anna", "ben", "flat")])
    assert {person.name for person in people_of(set(found.values())).values()} == {"anna", "ben", "eva"}
    assert len(found) == len({*found.values()}) == 4
    (tmp_path / "anna" / "eva").mkdir()
    (tmp_path / "anna" / "eva" / "02_broken_data.ipynb").write_text("{}", "utf-8")  # then anna is a class
    found = find([tmp_path / name for name in ("anna", "ben")])
    assert {person.name for person in people_of(set(found.values())).values()} == {"02_broken_data", "ben", "eva"}


def test_a_download_from_canvas_is_known_with_another_file_in_it():
    names = ("bellanna_77_991_01", "bellanna_LATE_77_992_02", "bellanna_77_991_01 (1)", "ben_78_993_01", "eva's own")
    people = people_of([Path(f"{name}.ipynb") for name in names])
    assert {person.canvas for person in people.values()} == {"77", "78", ""}
    assert people_of([Path("bellanna_77_991_01.ipynb")]).popitem()[1].canvas == "77"


def test_nothing_is_imported_from_students_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["", str(tmp_path / "anna"), "elsewhere"])
    monkeypatch.chdir(tmp_path)
    forget_folders([tmp_path / "anna"])
    import sys

    assert sys.path == ["elsewhere"]


def test_a_check_that_is_stopped_has_no_verdict():
    def stopped(*arguments):
        raise NotRun("ended")

    (label,) = [asked for asked in ASKED if asked.check == "the_label_weight"]
    with pytest.raises(NotRun):
        label.make().judge(stopped)


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
