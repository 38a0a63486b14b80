"""The socket of a Media Stream straight from the event loop, by picows: no task and no queue stands between a frame
and its call. Fifty frames a second come from every caller; this way one costs a third of what it does over ASGI.

The same rules as `media_socket`: both ask `Admission`. One writes to the transport at once: what it buffers is bounded
by its high-water mark, which is seconds of audio, and a peer that lets it fill up is given up.
"""

import asyncio
from contextlib import ExitStack
from typing import Final

import structlog
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)

from voicegw.live.call import LiveCall
from voicegw.twilio.answers import MEDIA_PATH
from voicegw.twilio.media_admission import START_SECONDS, Admission, PacedReader, hand_on
from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_messages import MAX_MESSAGE_CHARACTERS, Connected, MediaMessage, StreamStarted
from voicegw.twilio.media_outgoing import ClearPlayback, OutgoingMessage, PlayMedia, SetMark, render_message

CLOSE_SECONDS: Final = 1.0
_PATH: Final = MEDIA_PATH.encode()
# To ask an enumeration for its members costs more than anything else that is done with a frame.
_TEXT: Final = WSMsgType.TEXT
_CLOSE: Final = WSMsgType.CLOSE

_log = structlog.get_logger(__name__)


class DirectSockets:
    """Makes a listener for each upgrade that may become a stream."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def listen(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        """Answer an upgrade: with a socket, or with 404 or 403."""
        path, _, query = request.path.partition(b"?")
        if path not in (_PATH, _PATH + b"/"):
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(404), None)
        if not self._admission.accepts(_PATH, query, request.headers):
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(403), None)
        return _DirectSocket(self._admission)


class _DirectLine:
    """The way to one caller. Implements `StreamLine`."""

    def __init__(self, stream_sid: str, transport: WSTransport) -> None:
        self._stream_sid = stream_sid
        self._transport = transport
        self._closed = False

    def send_audio(self, audio: bytes) -> None:
        """See `StreamLine.send_audio`."""
        self._send(PlayMedia(audio))

    def send_mark(self, name: str) -> None:
        """See `StreamLine.send_mark`."""
        self._send(SetMark(name))

    def clear(self) -> None:
        """See `StreamLine.clear`."""
        self._send(ClearPlayback())

    def close(self) -> None:
        """See `StreamLine.close`. Idempotent."""
        if not self._closed:
            self._closed = True
            _close(self._transport, WSCloseCode.OK)

    def _send(self, message: OutgoingMessage) -> None:
        if not self._closed:
            self._transport.send(WSMsgType.TEXT, render_message(self._stream_sid, message).encode())


class _DirectSocket(WSListener):
    """One socket, from its upgrade to its end: frames become messages, messages go to the call."""

    __slots__ = (
        "_admission",
        "_admitting",
        "_call",
        "_deadline",
        "_held",
        "_line",
        "_over",
        "_pending",
        "_reader",
        "_transport",
        "_unfinished",
    )

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._reader = PacedReader(asyncio.get_running_loop().time)
        self._unfinished = b""
        self._call: LiveCall | None = None
        self._line: _DirectLine | None = None
        self._held: list[MediaMessage] = []  # what comes while the call is looked up; the reader's pace bounds it
        self._admitting: asyncio.Task[None] | None = None
        self._over = False
        self._pending = ExitStack()
        self._deadline: asyncio.TimerHandle | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade was answered."""
        self._transport = transport
        self._pending.enter_context(self._admission.pending())
        self._deadline = asyncio.get_running_loop().call_later(
            START_SECONDS, self._refuse, f"no start within {START_SECONDS:g} s"
        )

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """The next frame. Once either side has said goodbye nothing is heard but the peer's goodbye."""
        kind = frame.msg_type
        if kind == _CLOSE:
            self._over = True
            _close(transport, WSCloseCode.OK)
            transport.disconnect()
            return
        if self._over or transport.is_close_frame_sent:
            return
        try:
            is_whole = kind == _TEXT and frame.fin and not self._unfinished
            text = frame.get_payload_as_bytes() if is_whole else self._collect(frame)
            if text is None:
                return
            if self._call is None:
                self._await_call(text)
            elif not self._reader.hand_on(self._call, text):
                self._end(self._call)
        except UnicodeDecodeError:
            self._refuse("a frame that is no text")
        except MediaMessageError as error:
            self._refuse(error.message)

    def pause_writing(self) -> None:
        """The transport has seconds of audio that the carrier does not take."""
        if self._call is not None:
            _log.warning("stream closed: the carrier does not take what is sent", call_sid=self._call.call_sid)
        self._over = True
        self._transport.disconnect(graceful=False)

    def resume_writing(self) -> None:
        """Too late: see `pause_writing`."""

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """The socket is gone, whoever closed it."""
        self._over = True
        self._settle()
        if self._call is not None:
            self._call.lose_line()

    def _collect(self, frame: WSFrame) -> bytes | None:
        """A message in several frames, with the last of them; Twilio sends none, but something in between may."""
        if frame.msg_type == WSMsgType.BINARY:
            raise MediaMessageError("a frame that is no text")
        if frame.msg_type not in (_TEXT, WSMsgType.CONTINUATION):
            return None
        self._unfinished += frame.get_payload_as_bytes()
        if len(self._unfinished) > MAX_MESSAGE_CHARACTERS:
            raise MediaMessageError("a message that is too long")
        if not frame.fin:
            return None
        whole, self._unfinished = self._unfinished, b""
        return whole

    def _await_call(self, text: bytes) -> None:
        """What comes before its call is here."""
        message = self._reader.receive(text.decode())
        if self._admitting is not None:
            self._held.append(message)
        elif not isinstance(message, Connected):
            self._line = _DirectLine(message.stream_sid if isinstance(message, StreamStarted) else "", self._transport)
            self._admitting = asyncio.create_task(self._admit(message, self._line), name="admit-stream")

    async def _admit(self, first: MediaMessage, line: _DirectLine) -> None:
        try:
            self._call = await self._admission.admit(first, line)
        except MediaMessageError as refused:
            self._refuse(refused.message)
            return
        except Exception:  # the task's root: nobody else would close a socket that no call hears
            _log.exception("stream not admitted")
            self._refuse("it could not be admitted")
            return
        finally:
            self._settle()
        held, self._held = self._held, []
        for message in held:
            if not (self._over or hand_on(self._call, message)):
                self._end(self._call)
        if self._over:
            self._call.lose_line()

    def _end(self, call: LiveCall) -> None:
        """The carrier has ended the stream."""
        self._over = True
        call.lose_line()
        if self._line is not None:
            self._line.close()

    def _settle(self) -> None:
        """The socket waits for nothing any more."""
        self._pending.close()
        if self._deadline is not None:
            self._deadline.cancel()

    def _refuse(self, reason: str) -> None:
        """It broke the protocol, or had no business here."""
        self._over = True
        self._settle()
        if self._call is None:
            _log.warning("stream refused", reason=reason)
        else:
            _log.warning("stream closed: it broke the protocol", call_sid=self._call.call_sid, reason=reason)
            self._call.lose_line()
        _close(self._transport, WSCloseCode.POLICY_VIOLATION)


def _close(transport: WSTransport, code: WSCloseCode) -> None:
    """Say goodbye; who does not say it too in time is cut off.

    RFC 6455, 7.1.1: a socket that is closed while its peer still sends answers with a reset, and what the peer has not
    read by then it never will. So we wait for its goodbye, and let what comes before it go by.
    """
    if not transport.is_disconnected:
        transport.send_close(code)
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, transport.disconnect, False)
