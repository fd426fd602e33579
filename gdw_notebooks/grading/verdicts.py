"""Verdicts on one student's notebooks: the checks run here, on what the student's process says the answers are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from gdw_notebooks.checks.asked import Asked, asked_in
from gdw_notebooks.checks.exercise import NotRun
from gdw_notebooks.checks.feedback import LOOK_AGAIN, NOT_ANSWERED, RIGHT
from gdw_notebooks.grading.notebook import StudentNotebook, read_notebook
from gdw_notebooks.grading.student import Stopped, Student

NOT_RUN = "not run"
WORDS = {RIGHT: "right", LOOK_AGAIN: "wrong", NOT_ANSWERED: "not answered"}  # of the table
LONGEST_REMARK = 1000  # characters
MOST_LEFT_OUT = 3  # cells of a notebook that end the process; each costs another run of the others


@dataclass(frozen=True)
class Verdict:
    """On one exercise.

    Args:
        word: "right", "wrong", "not answered" or "not run".
        text: what is not right yet, or what a right answer has shown, or why the check could not run.
        tries: wrong tries that the stored outputs show.
    """

    word: str
    text: str = ""
    tries: int = 0

    @property
    def right(self) -> bool:
        return self.word == WORDS[RIGHT]


@dataclass
class Graded:
    """What came of one file.

    Args:
        file: its path below the folder that is graded.
        notebook: the notebook of the course; empty: none.
        verdicts: one for each of its exercises, by the exercise's column.
        remarks: what a lecturer should know.
    """

    file: Path
    notebook: str = ""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def right(self) -> int:
        return sum(verdict.right for verdict in self.verdicts.values())

    @property
    def remark(self) -> str:
        """All remarks in one line of printable characters; it may quote what a student wrote."""
        return printable("; ".join(self.remarks))[:LONGEST_REMARK]

    def as_json(self) -> dict:
        return asdict(self) | {"file": self.file.as_posix()}

    @classmethod
    def from_json(cls, stored: dict) -> "Graded":
        verdicts = {column: Verdict(**verdict) for column, verdict in stored["verdicts"].items()}
        return cls(Path(stored["file"]), stored["notebook"], verdicts, list(stored["remarks"]))


def printable(text: object) -> str:
    """One line that no terminal and no spreadsheet reads as a command."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def grade(path: Path, file: Path, student: Student) -> Graded:
    """Run one file in its student's process and check its answers; never raises for what a student wrote.

    Args:
        path: where the file is.
        file: how the table calls it.
    """
    graded = Graded(file)
    try:
        notebook = read_notebook(path)
    except (ValueError, OSError) as error:
        graded.remarks.append(f"not run: {error}")
        return graded
    graded.notebook, asked = notebook.course, asked_in(notebook.course)
    if not asked:
        graded.remarks.append("not run: this is no notebook of the course with an exercise")
        return graded
    tries = {exercise.column: notebook.tries(exercise) for exercise in asked}
    Marking(notebook, asked, graded).run(student)
    graded.verdicts = {column: replace(graded.verdicts[column], tries=tries[column]) for column in tries}
    return graded


class Marking:
    """One notebook's verdicts, as they come."""

    def __init__(self, notebook: StudentNotebook, asked: Sequence[Asked], graded: Graded):
        self._notebook, self._graded = notebook, graded
        self._asked = {exercise.kind.__name__: exercise for exercise in asked}
        graded.verdicts = {exercise.column: Verdict(WORDS[NOT_ANSWERED]) for exercise in asked}
        self._open = set(self._asked)  # exercises without an answer
        self._called = set()

    def run(self, student: Student) -> None:
        """Run the cells; one that ends the process is left out, and the others run again."""
        skip: list[int] = []
        while True:
            try:
                stopped = student.run(self._notebook.cells, list(self._asked.values()), skip, self._judge)
            except Stopped as problem:
                if self._leave_out(student.cell, str(problem), skip):
                    continue
                stopped = []
            break
        for number, error, out_of_time in stopped:
            self._graded.remarks.append(f"code cell {number} stops with {error}")
            if out_of_time:
                self._not_run(number, "its cell takes too long")
        for kind in sorted(self._open):
            if not skip:
                self._graded.remarks.append(f"no answer to “{self._asked[kind].kind.title}” was found")
        self._graded.remarks += student.left_out

    def _leave_out(self, number: int, problem: str, skip: list[int]) -> bool:
        """A cell has ended the process; returns whether the others are to run again."""
        again = number > 0 and number not in skip and len(skip) < MOST_LEFT_OUT and "notebook" not in problem
        left = f"code cell {number} is left out: " if number else "not run: "
        self._graded.remarks.append(f"{left}{problem}")
        if again:
            skip.append(number)
            self._not_run(number, problem)
            return True
        for kind in list(self._open):
            self._set(kind, Verdict(NOT_RUN, problem))
        return False

    def _not_run(self, number: int, problem: str) -> None:
        """Exercises of a cell that gave no answer."""
        code = self._notebook.cells[number - 1]
        for kind in self._open:
            if f"{self._asked[kind].check}(" in code:
                self._set(kind, Verdict(NOT_RUN, problem))

    def _judge(self, kind: str, answer: list, called: bool) -> None:
        """The verdict on an answer; the last one that was given to its check counts."""
        if kind not in self._asked or (kind in self._called and not called):
            return
        exercise = self._asked[kind]
        if called:
            self._called.add(kind)
        self._open.discard(kind)
        try:
            found = exercise.make().judge(*answer)
        except NotRun as problem:
            self._set(kind, Verdict(NOT_RUN, str(problem)))
            if isinstance(problem, Stopped):
                raise
            return
        self._set(kind, Verdict(WORDS[found.verdict], found.text))

    def _set(self, kind: str, verdict: Verdict) -> None:
        self._graded.verdicts[self._asked[kind].column] = verdict
