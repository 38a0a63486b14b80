"""All that the log has of one caller: given out as lines, or gone."""

import json
from pathlib import Path

import pytest
from calllog_rows import CALLER, NOON, log_call, log_document, log_event, log_records, log_turn
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.records import CallerSpoke, ForwardTried, StepAnswered
from voicegw.calllog.database import reading
from voicegw.calllog.privacy import BLOT, export, forget
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.results import CallFilter, Removed
from voicegw.calllog.schema import outbox

OTHER = "+12125550199"
DIGITS = CALLER.removeprefix("+")


async def log_two_callers(engine: AsyncEngine) -> None:
    for sid, number, words in (("CA1", CALLER, "mine"), ("CA2", OTHER, "theirs"), ("CA3", CALLER, "mine again")):
        await log_call(engine, sid, caller_number=number, transcript=f"caller: {words}")
        await log_turn(engine, sid, total_ms=900)
        await log_records(engine, sid, CallerSpoke(text=words))
        await log_event(engine, sid, json.dumps({"from": number}))


async def test_everything_of_a_caller_is_given_out_call_by_call(engine: AsyncEngine):
    await log_two_callers(engine)
    lines = [json.loads(line) async for line in export(engine, CALLER)]
    assert [next(iter(line)) for line in lines] == ["call", "turn", "entries", "event"] * 2
    assert [line["call"]["call_sid"] for line in lines if "call" in line] == ["CA1", "CA3"]
    assert lines[1]["turn"]["total_ms"] == 900
    assert lines[2]["entries"][0]["record"] == {
        "kind": "caller-spoke",
        "text": "mine",
        "confidence": None,
        "quiet_seconds": 0.0,
        "sensitive": False,
    }
    assert json.loads(lines[3]["event"]["body"]) == {"from": CALLER}


async def test_each_is_one_line_whatever_was_said(engine: AsyncEngine):
    await log_call(engine, "CA1", transcript="caller: one\nagent: two\r\u2028")
    await log_document(engine, "CA1", "no\njson")
    lines = [line async for line in export(engine, CALLER)]
    assert len(lines) == 2
    assert all("\n" not in line for line in lines)
    assert json.loads(lines[1]) == {"entries": "no\njson"}


@pytest.mark.parametrize("spelling", ["+1 (212) 555-0123", " +1.212.555.0123 ", CALLER])
async def test_a_number_is_known_in_any_spelling(engine: AsyncEngine, spelling: str):
    await log_two_callers(engine)
    assert len([line async for line in export(engine, spelling)]) == 8
    assert (await forget(engine, spelling, pause_seconds=0)).calls == 2


async def test_a_forgotten_caller_is_gone_and_the_others_are_not(engine: AsyncEngine):
    await log_two_callers(engine)
    assert await forget(engine, CALLER, pause_seconds=0) == Removed(calls=2, turns=2, records=2, events=2)
    assert [line async for line in export(engine, CALLER)] == []
    assert len([line async for line in export(engine, OTHER)]) == 4
    assert [call.call_sid for call in (await CallLogReader(engine).list_calls()).calls] == ["CA2"]


async def test_forgetting_twice_is_forgetting_once(engine: AsyncEngine):
    await log_two_callers(engine)
    await forget(engine, CALLER, pause_seconds=0)
    assert await forget(engine, CALLER, pause_seconds=0) == Removed()


async def test_a_number_is_blotted_out_where_other_calls_mention_it(engine: AsyncEngine):
    await log_call(engine, "CA2", caller_number=OTHER, transcript=f"agent: I connect you with {CALLER}.")
    dialled = ForwardTried(address=CALLER, address_type="phone", attempt=1, ring_seconds=20)
    over_sip = ForwardTried(address=f"sip:{CALLER}@pbx.example.com", address_type="sip", attempt=2, ring_seconds=20)
    answer = StepAnswered(
        name="1/1", seconds=0.1, answer=f'<Dial action="?to=%2B{DIGITS}"><Number>{CALLER}</Number></Dial>'
    )
    await log_records(engine, "CA2", dialled, over_sip, answer)
    await log_event(engine, "CA2", json.dumps({"address": CALLER, "seconds": [1, 2.5, None, True]}))
    assert await forget(engine, CALLER, pause_seconds=0) == Removed(mentions=3)
    found = [entry.record for entry in await CallLogReader(engine).get_entries("CA2")]
    assert found == [
        ForwardTried(address=BLOT, address_type="phone", attempt=1, ring_seconds=20),
        ForwardTried(address=f"sip:{BLOT}@pbx.example.com", address_type="sip", attempt=2, ring_seconds=20),
        StepAnswered(name="1/1", seconds=0.1, answer=f'<Dial action="?to={BLOT}"><Number>{BLOT}</Number></Dial>'),
    ]
    call = await CallLogReader(engine).get_call("CA2")
    assert call is not None
    assert call.transcript == f"agent: I connect you with {BLOT}."
    async with reading(engine) as connection:
        body = (await connection.execute(select(outbox.c.body))).scalar_one()
    assert json.loads(body) == {"address": BLOT, "seconds": [1, 2.5, None, True]}


@pytest.mark.parametrize("longer", [f"{DIGITS}7", f"7{DIGITS}"])
async def test_a_longer_number_is_another_number(engine: AsyncEngine, longer: str):
    await log_call(engine, "CA2", caller_number=OTHER, transcript=f"caller: {longer}")
    await log_event(engine, "CA2", f'{{"order": "{longer}",  "n": 1}}')
    assert await forget(engine, CALLER, pause_seconds=0) == Removed()


@pytest.mark.parametrize("caller", ["", "anonymous", "0123", "+", "%", "+1\0212"])
async def test_what_is_no_number_is_refused_with_the_mend(engine: AsyncEngine, caller: str):
    await log_call(engine, "CA1", caller_number="")
    with pytest.raises(ValueError, match="country code"):
        await forget(engine, caller)
    with pytest.raises(ValueError, match="country code"):
        [line async for line in export(engine, caller)]
    assert len((await CallLogReader(engine).list_calls(CallFilter(caller_number=""))).calls) == 1


async def test_nothing_of_a_forgotten_caller_stays_in_the_file(engine: AsyncEngine, log_url: str, backend: str):
    if backend != "sqlite":
        pytest.skip("a server's files are its own affair")
    await log_two_callers(engine)
    await log_records(engine, "CA2", ForwardTried(address=CALLER, address_type="phone", attempt=1, ring_seconds=20))
    await log_call(engine, "CA4", transcript="caller: zanzibarquark", started_at=NOON)
    path = Path(make_url(log_url).database or "")
    await forget(engine, CALLER, pause_seconds=0)
    held = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert DIGITS.encode() not in held
    assert b"zanzibarquark" not in held
    assert OTHER.encode() in held
