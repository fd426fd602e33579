"""Run by test_windows, with ``-p tests.project.windows``: what works in a process without Unix's own modules."""

import sys
from importlib import import_module

import pytest

from gdw.__main__ import main as gdw
from gdw.comparison.records import read
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
        (gdw_course, ["doctor"], "Ready."),
    ],
)
def test_commands_work(main, arguments, said, capsys):
    assert not main(arguments)
    assert said in capsys.readouterr().out


def test_a_run_is_kept_in_a_file(tmp_path, capsys):
    command = ["run", "--epochs", "1", "--json", str(tmp_path / "out.json"), "--checkpoint", str(tmp_path / "kept")]
    for _ in range(2):  # the second one finds it
        assert gdw(command) == 0
    assert len(read(tmp_path / "out.json")) == 1
    capsys.readouterr()
