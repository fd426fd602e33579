"""Every exercise of the course is tried with what stands above it, and what it accepts is found."""

import nbformat
import pytest

from gdw_notebooks.checks.asked import ASKED, NOT_GRADED
from gdw_notebooks.checks.broken_data import ThirtyPercent, UniformForty
from gdw_notebooks.checks.exercise import Exercise, compare, numbers
from tests.stands_above import checks, refuse, with_attempts
from tools.build_notebooks import generate, sources


class Twice(Exercise):
    title = "Twice"

    def examine(self, function):
        compare(function, lambda number: 2 * number, [(1.5,), (4.0,)], lambda number: f"For {number}")


class Pair(Exercise):
    title = "A pair"

    def examine(self, low, high):
        assert numbers(low).tolist() == [3.5]
        assert numbers(high).tolist() == [7.5]


def test_each_exercise_of_the_course_has_its_line():
    cells = [cell for source in sources() for cell in generate(source, solved=True).cells]
    found = {call.func.id for cell in cells if cell.cell_type == "code" for call in checks(cell.source)}
    asked = {asked.check for asked in ASKED}
    assert asked | {"precision_threshold"} <= found
    assert len(NOT_GRADED) == 1  # that one


SHOWN = [[0.4, 0.4, 0.2], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("exercise", "names", "texts"),
    [
        (ThirtyPercent(), {"matrix": SHOWN}, ()),  # a name above
        (ThirtyPercent(), {"shown": {"first": [SHOWN]}}, ()),  # what is in it
        (ThirtyPercent(), {}, [f"broken = show({SHOWN}, names)"]),  # written in the code
        (UniformForty(), {"shares": (20, 36, 39.6)}, ()),
        (Twice(), {"double": lambda number: number + number}, ()),  # a function
        (Pair(), {"low": 3.5, "high": 7.5}, ()),
        (Pair(), {"low": 3.5}, ["It is 7.5 % of all."]),  # a number in the text, or printed
    ],
)
def test_what_stands_above_and_is_accepted_is_found(exercise, names, texts):
    count = 2 if isinstance(exercise, Pair) else 1
    with pytest.raises(AssertionError, match="stands above it"):
        refuse(names | {"check": exercise}, "check", count, [], texts)


@pytest.mark.parametrize(
    ("exercise", "names", "bound", "texts"),
    [
        (ThirtyPercent(), {"matrix": [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]]}, [], ()),  # what notebook 02 shows
        (ThirtyPercent(), {"mine": SHOWN}, ["mine"], ()),  # the answer itself
        (Pair(), {"row": {"seconds": 3.5}, "high": 7.5}, [], ()),  # a time is what it happens to be
        (Pair(), {"high": 7.5}, [], ["It took ≈ 3.5 ms"]),
        (Twice(), {"half": lambda number: number / 2, "wrong": print}, [], ()),
    ],
)
def test_what_is_no_answer_is_let_through(exercise, names, bound, texts, capsys):
    refuse(names | {"check": exercise}, "check", 2 if isinstance(exercise, Pair) else 1, bound, texts)
    assert exercise.tries == 0
    assert not capsys.readouterr().out


def test_the_line_runs_in_the_exercise_s_cell(tmp_path):
    code, shown = "mine = None\ncheck(mine)", f"show({SHOWN})"
    for folder in (tmp_path, tmp_path / "solutions"):
        folder.mkdir(exist_ok=True)
        cells = [nbformat.v4.new_code_cell(text) for text in ("show(0)", code)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "02.ipynb")
    changed = with_attempts(code, tmp_path / "solutions" / "02.ipynb", 1)
    exec(changed, {"check": ThirtyPercent(), "shown": None})
    with pytest.raises(AssertionError, match="stands above it"):
        exec(changed, {"check": ThirtyPercent(), "shown": SHOWN})
    cells[0].source = shown
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "02.ipynb")
    with pytest.raises(AssertionError, match="stands above it"):
        exec(changed, {"check": ThirtyPercent()})
    exec(changed.replace("None", "0"), {"check": abs})  # a call that is no exercise's
    assert with_attempts("check(1)", tmp_path, 0) == "check(1)"
