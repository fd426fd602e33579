"""Run by test_windows, with ``-p tests.project.windows``: what works in a process without Unix's own modules."""

import sys
from importlib import import_module

import pytest

from gdw.__main__ import main as gdw
from gdw_notebooks.__main__ import main as gdw_course
from tests.project.windows import MISSING
from tools.wings import ROOT


@pytest.mark.parametrize("module", MISSING)
def test_they_are_missing_here(module):
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{module}' on Windows"):
        import_module(module)


def test_every_module_is_imported():
    for package in ("gdw", "gdw_notebooks"):
        for file in sorted((ROOT / package).rglob("*.py")):
            import_module(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    assert not set(MISSING) & set(sys.modules)


@pytest.mark.parametrize(
    ("main", "arguments", "said"),
    [
        (gdw, ["methods"], "Generalized Data Weighting"),
        (gdw, ["run", "--epochs", "1"], "test accuracy"),
        (gdw_course, ["doctor"], "Ready."),
    ],
)
def test_commands_work(main, arguments, said, capsys):
    assert not main(arguments)
    assert said in capsys.readouterr().out
