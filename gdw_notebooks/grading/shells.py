"""What a student's process gets in the place of the checks: classes with the same names, which know no answer."""

import ast
import importlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from gdw_notebooks import checks
from gdw_notebooks.checks.asked import ASKED, NOT_GRADED
from gdw_notebooks.recorded import places

OPEN = ("__init__", "exercise", "feedback", "words")  # they hold no answer
SHELL = """

class {name}(Exercise):
    title, notebook, heading = {title!r}, {notebook!r}, {heading!r}

    def __init__(self, *data, **more):
        pass
"""


def write_shells(folder: Path) -> None:
    """Fill a folder that takes the place of ``gdw_notebooks/checks``."""
    here = Path(checks.__file__).parent
    for name in OPEN:
        shutil.copyfile(here / f"{name}.py", folder / f"{name}.py")
    kinds = [*(asked.kind for asked in ASKED), *NOT_GRADED]
    for module in {kind.__module__ for kind in kinds}:
        own = [kind for kind in kinds if kind.__module__ == module]
        text = "from gdw_notebooks.checks.exercise import Exercise\n" + "".join(_also(module))
        for kind in own:
            text += SHELL.format(name=kind.__name__, title=kind.title, notebook=kind.notebook, heading=kind.heading)
        (folder / f"{module.rsplit('.', 1)[1]}.py").write_text(text, "utf-8")


def _also(module: str) -> Iterator[str]:
    """Lines for what else the course's notebooks import from a check's module: words, or functions of the examples."""
    for name in sorted(_imported(module)):
        value = getattr(importlib.import_module(module), name)
        if isinstance(value, type):
            continue  # an exercise
        home = getattr(value, "__module__", None)
        yield f"from {home} import {name}\n" if home else f"{name} = {value!r}\n"


def _imported(module: str) -> set[str]:
    found = set()
    for path in places.notebooks().glob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            code = "".join(cell["source"])
            if cell["cell_type"] == "code" and module in code:
                imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
                found |= {alias.name for node in imports if node.module == module for alias in node.names}
    return found
