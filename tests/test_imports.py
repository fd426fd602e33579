"""Imports run one way through the wings of docs/architecture.md, and the method's side stays light and silent."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from tools.wings import HIDDEN, PICTURE, ROOT, WINGS, files, imports, svg, wing

LATE = ("PIL", "cleanlab", "matplotlib", "pandas", "scipy", "sklearn", "timm", "torchvision")  # imported when used
FOREIGN = ("matplotlib", "ipywidgets", "IPython", "anywidget", "gdw_notebooks")  # what the method's side never imports

FILES = files()
METHOD_SIDE = [name for name in FILES if name.split(".")[0] == "gdw"]
FLOOR = {name: place for place, name in enumerate(WINGS)}


@pytest.mark.parametrize("module", sorted(set(FILES) - {"gdw_notebooks"}))
def test_wings_import_one_way(module):
    assert wing(module) in FLOOR, f"{module} has no wing in tools/wings.py and docs/architecture.md"
    for imported in imports(module, FILES):
        if imported.split(".")[0] in ("gdw", "gdw_notebooks"):
            assert imported in FILES, f"{module} imports {imported}, which does not exist"
            if imported == "gdw" and not module.startswith("gdw."):
                continue  # the course may use the public names
            assert FLOOR[wing(imported)] <= FLOOR[wing(module)], f"{module} imports {imported}, from a later wing"


def test_no_two_files_import_each_other():
    graph = {module: set(imports(module, FILES)) & set(FILES) - {module} for module in FILES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(FILES)  # raises CycleError with the circle


def test_the_picture_of_the_wings_shows_the_imports_of_today():
    assert PICTURE.read_text("utf-8") == svg(), "draw it again: python -m tools.wings"


def test_each_wing_has_tests_of_its_own_name():
    for name in WINGS:
        folder = ROOT / "tests" / name.rpartition(".")[2]
        bottom = name in HIDDEN or name.endswith("__main__")
        assert bottom or any(folder.glob("test_*.py")), name


@pytest.mark.parametrize("module", METHOD_SIDE)
def test_the_method_knows_nothing_of_notebooks(module):
    assert not {imported.split(".")[0] for imported in imports(module, FILES)} & set(FOREIGN)


@pytest.mark.parametrize("module", sorted(set(METHOD_SIDE) - {"gdw.__main__"}))
def test_the_method_prints_nothing(module):
    calls = [node for node in ast.walk(ast.parse(FILES[module].read_text("utf-8"))) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def test_importing_gdw_costs_little_more_than_torch():
    code = f"import sys, gdw; print(*sorted(set({LATE}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
