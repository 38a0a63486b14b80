"""Voices of OpenAI, and of any server with its API: 24 kHz PCM as it is made → mulaw."""

from collections.abc import AsyncGenerator
from typing import Final

from voicegw.audio.live_resampling import PcmToMulaw
from voicegw.live.ports import SpeechRequest
from voicegw.speech.openai_client import openai_client, openai_errors

DEFAULT_MODEL: Final = "gpt-4o-mini-tts"
DEFAULT_VOICE: Final = "alloy"

_RATE_HZ: Final = 24_000  # of `pcm`: 16-bit signed, little-endian, no header
_PIECE_BYTES: Final = 2_400  # 50 ms


class OpenAIVoice:
    """A voice has a name there, such as `alloy`."""

    name = "openai"

    def __init__(self, api_key: str, *, model: str = "", base_url: str = "") -> None:
        self._client = openai_client(api_key, base_url)
        self._model = model or DEFAULT_MODEL
        self.sound = f"openai-{base_url}-{self._model}-{DEFAULT_VOICE}"

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """See `Voice`."""
        converter = PcmToMulaw(_RATE_HZ)
        with openai_errors(told=f"{self._client.api_key} {request.text}"):
            async with self._client.audio.speech.with_streaming_response.create(
                model=self._model,
                voice=request.voice or DEFAULT_VOICE,
                input=request.text,
                response_format="pcm",
            ) as response:
                async for pcm in response.iter_bytes(_PIECE_BYTES):
                    if mulaw := converter.convert(pcm):
                        yield mulaw
        if rest := converter.flush():
            yield rest

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
