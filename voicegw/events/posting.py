"""How an event reaches its receiver: one signed POST over aiohttp, and what came of it. Never raises.

Foreign exceptions end here. No message names what was sent.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import aiohttp
from standardwebhooks import Webhook
from yarl import URL

from voicegw import __version__
from voicegw.events.letters import Letter
from voicegw.events.receivers import Receiver
from voicegw.events.schedule import Answer

ANSWER_TIMEOUT_SECONDS = 10.0
MAX_CONNECTIONS = 64
_MAX_ANSWER_BYTES = 1024


class Poster(Protocol):
    """Brings one letter to its receiver."""

    async def post(self, receiver: Receiver, letter: Letter, now: float) -> Answer:
        """Say what came of it; never raises. `now` (epoch seconds) is the time that the signature names."""
        ...

    async def close(self) -> None:
        """Idempotent."""
        ...


class HttpPoster:
    """Implements `Poster`. Made and closed inside a running event loop."""

    def __init__(self, *, timeout_seconds: float = ANSWER_TIMEOUT_SECONDS) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_MAX_ANSWER_BYTES,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """See `Poster.close`."""
        await self._http.close()

    async def post(self, receiver: Receiver, letter: Letter, now: float) -> Answer:
        """See `Poster.post`. Follows no redirect: only the operator says where events go."""
        try:
            async with self._http.post(
                URL(receiver.url, encoded=True),
                data=letter.body.encode(),
                headers=signed_headers(receiver, letter, now),
                allow_redirects=False,
            ) as response:
                with suppress(aiohttp.ClientError, OSError, TimeoutError):  # the status is all that counts
                    await response.content.read(_MAX_ANSWER_BYTES)
                return Answer(status=response.status)
        except TimeoutError:
            return Answer(status=None, reason="no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(status=None, reason=_reason(error))


def signed_headers(receiver: Receiver, letter: Letter, now: float) -> dict[str, str]:
    """The headers of Standard Webhooks: the message's id, the time, and the signature over both and the body."""
    at = datetime.fromtimestamp(int(now), UTC)
    return {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"voicegw/{__version__}",
        "webhook-id": letter.message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": Webhook(receiver.secret.get_secret_value()).sign(letter.message_id, at, letter.body),
    }


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return f"no TLS connection ({type(error).__name__})"
        case aiohttp.ClientConnectorError():
            return f"no connection ({error.os_error.strerror or type(error.os_error).__name__})"
        case _:
            return f"the connection broke ({type(error).__name__})"
