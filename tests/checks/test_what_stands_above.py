"""No exercise takes for an answer what the student sees above it: every name, every value, every number in the code."""

import ast
import itertools
from collections.abc import Iterator, Mapping, Sequence

import pytest

from gdw_notebooks.checks.exercise import Exercise
from tools.build_notebooks import NOTEBOOKS, generate, sources

LESSONS = [source for source in sources() if source.parent.name == "source"]  # each has an exercise
DEEP = 2  # a list in a dictionary is tried too, and so is what is in the list


def exercises(code: str) -> list[ast.Call]:
    """The calls that may be an exercise's: the last line of its cell, with names alone as arguments."""
    last = ast.parse(code).body[-1:]
    return [
        line.value for line in last
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) and isinstance(line.value.func, ast.Name)
        and line.value.args and all(isinstance(argument, ast.Name) for argument in line.value.args)
    ]  # fmt: skip


def written(code: str) -> Iterator[object]:
    """Every value that is written out in the code."""
    for node in ast.walk(ast.parse(code)):
        try:
            yield ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError):
            continue


def seen(value: object, depth: int = DEEP) -> Iterator[object]:
    """A value and what is in it."""
    yield value
    if depth and isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from seen(part, depth - 1)


def above(names: Mapping[str, object], codes: Sequence[str]) -> list[object]:
    """What the student could copy: the names' values, and the values in the code; each once."""
    values = [value for name, value in names.items() if not name.startswith("_")]
    values += [value for code in codes for value in written(code)]
    return list({id(part) if callable(part) else repr(part): part for v in values for part in seen(v)}.values())


def accepted(exercise: Exercise, values: Sequence[object], count: int) -> list[object]:
    """The answers among them that the exercise takes for right."""
    return [answer for answer in itertools.product(values, repeat=count) if exercise(*answer).right]


@pytest.mark.parametrize("source", LESSONS, ids=lambda source: source.stem)
def test_no_exercise_accepts_what_stands_above_it(source, monkeypatch):
    monkeypatch.chdir(NOTEBOOKS)
    monkeypatch.setattr("gdw.comparison.cost._timed", lambda action, device: 1.0)  # a time may be any number by chance
    codes = [cell.source for cell in generate(source, solved=False).cells if cell.cell_type == "code"]
    last = max((place for place, code in enumerate(codes) if exercises(code)), default=-1)
    names, tried = {"display": lambda shown: None, "__name__": "notebook"}, []
    for place, code in enumerate(codes[: last + 1]):
        exec(compile(code, f"{source.stem}, cell {place}", "exec"), names)
        for call in exercises(code):
            exercise = names.get(call.func.id)
            if isinstance(exercise, Exercise):
                tried.append(exercise.title)
                found = accepted(exercise, above(names, codes[: place + 1]), len(call.args))
                assert not found, f"{exercise.title} accepts {found[0]!r}, which stands above it"
    assert tried
