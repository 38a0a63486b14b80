"""One call's voice: each prompt that the session asks for becomes audio, in a task of its own.

Knows neither what is said nor when it is played; the session keeps the order. A few prompts are made at a time, and
beside them a few recordings fetched.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import structlog

from voicegw.call.entries import Journal
from voicegw.call.instructions import PlayAudio, PlayChunk, PlayRecording
from voicegw.call.records import Failed
from voicegw.errors import VoicegwError
from voicegw.live.ports import PromptSource, SpeechRequest, TextToSpeech
from voicegw.live.sound import convert_sound

AT_A_TIME: Final = 2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSink:
    """Where audio goes: more of an utterance, its end, or that no more of it can be had."""

    receive: Callable[[int, bytes], None]
    finish: Callable[[int], None]
    fail: Callable[[int], None]


class Mouth:
    """Makes the audio of one call's utterances."""

    def __init__(self, tts: TextToSpeech, prompts: PromptSource, sink: AudioSink, call_sid: str, journal: Journal):
        self._tts = tts
        self._prompts = prompts
        self._sink = sink
        self._call_sid = call_sid
        self._journal = journal
        self._voices = asyncio.Semaphore(AT_A_TIME)
        self._sources = asyncio.Semaphore(AT_A_TIME)  # of their own: no word waits for a server that does not answer
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._sounds: dict[int, asyncio.Queue[PlayChunk]] = {}

    def say(self, utterance: int, request: SpeechRequest) -> None:
        """Make the audio of words."""
        self._begin(utterance, self._tts.speak(request), self._voices)

    def play(self, utterance: int, prompt: PlayAudio | PlayRecording) -> None:
        """Fetch a recording."""
        self._begin(utterance, self._prompts.load(prompt), self._sources)

    def hear_agent(self, utterance: int, chunk: PlayChunk) -> None:
        """The next piece of what the agent says itself; of a message that was stopped it is ignored."""
        if chunk.first:
            self._sounds[utterance] = asyncio.Queue()
            self._begin(utterance, convert_sound(self._sounds[utterance], self._prompts), self._sources)
        if utterance in self._sounds:
            self._sounds[utterance].put_nowait(chunk)

    def stop(self, utterance: int) -> None:
        """Nobody will hear the rest."""
        task = self._tasks.get(utterance)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Stop everything."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, utterance: int, audio: AsyncIterator[bytes], turns: asyncio.Semaphore) -> None:
        task = asyncio.create_task(self._make(utterance, audio, turns), name=f"say-{self._call_sid}")
        self._tasks[utterance] = task
        task.add_done_callback(lambda _: self._forget(utterance))

    def _forget(self, utterance: int) -> None:
        self._tasks.pop(utterance, None)
        self._sounds.pop(utterance, None)

    async def _make(self, utterance: int, audio: AsyncIterator[bytes], turns: asyncio.Semaphore) -> None:
        """The task's root: what fails is told to the session, which knows what else could be heard."""
        try:
            async with turns, aclosing(audio) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    self._sink.receive(utterance, piece)
        except VoicegwError as error:
            _log.warning("prompt not made", call_sid=self._call_sid, code=error.code, reason=error.brief)
            self._journal.note(self._call_sid, Failed(part="prompt", code=error.code, reason=error.message))
            self._sink.fail(utterance)
        except Exception:
            _log.exception("prompt crashed", call_sid=self._call_sid)
            self._journal.note(self._call_sid, Failed(part="gateway", code="prompt-crashed"))
            self._sink.fail(utterance)
        else:
            self._sink.finish(utterance)
