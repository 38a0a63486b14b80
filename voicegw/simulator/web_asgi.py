"""The seam inside one process: requests go straight into ASGI 3 applications. No sockets, so it works in virtual time.

A request that is cancelled or times out disconnects, as a real client would: the application is told `http.disconnect`
when it next asks, and is left to finish by itself.
"""

import asyncio
from collections.abc import Coroutine, Mapping, MutableMapping
from typing import Any, Self
from urllib.parse import urlsplit

from voicegw.simulator.stream.web_socket import UNREACHABLE, SocketRefusedError, SocketRequest
from voicegw.simulator.stream.web_socket_asgi import AsgiApp, AsgiSocket, Message, connection_scope
from voicegw.simulator.web import (
    BAD_HOST,
    PROTOCOL_VIOLATION,
    READ_FAILED,
    WebAnswer,
    WebError,
    WebRequest,
)


class AsgiWeb:
    """Serves `WebClient` from applications in this process, by origin (`https://gateway.example`).

    As an async context it runs the lifespan of each application, and at the end waits for what they still do.
    """

    def __init__(self, apps: Mapping[str, AsgiApp]) -> None:
        self._apps = {_origin(url): app for url, app in apps.items()}
        self._lifespans: dict[int, _Lifespan] = {}  # by identity: an application need not be hashable
        self._running: set[asyncio.Task[None]] = set()
        self._sockets: set[asyncio.Task[None]] = set()

    @property
    def open_sockets(self) -> int:
        """On how many WebSockets applications still work."""
        return len(self._sockets)

    def kill_sockets(self) -> None:
        """Let the process that serves the WebSockets die: they break, and nobody says a word."""
        for task in self._sockets:
            task.cancel()

    async def __aenter__(self) -> Self:
        for app in self._apps.values():
            if id(app) not in self._lifespans:
                lifespan = _Lifespan(app)
                await lifespan.start()
                self._lifespans[id(app)] = lifespan
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settle()
        for lifespan in reversed(self._lifespans.values()):
            await lifespan.stop()

    async def settle(self) -> None:
        """Wait until no application works on a request any more."""
        while self._running:
            await asyncio.wait(self._running)

    async def send(self, request: WebRequest) -> WebAnswer:
        """Hand the request to the application of its origin; an unknown origin has no such host."""
        app = self._apps.get(_origin(request.url))
        if app is None:
            raise WebError(BAD_HOST, f"no such host: {_origin(request.url)}", reached=False)
        lifespan = self._lifespans.get(id(app))
        exchange = _Exchange(request, {} if lifespan is None else dict(lifespan.state))
        self._run(exchange.run(app))
        try:
            async with asyncio.timeout(request.read_seconds):
                return await exchange.answer
        except TimeoutError as exc:
            raise WebError(READ_FAILED, f"no answer within {request.read_seconds:g} seconds", reached=True) from exc
        finally:
            exchange.disconnect()

    async def open_socket(self, request: SocketRequest) -> AsgiSocket:
        """Open a WebSocket of the application of this origin, `wss` being what `https` is."""
        app = self._apps.get(_origin(request.url).replace("wss:", "https:", 1))
        if app is None:
            raise SocketRefusedError(UNREACHABLE, f"no such host: {_origin(request.url)}")
        lifespan = self._lifespans.get(id(app))
        socket = AsgiSocket(request, {} if lifespan is None else dict(lifespan.state))
        task = self._run(socket.run(app))
        self._sockets.add(task)
        task.add_done_callback(self._sockets.discard)
        await socket.opened()
        return socket

    def _run(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


class _Exchange:
    """One request in flight: what the application asks for and what it says."""

    def __init__(self, request: WebRequest, state: dict[str, Any]) -> None:
        self._request = request
        self._state = state
        self._body_taken = False
        self._disconnected = asyncio.Event()
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self.answer: asyncio.Future[WebAnswer] = asyncio.get_running_loop().create_future()

    def disconnect(self) -> None:
        self._disconnected.set()
        self.answer.cancel()

    async def run(self, app: AsgiApp) -> None:
        try:
            await app(_scope(self._request) | {"state": self._state}, self._receive, self._send)
        except Exception as exc:  # an application that breaks is a 500, as behind any server
            self._fail(f"{type(exc).__name__}: {exc}")
        else:
            self._fail("the application said nothing")

    def _fail(self, why: str) -> None:
        if self.answer.done():
            return
        if self._status:
            self.answer.set_exception(WebError(PROTOCOL_VIOLATION, f"the answer broke off: {why}", reached=True))
        else:
            self.answer.set_result(WebAnswer(status=500, body=why.encode()))

    async def _receive(self) -> Message:
        if not self._body_taken:
            self._body_taken = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False) and not self.answer.done():
                answer = WebAnswer(status=self._status, headers=tuple(self._headers), body=bytes(self._body))
                self.answer.set_result(answer)


class _Lifespan:
    """Starts and stops one application; one that does not know lifespans is left alone."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._stop = asyncio.Event()
        self._started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._asked_to_start = False
        self.state: dict[str, Any] = {}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        if failure := await self._started:
            raise RuntimeError(f"the application did not start: {failure}")

    async def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        scope: MutableMapping[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception:
            # Before start-up is done this is how an application says that it has no lifespan (ASGI 3, "Lifespan").
            if self._started.done():
                raise
        if not self._started.done():
            self._started.set_result("")

    async def _receive(self) -> Message:
        if not self._asked_to_start:
            self._asked_to_start = True
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._started.set_result("")
        elif message["type"] == "lifespan.startup.failed":
            self._started.set_result(message.get("message") or "no reason given")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _scope(request: WebRequest) -> dict[str, Any]:
    length = (("content-length", str(len(request.body))),) if request.body else ()
    return connection_scope(request.url, (*request.headers, *length)) | {"type": "http", "method": request.method}
