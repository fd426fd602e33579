"""The course as `pip install dist/*.whl` brings it, without the repository: commands, notebooks and recorded runs."""

import json
import os
import re
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import pytest
from playwright.sync_api import expect

from tests.browser import servers
from tests.browser.conftest import watched_page
from tests.browser.pages import FAILURES, OPEN_MS, READY
from tests.project import wheels
from tools import dist

FIRST = "00_start_here.ipynb"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/lab/tree/\S+")
ANSWER = "my own answer"


OUTSIDE = """
import json
import sys
import nbformat
from nbclient import NotebookClient
import gdw
import gdw_notebooks
from gdw_notebooks.recorded import histories, standing

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}}).execute()
shown = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
print(json.dumps({
    "files": [gdw.__file__, gdw_notebooks.__file__, str(histories.HISTORIES)],
    "recordings": len(histories.load("05-noisy")), "runs": len(standing.load()),
    "panels": sum("application/vnd.jupyter.widget-view+json" in data for data in shown),
}))
"""


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> Path:
    """Of an environment with `dist/*.whl` in it, which borrows all other packages (tests/project/wheels.py)."""
    _, *built = dist.build(tmp_path_factory.mktemp("dist"), wheels.few_pages)
    return wheels.install(tmp_path_factory.mktemp("installed") / "venv", *built)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A folder outside the repository, and nothing in the environment that leads back to it."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


@contextmanager
def started(commands: Path, folder: Path, scratch: Path) -> Iterator[servers.Server]:
    """`gdw-course start FOLDER --no-browser`, as a user types it in a folder of theirs."""
    data = Path(sysconfig.get_path("data"))  # of the environment of the tests: what packages put beside their code
    borrowed = {
        "JUPYTER_PATH": data / "share" / "jupyter",
        "JUPYTERLAB_DIR": data / "share" / "jupyter" / "lab",
        "JUPYTER_CONFIG_PATH": data / "etc" / "jupyter",
    }
    with servers.gdw_course(commands / "gdw-course", folder, scratch, borrowed) as server:
        yield server


def code_cell(page, text):
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").filter(has_text=text).first


def test_start_opens_jupyterlab_and_keeps_the_users_notebook(browser, commands, tmp_path):
    folder, scratch = tmp_path / "my course", tmp_path / "scratch"
    with started(commands, folder, scratch) as server, watched_page(browser, server) as page:
        (address,) = set(ADDRESS.findall(server.log.read_text("utf-8")))
        assert f"/lab/tree/{FIRST}?token=" in address
        page.goto(address, timeout=OPEN_MS)
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context", timeout=OPEN_MS)
        page.wait_for_function(READY, timeout=OPEN_MS)
        expect(page.get_by_role("tab", name=FIRST)).to_be_visible()

        cell = code_cell(page, "RoomCheck()")
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))
        expect(cell.get_by_text("Device: ")).to_be_visible()  # the room check's panel
        assert page.evaluate(FAILURES) == []

        cell.locator(".cm-content").click()
        page.keyboard.press("ControlOrMeta+End")
        page.keyboard.type(f"  # {ANSWER}")
        page.keyboard.press("ControlOrMeta+s")
        expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)

    assert f"--ServerApp.root_dir={folder}" not in [
        part for one in psutil.process_iter() for part in servers.command_of(one)
    ]
    mine = (folder / FIRST).read_bytes()
    assert any(ANSWER in cell.source for cell in nbformat.reads(mine, 4).cells if cell.cell_type == "code")
    again = wheels.run(commands / "gdw-course", "start", folder.name, "--copy-only", cwd=tmp_path)
    assert "You changed these files, so they stay as they are" in again
    assert (folder / FIRST).read_bytes() == mine
    assert json.loads((folder / ".gdw-course.json").read_text("utf-8"))


def test_the_methods_command(commands, elsewhere):
    assert "Generalized Data Weighting" in wheels.run(commands / "gdw", "methods", cwd=elsewhere)


def test_the_doctor_finds_the_course(commands, elsewhere):
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    told = wheels.run(commands / "gdw-course", "doctor", cwd=elsewhere, env=environment, encoding="utf-8")
    assert told.splitlines()[-1] == "Ready."
    assert "✓ Course: " in told
    assert "A short run of GDW: 3 epochs" in told
    for page in ("site/index.html", "slides/slides.html", "docs/teaching/README.md"):
        (path,) = [line.partition(": ")[2] for line in told.splitlines() if line.endswith(page)]
        assert Path(path).is_relative_to(commands.parent)
        assert Path(path).exists()


def test_the_classroom_opens_outside_the_repository_and_finds_everything_inside_the_environment(commands, elsewhere):
    wheels.run(commands / "gdw-course", "start", "my course", "--copy-only", cwd=elsewhere)
    page = elsewhere / "my course" / "demo" / "classroom.ipynb"
    found = json.loads(wheels.run(commands / "python", "-c", OUTSIDE, page, page.parent, cwd=elsewhere))
    assert all(Path(file).is_relative_to(commands.parent) for file in found["files"]), found
    assert found["recordings"] == 5  # methods, in the noisy run of notebook 05
    assert found["runs"] > 1000
    assert found["panels"] == 1  # the classroom
