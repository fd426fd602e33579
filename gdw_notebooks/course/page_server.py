"""Voilà for a room: a page's kernel ends when the page closes, pages are limited, and they share memory."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from threading import Thread
from webbrowser import open as open_in_browser

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError
from traitlets import Float, Int
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler

from gdw_notebooks.course import forked
from gdw_notebooks.course.room_address import EVERYWHERE, own_address, qr_code

CLOSED_SECONDS = 3.0  # after a page has said that it closes: a message of it may still be under way
LOST_SECONDS = 60.0  # after a connection is lost without a word: a laptop slept, or the network was away
GOING_AWAY = 1001  # how browsers close a connection when its page is closed or left (RFC 6455, section 7.4.1)
UNSEEN_SECONDS = 60.0  # a visit that never connects: a search engine, a link's preview, curl
IDLE_SECONDS = 3600  # a page that is open and that nobody touches
CULL_INTERVAL = 60  # seconds between two looks for idle kernels
PAGES = 60  # a class
TEMPLATES = Path(__file__).parent / "page"  # come before Voilà's own, which ask other hosts for icons


class PageKernels(AsyncMappingKernelManager):
    """One kernel for each open page."""

    pages = Int(PAGES, config=True, help="most pages at a time")
    closed_seconds = Float(CLOSED_SECONDS, config=True, help="the kernel of a closed page ends after so long")
    lost_seconds = Float(LOST_SECONDS, config=True, help="a kernel whose page is silent ends after so long")
    unseen_seconds = Float(UNSEEN_SECONDS, config=True, help="a kernel whose page never connects ends after so long")

    _starting = 0  # kernels asked for that are not in the list yet
    _tasks = frozenset()

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._losses: dict[str, int] = {}  # of each kernel, how often it has lost a connection

    async def start_kernel(self, *args, **kwargs) -> str:
        """Start one, if there is room.

        Raises:
            HTTPError: 503, as many pages are open as the lecturer allowed.
        """
        if len(self) + self._starting >= self.pages:
            raise HTTPError(503, reason=f"All {self.pages} pages are in use. Try again when one is closed.")
        self._starting += 1  # a class that arrives at once is counted before its kernels are there
        try:
            kernel_id = await super().start_kernel(*args, **kwargs)
        finally:
            self._starting -= 1
        self._later(self._end_unseen(kernel_id))
        return kernel_id

    def page_closes(self, kernel_id: str) -> None:
        """The page says that it is closed or left. That alone ends nothing: its connection must be gone too."""
        self._later(self._end_closed(kernel_id))

    def notify_disconnect(self, kernel_id: str) -> None:
        """The connection is gone. If the page has not said that it closes, it may come back."""
        super().notify_disconnect(kernel_id)
        self._losses[kernel_id] = self._losses.get(kernel_id, 0) + 1
        self._later(self._end_lost(kernel_id, self._losses[kernel_id]))

    async def _end_closed(self, kernel_id: str) -> None:
        await asyncio.sleep(self.closed_seconds)
        await self._end_unless_connected(kernel_id)

    async def _end_lost(self, kernel_id: str, loss: int) -> None:
        """A page that came back and was lost again has its whole time once more."""
        await asyncio.sleep(self.lost_seconds)
        if self._losses.get(kernel_id) == loss:
            await self._end_unless_connected(kernel_id)

    async def _end_unseen(self, kernel_id: str) -> None:
        """Counted from the last thing that the kernel did: if a whole class arrives at once, a page opens slowly."""
        while kernel_id in self:
            kernel = self.get_kernel(kernel_id)
            rested = (datetime.now(UTC) - kernel.last_activity).total_seconds()
            if kernel.execution_state not in ("starting", "busy") and rested >= self.unseen_seconds:
                break
            await asyncio.sleep(max(1.0, self.unseen_seconds - rested))
        await self._end_unless_connected(kernel_id)

    async def _end_unless_connected(self, kernel_id: str) -> None:
        if kernel_id in self and not self._kernel_connections.get(kernel_id):
            self.log.info("No page is connected to kernel %s: it ends.", kernel_id)
            self._losses.pop(kernel_id, None)
            await self.shutdown_kernel(kernel_id, now=True)

    def _later(self, work: Coroutine) -> None:
        """Keep a hold on the task: nobody else does, and it would be collected."""
        task = asyncio.ensure_future(work)
        self._tasks = {task, *(old for old in self._tasks if not old.done())}


class PageConnection(ZMQChannelsWebsocketConnection):
    """A page's connection to its kernel, which tells a page that closes from a connection that is lost."""

    def disconnect(self) -> None:
        if getattr(self.websocket_handler, "close_code", None) == GOING_AWAY:
            self.multi_kernel_manager.page_closes(self.kernel_id)
        super().disconnect()


class Leaving(VoilaShutdownKernelHandler):
    """A page says that it closes. It alone ends nothing, so it needs no protection: the connection must be gone too.

    Voilà's own page cannot send the token against forged requests here, so its call would be refused.
    """

    def check_xsrf_cookie(self) -> None:
        pass

    async def post(self, kernel_id: str) -> None:
        if kernel_id in self.kernel_manager:
            self.kernel_manager.page_closes(kernel_id)
        self.set_status(204)
        self.finish()


class PageServer(Voila):
    """Voilà with those kernels, forked from a warm parent where the system can fork."""

    warm: forked.WarmParent | None = None

    def setup_template_dirs(self) -> None:
        super().setup_template_dirs()
        self.template_paths = [str(TEMPLATES), *self.template_paths]

    def init_settings(self) -> dict:
        self.server_url = "/"  # a proxy may have removed the prefix; where it has not, ``listen`` does
        return super().init_settings()

    def init_handlers(self) -> list:
        own = (url_path_join(self.server_url, r"/voila/api/shutdown/(.*)"), Leaving)
        return [own, *super().init_handlers()]

    def listen(self) -> None:
        """Answer with and without ``base_url``, since a proxy in front may keep it or not."""
        find = self.app.find_handler

        def find_below(request, **kwargs):
            if f"{request.path}/".startswith(self.base_url):
                request.path = "/" + request.path[len(self.base_url) :]
            return find(request, **kwargs)

        self.app.find_handler = find_below
        super().listen()

    @property
    def display_url(self) -> str:
        """In a room the address that a phone can open; Voilà would show the machine's name."""
        return self._url(own_address()) if self.ip == EVERYWHERE else super().display_url

    def launch_browser(self) -> None:
        """Of this machine, or in a room those of phones.

        By a file of this user's: an address on a command line, with its token, could be read by everybody.
        """
        if self.ip == EVERYWHERE:
            print(f"{qr_code(self.display_url)}\n{self.display_url}", flush=True)
            return
        file = Path(self.connection_dir) / "open.html"
        file.write_text(f'<meta http-equiv="refresh" content="0; url={escape(self.display_url)}">\n', "utf-8")
        Thread(target=open_in_browser, args=(file.as_uri(),), daemon=True).start()  # a browser in the terminal waits

    def start(self) -> None:
        self.warm = self._warm_parent() if forked.POSSIBLE else None
        if self.warm:
            forked.use(self.warm)
        super().start()

    def _warm_parent(self) -> forked.WarmParent | None:
        """None where it cannot be started: pages then have ordinary kernels, which take longer and more memory."""
        try:
            return forked.WarmParent()
        except OSError as error:
            self.log.warning("Pages share no memory, since %s.", error)
            return None

    def stop(self) -> None:
        super().stop()
        if self.warm:
            self.warm.close()


def configure(server: PageServer) -> None:
    """Settings that no option of the command changes."""
    server.config.VoilaConfiguration.multi_kernel_manager_class = PageKernels
    server.config.VoilaConfiguration.allow_template_override = "NO"
    server.kernel_websocket_connection_class = PageConnection
    server.config.PasswordIdentityProvider.allow_password_change = False  # it is the lecturer's
    kernels = server.config.MappingKernelManager
    kernels.cull_idle_timeout, kernels.cull_interval, kernels.cull_connected = IDLE_SECONDS, CULL_INTERVAL, True
    # An editor, and a hub's proxy, whose script asks for parts of JupyterLab that a page does not have.
    server.config.VoilaConfiguration.extension_denylist = ["jupyterlab-jupytext", "@jupyterhub/jupyter-server-proxy"]
