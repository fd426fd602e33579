"""What Windows lacks is not needed: modules of Unix alone, its encoding; its paths are in test_label_files.py."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tools.wings import ROOT

# Windows's own encoding for text files, on most machines of Europe and America, cannot read what we write.
TEXT_METHODS = {"read_text": 0, "write_text": 1}  # and the place of `encoding` among the arguments
NOT_OURS = {".venv", "notebooks", "build"}


def test_imports_and_commands_work_without_them():
    """One process without the modules that Windows lacks: see without_unix.py."""
    soft = "ignore:only soft file lock is available"  # filelock's word for a Linux without fcntl; Windows has msvcrt
    options = ["-q", "-p", "tests.project.windows", "-p", "no:cacheprovider", "-W", soft]
    command = [sys.executable, "-m", "pytest", *options, "tests/project/without_unix.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "skipped" not in done.stdout


def our_files() -> list[Path]:
    return [file for file in sorted(ROOT.rglob("*.py")) if not NOT_OURS & set(file.relative_to(ROOT).parts)]


def without_encoding(source: str) -> list[int]:
    """Lines that read or write a text file in the machine's own encoding."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        name = getattr(node.func, "attr", None)
        if name in TEXT_METHODS and len(node.args) <= TEXT_METHODS[name]:
            found.append(node.lineno)
    return found


def test_the_search_for_encodings_finds_them():
    assert without_encoding(
        'p.read_text()\np.read_text("utf-8")\np.write_text(x)\np.write_text(x, encoding="utf-8")'
    ) == [1, 3]


@pytest.mark.parametrize("package", ["gdw", "gdw_notebooks", "tools", "benchmarks", "start.py"])
def test_text_files_are_read_and_written_as_utf_8(package):
    """Beside ruff's rule, which knows a Path only where it is made."""
    chosen = [file for file in our_files() if file.relative_to(ROOT).parts[0] == package]
    assert chosen
    texts = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in chosen}
    found = {name: without_encoding(text) for name, text in texts.items() if "e_text(" in text or "d_text(" in text}
    assert not {name: lines for name, lines in found.items() if lines}
