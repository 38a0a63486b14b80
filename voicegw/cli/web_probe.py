"""Single HTTP requests for `voicegw check`: what answered, in what words it failed, and how its clock stands."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

PROBE_SECONDS = 8.0
_MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What came back. `failure` says, in words, why nothing did; `mend` what to do then.

    `clock_seconds` is how far the other side's clock is ahead of ours, None where it did not say.
    """

    status: int = 0
    body: bytes = b""
    clock_seconds: float | None = None
    failure: str = ""
    mend: str = ""


class WebProber:
    """Asks, without following redirects and without raising. An async context."""

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS), headers={"User-Agent": "voicegw-check"}
        )
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def get(self, url: str) -> Probe:
        """GET `url`."""
        return await self._ask("GET", url, {}, None)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Probe:
        """POST `body` to `url`."""
        return await self._ask("POST", url, headers, body)

    async def upgrade(self, url: str, headers: Mapping[str, str]) -> Probe:
        """Open a WebSocket at `url` and close it; the status is 101 where that went well."""
        try:
            async with self._http.ws_connect(URL(url, encoded=True), headers=dict(headers)):
                return Probe(status=101)
        except aiohttp.WSServerHandshakeError as refused:
            return Probe(status=refused.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return _failed(error)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Probe:
        try:
            async with self._http.request(
                method, URL(url, encoded=True), headers=dict(headers), data=body, allow_redirects=False
            ) as answer:
                content = await answer.content.read(_MAX_BODY_BYTES)
                clock = _clock_seconds(answer.headers.get("Date", ""), time.time())
                return Probe(status=answer.status, body=content, clock_seconds=clock)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return _failed(error)


def _failed(error: Exception) -> Probe:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return Probe(
                failure="its TLS certificate is not accepted",
                mend="Use a certificate of a public authority, for this very name, with its whole chain.",
            )
        case aiohttp.ClientConnectorDNSError():
            return Probe(failure="its name is not known", mend="Check the name's spelling and its DNS record.")
        case aiohttp.ClientConnectorError():
            return Probe(
                failure="the connection is refused",
                mend="Start what should listen there; check address, port and firewall.",
            )
        case TimeoutError():
            return Probe(
                failure=f"no answer within {PROBE_SECONDS:.0f} seconds", mend="Check firewall and proxy on the way."
            )
        case _:
            return Probe(
                failure=f"the connection breaks ({type(error).__name__})",
                mend="Check that http(s) is spoken there, and what the proxy's log says.",
            )


def _clock_seconds(date: str, now: float) -> float | None:
    """How far a Date header is ahead of `now` (Unix seconds); it counts whole seconds, so half of one is added."""
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - now
    except ValueError:
        return None
