"""Calls older than so many days go with everything that is theirs, and leave nothing behind."""

from pathlib import Path

import pytest
from calllog_rows import DAY, NOON, log_call, log_event, log_records, log_turn
from sqlalchemy import func, make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.records import CallerSpoke
from voicegw.calllog.database import reading
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.removal import scrub
from voicegw.calllog.results import Removed
from voicegw.calllog.retention import delete_old_calls
from voicegw.calllog.schema import calls, outbox, records, turns
from voicegw.errors import CallLogError

CANARY = "zanzibarquark"


async def log_whole_call(engine: AsyncEngine, call_sid: str, started_at: float, words: str) -> None:
    await log_call(engine, call_sid, started_at=started_at, transcript=f"caller: {words}", caller_name=words)
    await log_turn(engine, call_sid, failure=words)
    await log_records(engine, call_sid, CallerSpoke(text=words))
    await log_event(engine, call_sid, f'{{"said":"{words}"}}')


async def count_rows(engine: AsyncEngine) -> dict[str, int]:
    async with reading(engine) as connection:
        return {
            table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (calls, turns, records, outbox)
        }


async def test_old_calls_go_with_all_that_is_theirs_and_young_ones_stay(engine: AsyncEngine):
    await log_whole_call(engine, "CA-old", NOON - 31 * DAY, CANARY)
    await log_whole_call(engine, "CA-young", NOON - 29 * DAY, "hello")
    removed = await delete_old_calls(engine, 30, NOON, pause_seconds=0)
    assert removed == Removed(calls=1, turns=1, records=1, events=1)
    assert await count_rows(engine) == {"calls": 1, "turns": 1, "records": 1, "outbox": 1}
    reader = CallLogReader(engine)
    assert [call.call_sid for call in (await reader.search("hello")).calls] == ["CA-young"]
    assert not (await reader.search(CANARY)).calls


async def test_a_call_of_exactly_that_age_stays(engine: AsyncEngine):
    await log_call(engine, "CA1", started_at=NOON - 30 * DAY)
    assert await delete_old_calls(engine, 30, NOON, pause_seconds=0) == Removed()


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
async def test_calls_go_in_batches_of_any_size(engine: AsyncEngine, batch: int):
    for number in range(5):
        await log_whole_call(engine, f"CA{number}", NOON - 40 * DAY, "hello")
    removed = await delete_old_calls(engine, 30, NOON, batch=batch, pause_seconds=0)
    assert removed == Removed(calls=5, turns=5, records=5, events=5)


async def test_doing_it_again_finds_nothing(engine: AsyncEngine):
    await log_whole_call(engine, "CA-old", NOON - 31 * DAY, CANARY)
    await delete_old_calls(engine, 30, NOON, pause_seconds=0)
    assert await delete_old_calls(engine, 30, NOON, pause_seconds=0) == Removed()


def bytes_on_disk(log_url: str) -> bytes:
    path = Path(make_url(log_url).database or "")
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


async def test_no_free_page_and_no_log_keeps_what_was_said(engine: AsyncEngine, log_url: str, backend: str):
    if backend != "sqlite":
        pytest.skip("a server's files are its own affair")
    for number in range(50):
        await log_whole_call(engine, f"CA{number}", NOON - 31 * DAY, f"{CANARY} {number}" * (number + 1))
        await log_whole_call(engine, f"CB{number}", NOON, f"hello {number}")
    assert CANARY.encode() in bytes_on_disk(log_url)
    await delete_old_calls(engine, 30, NOON, pause_seconds=0)
    assert CANARY.encode() not in bytes_on_disk(log_url)
    # FTS5 keeps words without the start that they share with the word before.
    assert CANARY[4:].encode() not in bytes_on_disk(log_url)


async def test_who_reads_all_the_while_is_named_as_what_stands_in_the_way(
    engine: AsyncEngine, backend: str, open_log, log_url: str, monkeypatch: pytest.MonkeyPatch
):
    if backend != "sqlite":
        pytest.skip("PostgreSQL has no such log")
    await log_whole_call(engine, "CA-old", NOON - 31 * DAY, CANARY)
    monkeypatch.setattr("voicegw.calllog.removal.BUSY_SECONDS", 0.01)
    async with reading(open_log(log_url)) as other:
        await other.execute(select(calls.c.id))
        await log_call(engine, "CA-new")
        with pytest.raises(CallLogError, match="is being read"):
            await scrub(engine, pause_seconds=0)
    await scrub(engine, pause_seconds=0)
