"""From entries to letters: nobody waits, nothing that matters is lost without being counted."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry
from voicegw.call.records import (
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    StepAnswered,
    TurnBegan,
    TurnEnded,
)
from voicegw.calllog import schema
from voicegw.calllog.database import CallLogRowRefused, writing
from voicegw.config import EventReceiver
from voicegw.errors import CallLogError
from voicegw.events import outbox as outboxes
from voicegw.events.folding import TURN_SETTLES_SECONDS
from voicegw.events.outbox import FORGET_CALL_SECONDS, EventOutbox
from voicegw.events.payloads import AgentNames

RANG = CallRang(caller_number="+14155550123", called_number="+14155550100")
ENDED = CallEnded(reason="hangup")
CRM = "http://127.0.0.1:1/in"


@pytest.fixture
async def make(engine: AsyncEngine, wall: Any, names: AgentNames, receive_at: Any) -> Any:
    """Makes outboxes for receivers; they are stopped after the test."""
    made: list[EventOutbox] = []

    def one(*receivers: EventReceiver, **changed: Any) -> EventOutbox:
        settings = {"wall": wall, "linger_seconds": 0, **changed}
        made.append(EventOutbox(engine, receivers or (receive_at(CRM),), lambda _: names, **settings))
        return made[-1]

    yield one
    for each in made:
        await each.stop(5)


async def test_call_becomes_letters_for_those_who_want_them(make: Any, mail: Any, call: Any, receive_at: Any) -> None:
    box = make(receive_at(CRM, "crm", ("runtime.*",)), receive_at(CRM, "till", ("call.failed", "runtime.call.end")))
    for record in (RANG, Failed(part="agent", code="agent-busy"), ENDED):
        box.receive(call.entry(record))
    await box.flush()
    assert [(letter.receiver, letter.type) for letter in await mail.all()] == [
        ("crm", "runtime.call.start"),
        ("till", "call.failed"),
        ("crm", "runtime.call.end"),
        ("till", "runtime.call.end"),
    ]
    assert len({letter.message_id for letter in await mail.all()}) == 4


async def test_agent_is_named_after_the_called_number(
    engine: AsyncEngine, mail: Any, call: Any, wall: Any, receive_at: Any
) -> None:
    box = EventOutbox(engine, [receive_at(CRM)], lambda called: AgentNames(project_id=f"p{called}"), wall=wall)
    box.receive(call.entry(RANG))
    await box.flush()
    assert json.loads((await mail.all())[0].body)["resource"] == "project-p+14155550100"


async def test_without_receivers_nothing_is_kept(
    engine: AsyncEngine, mail: Any, call: Any, wall: Any, names: AgentNames
) -> None:
    box = EventOutbox(engine, [], lambda _: names, wall=wall)
    box.receive(call.entry(RANG))
    await box.flush()
    assert await mail.all() == []


async def test_same_event_made_twice_is_one_letter(make: Any, mail: Any, new_call: Callable[[], Any]) -> None:
    for box in (make(), make()):
        call = new_call()
        box.receive(call.entry(RANG))
        box.receive(call.entry(ENDED))
        await box.flush()
    assert [letter.type for letter in await mail.all()] == ["runtime.call.start", "runtime.call.end"]


async def test_oldest_entry_is_dropped_and_counted_when_too_many_wait(make: Any, mail: Any, call: Any) -> None:
    box = make(max_entries=2)
    for code in ("a", "b", "c"):
        box.receive(call.entry(Failed(part="agent", code=code)))
        box.receive(call.entry(StepAnswered(name="voice", seconds=0.1)))
    assert box.dropped == 1
    await box.flush()
    assert [json.loads(letter.body)["data"]["failure"]["code"] for letter in await mail.all()] == ["b", "c"]


class TestOtherProcesses:
    async def test_call_that_rang_elsewhere_is_known_from_the_call_log(
        self, make: Any, mail: Any, engine: AsyncEngine, call: Any
    ) -> None:
        row = {
            "call_sid": call.call_sid,
            "caller_number": "+1",
            "called_number": "+2",
            "started_at": 1000.5,
            "day": "x",
        }
        async with writing(engine) as connection:
            await connection.execute(insert(schema.calls), [row])
        box = make()
        box.receive(call.entry(ENDED))
        await box.flush()
        data = json.loads((await mail.all())[0].body)["data"]
        assert (data["startTime"], data["metadata"]["userNumber"], data["metadata"]["agentNumber"]) == (
            1000500,
            "+1",
            "+2",
        )

    async def test_call_that_nobody_knows_has_at_least_a_beginning(
        self, make: Any, mail: Any, new_call: Callable[..., Any]
    ) -> None:
        box = make()
        box.receive(Entry(call_sid="CA7", at=1060.0, offset=60.0, turn=3, record=ENDED))
        await box.flush()
        data = json.loads((await mail.all())[0].body)["data"]
        assert (data["startTime"], data["userID"]) == (1_000_000, "CA7")

    async def test_turn_that_goes_on_elsewhere_is_told_after_a_while(
        self, make: Any, mail: Any, call: Any, wall: Any
    ) -> None:
        box = make()
        for record in (RANG, TurnBegan(heard="started"), TurnEnded()):
            box.receive(call.entry(record, 1))
        await box.flush()
        await box.settle()
        assert [letter.type for letter in await mail.all()] == ["runtime.call.start"]
        wall.now += TURN_SETTLES_SECONDS + 10
        await box.settle()
        assert [letter.type for letter in await mail.all()] == ["runtime.call.start", "call.turn"]

    async def test_quiet_call_is_forgotten_and_found_again(self, make: Any, mail: Any, call: Any, wall: Any) -> None:
        box = make()
        box.receive(call.entry(RANG))
        await box.flush()
        wall.now += FORGET_CALL_SECONDS + 10
        await box.settle()
        box.receive(call.entry(ENDED))
        await box.flush()
        data = json.loads((await mail.all())[1].body)["data"]
        assert data["metadata"]["userNumber"] == ""

    async def test_calls_that_never_end_are_not_remembered_without_bound(
        self, make: Any, mail: Any, new_call: Callable[..., Any], monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(outboxes, "MAX_CALLS", 2)
        box, calls = make(), [new_call(f"CA{number}") for number in range(3)]
        for call in (*calls, *calls[::-1]):
            record = RANG if call.entry(RANG).offset == 0 else ENDED
            box.receive(call.entry(record))
        await box.flush()
        ends = [json.loads(letter.body)["data"] for letter in await mail.all() if letter.type == "runtime.call.end"]
        assert [end["metadata"]["userNumber"] for end in ends] == ["+14155550123", "+14155550123", ""]


class TestTrouble:
    async def test_what_cannot_be_written_is_written_later(
        self, make: Any, mail: Any, call: Any, monkeypatch: Any
    ) -> None:
        failures = iter([CallLogError("locked")] * 2)
        post = outboxes.post_letters

        async def post_or_fail(*arguments: Any) -> None:
            if failure := next(failures, None):
                raise failure
            await post(*arguments)

        written = asyncio.Event()
        monkeypatch.setattr(outboxes, "post_letters", post_or_fail)
        monkeypatch.setattr(outboxes, "_FIRST_PAUSE_SECONDS", 0.001)
        box = make(posted=written.set)
        box.start()
        box.receive(call.entry(RANG))
        await asyncio.wait_for(written.wait(), 10)
        assert await mail.states() == ["waiting"]
        assert box.dropped == 0

    async def test_entry_whose_call_cannot_be_looked_up_waits(
        self, make: Any, mail: Any, call: Any, monkeypatch: Any
    ) -> None:
        box = make()
        box.receive(call.entry(ENDED))
        with monkeypatch.context() as patched:
            patched.setattr(outboxes, "reading", _away)
            with pytest.raises(CallLogError):
                await box.flush()
        await box.flush()
        assert [letter.type for letter in await mail.all()] == ["runtime.call.end"]

    async def test_letter_that_is_refused_costs_no_other(
        self, make: Any, mail: Any, call: Any, monkeypatch: Any
    ) -> None:
        post = outboxes.post_letters

        async def refuse_ends(engine: Any, letters: Any, now: float) -> None:
            if any(letter.event.type == "runtime.call.end" for letter in letters):
                raise CallLogRowRefused("a row is refused")
            await post(engine, letters, now)

        monkeypatch.setattr(outboxes, "post_letters", refuse_ends)
        box = make()
        for record in (RANG, ENDED, Failed(part="agent", code="late")):
            box.receive(call.entry(record))
        await box.flush()
        assert [letter.type for letter in await mail.all()] == ["runtime.call.start", "call.failed"]
        assert box.dropped == 1

    async def test_entry_that_makes_no_event_costs_only_itself(
        self, engine: AsyncEngine, mail: Any, call: Any, wall: Any, names: AgentNames, receive_at: Any, monkeypatch: Any
    ) -> None:
        def describe(called_number: str) -> AgentNames:
            if called_number == "+666":
                raise LookupError(called_number)
            return names

        written = asyncio.Event()
        monkeypatch.setattr(outboxes, "_FIRST_PAUSE_SECONDS", 0.001)
        box = EventOutbox(engine, [receive_at(CRM)], describe, wall=wall, posted=written.set, linger_seconds=0)
        box.start()
        box.receive(call.entry(CallRang(caller_number="+1", called_number="+666")))
        box.receive(call.entry(RANG))
        await asyncio.wait_for(written.wait(), 10)
        assert await mail.states() == ["waiting"]
        assert box.dropped == 1
        await box.stop(5)


class TestStopping:
    async def test_stop_writes_what_is_left(self, make: Any, mail: Any, call: Any) -> None:
        box = make(linger_seconds=3600)
        box.start()
        box.receive(call.entry(RANG))
        await asyncio.sleep(0)
        await box.stop(10)
        await box.stop(10)
        assert await mail.states() == ["waiting"]

    async def test_stop_counts_what_cannot_be_written(self, make: Any, call: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(outboxes, "reading", _away)
        box = make(linger_seconds=3600)
        box.start()
        box.receive(call.entry(CallerSpoke(text="Hello")))
        box.receive(call.entry(ENDED))
        await box.stop(10)
        assert box.dropped == 2


def _away(*_: object) -> Any:
    raise CallLogError("the database is away")
