"""Fetches audio from the public internet, and from nowhere else (rules in `public_sources.py`).

A name is looked up once, the answer is checked, and the connection goes to the very address that was checked, so an
answer that changes later changes nothing. Every redirect goes through the same gate. Bounded in bytes, seconds and
hops; no cookies, no proxy, nothing unpacked. Knows neither decoders nor caches.
"""

import asyncio
import errno
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from voicegw.prompts.errors import (
    PromptError,
    PromptSourceRefused,
    PromptTooLarge,
    PromptUnreachable,
    PromptUnreadable,
)
from voicegw.prompts.formats import MAX_SOURCE_BYTES
from voicegw.prompts.public_sources import SourceRules, SourceUrl, check_public, is_public, parse_source_url
from voicegw.prompts.validators import Validators, read_fresh_seconds, read_validators

MAX_REDIRECTS: Final = 3
MAX_FETCH_SECONDS: Final = 5.0
MAX_STALL_SECONDS: Final = 2.0  # to connect, to the first byte, and from any byte to the next

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]  # host and port → IP addresses as text
OpenSocket = Callable[[aiohttp.AddrInfoType], socket.socket]

_MAX_CONNECTIONS: Final = 16  # so at most 80 MB of bodies at once
_MAX_LOOKUPS: Final = 4
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RETRYABLE_STATUSES: Final = frozenset({408, 425, 429})
_HEADERS: Final = {
    "User-Agent": "voicegw",
    "Accept": "audio/*, application/octet-stream;q=0.9, */*;q=0.5",
    "Accept-Encoding": "identity",  # audio is compressed already, and what unpacks may be a bomb
}
# Servers often declare audio as video, as bytes or as nothing: only what is surely something else is refused.
_NO_AUDIO: Final = re.compile(
    r"(text|image|font|multipart|message)/.*|application/(json|xml|pdf|zip|javascript|.*\+.*)"
)


@dataclass(frozen=True, slots=True)
class FetchedAudio:
    """The bytes of an audio source, the MIME type that the server declared, and how long they hold."""

    content: bytes
    media_type: str
    validators: Validators
    fresh_seconds: float


@dataclass(frozen=True, slots=True)
class StillTheSame:
    """The source has not changed since the version whose validators were sent along."""

    fresh_seconds: float


class GuardedFetcher:
    """Fetches audio under the operator's rules. Made and closed inside a running event loop.

    `lookup`, `open_socket` and `tls` are the seams to the network: by default the system's.
    """

    def __init__(
        self,
        rules: SourceRules,
        *,
        lookup: Lookup | None = None,
        open_socket: OpenSocket | None = None,
        tls: ssl.SSLContext | bool = True,
        max_seconds: float = MAX_FETCH_SECONDS,
    ) -> None:
        self._rules = rules
        self._max_seconds = max_seconds
        # Of their own: look-ups that hang must not use up the event loop's threads.
        self._threads = ThreadPoolExecutor(_MAX_LOOKUPS, thread_name_prefix="audio-names")
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_CheckedNames(lookup or self._look_up),
                use_dns_cache=False,
                socket_factory=lambda address: open_public_socket(address, open_socket or _open_socket),
                limit=_MAX_CONNECTIONS,
                ssl=tls,
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=MAX_STALL_SECONDS, sock_read=MAX_STALL_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Cut off what is being fetched. Idempotent."""
        await self._http.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, url: str, known: Validators | None = None) -> FetchedAudio | StillTheSame:
        """The audio at this URL; `StillTheSame` only if `known` has validators and the server recognises them.

        Cancel-safe. Raises PromptSourceRefused before anything is sent there, PromptUnreachable (`retryable` unless
        the server said no), PromptTooLarge over 5 MB, PromptUnreadable if it is surely no audio.
        """
        target = parse_source_url(url, self._rules)
        headers = _HEADERS | (known or Validators()).as_request_headers()
        try:
            async with asyncio.timeout(self._max_seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    found = await self._ask(target, headers)
                    if not isinstance(found, SourceUrl):
                        return found
                    target = found
        except PromptError:
            raise
        except TimeoutError as exc:
            raise PromptUnreachable(f"{target.shown} was too slow: audio must come within seconds") from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise PromptUnreachable(f"{target.shown} cannot be fetched ({type(exc).__name__})") from exc
        raise PromptUnreachable(f"{target.shown} redirects on and on", retryable=False)

    async def _ask(self, target: SourceUrl, headers: dict[str, str]) -> FetchedAudio | StillTheSame | SourceUrl:
        """One request; a `SourceUrl` is where the server redirects to."""
        if target.address is not None:
            check_public(target.host, [target.address])
        request = self._http.get(URL(target.text, encoded=True), headers=headers, allow_redirects=False)
        async with request as response:
            if response.status in _REDIRECTS:
                return self._follow(target, response.headers.get("Location", ""))
            if response.status == 304 and headers.keys() != _HEADERS.keys():
                return StillTheSame(read_fresh_seconds(response.headers))
            if response.status != 200:
                retryable = response.status >= 500 or response.status in _RETRYABLE_STATUSES
                raise PromptUnreachable(f"{target.shown} answered with status {response.status}", retryable=retryable)
            return FetchedAudio(
                await _read_body(target, response),
                response.headers.get("Content-Type", ""),
                read_validators(response.headers),
                read_fresh_seconds(response.headers),
            )

    def _follow(self, target: SourceUrl, location: str) -> SourceUrl:
        try:
            return parse_source_url(urljoin(target.text, location), self._rules)
        except PromptSourceRefused as exc:
            raise PromptSourceRefused(f"{target.shown} redirects to where audio is not fetched: {exc.message}") from exc
        except ValueError as exc:
            raise PromptSourceRefused(f"{target.shown} redirects to what is no URL") from exc

    async def _look_up(self, host: str, port: int) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)


def open_public_socket(address: aiohttp.AddrInfoType, open_socket: OpenSocket) -> socket.socket:
    """The last gate, past every parser and resolver: no socket is opened but towards a public address."""
    *_, (host, *_) = address
    if not is_public(ipaddress.ip_address(host)):
        raise PermissionError(errno.EACCES, "not on the public internet")
    return open_socket(address)


class _CheckedNames(AbstractResolver):
    """Looks a name up once, and hands to the connector nothing that was not checked."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 (aiohttp's signature; it asks for both)
    ) -> list[ResolveResult]:
        """All addresses of a name, if all are public; else PromptSourceRefused. OSError if there is none."""
        addresses = [ipaddress.ip_address(text) for text in dict.fromkeys(await self._lookup(host, port))]
        if not addresses:
            raise OSError(errno.ENOENT, "the name has no address")
        check_public(host, addresses)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Holds nothing open."""


async def _read_body(target: SourceUrl, response: aiohttp.ClientResponse) -> bytes:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if _NO_AUDIO.fullmatch(media_type):
        raise PromptUnreadable(f"{target.shown} is {media_type[:40]!r}, not audio")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PromptUnreadable(f"{target.shown} was sent compressed, though it was asked for as it is")
    too_large = PromptTooLarge(f"{target.shown} is over the limit of {MAX_SOURCE_BYTES} bytes")
    if (response.content_length or 0) > MAX_SOURCE_BYTES:
        raise too_large
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_SOURCE_BYTES:
            raise too_large
    return bytes(body)


def _look_up(host: str, port: int) -> list[str]:
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    return socket.socket(family, kind, protocol)
