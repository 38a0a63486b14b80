"""Webhooks that come again, late, or in another process: each gets the first one's bytes, and nothing happens twice."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from voicegw.call.conduct import ABANDONED_AFTER_SECONDS
from voicegw.call.inputs import CallParties, ForwardEnded, ForwardOrdered, ForwardOutcome, Said, Started, StayedSilent
from voicegw.call.instructions import Forward, HangUp, Say
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.errors import StaleVersion, StoreError
from voicegw.turns.conversation import UnknownCall

Call = Callable[..., Any]
HELLO, GO = Say(text="Hello."), Said(text="go")
DESK = Destination(to="+14155550100")
FORWARDING = NumberProfile(
    number="+15005550006", forwarding=Forwarding(destinations={"desk": (DESK,)}, human="desk"), fallback=(DESK,)
)
OTHER_SID = "CA" + "2" * 32


def beside(phone: Any) -> Any:
    """A second call in the same process, with the same agent."""
    other = replace(phone, call_sid=OTHER_SID, at=(0, 0))
    other.conversations = phone.conversations
    return other


class TestSteps:
    async def test_a_step_that_was_never_handed_out_points_at_once_to_where_the_call_stands(self, call: Call) -> None:
        phone = call([HELLO])
        at = (await phone.ring()).next
        for step in ((1, 7), (2, 1), (0, 1)):
            answer = await phone.step(Said(text="go"), at=step)
            assert (answer.say, answer.next, answer.after) == ([], at, 0.0)
        assert len(phone.agent.asked) == 1

    async def test_a_step_whose_answer_is_under_way_elsewhere_gets_it_as_soon_as_it_is_there(self, call: Call) -> None:
        phone = call([HELLO], [1.0, Say(text="Next.")])
        at = (await phone.ring()).next
        first = asyncio.create_task(phone.say("go"))
        await asyncio.sleep(0.5)
        again = replace(phone)
        answer = await again.step(Said(text="go"), at=at)
        assert (answer.content, answer.say) == ((await first).content, ["Next."])
        assert 0.0 < answer.after < 1.0
        assert phone.agent.heard == [Started(), Said(text="go")]

    async def test_one_call_does_not_wait_for_another(self, call: Call) -> None:
        phone = call([HELLO], [HELLO], [2.0, HELLO])
        other = beside(phone)
        await phone.ring()
        await other.ring()
        slow = asyncio.create_task(phone.say("think"))
        await asyncio.sleep(0.1)
        assert (await other.say("quick")).after == 0.0
        await slow

    async def test_a_call_written_by_another_version_is_unknown(self, call: Call) -> None:
        phone = call()
        await phone.store.create_call(phone.call_sid, b"written by another version")
        with pytest.raises(UnknownCall, match=phone.call_sid):
            await phone.say("go")


class TestLostInputs:
    """The carrier asks for a step once more, and what the caller did there went with the first request."""

    async def test_what_was_heard_is_asked_for_again(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="Next.")])
        at = (await phone.ring()).next
        sorry = await phone._timed(phone.conversations.step(phone.call_sid, *at, StayedSilent(), again=True))
        assert (sorry.say, sorry.then) == ([phrase(PhraseName.FAILURE, "en-US")], "listen")
        assert (await phone.say("go on")).say == ["Next."]

    async def test_what_is_heard_this_time_counts(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="Next.")])
        at = (await phone.ring()).next
        assert (await phone._timed(phone.conversations.step(phone.call_sid, *at, GO, again=True))).say == ["Next."]

    async def test_an_outcome_of_a_forward_that_nobody_dialled_is_none(self, call: Call) -> None:
        phone = call([HELLO], profile=FORWARDING)
        await phone.ring()
        answer = await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        assert (answer.say, answer.then) == ([phrase(PhraseName.STILL_THERE, "en-US")], "listen")
        assert phone.agent.heard == [Started()]

    async def test_an_answer_that_could_not_be_kept_is_made_again_from_the_turn_that_was_begun(
        self, call: Call
    ) -> None:
        phone = call([HELLO], [1.0, Say(text="Next.")])
        at = (await phone.ring()).next
        save = phone.store.save_call

        async def without_answers(*args: Any, **options: Any) -> int:
            if options.get("answered"):
                raise StoreError("the disk is full", retryable=True)
            return int(await save(*args, **options))

        phone.store.save_call = without_answers
        with pytest.raises(StoreError):
            await phone.say("go")
        phone.store.save_call = save
        again = await phone.step(GO, at=at)
        assert (again.say, again.then, again.after) == (["Next."], "listen", 0.0)
        assert (await phone.step(GO, at=at)).content == again.content
        assert phone.agent.heard == [Started(), GO]


class TestFirstWebhooks:
    async def test_how_it_was_answered_is_remembered(self, call: Call) -> None:
        phone = call([HELLO])
        assert await phone.conversations.first_answer(phone.call_sid) is None
        assert not phone.conversations.is_live(phone.call_sid)
        answer = await phone.ring()
        assert await phone.conversations.first_answer(phone.call_sid) == answer.content
        assert await phone.conversations.first_answer(OTHER_SID) is None
        assert phone.conversations.is_live(phone.call_sid)

    async def test_one_that_failed_before_the_agent_was_asked_launches_it_when_it_comes_again(self, call: Call) -> None:
        phone = call([HELLO])
        phone.store.break_down("save_call")
        with pytest.raises(StoreError):
            await phone.ring()
        assert phone.agent.asked == []
        phone.store.break_down()
        assert (await phone.ring()).say == ["Hello."]
        assert phone.agent.heard == [Started()]


class TestRescues:
    """The carrier could not use an answer, and asks the fallback URL."""

    async def test_the_first_goes_on_with_the_next_step_and_the_second_leads_to_people(self, call: Call) -> None:
        phone = call([HELLO], profile=FORWARDING)
        turn, step = (await phone.ring()).next
        sorry = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/1"))
        assert (len(sorry.say), sorry.next) == (1, (turn, step + 1))
        assert await phone.store.live_calls() == (phone.call_sid,)
        desk = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/2"))
        assert (desk.then, desk.after) == ("dial-leg", 0.0)

    async def test_the_same_failure_reported_again_gets_the_same_bytes(self, call: Call) -> None:
        phone = call([HELLO], profile=FORWARDING)
        await phone.ring()
        for url in ("https://g.example/1", "https://g.example/2"):
            first = await phone.conversations.rescue(phone.call_sid, url)
            state = await phone.state()
            assert await phone.conversations.rescue(phone.call_sid, url) == first
            assert await phone.state() == state

    async def test_one_call_s_rescue_does_not_wait_for_another_call(self, call: Call) -> None:
        phone = call([HELLO], [HELLO], [2.0, HELLO])
        other = beside(phone)
        await phone.ring()
        await other.ring()
        slow = asyncio.create_task(phone.say("think"))
        await asyncio.sleep(0.1)
        assert (await other._timed(other.conversations.rescue(OTHER_SID, "asked"))).after == 0.0
        await slow

    async def test_it_waits_for_the_step_that_is_being_answered(self, call: Call) -> None:
        phone = call([HELLO], [2.0, Say(text="Next.")])
        await phone.ring()
        step = asyncio.create_task(replace(phone)._timed(phone.conversations.step(phone.call_sid, *phone.at, GO)))
        await asyncio.sleep(0.5)
        assert (await phone._timed(phone.conversations.rescue(phone.call_sid, "asked"))).after >= 1.5
        assert (await step).say == ["Next."]

    async def test_while_the_agent_thinks_it_goes_on_with_the_next_step_once(self, call: Call) -> None:
        phone = call([HELLO], [20.0, HELLO])
        await phone.ring()
        turn, step = (await phone.say("think")).next
        never_asked = (turn, step + 7)
        sorry = await phone._timed(phone.conversations.rescue(phone.call_sid, "asked", never_asked))
        assert (sorry.say, sorry.next) == (["Sorry."], (turn, step + 1))
        state = await phone.state()
        assert await phone.conversations.rescue(phone.call_sid, "asked", never_asked) == sorry.content
        assert await phone.state() == state

    async def test_it_apologises_in_the_language_of_the_number_and_the_call_lives_on(self, call: Call) -> None:
        phone = call([HELLO], [20.0, HELLO], profile=NumberProfile(language="fr-FR"))
        await phone.ring()
        await phone.say("think")
        sorry = await phone._timed(phone.conversations.rescue(phone.call_sid, "asked"))
        assert sorry.plain["language"] == "fr-FR"
        assert await phone.store.live_calls() == (phone.call_sid,)

    async def test_what_was_still_to_be_said_is_not_said_on_the_way_to_people(self, call: Call) -> None:
        phone = call([Say(text="One."), Say(text="Two."), Say(text="Three.")], profile=FORWARDING)
        phone.performer.per_answer = 1
        assert (await phone.ring()).then == "more"
        await phone.conversations.rescue(phone.call_sid, "asked")
        phone.performer.per_answer = 99
        desk = await phone._timed(phone.conversations.rescue(phone.call_sid, "asked again"))
        assert desk.then == "dial-leg"
        assert not {"Two.", "Three."} & set(desk.say)

    async def test_a_goodbye_that_was_lost_is_said_again_and_the_call_stays_over(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="Bye."), HangUp()])
        asked = (await phone.ring()).next
        assert (await phone.say("bye")).then == "finish"
        await asyncio.sleep(1.0)
        before = await phone.state()
        sorry = await phone._timed(phone.conversations.rescue(phone.call_sid, "asked", asked))
        assert (sorry.say, sorry.next) == (["Sorry."], asked)
        assert (await phone.state()).step == before.step
        assert list(await phone.store.live_calls()) == []
        assert len(phone.agent.ended) == 1


class TestLines:
    async def test_a_live_call_keeps_the_line_it_began_with(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        began_with, phone.profile = phone.profile, FORWARDING
        assert (await phone.conversations.look(phone.call_sid))[1].profile == began_with

    async def test_after_a_restart_it_has_the_line_as_set_then_and_keeps_that(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        phone.profile = FORWARDING
        phone.conversations = phone.process()
        assert (await phone.conversations.look(phone.call_sid))[1].profile == FORWARDING
        phone.profile = NumberProfile()
        assert (await phone.conversations.look(phone.call_sid))[1].profile == FORWARDING
        assert phone.conversations.is_live(phone.call_sid)

    async def test_a_leg_is_known_until_its_own_end_is_reported(self, call: Call) -> None:
        phone = call([Forward(address="desk")], [HELLO], profile=FORWARDING)
        back = CallParties(caller_number="+15005550006", called_number="+15005550006", forwarded_from=DESK.to)
        await phone.ring()
        await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY), at=(9, 9))
        assert await phone.conversations.is_our_own_forward(back)
        await phone.step(StayedSilent())
        assert await phone.conversations.is_our_own_forward(back)

    async def test_so_is_a_leg_that_shows_the_caller_s_own_number(self, call: Call) -> None:
        parties = CallParties(caller_number="+14155550123", called_number="sip:line@pbx.example")  # no number to show
        profile = NumberProfile(forwarding=Forwarding(destinations={"desk": (DESK,)}))
        phone = call([Forward(address="desk")], [HELLO], profile=profile, parties=parties)
        back = replace(parties, called_number="+15005550006", forwarded_from=DESK.to)
        await phone.ring()
        assert await phone.conversations.is_our_own_forward(back)
        await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        assert not await phone.conversations.is_our_own_forward(back)

    async def test_an_order_is_judged_by_the_line_that_the_call_began_with(self, call: Call) -> None:
        phone = call([HELLO], profile=FORWARDING)
        await phone.ring()
        phone.profile = NumberProfile()
        await phone.conversations.order(phone.call_sid, ForwardOrdered(address="desk"))
        assert (await phone.silence()).then == "dial-leg"


class TestEnds:
    async def test_a_hang_up_that_another_process_forestalled_is_tried_once_more(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        save, refused = phone.store.save_call, []

        async def stale_once(*args: Any, **options: Any) -> int:
            if not refused:
                refused.append(args)
                raise StaleVersion("someone else wrote this call first")
            return int(await save(*args, **options))

        phone.store.save_call = stale_once
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert len(phone.agent.ended) == 1
        assert (await phone.state()).ended_reason == "hangup"

    async def test_a_call_that_is_over_has_the_line_of_its_number(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        assert (await phone.conversations.look(phone.call_sid))[1] == phone.line
        assert not phone.conversations.is_live(phone.call_sid)

    async def test_all_calls_whose_end_no_one_reported_are_reaped_whatever_stands_between_them(
        self, call: Call
    ) -> None:
        phone = call()
        await phone.ring()
        await phone.store.create_call("CA" + "3" * 32, b"written by another version")
        await beside(phone).ring()
        await asyncio.sleep(ABANDONED_AFTER_SECONDS)
        assert await phone.conversations.reap() == 0
        await asyncio.sleep(1.0)
        assert await phone.conversations.reap() == 2

    async def test_a_call_that_is_reaped_says_so_to_its_operator(self, call: Call) -> None:
        phone = call()
        await phone.ring()
        await asyncio.sleep(ABANDONED_AFTER_SECONDS + 1)
        with capture_logs() as logged:
            await phone.conversations.reap()
        assert [line["call_sid"] for line in logged if line["event"] == "call reaped"] == [phone.call_sid]
        assert (await phone.state()).ended_reason == "reaped"

    async def test_a_forward_may_ring_and_last_as_long_as_it_may_before_it_is_given_up(self, call: Call) -> None:
        phone = call([Forward(address="desk")], profile=FORWARDING)
        await phone.ring()
        leg = (await phone.state()).forward.dialled
        await asyncio.sleep(ABANDONED_AFTER_SECONDS + leg.ring_seconds + leg.time_limit_seconds - 1)
        assert await phone.conversations.reap() == 0
        await asyncio.sleep(2.0)
        assert await phone.conversations.reap() == 1

    async def test_a_call_that_goes_on_after_a_forward_is_given_up_as_any_other(self, call: Call) -> None:
        phone = call([Forward(address="desk")], [Say(text="What else?")], profile=FORWARDING)
        await phone.ring()
        await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        await asyncio.sleep(ABANDONED_AFTER_SECONDS + 1)
        assert await phone.conversations.reap() == 1
