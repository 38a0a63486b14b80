"""Deepgram's own client, hosted or self-hosted, and its errors in our words: never a key."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from websockets.exceptions import WebSocketException

from voicegw.errors import SpeechError
from voicegw.speech.refusals import refusal

DEFAULT_URL: Final = "https://api.deepgram.com"


def deepgram_client(api_key: str, base_url: str, http: httpx.AsyncClient | None = None) -> AsyncDeepgramClient:
    """A client; the sockets have the same URL with `ws` for `http`. Whoever gives `http` closes it."""
    sockets = base_url.replace("http", "ws", 1)
    environment = DeepgramClientEnvironment(base=base_url, production=sockets, agent=sockets, agent_rest=base_url)
    return AsyncDeepgramClient(api_key=api_key, environment=environment, httpx_client=http)


@contextmanager
def deepgram_errors(told: str = "") -> Iterator[None]:
    """Raise what goes wrong with Deepgram as `SpeechError`; none says what Deepgram was `told`."""
    try:
        yield
    except ApiError as exc:
        # Of a socket that is refused the client says nothing; the header `dg-error` holds "the body of the error".
        headers = getattr(exc.__context__, "headers", {})
        raise refusal("Deepgram", exc.status_code, headers.get("dg-error", exc.body), told) from None
    except (WebSocketException, httpx.HTTPError, OSError) as exc:
        raise SpeechError(f"the connection to Deepgram failed: {type(exc).__name__}", retryable=True) from exc
