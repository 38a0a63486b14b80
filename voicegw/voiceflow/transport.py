"""How requests reach the agent: the seam `AgentTransport`, and its aiohttp implementation.

Foreign exceptions are translated here and nowhere else. Knows no sessions, traces or secrets: headers and bodies
pass through and never into a message.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol, Self

import aiohttp
from yarl import URL

from voicegw.errors import AgentBroke, AgentError, AgentNotConfigured, AgentUnreachable

CONNECT_TIMEOUT_SECONDS = 5.0
# Of an answer that was taken to its end only the end of the body may follow; having read it, the connection can serve
# the next turn.
END_GRACE_SECONDS = 0.2
_END_GRACE_CHUNKS = 8
# Longer than a caller usually speaks, so that the next turn finds the connection open.
KEEP_ALIVE_SECONDS = 60.0


class AgentResponse(Protocol):
    """An answer that has begun: status and headers, and the body as it arrives."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Looked up without regard to case."""
        ...

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """The body's slices; raises `AgentBroke` with `answer_begun` when it is cut off."""
        ...


class AgentTransport(Protocol):
    """Carries requests to one agent host or many."""

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AbstractAsyncContextManager[AgentResponse]:
        """Send one request; leaving the context by an error drops the answer. Left in order, little more is read.

        Raises `AgentUnreachable` (it surely never arrived), `AgentBroke` (it may have), `AgentNotConfigured`.
        Has no time-out but for connecting: how long to wait for an answer is the caller's to say.
        """
        ...

    async def warm(self, url: str) -> bool:
        """Open a connection to the host of `url` ahead of need; says whether that worked, never raises."""
        ...


class _AiohttpResponse:
    """The bridge from aiohttp's response to the seam's."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.chunks = _Chunks(response.content)


class _Chunks:
    """A body as it arrives. No generator: each of those costs more than what is done here."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._content.readany()
        except (aiohttp.ClientError, OSError) as exc:
            raise AgentBroke(f"the answer was cut off ({type(exc).__name__})", answer_begun=True) from exc
        if not chunk:
            raise StopAsyncIteration
        return chunk


class _Exchange:
    """One request and its answer, as a context manager."""

    def __init__(self, http: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self._http = http
        self._url = url
        self._headers = headers
        self._body = body
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> _AiohttpResponse:
        try:
            # Never follow a redirect: the key in the headers is for this host only.
            self._response = await self._http.post(
                URL(self._url, encoded=True), headers=self._headers, data=self._body, allow_redirects=False
            )
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise _translate(exc) from exc
        return _AiohttpResponse(self._response)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if (response := self._response) is None:  # pragma: no cover (it was entered)
            return
        try:
            if kind is None and not response.content.at_eof():
                await _read_to_end(response.content)
        finally:
            await response.__aexit__(None, None, None)


class AiohttpTransport:
    """Pooled keep-alive connections over aiohttp. Made and closed inside a running event loop."""

    def __init__(
        self,
        *,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # each call has at most one turn: calls are limited where they are accepted
                keepalive_timeout=keep_alive_seconds,
                socket_factory=_open_socket,
            ),
            # An agent's tool may rightly be silent for ten minutes: no time-out on reading.
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; answers still being read are cut off. Idempotent."""
        await self._http.close()

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> _Exchange:
        """See `AgentTransport.post`."""
        return _Exchange(self._http, url, headers, body)

    async def warm(self, url: str) -> bool:
        """See `AgentTransport.warm`. Any answer will do, even a 404: it leaves an open connection in the pool."""
        try:
            async with self._http.head(URL(url, encoded=True).origin(), allow_redirects=False) as response:
                await response.read()
        except (aiohttp.ClientError, OSError, ValueError):
            return False
        return True


async def _read_to_end(content: aiohttp.StreamReader) -> None:
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(END_GRACE_SECONDS):
            for _ in range(_END_GRACE_CHUNKS):
                if not await content.readany():
                    return


def _open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    # A peer that vanished without a word during a silent tool call is noticed after a minute.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # pragma: no branch (macOS has none)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    return opened


def _translate(error: Exception) -> AgentError:
    reason = type(error).__name__
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return AgentUnreachable(f"no connection to the agent ({reason})")
        case aiohttp.InvalidURL() | ValueError():
            return AgentNotConfigured(f"the agent's address or key cannot be used ({reason})")
        case _:
            return AgentBroke(f"the agent broke the connection before answering ({reason})", answer_begun=False)
