"""Deepgram's voices (Aura): mulaw at 8 kHz as it is made, on the vendor's own client."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

import httpx

from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.live.ports import SpeechRequest
from voicegw.speech.deepgram_client import DEFAULT_URL, deepgram_client, deepgram_errors

DEFAULT_VOICE: Final = "aura-2-thalia-en"

_KEPT_OPEN_SECONDS: Final = 60  # between one sentence and the next
_KEPT_OPEN: Final = 16  # httpcore looks at each of them for every request: hundreds cost more than new ones


class DeepgramVoice:
    """A voice is a model there, such as `aura-2-thalia-en`."""

    name = "deepgram"

    def __init__(self, api_key: str, *, voice: str = "", base_url: str = "") -> None:
        limits = httpx.Limits(max_keepalive_connections=_KEPT_OPEN, keepalive_expiry=_KEPT_OPEN_SECONDS)
        self._http = httpx.AsyncClient(timeout=10, limits=limits)
        self._key = api_key
        self._client = deepgram_client(api_key, base_url or DEFAULT_URL, self._http)
        self._voice = voice or DEFAULT_VOICE
        self.sound = f"deepgram-{self._voice}"

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """See `Voice`."""
        with deepgram_errors(told=f"{self._key} {request.text}"):
            made = self._client.speak.v1.audio.generate(
                text=request.text,
                model=request.voice or self._voice,
                encoding="mulaw",
                container="none",
                sample_rate=MULAW_RATE_HZ,
                request_options={"max_retries": 0},  # another voice is sooner than another attempt
            )
            async with aclosing(cast("AsyncGenerator[bytes, None]", made)) as pieces:
                async for audio in pieces:
                    yield audio

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()
