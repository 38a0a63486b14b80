"""Offline speech to text for all calls (English): while a caller speaks, what was said so far is recognised anew.

Recognising takes a few percent of the time the speech took, in two threads. Final words go first: partial ones are
made only while both threads have nothing to do. A long speech is cut at its quietest place and its pieces are settled
as it goes on, so the final words never wait for more than `LONGEST_SECONDS` of audio.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, Transcript
from voicegw.speech.moonshine_model import MoonshineModel, Recognised
from voicegw.speech.providers import UnknownLanguage
from voicegw.speech.spoken_digits import join_spoken_digits
from voicegw.speech.waveform import read_mulaw, read_mulaw_at_16_khz

LONGEST_SECONDS: Final = 12.0
PARTIAL_SECONDS: Final = 0.7
"""How much more must have been said before partial words are made again."""

_LONGEST: Final = int(LONGEST_SECONDS * MULAW_RATE_HZ)
_EARLIEST_CUT: Final = _LONGEST // 2
_PARTIAL: Final = int(PARTIAL_SECONDS * MULAW_RATE_HZ)
_THREADS: Final = 2
_QUIET_KEPT: Final = int(0.3 * MULAW_RATE_HZ)  # in a longer silence after the last word the model hears thanks
_PAUSE: Final = MULAW_RATE_HZ // 5  # the quietest 200 ms are taken for a pause between words


class Moonshine:
    """The recogniser of all calls."""

    name = "offline"

    def __init__(self) -> None:
        self._model = MoonshineModel()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="offline-ear")
        self._running = 0

    def open(
        self, request: ListenRequest, tell: Callable[[Transcript], None], fail: Callable[[SpeechError], None]
    ) -> "MoonshineEar":
        """Hints and the filter of profanities are not its own business: it hears what it hears."""
        return MoonshineEar(self, request, tell, fail)

    @property
    def is_idle(self) -> bool:
        """Whether nobody's words are being recognised."""
        return self._running == 0

    async def recognise(self, audio: bytes) -> Recognised:
        """The words of a piece of mulaw, in a thread. Raises `SpeechError`."""
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._recognise, audio)
        except Exception as exc:  # whatever the runtime raises
            raise SpeechError("offline speech to text failed", retryable=True) from exc
        finally:
            self._running -= 1

    def _recognise(self, audio: bytes) -> Recognised:
        return self._model.recognise(read_mulaw_at_16_khz(audio))

    async def close(self) -> None:
        """Waits for no one."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class MoonshineEar:
    """One call's ear; a speech that was finished is still told of while the next one goes on."""

    def __init__(
        self,
        recogniser: Moonshine,
        request: ListenRequest,
        tell: Callable[[Transcript], None],
        fail: Callable[[SpeechError], None],
    ) -> None:
        self._recogniser, self._tell, self._fail = recogniser, tell, fail
        self._speech: _Speech | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.ask_again(request)

    def ask_again(self, request: ListenRequest) -> None:
        """Fails, in a moment, if it is to hear anything but English."""
        if not request.language.lower().startswith("en"):
            why = f"offline speech to text knows English only, not {request.language}: add a provider to VOICEGW_STT"
            asyncio.get_running_loop().call_soon(self._fail, UnknownLanguage(why))

    def begin(self, speech: int, before: bytes) -> None:
        """See `Ear`."""
        self._speech = _Speech(speech, before, self._recogniser, self._tell)
        task = asyncio.create_task(self._follow(self._speech))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def put(self, audio: bytes) -> None:
        """See `Ear`."""
        if self._speech is not None:
            self._speech.put(audio)

    def pause(self, speech: int) -> None:
        """See `Ear`."""
        if self._speech is not None and self._speech.number == speech:
            self._speech.pause()

    def finish(self, speech: int, quiet_seconds: float) -> None:
        """See `Ear`."""
        if self._speech is not None and self._speech.number == speech:
            self._speech.finish(quiet_seconds)
            self._speech = None

    async def close(self) -> None:
        """See `Ear`."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, speech: "_Speech") -> None:
        try:
            await speech.run()
        except SpeechError as exc:
            self._fail(exc)


class _Speech:
    """One speech while it goes on: the audio that is not settled, and the words of what is."""

    def __init__(self, number: int, before: bytes, recogniser: Moonshine, tell: Callable[[Transcript], None]) -> None:
        self.number = number
        self._recogniser, self._tell = recogniser, tell
        self._audio = bytearray(before)
        self._settled: list[Recognised] = []
        self._heard_bytes = 0  # how much of `_audio` the latest partial words are made of
        self._latest: Recognised | None = None  # of `_audio` as far as it was heard
        self._pauses = False
        self._is_finished = False
        self._quiet_bytes = 0
        self._news = asyncio.Event()

    def put(self, audio: bytes) -> None:
        self._audio += audio
        if len(self._audio) - self._heard_bytes >= _PARTIAL:
            self._news.set()

    def pause(self) -> None:
        self._pauses = True
        self._news.set()

    def finish(self, quiet_seconds: float) -> None:
        self._is_finished = True
        self._quiet_bytes = int(quiet_seconds * MULAW_RATE_HZ)
        self._news.set()

    async def run(self) -> None:
        """Until the final words are told."""
        while not (self._is_finished and len(self._audio) <= _LONGEST):
            if len(self._audio) > _LONGEST:
                await self._settle()
            elif self._pauses or (len(self._audio) - self._heard_bytes >= _PARTIAL and self._recogniser.is_idle):
                self._pauses = False
                self._say(await self._recognise(), final=False)
            else:
                self._news.clear()
                await self._next_news()
        # Whoever paused and then had no more to say is answered with what was recognised in the pause.
        if self._latest is None or len(self._audio) - self._heard_bytes > self._quiet_bytes:
            del self._audio[len(self._audio) - max(0, self._quiet_bytes - _QUIET_KEPT) :]
            self._latest = await self._recognise()
        self._say(self._latest, final=True)

    async def _recognise(self) -> Recognised:
        self._heard_bytes = len(self._audio)
        self._latest = await self._recogniser.recognise(bytes(self._audio))
        return self._latest

    async def _next_news(self) -> None:
        """More audio, or the end; looked for again after a while, in case the threads were busy until now."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), PARTIAL_SECONDS)

    async def _settle(self) -> None:
        cut = quietest_place(bytes(self._audio[:_LONGEST]))
        piece = bytes(self._audio[:cut])
        del self._audio[:cut]
        self._heard_bytes, self._latest = 0, None
        self._settled.append(await self._recogniser.recognise(piece))

    def _say(self, latest: Recognised, *, final: bool) -> None:
        pieces = [piece for piece in (*self._settled, latest) if piece.text]
        text = join_spoken_digits(" ".join(piece.text for piece in pieces))
        confidence = sum(piece.confidence for piece in pieces) / len(pieces) if pieces else None
        self._tell(Transcript(speech=self.number, text=text, final=final, confidence=confidence))


def quietest_place(audio: bytes) -> int:
    """Where to cut mulaw that is too long for one piece: the middle of the quietest 200 ms of its later half."""
    later = read_mulaw(audio[_EARLIEST_CUT:])
    so_far = np.concatenate(([0.0], np.cumsum(later.astype(np.float64) ** 2)))
    return _EARLIEST_CUT + int(np.argmin(so_far[_PAUSE:] - so_far[:-_PAUSE])) + _PAUSE // 2
