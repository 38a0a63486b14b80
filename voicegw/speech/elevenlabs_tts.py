"""ElevenLabs' voices: mulaw at 8 kHz as it is made, on the vendor's own client."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

import httpx
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError

from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech.providers import language_without_region
from voicegw.speech.refusals import refusal

DEFAULT_URL: Final = "https://api.elevenlabs.io"
DEFAULT_VOICE: Final = "JBFqnCBsd6RMkjVDRZzb"  # the one in the vendor's own examples
MODEL: Final = "eleven_flash_v2_5"  # the quickest; 32 languages

_PIECE_BYTES: Final = 400  # 50 ms; the client would wait for 128
_KEPT_OPEN_SECONDS: Final = 60  # between one sentence and the next
_KEPT_OPEN: Final = 16  # httpcore looks at each of them for every request: hundreds cost more than new ones


class ElevenLabsVoice:
    """A voice is an id there."""

    name = "elevenlabs"

    def __init__(self, api_key: str, *, voice: str = "", base_url: str = "") -> None:
        limits = httpx.Limits(max_keepalive_connections=_KEPT_OPEN, keepalive_expiry=_KEPT_OPEN_SECONDS)
        self._http = httpx.AsyncClient(timeout=10, limits=limits)
        self._key = api_key
        self._client = AsyncElevenLabs(api_key=api_key, base_url=base_url or DEFAULT_URL, httpx_client=self._http)
        self._voice = voice or DEFAULT_VOICE
        self.sound = f"elevenlabs-{MODEL}-{self._voice}"

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """See `Voice`."""
        try:
            made = self._client.text_to_speech.stream(
                request.voice or self._voice,
                text=request.text,
                model_id=MODEL,
                language_code=language_without_region(request.language),
                output_format="ulaw_8000",
                request_options={
                    "max_retries": 0,
                    "chunk_size": _PIECE_BYTES,
                },  # another voice is sooner than another attempt
            )
            async with aclosing(cast("AsyncGenerator[bytes, None]", made)) as pieces:
                async for audio in pieces:
                    yield audio
        except ApiError as exc:
            raise refusal("ElevenLabs", exc.status_code, exc.body, f"{self._key} {request.text}") from None
        except (httpx.HTTPError, OSError) as exc:
            raise SpeechError(f"the connection to ElevenLabs failed: {type(exc).__name__}", retryable=True) from exc

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()
