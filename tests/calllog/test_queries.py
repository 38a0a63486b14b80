"""Lists of calls, one call, its records, and how long callers waited."""

from collections.abc import Sequence
from typing import Any

import pytest
from calllog_rows import CALLED, CALLER, DAY, NOON, log_call, log_document, log_records, log_turn
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call import waterfall
from voicegw.call.records import CallEnded, CallerSpoke, Noted
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.results import CallFilter, CallPage, CallSummary, DayOfWaits, LoggedTurn, Spread


@pytest.fixture
def reader(engine: AsyncEngine) -> CallLogReader:
    return CallLogReader(engine)


def sids(page: CallPage) -> list[str]:
    return [call.call_sid for call in page.calls]


async def test_an_empty_log_has_an_empty_page(reader: CallLogReader):
    assert await reader.list_calls() == CallPage(calls=(), next_after=None)


async def test_a_call_is_listed_with_what_is_known_of_it(engine: AsyncEngine, reader: CallLogReader):
    await log_call(engine, "CA1", caller_name="Ann", failures=2, last_failure="agent-timeout", forwards=1, turns=3)
    (call,) = (await reader.list_calls()).calls
    assert call == CallSummary(
        id=call.id,
        call_sid="CA1",
        started_at=NOON,
        caller_number=CALLER,
        called_number=CALLED,
        caller_name="Ann",
        mode="gather",
        outcome="completed",
        ended_reason="hangup",
        ended_at=NOON + 60,
        seconds=60.0,
        turns=3,
        failures=2,
        last_failure="agent-timeout",
        forwards=1,
    )


async def test_pages_go_back_in_time_and_every_call_is_on_one(engine: AsyncEngine, reader: CallLogReader):
    for number in range(7):
        await log_call(engine, f"CA{number}")
    seen: list[list[str]] = []
    after = None
    while True:
        page = await reader.list_calls(after=after, limit=3)
        seen.append(sids(page))
        after = page.next_after
        if after is None:
            break
    assert seen == [["CA6", "CA5", "CA4"], ["CA3", "CA2", "CA1"], ["CA0"]]


async def test_a_last_page_that_is_full_has_no_next(engine: AsyncEngine, reader: CallLogReader):
    for number in range(4):
        await log_call(engine, f"CA{number}")
    first = await reader.list_calls(limit=2)
    assert (await reader.list_calls(after=first.next_after, limit=2)).next_after is None


async def test_calls_that_come_meanwhile_do_not_move_the_next_page(engine: AsyncEngine, reader: CallLogReader):
    for number in range(4):
        await log_call(engine, f"CA{number}")
    first = await reader.list_calls(limit=2)
    await log_call(engine, "CA-new")
    assert sids(await reader.list_calls(after=first.next_after, limit=2)) == ["CA1", "CA0"]


@pytest.mark.parametrize(("limit", "size"), [(-5, 1), (0, 1), (10**9, 3)])
async def test_a_page_has_a_call_at_least_whatever_is_asked_for(
    engine: AsyncEngine, reader: CallLogReader, limit: int, size: int
):
    for number in range(3):
        await log_call(engine, f"CA{number}")
    assert len((await reader.list_calls(limit=limit)).calls) == size


@pytest.mark.parametrize(("after", "count"), [(10**30, 1), (0, 0), (-(10**30), 0)])
async def test_a_place_that_is_none_is_before_or_after_all(
    engine: AsyncEngine, reader: CallLogReader, after: int, count: int
):
    await log_call(engine, "CA1")
    assert len((await reader.list_calls(after=after)).calls) == count


CALLS: Sequence[tuple[str, dict[str, Any]]] = (
    ("old", {"started_at": NOON - 2 * DAY}),
    ("failed", {"outcome": "failed", "failures": 1, "started_at": NOON - DAY}),
    ("other-caller", {"caller_number": "+12125550199"}),
    ("other-line", {"called_number": "+15005550009"}),
    ("live", {"outcome": "live", "ended_at": None, "seconds": None, "started_at": NOON + 60}),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), ["live", "other-line", "other-caller", "failed", "old"]),
        (CallFilter(caller_number="+12125550199"), ["other-caller"]),
        (CallFilter(called_number="+15005550009"), ["other-line"]),
        (CallFilter(outcome="failed"), ["failed"]),
        (CallFilter(outcome="failed", called_number="+15005550009"), []),
        (CallFilter(has_failure=True), ["failed"]),
        (CallFilter(has_failure=False), ["live", "other-line", "other-caller", "old"]),
        (CallFilter(live=True), ["live"]),
        (CallFilter(live=False), ["other-line", "other-caller", "failed", "old"]),
        (CallFilter(started_from=NOON), ["live", "other-line", "other-caller"]),
        (CallFilter(started_before=NOON), ["failed", "old"]),
        (CallFilter(started_from=NOON - DAY, started_before=NOON), ["failed"]),
        (CallFilter(started_from=NOON + DAY), []),
        (CallFilter(caller_number="+1\0' OR 1=1 --\ud800"), []),
    ],
)
async def test_a_filter_leaves_the_calls_that_are_meant(
    engine: AsyncEngine, reader: CallLogReader, wanted: CallFilter, found: list[str]
):
    for sid, told in CALLS:
        await log_call(engine, sid, **told)
    assert sids(await reader.list_calls(wanted)) == found


async def test_a_call_written_late_is_found_by_when_it_began(engine: AsyncEngine, reader: CallLogReader):
    await log_call(engine, "CA-now")
    await log_call(engine, "CA-late", started_at=NOON - DAY)
    assert sids(await reader.list_calls(CallFilter(started_before=NOON))) == ["CA-late"]


async def test_one_call_has_its_words_and_its_turns_in_order(engine: AsyncEngine, reader: CallLogReader):
    await log_call(engine, "CA1", transcript="caller: hello")
    await log_turn(engine, "CA1", 2, total_ms=900, answered_ms=900, stopped_ms=0)
    await log_turn(engine, "CA1", 1, failure="agent-timeout")
    await log_turn(engine, "CA2", 1)
    call = await reader.get_call("CA1")
    assert call is not None
    assert (call.summary.call_sid, call.transcript) == ("CA1", "caller: hello")
    assert [(turn.turn, turn.total_ms, turn.failure) for turn in call.turns] == [
        (1, None, "agent-timeout"),
        (2, 900, ""),
    ]


@pytest.mark.parametrize("sid", ["CA2", "", "\0", "\ud800"])
async def test_a_call_that_is_not_in_the_log_is_none(engine: AsyncEngine, reader: CallLogReader, sid: str):
    await log_call(engine, "CA1")
    assert await reader.get_call(sid) is None
    assert await reader.get_entries(sid) == ()


async def test_a_turn_as_the_log_keeps_it_can_be_drawn_in_parts():
    times = LoggedTurn(
        turn=1,
        heard="said",
        stopped_ms=-700,
        sent_ms=10,
        first_byte_ms=400,
        first_sentence_ms=900,
        answered_ms=1000,
        sounded_ms=1080,
        total_ms=1780,
        failure="",
    )
    assert sum(milliseconds for _, milliseconds in waterfall.parts(times)) == times.total_ms


async def test_records_come_in_the_order_in_which_they_were_written(engine: AsyncEngine, reader: CallLogReader):
    await log_records(engine, "CA1", CallerSpoke(text="hello"), Noted(about="one"))
    await log_records(engine, "CA2", Noted(about="another call"))
    await log_records(engine, "CA1", CallEnded(reason="hangup"))
    entries = await reader.get_entries("CA1")
    assert [entry.record for entry in entries] == [
        CallerSpoke(text="hello"),
        Noted(about="one"),
        CallEnded(reason="hangup"),
    ]


@pytest.mark.parametrize("document", ["", "{", '"text"', "[1]"])
async def test_records_that_nobody_can_read_do_not_hide_the_others(
    engine: AsyncEngine, reader: CallLogReader, document: str
):
    await log_document(engine, "CA1", document)
    await log_records(engine, "CA1", CallEnded(reason="hangup"))
    unreadable, readable = await reader.get_entries("CA1")
    assert unreadable.record == Noted(about="unreadable-records", fields={"characters": len(document)})
    assert readable.record == CallEnded(reason="hangup")


async def test_waits_are_told_by_number_and_day(engine: AsyncEngine, reader: CallLogReader):
    for turn in range(1, 201):
        await log_turn(engine, "CA1", turn, total_ms=10 * turn)
    await log_turn(engine, "CA2", day="2026-11-24", total_ms=5)
    await log_turn(engine, "CA3", called_number="+15005550009", total_ms=7)
    assert await reader.waits() == (
        DayOfWaits(called_number=CALLED, day="2026-11-23", total=Spread(count=200, p50_ms=1000, p95_ms=1900), parts={}),
        DayOfWaits(called_number="+15005550009", day="2026-11-23", total=Spread(count=1, p50_ms=7, p95_ms=7), parts={}),
        DayOfWaits(called_number=CALLED, day="2026-11-24", total=Spread(count=1, p50_ms=5, p95_ms=5), parts={}),
    )


@pytest.mark.parametrize(("count", "p50", "p95"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (20, 10, 19), (21, 11, 20)])
async def test_percentiles_are_waits_that_somebody_had(
    engine: AsyncEngine, reader: CallLogReader, count: int, p50: int, p95: int
):
    for turn in range(count, 0, -1):
        await log_turn(engine, "CA1", turn, total_ms=turn)
    assert [wait.total for wait in await reader.waits()] == [Spread(count=count, p50_ms=p50, p95_ms=p95)]


async def test_waits_of_one_number_and_a_span_of_days(engine: AsyncEngine, reader: CallLogReader):
    for number in (CALLED, "+15005550009"):
        for day in (22, 23, 24, 25):
            await log_turn(engine, f"CA-{number}-{day}", called_number=number, day=f"2026-11-{day}", total_ms=1)
    waits = await reader.waits(called_number=CALLED, first_day="2026-11-23", last_day="2026-11-24")
    assert [(wait.called_number, wait.day) for wait in waits] == [(CALLED, "2026-11-23"), (CALLED, "2026-11-24")]


WAITS = (
    {"stopped_ms": -700, "sent_ms": 10, "first_byte_ms": 400, "first_sentence_ms": 900, "answered_ms": 1000},
    {"stopped_ms": 0, "sent_ms": 5, "first_sentence_ms": 900, "answered_ms": 1000},
    {"stopped_ms": 0, "sent_ms": 5, "answered_ms": 25_000},
    {"stopped_ms": 0, "sent_ms": 5, "first_byte_ms": 300, "answered_ms": 25_000},
    {"stopped_ms": -550, "sent_ms": 5, "first_sentence_ms": 900, "answered_ms": 1000, "sounded_ms": 1080},
    {"stopped_ms": 0},
    {},
)


@pytest.mark.parametrize("moments", WAITS)
async def test_the_parts_of_waits_are_those_of_a_turn(
    engine: AsyncEngine, reader: CallLogReader, moments: dict[str, int]
):
    await log_turn(engine, "CA1", **moments)
    await log_call(engine, "CA1")
    call = await reader.get_call("CA1")
    assert call is not None
    told = {name: spread.p95_ms for day in await reader.waits() for name, spread in day.parts.items()}
    assert told == dict(waterfall.parts(call.turns[0]))
