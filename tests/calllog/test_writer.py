"""What the writer of the call log keeps, on each database."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from voicegw.call.entries import Entry, load_entries
from voicegw.call.records import (
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    Noted,
    StepAnswered,
)
from voicegw.calllog.database import reading, writing
from voicegw.calllog.full_text import MAX_TRANSCRIPT_CHARS
from voicegw.calllog.schema import calls, records, turns
from voicegw.calllog.writer import CallLogWriter
from voicegw.errors import CallLogError

Makes = Callable[..., list[Entry]]
MakesEntry = Callable[..., Entry]


@pytest.fixture
async def writer(engine: AsyncEngine) -> AsyncIterator[CallLogWriter]:
    started = CallLogWriter(engine, batch_seconds=3600)  # nothing is written but by `flush`
    await started.start()
    yield started
    await started.stop(5)


async def keep(writer: CallLogWriter, entries: list[Entry]) -> None:
    for entry in entries:
        writer.receive(entry)
    await writer.flush()


async def rows(engine: AsyncEngine, table: object) -> list[dict[str, object]]:
    async with reading(engine) as connection:
        found = await connection.execute(select(table).order_by(text("id")))
        return [dict(row._mapping) for row in found]


async def kept_entries(engine: AsyncEngine, call_sid: str = "CA1") -> list[Entry]:
    return [
        entry
        for row in await rows(engine, records)
        if row["call_sid"] == call_sid
        for entry in load_entries(str(row["entries"]))
    ]


async def test_a_whole_call_is_kept_as_it_was_told(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes
) -> None:
    await keep(writer, whole_call())
    assert await kept_entries(engine) == whole_call()
    (row,) = await rows(engine, records)
    assert (row["schema"], row["count"]) == (1, len(whole_call()))


async def test_a_call_has_a_row_that_sums_it_up(writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes) -> None:
    await keep(writer, whole_call())
    (row,) = await rows(engine, calls)
    assert row == {
        "id": 1,
        "call_sid": "CA1",
        "started_at": 1_795_420_800.0,
        "day": "2026-11-23",
        "caller_number": "+15005550006",
        "called_number": "+15005550001",
        "caller_name": "",
        "mode": "gather",
        "outcome": "completed",
        "ended_reason": "hangup",
        "ended_at": 1_795_420_804.0,
        "seconds": 4.0,
        "turns": 2,
        "failures": 0,
        "last_failure": "",
        "forwards": 0,
        "transcript": "agent: Answer 1\ncaller: Words of turn 2\nagent: Answer 2",
    }


async def test_each_turn_has_its_waterfall(writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes) -> None:
    await keep(writer, whole_call())
    first, second = await rows(engine, turns)
    assert (first["turn"], first["heard"], first["answered_ms"]) == (1, "started", 250)
    assert {name: second[name] for name in second if name != "id"} == {
        "call_sid": "CA1",
        "turn": 2,
        "called_number": "+15005550001",
        "day": "2026-11-23",
        "heard": "said",
        "stopped_ms": -500,
        "sent_ms": 10,
        "first_byte_ms": 100,
        "first_sentence_ms": 200,
        "answered_ms": 250,
        "sounded_ms": None,
        "total_ms": 750,
        "failure": "",
    }


async def test_a_call_is_listed_as_live_from_its_first_entry_on(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes
) -> None:
    await keep(writer, whole_call()[:2])
    (row,) = await rows(engine, calls)
    assert (row["outcome"], row["caller_number"], row["transcript"]) == ("live", "+15005550006", "")


async def test_rows_are_the_same_however_the_entries_are_cut_into_writes(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes
) -> None:
    await keep(writer, whole_call(turns=5))
    for entry in whole_call("CA2", turns=5):
        await keep(writer, [entry])
    whole, cut = await rows(engine, calls)
    assert {**whole, "id": 0, "call_sid": ""} == {**cut, "id": 0, "call_sid": ""}
    found = [{**row, "id": 0} for row in await rows(engine, turns)]
    assert len(found) == 10
    assert [{**row, "call_sid": "CA2"} for row in found if row["call_sid"] == "CA1"] == [
        row for row in found if row["call_sid"] == "CA2"
    ]


@pytest.mark.parametrize("written_before", [1, 8, 14, 19])
async def test_another_process_goes_on_where_one_has_left_off(
    engine: AsyncEngine, whole_call: Makes, written_before: int
) -> None:
    entries = whole_call(turns=3)
    for part in (entries[:written_before], entries[written_before:]):
        writer = CallLogWriter(engine, batch_seconds=0)
        await writer.start()
        await keep(writer, part)
        await writer.stop(5)
    await keep_with_one_writer(engine, whole_call("CA2", turns=3))
    parted, whole = await rows(engine, calls)
    assert {**parted, "id": 0, "call_sid": ""} == {**whole, "id": 0, "call_sid": ""}
    found = await rows(engine, turns)
    of_parted, of_whole = (
        [{**row, "id": 0, "call_sid": ""} for row in found if row["call_sid"] == call_sid]
        for call_sid in ("CA1", "CA2")
    )
    assert of_parted == of_whole


async def keep_with_one_writer(engine: AsyncEngine, entries: list[Entry]) -> None:
    writer = CallLogWriter(engine)
    await writer.start()
    await keep(writer, entries)
    await writer.stop(5)


async def test_two_processes_that_share_a_call_sum_it_up_whole(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes
) -> None:
    entries = whole_call(turns=3)
    other = CallLogWriter(engine, batch_seconds=3600)
    await other.start()
    await keep(writer, entries[:4])
    await keep(other, entries[4:14])
    await keep(writer, entries[14:])
    await other.stop(5)
    (row,) = await rows(engine, calls)
    assert row["transcript"] == (
        "agent: Answer 1\ncaller: Words of turn 2\nagent: Answer 2\ncaller: Words of turn 3\nagent: Answer 3"
    )


async def test_what_another_process_tells_late_does_not_bring_a_call_back_to_life(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes, entry: MakesEntry
) -> None:
    entries = whole_call()
    late = CallLogWriter(engine, batch_seconds=3600)
    await late.start()
    await keep(late, entries[:3])
    await keep(writer, entries[3:])
    await keep(late, [entry(Failed(part="agent", code="agent-broke"), 3.9, 2)])
    await late.stop(5)
    (row,) = await rows(engine, calls)
    assert row["outcome"] == "completed"


async def test_what_comes_after_the_end_is_kept_and_counted(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes, entry: MakesEntry
) -> None:
    await keep(writer, whole_call())
    await keep(writer, [entry(Failed(part="agent", code="agent-broke"), 5.0, 2)])
    (row,) = await rows(engine, calls)
    assert (row["outcome"], row["seconds"], row["failures"], row["last_failure"]) == ("completed", 4, 1, "agent-broke")


async def test_many_calls_in_one_write_stay_apart(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes
) -> None:
    told = [whole_call(f"CA{number}") for number in range(20)]
    await keep(writer, [entry for together in zip(*told, strict=True) for entry in together])
    assert [row["transcript"] for row in await rows(engine, calls)] == [
        "agent: Answer 1\ncaller: Words of turn 2\nagent: Answer 2"
    ] * 20
    assert len(await rows(engine, turns)) == 40
    assert await kept_entries(engine, "CA7") == whole_call("CA7")


async def test_calls_that_are_too_many_to_be_remembered_are_read_back(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes
) -> None:
    writer._calls._max_summaries = 1
    told = [whole_call(f"CA{number}") for number in range(3)]
    for together in zip(*told, strict=True):
        await keep(writer, list(together))
        assert len(writer._calls._summaries) <= 1
    assert [row["transcript"] for row in await rows(engine, calls)] == [
        "agent: Answer 1\ncaller: Words of turn 2\nagent: Answer 2"
    ] * 3


async def test_a_forwarded_call_says_so(writer: CallLogWriter, engine: AsyncEngine, entry: MakesEntry) -> None:
    told = [
        (CallRang(caller_number="", called_number="+15005550001"), 0),
        (ForwardTried(address="+15005550009", address_type="phone", attempt=1, ring_seconds=20), 1),
        (ForwardFinished(outcome="completed", seconds=30, bridged=True), 31),
        (CallEnded(reason="hangup"), 31),
    ]
    await keep(writer, [entry(record, offset) for record, offset in told])
    (row,) = await rows(engine, calls)
    assert (row["outcome"], row["forwards"]) == ("forwarded", 1)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("forward-completed", "forwarded"), ("agent-failed", "failed"), ("reaped", "lost"), ("agent-ended", "completed")],
)
async def test_the_reason_of_its_end_tells_what_became_of_a_call(
    writer: CallLogWriter, engine: AsyncEngine, entry: MakesEntry, reason: str, outcome: str
) -> None:
    await keep(writer, [entry(CallEnded(reason=reason), 3)])
    (row,) = await rows(engine, calls)
    assert (row["outcome"], row["ended_reason"]) == (outcome, reason)


async def test_texts_that_no_database_takes_are_kept_as_far_as_they_can_be(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes, entry: MakesEntry
) -> None:
    long = "x" * 1000
    await keep(writer, whole_call("CA2"))
    await keep(
        writer,
        [
            entry(CallRang(caller_number=long, called_number="+1\0", caller_name="half \ud83d a pair"), 0),
            entry(CallerSpoke(text="nothing\0 here \ud83d"), 1, 1),
            entry(Failed(part="agent", code=long), 2, 1),
            entry(CallEnded(reason=long), 3, 1),
        ],
    )
    _, row = await rows(engine, calls)
    assert (row["caller_number"], row["called_number"], row["caller_name"]) == ("x" * 128, "+1", "half ? a pair")
    assert row["transcript"] == "caller: nothing here ?"
    assert [found.record.kind for found in await kept_entries(engine)] == ["noted", "noted", "failed", "call-ended"]
    assert writer.dropped == 0


async def test_a_transcript_without_end_is_cut_off(
    writer: CallLogWriter, engine: AsyncEngine, entry: MakesEntry
) -> None:
    said = [" ".join(f"w{turn}x{word}" for word in range(2000)) for turn in range(40)]
    await keep(writer, [entry(CallerSpoke(text=text), float(turn), turn) for turn, text in enumerate(said)])
    await keep(writer, [entry(CallEnded(reason="hangup"), 50.0, 40)])
    (row,) = await rows(engine, calls)
    assert MAX_TRANSCRIPT_CHARS - 100 < len(str(row["transcript"])) <= MAX_TRANSCRIPT_CHARS + 1
    assert str(row["transcript"]).endswith("…")
    assert writer.dropped == 0


async def test_a_row_that_the_database_refuses_is_dropped_alone(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes, entry: MakesEntry
) -> None:
    refused = (
        "CREATE TRIGGER refused BEFORE INSERT ON calls WHEN new.call_sid = 'CA2' BEGIN SELECT RAISE(ABORT, 'x'); END"
    )
    if engine.dialect.name == "postgresql":
        refused = "ALTER TABLE calls ADD CHECK (call_sid <> 'CA2')"
    async with writing(engine) as connection:
        await connection.execute(text(refused))
    with capture_logs() as logs:
        await keep(writer, [*whole_call("CA1"), *whole_call("CA2"), *whole_call("CA3")])
    assert [row["call_sid"] for row in await rows(engine, calls)] == ["CA1", "CA3"]
    assert writer.dropped == len(whole_call())
    assert [log["call_sid"] for log in logs] == ["CA2"]
    assert "Words of" not in str(logs)


async def test_a_batch_that_is_not_understood_does_not_end_the_log(
    writer: CallLogWriter, engine: AsyncEngine, whole_call: Makes, entry: MakesEntry
) -> None:
    with capture_logs() as logs:
        await keep(writer, [entry(CallRang(caller_number=None, called_number=""), 0)])  # type: ignore[arg-type]
    assert [log["error"] for log in logs] == ["AttributeError"]
    await keep(writer, whole_call("CA2"))
    assert [row["call_sid"] for row in await rows(engine, calls)] == ["CA2"]
    assert writer.dropped == 1


async def test_a_full_batch_is_written_without_waiting_for_its_time(engine: AsyncEngine, entry: MakesEntry) -> None:
    writer = CallLogWriter(engine, batch_seconds=3600, batch_entries=10)
    await writer.start()
    for number in range(30):
        writer.receive(entry(Noted(about=str(number)), float(number)))
    async with asyncio.timeout(10):
        while writer.waiting:  # noqa: ASYNC110  (`flush` would not wait for the batch to be full)
            await asyncio.sleep(0)
    await writer.stop(5)
    assert [row["count"] for row in await rows(engine, records)] == [10, 10, 10]


async def test_stopping_writes_what_waits(engine: AsyncEngine, whole_call: Makes) -> None:
    writer = CallLogWriter(engine, batch_seconds=3600, batch_entries=7)
    await writer.start()
    for entry in whole_call():
        writer.receive(entry)
    await writer.stop(10)
    assert await kept_entries(engine) == whole_call()


async def test_a_database_without_the_tables_is_refused_at_start(
    empty_url: str, open_log: Callable[..., AsyncEngine]
) -> None:
    with pytest.raises(CallLogError, match="voicegw db upgrade"):
        await CallLogWriter(open_log(empty_url)).start()


async def test_stopping_a_writer_that_never_started_is_fine(engine: AsyncEngine) -> None:
    await CallLogWriter(engine).stop(1)


async def test_a_large_answer_is_kept(writer: CallLogWriter, engine: AsyncEngine, entry: MakesEntry) -> None:
    answered = entry(StepAnswered(name="1/1", seconds=0.1, answer="ä" * 64_000), 1, 1)
    await keep(writer, [answered])
    assert await kept_entries(engine) == [answered]
