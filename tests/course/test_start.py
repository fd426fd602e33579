"""gdw-course start: a copy of the course that never takes a user's work."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gdw_notebooks.__main__ import main
from gdw_notebooks.course import start
from gdw_notebooks.course.release import release
from gdw_notebooks.course.start import NOTES, copy_course, sentence
from gdw_notebooks.recorded import places


@pytest.fixture
def ours(tmp_path) -> Path:
    """A course of three files."""
    source = tmp_path / "ours"
    for name in ("00_start_here.ipynb", "README.md", "demo/classroom.ipynb"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"ours: {name}", "utf-8")
    return source


def links(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each page or notebook, and where a link of it leads; links to the web are left out."""
    for path in (*folder.rglob("*.ipynb"), *folder.rglob("*.md")):
        text = path.read_text("utf-8")
        if path.suffix == ".ipynb":
            cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
            text = "".join("".join(cell["source"]) + "\n" for cell in cells)
        for target in re.findall(r"\]\((?!https?:|#|figure:|steps:)([^)#\s]+)", text):
            yield path.relative_to(folder).as_posix(), path.parent / target


def test_all_notebooks_are_copied_and_no_sources_and_no_solutions(tmp_path):
    copied = copy_course(tmp_path / "mine")
    there = {path.relative_to(tmp_path / "mine").as_posix() for path in (tmp_path / "mine").rglob("*.ipynb")}
    ours = {path.relative_to(places.notebooks()).as_posix() for path in places.notebooks().rglob("*.ipynb")}
    left_out = ("solutions/", ".ipynb_checkpoints/")  # the second is JupyterLab's, where it has been open
    assert there == {name for name in ours if not name.startswith(left_out)}
    assert there | {"README.md", "docs/glossary.md", "docs/teaching/script_45.md"} <= set(copied.new)
    assert not (tmp_path / "mine" / "source").exists()


@pytest.mark.parametrize("made_by", ["start", "release"])
def test_every_link_of_a_copy_leads_to_a_file_in_it(tmp_path, made_by):
    copy_course(tmp_path / "mine") if made_by == "start" else release(tmp_path / "mine")
    found = list(links(tmp_path / "mine"))
    assert len(found) > 40
    inside = (tmp_path / "mine").resolve()
    assert [
        (name, str(target)) for name, target in found
        if not target.exists() or not target.resolve().is_relative_to(inside)
    ] == []  # fmt: skip


def test_a_second_copy_changes_nothing(ours, tmp_path):
    copy_course(tmp_path / "mine", ours)
    copied = copy_course(tmp_path / "mine", ours)
    assert (copied.new, copied.renewed, copied.kept) == ([], [], [])
    assert len(copied.same) == 3


def test_the_users_work_is_kept_and_said(ours, tmp_path):
    mine = tmp_path / "mine"
    copy_course(mine, ours)
    (mine / "00_start_here.ipynb").write_text("my answers", "utf-8")
    (ours / "00_start_here.ipynb").write_text("a new version", "utf-8")
    (ours / "README.md").write_text("a new version", "utf-8")
    for _ in range(2):  # keeping it once does not make it ours
        copied = copy_course(mine, ours)
        assert (mine / "00_start_here.ipynb").read_text("utf-8") == "my answers"
        assert copied.kept == ["00_start_here.ipynb"]
        assert "stay as they are" in sentence(copied, mine)
        assert "00_start_here.ipynb" in sentence(copied, mine)
    assert (mine / "README.md").read_text("utf-8") == "a new version"  # not the user's: renewed


@pytest.mark.parametrize("notes", [None, "torn {", "[1]"])
def test_without_notes_all_that_differs_is_kept(ours, tmp_path, notes):
    mine = tmp_path / "mine"
    copy_course(mine, ours)
    (mine / NOTES).unlink() if notes is None else (mine / NOTES).write_text(notes, "utf-8")
    (ours / "README.md").write_text("a new version", "utf-8")
    assert copy_course(mine, ours).kept == ["README.md"]
    assert (mine / "README.md").read_text("utf-8") == "ours: README.md"


def test_a_folder_with_files_of_that_name_from_elsewhere(ours, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "README.md").write_text("my own notes", "utf-8")
    (mine / "thesis.ipynb").write_text("mine", "utf-8")
    assert copy_course(mine, ours).kept == ["README.md"]
    assert (mine / "README.md").read_text("utf-8") == "my own notes"
    assert (mine / "thesis.ipynb").read_text("utf-8") == "mine"


def test_a_removed_notebook_comes_back(ours, tmp_path):
    copy_course(tmp_path / "mine", ours)
    (tmp_path / "mine" / "README.md").unlink()
    assert copy_course(tmp_path / "mine", ours).renewed == ["README.md"]
    assert (tmp_path / "mine" / "README.md").exists()


def test_notes_name_files_by_their_hash(ours, tmp_path):
    copy_course(tmp_path / "mine", ours)
    notes = json.loads((tmp_path / "mine" / NOTES).read_text("utf-8"))
    assert set(notes) == {"00_start_here.ipynb", "README.md", "demo/classroom.ipynb"}
    assert all(len(value) == 64 for value in notes.values())


def test_wrong_folders_end_in_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("", "utf-8")
    assert main(["start", str(tmp_path / "file"), "--copy-only"]) == 2
    assert "is a file" in capsys.readouterr().err
    assert main(["start", str(places.notebooks()), "--copy-only"]) == 2
    assert "name another one" in capsys.readouterr().err


def test_jupyterlab_opens_the_first_notebook(monkeypatch, tmp_path, capsys):
    called = []
    monkeypatch.setattr(start.subprocess, "call", lambda command: called.append(command) or 0)

    def become(program, command):
        assert program == command[0]
        sys.exit(start.subprocess.call(command))

    monkeypatch.setattr(start.os, "execv", become)
    with suppress(SystemExit):
        assert main(["start", str(tmp_path / "mine"), "--no-browser", "--port", "9999"]) == 0
    (command,) = called
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert {"--no-browser", "--ServerApp.port=9999", f"--ServerApp.root_dir={tmp_path / 'mine'}"} <= set(command)
    assert Path(command[-1]) == tmp_path / "mine" / "00_start_here.ipynb"
    assert Path(command[-1]).exists()
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in command  # the printed address leads to it too
    assert "The course is in" in capsys.readouterr().out
