"""A student's file, read as data: its code cells, which notebook of the course it is, and what its outputs show."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gdw_notebooks.checks.asked import ASKED, Asked
from gdw_notebooks.recorded import places

LARGEST_FILE = 50_000_000  # bytes
HINT = re.compile(r"^\s*Hint \d+:", re.MULTILINE)
AFTER = re.compile(r"after (\d{1,4}) wrong tr")


@dataclass(frozen=True)
class StudentNotebook:
    """What was read.

    Args:
        content: the whole file.
        course: the notebook of the course that it comes from, by its name without the ending; empty: none.
        cells: its code cells.
        outputs: the text that is stored below each of them.
    """

    content: bytes
    course: str
    cells: tuple[str, ...]
    outputs: tuple[str, ...]

    def tries(self, asked: Asked) -> int:
        """Wrong tries that the stored outputs show: a hint for each, and after a right answer their number."""
        found = [0]
        for code, text in zip(self.cells, self.outputs, strict=True):
            if f"{asked.check}(" in code:
                found += [len(HINT.findall(text)), *map(int, AFTER.findall(text))]
        return max(found)


def read_notebook(path: Path) -> StudentNotebook:
    """Read a file; nothing in it is run.

    Raises:
        ValueError: it is too large, or no notebook; the message says which.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE // 1_000_000} MB")
    content = path.read_bytes()
    try:
        cells = [cell for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]
        codes = tuple(_text(cell["source"]) for cell in cells)
        outputs = tuple(_shown(cell.get("outputs") or []) for cell in cells)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("not a notebook of Jupyter's format 4") from None
    return StudentNotebook(content, _course_name(path.name, codes), codes, outputs)


def _text(source: object) -> str:
    return source if isinstance(source, str) else "".join(source)


def _shown(outputs: list) -> str:
    texts = [output.get("text") or output.get("data", {}).get("text/plain") or "" for output in outputs]
    return "\n".join(map(_text, texts))


def _course_name(file: str, codes: tuple[str, ...]) -> str:
    """The notebook with most cells in common; of equals, and without any, the one with the file's number."""
    own = {code.strip() for code in codes}
    names = sorted({asked.notebook for asked in ASKED})
    common = {name: len(own & _course_cells(name)) for name in names}
    fitting = [name for name in names if common[name] == max(common.values())]
    numbered = [name for name in fitting if name in file or file.startswith(name[:2])]
    if numbered:
        return numbered[0]
    return fitting[0] if max(common.values()) else ""


@cache
def _course_cells(name: str) -> frozenset[str]:
    cells = json.loads((places.notebooks() / f"{name}.ipynb").read_text("utf-8"))["cells"]
    return frozenset(_text(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code")
