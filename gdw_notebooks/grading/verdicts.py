"""One student's verdicts: the checks run here, on what the student's process says the answers are."""

from dataclasses import dataclass, field
from pathlib import Path

from gdw_notebooks.checks.asked import Asked, asked_in
from gdw_notebooks.checks.feedback import LOOK_AGAIN, NOT_ANSWERED, RIGHT
from gdw_notebooks.grading.messages import BadMessage
from gdw_notebooks.grading.notebook import read_notebook
from gdw_notebooks.grading.student import Ended, OutOfTime, Student

WORDS = {RIGHT: "right", LOOK_AGAIN: "wrong", NOT_ANSWERED: "not answered"}  # of the table
LONGEST_REMARK = 1000  # characters


@dataclass
class Graded:
    """What came of one file.

    Args:
        file: its path.
        notebook: the notebook of the course; empty: none.
        verdicts: "right", "wrong" or "not answered" for each exercise.
        tries: wrong tries that its stored outputs show.
        remarks: what a lecturer should know.
    """

    file: Path
    notebook: str = ""
    verdicts: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def right(self) -> int:
        return sum(verdict == WORDS[RIGHT] for verdict in self.verdicts.values())

    @property
    def remark(self) -> str:
        """All remarks in one line of printable characters; it may quote what a student wrote."""
        return printable("; ".join(self.remarks))[:LONGEST_REMARK]


def printable(text: object) -> str:
    """One line that no terminal and no spreadsheet reads as a command."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def grade(path: Path, seconds: int, memory_mb: int) -> Graded:
    """Run one file in its own process and check its answers; never raises for what a student wrote."""
    graded = Graded(path)
    try:
        notebook = read_notebook(path)
    except (ValueError, OSError) as error:
        graded.remarks.append(f"not run: {error}")
        return graded
    graded.notebook, asked = notebook.course, asked_in(notebook.course)
    if not asked:
        graded.remarks.append("not run: this is no notebook of the course")
        return graded
    graded.verdicts = {exercise.column: WORDS[NOT_ANSWERED] for exercise in asked}
    graded.tries = {exercise.column: notebook.tries(exercise) for exercise in asked}
    with Student(notebook.content, notebook.cells, asked, seconds, memory_mb) as student:
        _ask(student, asked, graded, seconds)
    return graded


def _ask(student: Student, asked: tuple[Asked, ...], graded: Graded, seconds: int) -> None:
    try:
        answers = student.answers()
        for exercise in asked:
            answer = answers.get(exercise.kind.__name__)
            if answer is None:
                graded.remarks.append(f"no answer to “{exercise.kind.title}” was found")
            else:
                graded.verdicts[exercise.column] = WORDS[exercise.make()(*answer).verdict]
    except OutOfTime:
        graded.remarks.append(f"ended after {seconds} s, in code cell {student.cell}")
    except Ended:
        graded.remarks.append(f"Python ended in code cell {student.cell}")
    except BadMessage as error:
        graded.remarks.append(f"ended: {error}")
    graded.remarks += [f"{what} was refused" for what in dict.fromkeys(student.refused)]
    graded.remarks += [f"code cell {number} stops with {error}" for number, error in student.stopped]

