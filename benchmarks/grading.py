"""How long a class takes to grade, beside its notebooks' own cells. ``python -m benchmarks.grading --json FILE``

Makes a class whose students hand in all graded notebooks solved, and measures the floor of every second notebook,
``gdw-course grade``, and the floor of the other notebooks. The floor: a notebook's cells in a fork of a process that
has imported everything, as many at once as the grader has jobs, one thread each; no sandbox, no limit, no check. Both
in seconds of the clock and of processors: on a machine that does other things the second ratio is the one to read.

Then eight students with an empty notebook attack the grader in eight ways. Prints what they wrote outside, and points.
"""

import argparse
import csv
import ctypes
import importlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import nbformat

from benchmarks.measure import machine
from gdw import files
from gdw_notebooks.checks.asked import ASKED
from gdw_notebooks.grading.worker import PRELOADED
from gdw_notebooks.recorded import places

CLASS = 60  # students of the estimate
ATTACKED = "01_gradient_flows.ipynb"
RUN = """
import json
for cell in json.load(open('FILE'))['cells']:
    if cell['cell_type'] == 'code':
        exec(''.join(cell['source']))
"""
HOSTILE = {  # {there} is a folder of the grader's, with a classmate's notebook
    "a shell": "import os\nos.system('touch {there}/shell')",
    "a classmate's file": RUN.replace("FILE", "{there}/classmate.ipynb"),
    "the solutions": RUN.replace("FILE", "{solutions}"),
    "the package": "open('{package}/checks/exercise.py', 'a').write('Exercise.examine = lambda *anything: None')",
    "the check": "from gdw_notebooks.checks import Exercise\nExercise.examine = lambda *anything: None\n"
    "lift_the_cat([1, 1, 1])",
    "a library's file": "import sqlite3\nsqlite3.connect('{there}/base').execute('create table t (a)')",
    "processes": "import subprocess\nwhile True: subprocess.Popen(['sleep', '60'])",
    "memory": "import mmap\nmmap.mmap(-1, 10**11).write(b'x')",
}


def hand_in(folder: Path, students: int, names: Sequence[str]) -> None:
    """A folder for each student, with these notebooks solved."""
    solved = [places.notebooks() / "solutions" / f"{name}.ipynb" for name in names]
    for number in range(students):
        own = folder / f"student{number:02}"
        own.mkdir(parents=True)
        for path in solved:
            (own / path.name).write_bytes(path.read_bytes())


def attack(folder: Path, there: Path) -> None:
    """A folder for each way, with a notebook without answers and one cell more."""
    (there / "classmate.ipynb").write_bytes((solution := places.notebooks() / "solutions" / ATTACKED).read_bytes())
    for name, code in HOSTILE.items():
        notebook = nbformat.read(places.notebooks() / ATTACKED, 4)
        text = code.format(there=there, solutions=solution, package=places.PACKAGE)
        notebook.cells.append(nbformat.v4.new_code_cell(text))
        (folder / name).mkdir(parents=True)
        nbformat.write(notebook, folder / name / ATTACKED)


def floor(paths: Sequence[Path], jobs: int) -> list[float]:
    """Seconds that the cells of these notebooks take, of the clock and of a processor, each ``jobs`` times at once."""
    for module in PRELOADED:
        importlib.import_module(module)
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        each = pool.map(_run, [path for path in paths for _ in range(jobs)], chunksize=1)
    return [sum(times) / jobs for times in zip((0.0, 0.0), *each, strict=True)]


def _run(path: Path) -> tuple[float, float]:
    from IPython.core.interactiveshell import InteractiveShell

    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    os.chdir(tempfile.mkdtemp())
    shell, null = InteractiveShell.instance(), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    begun, used = time.perf_counter(), time.process_time()
    for code in cells:
        shell.run_cell(code, store_history=False)
    return time.perf_counter() - begun, time.process_time() - used


def timed(work: Callable[[], object]) -> list[float]:
    """Seconds of the clock, and of processors by the processes that ``work`` starts."""
    with suppress(AttributeError):  # Linux: processes whose parent was ended come to this one
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    begun, before = time.perf_counter(), _used()
    work()
    seconds = time.perf_counter() - begun
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return [seconds, _used() - before]


def _used() -> float:
    times = resource.getrusage(resource.RUSAGE_CHILDREN)
    return times.ru_utime + times.ru_stime


def grade(folder: Path, table: Path, *more: str) -> list[dict]:
    """The lines of the table, without the one of the points."""
    command = [sys.executable, "-m", "gdw_notebooks", "grade", str(folder), "--csv", str(table), *more]
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - our own command, no shell
    return list(csv.DictReader(table.read_text("utf-8").splitlines()))[1:]


def measure(students: int, jobs: int, names: Sequence[str]) -> dict:
    """One class, graded once, between the two halves of its floor."""
    os.environ["OMP_NUM_THREADS"], os.environ["MPLBACKEND"] = "1", "Agg"  # as in the sandbox

    def half(which: int) -> list[float]:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            return fresh.submit(floor, sorted((work / "student00").glob("*.ipynb"))[which::2], jobs).result()

    with tempfile.TemporaryDirectory() as scratch:
        work, rows = Path(scratch) / "class", []
        hand_in(work, students, names)
        first = half(0)
        clock, processor = timed(lambda: rows.extend(grade(work, Path(scratch) / "grades.csv", "--jobs", str(jobs))))
        clock_floor, processor_floor = map(sum, zip(first, half(1), strict=True))
    asked = [asked for asked in ASKED if asked.notebook in names]
    return {
        "run": f"{students} students x {len(names)} solved notebooks ({', '.join(names)}), {jobs} students at once",
        "floor_of_a_student_seconds": round(clock_floor, 1),
        "floor_of_a_student_processor_seconds": round(processor_floor, 1),
        "graded_seconds": round(clock, 1), "graded_processor_seconds": round(processor, 1),
        "ratio": round(clock * jobs / (clock_floor * students), 2),
        "ratio_of_processor_seconds": round(processor / (processor_floor * students), 2),
        f"estimate_of_{CLASS}_students_hours_not_run": round(clock / students * CLASS / 3600, 2),
        "right_answers_without_a_point": sum(len(asked) - int(row["points"]) for row in rows), "machine": machine(),
    }  # fmt: skip


def hostile(jobs: int) -> dict:
    """The eight, graded once."""
    with tempfile.TemporaryDirectory() as scratch:
        there = Path(scratch) / "there"
        there.mkdir()
        attack(Path(scratch) / "class", there)
        limits = ("--jobs", str(jobs), "--seconds", "20")
        rows = grade(Path(scratch) / "class", Path(scratch) / "grades.csv", *limits)
        written = sorted(path.name for path in there.iterdir() if path.name != "classmate.ipynb")
    return {"points_of_the_hostile": {row["student"]: row["points"] for row in rows}, "written_outside": written}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=2, metavar="N")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="students at once")
    parser.add_argument("--notebooks", nargs="+", metavar="NN", help="numbers, as 01 02 (default: all nine)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    names = sorted({a.notebook for a in ASKED if a.notebook[:2] in (options.notebooks or [a.notebook[:2]])})
    found = measure(options.students, options.jobs, names) | hostile(options.jobs)
    print("\n".join(f"{name}: {value}" for name, value in found.items()))
    if options.json:
        files.write(options.json, json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
