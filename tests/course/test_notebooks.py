"""The course is what its sources say, has been run, and carries nothing of the machine that ran it."""

import re
from pathlib import Path

import nbformat
import pytest

from tools.build_notebooks import NOTEBOOKS, WIDGET_VIEW, build, generate, sources, targets

LONGEST_CELL = 12  # lines
LARGEST_FILE = 1_000_000  # bytes
MACHINE_PATH = re.compile(r"/(home|root|Users|tmp|private/var|work)/|site-packages|\\Users\\")

COURSE = [
    pytest.param(source, target, solved, id=str(target.relative_to(NOTEBOOKS)))
    for source in sources()
    for target, solved in targets(source)
]
every_notebook = pytest.mark.parametrize(("source", "target", "solved"), COURSE)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def outputs(path: Path) -> list[nbformat.NotebookNode]:
    return [output for cell in code_cells(path) for output in cell.outputs]


def text_of(output: nbformat.NotebookNode) -> str:
    texts = [text for mime, text in output.get("data", {}).items() if mime.startswith("text/")]
    return "\n".join([output.get("text", ""), *texts])


@every_notebook
def test_is_what_its_source_says(source, target, solved):
    stored, fresh = nbformat.read(target, as_version=4), generate(source, solved=solved)
    assert [(cell.id, cell.cell_type, cell.source) for cell in stored.cells] == [
        (cell.id, cell.cell_type, cell.source) for cell in fresh.cells
    ], f"run: make notebooks NOTEBOOK={source.stem}"


@every_notebook
def test_has_been_run_without_an_error(source, target, solved):
    assert all(cell.execution_count for cell in code_cells(target))
    assert outputs(target)
    assert not [output for output in outputs(target) if output.output_type == "error"]


@every_notebook
def test_is_small_and_carries_no_widget_state(source, target, solved):
    assert target.stat().st_size < LARGEST_FILE
    assert "widgets" not in nbformat.read(target, as_version=4).metadata
    assert not [output for output in outputs(target) if WIDGET_VIEW in output.get("data", {})]


@every_notebook
def test_names_no_path_of_a_machine(source, target, solved):
    written = [cell.source for cell in nbformat.read(target, as_version=4).cells]
    for text in [*written, *map(text_of, outputs(target))]:
        assert not MACHINE_PATH.search(text), text


@every_notebook
def test_has_no_long_cell(source, target, solved):
    for cell in code_cells(target):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source


def test_no_notebook_without_a_source():
    made = {target for source in sources() for target, _ in targets(source)}
    assert {path for path in NOTEBOOKS.rglob("[!.]*.ipynb") if ".ipynb_checkpoints" not in path.parts} == made


EXERCISE = """\
# %% [markdown]
# # What is six times seven?

# %%
def answer():
    # BEGIN SOLUTION
    return 6 * 7
    # STUB: return None
    # END SOLUTION

# %%
print(answer())

# %%
print(answer())
"""


@pytest.fixture
def course(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "09_product.py").write_text(EXERCISE)
    build(tmp_path / "source" / "09_product.py", tmp_path)
    return tmp_path


def test_one_source_makes_an_exercise_and_its_solution(course):
    exercise, solution = course / "09_product.ipynb", course / "solutions" / "09_product.ipynb"
    assert code_cells(exercise)[0].source == "def answer():\n    # YOUR CODE\n    return None"
    assert code_cells(solution)[0].source == "def answer():\n    return 6 * 7"
    assert [output.text for output in outputs(exercise)] == ["None\n", "None\n"]
    assert [output.text for output in outputs(solution)] == ["42\n", "42\n"]


def test_building_twice_writes_the_same_file(course):
    first = (course / "09_product.ipynb").read_bytes()
    build(course / "source" / "09_product.py", course)
    assert (course / "09_product.ipynb").read_bytes() == first
