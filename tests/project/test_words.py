"""One word for one thing: the table in docs/architecture.md, held against every name in gdw/."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")  # of snake_case and CamelCase


def rows(head: str) -> list[list[str]]:
    """The cells of the table in docs/architecture.md that begins so."""
    table = (ROOT / "docs" / "architecture.md").read_text("utf-8").split(f"\n{head}", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def table() -> list[tuple[list[str], list[str]]]:
    """Words, and the files and folders whose names may hold them."""
    return [(words.split(", "), re.findall(r"`([^`]+)`", where)) for words, _, where in rows("| word |")]


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


COURSE = [
    *sorted((ROOT / "notebooks" / "source").rglob("*.py")),
    *sorted((ROOT / "docs" / "site").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "notebooks/README.md", "gdw_notebooks/playground/playground.html")),
]


def said(file: Path) -> str:
    """What a reader of the course reads in this file: all of a page, the texts of a notebook."""
    text = file.read_text("utf-8")
    if file.suffix != ".py":
        return text
    cells = re.split(r"(?m)^# %%", text)
    return "\n".join(cell for cell in cells if cell.startswith(" [markdown]"))


@pytest.mark.parametrize(("word", "_for", "others"), rows("| the course says |"), ids=lambda value: value.split()[0])
def test_the_course_has_one_word_for_one_thing(word, _for, others):
    texts = {file.relative_to(ROOT).as_posix(): said(file) for file in COURSE}
    assert any(re.search(rf"(?i)\b{word}", text) for text in texts.values())
    other = re.compile(rf"(?i)\b({'|'.join(map(re.escape, others.split(', ')))})s?\b")
    assert {(name, found[0]) for name, text in texts.items() for found in other.finditer(text)} == set()
