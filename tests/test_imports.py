"""Imports run one way through the rooms of docs/architecture.md, and the method's side stays light and silent."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each room imports only from rooms above it, or from itself. A room may have several names.
ROOMS = (
    ("gdw.errors",),
    ("gdw.cost",),
    ("gdw.recording",),
    ("gdw.data.pixels",),
    ("gdw.data.randomness",),
    ("gdw.data.datasets", "gdw.data.published", "gdw.data.folder"),
    ("gdw.data.corruption",),
    ("gdw.data.instance_noise", "gdw.data.human_labels"),
    ("gdw.data.splits",),
    ("gdw.data.task",),
    ("gdw.data.batches", "gdw.data.fetch"),
    ("gdw.data",),
    ("gdw.models",),
    ("gdw.autocast",),
    ("gdw.stacked",),
    ("gdw.flows",),
    ("gdw.meta",),
    ("gdw.compiled",),
    ("gdw.approximate",),
    ("gdw.reuse",),
    ("gdw.reforward",),
    ("gdw.seen", "gdw.plan"),
    ("gdw.step",),
    ("gdw.sources",),
    ("gdw.stacked_step",),
    ("gdw.distributed",),
    ("gdw.methods", "gdw.methods.*"),
    ("gdw.presets",),
    ("gdw.history",),
    ("gdw.recorder",),
    ("gdw.stepping",),
    ("gdw.train",),
    ("gdw.experiment",),
    ("gdw.training",),
    ("gdw.many",),
    ("gdw.report",),
    ("gdw.compare",),
    ("gdw.sweep_spec",),
    ("gdw.sweep",),
    ("gdw",),
    ("gdw.__main__",),
    ("gdw_notebooks.instances", "gdw_notebooks.small_problem", "gdw_notebooks.bilevel_text", "gdw_notebooks.passes"),
    ("gdw_notebooks.bilevel",),
    ("gdw_notebooks.record", "gdw_notebooks.scenarios", "gdw_notebooks.standing", "gdw_notebooks.portraits"),
    ("gdw_notebooks.style",),
    ("gdw_notebooks.instances",),
    ("gdw_notebooks.figures", "gdw_notebooks.figures.*"),
    ("gdw_notebooks.session",),
    ("gdw_notebooks.room_check",),
    ("gdw_notebooks.panels", "gdw_notebooks.panels.*"),
    ("gdw_notebooks.checks", "gdw_notebooks.checks.*"),
    ("gdw_notebooks",),
)
LATE = ("matplotlib", "pandas", "scipy", "sklearn", "torchvision")  # imported where they are used
FOREIGN = ("matplotlib", "ipywidgets", "IPython", "anywidget", "gdw_notebooks")  # what the method's side never imports

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("gdw", "gdw_notebooks")
    for path in sorted((ROOT / package).rglob("*.py"))
}
METHOD_SIDE = [name for name in FILES if name.split(".")[0] == "gdw"]


def room(module: str) -> int | None:
    """The module's place in ROOMS; None: it has none."""
    places = [i for i, names in enumerate(ROOMS) if any(fnmatch(module, name) for name in names)]
    return places[0] if places else None


def imports(module: str) -> Iterator[str]:
    """Every module that this one imports, at its top or inside a function."""
    path = FILES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*up, *filter(None, [node.module])])
            # `from gdw import methods` takes a module, `from gdw.step import Step` a name of one
            yield from (f"{source}.{a.name}" if f"{source}.{a.name}" in FILES else source for a in node.names)


@pytest.mark.parametrize("module", FILES)
def test_imports_run_one_way(module):
    assert room(module) is not None, f"{module} has no place in ROOMS and docs/architecture.md"
    for imported in imports(module):
        if imported.split(".")[0] in ("gdw", "gdw_notebooks"):
            assert imported in FILES, f"{module} imports {imported}, which does not exist"
            assert room(imported) <= room(module), f"{module} imports {imported}, from a later room"


@pytest.mark.parametrize("module", METHOD_SIDE)
def test_the_method_knows_nothing_of_notebooks(module):
    assert not {imported.split(".")[0] for imported in imports(module)} & set(FOREIGN)


@pytest.mark.parametrize("module", sorted(set(METHOD_SIDE) - {"gdw.__main__"}))
def test_the_method_prints_nothing(module):
    calls = [node for node in ast.walk(ast.parse(FILES[module].read_text("utf-8"))) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def test_importing_gdw_costs_little_more_than_torch():
    code = f"import sys, gdw; print(*sorted(set({LATE}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
