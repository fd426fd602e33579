"""The course as pip brings it: outside the repository, `gdw-course start FOLDER` gives JupyterLab with its notebook."""

import json
import re
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
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


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> Path:
    """Of an environment with `dist/*.whl` in it, which borrows all other packages (tests/project/wheels.py)."""
    _, *built = dist.build(tmp_path_factory.mktemp("dist"), wheels.few_pages)
    return wheels.install(tmp_path_factory.mktemp("installed") / "venv", *built)


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

    mine = (folder / FIRST).read_bytes()
    assert any(ANSWER in cell.source for cell in nbformat.reads(mine, 4).cells if cell.cell_type == "code")
    with started(commands, folder, tmp_path / "again") as server:
        assert "You changed these files, so they stay as they are" in server.log.read_text("utf-8")
    assert (folder / FIRST).read_bytes() == mine
    assert json.loads((folder / ".gdw-course.json").read_text("utf-8"))
