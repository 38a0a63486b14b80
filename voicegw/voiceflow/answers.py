"""Reading one answer of the agent, trace by trace, within caps; as a stream, or whole.

Knows no HTTP but slices of a body.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from voicegw.errors import AgentBroke, AgentTalkedTooMuch
from voicegw.voiceflow.sse import MAX_FRAME_BYTES, EventStream, ServerEvent
from voicegw.voiceflow.traces import MalformedTrace, Trace, parse_trace
from voicegw.voiceflow.wire_json import parse_json


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCaps:
    """How much one answer may be. The defaults hold five minutes of speech, or an hour of realtime."""

    max_bytes: int = 16 * 1024 * 1024
    max_frame_bytes: int = MAX_FRAME_BYTES
    max_traces: int = 20_000
    max_seconds: float = 4 * 3600.0


@dataclass(slots=True)
class _Meter:
    """Counts one answer against its caps; every method raises `AgentTalkedTooMuch` at once when it is over."""

    caps: AnswerCaps
    begun_at: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    bytes_read: int = 0
    traces_read: int = 0

    def count_chunk(self, chunk: bytes) -> None:
        self.bytes_read += len(chunk)
        if self.bytes_read > self.caps.max_bytes:
            raise AgentTalkedTooMuch(f"the answer is longer than {self.caps.max_bytes} bytes")
        if asyncio.get_running_loop().time() - self.begun_at > self.caps.max_seconds:
            raise AgentTalkedTooMuch(f"the answer takes longer than {self.caps.max_seconds:g} seconds")

    def count_trace(self) -> None:
        self.traces_read += 1
        if self.traces_read > self.caps.max_traces:
            raise AgentTalkedTooMuch(f"the answer has more than {self.caps.max_traces} traces")


async def read_stream(chunks: AsyncIterator[bytes], caps: AnswerCaps, take: Callable[[Trace], None]) -> None:
    """Have `take` the traces of a streamed answer as they arrive.

    Raises `AgentBroke` if the body ends before the `end` event, `AgentTalkedTooMuch` over a cap.
    """
    meter = _Meter(caps)
    stream = EventStream(caps.max_frame_bytes)
    async for chunk in chunks:
        meter.count_chunk(chunk)
        for event in stream.receive(chunk):
            if event.event == "end":
                return
            # `state`, and events that are new to us, are of no use on a phone.
            if event.event == "trace":
                meter.count_trace()
                take(_parse_event(event))
        if stream.overflowed:
            raise AgentTalkedTooMuch(f"one event is longer than {caps.max_frame_bytes} bytes")
    raise AgentBroke("the answer ended before its `end` event", answer_begun=meter.bytes_read > 0)


async def read_whole(chunks: AsyncIterator[bytes], caps: AnswerCaps, take: Callable[[Trace], None]) -> None:
    """Have `take` the traces of an answer that comes as one JSON document.

    Raises `AgentBroke` if it is no such document, `AgentTalkedTooMuch` over a cap.
    """
    meter = _Meter(caps)
    body = bytearray()
    async for chunk in chunks:
        meter.count_chunk(chunk)
        body += chunk
    try:
        answer = parse_json(body.decode("utf-8-sig", "replace"))
    except ValueError as exc:
        raise AgentBroke("the answer is not JSON", answer_begun=True) from exc
    traces = answer.get("traces") if isinstance(answer, dict) else None
    if not isinstance(traces, list):
        raise AgentBroke("the answer holds no list of traces", answer_begun=True)
    for trace in traces:
        meter.count_trace()
        take(parse_trace(trace))


async def read_bounded(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    """Read a short body, or the first `max_bytes` of a long one."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) >= max_bytes:
            break
    return bytes(body[:max_bytes])


def _parse_event(event: ServerEvent) -> Trace:
    try:
        data = parse_json(event.data)
    except ValueError:
        return MalformedTrace("", event.data, "the event's data is not JSON")
    return parse_trace(data)
