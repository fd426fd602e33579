"""How long a class takes to grade, beside its notebooks' own cells. ``python -m benchmarks.grading --json FILE``

Makes a class: every student hands in all notebooks solved; the last eight have one cell more in the first notebook,
each with another attack. The floor is the time that the notebooks' cells take one after another, each notebook in a
fork of a process that has imported everything, for the whole class and shared by the jobs. Prints the floor, the time
of ``gdw-course grade``, their ratio, what was written outside, and how many honest answers were not found right.
"""

import argparse
import csv
import importlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from benchmarks.measure import machine
from gdw import files
from gdw_notebooks.__main__ import main as gdw_course
from gdw_notebooks.checks.asked import ASKED
from gdw_notebooks.grading.worker import PRELOADED
from gdw_notebooks.recorded import places

HOSTILE = (  # {there} is a folder of the grader's
    "import os\nos.system('touch {there}/shell')",
    "open('{there}/written', 'w').write('x')",
    "import sqlite3\nsqlite3.connect('{there}/base').execute('create table t (a)')",
    "import subprocess\nwhile True: subprocess.Popen(['sleep', '60'])",
    "import mmap\nmmap.mmap(-1, 10**11).write(b'x')",
    "while True: pass",
    "import os\nos.kill(os.getppid(), 9)",
    "from gdw_notebooks.checks import Exercise\nExercise.examine = lambda *anything: None",
)


def hand_in(folder: Path, students: int, hostile: int, there: Path) -> None:
    """A folder for each student, with all notebooks solved."""
    solved = {path.name: nbformat.read(path, 4) for path in sorted((places.notebooks() / "solutions").glob("*.ipynb"))}
    first = min(solved)
    for number in range(students):
        own = folder / f"student{number:02}"
        own.mkdir(parents=True)
        for name, notebook in solved.items():
            nbformat.write(notebook, own / name)
        if (attack := number - (students - hostile)) >= 0:
            attacked = nbformat.read(own / first, 4)
            attacked.cells.append(nbformat.v4.new_code_cell(HOSTILE[attack].format(there=there)))
            nbformat.write(attacked, own / first)


def floor(folder: Path) -> float:
    """Seconds that the cells of a student's notebooks take, one notebook after another."""
    for module in PRELOADED:
        importlib.import_module(module)
    return sum(_seconds(path) for path in sorted(folder.glob("*.ipynb")))


def _seconds(path: Path) -> float:
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    there, here = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_run, args=(cells, here))
    process.start()
    here.close()  # a process that dies is then noticed
    seconds = there.recv()
    process.join()
    return seconds


def _run(cells: Sequence[str], answer) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    os.chdir(tempfile.mkdtemp())
    shell, null = InteractiveShell.instance(), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    begun = time.perf_counter()
    for code in cells:
        shell.run_cell(code, store_history=False)
    answer.send(time.perf_counter() - begun)


def measure(students: int, hostile: int, jobs: int) -> dict:
    """One class, graded once."""
    with tempfile.TemporaryDirectory() as scratch:
        work, there, out = (Path(scratch) / name for name in ("class", "there", "out"))
        there.mkdir()
        out.mkdir()
        hand_in(work, students, hostile, there)
        least = floor(work / "student00") * students / jobs
        table, begun = out / "grades.csv", time.perf_counter()
        status = gdw_course(["grade", str(work), "--csv", str(table), "--jobs", str(jobs)])
        seconds = time.perf_counter() - begun
        rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
        honest = [row for row in rows if int(row["student"].removeprefix("student")) < students - hostile]
        return {
            "students": students, "hostile": hostile, "jobs": jobs, "status": status, "floor_seconds": round(least, 1),
            "seconds": round(seconds, 1), "ratio": round(seconds / least, 2),
            "written_outside": sorted(path.name for path in there.iterdir()),
            "honest_answers_not_right": sum(len(ASKED) - int(row["points"]) for row in honest),
            "points_of_the_hostile": [int(row["points"]) for row in rows if row not in honest], "machine": machine(),
        }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=60, metavar="N")
    parser.add_argument("--hostile", type=int, default=len(HOSTILE), metavar="N", help="of them, at most 8")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="students at once")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    found = measure(options.students, min(options.hostile, len(HOSTILE), options.students), options.jobs)
    print("\n".join(f"{name}: {value}" for name, value in found.items()))
    if options.json:
        files.write(options.json, json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
