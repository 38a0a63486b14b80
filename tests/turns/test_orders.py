"""Orders into live calls, from any process: kept, taken by the next webhook, lost by nobody."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from voicegw.call.entries import NoJournal
from voicegw.call.inputs import EventRaised, ForwardEnded, ForwardOrdered, ForwardOutcome, HangUpOrdered, Pressed, Said
from voicegw.call.instructions import Collect, Say
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.call.records import CallEnded, OrderReceived, Record
from voicegw.call.state import CallState, Phase
from voicegw.errors import AgentBroke, CarrierError, OrderRefused, StaleVersion
from voicegw.store.sqlite import SqliteStore
from voicegw.turns.conversation import UnknownCall

PAID = EventRaised(name="paid", fields={"amount": 42})
SHIPPED = EventRaised(name="shipped")
DESK = NumberProfile(
    forwarding=Forwarding(destinations={"desk": (Destination(to="+14155550100"),)}),
    fallback=(Destination(to="+14155550199"),),
)
GOODBYE = phrase(PhraseName.GOODBYE, "en-US")
CONNECTING = phrase(PhraseName.FORWARD_CONNECTING, "en-US")


@dataclass
class Wire:
    """The carrier's API: what it was told, and whether it takes it."""

    interrupted: list[tuple[int, int, int]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    refuses: bool = False

    async def interrupt(self, state: CallState) -> None:
        if self.refuses:
            raise CarrierError("Twilio refused with status 404: no such call")
        self.interrupted.append((state.turn, state.step, state.orders_placed))

    async def hang_up(self, call_sid: str) -> None:
        self.hung_up.append(call_sid)


class Diary(NoJournal):
    """Keeps every record."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
        self.records.append(record)


def wired(phone: Any, **more: Any) -> Wire:
    """Give the phone's gateway a carrier that can be told."""
    wire = Wire()
    phone.conversations = phone.process(control=wire, **more)
    return wire


class TestAnEvent:
    async def test_begins_a_turn_where_the_agent_listens(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], [Say(text="Your payment has arrived.")])
        wire = wired(phone)
        await phone.ring()
        taken = await phone.conversations.order(phone.call_sid, PAID)
        assert taken.waits_for == "nothing"
        assert wire.interrupted == [(1, 1, 1)]
        answer = await phone.come(1)
        assert (answer.say, answer.then) == (["Your payment has arrived."], "listen")
        assert phone.agent.heard[-1] == PAID

    async def test_waits_for_the_end_of_a_turn(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], [Say(text="Let me see."), 6.0, Say(text="Done.")])
        wire = wired(phone)
        await phone.ring()
        await phone.say("book")
        taken = await phone.conversations.order(phone.call_sid, PAID)
        assert taken.waits_for == "turn"
        assert wire.interrupted == []
        while (answer := await phone.silence()).then != "listen":
            pass
        assert [type(heard) for heard in phone.agent.heard[1:]] == [Said, EventRaised]
        assert phone.agent.most_at_once == 1
        assert answer.say[-1] == "Answer 3."

    async def test_comes_after_what_the_caller_does_now(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        await phone.say("book")
        assert phone.agent.heard[1:] == [Said(text="book"), PAID]

    async def test_ends_the_silence_where_the_caller_says_nothing(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()
        taken = await phone.conversations.order(phone.call_sid, PAID)
        assert (taken.waits_for, "credentials" in taken.reason) == ("webhook", True)
        await phone.silence()
        assert phone.agent.heard[1:] == [PAID]

    async def test_does_not_tear_an_entry_apart(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Your number?"), Collect(gap_seconds=3, delimiters=("#",), max_digits=4)])
        await phone.ring()
        await phone.press("12", ended_by="")
        await phone.conversations.order(phone.call_sid, PAID)
        await phone.silence()
        assert phone.agent.heard[1:] == [Pressed(keys="12", ended_by=""), PAID]

    async def test_outlives_a_turn_that_fails(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], [3.0, AgentBroke("gone", answer_begun=False)])
        await phone.ring()
        await phone.say("book")
        await phone.conversations.order(phone.call_sid, PAID)
        while (await phone.silence()).then != "listen":
            pass
        await phone.silence()
        assert phone.agent.heard[-1] == PAID

    async def test_keeps_its_place_among_others(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        await phone.conversations.order(phone.call_sid, SHIPPED)
        answer = await phone.silence()
        assert phone.agent.heard[1:] == [PAID, SHIPPED]
        assert answer.say == ["Answer 2.", "Answer 3."]

    async def test_need_not_interrupt(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        wire = wired(phone)
        await phone.ring()
        taken = await phone.conversations.order(phone.call_sid, PAID, at_once=False)
        assert (taken.waits_for, wire.interrupted) == ("webhook", [])

    async def test_is_refused_where_too_many_wait(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()
        for _ in range(20):
            await phone.conversations.order(phone.call_sid, PAID, at_once=False)
        with pytest.raises(OrderRefused) as refused:
            await phone.conversations.order(phone.call_sid, PAID)
        assert refused.value.reason == "too-many-orders"
        await phone.conversations.order(phone.call_sid, HangUpOrdered())


class TestAnInterruption:
    async def test_is_not_taken_for_silence(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        wired(phone)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        await phone.silence()  # another webhook was first
        answer = await phone.come(1)
        assert (answer.say, answer.then) == ([], "listen")
        assert (await phone.state()).silences.prompts == 0
        assert len(phone.agent.asked) == 2

    async def test_that_is_repeated_changes_nothing(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        wired(phone)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        first, second = await phone.come(1), await phone.come(1)
        assert first.content == second.content
        assert len(phone.agent.asked) == 2

    async def test_is_answered_for_each_order_anew(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        wired(phone)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        assert (await phone.come(1)).say == ["Answer 2."]
        await phone.conversations.order(phone.call_sid, SHIPPED)
        assert (await phone.come(2)).say == ["Answer 3."]
        assert phone.agent.heard[1:] == [PAID, SHIPPED]

    async def test_waits_for_no_other_call(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], [Say(text="Hello.")], [2.0, Say(text="Paid.")])
        other = replace(phone, call_sid="CA" + "2" * 32, at=(0, 0))
        other.conversations = phone.conversations
        await phone.ring()
        await other.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        slow = asyncio.create_task(phone.come(1))
        await asyncio.sleep(0.1)
        assert (await other.come(1)).after == 0.0
        assert (await slow).say == ["Paid."]

    async def test_of_a_prompt_with_more_to_say_says_the_rest(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello."), Say(text="There is more."), Say(text="And more.")])
        phone.performer.per_answer = 1
        wired(phone)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        said = [*(await phone.silence()).say, *(await phone.come(1)).say, *(await phone.silence()).say]
        assert said == ["There is more.", "And more.", "Answer 2."]
        assert phone.agent.heard[-1] == PAID

    async def test_that_the_carrier_refuses_leaves_the_order_for_the_next_webhook(
        self, call: Callable[..., Any]
    ) -> None:
        phone = call([Say(text="Hello.")])
        wired(phone).refuses = True
        await phone.ring()
        taken = await phone.conversations.order(phone.call_sid, HangUpOrdered())
        assert (taken.waits_for, "404" in taken.reason) == ("webhook", True)
        assert (await phone.silence()).then == "finish"

    async def test_of_an_unknown_call_is_none(self, call: Callable[..., Any]) -> None:
        phone = call()
        with pytest.raises(UnknownCall):
            await phone.conversations.order("CA2", PAID)
        with pytest.raises(UnknownCall):
            await phone.conversations.come_for_order("CA2", 1)


class TestAHangUp:
    async def test_says_goodbye_and_tells_the_agent(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        diary = Diary()
        wired(phone, journal=diary)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, HangUpOrdered(), by="token ops")
        answer = await phone.come(1)
        assert (answer.say, answer.then) == ([GOODBYE], "finish")
        assert (await phone.state()).ended_reason == "operator-ended"
        await asyncio.sleep(1)
        assert len(phone.agent.ended) == 1
        assert OrderReceived(order="hang-up", by="token ops") in diary.records
        assert CallEnded(reason="operator-ended") in diary.records

    async def test_does_not_wait_for_a_turn(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], [60.0])
        wire = wired(phone)
        await phone.ring()
        await phone.say("book")
        await phone.conversations.order(phone.call_sid, HangUpOrdered())
        assert len(wire.interrupted) == 1
        assert (await phone.come(1)).then == "finish"

    async def test_without_a_goodbye_is_the_carriers(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        wire = wired(phone)
        await phone.ring()
        taken = await phone.conversations.order(phone.call_sid, HangUpOrdered(goodbye=False))
        assert (taken.waits_for, wire.hung_up, wire.interrupted) == ("nothing", [phone.call_sid], [])
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        assert (await phone.state()).ended_reason == "operator-ended"

    async def test_comes_before_every_other_order(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], profile=DESK)
        await phone.ring()
        for order in (PAID, ForwardOrdered(address="desk"), HangUpOrdered(goodbye=False)):
            await phone.conversations.order(phone.call_sid, order)
        answer = await phone.say("book")
        assert (answer.say, answer.then, len(phone.agent.asked)) == ([], "finish", 1)
        assert (await phone.state()).orders == ()

    async def test_of_a_call_that_is_over_is_refused(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        with pytest.raises(OrderRefused, match="over") as refused:
            await phone.conversations.order(phone.call_sid, HangUpOrdered())
        assert refused.value.reason == "call-over"


class TestAForward:
    async def test_dials_what_the_policy_allows(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], profile=DESK)
        wired(phone)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, ForwardOrdered(address="desk"))
        answer = await phone.come(1)
        assert (answer.say, answer.then) == ([CONNECTING], "dial-leg")
        dialled = (await phone.state()).forward.dialled
        assert dialled is not None
        assert dialled.address == "+14155550100"

    @pytest.mark.parametrize("address", ["+9005550100", "nobody", "911", "sip:a@evil.example"])
    async def test_that_the_policy_refuses_is_refused_and_the_caller_hears_nothing(
        self, call: Callable[..., Any], address: str
    ) -> None:
        phone = call([Say(text="Hello.")], profile=DESK)
        wire = wired(phone)
        await phone.ring()
        before = await phone.state()
        with pytest.raises(OrderRefused) as refused:
            await phone.conversations.order(phone.call_sid, ForwardOrdered(address=address))
        assert refused.value.reason == "forward-refused"
        assert await phone.state() == before
        assert wire.interrupted == []

    async def test_that_nobody_answers_is_told_to_the_agent(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], profile=DESK)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, ForwardOrdered(address="desk"))
        assert (await phone.silence()).then == "dial-leg"
        await phone.step(ForwardEnded(outcome=ForwardOutcome.NO_ANSWER))
        heard = phone.agent.heard[-1]
        assert isinstance(heard, ForwardEnded)
        assert heard.outcome is ForwardOutcome.NO_ANSWER

    async def test_leaves_a_turn_behind_that_still_runs(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], [60.0], profile=DESK)
        wired(phone)
        await phone.ring()
        await phone.say("book")
        await phone.conversations.order(phone.call_sid, ForwardOrdered(address="desk"))
        assert (await phone.come(1)).then == "dial-leg"
        await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        assert phone.agent.most_at_once == 1

    async def test_takes_no_order_while_a_human_has_the_caller(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], profile=DESK)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, ForwardOrdered(address="desk"))
        await phone.silence()
        for order in (PAID, HangUpOrdered(), ForwardOrdered(address="desk")):
            with pytest.raises(OrderRefused) as refused:
                await phone.conversations.order(phone.call_sid, order)
            assert refused.value.reason == "call-forwarded"

    async def test_an_event_that_waited_comes_after_it(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], profile=DESK)
        await phone.ring()
        await phone.conversations.order(phone.call_sid, PAID)
        await phone.conversations.order(phone.call_sid, ForwardOrdered(address="desk"))
        assert (await phone.silence()).then == "dial-leg"
        await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        await phone.silence()
        assert phone.agent.heard[-1] == PAID


class TestFromAnotherProcess:
    async def test_an_order_waits_in_the_store(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()
        other = phone.process()
        await other.order(phone.call_sid, PAID)
        assert other.live_calls == 0
        await phone.silence()
        assert phone.agent.heard[-1] == PAID

    async def test_an_order_during_a_webhook_costs_the_caller_nothing(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")], [1.5, Say(text="Booked.")])
        await phone.ring()
        answering = asyncio.create_task(phone.say("book"))
        await asyncio.sleep(1.0)
        await phone.process().order(phone.call_sid, HangUpOrdered())
        answer = await answering
        assert answer.say == ["Booked."]
        assert answer.after == pytest.approx(1.5, abs=0.3)
        assert (await phone.silence()).then == "finish"

    async def test_an_order_while_it_rings_is_taken_when_it_is_answered(self, call: Callable[..., Any]) -> None:
        phone = call([2.0, Say(text="Hello.")])
        ringing = asyncio.create_task(phone.ring())
        await asyncio.sleep(1.0)
        await phone.process().order(phone.call_sid, PAID)
        assert (await ringing).say[0] == "Hello."
        await phone.silence()
        assert PAID in phone.agent.heard

    async def test_many_orders_at_once_are_all_kept(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()
        events = [EventRaised(name=f"event-{number}") for number in range(8)]
        processes = [phone.process() for _ in events]
        pairs = zip(processes, events, strict=True)
        await asyncio.gather(*(process.order(phone.call_sid, event) for process, event in pairs))
        await phone.silence()
        assert sorted(heard.name for heard in phone.agent.heard[1:]) == [event.name for event in events]

    async def test_a_webhook_that_another_process_answered_is_not_taken_for_an_order(
        self, call: Callable[..., Any]
    ) -> None:
        phone = call([Say(text="Hello.")], [1.0, Say(text="Booked.")])
        await phone.ring()
        answering = asyncio.create_task(phone.say("book"))
        await asyncio.sleep(0.5)
        other = phone.process()
        await other.order(phone.call_sid, PAID, at_once=False)
        await other.hang_up(phone.call_sid, "hangup")
        with pytest.raises(StaleVersion):
            await answering
        assert (await phone.state()).phase is Phase.ENDED

    async def test_a_store_that_is_always_ahead_ends_the_tries(self, call: Callable[..., Any]) -> None:
        phone = call([Say(text="Hello.")])
        await phone.ring()

        async def always_stale(*_: Any, **__: Any) -> int:
            raise StaleVersion("somebody was faster")

        phone.store.save_call = always_stale
        with pytest.raises(StaleVersion):
            await phone.conversations.order(phone.call_sid, PAID)


def test_two_processes_share_a_call_over_sqlite(call: Callable[..., Any], tmp_path: Path) -> None:
    """On a real clock: SQLite has threads of its own."""

    async def scene() -> None:
        clock = asyncio.get_running_loop().time
        stores = [SqliteStore(tmp_path / "live.db", wall=clock, lifetime_seconds=1e6) for _ in range(2)]
        for store in stores:
            await store.open()
        phone = call([Say(text="Hello.")], store=stores[0])
        await phone.ring()
        await phone.process(store=stores[1]).order(phone.call_sid, HangUpOrdered())
        assert (await phone.silence()).then == "finish"
        await phone.conversations.close(5.0)
        for store in stores:
            await store.close()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(scene())
