"""Grades students' notebooks without a screen: a table of points, a page for each student, and files for platforms.

Each student's notebooks run in a sandbox of the operating system. Nothing that a notebook shows is looked at or drawn.
Answers leave the sandbox when they are handed in, as plain numbers, lists and words, and are checked outside of it;
of a function only what it returns for the grader's arguments comes back. docs/teaching/README.md says what that means.
"""

import argparse
import hashlib
import json
import queue
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

HELP = "run students' notebooks and write a table of points"
TABLE = Path("grades") / "grades.csv"
SECONDS, MEMORY_MB = 180, 3000
DONE, FEEDBACK = "done.jsonl", "feedback"
MOST_FILES = 50  # of a student: others wait meanwhile


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "notebooks", nargs="+", type=Path, metavar="FOLDER", help="a folder with a folder or a file for each student"
    )
    parser.add_argument(
        "--csv",
        type=Path,
        default=TABLE,
        metavar="FILE",
        help=f"where the table goes, and the other files beside it (default: {TABLE})",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="students at once (default: 1)")
    parser.add_argument(
        "--points",
        type=Path,
        metavar="FILE",
        help="points of each exercise, as gdw-course release writes them (default: 1 each)",
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=SECONDS,
        help=f"limit for a cell, of processor time; five times as much for a notebook (default: {SECONDS})",
    )
    parser.add_argument(
        "--memory",
        type=int,
        default=MEMORY_MB,
        metavar="MB",
        help=f"limit for a notebook, not counting what Python and torch take (default: {MEMORY_MB})",
    )
    parser.add_argument(
        "--trust-students",
        action="store_true",
        help="run without a sandbox: a notebook can then read and change all that you can",
    )


def main(options: argparse.Namespace) -> int:
    """Grade, print a line for each file, write the tables. Returns 0: a wrong answer is no failure of the grader."""
    from gdw.errors import require_package

    for name in ("IPython", "psutil", "matplotlib"):
        require_package(name, "course", "gdw-course grade")
    for name, value in (("--seconds", options.seconds), ("--memory", options.memory), ("--jobs", options.jobs)):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    forget_folders(options.notebooks)  # before anything is imported that a student's file could replace
    found = find(options.notebooks)
    return _grade(options, found)


def forget_folders(paths: Sequence[Path]) -> None:
    """Python must not import from students' folders, nor from the one where the command was given."""
    own = [Path.cwd().resolve(), *(path.resolve() for path in paths)]
    package = Path(__file__).resolve().parents[2]
    inside = [
        entry for entry in sys.path if any(folder in (at := Path(entry).resolve(), *at.parents) for folder in own[1:])
    ]
    here = [entry for entry in sys.path if Path(entry).resolve() == own[0] != package]
    sys.path[:] = [entry for entry in sys.path if entry not in (*inside, *here)]


def _grade(options: argparse.Namespace, found: Mapping[Path, Path]) -> int:
    from gdw.files import check_writable, read_text
    from gdw_notebooks.grading import report
    from gdw_notebooks.grading.sandbox import Sandbox

    points = report.read_points(read_text(options.points) if options.points else "")
    if options.csv == TABLE:
        TABLE.parent.mkdir(exist_ok=True)
    check_writable(options.csv)
    people: dict = {}
    whose = report.people_of(set(found.values()))
    for path, file in found.items():
        people.setdefault(whose[file], {})[path] = file
    with Sandbox(tuple(options.notebooks), options.trust_students) as sandbox:
        if not options.trust_students and (why := sandbox.refusal()):
            raise ValueError(
                f"{why}. Without a sandbox a notebook can read and change all that you can. "
                "If you trust your students: --trust-students"
            )
        print("No sandbox: every notebook can read and change what you can." if options.trust_students
              else "Each student's notebooks run in a sandbox without network.")  # fmt: skip
        graded = Course(options, sandbox).grade(people)
    write_all(options.csv, graded, points)
    print(f"{len(found)} notebooks of {len(people)} students; the table is in {options.csv}")
    return 0


class Course:
    """The grading of all students, some at once; what is done is kept in a file, and not done again."""

    def __init__(self, options: argparse.Namespace, sandbox):
        self._options, self._sandbox = options, sandbox
        self._done_file = beside(options.csv, DONE)
        self._done = self._read_done()
        self._seats: queue.Queue[int] = queue.Queue()
        for seat in range(options.jobs):
            self._seats.put(seat)

    def grade(self, people: Mapping) -> dict:
        """For each person what came of each file."""
        pool = ThreadPoolExecutor(self._options.jobs)
        try:
            running = {person: pool.submit(self._one, files) for person, files in people.items()}
            return {person: future.result() for person, future in running.items()}
        except KeyboardInterrupt:
            print("gdw: interrupted; the same command goes on from here", file=sys.stderr)
            raise
        finally:  # after Ctrl-C those who wait never start, and of a notebook that ran nothing is kept
            self._sandbox.over.set()
            pool.shutdown(cancel_futures=True)

    def _one(self, files: Mapping[Path, Path]) -> list:
        from gdw_notebooks.grading.student import Student
        from gdw_notebooks.grading.verdicts import not_run
        from gdw_notebooks.grading.watch import Limits

        seat, limits = self._seats.get(), Limits(self._options.seconds, self._options.memory)
        try:
            with Student(self._sandbox, seat, limits) as student:
                graded = [self._file(path, file, student) for path, file in list(files.items())[:MOST_FILES]]
            left = list(files.values())[MOST_FILES:]
            return graded + [not_run(file, f"only {MOST_FILES} files of a student are graded") for file in left]
        finally:
            self._seats.put(seat)

    def _file(self, path: Path, file: Path, student):
        """What came of one file, which is printed; a fault of ours costs no other student a mark."""
        from gdw_notebooks.checks.exercise import NotRun
        from gdw_notebooks.grading.notebook import read_file
        from gdw_notebooks.grading.verdicts import grade, not_run, printable

        again = ""
        try:
            key = self._key(file, content := read_file(path))
            if stored := self._done.get(key):
                one, again = stored, " (as before)"
            else:
                one = grade(file, content, student)
                self._keep(key, one)
        except (Exception, NotRun) as error:
            if not isinstance(error, (OSError, ValueError, NotRun)):  # a fault of the program's
                traceback.print_exc()
            student.end()
            one = not_run(file, getattr(error, "strerror", None) or error)
        right = f"{one.right} of {len(one.verdicts)} right" if one.verdicts else "not graded"
        print(f"{printable(file)}: {right}{again}" + (f" ({one.remark})" if one.remark else ""), flush=True)
        return one

    def _keep(self, key: str, one) -> None:
        """For the next run. Where that fails, the marks of this one are as good."""
        try:
            with self._done_file.open("a", encoding="utf-8") as done:
                line = json.dumps({"key": key, "graded": one.as_json()})
                done.write(f"\n{line}\n")  # the line before may have been cut off
        except OSError as error:
            print(f"gdw: {self._done_file} cannot be written ({error.strerror or error}); the next run grades again",
                  file=sys.stderr)  # fmt: skip

    def _key(self, file: Path, content: bytes) -> str:
        """Changes with the file, the limits and the version of the course."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            ours = version("gdw")
        except PackageNotFoundError:
            ours = ""
        limits = self._options
        settings = f"{file.as_posix()}|{ours}|{limits.seconds}|{limits.memory}|{limits.trust_students}"
        return hashlib.sha256(settings.encode("utf-8", "replace") + content).hexdigest()

    def _read_done(self) -> dict:
        """Files of an earlier run; a line that was cut off, or of another version, is not one."""
        from gdw_notebooks.grading.verdicts import Graded

        done = {}
        if self._done_file.is_file():
            for line in self._done_file.read_text("utf-8", "replace").splitlines():
                try:
                    one = json.loads(line)
                    done[one["key"]] = Graded.from_json(one["graded"])
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue
        return done


def beside(table: Path, name: str) -> Path:
    """A file or folder beside the table, with its name in front."""
    return table.with_name(f"{table.stem}-{name}")


def write_all(table: Path, graded: Mapping, points: Mapping[str, float]) -> None:
    """The table, a line for each file, the platforms' files, and a page for each student."""
    from gdw.files import write
    from gdw_notebooks.grading import report

    write(table, report.grades(graded, points))
    write(beside(table, "files.csv"), report.files(graded))
    write(beside(table, "moodle.csv"), report.moodle(graded, points))
    write(beside(table, "canvas.csv"), report.canvas(graded, points))
    folder = beside(table, FEEDBACK)
    folder.mkdir(exist_ok=True)
    used: set[str] = set()
    for person, files in graded.items():
        name = report.file_name(person)
        own = next(one for n in count(1) if (one := f"{name}-{n}" if n > 1 else name).lower() not in used)
        used.add(own.lower())
        write(folder / f"{own}.html", report.feedback(person, files, points))


def find(paths: Sequence[Path]) -> dict[Path, Path]:
    """The notebooks, each with its name below its folder, and what may hold one: archives, links, empty folders.

    Jupyter's own copies are left out, and so is what macOS adds to archives.

    Raises:
        ValueError: a path that does not exist, or a folder without notebooks.
    """
    from gdw_notebooks.grading import report

    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise ValueError(f"there is no file or folder {path}")
        here = {path: Path(path.name)} if path.is_file() else {file: file.relative_to(path) for file in _below(path)}
        own = [name for name in here.values() if name.name.lower().endswith(".ipynb")]
        flat = all(len(name.parts) == 1 for name in own)
        if len(paths) > 1 and path.is_dir() and flat and report.is_of_one(own):  # a student's folder
            here = {file: path.resolve().name / name for file, name in here.items()}
        if not any(".ipynb" in file.name.lower() for file in here):
            raise ValueError(f"there is no notebook in {path}")
        found |= here
    return found


def _below(folder: Path) -> Iterator[Path]:
    """Files whose names say that they are notebooks or archives, links, and students' folders without any of them."""
    from gdw_notebooks.grading.notebook import ARCHIVES

    students = _shown(folder)
    flat = any(file.is_file() and ".ipynb" in file.name.lower() for file in students)  # then a folder is no student
    for student in students:
        found = False
        for file in _files(student):
            name = file.name.lower()
            if ".ipynb" in name or name.endswith(ARCHIVES) or file.is_symlink():
                found = True
                yield file
        if student.is_dir() and not (found or flat or _is_ours(student)):
            yield student / "no notebook"


def _is_ours(folder: Path) -> bool:
    """Whether the tables or the pages of an earlier run are there."""
    table = folder.with_name(f"{folder.name.removesuffix(FEEDBACK)}{DONE}")
    return table.is_file() or any(folder.glob(f"*-{DONE}"))


def _files(path: Path) -> Iterator[Path]:
    """All files below a folder, or the file itself; no link is followed."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for inner in _shown(path):
        yield from _files(inner)


def _shown(folder: Path) -> list[Path]:
    """What is in a folder, without what Jupyter, macOS and Python add."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))
    except OSError:  # not ours to read: the student has no notebook then
        return []
