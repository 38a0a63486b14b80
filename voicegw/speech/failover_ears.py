"""Several recognisers as one: a final transcript always comes, and in time.

The audio of a speech is kept until its final words are told. A recogniser that fails is opened once more for this
call, then the next takes over; either is given the speech from its beginning. One that is silent after the end of a
speech is overtaken by the next; when time is up, the words so far are final.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.errors import SpeechError
from voicegw.live.ports import Ear, ListenRequest, Transcript
from voicegw.speech.providers import Recogniser, RequestRefused
from voicegw.speech.resting import RestingProviders

OVERTAKEN_SECONDS: Final = 1.5
FINAL_SECONDS: Final = 2.4

_MOST_KEPT: Final = 60 * MULAW_RATE_HZ

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class FailoverEars:
    """Implements `SpeechToText` over recognisers in the order of preference."""

    def __init__(self, recognisers: Sequence[Recogniser]) -> None:
        self.recognisers = {recogniser.name: recogniser for recogniser in recognisers}
        self.resting = RestingProviders()

    def open(self, request: ListenRequest, tell: Callable[[Transcript], None]) -> Ear:
        """See `SpeechToText`."""
        return FailoverEar(self, request, tell)

    async def close(self) -> None:
        """Close the recognisers."""
        await asyncio.gather(*(recogniser.close() for recogniser in self.recognisers.values()))


@dataclass(slots=True)
class _Speech:
    """A speech whose final words are not told yet."""

    number: int
    audio: bytearray
    is_finished: bool = False
    text: str = ""
    confidence: float | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def stop_timers(self) -> None:
        for timer in self.timers:
            timer.cancel()


class FailoverEar:
    """One call's ear. Only what the ear that is open now says counts."""

    def __init__(self, ears: FailoverEars, request: ListenRequest, tell: Callable[[Transcript], None]) -> None:
        self._ears, self._request, self._tell = ears, request, tell
        self._loop = asyncio.get_running_loop()
        self._speeches: dict[int, _Speech] = {}
        self._spoken: _Speech | None = None
        self._failed: set[str] = set()  # since this call was last between two speeches
        self._unfit: set[str] = set()  # for what is asked for
        self._closing: set[asyncio.Task[None]] = set()
        self._turn: object = None  # of the ear that counts
        self._name: str | None = None
        self._ear: Ear | None = None
        self._open(self._best())

    def begin(self, speech: int, before: bytes) -> None:
        """See `Ear`. Between two speeches it goes back to a better recogniser whose rest is over."""
        if not self._speeches:
            self._failed.clear()
            if self._unfit.issuperset(self._ears.recognisers):
                self._unfit.clear()  # rather refused again than deaf: it may have been about one speech
            if (best := self._best()) != self._name:
                self._open(best)
        self._spoken = self._speeches[speech] = _Speech(speech, bytearray(before))
        if self._ear is not None:
            self._ear.begin(speech, before)

    def put(self, audio: bytes) -> None:
        """See `Ear`."""
        if self._spoken is None:
            return
        if len(self._spoken.audio) < _MOST_KEPT:
            self._spoken.audio += audio
        if self._ear is not None:
            self._ear.put(audio)

    def pause(self, speech: int) -> None:
        """See `Ear`."""
        if self._ear is not None and speech in self._speeches:
            self._ear.pause(speech)

    def finish(self, speech: int, quiet_seconds: float) -> None:
        """See `Ear`."""
        ended = self._speeches.get(speech)
        if ended is None or ended.is_finished:
            return
        self._spoken = None
        ended.is_finished = True
        ended.timers = [
            self._loop.call_later(OVERTAKEN_SECONDS, self._overtake, ended),
            self._loop.call_later(FINAL_SECONDS if self._ear is not None else 0.0, self._settle, ended),
        ]
        if self._ear is not None:
            self._ear.finish(speech, quiet_seconds)

    def ask_again(self, request: ListenRequest) -> None:
        """See `Ear`."""
        self._request = request
        self._unfit.clear()
        if self._ear is not None:
            self._ear.ask_again(request)

    async def close(self) -> None:
        """See `Ear`."""
        for speech in self._speeches.values():
            speech.stop_timers()
        self._speeches.clear()
        self._spoken = None
        self._leave()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _best(self) -> str | None:
        """The recogniser to ask next: none where all have failed this call."""
        names = [name for name in self._ears.recognisers if name not in self._failed | self._unfit]
        return next(iter(self._ears.resting.order(names, self._loop.time())), None)

    def _open(self, name: str | None) -> None:
        """Leave the ear for another one, and give it all that is not told yet."""
        self._leave()
        self._name = name
        if name is None:
            for speech in [speech for speech in self._speeches.values() if speech.is_finished]:
                self._settle(speech)
            return
        current = self._turn = object()
        self._ear = self._ears.recognisers[name].open(
            self._request,
            lambda transcript: self._receive(transcript) if self._turn is current else None,
            lambda error: self._receive_failure(error) if self._turn is current else None,
        )
        for speech in self._speeches.values():
            self._ear.begin(speech.number, bytes(speech.audio))
            if speech.is_finished:
                self._ear.finish(speech.number, 0.0)

    def _leave(self) -> None:
        self._turn = None
        if self._ear is not None:
            task = self._loop.create_task(self._ear.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._ear = None

    def _receive(self, transcript: Transcript) -> None:
        speech = self._speeches.get(transcript.speech)
        if speech is None:
            return
        speech.text, speech.confidence = transcript.text, transcript.confidence
        if not transcript.final:
            self._tell(transcript)
        elif speech.is_finished:
            if self._name is not None:
                self._ears.resting.note_success(self._name)
                self._failed.discard(self._name)
            self._settle(speech)

    def _receive_failure(self, error: SpeechError) -> None:
        """A connection may break: the same provider is asked once more before it counts as failed."""
        name = self._name
        if name is None:
            return
        is_first = name not in self._failed
        self._failed.add(name)
        if is_first and error.retryable:
            log.info("a recogniser failed and is opened again", recogniser=name, error=error.brief)
            self._open(name)
            return
        log.warning("a recogniser failed", recogniser=name, error=error.brief, call_sid=self._request.call_sid)
        if isinstance(error, RequestRefused):
            self._unfit.add(name)
        else:
            self._ears.resting.note_failure(name, self._loop.time())
        self._open(self._best())

    def _overtake(self, speech: _Speech) -> None:
        """The end of the speech was a while ago: let the next recogniser try, if there is one."""
        name = self._name
        if name is None or speech.number not in self._speeches:
            return
        self._failed.add(name)
        following = self._best()
        if following is None:
            self._failed.discard(name)
            return
        log.warning("a recogniser is late", recogniser=name, call_sid=self._request.call_sid)
        self._ears.resting.note_failure(name, self._loop.time())
        self._open(following)

    def _settle(self, speech: _Speech) -> None:
        """Tell the final transcript: the words so far, be they none."""
        speech.stop_timers()
        if self._speeches.pop(speech.number, None) is None:
            return
        text, confidence = speech.text, speech.confidence
        self._tell(Transcript(speech=speech.number, text=text, final=True, confidence=confidence))
