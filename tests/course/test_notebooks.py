"""The course is what its sources say, has been run, hides answers from students, and names no machine."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from tools.build_notebooks import (
    FOLD,
    NOTEBOOKS,
    REVEALS,
    WIDGET_VIEW,
    build,
    clickable,
    generate,
    reveals,
    sources,
    targets,
)

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


QUESTION = re.compile(r"\*\*Predict first\.\*\*|^\d\. .+\?", re.MULTILINE)
GUESSES = range(20, 31)  # in the whole course: each of them has a basis
ANSWERS = range(2, 5)


def questions(source: Path) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Each question that is answered by clicking: its words, and (answer, verdict, reply) of each answer."""
    found = []
    for cell in fresh(source, True).cells:
        quiz = cell.source.find("## Quiz") % len(cell.source)  # lists before it are no questions
        asked = [each for each in QUESTION.finditer(cell.source) if each[0][0] == "*" or each.start() > quiz]
        asked = asked if cell.cell_type == "markdown" else []
        for here, after in zip(asked, [*asked[1:], None], strict=False):
            text = cell.source[here.start() : after.start() if after else None]
            folds = re.findall(r"<summary>(.*?)</summary>\s+\*\*(Right|No)\.\*\* (.*?)\s+</details>", text, re.DOTALL)
            found.append((text.partition("<details")[0], folds))
    return found


@every_lesson
def test_a_question_is_answered_by_clicking(source):
    """Each answer has a reply, one or more of them are right, and what is clicked is plain text."""
    assert questions(source)
    for asked, answers in questions(source):
        assert len(answers) in ANSWERS, asked
        assert {"Right", "No"} == {verdict for _, verdict, _ in answers}, asked
        assert len({answer for answer, _, _ in answers}) == len(answers)
        for answer, _, reply in answers:
            assert not re.search(r"[$*`<>\\]", answer), answer
            assert len(reply.split()) >= 3, reply
    text = "\n".join(cell.source for cell in fresh(source, True).cells if cell.cell_type == "markdown")
    assert text.count("<details ") == text.count("</details>") == sum(len(answers) for _, answers in questions(source))
    assert not re.search(r"- \[[ x]\]| :: |Prediction", text)


@every_lesson
def test_a_question_comes_before_what_answers_it(source):
    """The cell after a guess is marked, so that its stored output does not answer the question."""
    cells = fresh(source, True).cells
    for place, cell in enumerate(cells):
        if cell.cell_type == "markdown" and "**Predict first.**" in cell.source:
            assert reveals(cells[place + 1]), cell.source
        elif cell.cell_type == "markdown" and place + 1 < len(cells):
            assert not reveals(cells[place + 1]), f"no question asks for what is hidden below: {cell.source[-200:]}"


@every_lesson
def test_no_text_before_a_question_has_the_number_of_its_answer(source):
    """Such as a heading "40 % is 36 %" above the question what 40 % comes to."""
    text = "\n".join(cell.source for cell in fresh(source, True).cells if cell.cell_type == "markdown")
    for asked, answers in questions(source):
        before = re.sub(r"<details.*?</details>", "", text[: text.index(asked)], flags=re.DOTALL)
        if "**Predict first.**" in asked:
            for number in {
                n for answer, verdict, _ in answers if verdict == "Right" for n in re.findall(r"\d+ %", answer)
            }:
                assert not re.search(rf"(?<![\d.,−-]){number}", before), number


def test_the_course_asks_for_few_guesses():
    asked = [text for source in ASKS_FIRST for text, _ in questions(source) if "**Predict first.**" in text]
    assert len(asked) in GUESSES


CORE = ("00", "01", "03", "04", "06")
CORE_CELLS, CORE_MINUTES = 30, range(105, 136)
CORE_ENDS = "## Here the core path ends"  # in 06
PANEL = re.compile(r"(?!Still)[A-Z]\w+\(")
A_MINUTE = {"words": 200, "lines of code": 30, "questions": 2, "panels": 1 / 2, "exercises": 1 / 5}  # notebooks/README


def estimate(source: Path, core: bool) -> int:
    """Minutes for a notebook, or for the part of it on the core path, rounded to five."""
    count, counts = dict.fromkeys(A_MINUTE, 0), True
    for cell in stored(list(targets(source))[-1][0]).cells:
        counts &= not (core and CORE_ENDS in cell.source)
        count["questions"] += cell.source.count("**Right.**")  # the quiz ends the core path too
        if counts and cell.cell_type == "markdown":
            text = re.sub(r"(?s)<!-- on the site.*?-->", "", cell.source)
            count["words"] += len(re.findall(r"\w[\w’'.-]*", text))
            count["exercises"] += len(re.findall(r"(?m)^###? Exercise", text))
        elif counts:
            count["lines of code"] += sum(bool(line.strip()) for line in cell.source.splitlines())
            shown = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
            count["panels"] += sum(bool(PANEL.match(text)) for text in shown)
    return 5 * round(sum(count[what] / many for what, many in A_MINUTE.items()) / 5)


def test_the_minutes_are_those_of_the_rule_and_the_core_path_is_two_hours_of_short_notebooks():
    minutes = 0
    for source in ASKS_FIRST:
        cells, number = fresh(source, True).cells, source.name[:2]
        assert int(re.search(r"\*\*Time\*\* about (\d+)", cells[0].source)[1]) == estimate(source, core=False), number
        if number in CORE:
            assert len(cells) < CORE_CELLS
            minutes += estimate(source, core=True)
            half = re.search(r"first half, about (\d+) minutes", cells[0].source)
            assert half is None or int(half[1]) == estimate(source, core=True)
    assert f"for the core path that makes {minutes} minutes" in (NOTEBOOKS / "README.md").read_text("utf-8")
    assert minutes in CORE_MINUTES


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


def test_each_answer_of_a_question_becomes_a_fold():
    text = "1. Which?\n   - [ ] six :: Too many,\n     by one.\n   - [x] five ::\n     Yes.\n\nText - [ ] stays :: so."
    assert clickable(text) == (
        f"1. Which?\n   {FOLD}<summary>six</summary>\n\n   **No.** Too many,\n     by one.\n\n   </details>\n"
        f"   {FOLD}<summary>five</summary>\n\n   **Right.** Yes.\n\n   </details>\n\nText - [ ] stays :: so."
    )


def test_building_twice_writes_the_same_file(course):
    first = (course / "09_product.ipynb").read_bytes()
    build(course / "source" / "09_product.py", course)
    assert (course / "09_product.ipynb").read_bytes() == first
