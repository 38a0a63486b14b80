"""Calls that stay live in the log, because who had them died, are written down as lost a day later."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry
from voicegw.calllog.forgotten import FORGOTTEN_AFTER_SECONDS, ends_of_forgotten_calls
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.writer import CallLogWriter

CallMaker = Callable[..., list[Entry]]


async def write(engine: AsyncEngine, entries: list[Entry]) -> None:
    """As another process would, which then dies."""
    writer = CallLogWriter(engine)
    await writer.start()
    for entry in entries:
        writer.receive(entry)
    await writer.stop(10)


async def test_a_call_without_an_end_is_lost_and_as_long_as_it_was_heard_of(
    engine: AsyncEngine, whole_call: CallMaker
) -> None:
    entries = whole_call("CA1", turns=3)[:-1]
    await write(engine, [*entries, *whole_call("CA2")])
    reader, last = CallLogReader(engine), entries[-1]
    ends = await ends_of_forgotten_calls(reader, last.at + FORGOTTEN_AFTER_SECONDS + 1)
    assert [(end.call_sid, end.at, end.turn) for end in ends] == [("CA1", last.at, last.turn)]
    await write(engine, ends)
    detail = await reader.get_call("CA1")
    assert detail is not None
    call = detail.summary
    assert (call.outcome, call.ended_reason, call.turns) == ("lost", "reaped", 3)
    assert (call.ended_at, call.seconds) == (last.at, last.offset)
    assert not await ends_of_forgotten_calls(reader, last.at + 2 * FORGOTTEN_AFTER_SECONDS)


async def test_an_end_that_two_processes_write_counts_once(engine: AsyncEngine, whole_call: CallMaker) -> None:
    entries = whole_call("CA1")[:-1]
    await write(engine, entries)
    reader = CallLogReader(engine)
    ends = await ends_of_forgotten_calls(reader, entries[-1].at + FORGOTTEN_AFTER_SECONDS + 1)
    await write(engine, ends)
    await write(engine, ends)
    assert [call.outcome for call in (await reader.list_calls()).calls] == ["lost"]


async def test_a_call_that_was_heard_of_since_goes_on(engine: AsyncEngine, whole_call: CallMaker) -> None:
    first, *others = whole_call("CA1")[:-1]
    await write(engine, [first, *others])
    long_ago = first.at + FORGOTTEN_AFTER_SECONDS + (others[-1].at - first.at) / 2
    assert not await ends_of_forgotten_calls(CallLogReader(engine), long_ago)
