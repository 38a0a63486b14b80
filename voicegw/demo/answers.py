"""Answers on the wire: a turn as server-sent events or as one JSON body, with its delays and its faults.

Delays are `asyncio.sleep`, so that an answer also runs on a clock that jumps. Knows no sessions and no keys.
"""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Send

from voicegw.demo.dialogue import Fault
from voicegw.demo.engine import Turn
from voicegw.demo.traces import Trace

# What a broken proxy or a crashed renderer puts where JSON should be.
_GARBAGE = '{"type":"speak","payload":{"message":"I am not '


class _ConnectionTornError(Exception):
    """The answer is to stop in the middle, as when the far side dies."""


class StreamedAnswer(StreamingResponse):
    """A streamed body that may be torn: it is then left without its end, and the server closes the socket."""

    async def stream_response(self, send: Send) -> None:
        """Sends the body as it comes."""
        try:
            await super().stream_response(send)
        except _ConnectionTornError:
            return


def answer_with_events(turn: Turn) -> StreamedAnswer:
    """Returns the answer of `/v4/interact/stream`: each trace when it is due, then the event `end`."""
    return StreamedAnswer(_events(turn), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


def answer_with_json(turn: Turn) -> StreamedAnswer:
    """Returns the answer of `/v4/interact`: all traces at once, when the last one is due."""
    return StreamedAnswer(_document(turn), media_type="application/json")


async def _events(turn: Turn) -> AsyncIterator[bytes]:
    yield b"\n"  # The vendor's body opens with a blank line.
    next_id = len(turn.outputs) + 1
    for event_id, output in enumerate(turn.outputs, start=1):
        await asyncio.sleep(output.delay_seconds)
        yield _frame("trace", event_id, _one_line(output.trace))
    match turn.fault.kind if turn.fault else None:
        case None:
            yield _frame("end", next_id, "{}")
        case "garbage":
            yield _frame("trace", next_id, _GARBAGE)
            yield _frame("end", next_id + 1, "{}")
        case "reset":
            yield _frame("trace", next_id, _GARBAGE).rstrip()
    await _break_off(turn.fault)


async def _document(turn: Turn) -> AsyncIterator[bytes]:
    await asyncio.sleep(sum(output.delay_seconds for output in turn.outputs))
    body = _one_line({"traces": [output.trace for output in turn.outputs]}).encode()
    match turn.fault.kind if turn.fault else None:
        case None:
            yield body
        case "garbage":
            yield _GARBAGE.encode()
        case "reset" | "cut-off":
            yield body[: len(body) // 2]
    await _break_off(turn.fault)


async def _break_off(fault: Fault | None) -> None:
    """Tears the connection where the fault says so, after the silence of a stalled one."""
    if fault is not None and fault.kind in ("reset", "stall"):
        await asyncio.sleep(fault.lasting_seconds)
        raise _ConnectionTornError


def _frame(event: str, number: int, data: str) -> bytes:
    return f"event: {event}\nid: {number}\ndata: {data}\n\n".encode()


def _one_line(value: Trace) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
