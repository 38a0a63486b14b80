"""The carrier's side of the stream benchmarks: calls over bare sockets, paced by one tick, as cheap as can be.

A frame is a few pieces of text and one write; its WebSocket mask is zero, so that no byte has to be turned. What comes
back drains in time as at the carrier: marks return when what was before them has been played, a gap within speech is an
underrun that the caller hears.
"""

import asyncio
import base64
import heapq
import os
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from typing import cast
from urllib.parse import urlsplit

from bench.line_echo import LineEcho
from bench.signed_calls import ACCOUNT_SID, PUBLIC_URL, HttpLine, SignedCall, sign

FRAME_SECONDS = 0.02
FRAME_BYTES = 160
_TICK_SECONDS = 0.005
_PHASES = round(FRAME_SECONDS / _TICK_SECONDS)
_GAP_SECONDS = 0.4
"""What is silent for longer was a pause between two things said, not a hole in one."""
_DECIDED_SECONDS = 0.5
_QUIET = bytes([0xFF] * FRAME_BYTES)
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_PARAMETER = re.compile(rb'<Parameter name="([^"]+)" value="([^"]+)"')
_STREAM_URL = re.compile(rb'<Stream[^>]* url="([^"]+)"')
_PAYLOAD = re.compile(r'"payload": ?"([^"]*)"')
_MARK = re.compile(r'"name": ?"([^"]*)"')


@dataclass(slots=True)
class Heard:
    """What the callers heard, and how well they were served. Seconds; `late` is how late our own ticks were, `over_us`
    how often a caller began to speak over the agent; from there, `clears` is how long it took to the carrier's `clear`,
    `silences` to the last sound of the agent's for a while (the carrier's own way to the telephone apart)."""

    underruns: int = 0
    spoken_bytes: int = 0
    waits: list[float] = field(default_factory=list)
    over_us: int = 0
    clears: list[float] = field(default_factory=list)
    silences: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    broken: int = 0


def cut(mulaw: bytes) -> tuple[str, ...]:
    """Audio as the base64 of its frames."""
    frames = [mulaw[at : at + FRAME_BYTES] for at in range(0, len(mulaw), FRAME_BYTES)]
    return tuple(base64.b64encode(frame.ljust(FRAME_BYTES, b"\xff")).decode() for frame in frames)


class StreamCall(asyncio.Protocol):
    """One call: it says `script` over and over, from its frame number `begin_at` on; at the frames in `stops` the
    caller has said what is to be answered, at those in `onsets` they begin to. `heard` is shared by all; with `echo`
    the caller's telephone lets the agent's voice back into the line."""

    def __init__(
        self,
        number: int,
        script: Sequence[str],
        stops: Collection[int],
        begin_at: int,
        heard: Heard,
        onsets: Collection[int] = (),
        echo: LineEcho | None = None,
    ) -> None:
        self._number = number
        self.call_sid = f"CA{number:032x}"  # until it rings
        self.stream_sid = f"MZ{number:032x}"
        self.due: list[tuple[float, int, str]] = []
        self._script = script
        self._stops = stops
        self._onsets = onsets
        self._echo = echo
        self._onset_at: float | None = None
        self._cleared: tuple[float, float] | None = None  # the onset of a voice, and when it was cleared for
        self._place = begin_at % len(script)
        self._heard = heard
        self._sent = 0
        self._received = b""
        self._upgraded = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._plays_until = 0.0
        self._stopped_at: float | None = None
        self._marks = 0
        self._started = False
        self.closing = False

    async def connect(self, port: int, *, ring: bool) -> None:
        """Ring (a server that has no webhooks is connected to at once), upgrade, start."""
        path, parameters = "/twilio/media", "{}"
        if ring:
            line = HttpLine(port)
            call = SignedCall(line, self._number)
            self.call_sid = call.call_sid
            document = await call.ring()
            line.close()
            url = _STREAM_URL.search(document)
            if url is None:
                raise RuntimeError(f"no stream in {document!r}")
            path = urlsplit(unescape(url[1].decode())).path
            found = {name.decode(): unescape(value.decode()) for name, value in _PARAMETER.findall(document)}
            parameters = "{" + ",".join(f'"{name}":"{value}"' for name, value in found.items()) + "}"
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", port)
        signature = sign(PUBLIC_URL.replace("https:", "wss:") + path, {})
        self._write_raw(
            f"GET {path} HTTP/1.1\r\nHost: gateway.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
            f"X-Twilio-Signature: {signature}\r\n\r\n".encode()
        )
        await self._upgraded
        self._send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        self._send(
            f'{{"event":"start","sequenceNumber":"1","start":{{"accountSid":"{ACCOUNT_SID}","streamSid":"{self.stream_sid}",'
            f'"callSid":"{self.call_sid}","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,'
            f'"channels":1}},"customParameters":{parameters}}},"streamSid":"{self.stream_sid}"}}'
        )
        self._started = True

    def say_next(self, now: float) -> None:
        """The next 20 ms of the caller's line."""
        if not self._started or self._transport is None or self._transport.is_closing():
            return
        if self._place in self._onsets and self._plays_until > now:
            self._note_silence()
            self._onset_at = now
            self._heard.over_us += 1
        self._sent += 1
        number, payload = self._sent, self._script[self._place]
        if self._echo is not None:
            payload = self._echo.hear(payload, now)
        self._send(
            f'{{"event":"media","sequenceNumber":"{number + 1}","media":{{"track":"inbound","chunk":"{number}",'
            f'"timestamp":"{number * 20}","payload":"{payload}"}},"streamSid":"{self.stream_sid}"}}'
        )
        self._place += 1
        if self._place in self._stops:
            self._stopped_at = now
        if self._place == len(self._script):
            self._place = 0

    def name_marks(self, now: float) -> None:
        """Send the marks back that playing has reached."""
        while self.due and self.due[0][0] <= now:
            _, _, name = heapq.heappop(self.due)
            self._send(
                f'{{"event":"mark","sequenceNumber":"{self._sent + 2}","mark":{{"name":"{name}"}},'
                f'"streamSid":"{self.stream_sid}"}}'
            )

    def hang_up(self) -> None:
        """Leave."""
        self._note_silence()
        if self._onset_at is not None and asyncio.get_running_loop().time() - self._onset_at < _DECIDED_SECONDS:
            self._heard.over_us -= 1  # nobody could have fallen silent for it yet
        self.closing = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        if not self.closing:
            self._heard.broken += 1
            if not self._upgraded.done():
                self._upgraded.set_exception(ConnectionError("closed before the upgrade"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._upgraded.done():
            head, separator, rest = self._received.partition(b"\r\n\r\n")
            if not separator:
                return
            self._received = rest
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._upgraded.set_exception(RuntimeError(f"no upgrade: {head[:80]!r}"))
                return
            self._upgraded.set_result(None)
        while (frame := self._take_frame()) is not None:
            self._receive(frame, asyncio.get_running_loop().time())

    def _take_frame(self) -> str | None:
        received = self._received
        if len(received) < 4:
            return None
        length, start = received[1] & 0x7F, 2
        if length == 126:
            length, start = int.from_bytes(received[2:4], "big"), 4
        if len(received) < start + length:
            return None
        self._received = received[start + length :]
        return received[start : start + length].decode("utf-8", "replace") if received[0] & 0x0F == 1 else ""

    def _receive(self, text: str, now: float) -> None:
        if '"media"' in text and (payload := _PAYLOAD.search(text)):
            self._play(payload[1], now)
        elif '"mark"' in text and (mark := _MARK.search(text)):
            self._marks += 1
            heapq.heappush(self.due, (max(now, self._plays_until), self._marks, mark[1]))
        elif '"clear"' in text:
            if self._onset_at is not None:
                self._heard.clears.append(now - self._onset_at)
                self._cleared = (self._onset_at, now)
                self._onset_at = None
            if self._echo is not None:
                self._echo.clear(now)
            self._plays_until = now
            self.due = [(now, number, name) for _, number, name in self.due]

    def _play(self, payload: str, now: float) -> None:
        heard = self._heard
        audio_bytes = len(payload) * 3 // 4 - payload.count("=")
        heard.spoken_bytes += audio_bytes
        if self._echo is not None:
            self._echo.play(payload, max(now, self._plays_until))
        if self._plays_until < now:
            if now - self._plays_until < _GAP_SECONDS:
                heard.underruns += 1
            if self._stopped_at is not None:
                heard.waits.append(now - self._stopped_at)
                self._stopped_at = None
        self._plays_until = max(now, self._plays_until) + audio_bytes / 8000
        if self._cleared is not None and now - self._cleared[1] < _GAP_SECONDS:
            self._cleared = self._cleared[0], self._plays_until  # it was not silent yet

    def _note_silence(self) -> None:
        if self._cleared is not None:
            onset_at, silent_at = self._cleared
            self._heard.silences.append(silent_at - onset_at)
            self._cleared = None

    def _send(self, text: str) -> None:
        content = text.encode()
        size = len(content)
        head = b"\x81" + (bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big"))
        self._write_raw(head + b"\0\0\0\0" + content)

    def _write_raw(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def come_first() -> None:
    """Be served before whatever else a shared machine does, where that is permitted: what is measured is work, and a
    caller hears a wait for somebody else's build as ours."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


async def keep_talking(calls: Sequence[StreamCall], heard: Heard, seconds: float) -> None:
    """Pace all calls for so long."""
    loop = asyncio.get_running_loop()
    buckets = [calls[phase::_PHASES] for phase in range(_PHASES)]
    began_at = loop.time()
    for tick in range(round(seconds / _TICK_SECONDS)):
        due_at = began_at + tick * _TICK_SECONDS
        if (wait := due_at - loop.time()) > 0:
            await asyncio.sleep(wait)
        elif tick % 4 == 0:
            await asyncio.sleep(0)
        now = loop.time()
        heard.late.append(now - due_at)
        for call in buckets[tick % _PHASES]:
            call.say_next(now)
        for call in calls:
            if call.due and call.due[0][0] <= now:
                call.name_marks(now)


def quiet_frames(count: int) -> tuple[str, ...]:
    """A line on which nobody speaks."""
    return cut(_QUIET) * count
