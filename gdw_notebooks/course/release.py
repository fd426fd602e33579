"""Writes the notebooks for students: without solutions, with nbgrader's marks on the cells of the exercises."""

import argparse
import csv
import io
import json
import shutil
from pathlib import Path

from gdw_notebooks.recorded import places

DOCS = "../docs/"  # where the notebooks' links lead; in a copy of the course the folder is beside them
HELP = "write the notebooks for students, without solutions"
POINTS = "points.csv"
SCHEMA = 3  # of nbgrader's metadata


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")


def main(options: argparse.Namespace) -> int:
    """Write, and say what was written."""
    names = release(options.folder)
    print(f"{len(names)} notebooks are in {options.folder}. Give them to your students, without {POINTS}.")
    print(f"{POINTS} has the points of each exercise: change it as you like, and give it to gdw-course grade --points.")
    return 0


def release(folder: Path) -> list[str]:
    """Write all notebooks and the file of points; returns the notebooks' names.

    Raises:
        ValueError: the folder is a file, or has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder; name a new one")
    from gdw_notebooks.checks.asked import ASKED, asked_in

    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(places.notebooks().glob("*.ipynb"))
    for path in paths:
        notebook = json.loads(path.read_text("utf-8"))
        for asked in asked_in(path.stem):
            (cell,) = [cell for cell in notebook["cells"] if _asks(cell, asked.check)]
            cell["metadata"]["nbgrader"] = mark(asked.kind.__name__)
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        (folder / path.name).write_text(linked(text), "utf-8")
    (folder / "docs").mkdir()
    for page in (*places.docs().glob("*.md"), *places.docs().glob("*.svg")):
        shutil.copy(page, folder / "docs")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("exercise", "points"), *((a.column, 1) for a in ASKED)])
    (folder / POINTS).write_text(text.getvalue(), "utf-8")
    return [path.name for path in paths]


def linked(text: str) -> str:
    """A notebook or page of the course, with its links for a folder that has the docs in it."""
    return text.replace(f"]({DOCS}", "](docs/")


def mark(name: str) -> dict:
    """Nbgrader's metadata of a cell that the student writes in and that is worth a point."""
    return {
        "schema_version": SCHEMA, "grade_id": name, "grade": True, "solution": True, "locked": False, "task": False,
        "points": 1, "cell_type": "code",
    }  # fmt: skip


def _asks(cell: dict, check: str) -> bool:
    """Whether the exercise's check is called in this cell."""
    lines = "".join(cell["source"]).splitlines()
    return cell["cell_type"] == "code" and any(line.startswith(f"{check}(") for line in lines)
