"""From the journal to a receiver: what happened on a call is told, and what must not be kept is not."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.inputs import CallParties
from voicegw.call.profile import NumberProfile
from voicegw.call.records import CallEnded, CallerSpoke, CallRang, KeysPressed, PromptBegan, TurnBegan, TurnEnded
from voicegw.calllog.journal import CallJournal
from voicegw.config import EventReceiver
from voicegw.events.dispatcher import EventDispatcher
from voicegw.events.outbox import EventOutbox
from voicegw.events.payloads import AgentNames

PARTIES = CallParties(caller_number="+14155550123", called_number="+14155550100")
CALL_SID = "CA01ed76f14fee29c50f5de59400474006"


@pytest.mark.parametrize("sensitive", [False, True])
async def test_call_is_told_from_ring_to_end_in_order_without_what_must_be_hidden(
    sensitive: bool, engine: AsyncEngine, server: Any, receiver: EventReceiver, names: AgentNames, wall: Any
) -> None:
    complete = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        if len(server.received) == 4:
            complete.set()
        return web.Response(status=204)

    server.answer = answer
    dispatcher = EventDispatcher(engine, [receiver], wall=wall)
    outbox = EventOutbox(engine, [receiver], lambda _: names, wall=wall, posted=dispatcher.wake, linger_seconds=0)
    journal = CallJournal([outbox], clock=wall, wall=wall)
    outbox.start()
    dispatcher.start()
    journal.open(CALL_SID, PARTIES, NumberProfile(sensitive=sensitive), wall())
    for record, turn in (
        (CallRang(caller_number=PARTIES.caller_number, called_number=PARTIES.called_number), 0),
        (TurnBegan(heard="started"), 1),
        (PromptBegan(text="Your name and PIN, please."), 1),
        (TurnEnded(), 1),
        (CallerSpoke(text="Ada Lovelace"), 1),
        (KeysPressed(keys="4711"), 1),
        (TurnBegan(heard="pressed"), 2),
        (PromptBegan(text="Thank you, Ada Lovelace."), 2),
        (TurnEnded(), 2),
        (CallEnded(reason="agent-ended"), 2),
    ):
        wall.now += 1
        journal.note(CALL_SID, record, turn)
    async with asyncio.timeout(20):
        await complete.wait()
    await outbox.stop(5)
    await dispatcher.stop(5)

    told = [json.loads(each.body) for each in server.received]
    assert [each["type"] for each in told] == ["runtime.call.start", "call.turn", "call.turn", "runtime.call.end"]
    assert told[-1]["data"]["endReason"] == "end trace"
    everything = b"".join(each.body for each in server.received)
    assert b"4711" not in everything
    assert (b"Ada" in everything) is not sensitive
    assert dispatcher.counts.delivered == 4
    assert outbox.dropped == 0
