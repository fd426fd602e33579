"""A small reverse proxy for tests, of pages and websockets: it keeps a path's prefix, or cuts it off."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

ONE_HOP = {"connection", "content-length", "content-encoding", "date", "server", "transfer-encoding", "vary"}


class Forward(WebSocketHandler):
    """To ``target``, with the browser's own headers, as nginx and jupyter-server-proxy do."""

    def initialize(self, target: str, cut: str) -> None:
        self.target, self.cut = target, cut

    def wanted(self, scheme: str) -> str:
        return f"{scheme}://{self.target}{self.request.uri.removeprefix(self.cut)}"

    async def get(self, *args) -> None:
        upgrades = self.request.headers.get("Upgrade", "").lower() == "websocket"
        await (super().get() if upgrades else self.forward())

    async def post(self, *args) -> None:
        await self.forward()

    def check_xsrf_cookie(self) -> None:
        """The server behind does it."""

    async def forward(self) -> None:
        body = self.request.body if self.request.method == "POST" else None
        asked = HTTPRequest(
            self.wanted("http"), self.request.method, self.request.headers, body, follow_redirects=False,
            request_timeout=120,
        )  # fmt: skip
        answer = await AsyncHTTPClient().fetch(asked, raise_error=False)
        self.set_status(answer.code, answer.reason)
        for name, value in answer.headers.get_all():
            if name.lower() not in ONE_HOP:
                self.add_header(name, value)
        self.finish(answer.body or None)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        self.offered = subprotocols
        return subprotocols[0] if subprotocols else None

    async def open(self, *args) -> None:
        headers = {name: self.request.headers[name] for name in ("Cookie", "Host", "Origin")}
        asked = HTTPRequest(self.wanted("ws"), headers=headers)
        self.behind = await websocket_connect(asked, subprotocols=self.offered, on_message_callback=self.back)

    def back(self, message: str | bytes | None) -> None:
        if message is None:
            self.close()
        else:
            self.write_message(message, binary=isinstance(message, bytes))

    async def on_message(self, message: str | bytes) -> None:
        await self.behind.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        self.behind.close(self.close_code, self.close_reason)


@contextmanager
def proxy(target: str, cut: str = "") -> Iterator[str]:
    """Runs it in front of a server; ``cut`` is taken from the start of each path. Yields its address."""
    (socket,) = bind_sockets(0, "127.0.0.1")
    started, ended = threading.Event(), asyncio.Event()
    loops = []

    async def serve() -> None:
        where = {"target": target.removeprefix("http://"), "cut": cut}
        HTTPServer(Application([(r".*", Forward, where)])).add_sockets([socket])
        loops.append(asyncio.get_running_loop())
        started.set()
        await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    started.wait()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    loops[0].call_soon_threadsafe(ended.set)
    thread.join()
