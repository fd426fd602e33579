"""The classroom's server behind proxies and alone: the page works, and asks no other host for anything."""

import re
from urllib.parse import urlsplit

import pytest

from tests.browser import servers
from tests.browser.conftest import watched_page
from tests.browser.pages import write_notebook
from tests.browser.proxy import proxy
from tests.browser.test_servers import COUNTER, press

PREFIX = "/user/ada/proxy/8866"


@pytest.fixture(scope="module")
def page_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    notebook = folder / write_notebook(folder / "counter.ipynb", COUNTER)
    with servers.demo(notebook, tmp_path_factory.mktemp("demo"), "--base-url", PREFIX) as server:
        yield server


@pytest.fixture(params=["prefix kept", "prefix cut", "no proxy"])
def address(request, page_server):
    if request.param == "no proxy":
        yield page_server.url
    else:
        with proxy(page_server.url, cut=PREFIX if request.param == "prefix cut" else "") as before:
            yield before


def test_the_page_works_and_all_that_it_asks_for_is_below_its_own_path(browser, page_server, address):
    asked, refused = set(), []
    with watched_page(browser, page_server) as page:
        page.on("request", lambda request: asked.add(request.url))
        page.on("websocket", lambda socket: asked.add(socket.url))
        page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"{address}{PREFIX}/")
        page.get_by_label(re.compile("Password or token")).fill(page_server.token)
        page.get_by_role("button", name="Log in").click()
        press(page)
        assert not refused
    sent = [urlsplit(one) for one in asked if not one.startswith(("data:", "blob:"))]
    assert {one.netloc for one in sent} == {urlsplit(address).netloc}
    assert [one.path for one in sent if not one.path.startswith(f"{PREFIX}/")] == []
    assert any(one.scheme == "ws" for one in sent)
