"""A cell that a notebook shares with its solution runs once where both are tested: in the solution.

It is left out of the notebook if its code and its checked outputs are the solution's, no name in it depends on a cell
that differs, and no cell that runs depends on it. One left out by mistake is an error in a later cell, never silence.

All cells of the first notebook run in both: in its solution as on this processor, in itself as on any other.
"""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from gdw_notebooks.grading.needed import names_of

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
    cells = [names_of(code) for code in codes]
    imported = {name for cell in cells for name in cell.imports}
    reads = [(cell.uses | cell.later) - imported for cell in cells]
    changes = [(cell.makes | cell.changes) - imported for cell in cells]
    run = differ | {number for number, cell in enumerate(cells) if cell.imports}
    moved: set[str] = set()
    for number, cell in enumerate(cells):
        if number in differ or reads[number] & moved:
            run.add(number)
            moved |= changes[number]
        else:
            moved -= cell.makes
    wanted: set[str] = set()
    for number in reversed(range(len(codes))):
        if number in run or changes[number] & wanted:
            run.add(number)
            wanted = wanted - cells[number].makes | reads[number]
    return run
