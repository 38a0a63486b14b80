"""The socket of a Media Stream, `/twilio/media`: who may open one, and what it carries to and from a call.

Two keys: the upgrade is signed as every webhook, and the stream's `start` brings a token made for this call. Until
both fit, nothing but the socket itself is held for it. Knows ASGI only, so that another server may take its place.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from voicegw.live.call import LiveCall
from voicegw.live.calls import LiveCalls
from voicegw.twilio.answers import MEDIA_PATH, TOKEN_PARAMETER
from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_line import MediaLine
from voicegw.twilio.media_messages import (
    MULAW_8K,
    Connected,
    KeyReceived,
    MarkReceived,
    MediaReceived,
    StreamStarted,
    StreamStopped,
)
from voicegw.twilio.media_stream import StreamReader
from voicegw.twilio.signature import SETTINGS_HEADER, SIGNATURE_HEADER, SignatureVerifier
from voicegw.twilio.stream_tokens import StreamTokens

START_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
MAX_PENDING: Final = 128
"""Sockets that are signed and have not shown their token yet."""
MESSAGES_PER_SECOND: Final = 100.0
MESSAGES_AT_ONCE: Final = 200.0
"""A caller's line brings 50 frames a second, as many keys as fingers can press (17), a mark for each piece of audio
(at most 17 too), and after a stall those that were held up."""

_NORMAL, _POLICY = 1000, 1008
_SIGNATURE, _SETTINGS = SIGNATURE_HEADER.lower().encode(), SETTINGS_HEADER.lower().encode()

_log = structlog.get_logger(__name__)


class _Gone(Exception):  # noqa: N818 (says what happened)
    """The other side has left."""


class MediaSockets:
    """The ASGI endpoint of all streams. Without a verifier (development on loopback) only the token is looked at."""

    guard = "signed"

    def __init__(
        self, calls: LiveCalls, verifier: SignatureVerifier | None, tokens: StreamTokens, wall: Callable[[], float]
    ) -> None:
        self._calls = calls
        self._verifier = verifier
        self._tokens = tokens
        self._wall = wall
        self._pending = 0

    def route(self) -> WebSocketRoute:
        """Where Twilio connects."""
        return WebSocketRoute(MEDIA_PATH, self)

    def trust(self, verifier: SignatureVerifier | None) -> None:
        """Take on new secrets (a rotation) from the next stream on."""
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not self._is_signed(scope) or self._pending >= MAX_PENDING:
            await send({"type": "websocket.close", "code": _POLICY})  # before it is accepted: 403
            return
        frames = _Frames(receive)
        self._pending += 1
        try:
            await send({"type": "websocket.accept"})
            admitted = await self._admit(frames)
        except (MediaMessageError, TimeoutError) as refused:
            _log.warning("stream refused", reason=str(refused) or f"no start within {START_SECONDS:g} s")
            admitted = None
        except (_Gone, OSError):
            return
        finally:
            self._pending -= 1
        if admitted is None:
            await _close(send, _POLICY)
            return
        await _carry(*admitted, frames, send)

    def _is_signed(self, scope: Scope) -> bool:
        if self._verifier is None:
            return True
        headers: dict[bytes, bytes] = dict(scope["headers"])
        signature = headers.get(_SIGNATURE, b"").decode("latin-1")
        settings = headers.get(_SETTINGS, b"").decode("latin-1") or None
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        # Twilio's own advice for WebSockets: the URL that was signed may have a trailing slash that we never wrote.
        return any(
            self._verifier.verify_get(signed, scope["query_string"], signature, settings)
            for signed in (path, path + b"/")
        )

    async def _admit(self, frames: "_Frames") -> tuple[LiveCall, MediaLine] | None:
        """The call whose stream this is. Raises `MediaMessageError`, `TimeoutError`, `_Gone`."""
        async with asyncio.timeout(START_SECONDS):
            message = await frames.next()
            while isinstance(message, Connected):
                message = await frames.next()
        if not isinstance(message, StreamStarted):
            raise MediaMessageError("something came before the stream began")
        if message.media_format != MULAW_8K:
            raise MediaMessageError("a stream that is not mulaw at 8 kHz")
        token = message.custom_parameters.get(TOKEN_PARAMETER, "")
        number = self._tokens.verify(token, message.call_sid, self._wall())
        if number is None:
            raise MediaMessageError("a stream without a token that fits its call")
        line = MediaLine(message.stream_sid)
        call = await self._calls.open(message.call_sid, number, line)
        if call is None:
            raise MediaMessageError("a stream that no call waits for")
        return call, line


class _Frames:
    """The text frames of one socket, read as messages and held to a pace."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._reader = StreamReader()
        self._clock = asyncio.get_running_loop().time
        self._credit = MESSAGES_AT_ONCE
        self._seen_at = self._clock()

    async def next(self) -> object:
        """The next message. Raises `MediaMessageError`, `_Gone`."""
        event = await self._receive()
        if event["type"] != "websocket.receive":
            raise _Gone
        now = self._clock()
        self._credit = min(MESSAGES_AT_ONCE, self._credit + (now - self._seen_at) * MESSAGES_PER_SECOND) - 1
        self._seen_at = now
        if self._credit < 0:
            raise MediaMessageError("more messages than a caller's line can bring")
        text = event.get("text")
        if not isinstance(text, str):
            raise MediaMessageError("a frame that is no text")
        return self._reader.receive(text)


async def _carry(call: LiveCall, line: MediaLine, frames: _Frames, send: Send) -> None:
    """Both directions, until either side is done."""

    async def write(text: str) -> None:
        await send({"type": "websocket.send", "text": text})

    reading = asyncio.create_task(_read(call, line, frames), name=f"hear-{call.call_sid}")
    writing = asyncio.create_task(_write(line, write, call.call_sid), name=f"speak-{call.call_sid}")
    try:
        await line.closed.wait()
    finally:
        reading.cancel()
        writing.cancel()
        await asyncio.wait({reading, writing})
        call.lose_line()
    if line.overrun:
        _log.warning("stream closed: the carrier does not take what is sent", call_sid=call.call_sid)
    await _close(send, _NORMAL)


async def _read(call: LiveCall, line: MediaLine, frames: _Frames) -> None:
    try:
        while True:
            match await frames.next():
                case MediaReceived(audio=audio) as media if media.from_caller:
                    call.hear(audio)
                case MarkReceived(name=name):
                    call.reach_mark(name)
                case KeyReceived(key=key):
                    call.press(key)
                case StreamStopped():
                    return
                case _:
                    pass
    except MediaMessageError as error:
        _log.warning("stream closed: it broke the protocol", call_sid=call.call_sid, reason=error.message)
    except _Gone:
        pass
    finally:
        line.close()


async def _write(line: MediaLine, write: Callable[[str], Awaitable[None]], call_sid: str) -> None:
    try:
        await line.write(write)
    except OSError as error:
        _log.info("stream closed: the socket broke", call_sid=call_sid, reason=type(error).__name__)
    finally:
        line.close()


async def _close(send: Send, code: int) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await send({"type": "websocket.close", "code": code})
    except (OSError, RuntimeError, TimeoutError):
        pass  # it was closed from the other side
