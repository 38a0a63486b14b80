"""The socket seam inside one process: a WebSocket of an ASGI 3 application, in memory, so also in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from voicegw.simulator.stream.web_socket import (
    ABNORMAL_CLOSURE,
    CONNECT_TIMED_OUT,
    HANDSHAKE_FAILED,
    NORMAL_CLOSURE,
    SocketClosedError,
    SocketRefusedError,
    SocketRequest,
)

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

_REFUSED_STATUS = 403
_BROKEN_STATUS = 500
_CLOSE_SECONDS = 2.0


class AsgiSocket:
    """Serves `Socket`. `run` is the application's side; it ends when the application returns."""

    def __init__(self, request: SocketRequest, state: dict[str, Any]) -> None:
        self._request = request
        self._state = state
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._from_app: asyncio.Queue[str | bytes | SocketClosedError] = asyncio.Queue()
        self._answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._closed: SocketClosedError | None = None
        self._app_returned = asyncio.Event()

    async def opened(self) -> None:
        """Wait for the application to accept. Raises SocketRefusedError."""
        try:
            async with asyncio.timeout(self._request.within_seconds):
                status = await self._answer
        except TimeoutError as exc:
            self.abort()
            text = f"no answer to the upgrade within {self._request.within_seconds:g} s"
            raise SocketRefusedError(CONNECT_TIMED_OUT, text) from exc
        if status != 101:
            self._closed = SocketClosedError(ABNORMAL_CLOSURE)
            raise SocketRefusedError(HANDSHAKE_FAILED, f"HTTP status {status} instead of 101", status)

    async def send(self, text: str) -> None:
        """See `Socket`."""
        if self._closed is not None:
            raise self._closed
        self._to_app.put_nowait({"type": "websocket.receive", "text": text})

    async def receive(self) -> str | bytes:
        """See `Socket`."""
        if self._closed is not None and self._from_app.empty():
            raise self._closed
        message = await self._from_app.get()
        if isinstance(message, SocketClosedError):
            raise message
        return message

    async def close(self) -> None:
        """See `Socket`."""
        self._end(NORMAL_CLOSURE)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._app_returned.wait()
        except TimeoutError:
            return

    def abort(self) -> None:
        """See `Socket`."""
        self._end(ABNORMAL_CLOSURE)

    async def run(self, app: AsgiApp) -> None:
        """Let the application serve this socket."""
        try:
            await app(self._scope(), self._to_app.get, self._receive_from_app)
        except Exception as exc:  # an application that breaks is a 500 before the upgrade, and a 1011 after it
            self._answer_upgrade(_BROKEN_STATUS)
            self._end(1011, f"{type(exc).__name__}: {exc}")
        finally:
            # One that is cancelled, as when its process dies, leaves a connection that breaks.
            self._answer_upgrade(_BROKEN_STATUS)
            self._end(ABNORMAL_CLOSURE)
            self._app_returned.set()

    def _end(self, code: int, reason: str = "") -> None:
        if self._closed is None:
            self._closed = SocketClosedError(code, reason)
            self._to_app.put_nowait({"type": "websocket.disconnect", "code": code})
            self._from_app.put_nowait(self._closed)

    async def _receive_from_app(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self._answer_upgrade(101)
            case "websocket.http.response.start":
                self._answer_upgrade(message["status"])
            case "websocket.http.response.body":
                pass
            case _ if self._closed is not None:
                # ASGI has it that whoever sends on a closed connection gets an OSError.
                raise OSError("the socket is closed")
            case "websocket.send":
                text = message.get("text")
                self._from_app.put_nowait(message["bytes"] if text is None else text)
            case "websocket.close":
                self._answer_upgrade(_REFUSED_STATUS)
                self._end(message.get("code", NORMAL_CLOSURE), message.get("reason") or "")

    def _answer_upgrade(self, status: int) -> None:
        """Answer the upgrade, unless it is answered."""
        if not self._answer.done():
            self._answer.set_result(status)

    def _scope(self) -> dict[str, Any]:
        return connection_scope(self._request.url, self._request.headers) | {
            "type": "websocket",
            "subprotocols": [],
            "state": self._state,
            "extensions": {"websocket.http.response": {}},
        }


def connection_scope(url: str, headers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the scopes of requests and of WebSockets have in common (ASGI 3)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return {
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": parts.scheme,
        "path": unquote(parts.path) or "/",
        "raw_path": (parts.path or "/").encode("ascii", "replace"),
        "query_string": parts.query.encode("ascii", "replace"),
        "root_path": "",
        "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in (("host", host), *headers)],
        "client": ("192.0.2.10", 40000),
        "server": (parts.hostname or "", parts.port or (443 if parts.scheme in ("https", "wss") else 80)),
    }
