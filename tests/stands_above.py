"""No exercise takes for an answer what the student sees above it: tried while nbval runs the solved notebooks.

A cell of a solved notebook that ends with a check gets one more line before it, in memory. This line hands to the check
the value of every name from the cells above, and every value and number that stands above: in code, text and outputs.
"""

import ast
import contextlib
import io
import itertools
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
import pytest

DEEP = 2  # a list in a dictionary is tried too, and so is what is in the list
NUMBER = re.compile(r"(?<![\w.,≈−-])(?<!≈ )[+−-]?\d[\d,]*(?:\.\d+)?(?![\w]|\.\d)")  # ≈: a trained number, or a time
OF_IPYTHON = {"In", "Out", "exit", "quit", "get_ipython", "open"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each exercise of the solved notebooks its line."""
    for item in items:
        if hasattr(item, "cell_num") and item.path.parent.name == "solutions":
            item.cell.source = with_attempts(item.cell.source, item.path, item.cell_num)


def stands_above(notebook: Path, number: int) -> list[str]:
    """The text, the code without solutions and the outputs that a student reads before the end of a code cell."""
    posed, solved = (nbformat.read(path, 4).cells for path in (notebook.parents[1] / notebook.name, notebook))
    place = [place for place, cell in enumerate(solved) if cell.cell_type == "code"][number]
    outputs = [output for cell in solved[:place] for output in cell.get("outputs", ())]
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return [cell.source for cell in posed[: place + 1]] + shown


def checks(code: str) -> list[ast.Call]:
    """The call that may be a check: the last line of its cell, with names alone as arguments."""
    calls = [line.value for line in ast.parse(code).body[-1:] if isinstance(line, ast.Expr)]
    return [
        call for call in calls
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args
        and all(isinstance(argument, ast.Name) for argument in call.args)
    ]  # fmt: skip


def with_attempts(code: str, notebook: Path, number: int) -> str:
    """The code, with one line more before its check; code without one as it is."""
    for call in checks(code):
        tree = ast.parse(code)
        bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        bound |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        arguments = f"globals(), {call.func.id!r}, {len(call.args)}, {sorted(bound)!r}, {str(notebook)!r}, {number}"
        lines = code.splitlines()
        lines.insert(call.lineno - 1, f"__import__('runpy').run_path({__file__!r})['try_all']({arguments})")
        return "\n".join(lines)
    return code


def try_all(
    names: Mapping[str, object], check: str, count: int, bound: Sequence[str], notebook: str, number: int
) -> None:
    """What the new line does."""
    if hasattr(names[check], "judge"):
        refuse(names, check, count, bound, stands_above(Path(notebook), number))


def refuse(names: Mapping[str, object], check: str, count: int, bound: Sequence[str], texts: Sequence[str]) -> None:
    """Hand to a check all that stands above it.

    Args:
        count: how many answers the check takes at once.
        bound: names of the check's own cell; they are the answer.

    Raises:
        AssertionError: the check accepts some of it.
    """
    exercise = names[check]
    own = OF_IPYTHON | set(bound)
    values = [value for name, value in names.items() if not name.startswith("_") and name not in own]
    values = [value for value in values if not hasattr(value, "judge")]  # calling a check would count as a try
    values += [value for text in texts for value in written(text)]
    parts = {id(part) if callable(part) else repr(part): part for value in values for part in seen(value)}
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet), warnings.catch_warnings(action="ignore"):
        found = [answer for answer in itertools.product(parts.values(), repeat=count) if exercise.judge(*answer).right]
    assert not found, f"{exercise.title} accepts {found[0]!r}, which stands above it"


def written(text: str) -> Iterator[object]:
    """Every value in code; every number, and every row of words between commas, in text."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:
        yield from (float(number.replace("−", "-").replace(",", "")) for number in NUMBER.findall(text))
        yield from (line.split(", ") for line in text.splitlines() if ", " in line)
        return
    for node in nodes:
        with contextlib.suppress(ValueError, TypeError, SyntaxError, MemoryError):
            yield ast.literal_eval(node)


def seen(value: object, depth: int = DEEP) -> Iterator[object]:
    """A value and what is in it; not a measured time, which may be any number by chance."""
    if isinstance(value, Mapping) and "seconds" in value:
        return
    yield value
    if depth and isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from seen(part, depth - 1)
