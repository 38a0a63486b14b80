"""Reading an answer from slices of a body."""

from __future__ import annotations

from collections.abc import AsyncIterator

from voicegw.voiceflow.answers import AnswerCaps, read_stream
from voicegw.voiceflow.traces import Trace


async def test_little_is_read_beyond_the_end_event() -> None:
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b"event: end\ndata: {}\n\n"
        while True:
            taken += 1
            yield b": more\n"

    traces: list[Trace] = []
    await read_stream(chunks(), AnswerCaps(), traces.append)
    assert traces == []
    assert taken < 10
