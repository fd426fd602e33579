"""start.py: what each command runs, on every system; an old Python gets a sentence; make calls the same file."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import start

ROOT = Path(__file__).parents[2]
OLD_PYTHON = (3, 8)  # what start.py can be read by


@pytest.fixture
def called(monkeypatch, tmp_path):
    """The lines that would run."""
    lines = []

    def call(command, **options):
        lines.append(" ".join([Path(command[0]).stem, *command[1:]]))
        return 0

    def become(program, command):
        assert program == command[0]
        assert Path.cwd() == ROOT
        sys.exit(call(command))

    monkeypatch.setattr(start.subprocess, "call", call)
    monkeypatch.setattr(start.os, "execv", become)
    monkeypatch.setattr(start, "is_ready", lambda: True)
    return lines


def status(*words):
    """Of a command: where it becomes the program, that program's."""
    try:
        return start.main([*words])
    except SystemExit as ended:
        return ended.code


def test_test_runs_every_test_and_every_notebook(called):
    assert status("test") == 0
    assert called == [
        "python -m pytest --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg -n 3 --dist loadscope "
        "--no-loadscope-reorder tests notebooks",
    ]


def test_lint_checks_style_imports_types_and_scripts(called):
    assert status("lint") == 0
    assert called == [
        "python -m ruff check", "lint-imports", "python -m mypy", "python -m tools.javascript",
    ]  # fmt: skip


def test_files_that_it_names_exist(called):
    named = re.findall(r"\b[\w/]+\.(?:ipynb|cfg|toml|txt)\b", (ROOT / "start.py").read_text("utf-8"))
    assert {start.FIRST, *start.ASKED_FOR} <= set(named)
    assert all((ROOT / name).exists() for name in named)


def test_a_failure_ends_it_with_its_status(called, monkeypatch):
    monkeypatch.setattr(start.subprocess, "call", lambda *command, **options: 3)
    assert status("lint") == 3
    assert called == []


def test_other_commands(called):
    for words, line in {
        "notebooks": "-m tools.build_notebooks",
        "notebooks 01 03": "-m tools.build_notebooks 01 03",
        "lab": f"-m jupyterlab --allow-root {start.FIRST}",  # in a container one is root
        "site": "-m tools.build_site",
        "dist": "-m tools.dist",
        "demo --port 8870": "-m gdw_notebooks demo --port 8870",
    }.items():
        assert status(*words.split()) == 0
        assert called[-1] == f"python {line}"


def test_what_takes_no_names_says_so(called, capsys):
    with pytest.raises(SystemExit):
        start.main(["lint", "gdw"])
    assert "lint takes nothing after it, got gdw" in capsys.readouterr().err
    assert not called


def test_setup_makes_the_environment_once(called, monkeypatch, tmp_path):
    monkeypatch.setattr(start, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(start, "READY", tmp_path / ".ready")
    monkeypatch.setattr(start, "is_ready", lambda: start.READY.exists())
    for _ in range(2):
        assert start.main(["setup"]) == 0
    made, installed, compiled = called
    assert made == f"{Path(sys.executable).stem} -m venv --clear {tmp_path / '.venv'}"
    assert installed.startswith("python -m pip install")
    assert compiled.startswith("python -c import compileall")
    assert installed.endswith("--constraint constraints.txt --editable .[course,features,audit,dicom,dask,site,test]")


def test_setup_is_done_again_when_the_project_asks_for_something_else(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "ROOT", tmp_path)
    monkeypatch.setattr(start, "READY", tmp_path / ".ready")
    for age, name in enumerate((*start.ASKED_FOR, ".ready")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    assert start.is_ready()
    os.utime(tmp_path / "constraints.txt", (2000, 2000))
    assert not start.is_ready()


@pytest.mark.parametrize(("system", "ending"), [("nt", ("Scripts", "python.exe")), ("posix", ("bin", "python"))])
def test_the_environments_python_is_where_the_system_puts_it(monkeypatch, system, ending):
    expected = start.VENV.joinpath(*ending)
    monkeypatch.setattr(start.os, "name", system)
    assert start.from_venv("python") == expected


def test_an_old_python_looks_for_another(monkeypatch):
    monkeypatch.setattr(start, "supported", lambda version: version == (3, 12))
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(start, "_version_of", lambda command: (3, 12) if command == ["python3.12"] else (3, 9))
    assert start.find_python() == ["python3.12"]


def test_without_a_fitting_python_it_says_which_it_needs(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(start, "VENV", tmp_path / "none")
    monkeypatch.setattr(start, "is_ready", lambda: False)
    monkeypatch.setattr(start, "supported", lambda version: False)
    assert start.main(["setup"]) == 2
    assert capsys.readouterr().err.startswith("start.py: gdw needs Python 3.11 to 3.14; this is Python 3.")


def test_old_pythons_can_read_the_file():
    ast.parse((ROOT / "start.py").read_text("utf-8"), feature_version=OLD_PYTHON)


def test_it_needs_the_standard_library_alone():
    tree = ast.parse((ROOT / "start.py").read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_clean_removes_what_setup_and_builds_leave_and_no_more(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "ROOT", tmp_path)
    monkeypatch.setattr(start, "VENV", tmp_path / ".venv")
    for name in (".venv/bin", "build/lib", "dist", "gdw.egg-info", "notebooks", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".ruff_cache").symlink_to(tmp_path / "elsewhere")
    assert start.main(["clean"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "notebooks"]


def test_it_does_not_remove_the_python_that_runs_it(monkeypatch, capsys):
    monkeypatch.setattr(start, "VENV", Path(sys.prefix))
    assert start.main(["clean"]) == 2
    assert "use another" in capsys.readouterr().err
    assert Path(sys.prefix).exists()


def test_help_describes_every_command(capsys):
    with pytest.raises(SystemExit):
        start.main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"{name:10} {does}" in shown for name, (does, _) in start.COMMANDS.items())


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", start.COMMANDS)
def test_make_calls_the_same_file(target):
    done = subprocess.run(
        ["make", "--dry-run", "PYTHON=python3", "NOTEBOOK=01", target],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},  # make runs these too
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.replace('"', "").split()
    assert words == ["python3", "start.py", target, *(["01"] if target == "notebooks" else [])]
