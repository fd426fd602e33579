"""What `pip install gdw` brings works without the repository: the commands, the notebooks, the recorded runs."""

import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.project import wheels

FIRST_CELLS = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}}).execute()
shown = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
print(sum("application/vnd.jupyter.widget-view+json" in data for data in shown))
"""
WHERE = """
import json, gdw, gdw_notebooks
from gdw_notebooks.recorded import histories, standing
print(json.dumps([gdw.__file__, gdw_notebooks.__file__, str(histories.HISTORIES), len(histories.load("05-noisy")),
                  len(standing.load())]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    return wheels.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    return wheels.install(built[1], tmp_path_factory.mktemp("installed") / "venv")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A folder outside the repository, and nothing in the environment that leads back to it."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


def names(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob(pattern)}


def test_the_wheel_holds_code_and_course(built):
    with zipfile.ZipFile(built[1]) as wheel:
        inside = set(wheel.namelist())
    notebooks = wheels.ROOT / "notebooks"
    for pattern in ("*.ipynb", "*.md", "demo/*.ipynb", "solutions/*.ipynb", "histories/*.json"):
        assert {f"gdw_notebooks/notebooks/{name}" for name in names(notebooks, pattern)} <= inside
    standing = wheels.ROOT / "benchmarks" / "standing"
    assert {f"gdw_notebooks/standing/{name}" for name in names(standing, "*.*")} <= inside
    for package in ("gdw", "gdw_notebooks"):
        files = [
            path for path in (wheels.ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert {path.relative_to(wheels.ROOT).as_posix() for path in files} <= inside
    assert not [name for name in inside if name.startswith(("tests/", "tools/", "benchmarks/", "notebooks/"))]
    assert not [name for name in inside if "/source/" in name or name.endswith(".pyc")]


def test_the_sdist_holds_what_the_wheel_is_made_of(built):
    with tarfile.open(built[0]) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "notebooks/00_start_here.ipynb"} <= inside


def test_everything_is_found_inside_the_environment(installed, elsewhere):
    *files, recordings, runs = json.loads(wheels.run(installed / "python", "-c", WHERE, cwd=elsewhere))
    assert all(Path(file).is_relative_to(installed.parent) for file in files), files
    assert recordings == 5  # methods, in the noisy run of notebook 05
    assert runs > 1000


def test_the_methods_command(installed, elsewhere):
    assert "Generalized Data Weighting" in wheels.run(installed / "gdw", "methods", cwd=elsewhere)


def test_the_doctor_finds_the_course(installed, elsewhere):
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    told = wheels.run(installed / "gdw-course", "doctor", cwd=elsewhere, env=environment, encoding="utf-8")
    assert told.splitlines()[-1] == "Ready."
    assert "✓ Course: " in told
    assert "A short run of GDW: 3 epochs" in told


def test_the_classroom_opens_outside_the_repository(installed, elsewhere):
    wheels.run(installed / "gdw-course", "start", "my course", "--copy-only", cwd=elsewhere)
    page = elsewhere / "my course" / "demo" / "classroom.ipynb"
    shown = wheels.run(installed / "python", "-c", FIRST_CELLS, page, page.parent, cwd=elsewhere)
    assert int(shown) >= 1  # the classroom's panel
