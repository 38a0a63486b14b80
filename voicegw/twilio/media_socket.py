"""The socket of a Media Stream, `/twilio/media`, over ASGI: for any server (`direct_socket` is the faster way)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from voicegw.live.call import LiveCall
from voicegw.twilio.answers import MEDIA_PATH
from voicegw.twilio.media_admission import START_SECONDS, Admission, PacedReader
from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_line import MediaLine
from voicegw.twilio.media_messages import Connected, MediaMessage, StreamStarted

CLOSE_SECONDS: Final = 1.0

_NORMAL, _POLICY = 1000, 1008

_log = structlog.get_logger(__name__)


class _Gone(Exception):  # noqa: N818 (says what happened)
    """The other side has left."""


class MediaSockets:
    """The ASGI endpoint of all streams."""

    guard = "signed"

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def route(self) -> WebSocketRoute:
        """Where Twilio connects."""
        return WebSocketRoute(MEDIA_PATH, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        if not self._admission.accepts(path, scope["query_string"], headers):
            await send({"type": "websocket.close", "code": _POLICY})  # before it is accepted: 403
            return
        frames = _Frames(receive)
        try:
            with self._admission.pending():
                await send({"type": "websocket.accept"})
                call, line = await self._admit(frames)
        except (MediaMessageError, TimeoutError) as refused:
            _log.warning("stream refused", reason=str(refused) or f"no start within {START_SECONDS:g} s")
            await _close(send, _POLICY)
        except (_Gone, OSError):
            return
        else:
            await _carry(call, line, frames, send)

    async def _admit(self, frames: "_Frames") -> tuple[LiveCall, MediaLine]:
        """The call whose stream this is. Raises `MediaMessageError`, `TimeoutError`, `_Gone`."""
        async with asyncio.timeout(START_SECONDS):
            first = await frames.next()
            while isinstance(first, Connected):
                first = await frames.next()
        line = MediaLine(first.stream_sid if isinstance(first, StreamStarted) else "")
        return await self._admission.admit(first, line), line


class _Frames:
    """The messages of one socket, as they come."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._reader = PacedReader(asyncio.get_running_loop().time)

    async def next(self) -> MediaMessage:
        """The next message. Raises `MediaMessageError`, `_Gone`."""
        return self._reader.receive(await self._next_text())

    async def hand_on(self, call: LiveCall) -> bool:
        """Tell `call` what comes next. False once the stream is over. Raises `MediaMessageError`, `_Gone`."""
        return self._reader.hand_on(call, await self._next_text())

    async def _next_text(self) -> str:
        event = await self._receive()
        if event["type"] != "websocket.receive":
            raise _Gone
        text = event.get("text")
        if not isinstance(text, str):
            raise MediaMessageError("a frame that is no text")
        return text


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
        while await frames.hand_on(call):
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
