"""Several voices as one: where one cannot speak, the next does.

A voice that breaks off in the middle: the next says the rest, from the clause in which it happened. How far the first
had come is reckoned from the sound it gave, on the low side: words said twice are understood, words left out are not.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import structlog

from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech.providers import RequestRefused, Voice
from voicegw.speech.resting import RestingProviders
from voicegw.speech.spoken_text import has_words

FIRST_AUDIO_SECONDS: Final = 2.5
NEXT_AUDIO_SECONDS: Final = 3.0

LONGEST_REQUEST: Final = 1_500
"""Characters that every provider takes at once: Deepgram 2,000, OpenAI 4,096 (or 2,000 tokens). An agent says more."""

_SLOWEST_CHARACTERS_A_SECOND: Final = 10.0
_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")
_CLAUSE: Final = re.compile(r"(?<=[,;:.!?—–])\s+")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class FailoverVoices:
    """Implements `TextToSpeech` over voices in the order of preference."""

    def __init__(self, voices: Sequence[Voice], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._voices = {voice.name: voice for voice in voices}
        self._first = voices[0].name
        self._resting = RestingProviders()
        self._clock = clock

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """See `TextToSpeech`. `request.voice` is a name of the first provider's; the others use their own."""
        for part in split_request(request):
            async with aclosing(self._speak_part(part)) as pieces:
                async for audio in pieces:
                    yield audio

    async def _speak_part(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        for name in self._resting.order(list(self._voices), self._clock()):
            said = 0
            try:
                wanted = request if name == self._first else replace(request, voice="")
                async with aclosing(_in_time(self._voices[name].speak(wanted))) as pieces:
                    async for audio in pieces:
                        said += len(audio)
                        yield audio
                if not said and has_words(request.text):
                    raise SpeechError("the voice gave no sound", retryable=True)  # noqa: TRY301 (handled as any other)
            except (
                Exception
            ) as exc:  # also what a provider's client did not foresee: the next voice speaks all the same
                if not isinstance(exc, RequestRefused):
                    self._resting.note_failure(name, self._clock())
                error = exc.brief if isinstance(exc, SpeechError) else type(exc).__name__
                log.warning("a voice failed", voice=name, error=error, said_seconds=said / MULAW_RATE_HZ)
                request = rest_of(request, said / MULAW_RATE_HZ)
            else:
                self._resting.note_success(name)
                return
        raise SpeechError("no voice could say it", retryable=True)

    async def close(self) -> None:
        """Close the voices."""
        await asyncio.gather(*(voice.close() for voice in self._voices.values()))


def split_request(request: SpeechRequest) -> list[SpeechRequest]:
    """What is said in one request after another, cut after a sentence, else between words; mostly it is one."""
    text, parts = request.text, []
    while len(text) > LONGEST_REQUEST:
        end = max((found.end() for found in _SENTENCE.finditer(text, 0, LONGEST_REQUEST)), default=0)
        end = end or text.rfind(" ", 0, LONGEST_REQUEST) + 1 or LONGEST_REQUEST
        parts.append(replace(request, text=text[:end], ssml=None))
        text = text[end:]
    return [*parts, replace(request, text=text, ssml=None)] if parts else [request]


def rest_of(request: SpeechRequest, said_seconds: float) -> SpeechRequest:
    """What is still to be said when a voice broke off after so much sound: never less than what is missing."""
    said = int(said_seconds * _SLOWEST_CHARACTERS_A_SECOND)
    start = max((found.end() for found in _CLAUSE.finditer(request.text) if found.end() <= said), default=0)
    return replace(request, text=request.text[start:], ssml=None) if start else request


async def _in_time(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The pieces, as long as each comes soon; SpeechError where a voice is stuck."""
    async with aclosing(pieces) as owned:
        seconds = FIRST_AUDIO_SECONDS
        while True:
            try:
                async with asyncio.timeout(seconds):
                    audio = await anext(owned)
            except StopAsyncIteration:
                return
            except TimeoutError as exc:
                raise SpeechError(f"no sound came for {seconds} s", retryable=True) from exc
            seconds = NEXT_AUDIO_SECONDS
            yield audio
