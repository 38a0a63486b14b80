"""One call's ear over a provider's socket: audio out while a speech goes on, words in, one speech at a time.

What is said while the socket is still being opened, or while the words of the speech before are awaited, waits here.
The wire is a `Dialect`'s business. Nothing connects again here: that is `failover_ears`'.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, Transcript

CONNECT_SECONDS: Final = 3.0
END_SECONDS: Final = 1.0
"""How long after the end of a speech its last words are awaited, where the provider may say nothing more."""

_PIECE: Final = MULAW_RATE_HZ // 10  # bytes sent at once: a frame of 20 ms each would be five times the messages
_REST_SECONDS: Final = 4.0
_SURELY_HEARD: Final = 2 * MULAW_RATE_HZ  # so much audio does not pass without a message
_MOST_WAITING: Final = 60 * MULAW_RATE_HZ


log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Words from the provider: settled, or to be said anew; `is_end` where no more of this speech will follow."""

    text: str
    is_settled: bool = False
    is_end: bool = False
    confidence: float | None = None


class Socket(Protocol):
    """An open connection, in a provider's own messages. Raises `SpeechError`."""

    async def send_audio(self, audio: bytes) -> None:
        """More of the speech, mulaw."""

    async def send_end(self) -> bool:
        """The speech is over: its words are wanted. Returns whether there are any that have not come yet."""

    async def send_rest(self) -> None:
        """Nobody speaks: do not close the connection."""

    def hear(self) -> AsyncIterator[Heard]:
        """What the provider says, until it closes."""


class Dialect(Protocol):
    """How one provider is spoken to."""

    def connect(self, request: ListenRequest) -> AbstractAsyncContextManager[Socket]:
        """A new connection. Raises `SpeechError`."""


@dataclass(slots=True)
class _Speech:
    number: int
    settled: list[str] = field(default_factory=list)
    latest: str = ""  # words that are not settled
    confidences: list[float] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    sent_bytes: int = 0
    is_heard: bool = False  # whether the provider said anything during it, be it without words

    def receive(self, heard: Heard) -> None:
        self.is_heard = True
        self.latest = "" if heard.is_settled else heard.text
        if heard.is_settled and heard.text:
            self.settled.append(heard.text)
            if heard.confidence is not None:
                self.confidences.append(heard.confidence)

    def transcript(self, *, final: bool) -> Transcript:
        text = " ".join(part for part in (*self.settled, self.latest) if part)
        confidence = sum(self.confidences) / len(self.confidences) if self.confidences else None
        return Transcript(speech=self.number, text=text, final=final, confidence=confidence)


@dataclass(frozen=True, slots=True)
class _Begin:
    speech: int


@dataclass(frozen=True, slots=True)
class _End:
    pass


class _WantsAnotherConnection(Exception):  # noqa: N818 (not an error: the way out of a connection)
    """Language or hints have changed."""


class StreamedEar:
    """Implements `Ear`; `fail` is called once if the connection cannot be had or breaks."""

    def __init__(
        self,
        dialect: Dialect,
        request: ListenRequest,
        tell: Callable[[Transcript], None],
        fail: Callable[[SpeechError], None],
    ) -> None:
        self._dialect, self._tell, self._fail = dialect, tell, fail
        self._waiting: asyncio.Queue[_Begin | _End | ListenRequest | bytes] = asyncio.Queue()
        self._piece = bytearray()
        self._waiting_bytes = 0
        self._speech: _Speech | None = None
        self._wanted: ListenRequest | None = request  # of the connection to be opened next
        self._task = asyncio.create_task(self._run())

    def begin(self, speech: int, before: bytes) -> None:
        """See `Ear`."""
        self._waiting.put_nowait(_Begin(speech))
        self.put(before)

    def put(self, audio: bytes) -> None:
        """See `Ear`; what a stuck connection cannot take is dropped after a minute."""
        self._piece += audio
        if len(self._piece) >= _PIECE:
            self._flush()

    def pause(self, _speech: int) -> None:
        """See `Ear`; the provider recognises as it hears."""

    def finish(self, _speech: int, _quiet_seconds: float) -> None:
        """See `Ear`."""
        self._flush()
        self._waiting.put_nowait(_End())

    def ask_again(self, request: ListenRequest) -> None:
        """A new connection before the next speech: providers take these wishes only when one is opened."""
        self._waiting.put_nowait(request)

    async def close(self) -> None:
        """See `Ear`."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _flush(self) -> None:
        if self._piece and self._waiting_bytes < _MOST_WAITING:
            self._waiting.put_nowait(bytes(self._piece))
            self._waiting_bytes += len(self._piece)
        self._piece.clear()

    async def _run(self) -> None:
        while self._wanted is not None:
            request, self._wanted = self._wanted, None
            try:
                await self._converse(request)
            except* _WantsAnotherConnection:
                pass
            except* SpeechError as errors:
                self._give_up(next(error for error in errors.exceptions if isinstance(error, SpeechError)))
            except* TimeoutError:
                self._give_up(SpeechError(f"no connection within {CONNECT_SECONDS} s", retryable=True))
            except* Exception:  # the log learns of it, and the call has another recogniser
                log.exception("an ear failed")
                self._give_up(SpeechError("an ear failed", retryable=True))

    def _give_up(self, error: SpeechError) -> None:
        self._wanted = None
        self._fail(error)

    async def _converse(self, request: ListenRequest) -> None:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await stack.enter_async_context(self._dialect.connect(request))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._send(socket))
                both.create_task(self._hear(socket))

    async def _send(self, socket: Socket) -> None:
        while True:
            try:
                item = await asyncio.wait_for(self._waiting.get(), _REST_SECONDS)
            except TimeoutError:
                await socket.send_rest()
                continue
            match item:
                case ListenRequest():
                    self._wanted = item
                case _Begin(speech):
                    self._speech = _Speech(speech)
                case _End():
                    if not await socket.send_end() and self._speech is not None:
                        self._speech.ended.set()
                    await self._await_end()
                case audio:
                    self._waiting_bytes -= len(audio)
                    if self._speech is not None:
                        self._speech.sent_bytes += len(audio)
                    await socket.send_audio(audio)
            if self._wanted is not None and self._speech is None:
                raise _WantsAnotherConnection

    async def _await_end(self) -> None:
        speech = self._speech
        if speech is None:
            return
        try:
            await asyncio.wait_for(speech.ended.wait(), END_SECONDS)
        except TimeoutError:
            if not speech.is_heard and speech.sent_bytes > _SURELY_HEARD:
                raise SpeechError("the provider does not answer", retryable=True) from None
        self._speech = None
        self._tell(speech.transcript(final=True))

    async def _hear(self, socket: Socket) -> None:
        async for heard in socket.hear():
            speech = self._speech
            if speech is None:
                continue
            speech.receive(heard)
            if heard.is_end:
                speech.ended.set()
            elif heard.text:
                self._tell(speech.transcript(final=False))
        raise SpeechError("the provider closed the connection", retryable=True)
