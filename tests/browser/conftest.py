"""A real Chromium, on JupyterLab and on Voilà.

    def test_training(lab_page):
        open_notebook(lab_page, "00_start_here.ipynb")
        run_all(lab_page)
        lab_page.get_by_role("button", name="Train", exact=True).click()

A message on the page's console that is an error fails the test when it ends.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser import servers
from tests.browser.pages import open_notebook, run_all
from tests.browser.servers import Server

CHROMIUMS = (
    "chromium-headless-shell",  # draws the same pages with a quarter less work
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = [
    "--headless",
    "--no-sandbox",  # there is none for root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREEN = {"width": 1280, "height": 800}
PATIENCE_MS = 120_000  # for any one thing to happen: a busy machine is no failure
# Errors on the console that are none of ours; each with its reason.
ALLOWED = ("cdn.jsdelivr.net/npm/@fortawesome",)  # Voilà fetches its icons there; without network they are missing


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder is a browser test, for -m and for -k."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        message = "no Chromium found: the browser tests need the package `chromium`"
        pytest.fail(message, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def course(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("course") / "notebooks"
    servers.copy_course(servers.REPOSITORY / "notebooks", root)
    return root


@pytest.fixture(scope="package")
def lab_server(browser, course, tmp_path_factory) -> Iterator[Server]:
    with servers.jupyterlab(course, tmp_path_factory.mktemp("jupyterlab")) as server:
        yield server


@pytest.fixture(scope="package")
def voila_server(browser, course, tmp_path_factory) -> Iterator[Server]:
    with servers.voila(course, tmp_path_factory.mktemp("voila")) as server:
        yield server


@pytest.fixture
def lab_page(browser, lab_server) -> Iterator[Page]:
    with lab_window(browser, lab_server) as page:
        yield page


@contextmanager
def lab_window(browser: Browser, lab_server: Server, allowed: tuple[str, ...] = ()) -> Iterator[Page]:
    """A page at JupyterLab, signed in; its kernels end with it."""
    with watched_page(browser, lab_server, allowed) as page:
        page.goto(f"/api/status?token={lab_server.token}")  # leaves the cookie
        yield page
    servers.end_kernels(lab_server)


@contextmanager
def notebook_window(browser: Browser, lab_server: Server, path: str) -> Iterator[Page]:
    """A window with this notebook of the course, all its cells run."""
    with lab_window(browser, lab_server) as page:
        open_notebook(page, path)
        run_all(page)
        yield page


@contextmanager
def watched_page(browser: Browser, server: Server, allowed: tuple[str, ...] = (), **options) -> Iterator[Page]:
    """A page at the server; an error on its console fails the test, but for ``ALLOWED`` and ``allowed``.

    ``options`` are those of the browser's context: another screen than ``SCREEN``, a phone.
    """
    context = browser.new_context(**{"base_url": server.url, "viewport": SCREEN} | options)
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location.get('url')})")

    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    unexpected = [error for error in errors if not any(known in error for known in (*ALLOWED, *allowed))]
    assert not unexpected, "\n".join(unexpected)


@contextmanager
def offline_pages(browser: Browser, address_of: Callable[[str], str], **usual) -> Iterator[Callable[..., Page]]:
    """Opens pages of files, without network and each in a context of its own; options are the context's.

    At the end it fails for an error in a page or on its console, or a request for the network.
    """
    contexts, errors = [], []

    def show(name: str, **options) -> Page:
        contexts.append(browser.new_context(**{"viewport": SCREEN, "offline": True} | usual | options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.append(request.url) if request.url.startswith("http") else None)
        page.goto(address_of(name))
        return page

    yield show
    for context in contexts:
        context.close()
    assert not errors
