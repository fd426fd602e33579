"""What `dist` holds; that it works without the repository is for tests/browser/test_pip_course.py."""

import email
import itertools
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import gdw
from tests.course.test_start import links
from tests.project import wheels
from tools import dist


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> list[Path]:
    """The sdist, its wheel, and the course's wheel."""
    return dist.build(tmp_path_factory.mktemp("dist"), wheels.few_pages)


def names(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob(pattern)}


def test_the_wheel_holds_code_and_course(built):
    with zipfile.ZipFile(built[1]) as wheel:
        inside = set(wheel.namelist())
    notebooks = wheels.ROOT / "notebooks"
    for pattern in ("*.ipynb", "*.md", "demo/*.ipynb", "solutions/*.ipynb", "histories/*.json"):
        assert {f"gdw_notebooks/notebooks/{name}" for name in names(notebooks, pattern)} <= inside
    docs = wheels.ROOT / "docs"
    for pattern in ("*.md", "teaching/*.md"):
        assert {f"gdw_notebooks/docs/{name}" for name in names(docs, pattern)} <= inside
    assert {f"gdw_notebooks/{name}" for name in wheels.FEW_PAGES} <= inside
    standing = wheels.ROOT / "benchmarks" / "standing"
    assert {f"gdw_notebooks/standing/{name}" for name in names(standing, "*.*")} <= inside
    for package in ("gdw", "gdw_notebooks"):
        files = [
            path for path in (wheels.ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert {path.relative_to(wheels.ROOT).as_posix() for path in files} <= inside
    assert "gdw/py.typed" in inside  # type checkers read the hints
    assert not [name for name in inside if name.startswith(("tests/", "tools/", "benchmarks/", "notebooks/"))]
    assert not [name for name in inside if "/source/" in name or name.endswith(".pyc")]


def test_the_sdist_holds_what_the_wheel_is_made_of(built):
    with tarfile.open(built[0]) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "notebooks/00_start_here.ipynb"} <= inside


def test_the_courses_wheel_has_no_code_and_asks_for_all_that_the_notebooks_use(built):
    with zipfile.ZipFile(built[2]) as wheel:
        inside = wheel.namelist()
        (name,) = [name for name in inside if name.endswith("/METADATA")]
        metadata = email.message_from_string(wheel.read(name).decode("utf-8"))
    assert all(".dist-info/" in name for name in inside)
    assert (metadata["Name"], metadata["Version"]) == ("gdw-course", gdw.__version__)
    (asked,) = map(Requirement, metadata.get_all("Requires-Dist"))
    assert (asked.name, str(asked.specifier)) == ("gdw", f"=={gdw.__version__}")
    assert asked.extras == {"course", "features", "audit"}
    assert metadata["Requires-Python"]
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        of_gdw = email.message_from_string(wheel.read(name).decode("utf-8"))
    assert asked.extras <= set(of_gdw.get_all("Provides-Extra"))
    assert SpecifierSet(metadata["Requires-Python"]) == SpecifierSet(of_gdw["Requires-Python"])


def test_all_links_of_the_notebooks_lead_to_files_of_the_wheel(built, tmp_path):
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(tmp_path)
    package = tmp_path / "gdw_notebooks"
    found = [(name, target) for part in ("notebooks", "docs") for name, target in links(package / part)]
    assert len(found) > 80
    assert [(name, str(target)) for name, target in found if not target.exists()] == []


def test_the_pages_are_made_by_the_tools_that_build_them(tmp_path, monkeypatch):
    asked = []

    def run(command, what, cwd=None):
        asked.append((command[2], command[-1], cwd))
        (tmp_path / "site-source").mkdir(exist_ok=True)

    monkeypatch.setattr(dist, "_run", run)
    dist.build_pages(tmp_path)
    assert asked == [(f"tools.build_{name}", str(tmp_path / name), wheels.ROOT) for name in ("site", "slides")]
    assert not (tmp_path / "site-source").exists()


def test_wheels_of_an_earlier_version_are_removed_and_other_files_stay(tmp_path, monkeypatch):
    for name in ("gdw-0.1.0.tar.gz", "gdw-0.1.0-py3-none-any.whl", "gdw_course-0.1.0-py3-none-any.whl", "notes.txt"):
        (tmp_path / name).write_text("", "utf-8")
    made = iter(("gdw-0.2.0.tar.gz", "gdw-0.2.0-py3-none-any.whl", "gdw_course-0.2.0-py3-none-any.whl"))

    def build(source, target, *options):
        for name in itertools.islice(made, 1 if options else 2):
            (target / name).write_text("", "utf-8")

    monkeypatch.setattr(dist, "_build", build)
    built = dist.build(tmp_path, lambda package: None)
    assert [path.name.split("-")[1][:5] for path in built] == ["0.2.0"] * 3
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "notes.txt").exists()
