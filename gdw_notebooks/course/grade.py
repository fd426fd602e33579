"""Grades students' notebooks without a screen: a CSV with a line for each file and a column for each exercise.

Each notebook runs in its own process, with a copy of the file in a temporary folder that is its home too, limits
on time and memory, and no network. Nothing that a notebook shows is looked at or drawn. Its answers leave that process
as plain numbers, lists and words, and are checked in this one; of a function only what it returns for the grader's
arguments comes back. So a notebook that replaces the checks, or prints "right", gains nothing.

What this cannot do is said in docs/teaching/README.md.
"""

import argparse
import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

HELP = "run students' notebooks and write a table of what is right"
SECONDS, MEMORY_MB = 180, 3000
CHECKPOINTS = ".ipynb_checkpoints"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK", help="a notebook, or a folder of them")
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="where the table goes")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"limit for a notebook (default: {SECONDS})")
    parser.add_argument(
        "--memory", type=int, default=MEMORY_MB, metavar="MB",
        help=f"limit for a notebook, not counting what Python and torch take (default: {MEMORY_MB})",
    )  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Grade one after the other; a line is printed for each. Returns 0: a wrong answer is no failure of the grader."""
    from gdw.errors import require_package
    from gdw.files import check_writable, write
    from gdw_notebooks.grading.student import isolation
    from gdw_notebooks.grading.verdicts import grade, printable

    require_package("IPython", "course", "gdw-course grade")
    for name, value in (("--seconds", options.seconds), ("--memory", options.memory)):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    files = list(find(options.notebooks))
    check_writable(options.csv)
    print("Network: switched off." if isolation() else "Network: blocked only in Python; this system allows no more.")
    graded = []
    for file in files:
        graded.append(one := grade(file, options.seconds, options.memory))
        count = f"{one.right} of {len(one.verdicts)} right" if one.verdicts else "not graded"
        print(f"{printable(file)}: {count}" + (f" ({one.remark})" if one.remark else ""), flush=True)
        write(options.csv, table(graded))  # keeps what is done
    print(f"{len(graded)} notebooks; the table is in {options.csv}")
    return 0


def find(paths: Sequence[Path]) -> Iterable[Path]:
    """The notebooks, those of a folder by name; Jupyter's own copies are left out.

    Raises:
        ValueError: a path that does not exist, or a folder without notebooks.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise ValueError(f"there is no file or folder {path}")
        here = [path] if path.is_file() else sorted(path.rglob("*.ipynb"))
        here = [file for file in here if CHECKPOINTS not in file.parts and file.is_file()]
        if not here:
            raise ValueError(f"there is no notebook in {path}")
        found.update(dict.fromkeys(here))
    return found


def table(graded: Sequence) -> str:
    """The CSV: file, notebook, exercises right, exercises asked, a verdict and the tries for each exercise, remarks.

    A notebook has entries only in the columns of its own exercises.
    """
    from gdw_notebooks.grading.verdicts import printable

    columns = sorted({column for one in graded for column in one.verdicts})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [name for column in columns for name in (column, f"{column}: wrong tries")]
    writer.writerow(["file", "notebook", "right", "asked", *names, "remarks"])
    for one in graded:
        cells = [cell for column in columns for cell in (one.verdicts.get(column, ""), one.tries.get(column, ""))]
        writer.writerow([printable(one.file), one.notebook, one.right, len(one.verdicts), *cells, one.remark])
    return text.getvalue()
