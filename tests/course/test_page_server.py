"""The classroom's server: when a page's kernel ends, and what starts it where no process can be forked."""

import asyncio
import importlib
import selectors
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest

pytest.importorskip("voila")

from jinja2 import Environment, FileSystemLoader
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from traitlets.config import Configurable
from voila.app import Voila
from voila.configuration import VoilaConfiguration
from voila.utils import filter_extension

from gdw_notebooks.course import forked, page_server
from gdw_notebooks.course.page_server import GOING_AWAY, Leaving, PageConnection, PageKernels, PageServer

KERNEL = "kernel"
CLOSED, LOST, A_MOMENT = page_server.CLOSED_SECONDS, page_server.LOST_SECONDS, 0.05  # seconds


class NoWait(selectors.DefaultSelector):
    """Counts the seconds that it was to wait, and waits for none."""

    waited = 0.0

    def select(self, timeout=None):
        self.waited += timeout or 0
        return super().select(0)


class Jumping(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing to do."""

    def __init__(self):
        self.clock = NoWait()
        super().__init__(self.clock)

    def time(self):
        return self.clock.waited


class Kernel(Configurable):
    """As much of a kernel as its manager asks for."""

    kernel_id, kernel_name, execution_state = KERNEL, "python3", "idle"
    kernel_spec = SimpleNamespace(metadata={})

    def __init__(self, idle_seconds=0.0, **kwargs):
        super().__init__(**kwargs)
        self.last_activity = datetime.now(UTC) - timedelta(seconds=idle_seconds)


class Kernels(PageKernels):
    """With one kernel and one page, and without any process."""

    def __init__(self, idle_seconds=0.0, **kwargs):
        super().__init__(**kwargs)
        self._kernels[KERNEL] = Kernel(idle_seconds, parent=self)
        self._kernel_connections[KERNEL] = 1

    async def shutdown_kernel(self, kernel_id, now=False, restart=False):
        del self._kernels[kernel_id]


async def lose(kernels, close_code=None):
    """The connection ends, with the page's own word or without one."""
    handler = KernelWebsocketHandler.__new__(KernelWebsocketHandler)
    handler.close_code = close_code
    PageConnection(parent=kernels.get_kernel(KERNEL), websocket_handler=handler).disconnect()


async def come_back(kernels):
    kernels.notify_connect(KERNEL)


async def say_last_word(kernels):
    """What a page sends when it is left, by the browser's sendBeacon; somebody else's kernel is no matter."""
    handler, answer = Leaving.__new__(Leaving), []
    handler.application = SimpleNamespace(settings={"kernel_manager": kernels})
    handler.set_status, handler.finish = answer.append, lambda: answer.append("finished")
    await handler.post(KERNEL)
    await handler.post("nobody's")
    assert answer == [204, "finished"] * 2


@pytest.fixture
def after(monkeypatch):
    """Runs steps with pauses between, and tells after each pause whether the kernel is still there."""
    monkeypatch.setattr(
        ZMQChannelsWebsocketConnection, "disconnect", lambda own: own.multi_kernel_manager.notify_disconnect(KERNEL)
    )

    async def play(*steps):
        kernels, alive = Kernels(), []
        for step, seconds in steps:
            await step(kernels)
            await asyncio.sleep(seconds)
            alive.append(KERNEL in kernels)
        return alive

    def run(*steps):
        with asyncio.Runner(loop_factory=Jumping) as runner:
            return runner.run(play(*steps))

    return run


def test_a_closed_page_is_gone_within_five_seconds_and_a_lost_one_has_a_minute():
    assert page_server.CLOSED_SECONDS <= 4
    assert page_server.LOST_SECONDS == 60
    kernels = PageKernels()
    assert (kernels.closed_seconds, kernels.lost_seconds) == (page_server.CLOSED_SECONDS, page_server.LOST_SECONDS)


def test_a_browser_that_closes_the_page_ends_its_kernel_soon(after):
    assert after((partial(lose, close_code=GOING_AWAY), CLOSED + A_MOMENT)) == [False]


@pytest.mark.parametrize("close_code", [None, 1000, 1006])
def test_a_silent_loss_keeps_the_kernel_for_its_time_and_no_longer(after, close_code):
    assert after((partial(lose, close_code=close_code), 3 * CLOSED)) == [True]
    assert after((partial(lose, close_code=close_code), LOST + A_MOMENT)) == [False]


def test_the_pages_last_word_counts_where_a_proxy_hides_how_the_connection_ended(after):
    assert after((say_last_word, A_MOMENT), (partial(lose, close_code=1006), CLOSED)) == [True, False]


def test_a_last_word_alone_ends_nothing(after):
    assert after((say_last_word, LOST + A_MOMENT)) == [True]


def test_a_page_that_comes_back_keeps_its_kernel_and_has_the_whole_time_again(after):
    steps = [(lose, LOST / 2), (come_back, 0), (lose, LOST * 0.75)]  # the first loss is longer ago than its time
    assert after(*steps, (come_back, LOST)) == [True] * 4
    assert after(*steps, (come_back, 0), (lose, LOST + A_MOMENT)) == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("idle", "state", "ends"), [(3700, "idle", True), (3500, "idle", False), (3700, "busy", False)]
)
def test_an_open_page_that_nobody_touches_for_an_hour_ends(idle, state, ends):
    server = PageServer()
    page_server.configure(server)
    kernels = Kernels(idle, config=server.config)
    assert (kernels.cull_idle_timeout, kernels.cull_interval) == (page_server.IDLE_SECONDS, page_server.CULL_INTERVAL)
    kernels._kernels[KERNEL].execution_state = state
    asyncio.run(kernels.cull_kernels())
    assert (KERNEL not in kernels) == ends


def test_a_page_loads_no_extension_that_fails_on_it():
    """Such as jupyter-server-proxy's, which a hub has."""
    server = PageServer()
    page_server.configure(server)
    found = [{"name": name} for name in ("@jupyterhub/jupyter-server-proxy", "jupyterlab-jupytext", "anywidget")]
    denied = VoilaConfiguration(config=server.config).extension_denylist
    assert filter_extension(found, [], [], [], denied) == [{"name": "anywidget"}]


def test_the_look_for_idle_pages_comes_by_itself():
    async def play():
        kernels = Kernels(cull_idle_timeout=1, cull_interval=1, cull_connected=True)
        kernels.initialize_culler()
        await asyncio.sleep(0.5)
        early = KERNEL in kernels
        await asyncio.sleep(1.8)
        kernels._culler_callback.stop()
        return early, KERNEL in kernels

    assert asyncio.run(play()) == (True, False)


@pytest.mark.parametrize("name", ["error.html", "404.html", "page.html"])
def test_messages_ask_no_other_host(name):
    server = PageServer()
    server.voila_configuration = VoilaConfiguration(parent=server)
    server.setup_template_dirs()
    templates = Environment(loader=FileSystemLoader(server.template_paths), extensions=["jinja2.ext.i18n"])
    templates.install_null_translations()
    shown = templates.get_template(name).render(status_code=503, status_message="All pages are in use", base_url="/")
    assert "http" not in shown
    assert ("All pages are in use" in shown) == (name != "page.html")


@pytest.fixture
def started(monkeypatch):
    """Starts a server up to the point where it would listen; what it then starts kernels with."""
    used = []
    monkeypatch.setattr(Voila, "start", lambda self: used.append("listens"))
    monkeypatch.setattr(forked, "use", used.append)

    def start():
        server = PageServer()
        server.start()
        return server, used

    return start


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_where_processes_cannot_be_forked_kernels_are_ordinary_ones(started, monkeypatch, platform):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        assert importlib.reload(forked).POSSIBLE is False
        patch.setattr(forked, "WarmParent", lambda: pytest.fail("a warm parent was started"))
        server, used = started()
    importlib.reload(forked)
    assert server.warm is None
    assert used == ["listens"]


def test_a_warm_parent_that_does_not_start_costs_memory_and_not_the_page(started, monkeypatch, caplog):
    def fails():
        raise OSError("the process that pages are started from ended while it was loading")

    monkeypatch.setattr(forked, "POSSIBLE", True)
    monkeypatch.setattr(forked, "WarmParent", fails)
    server, used = started()
    assert server.warm is None
    assert used == ["listens"]


def test_elsewhere_all_kernels_come_from_one_warm_parent(started, monkeypatch):
    parent = object()
    monkeypatch.setattr(forked, "POSSIBLE", True)
    monkeypatch.setattr(forked, "WarmParent", lambda: parent)
    assert started()[1] == [parent, "listens"]
