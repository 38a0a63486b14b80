"""The protocol `raw`: one text message says what comes, then audio goes both ways as binary messages.

Pieces are converted between the telephone's mulaw and the trace's encodings; see `raw_messages` for all the messages.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, assert_never

import structlog

from voicegw.audio.live_encodings import LiveConverter
from voicegw.live.ports import BridgeListener, BridgeRequest
from voicegw.realtime.encodings import open_converters
from voicegw.realtime.link import Link, open_link
from voicegw.realtime.raw_messages import AgentAudio, Clear, End, Unknown, parse_raw_message, render_key, render_start

SLICE_BYTES: Final = 4_000
"""So much of a message is converted before other calls have their turn: a few milliseconds of work, also as MP3."""

_log = structlog.get_logger(__name__)


class RawRealtime:
    """Servers that speak `raw` at one address."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = headers

    async def open(self, request: BridgeRequest, listener: BridgeListener) -> "RawBridge":
        """Connect, and say which call it is. Raises `RealtimeError`."""
        to_server, to_caller = open_converters(request.start)
        link = await open_link(self._url, self._headers, request.call_sid)
        bridge = RawBridge(link, listener, to_server, to_caller)
        link.put_control(render_start(request.call_sid, request.session_key, request.start))
        link.start(bridge.receive, listener.end)
        return bridge


class RawBridge:
    """One caller's way to the server."""

    def __init__(
        self, link: Link, listener: BridgeListener, to_server: LiveConverter, to_caller: LiveConverter
    ) -> None:
        self._link = link
        self._listener = listener
        self._to_server = to_server
        self._to_caller = to_caller
        self._interrupted = False

    def put(self, audio: bytes) -> None:
        """The next piece of what the caller says, as 8 kHz mulaw."""
        if converted := self._to_server.convert(audio):
            self._link.put_audio(converted)

    def press(self, key: str) -> None:
        """The caller pressed a key."""
        self._link.put_control(render_key(key))

    def interrupt(self, heard_seconds: float) -> None:  # noqa: ARG002 (this protocol does not tell the server)
        """What is on its way to the caller was thrown away: the next message begins a new sound."""
        self._interrupted = True
        self._to_caller.reset()

    async def close(self) -> None:
        """Leave, within two seconds."""
        await self._link.leave()

    async def receive(self, message: str | bytes) -> str:
        """Take one message of the server's; returns why the bridge is to end, empty while it goes on."""
        match parse_raw_message(message):
            case AgentAudio(audio=audio):
                await self._hear_agent(audio)
            case Clear():
                self._to_caller.reset()
                self._listener.flush()
            case End():
                return "server-ended"
            case Unknown(text=text):
                _log.debug("unknown realtime message", length=len(text))
            case unreachable:
                assert_never(unreachable)
        return ""

    async def _hear_agent(self, audio: bytes) -> None:
        """Convert a message, slice by slice; what is left of it once it was interrupted is void."""
        self._interrupted = False
        for start in range(0, len(audio), SLICE_BYTES):
            if start:
                await asyncio.sleep(0)
            if self._interrupted:
                return
            if mulaw := self._to_caller.convert(audio[start : start + SLICE_BYTES]):
                self._listener.hear_agent(mulaw)
