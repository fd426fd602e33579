"""Voilà for a room: a page's kernel ends when the page closes, pages are limited, and they share memory."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError
from traitlets import Float, Int
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler

from gdw_notebooks.course import forked

CLOSED_SECONDS = 3.0  # a lost connection comes back within 2, or the page is closed
UNSEEN_SECONDS = 60.0  # a visit that never connects: a search engine, a link's preview, curl
IDLE_SECONDS = 3600  # a page that is open and that nobody touches
CULL_INTERVAL = 60  # seconds between two looks for idle kernels
PAGES = 40


class PageKernels(AsyncMappingKernelManager):
    """One kernel for each open page."""

    pages = Int(PAGES, config=True, help="most pages at a time")
    closed_seconds = Float(CLOSED_SECONDS, config=True, help="a kernel without a page ends after so long")
    unseen_seconds = Float(UNSEEN_SECONDS, config=True, help="a kernel whose page never connects ends after so long")

    _starting = 0  # kernels asked for that are not in the list yet
    _tasks = frozenset()

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

    def notify_disconnect(self, kernel_id: str) -> None:
        super().notify_disconnect(kernel_id)
        self._later(self._end_closed(kernel_id))

    async def _end_closed(self, kernel_id: str) -> None:
        await asyncio.sleep(self.closed_seconds)
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
            await self.shutdown_kernel(kernel_id, now=True)

    def _later(self, work: Coroutine) -> None:
        """Keep a hold on the task: nobody else does, and it would be collected."""
        task = asyncio.ensure_future(work)
        self._tasks = {task, *(old for old in self._tasks if not old.done())}


class Leaving(VoilaShutdownKernelHandler):
    """A page says that it closes. It ends nothing, so it needs no protection: the lost connection ends the kernel.

    Voilà's own page cannot send the token against forged requests here, so its call would be refused.
    """

    def check_xsrf_cookie(self) -> None:
        pass

    async def post(self, kernel_id: str) -> None:
        self.set_status(204)
        self.finish()


class PageServer(Voila):
    """Voilà with those kernels, forked from a warm parent where the system can fork."""

    warm: forked.WarmParent | None = None

    def init_handlers(self) -> list:
        own = (url_path_join(self.server_url, r"/voila/api/shutdown/(.*)"), Leaving)
        return [own, *super().init_handlers()]

    def start(self) -> None:
        if forked.POSSIBLE:
            self.warm = forked.WarmParent()
            forked.use(self.warm)
        super().start()

    def stop(self) -> None:
        super().stop()
        if self.warm:
            self.warm.close()


def configure(server: PageServer) -> None:
    """Settings that no option of the command changes."""
    server.config.VoilaConfiguration.multi_kernel_manager_class = PageKernels
    kernels = server.config.MappingKernelManager
    kernels.cull_idle_timeout, kernels.cull_interval, kernels.cull_connected = IDLE_SECONDS, CULL_INTERVAL, True
    server.config.VoilaConfiguration.extension_denylist = ["jupyterlab-jupytext"]  # an editor, of no use to a page
