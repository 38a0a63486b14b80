"""Reading an answer from slices of a body."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from voicegw.voiceflow.answers import AnswerCaps, read_stream
from voicegw.voiceflow.traces import Trace


async def test_nothing_is_read_beyond_the_end_event() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"event: end\ndata: {}\n\n"
        pytest.fail("more was read")

    traces: list[Trace] = []
    await read_stream(chunks(), AnswerCaps(), traces.append)
    assert traces == []
