"""Imports run one way through the wings of docs/architecture.md, and the method's side stays light and silent."""

import subprocess
import sys

import pytest

from tools.wings import PICTURE, ROOT, WINGS, layers, svg

LATE = ("PIL", "cleanlab", "matplotlib", "pandas", "scipy", "sklearn", "timm", "torchvision")  # imported when used
COURSE = ("IPython", "gdw_notebooks", "ipywidgets", "matplotlib")


def test_the_picture_shows_the_imports_of_today():
    assert PICTURE.read_text("utf-8") == svg(), "draw it again: python -m tools.wings"
    assert [name for name in layers() if name in WINGS] == list(WINGS)  # in the order that is held


@pytest.mark.parametrize("name", WINGS)
def test_each_wing_has_tests_of_its_own_name(name):
    wing, tests = name.rpartition(".")[2], ROOT / "tests"
    assert wing == "__main__" or any((tests / wing).glob("test_*.py")) or any(tests.glob(f"*/test_{wing}*.py"))


def test_importing_gdw_costs_little_more_than_torch():
    """And the CIFAR protocol, which runs on machines without the course, needs nothing of that."""
    late = f"import sys, gdw; print(*sorted(set({LATE}) & set(sys.modules)))"
    foreign = f"import benchmarks.cifar; print(*sorted(set({COURSE}) & set(sys.modules)))"
    command = [sys.executable, "-c", f"{late}; {foreign}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n\n"
