"""Verdicts on one student's notebooks: the checks run here, on what the student's process says the answers are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from gdw_notebooks.checks.asked import Asked, asked_in
from gdw_notebooks.checks.exercise import NotRun
from gdw_notebooks.checks.feedback import LOOK_AGAIN, NOT_ANSWERED, RIGHT
from gdw_notebooks.grading.notebook import StudentNotebook, read_notebook
from gdw_notebooks.grading.student import Stopped, Student
from gdw_notebooks.grading.watch import WHOLE

NOT_RUN = "not run"
WORDS = {RIGHT: "right", LOOK_AGAIN: "wrong", NOT_ANSWERED: "not answered"}  # of the table
LONGEST_REMARK = 1000  # characters
NEVER = (False, 0)
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
    """One line that no terminal reads as a command."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def grade(file: Path, content: bytes, student: Student) -> Graded:
    """Run one file in its student's process and check its answers; never raises for what a student wrote.

    Args:
        file: how the table calls it.
        content: what is in it.
    """
    try:
        notebook = read_notebook(file.name, content)
    except ValueError as error:
        return not_run(file, error)
    graded, asked = Graded(file, notebook.course), asked_in(notebook.course)
    if not asked:
        return not_run(file, "this is no notebook of the course with an exercise")
    Marking(notebook, asked, graded, student).run()
    tries = {exercise.column: notebook.tries(exercise) for exercise in asked}
    graded.verdicts = {column: replace(graded.verdicts[column], tries=tries[column]) for column in tries}
    return graded


def not_run(file: Path, why: object) -> Graded:
    """Of a file without verdicts."""
    return Graded(file, remarks=[f"not run: {why}"])


class Marking:
    """One notebook's verdicts, as they come."""

    def __init__(self, notebook: StudentNotebook, asked: Sequence[Asked], graded: Graded, student: Student):
        self._cells, self._ours, self._student = notebook.cells, notebook.ours, student
        self._graded, self._verdicts = graded, graded.verdicts
        self._asked = {exercise.kind.__name__: exercise for exercise in asked}
        self._called: dict[str, tuple[bool, int]] = {}  # whether a check was called on an answer, and in which cell

    def run(self) -> None:
        """Run the cells; one that ends the process is left out, and the others run again."""
        cut: dict[int, str] = {}  # cells that did not run to their end for a reason of the grader's
        student, again = self._student, True
        while again:
            try:
                asked = list(self._asked.values())
                stopped, again = student.run(self._cells, asked, list(cut), self._judge, self._ours), False
            except Stopped as problem:
                stopped, number = [], student.cell
                if not number:  # Python did not start: nothing of the student's
                    raise
                again = number not in cut and len(cut) < MOST_LEFT_OUT and not str(problem).startswith(WHOLE)
                cut[number] = str(problem)
                what = "is left out" if again else "did not run to its end, and those below it did not run"
                self._graded.remarks.append(f"code cell {number} {what}: {problem}")
        for number, error, limited in stopped:
            self._graded.remarks.append(f"code cell {number} stops with {error}")
            if limited:
                cut[number] = error
        for kind in sorted(self._asked):
            self._settle(kind, cut)
        self._graded.remarks += student.left_out

    def _settle(self, kind: str, cut: dict[int, str]) -> None:
        """An answer that is missing, or not right after a cell that was cut off, has no verdict."""
        exercise = self._asked[kind]
        found = self._verdicts.get(exercise.column)
        _, called = self._called.get(kind, (False, len(self._cells) + 1))
        before = [why for number, why in cut.items() if number < called]
        if before and not (found and found.right):
            self._verdicts[exercise.column] = Verdict(NOT_RUN, before[0])
        elif found is None:
            self._verdicts[exercise.column] = Verdict(WORDS[NOT_ANSWERED])
            self._graded.remarks.append(f"no answer to “{exercise.kind.title}” was found")

    def _judge(self, kind: str, answer: list, called: bool) -> bool:
        """The verdict on an answer; the last cell that answers counts, in the order of the notebook.

        A placeholder is no answer: the exercise as it was given may stand below the cell in which it is solved.
        Returns whether it is one.
        """
        cell = self._student.cell if called else 0
        if kind not in self._asked or self._called.get(kind, NEVER) > (True, cell):
            return True
        exercise, stopped = self._asked[kind], None
        try:
            found = exercise.make().judge(*answer)
            verdict = Verdict(WORDS[found.verdict], found.text[:LONGEST_REMARK])
        except NotRun as problem:
            verdict, stopped = Verdict(NOT_RUN, str(problem)), problem
        if answered := verdict.word != WORDS[NOT_ANSWERED]:
            self._verdicts[exercise.column] = verdict
        self._verdicts.setdefault(exercise.column, verdict)
        if called:
            self._called[kind] = max(self._called.get(kind, NEVER), (answered, cell))
        if isinstance(stopped, Stopped):
            raise stopped
        return answered
