"""The seam over the network, by aiohttp; also to a gateway that listens elsewhere than its public URL says."""

import asyncio
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from voicegw.simulator.stream.web_socket import SocketRequest
from voicegw.simulator.stream.web_socket_network import NetworkSocket, open_network_socket
from voicegw.simulator.web import (
    BAD_HOST,
    CONNECT_FAILED,
    PROTOCOL_VIOLATION,
    READ_FAILED,
    TLS_FAILED,
    WebAnswer,
    WebError,
    WebRequest,
)


class HttpWeb:
    """Serves `WebClient` over real connections. Use it as an async context.

    `reach` maps a public origin (`https://gateway.example`) to the address where it listens
    (`http://127.0.0.1:8080`); requests keep the public `Host` and say `X-Forwarded-Proto`, as behind a TLS proxy.
    """

    def __init__(self, *, reach: Mapping[str, str] | None = None) -> None:
        self._reach = {_origin(public): address.rstrip("/") for public, address in (reach or {}).items()}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: WebRequest) -> WebAnswer:
        """Send over the network; raises WebError with the vendor's code for what went wrong."""
        if self._session is None:
            raise RuntimeError("use HttpWeb as an async context")
        url, headers = self._located(request)
        timeout = aiohttp.ClientTimeout(sock_connect=request.connect_seconds, sock_read=request.read_seconds)
        try:
            async with self._session.request(
                request.method,
                # As it is written: the signature is over these very characters.
                URL(url, encoded=True),
                data=request.body or None,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                return WebAnswer(status=answer.status, headers=tuple(answer.headers.items()), body=body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            raise _translated(exc) from exc

    async def open_socket(self, request: SocketRequest) -> NetworkSocket:
        """Open a WebSocket; one whose public origin is reached elsewhere is opened there, as `send` does it."""
        return await open_network_socket(request, self._reach.get(_origin(request.url).replace("wss:", "https:", 1)))

    def _located(self, request: WebRequest) -> tuple[str, dict[str, str]]:
        headers = dict(request.headers)
        public = _origin(request.url)
        address = self._reach.get(public)
        if address is None:
            return request.url, headers
        parts = urlsplit(request.url)
        headers["Host"] = parts.netloc
        headers["X-Forwarded-Proto"] = parts.scheme
        return address + request.url[len(f"{parts.scheme}://{parts.netloc}") :], headers


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _translated(exc: BaseException) -> WebError:
    match exc:
        case aiohttp.ClientConnectorDNSError():
            return WebError(BAD_HOST, str(exc), reached=False)
        case aiohttp.ClientSSLError():
            return WebError(TLS_FAILED, str(exc), reached=False)
        case aiohttp.ConnectionTimeoutError():
            return WebError(CONNECT_FAILED, "no connection in time", reached=False)
        case aiohttp.ClientConnectorError():
            return WebError(CONNECT_FAILED, str(exc), reached=False)
        case asyncio.TimeoutError():
            return WebError(READ_FAILED, "no answer in time", reached=True)
        case aiohttp.InvalidURL() | ValueError():
            return WebError(BAD_HOST, f"not a URL: {exc}", reached=False)
        case _:
            return WebError(PROTOCOL_VIOLATION, str(exc) or type(exc).__name__, reached=True)
