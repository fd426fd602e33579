"""A cell that a notebook shares with its solution runs once where both are tested: in the solution.

It is left out of the notebook if its code and its checked outputs are the solution's, no name in it depends on a cell
that differs, and no cell that runs depends on it. One left out by mistake is an error in a later cell, never silence.

All cells of the first notebook run in both: in its solution as on this processor, in itself as on any other.
"""

import ast
import builtins
import symtable
from collections.abc import Callable, Sequence
from functools import partial

import pytest

FIRST = "00_start_here.ipynb"
ANY_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default"}  # torch's plain instructions


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave those cells out, where nbval collected both notebooks."""
    notebooks: dict = {}
    for item in items:
        if hasattr(item, "cell_num"):
            notebooks.setdefault(item.path, []).append(item)
    left_out = []
    for path, own in notebooks.items():
        solved = notebooks.get(path.parent / "solutions" / path.name, [])
        if len(own) == len(solved) and path.name == FIRST:
            own[0].parent.setup = partial(_as_elsewhere, own[0].parent.setup)
        elif len(own) == len(solved):
            differ = {n for n, pair in enumerate(zip(own, solved, strict=True)) if not _same(*pair)}
            run = needed([item.cell.source for item in own], differ)
            left_out += [item for number, item in enumerate(own) if number not in run]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _as_elsewhere(start_kernel: Callable[[], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ANY_PROCESSOR.items():
            patch.setenv(name, value)
        start_kernel()


def _same(own: pytest.Item, solved: pytest.Item) -> bool:
    if own.cell.source != solved.cell.source:
        return False
    own.parent.setup_sanitize_files()
    return own.cell.execution_count is None or own.compare_outputs(own.cell.outputs, solved.cell.outputs)


def needed(codes: Sequence[str], differ: set[int]) -> set[int]:
    """Which cells have to run: those that differ, those that depend on one, and those that these depend on."""
    trees = [ast.parse(code) for code in codes]
    imported = {name for tree in trees for name in _imported(tree)}
    flows = [_flow(tree.body) for tree in trees]
    reads = [found - imported - set(dir(builtins)) for found, _ in flows]
    changes = [_changed(tree) - imported for tree in trees]
    run = differ | {number for number, tree in enumerate(trees) if set(_imported(tree))}
    moved: set[str] = set()
    for number, (_, bound) in enumerate(flows):
        if number in differ or reads[number] & moved:
            run.add(number)
            moved |= changes[number]
        else:
            moved -= bound
    wanted: set[str] = set()
    for number in reversed(range(len(codes))):
        if number in run or changes[number] & wanted:
            run.add(number)
            wanted = wanted - flows[number][1] | reads[number]
    return run


def _flow(body: Sequence[ast.stmt]) -> tuple[set[str], set[str]]:
    """Names that these lines may read as they were before, and names that they surely bind anew."""
    reads: set[str] = set()
    bound: set[str] = set()
    for line in body:
        own: set[str] = set()
        if isinstance(line, ast.For):
            inside = _flow(line.body)[0] - _stored(line.target)
            found = _read(line.iter) | inside | _flow(line.orelse)[0]
        elif isinstance(line, ast.With):
            found, own = _flow(line.body)
            for item in reversed(line.items):
                taken = _stored(item.optional_vars) if item.optional_vars else set()
                found, own = found - taken | _read(item.context_expr), own | taken
        else:
            found = _read(line)
            if isinstance(line, ast.Assign):
                own = {name for target in line.targets for name in _stored(target)}
            elif isinstance(line, ast.FunctionDef | ast.ClassDef):
                own = {line.name}
        reads |= found - bound
        bound |= own
    return reads, bound


def _imported(tree: ast.AST) -> list[str]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [(alias.asname or alias.name).split(".")[0] for node in found for alias in node.names]


def _read(line: ast.AST) -> set[str]:
    """Names of the notebook that the line reads; a function's or a comprehension's own names are others."""
    found = {name for node in ast.walk(line) if isinstance(node, ast.AugAssign) for name in _stored(node.target)}
    tables = [symtable.symtable(ast.unparse(line), "a cell", "exec")]
    while tables:
        table = tables.pop()
        of_notebook = (one for one in table.get_symbols() if table.get_type() == "module" or one.is_global())
        found |= {one.get_name() for one in of_notebook if one.is_referenced()}
        tables += table.get_children()
    return found


def _stored(target: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _defined(tree: ast.AST) -> set[str]:
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _changed(tree: ast.AST) -> set[str]:
    """Names that the code binds, names whose parts it sets, and those whose methods it calls for what they do."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            found |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found |= {part.id for part in ast.walk(node.value.func) if isinstance(part, ast.Name)}
    return found | _defined(tree)
