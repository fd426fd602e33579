"""The course is what its sources say, has been run, hides answers from students, and names no machine."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from tools.build_notebooks import NOTEBOOKS, REVEALS, WIDGET_VIEW, build, generate, reveals, sources, targets

LONGEST_CELL = 12  # lines
FEWEST_WORDS = 8  # of a picture's alternative text: fewer only name it
LARGEST_FILE = 1_000_000  # bytes
MACHINE_PATH = re.compile(r"/(home|root|Users|tmp|private/var|work)/|site-packages|\\Users\\")

COURSE = [
    pytest.param(source, target, solved, id=str(target.relative_to(NOTEBOOKS)))
    for source in sources()
    for target, solved in targets(source)
]
every_notebook = pytest.mark.parametrize(("source", "target", "solved"), COURSE)


@cache
def stored(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@cache
def fresh(source: Path, solved: bool) -> nbformat.NotebookNode:
    return generate(source, solved=solved)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in stored(path).cells if cell.cell_type == "code"]


def outputs(path: Path) -> list[nbformat.NotebookNode]:
    return [output for cell in code_cells(path) for output in cell.outputs]


def text_of(output: nbformat.NotebookNode) -> str:
    texts = [text for mime, text in output.get("data", {}).items() if mime.startswith("text/")]
    return "\n".join([output.get("text", ""), *texts])


@every_notebook
def test_is_what_its_source_says(source, target, solved):
    is_there, wanted = (
        [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]
        for notebook in (stored(target), fresh(source, solved))
    )
    assert is_there == wanted, f"run: make notebooks NOTEBOOK={source.stem}"


@every_notebook
def test_has_been_run_without_an_error(source, target, solved):
    assert all(cell.execution_count for cell in code_cells(target) if solved or not reveals(cell))
    assert outputs(target)
    assert not [output for output in outputs(target) if output.output_type == "error"]


@every_notebook
def test_is_small_and_carries_no_widget_state(source, target, solved):
    assert target.stat().st_size < LARGEST_FILE
    assert "widgets" not in stored(target).metadata
    assert not [output for output in outputs(target) if WIDGET_VIEW in output.get("data", {})]


@every_notebook
def test_names_no_path_of_a_machine(source, target, solved):
    written = [cell.source for cell in stored(target).cells]
    for text in [*written, *map(text_of, outputs(target))]:
        assert not MACHINE_PATH.search(text), text


@every_notebook
def test_every_stored_picture_says_what_it_shows(source, target, solved):
    for output in outputs(target):
        kinds = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
        for kind in kinds:
            alt = output.metadata.get(kind, {}).get("alt", "")
            assert len(alt.split()) >= FEWEST_WORDS, f"{output.data['text/plain'][:60]}: {alt!r}"
            assert not re.match(r"(?i)(a |an |the )?(figure|image|plot|picture|chart)\b", alt), alt
            assert not re.search(r"[?!.,;:][.,;]|\s[.,;]|\$|\\|\bnan\b|None", alt), alt
        html = output.get("data", {}).get("text/html", "")
        assert all("alt=" in image for image in re.findall(r"<img\b[^>]*>", html))


@every_notebook
def test_has_no_long_cell(source, target, solved):
    for cell in code_cells(target):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source


# Those in which questions come first. Every source that marks a cell is one of them, and so are these.
ASKS_FIRST = [source for source in sources() if f'tags=["{REVEALS}"]' in source.read_text("utf-8")]
every_lesson = pytest.mark.parametrize("source", ASKS_FIRST, ids=lambda source: source.stem)


def test_the_lessons_ask_first():
    assert {"00", "01", "03", "04", "05", "06", "07"} <= {source.name[:2] for source in ASKS_FIRST}


@every_lesson
def test_a_student_finds_no_answer_below_a_question(source):
    student, solved = (code_cells(target) for target, _ in targets(source))
    hidden = [cell for cell in student if reveals(cell)]
    assert hidden
    assert not any(cell.outputs or cell.execution_count for cell in hidden)
    shown = [cell for cell in solved if reveals(cell)]
    assert len(shown) == len(hidden)
    assert all(cell.execution_count for cell in shown)
    assert sum(bool(cell.outputs) for cell in shown) > len(shown) / 2  # a definition shows nothing


@every_lesson
def test_every_cell_between_a_guess_and_its_answer_is_marked(source):
    open_guesses = set()
    for cell in fresh(source, True).cells:
        if cell.cell_type != "code":
            continue
        assert reveals(cell) or not open_guesses, cell.source
        answered = set(re.findall(r"(\w+)\.reveal\(", cell.source))
        assert answered <= open_guesses, cell.source
        open_guesses -= answered
        open_guesses |= set(re.findall(r"(\w+) = Prediction\(", cell.source))
    assert not open_guesses


@every_lesson
def test_no_text_before_a_question_has_its_number(source):
    """Such as a heading "40 % is 36 %" above the question what 40 % comes to."""
    solved = next(target for target, solved in targets(source) if solved)
    read = ""
    for cell in stored(solved).cells:
        if cell.cell_type == "markdown":
            read += cell.source
        for output in cell.get("outputs", []):
            for number in re.findall(r"you said no guess; it is ≈? ?(-?[\d.]+)", text_of(output)):
                written = number if "." in number else f"{number} %"
                assert not re.search(rf"(?<![\d.,−-]){re.escape(written)}", read), number


@every_lesson
def test_a_question_has_a_cell_to_write_in(source):
    """'Predict first' is followed by a cell that makes a Prediction, before any cell that shows something."""
    cells = fresh(source, True).cells
    for place, cell in enumerate(cells):
        if cell.cell_type == "markdown" and "**Predict first" in cell.source:
            following = next(later for later in cells[place + 1 :] if later.cell_type == "code")
            assert "Prediction(" in following.source, cell.source


@every_lesson
def test_opens_with_a_question_and_ends_with_what_to_keep(source):
    text = [cell.source for cell in fresh(source, True).cells if cell.cell_type == "markdown"]
    title = text[0].splitlines()[0]
    assert re.fullmatch(r"# \d\d · .+\?", title)
    for words in ("**You will**", "**Time** about", "**You need**", "docs/glossary.md"):
        assert words in text[0]
    last = text[-1]
    order = [last.index(words) for words in ("## Recap", "## Quiz", "**Take-away:**", "**Next:**")]
    assert order == sorted(order)
    quiz = last[order[1] : order[2]]
    assert quiz.count("?") >= 2
    assert 2 <= quiz.count("<details><summary>Answer</summary>") <= 3
    assert quiz.count("</details>") == quiz.count("<details>")


def test_the_first_notebook_says_how_to_run_a_cell():
    assert "Shift+Enter" in fresh(sources()[0], False).cells[0].source


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


REVEALING = EXERCISE.replace("# %%\nprint(answer())\n", '# %% tags=["reveals"]\nprint(answer())\n', 1)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Built once: a kernel runs each notebook."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "source").mkdir()
    for name, text in (("09_product", EXERCISE), ("10_product", REVEALING)):
        (folder / "source" / f"{name}.py").write_text(text, "utf-8")
        build(folder / "source" / f"{name}.py", folder)
    return folder


def test_one_source_makes_an_exercise_and_its_solution(course):
    exercise, solution = course / "09_product.ipynb", course / "solutions" / "09_product.ipynb"
    assert code_cells(exercise)[0].source == "def answer():\n    # YOUR CODE\n    return None"
    assert code_cells(solution)[0].source == "def answer():\n    return 6 * 7"
    assert [output.text for output in outputs(exercise)] == ["None\n", "None\n"]
    assert [output.text for output in outputs(solution)] == ["42\n", "42\n"]


def test_a_marked_output_is_stored_in_the_solution_alone(course):
    exercise, solution = code_cells(course / "10_product.ipynb"), code_cells(course / "solutions" / "10_product.ipynb")
    assert [bool(cell.outputs) for cell in exercise] == [False, False, True]
    assert exercise[1].execution_count is None
    assert [bool(cell.outputs) for cell in solution] == [False, True, True]


def test_a_link_to_the_docs_is_one_folder_longer_in_the_solution(tmp_path):
    source = tmp_path / "11_link.py"
    source.write_text("# %% [markdown]\n# [flow](../docs/glossary.md#flow)\n\n" + EXERCISE, "utf-8")
    assert "(../docs/glossary.md#flow)" in generate(source, solved=False).cells[0].source
    assert "(../../docs/glossary.md#flow)" in generate(source, solved=True).cells[0].source


def test_building_twice_writes_the_same_file(course):
    first = (course / "09_product.ipynb").read_bytes()
    build(course / "source" / "09_product.py", course)
    assert (course / "09_product.ipynb").read_bytes() == first
