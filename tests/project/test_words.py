"""One word for one thing: the table in docs/architecture.md, held against every name in gdw/."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")  # of snake_case and CamelCase


def table() -> list[tuple[list[str], list[str]]]:
    """Words, and the files and folders whose names may hold them."""
    section = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("## Words", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:2] == "| "]
    return [(words.split(", "), re.findall(r"`([^`]+)`", where)) for words, _, where in rows[2:]]


def names(tree: ast.Module) -> Iterator[str]:
    """Every name that a file gives: to a function, class, argument or attribute."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def given() -> dict[str, list[tuple[str, str]]]:
    """For each part of a name where it was given, and the whole name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((ROOT / "gdw").rglob("*.py")):
        file = path.relative_to(ROOT / "gdw").as_posix()
        for name in (path.stem, *names(ast.parse(path.read_text("utf-8")))):
            for part in PART.findall(name):
                found.setdefault(part.lower(), []).append((file, name))
    return found


GIVEN = given()


@pytest.mark.parametrize(("words", "allowed"), table(), ids=lambda value: "-".join(value) or "nowhere")
def test_a_word_is_used_for_one_thing(words, allowed):
    strange = {
        f"gdw/{file}: {name}"
        for word in words
        for form in (word, f"{word}s")
        for file, name in GIVEN.get(form, ())
        if not any(file == place or (place.endswith("/") and file.startswith(place)) for place in allowed)
    }
    assert not strange
    assert not allowed or any(form in GIVEN for word in words for form in (word, f"{word}s")), "no name has this word"


def test_no_two_files_have_one_name():
    files = [path.name for path in (ROOT / "gdw").rglob("*.py") if not path.name.startswith("__")]
    assert {name for name in files if files.count(name) > 1} == set()
