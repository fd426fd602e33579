"""A student's file, read as data: its code cells, which notebook of the course it is, and what its outputs show."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gdw_notebooks.checks.asked import ASKED, Asked, asked_in
from gdw_notebooks.recorded import places

LARGEST_FILE = 50_000_000  # bytes, with outputs
MOST_CODE = 4_000_000  # characters of all code cells; the course's longest notebook has some thousands
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
HINT = re.compile(r"^ *Hint \d+:", re.MULTILINE)
AFTER = re.compile(r"after (\d{1,4}) wrong tr")


@dataclass(frozen=True)
class StudentNotebook:
    """What was read.

    Args:
        course: the notebook of the course that it comes from, by its name without the ending; empty: none.
        cells: its code cells.
        outputs: the text that is stored below each of them.
    """

    course: str
    cells: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def ours(self) -> tuple[int, ...]:
        """Numbers, from 1, of the cells that are as in the course's notebook."""
        known = _course_cells(self.course) if self.course else frozenset()
        return tuple(number for number, code in enumerate(self.cells, start=1) if code.strip() in known)

    def tries(self, asked: Asked) -> int:
        """Wrong tries that the stored outputs show: a hint for each, and after a right answer their number."""
        found = [0]
        for code, text in zip(self.cells, self.outputs, strict=True):
            if f"{asked.check}(" in code:
                found += [len(HINT.findall(text)), *map(int, AFTER.findall(text))]
        return max(found)


def read_file(path: Path) -> bytes:
    """What is in an ordinary file.

    Raises:
        ValueError: a link, which could lead to another student's file; an archive; no file; too large.
        OSError: it cannot be read.
    """
    if path.is_symlink():
        raise ValueError("it is a link")
    if path.suffix.lower() in ARCHIVES:
        raise ValueError("it is an archive: unpack it first")
    if not path.is_file():
        raise ValueError("there is no notebook")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE // 1_000_000} MB")
    return path.read_bytes()


def read_notebook(name: str, content: bytes) -> StudentNotebook:
    """Read a notebook of Jupyter's format 4, or of formats 2 and 3; nothing in it is run.

    Raises:
        ValueError: it is no notebook.
    """
    if not content.strip():
        raise ValueError("the file is empty")
    try:
        found = _decoded(content)
        cells = found["cells"] if "cells" in found else [cell for one in found["worksheets"] for cell in one["cells"]]
        cells = [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
        codes = tuple(_text(cell.get("source", cell.get("input"))) for cell in cells)
        shown = tuple(_shown(cell.get("outputs")) for cell in cells)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("not a notebook of Jupyter") from None
    if sum(map(len, codes)) > MOST_CODE:
        raise ValueError(f"its code cells have more than {MOST_CODE:,} characters")
    return StudentNotebook(_course_name(name, codes), codes, shown)


def _decoded(content: bytes) -> dict:
    """JSON is Unicode; an editor may have saved it in the encoding of an old Windows."""
    try:
        return json.loads(content)
    except UnicodeDecodeError:
        return json.loads(content.decode("cp1252", "replace"))


def _text(source: object) -> str:
    return source if isinstance(source, str) else "".join(map(_text, source)) if isinstance(source, list) else ""


def _shown(outputs: object) -> str:
    texts = []
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            data = output.get("data")
            texts.append(_text(data.get("text/plain") if isinstance(data, dict) else output.get("text")))
    return "\n".join(texts)


def _course_name(file: str, codes: tuple[str, ...]) -> str:
    """The notebook with most cells and checks in common; of equals the one with the file's number. Without any in
    common the one that the file is named after.
    """
    own, text = {code.strip() for code in codes}, "\n".join(codes)
    names = sorted({asked.notebook for asked in ASKED})
    common = {
        name: len(own & _course_cells(name)) + sum(f"{asked.check}(" in text for asked in asked_in(name))
        for name in names
    }
    fitting = [name for name in names if common[name] == max(common.values())]
    numbered = [name for name in fitting if name in file or (common[name] and file.startswith(name[:2]))]
    if numbered:
        return numbered[0]
    return fitting[0] if max(common.values()) else ""


@cache
def _course_cells(name: str) -> frozenset[str]:
    cells = json.loads((places.notebooks() / f"{name}.ipynb").read_text("utf-8"))["cells"]
    return frozenset(_text(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code")
