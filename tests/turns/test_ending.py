"""The end of a call: marked before it is told, told once, and everything that was held for the call is free again."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from voicegw.call.entries import Entry, NoJournal
from voicegw.call.forwarding import ringing_name
from voicegw.call.inputs import HungUp, Said
from voicegw.call.instructions import Button, Say
from voicegw.call.plan import Leg
from voicegw.call.records import CallEnded
from voicegw.call.state import AgentSettings, Asked, ForwardState, Phase, Spoken, dump_state, load_state, start_call
from voicegw.calllog.journal import CallJournal
from voicegw.errors import StaleVersion
from voicegw.turns.call_book import CallBook
from voicegw.turns.ending import CallEnder
from voicegw.turns.runner import TurnRunner

Call = Callable[..., Any]


def now() -> float:
    return asyncio.get_running_loop().time()


class Room:
    def __init__(self, call: Call) -> None:
        self.phone = call()
        self.book = CallBook(self.phone.store, lambda _: self.phone.line)
        self.book.enter(self.phone.call_sid, self.phone.line)
        runner = TurnRunner(self.phone.agent, self.phone.store, now, now, NoJournal())
        self.ender = CallEnder(self.phone.agent, self.phone.store, runner, self.book, NoJournal())
        self.state = replace(
            start_call(self.phone.call_sid, self.phone.parties, user_id="someone", started_at=0.0),
            session_key="k",
            launched=True,
        )

    async def create(self) -> None:
        await self.phone.store.create_call(self.phone.call_sid, dump_state(self.state))

    async def stored(self) -> Any:
        found = await self.phone.store.load_call(self.phone.call_sid)
        return load_state(found.document)

    async def end(self, version: int = 1) -> None:
        await self.ender.end(self.state, version, self.phone.line, "hangup")


async def test_the_mark_is_saved_before_anything_is_sent(call: Call) -> None:
    room = Room(call)
    await room.create()
    await room.end()
    stored = await room.stored()
    assert (stored.phase, stored.end_sent, stored.ended_reason) == (Phase.ENDED, True, "hangup")
    assert room.phone.agent.ended == []
    assert room.phone.call_sid not in room.book
    await room.ender.close(1.0)
    (ended,) = room.phone.agent.ended
    assert ended.heard == HungUp()
    assert (ended.session_key, ended.user_id, ended.launched) == ("k", "someone", True)


async def test_the_journal_knows_a_call_of_which_this_process_sees_only_the_end(call: Call) -> None:
    told: list[Entry] = []

    class Sink:
        def receive(self, entry: Entry) -> None:
            told.append(entry)

    room = Room(call)
    await room.create()
    await asyncio.sleep(7.0)
    other = room.phone.process(journal=CallJournal([Sink()], clock=now, wall=now))
    await other.hang_up(room.phone.call_sid, "reaped")
    assert [(entry.record, entry.offset) for entry in told] == [(CallEnded(reason="reaped"), now())]


async def test_what_is_kept_of_an_ended_call_holds_no_secret_and_no_words(call: Call) -> None:
    room = Room(call)
    room.state = replace(
        room.state,
        keys_kept="canary",
        heard_text="canary",
        spoken=Spoken(text="canary", at=5.0),
        repeatable=(Say(text="canary"),),
        queued=(Said(text="canary"),),
        unsaid=(Say(text="canary"),),
        asked=Asked(buttons=(Button(name="canary"),), path={"type": "canary"}),
        agent=AgentSettings(hints=("canary",), language="de-DE"),
        session_key="canary-key",
    )
    await room.create()
    await room.end()
    found = await room.phone.store.load_call(room.phone.call_sid)
    assert b"canary" not in found.document
    assert (await room.stored()).agent.language == "de-DE"
    await room.ender.close(1.0)
    assert room.phone.agent.ended[0].session_key == "canary-key"


async def test_of_two_who_end_a_call_one_gets_to_send(call: Call) -> None:
    room = Room(call)
    await room.create()
    await room.end()
    with pytest.raises(StaleVersion):
        await room.end()
    await room.ender.close(1.0)
    assert len(room.phone.agent.ended) == 1


async def test_a_call_that_was_ended_is_not_ended_again(call: Call) -> None:
    room = Room(call)
    room.state = replace(room.state, end_sent=True)
    await room.create()
    await room.end()
    await room.ender.close(1.0)
    assert room.phone.agent.ended == []
    assert room.phone.store.saves == 0


async def test_an_ended_call_is_no_live_call(call: Call) -> None:
    room = Room(call)
    await room.create()
    assert await room.phone.store.live_calls() == (room.phone.call_sid,)
    await room.end()
    assert await room.phone.store.live_calls() == ()


async def test_the_names_that_it_held_are_free(call: Call) -> None:
    room = Room(call)
    leg = Leg(kind="phone", address="+14155550100", caller_id="+15005550006")
    room.state = replace(room.state, forward=ForwardState(dialled=leg))
    await room.create()
    names = ("someone", ringing_name(leg, room.phone.parties))
    for name in names:
        assert await room.phone.store.claim_name(name, room.phone.call_sid)
    await room.end()
    await room.ender.close(1.0)
    for name in names:
        assert await room.phone.store.claim_name(name, "another call")


async def test_a_turn_that_nobody_knows_of_does_not_hold_up_the_farewell(call: Call) -> None:
    room = Room(call)
    room.state = replace(room.state, turn=3)
    await room.create()
    await room.end()
    await room.ender.close(1.0)
    assert len(room.phone.agent.ended) == 1


async def test_with_no_farewell_under_way_closing_is_at_once(call: Call) -> None:
    room = Room(call)
    began = now()
    await room.ender.close(25.0)
    assert now() == began
