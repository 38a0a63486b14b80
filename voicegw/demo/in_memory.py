"""An agent transport without sockets: carries requests to an ASGI app in this process, and streams its answers.

For whole calls in virtual time. Unlike `httpx.ASGITransport` it hands over each slice of the body when the app sends
it, and tells the app when the client leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from voicegw.errors import AgentBroke

# The shapes that every ASGI framework declares for itself.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

# As on a real socket, an app that runs ahead of its reader has to wait.
_MAX_QUEUED_MESSAGES = 16


@dataclass(frozen=True, slots=True)
class InMemoryResponse:
    """An answer that has begun; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class InMemoryTransport:
    """Carries each request to `app`, whatever its host; an app that crashes looks like a broken connection."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    @asynccontextmanager
    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncIterator[InMemoryResponse]:
        """Send one request. Leaving early disconnects: the app is told, then cancelled. Raises `AgentBroke`."""
        exchange = _Exchange(body)
        app = asyncio.create_task(exchange.run(self._app, _scope(url, headers)))
        try:
            yield await exchange.begin()
        finally:
            exchange.disconnect()
            await asyncio.sleep(0)
            app.cancel()
            await asyncio.wait([app])

    async def warm(self, url: str) -> bool:  # noqa: ARG002 (the seam's signature)
        """There is nothing to open."""
        return True


class _Exchange:
    """One request and its answer, between the app's task and the reader."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._requested = False
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(_MAX_QUEUED_MESSAGES)
        self._disconnected = asyncio.Event()

    async def run(self, app: AsgiApp, scope: MutableMapping[str, Any]) -> None:
        # A task's root: the reader learns of a crash as of any connection that is cut.
        with suppress(Exception):
            await app(scope, self._receive, self._send)
        await self._messages.put(None)

    async def begin(self) -> InMemoryResponse:
        start = await self._messages.get()
        if start is None:
            raise AgentBroke("the agent broke the connection before answering", answer_begun=False)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
        return InMemoryResponse(start["status"], headers, self._chunks())

    def disconnect(self) -> None:
        self._disconnected.set()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while (message := await self._messages.get()) is not None:
            if chunk := message.get("body", b""):
                yield chunk
            if not message.get("more_body", False):
                return
        raise AgentBroke("the answer was cut off", answer_begun=True)

    async def _receive(self) -> Message:
        if not self._requested:
            self._requested = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        # ASGI 2.4: "If send() is called after the client has disconnected, it should raise OSError."
        if self._disconnected.is_set():
            raise OSError("the client has disconnected")
        await self._messages.put(message)


def _scope(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    parts = urlsplit(url)
    host = {"host": parts.netloc}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in {**host, **headers}.items()],
        "client": ("127.0.0.1", 50000),
        "server": (parts.hostname, parts.port or 80),
    }
