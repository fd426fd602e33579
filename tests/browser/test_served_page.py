"""The classroom's server with a real browser: no kernel is left behind, whatever a visitor does."""

import os
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import psutil
import pytest
from playwright.sync_api import expect

from benchmarks.classroom import PICTURE, kernels, open_page, serve
from gdw_notebooks.panels.page_errors import UNEXPECTED
from tests.browser.pages import show_more
from tests.browser.servers import STOP_SECONDS, command_of

END_SECONDS = 5  # a kernel has so long after its page is gone
UNSEEN_SECONDS = 20  # in place of 60, for the test's sake
PAGES = 2
GONE = "The server behind this page is gone"


# Run by Python itself when the parent of all pages starts: a press of "Look closer" then meets a fault of ours.
FAULT = """
import sys

if "gdw_notebooks.course.warm" in sys.orig_argv:
    from gdw_notebooks.panels.closer_look import CloserLook

    def show(self, *given):
        raise KeyError("a fault of ours")

    CloserLook.show = show
"""
NO_FORK = """
import os, sys

if "gdw_notebooks" in sys.orig_argv:
    del os.fork
"""


@contextmanager
def serving(changes, folder, *options):
    """The server, whose Python runs these lines first, and its address; its log is in the folder."""
    (folder / "sitecustomize.py").write_text(changes, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        started, address = serve(folder / "server.log", *options)
    try:
        yield psutil.Process(started.pid), address
    finally:
        started.terminate()
        started.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def server(folder):
    """The server's process and its address."""
    with serving(FAULT, folder, "--pages", str(PAGES), "--unseen", str(UNSEEN_SECONDS)) as served:
        yield served


def ends(process, seconds, left=0):
    """Whether no more than ``left`` kernels are there within so many seconds."""
    deadline = time.monotonic() + seconds
    while len(kernels(process)) > left and time.monotonic() < deadline:
        time.sleep(0.1)
    return len(kernels(process)) <= left


def visit(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read()


def test_a_closed_page_ends_its_kernel_in_the_middle_of_a_run_too(browser, server):
    process, address = server
    for train in (False, True):
        page, _ = open_page(browser, address)
        assert len(kernels(process)) == 1
        if train:
            show_more(page)
            epochs = page.get_by_label("Epochs", exact=True)
            epochs.fill("2000")
            epochs.press("Enter")
            page.get_by_role("button", name="Train", exact=True).locator("visible=true").click()
            expect(page.get_by_role("status").first).to_contain_text("of 2000", timeout=60_000)
        page.close()
        assert ends(process, END_SECONDS)


def test_a_reloaded_page_has_one_kernel(browser, server):
    process, address = server
    page, _ = open_page(browser, address)
    page.reload()
    page.locator(PICTURE).first.wait_for(timeout=60_000)
    assert ends(process, END_SECONDS, left=1)
    page.goto("about:blank")
    assert ends(process, END_SECONDS)
    page.close()


def test_a_page_gets_all_its_widgets_in_one_message(browser, server):
    sent = []
    page = browser.new_page()
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    page.goto(server[1], timeout=60_000)
    page.locator(PICTURE).first.wait_for(timeout=60_000)
    assert sum('"request_states"' in frame for frame in sent) == 1
    assert not any('"request_state"' in frame for frame in sent)
    page.close()
    assert ends(server[0], END_SECONDS)


def test_visits_that_never_connect_end_and_more_than_the_limit_are_refused(server):
    process, address = server
    for _ in range(PAGES):
        visit(address)
    assert len(kernels(process)) == PAGES
    with pytest.raises(urllib.error.HTTPError) as refused:
        visit(address)
    assert refused.value.code == 503
    assert f"All {PAGES} pages are in use" in refused.value.read().decode()
    assert ends(process, UNSEEN_SECONDS + END_SECONDS)  # of the last visit


def test_without_the_token_nothing_is_served(server):
    process, address = server
    with urllib.request.urlopen(address.split("?")[0], timeout=60) as answer:
        assert "/login" in answer.url
    assert not kernels(process)


def test_an_unexpected_error_is_a_sentence_on_the_page_and_a_traceback_in_the_log(browser, server, folder):
    received = []
    page = browser.new_page()
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))))
    page.goto(server[1], timeout=60_000)
    page.get_by_role("button", name="Look closer", exact=True).locator("visible=true").click(timeout=60_000)
    expect(page.get_by_role("alert").get_by_text(UNEXPECTED)).to_be_visible(timeout=60_000)
    assert "fault of ours" not in page.content()
    assert received
    assert not any("fault of ours" in frame for frame in received)
    assert "KeyError: 'a fault of ours'" in (folder / "server.log").read_text("utf-8")
    page.get_by_role("button", name="Close", exact=True).locator("visible=true").first.click()
    expect(page.get_by_text(UNEXPECTED)).to_have_count(0)
    page.close()
    assert ends(server[0], END_SECONDS)


def test_a_page_says_that_its_server_is_gone(browser, server):  # the last one with this server
    page, _ = open_page(browser, server[1])
    server[0].terminate()
    expect(page.get_by_text(GONE).first).to_be_visible(timeout=STOP_SECONDS * 1000)
    page.close()


def test_where_no_process_can_be_forked_the_page_works_and_says_that_its_server_is_gone(browser, tmp_path):
    with serving(NO_FORK, tmp_path) as (process, address):
        page, _ = open_page(browser, address)
        assert "gdw_notebooks.course.warm" not in str([command_of(one) for one in process.children(recursive=True)])
        assert len(kernels(process)) == 1
        page.close()
        assert ends(process, END_SECONDS)
        page, _ = open_page(browser, address)
    expect(page.get_by_text(GONE).first).to_be_visible(timeout=END_SECONDS * 1000)
    page.close()
