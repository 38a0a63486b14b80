"""Recognisers of OpenAI, and of any server with its API: a speech is sent when it is over, as a WAV file.

So there are no words while it goes on: a number whose barge-in asks for words needs another recogniser.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from voicegw.audio.mulaw import MULAW_RATE_HZ, decode_mulaw
from voicegw.audio.wav import render_pcm16_wav
from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, Transcript
from voicegw.speech.openai_client import openai_client, openai_errors
from voicegw.speech.providers import language_without_region

DEFAULT_MODEL: Final = "gpt-transcribe"

_MOST_BYTES: Final = 120 * MULAW_RATE_HZ
_SHORTEST_BYTES: Final = MULAW_RATE_HZ // 10  # OpenAI: "Audio file is too short. Minimum audio length is 0.1 seconds."


class OpenAIRecogniser:
    """One request a speech."""

    name = "openai"

    def __init__(self, api_key: str, *, model: str = "", base_url: str = "") -> None:
        self._client = openai_client(api_key, base_url)
        self._model = model or DEFAULT_MODEL

    def open(
        self, request: ListenRequest, tell: Callable[[Transcript], None], fail: Callable[[SpeechError], None]
    ) -> "OpenAIEar":
        """See `Recogniser`."""
        return OpenAIEar(self, request, tell, fail)

    async def recognise(self, audio: bytes, request: ListenRequest) -> str:
        """The words of a speech. Raises `SpeechError`."""
        if len(audio) < _SHORTEST_BYTES:
            return ""
        with openai_errors(told=" ".join((self._client.api_key, *request.hints))):
            answer = await self._client.audio.transcriptions.create(
                file=("speech.wav", render_pcm16_wav(decode_mulaw(audio), MULAW_RATE_HZ), "audio/wav"),
                model=self._model,
                language=language_without_region(request.language),
                prompt=", ".join(request.hints),
                response_format="json",
            )
        return str(answer.text).strip()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


class OpenAIEar:
    """One call's ear; speeches are recognised side by side and told as each is ready."""

    def __init__(
        self,
        recogniser: OpenAIRecogniser,
        request: ListenRequest,
        tell: Callable[[Transcript], None],
        fail: Callable[[SpeechError], None],
    ) -> None:
        self._recogniser, self._request, self._tell, self._fail = recogniser, request, tell, fail
        self._audio = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, _speech: int, before: bytes) -> None:
        """See `Ear`."""
        self._audio = bytearray(before)

    def put(self, audio: bytes) -> None:
        """See `Ear`; what goes on for more than two minutes is cut there."""
        if len(self._audio) < _MOST_BYTES:
            self._audio += audio

    def pause(self, _speech: int) -> None:
        """See `Ear`; nothing is asked twice of a provider."""

    def finish(self, speech: int, _quiet_seconds: float) -> None:
        """See `Ear`."""
        task = asyncio.create_task(self._recognise(speech, bytes(self._audio), self._request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ask_again(self, request: ListenRequest) -> None:
        """See `Ear`."""
        self._request = request

    async def close(self) -> None:
        """See `Ear`."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _recognise(self, speech: int, audio: bytes, request: ListenRequest) -> None:
        try:
            text = await self._recogniser.recognise(audio, request)
        except SpeechError as exc:
            self._fail(exc)
        else:
            self._tell(Transcript(speech=speech, text=text, final=True))
