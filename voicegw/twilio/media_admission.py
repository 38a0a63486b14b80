"""Who may open a Media Stream, and what its messages mean to a call; whichever server carries the socket.

Two keys: the upgrade is signed as every webhook, and the stream's `start` brings a token made for this call. Until
both fit, nothing but the socket itself is held for it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from voicegw.live.call import LiveCall
from voicegw.live.calls import LiveCalls
from voicegw.live.ports import StreamLine
from voicegw.twilio.answers import TOKEN_PARAMETER
from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_messages import (
    MULAW_8K,
    KeyReceived,
    MarkReceived,
    MediaMessage,
    MediaReceived,
    StreamStarted,
    StreamStopped,
    read_common,
)
from voicegw.twilio.media_stream import StreamReader
from voicegw.twilio.signature import SETTINGS_HEADER, SIGNATURE_HEADER, SignatureVerifier
from voicegw.twilio.stream_tokens import StreamTokens

START_SECONDS: Final = 5.0
MAX_PENDING: Final = 128
"""Sockets that are signed and have not shown their token yet."""
MESSAGES_PER_SECOND: Final = 100.0
MESSAGES_AT_ONCE: Final = 1000.0
"""A caller's line brings 50 frames a second, as many keys as fingers can press (17), a mark for each piece of audio
(at most 17 too), and after a stall all that was held up: a line is given up after ten seconds of nothing, no sooner."""
FRAME_BYTES: Final = 160  # 20 ms

_SIGNATURE, _SETTINGS = SIGNATURE_HEADER.lower(), SETTINGS_HEADER.lower()


class Admission:
    """Lets streams in to their calls. Without a verifier (development on loopback) only the token is looked at."""

    def __init__(
        self, calls: LiveCalls, verifier: SignatureVerifier | None, tokens: StreamTokens, wall: Callable[[], float]
    ) -> None:
        self._calls = calls
        self._verifier = verifier
        self._tokens = tokens
        self._wall = wall
        self._pending = 0

    def trust(self, verifier: SignatureVerifier | None) -> None:
        """Take on new secrets (a rotation) from the next stream on."""
        self._verifier = verifier

    def accepts(self, path: bytes, query: bytes, headers: Mapping[str, str]) -> bool:
        """May this upgrade become a socket? The names of `headers` are in lower case, or looked up without case."""
        return self._pending < MAX_PENDING and self._is_signed(path, query, headers)

    def _is_signed(self, path: bytes, query: bytes, headers: Mapping[str, str]) -> bool:
        if self._verifier is None:
            return True
        signature, settings = headers.get(_SIGNATURE, ""), headers.get(_SETTINGS) or None
        # Twilio's own advice for WebSockets: the URL that was signed may have a trailing slash that we never wrote.
        return any(self._verifier.verify_get(signed, query, signature, settings) for signed in (path, path + b"/"))

    @contextmanager
    def pending(self) -> Iterator[None]:
        """While a socket has not shown its token."""
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    async def admit(self, first: MediaMessage, line: StreamLine) -> LiveCall:
        """The call whose stream begins with `first`, once it speaks through `line`. Raises `MediaMessageError`."""
        if not isinstance(first, StreamStarted):
            raise MediaMessageError("something came before the stream began")
        if first.media_format != MULAW_8K:
            raise MediaMessageError("a stream that is not mulaw at 8 kHz")
        token = first.custom_parameters.get(TOKEN_PARAMETER, "")
        number = self._tokens.verify(token, first.call_sid, self._wall())
        if number is None:
            raise MediaMessageError("a stream without a token that fits its call")
        call = await self._calls.open(first.call_sid, number, line)
        if call is None:
            raise MediaMessageError("a stream that no call waits for")
        return call


class PacedReader:
    """The text frames of one socket, read as messages and held to the protocol and to a pace. A long piece of audio
    counts as the frames that it could have come in. The clock is asked when the credit is used up, no sooner."""

    __slots__ = ("_clock", "_credit", "_filled_at", "_reader")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._reader = StreamReader()
        self._clock = clock
        self._credit = MESSAGES_AT_ONCE
        self._filled_at = clock()

    def receive(self, text: str) -> MediaMessage:
        """The next message. Raises `MediaMessageError`."""
        message = self._reader.receive(text)
        self._spend(max(1.0, len(message.audio) / FRAME_BYTES) if isinstance(message, MediaReceived) else 1.0)
        return message

    def hand_on(self, call: LiveCall, frame: str | bytes) -> bool:
        """Tell `call` what its stream brought with the next frame. False once the stream is over. Raises
        `MediaMessageError`, `UnicodeDecodeError`.

        What the caller says, nearly all that ever comes, takes the shortest way there is."""
        found = read_common(frame, self._reader.stream_sid)
        if found is None:
            return hand_on(call, self.receive(frame if isinstance(frame, str) else frame.decode()))
        if isinstance(found, str):
            self._spend(1.0)
            call.reach_mark(found)
            return True
        if len(found) == FRAME_BYTES and self._credit >= 1.0:
            self._credit -= 1.0
        else:
            self._spend(max(1.0, len(found) / FRAME_BYTES))
        call.hear(found)
        return True

    def _spend(self, messages: float) -> None:
        self._credit -= messages
        if self._credit < 0.0:
            now = self._clock()
            self._credit += min(MESSAGES_AT_ONCE, (now - self._filled_at) * MESSAGES_PER_SECOND)
            self._filled_at = now
            if self._credit < 0.0:
                raise MediaMessageError("more messages than a caller's line can bring")


def hand_on(call: LiveCall, message: MediaMessage) -> bool:
    """Tell the call what its stream brought. False once the stream is over."""
    match message:
        case MediaReceived(audio=audio) if message.from_caller:
            call.hear(audio)
        case MarkReceived(name=name):
            call.reach_mark(name)
        case KeyReceived(key=key):
            call.press(key)
        case StreamStopped():
            return False
        case _:
            pass
    return True
