"""Whole calls, webhook by webhook: order, waiting, duplicates, restarts, hang-ups, failures. In virtual time."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voicegw.call.conduct import ABANDONED_AFTER_SECONDS
from voicegw.call.inputs import (
    CallParties,
    ForwardEnded,
    ForwardOutcome,
    Pressed,
    RequestReturned,
    Said,
    Started,
    StayedSilent,
)
from voicegw.call.instructions import (
    AwaitPath,
    Collect,
    Forward,
    HangUp,
    HoldSound,
    OfferButtons,
    PlayAudio,
    Say,
    SilenceTimeout,
)
from voicegw.call.phrases import PhraseName, phrase, variants
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.call.state import Phase
from voicegw.errors import AgentBroke, AgentNotConfigured, StaleVersion, StoreError
from voicegw.store.sqlite import SqliteStore
from voicegw.turns.conversation import VOICE_STEP, UnknownCall

Call = Callable[..., Any]
HELLO, BYE = Say(text="Hello."), Say(text="Goodbye then.")
DESK = Forwarding(destinations={"desk": (Destination(to="+14155550100"),)}, human="desk")
FORWARDING = NumberProfile(number="+15005550006", forwarding=DESK, escape_key="0")
FALLBACK = FORWARDING.model_copy(update={"fallback": (Destination(to="+14155550199"),)})


def words(name: PhraseName, variant: int = 0) -> str:
    return phrase(name, "en-US", variant=variant)


def wall() -> float:
    return 1_700_000_000.0 + asyncio.get_running_loop().time()


class TestACall:
    async def test_the_first_webhook_launches_the_agent_and_says_what_it_says(self, call: Call) -> None:
        phone = call([HELLO])
        answer = await phone.ring()
        assert (answer.say, answer.then, answer.next) == (["Hello."], "listen", (1, 1))
        assert phone.agent.heard == [Started()]
        assert not phone.agent.asked[0].launched

    async def test_each_input_is_one_turn_in_the_same_session(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="Which day?")], [Say(text="Booked.")])
        await phone.ring()
        assert (await phone.say("book")).say == ["Which day?"]
        assert (await phone.press("5", "#")).say == ["Booked."]
        assert phone.agent.heard == [Started(), Said(text="book"), Pressed(keys="5", ended_by="")]
        assert {request.session_key for request in phone.agent.asked[1:]} == {"key-1"}
        assert all(request.launched for request in phone.agent.asked[1:])
        assert phone.agent.sessions == 1

    async def test_no_step_is_named_twice(self, call: Call) -> None:
        phone = call([5.0, HELLO], [HELLO], [4.0, HELLO])
        named = [(await phone.ring()).next, *[(await phone.say("more")).next for _ in range(8)]]
        assert len(set(named)) == len(named)

    async def test_the_agent_hears_of_silence_as_long_as_it_asked_for(self, call: Call) -> None:
        phone = call([HELLO, SilenceTimeout(seconds=8)], [Say(text="Still there?")])
        await phone.ring()
        assert (await phone.silence()).say == ["Still there?"]
        assert phone.agent.heard[-1] == StayedSilent()

    async def test_what_the_agent_needs_to_know_goes_along(self, call: Call) -> None:
        pin = Collect(max_digits=4)
        phone = call([HELLO, pin, OfferButtons(buttons=())], [HELLO])
        await phone.ring()
        await phone.press("1234")
        assert phone.agent.asked[1].collecting
        assert phone.agent.asked[1].user_id == phone.call_sid

    async def test_what_was_heard_of_an_interrupted_prompt_goes_along_once(self, call: Call) -> None:
        prompt = Say(text=" ".join(str(number) for number in range(40)))
        phone = call([prompt], [prompt], [prompt])
        await phone.ring()
        await asyncio.sleep(5.0)
        await phone.press("1", "#")
        heard = phone.agent.asked[1].heard_text
        assert heard
        assert prompt.text.startswith(heard)
        await asyncio.sleep(60.0)
        await phone.say("next")
        assert phone.agent.asked[2].heard_text == ""

    async def test_a_custom_action_follows_its_path_in_the_same_webhook(self, call: Call) -> None:
        request = {"type": "path-1"}
        phone = call([HELLO, AwaitPath(name="pay", request=request)], [Say(text="Paid.")])
        assert (await phone.ring()).say == ["Hello.", "Paid."]
        assert phone.agent.heard == [Started(), RequestReturned(request=request)]

    async def test_more_than_fits_into_one_answer_follows(self, call: Call) -> None:
        phone = call([Say(text="One."), Say(text="Two."), Say(text="Three."), HangUp()])
        phone.performer.per_answer = 2
        first = await phone.ring()
        assert (first.say, first.then) == (["One.", "Two."], "more")
        assert phone.agent.ended == []
        second = await phone.silence()
        assert (second.say, second.then) == (["Three."], "finish")
        await asyncio.sleep(1.0)
        assert len(phone.agent.ended) == 1

    async def test_a_disclosure_is_said_before_the_agents_first_word(self, call: Call) -> None:
        phone = call([3.0, HELLO], profile=NumberProfile(disclosure="This call is recorded."))
        answer = await phone.ring()
        assert answer.say == ["This call is recorded."]
        assert answer.after <= 1.5
        assert (await phone.silence()).say == ["Hello."]

    async def test_the_usual_disclosure_is_said_in_the_language_of_the_number(self, call: Call) -> None:
        phone = call([HELLO], profile=NumberProfile(disclosure="default", language="de-DE"))
        assert (await phone.ring()).say == [phrase(PhraseName.CONSENT, "de-DE"), "Hello."]

    async def test_an_unknown_call_has_no_steps(self, call: Call) -> None:
        phone = call()
        with pytest.raises(UnknownCall):
            await phone.conversations.step("CA" + "9" * 32, 1, 1, StayedSilent())
        with pytest.raises(UnknownCall):
            await phone.conversations.rescue("CA" + "9" * 32, "asked")
        await phone.conversations.hang_up("CA" + "9" * 32, "hangup")
        assert phone.agent.ended == []

    async def test_a_call_is_found_as_it_stands(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        state, line = await phone.conversations.look(phone.call_sid)
        assert (state.call_sid, state.phase, line) == (phone.call_sid, Phase.LISTENING, phone.line)


class TestWaiting:
    async def test_a_turn_that_is_over_is_answered_at_once(self, call: Call) -> None:
        phone = call([1.0, HELLO])
        assert (await phone.ring()).after == pytest.approx(1.0)

    async def test_while_the_phone_rings_there_is_no_filler_for_eight_seconds(self, call: Call) -> None:
        phone = call([7.5, HELLO])
        answer = await phone.ring()
        assert (answer.say, answer.after) == (["Hello."], pytest.approx(7.5))

    async def test_a_call_that_was_answered_already_hears_a_filler_sooner(self, call: Call) -> None:
        phone = call([7.5, HELLO])
        answer = await phone.ring(ringing=False)
        assert answer.after == pytest.approx(2.5)
        assert answer.say == [words(PhraseName.FILLER)]

    async def test_a_webhook_is_waited_with_since_it_came_in_and_not_since_we_got_to_it(self, call: Call) -> None:
        phone = call([20.0, HELLO], [20.0, HELLO])
        came_in = asyncio.get_running_loop().time()
        await asyncio.sleep(2.0)
        assert (await phone.ring(since=came_in)).after == pytest.approx(6.0)
        came_in = asyncio.get_running_loop().time()
        await asyncio.sleep(2.0)
        step = phone.conversations.step(phone.call_sid, *phone.at, StayedSilent(), since=came_in)
        assert (await phone._timed(step)).after == pytest.approx(0.5)
        came_in = asyncio.get_running_loop().time()
        await asyncio.sleep(2.0)
        ordered = phone.conversations.come_for_order(phone.call_sid, 1, since=came_in)
        assert (await phone._timed(ordered)).after == pytest.approx(0.5)

    async def test_a_slow_agent_is_filled_in_for_and_never_twice_with_the_same_words(self, call: Call) -> None:
        phone = call([HELLO], [20.5, Say(text="Found it.")])
        await phone.ring()
        answers = [await phone.say("look it up")]
        while answers[-1].then == "go-on":
            answers.append(await phone.silence())
        assert [answer.after for answer in answers[:-1]] == [pytest.approx(2.5)] * 8
        fillers = [answer.say[0] for answer in answers[:-1]]
        assert set(fillers) == set(variants(PhraseName.FILLER, "en-US"))
        assert all(one != other for one, other in itertools.pairwise(fillers))
        assert answers[-1].say == ["Found it."]
        assert len(phone.agent.asked) == 2

    async def test_the_first_sentence_is_said_a_second_and_a_half_after_it_came(self, call: Call) -> None:
        phone = call([HELLO], [0.5, Say(text="Let me see."), 10.0, Say(text="Found it.")])
        await phone.ring()
        answer = await phone.say("look it up")
        assert (answer.say, answer.then) == (["Let me see."], "go-on")
        assert answer.after == pytest.approx(2.0)

    async def test_sentences_that_come_close_together_are_said_together(self, call: Call) -> None:
        phone = call([HELLO], [0.5, Say(text="One."), 0.6, Say(text="Two."), 0.6, Say(text="Three."), 9.0])
        await phone.ring()
        assert (await phone.say("go")).say == ["One.", "Two.", "Three."]

    async def test_sentences_that_came_while_we_spoke_are_said_at_once(self, call: Call) -> None:
        phone = call([HELLO], [0.5, Say(text="One."), 2.0, Say(text="Two."), 20.0])
        await phone.ring()
        await phone.say("go")
        await asyncio.sleep(5.0)
        answer = await phone.silence()
        assert (answer.say, answer.after) == (["Two."], 0.0)

    async def test_a_tool_of_the_agent_is_heard_while_it_works(self, call: Call) -> None:
        music = "https://a.example/typing.wav"
        phone = call([HELLO], [HoldSound(tool_id="t", playing=True, sound=music), 30.0, Say(text="Done.")])
        await phone.ring()
        answer = await phone.say("look it up")
        assert answer.say == [music]
        heard = [answer.say]
        while answer.then == "go-on":
            answer = await phone.silence()
            heard.append(answer.say)
        assert heard[-1] == ["Done."]

    async def test_a_tool_without_a_sound_of_its_own_is_filled_in_for(self, call: Call) -> None:
        phone = call([HELLO], [HoldSound(tool_id="t", playing=True, sound="typing"), 30.0, Say(text="Done.")])
        await phone.ring()
        assert (await phone.say("look it up")).say == [words(PhraseName.FILLER)]

    async def test_after_25_seconds_we_apologise_and_listen(self, call: Call) -> None:
        phone = call([HELLO], [500.0])
        await phone.ring()
        began = asyncio.get_running_loop().time()
        answer = await phone.say("look it up")
        while answer.then == "go-on":
            answer = await phone.silence()
        assert (answer.say, answer.then) == ([words(PhraseName.GIVE_UP)], "listen")
        assert 25.0 <= asyncio.get_running_loop().time() - began <= 28.0

    async def test_an_open_tool_has_two_minutes(self, call: Call) -> None:
        phone = call([HELLO], [HoldSound(tool_id="t", playing=True), 500.0])
        await phone.ring()
        began = asyncio.get_running_loop().time()
        answer = await phone.say("look it up")
        while answer.then == "go-on":
            answer = await phone.silence()
        assert answer.say == [words(PhraseName.GIVE_UP)]
        assert 120.0 <= asyncio.get_running_loop().time() - began <= 123.0

    async def test_a_late_answer_is_still_spoken(self, call: Call) -> None:
        phone = call([HELLO], [40.0, Say(text="Found it.")])
        await phone.ring()
        answer = await phone.say("look it up")
        while answer.then == "go-on":
            answer = await phone.silence()
        await asyncio.sleep(20.0)
        answer = await phone.silence()
        assert (answer.say, answer.then) == (["Found it."], "listen")
        assert len(phone.agent.asked) == 2

    async def test_what_is_said_meanwhile_waits_and_there_are_never_two_turns_at_once(self, call: Call) -> None:
        phone = call([HELLO], [10.0, Say(text="First.")], [Say(text="Second.")])
        await phone.ring()
        await phone.say("one")
        answer = await phone.say("two")
        while answer.then == "go-on":
            answer = await phone.silence()
        assert phone.agent.heard == [Started(), Said(text="one"), Said(text="two")]
        assert phone.agent.most_at_once == 1
        assert answer.say == ["First.", "Second."]  # a filler is no answer: what was asked first is still owed

    async def test_words_over_the_agents_own_replace_the_rest_of_its_answer(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="First."), 10.0, Say(text="More.")], [Say(text="Second.")])
        await phone.ring()
        await phone.say("one")
        answer = await phone.say("two")
        while answer.then == "go-on":
            answer = await phone.silence()
        assert answer.say == ["Second."]

    async def test_no_webhook_takes_longer_than_the_carrier_waits(self, call: Call) -> None:
        phone = call([30.0, HELLO], [40.0, HELLO], [1.0, HELLO, 60.0, HELLO], profile=FORWARDING)
        inputs = (StayedSilent(), Said(text="a"), Pressed(keys="1", ended_by="#"), Said(text="b")) * 8
        took = [(await phone.ring()).after, *[(await phone.step(heard)).after for heard in inputs]]
        assert max(took) <= 8.5


class TestDuplicates:
    """A carrier's retry, or a replay: the same bytes, and one effect."""

    async def whole_call(self, call: Call, repeat: Callable[[Any, Any], Any]) -> Any:
        phone = call([HELLO], [3.0, Say(text="One.")], [Say(text="Two."), HangUp()], profile=FORWARDING)
        await repeat(phone, phone.ring)
        for heard in (Said(text="go"), StayedSilent(), Said(text="stop")):
            at = phone.at
            await repeat(phone, lambda heard=heard, at=at: phone.step(heard, at=at))
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(5.0)
        assert phone.agent.heard == [Started(), Said(text="go"), Said(text="stop")]
        assert len(phone.agent.ended) == 1
        assert phone.conversations.live_calls == 0
        return phone

    async def test_one_after_the_other(self, call: Call) -> None:
        async def twice(phone: Any, ask: Any) -> None:
            first = await ask()
            assert (await ask()).content == first.content
            await asyncio.sleep(20.0)
            assert (await ask()).content == first.content

        await self.whole_call(call, twice)

    async def test_ten_at_once(self, call: Call) -> None:
        async def tenfold(phone: Any, ask: Any) -> None:
            answers = await asyncio.gather(*(ask() for _ in range(10)))
            assert len({answer.content for answer in answers}) == 1

        await self.whole_call(call, tenfold)

    async def test_after_the_call_is_over(self, call: Call) -> None:
        asked: list[tuple[Any, bytes]] = []

        async def remember(phone: Any, ask: Any) -> None:
            asked.append((ask, (await ask()).content))

        phone = await self.whole_call(call, remember)
        for ask, content in asked:
            assert (await ask()).content == content
        await asyncio.sleep(5.0)
        assert len(phone.agent.asked) == 3
        assert len(phone.agent.ended) == 1
        assert phone.conversations.live_calls == 0

    async def test_a_step_that_was_never_named_leads_to_the_one_that_is_expected(self, call: Call) -> None:
        phone = call([HELLO], [HELLO])
        expected = (await phone.ring()).next
        for at in ((1, 0), (1, 2), (9, 9)):
            answer = await phone.step(Said(text="hack"), at=at)
            assert (answer.say, answer.next) == ([], expected)
        assert len(phone.agent.asked) == 1

    async def test_a_fallback_that_is_asked_for_twice_apologises_once(self, call: Call) -> None:
        phone = call([HELLO], profile=FALLBACK)
        await phone.ring()
        failed = "https://g.example/twilio/step/1/1"
        first = await phone.conversations.rescue(phone.call_sid, failed)
        assert await phone.conversations.rescue(phone.call_sid, failed) == first
        assert (await phone.state()).phase is Phase.LISTENING


class TestRescue:
    async def test_the_first_time_we_apologise_and_go_on_where_the_call_stands(self, call: Call) -> None:
        phone = call([HELLO], [10.0, Say(text="Next.")], profile=FALLBACK)
        await phone.ring()
        failed = (await phone.say("go on")).next
        answer = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/a"))
        assert answer.say == ["Sorry."]
        assert answer.next != failed
        assert (await phone.silence()).then == "go-on"

    async def test_what_the_caller_said_and_we_never_got_is_asked_for_again(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="Next.")], profile=FALLBACK)
        failed = (await phone.ring()).next
        answer = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/a", failed))
        assert (answer.say, answer.then) == ([words(PhraseName.FAILURE)], "listen")
        assert answer.next != failed
        assert (await phone.say("go on")).say == ["Next."]

    async def test_an_answer_that_was_lost_on_its_way_is_given_again(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="Next.")])
        asked = (await phone.ring()).next
        given = await phone.say("go on")
        sorry = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/a", asked))
        assert (sorry.say, sorry.next) == (["Sorry."], asked)
        again = await phone.step(StayedSilent(), at=asked)
        assert (again.say, again.next) == (given.say, given.next)

    async def test_so_is_the_first_answer_and_the_last_one(self, call: Call) -> None:
        phone = call([HELLO, HangUp()])
        first = await phone.ring()
        sorry = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/a", VOICE_STEP))
        assert (await phone.step(StayedSilent(), at=sorry.next)).say == first.say
        assert phone.conversations.live_calls == 0

    async def test_a_forward_whose_outcome_was_lost_is_not_dialled_again(self, call: Call) -> None:
        phone = call([HELLO], [Forward(address="desk")], [Say(text="What now?")], profile=FORWARDING)
        await phone.ring()
        dialling = await phone.say("the desk")
        assert dialling.then == "dial-leg"
        answer = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/a", dialling.next))
        assert answer.then == "listen"
        assert answer.say == [words(PhraseName.FORWARD_FAILED), "What now?"]

    async def test_the_second_time_the_fallback_destination_is_dialled(self, call: Call) -> None:
        phone = call([HELLO], profile=FALLBACK)
        await phone.ring()
        await phone.conversations.rescue(phone.call_sid, "https://g.example/a")
        answer = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/b"))
        assert answer.then == "dial-leg"

    async def test_without_one_it_is_a_goodbye_and_the_agent_is_told(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        await phone.conversations.rescue(phone.call_sid, "https://g.example/a")
        answer = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/b"))
        assert (answer.say, answer.then) == ([words(PhraseName.FAILURE_FINAL)], "finish")
        await asyncio.sleep(1.0)
        assert len(phone.agent.ended) == 1

    async def test_after_the_end_there_is_nothing_to_rescue(self, call: Call) -> None:
        phone = call([HELLO], profile=FALLBACK)
        at = (await phone.ring()).next
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        answer = await phone._timed(phone.conversations.rescue(phone.call_sid, "https://g.example/a"))
        assert (answer.say, answer.next) == ([], at)
        assert phone.conversations.live_calls == 0


class TestHangUps:
    async def test_the_agent_is_told_once(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        await asyncio.gather(*(phone.conversations.hang_up(phone.call_sid, "hangup") for _ in range(10)))
        await asyncio.sleep(1.0)
        (ended,) = phone.agent.ended
        assert (ended.session_key, ended.user_id, ended.launched) == ("key-1", phone.call_sid, True)

    async def test_in_mid_turn_the_turn_is_read_to_its_end_first(self, call: Call) -> None:
        phone = call([HELLO], [10.0, Say(text="Late."), Forward(address="desk")], profile=FORWARDING)
        await phone.ring()
        await phone.say("go")
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        assert phone.agent.ended == []
        await asyncio.sleep(30.0)
        assert phone.agent.broken_off == 0
        assert phone.agent.ended_at == [pytest.approx(phone.agent.asked_at[-1] + 10.0)]
        assert (await phone.state()).forward.attempts == 0

    async def test_during_launch_the_session_it_opened_is_ended(self, call: Call) -> None:
        phone = call([5.0, HELLO])
        ringing = asyncio.create_task(phone.ring())
        await asyncio.sleep(1.0)
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await ringing
        await asyncio.sleep(10.0)
        (ended,) = phone.agent.ended
        assert ended.session_key == "key-1"

    async def test_of_a_slow_launch_too(self, call: Call) -> None:
        phone = call([20.0, HELLO])
        await phone.ring()
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(60.0)
        assert [request.session_key for request in phone.agent.ended] == ["key-1"]

    async def test_a_call_that_the_agent_never_knew_of_ends_quietly(self, call: Call) -> None:
        phone = call([AgentBroke("refused", answer_begun=False)])
        phone.agent.take_turn = _breaks  # type: ignore[method-assign]
        await phone.ring()
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert phone.agent.ended == []

    async def test_a_goodbye_of_the_agents_ends_the_call_on_both_sides_once(self, call: Call) -> None:
        phone = call([HELLO, HangUp()])
        assert (await phone.ring()).then == "finish"
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert len(phone.agent.ended) == 1
        assert phone.conversations.live_calls == 0

    async def test_a_second_call_of_the_same_caller_may_have_the_name_even_if_the_agent_is_gone(
        self, call: Call
    ) -> None:
        phone = call([HELLO])
        phone.agent.end_breaks = AgentBroke("gone", answer_begun=False)
        await phone.ring()
        assert await phone.store.claim_name(phone.call_sid, phone.call_sid)
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert await phone.store.claim_name(phone.call_sid, "another call")

    async def test_a_farewell_that_goes_wrong_hurts_nobody(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        phone.store.break_down("release_name")
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert len(phone.agent.ended) == 1
        assert (await phone.state()).phase is Phase.ENDED

    async def test_so_does_one_that_crashes(self, call: Call) -> None:
        phone = call([HELLO])
        phone.agent.end_breaks = ZeroDivisionError()  # type: ignore[assignment]
        await phone.ring()
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert (await phone.state()).end_sent

    async def test_calls_whose_end_no_one_reported_are_reaped(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        await asyncio.sleep(ABANDONED_AFTER_SECONDS - 1)
        assert await phone.conversations.reap() == 0
        await asyncio.sleep(2)
        assert await phone.conversations.reap() == 1
        assert await phone.conversations.reap() == 0
        await asyncio.sleep(1.0)
        assert len(phone.agent.ended) == 1
        assert phone.conversations.live_calls == 0

    async def test_a_call_that_ended_in_another_process_is_no_longer_live_here(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        await phone.process().hang_up(phone.call_sid, "hangup")
        assert phone.conversations.live_calls == 1
        assert await phone.conversations.reap() == 0
        assert phone.conversations.live_calls == 0
        assert len(phone.conversations._desk.runner) == 0

    async def test_a_call_that_ends_while_ended_calls_are_looked_for_is_no_longer_live_here(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        live_calls = phone.store.live_calls

        async def ends_meanwhile() -> tuple[str, ...]:
            await phone.conversations.hang_up(phone.call_sid, "hangup")
            return tuple(await live_calls())

        phone.store.live_calls = ends_meanwhile
        assert await phone.conversations.reap() == 0
        assert phone.conversations.live_calls == 0

    async def test_a_call_that_cannot_be_read_any_more_is_left_to_expire(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.store.create_call(phone.call_sid, b"written by another version")
        await asyncio.sleep(ABANDONED_AFTER_SECONDS * 2)
        assert await phone.conversations.reap() == 0

    async def test_a_caller_who_talks_with_a_human_is_not_reaped(self, call: Call) -> None:
        phone = call([HELLO, Forward(address="desk")], profile=FORWARDING)
        assert (await phone.ring()).then == "dial-leg"
        await asyncio.sleep(ABANDONED_AFTER_SECONDS * 4)
        assert await phone.conversations.reap() == 0


async def _breaks(turn: Any, give: Any) -> None:
    raise AgentBroke("refused", answer_begun=False)


class TestFailures:
    async def test_what_had_arrived_is_said_once_then_the_phrase(self, call: Call) -> None:
        phone = call([HELLO], [Say(text="One."), AgentBroke("cut", answer_begun=True)], [HELLO])
        await phone.ring()
        answer = await phone.say("go")
        assert (answer.say, answer.then) == (["One.", words(PhraseName.FAILURE)], "listen")
        assert (await phone.say("again")).say == ["Hello."]
        assert len(phone.agent.asked) == 3

    async def test_the_third_failure_in_a_row_leads_to_the_fallback(self, call: Call) -> None:
        broken = AgentBroke("cut", answer_begun=True)
        phone = call([HELLO], [broken], [broken], [broken], profile=FALLBACK)
        await phone.ring()
        assert [(await phone.say("go")).then for _ in range(3)] == ["listen", "listen", "dial-leg"]

    async def test_an_agent_that_needs_a_person_leads_to_the_fallback_at_once(self, call: Call) -> None:
        phone = call([AgentNotConfigured("wrong key")], profile=FALLBACK)
        answer = await phone.ring()
        assert answer.then == "dial-leg"
        assert answer.say == [words(PhraseName.AGENT_UNAVAILABLE), words(PhraseName.FORWARD_CONNECTING)]

    async def test_a_crash_of_ours_is_a_failed_turn(self, call: Call) -> None:
        phone = call([ZeroDivisionError()], [HELLO])
        assert (await phone.ring()).say == [words(PhraseName.FAILURE_AT_START)]
        await phone.say("again")
        assert not phone.agent.asked[1].launched

    async def test_a_store_that_cannot_be_read_is_said_so(self, call: Call) -> None:
        phone = call([HELLO])
        await phone.ring()
        phone.store.break_down("load_call")
        with pytest.raises(StoreError):
            await phone.say("go")
        phone.store.break_down()
        assert (await phone.say("go")).then == "listen"

    async def test_progress_that_cannot_be_kept_costs_only_what_others_could_have_seen(self, call: Call) -> None:
        phone = call([HELLO])
        phone.store.break_down("append_turn")
        assert (await phone.ring()).say == ["Hello."]


class TestForwards:
    async def test_the_agent_hears_how_it_went(self, call: Call) -> None:
        phone = call([HELLO, Forward(address="desk")], [Say(text="Can I take a message?")], profile=FORWARDING)
        answer = await phone.ring()
        assert (answer.say, answer.then) == (["Hello."], "dial-leg")
        answer = await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        assert answer.say == [words(PhraseName.FORWARD_BUSY), "Can I take a message?"]

    async def test_why_it_failed_is_said_though_the_agent_is_slow(self, call: Call) -> None:
        phone = call([Forward(address="desk")], [20.0, HELLO], profile=FORWARDING)
        await phone.ring()
        answer = await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        assert answer.say == [words(PhraseName.FORWARD_BUSY)]
        assert answer.after <= 1.5

    async def test_after_it_the_call_is_over(self, call: Call) -> None:
        phone = call([Forward(address="desk")], profile=FORWARDING)
        await phone.ring()
        answer = await phone.step(ForwardEnded(outcome=ForwardOutcome.COMPLETED, bridged=True))
        assert answer.then == "finish"
        await asyncio.sleep(1.0)
        assert len(phone.agent.ended) == 1

    async def test_the_escape_key_works_while_the_agent_is_dead(self, call: Call) -> None:
        phone = call([HELLO], [500.0], [Say(text="Back.")], profile=FORWARDING)
        await phone.ring()
        await phone.say("go")
        answer = await phone.press("0")
        assert (answer.then, answer.after) == ("dial-leg", 0.0)
        answer = await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        assert (answer.say[-1], answer.then) == (words(PhraseName.FORWARD_EXPLAIN), "listen")
        answer = await phone.say("hello?")
        while answer.then == "go-on":
            answer = await phone.silence()
        assert answer.after <= 8.5
        assert phone.agent.most_at_once == 1

    async def test_a_session_that_an_abandoned_launch_opened_is_kept(self, call: Call) -> None:
        phone = call([12.0, HELLO], [HELLO], [HELLO], profile=FORWARDING)
        await phone.ring()
        await phone.press("0")
        await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        answer = await phone.say("hello?")
        while answer.then == "go-on":
            answer = await phone.silence()
        await phone.say("book")
        assert phone.agent.sessions == 1
        assert {request.session_key for request in phone.agent.asked[1:]} == {"key-1"}
        assert phone.agent.most_at_once == 1

    async def test_a_destination_is_not_dialled_more_often_than_its_hourly_cap(self, call: Call) -> None:
        capped = FORWARDING.model_copy(
            update={"forwarding": DESK.model_copy(update={"max_per_destination_per_hour": 1})}
        )
        first = call([Forward(address="desk")], profile=capped)
        assert (await first.ring()).then == "dial-leg"
        second = call([Forward(address="desk")], [HELLO], profile=capped, store=first.store, call_sid="CA" + "2" * 32)
        answer = await second.ring()
        assert answer.say == [words(PhraseName.FORWARD_REFUSED), "Hello."]
        assert second.agent.heard[-1] == ForwardEnded(outcome=ForwardOutcome.REFUSED, destination="+14155550100")

    async def test_a_leg_that_comes_back_to_us_is_known_until_it_has_ended(self, call: Call) -> None:
        phone = call([Forward(address="desk")], [HELLO], profile=FORWARDING)
        returned = CallParties(
            caller_number="+15005550006", called_number="+15005550006", forwarded_from="+14155550100"
        )
        assert not await phone.conversations.is_our_own_forward(returned)
        await phone.ring()
        assert await phone.conversations.is_our_own_forward(returned)
        assert not await phone.conversations.is_our_own_forward(phone.parties)
        await phone.step(ForwardEnded(outcome=ForwardOutcome.BUSY))
        assert not await phone.conversations.is_our_own_forward(returned)

    async def test_so_it_is_where_the_caller_hung_up_meanwhile(self, call: Call) -> None:
        phone = call([Forward(address="desk")], profile=FORWARDING)
        returned = CallParties(
            caller_number="+15005550006", called_number="+15005550006", forwarded_from="+14155550100"
        )
        await phone.ring()
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert not await phone.conversations.is_our_own_forward(returned)

    async def test_a_call_that_lasts_too_long_ends_in_words(self, call: Call) -> None:
        phone = call([HELLO], profile=NumberProfile(max_call_seconds=60))
        await phone.ring()
        await asyncio.sleep(61.0)
        answer = await phone.say("still here")
        assert (answer.say, answer.then) == ([words(PhraseName.MAX_DURATION)], "finish")
        assert len(phone.agent.asked) == 1


class TestTrailingDelimiters:
    async def test_the_answer_it_cut_off_is_said_again(self, call: Call) -> None:
        pin = Collect(max_digits=4, gap_seconds=3)
        phone = call([Say(text="PIN?"), pin], [Say(text="Your balance is ten.")])
        await phone.ring()
        assert (await phone.press("1234")).say == ["Your balance is ten."]
        answer = await phone.press("", "#")
        assert (answer.say, answer.then) == (["Your balance is ten."], "listen")
        assert len(phone.agent.asked) == 2

    async def test_a_filler_is_not_repeated_for_it(self, call: Call) -> None:
        pin = Collect(max_digits=4, gap_seconds=3)
        phone = call([pin], [4.0, PlayAudio(source="https://a.example/b.wav")])
        await phone.ring()
        assert (await phone.press("1234")).say == [words(PhraseName.FILLER)]
        assert (await phone.press("", "#")).say == ["https://a.example/b.wav"]


class TestProcesses:
    """A restart in mid-call, and two processes on one file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> Any:
        opened = []

        async def open_store() -> SqliteStore:
            store = SqliteStore(tmp_path / "live.db", wall=wall, lifetime_seconds=1e6)
            await store.open()
            opened.append(store)
            return store

        yield open_store
        for store in opened:
            await store.close()

    async def test_a_restart_in_mid_call_loses_no_call(self, call: Call, store: Any) -> None:
        phone = call([HELLO], [Say(text="Next.")], store=await store())
        await phone.ring()
        await phone.conversations.close(1.0)
        phone.store = await store()
        phone.conversations = phone.process()
        answer = await phone.say("go on")
        assert answer.say == ["Next."]
        assert phone.agent.heard == [Started(), Said(text="go on")]
        assert phone.agent.asked[1].session_key == "key-1"
        assert phone.conversations.live_calls == 1

    async def test_answers_given_before_a_restart_are_given_again(self, call: Call, store: Any) -> None:
        phone = call([HELLO], [Say(text="Next.")], store=await store())
        first = await phone.ring()
        at = phone.at
        second = await phone.say("go on")
        phone.store = await store()
        phone.conversations = phone.process()
        assert (await phone.ring()).content == first.content
        assert (await phone.step(Said(text="go on"), at=at)).content == second.content
        assert len(phone.agent.asked) == 2

    async def test_a_turn_that_died_with_its_process_is_a_failed_turn(self, call: Call, store: Any) -> None:
        phone = call([HELLO], [Say(text="One."), 500.0], [Say(text="Back.")], store=await store())
        await phone.ring()
        assert (await phone.say("go")).say == ["One."]
        await phone.conversations.close(0.0)
        phone.store = await store()
        phone.conversations = phone.process()
        answer = await phone.silence()
        while answer.then == "go-on":
            answer = await phone.silence()
        assert (answer.say, answer.then) == ([words(PhraseName.FAILURE)], "listen")
        assert (await phone.say("again")).say == ["Back."]

    async def test_a_launch_that_died_is_launched_again_with_the_next_input(self, call: Call, store: Any) -> None:
        phone = call([500.0], [Say(text="Back.")], store=await store())
        await phone.ring()
        await phone.conversations.close(0.0)
        phone.store = await store()
        phone.conversations = phone.process()
        answer = await phone.silence()
        while answer.then == "go-on":
            answer = await phone.silence()
        await phone.say("hello")
        assert not phone.agent.asked[1].launched
        assert phone.agent.asked[1].session_key == "key-1"

    async def test_another_process_speaks_on_from_a_turn_that_runs(self, call: Call, store: Any) -> None:
        phone = call([HELLO], [Say(text="One."), 4.0, Say(text="Two.")], store=await store())
        await phone.ring()
        assert (await phone.say("go")).say == ["One."]
        phone.conversations = phone.process(await store())
        answer = await phone.silence()
        said = [*answer.say]
        while answer.then == "go-on":
            answer = await phone.silence()
            said += answer.say
        assert said[-1] == "Two."
        assert len(phone.agent.asked) == 2

    async def test_the_same_step_in_two_processes_is_one_turn_and_one_answer(self, call: Call, store: Any) -> None:
        phone = call([HELLO], [1.0, Say(text="Next.")], store=await store())
        at = (await phone.ring()).next
        other = phone.process(await store())
        here, there = await asyncio.gather(
            phone.conversations.step(phone.call_sid, *at, Said(text="go")),
            other.step(phone.call_sid, *at, Said(text="go")),
        )
        assert here == there
        assert phone.agent.heard == [Started(), Said(text="go")]

    async def test_the_first_webhook_in_two_processes_is_one_launch(self, call: Call, store: Any) -> None:
        phone = call([1.0, HELLO], store=await store())
        here, other = phone.conversations, phone.process(await store())
        first = asyncio.create_task(phone.ring())
        await asyncio.sleep(0.5)
        phone.conversations = other
        second = await phone.ring()
        assert (await first).content == second.content
        assert len(phone.agent.asked) == 1
        assert here.live_calls == 1

    async def test_a_hang_up_that_another_process_hears_of_waits_for_the_turn(self, call: Call, store: Any) -> None:
        phone = call([HELLO], [10.0, Say(text="Late.")], store=await store())
        await phone.ring()
        await phone.say("go")
        other = phone.process(await store())
        await asyncio.gather(
            other.hang_up(phone.call_sid, "hangup"), phone.conversations.hang_up(phone.call_sid, "hangup")
        )
        await asyncio.sleep(30.0)
        (ended_at,) = phone.agent.ended_at
        assert ended_at >= phone.agent.asked_at[-1] + 10.0

    async def test_a_step_that_another_process_never_answers_is_an_error_and_not_silence(self, call: Call) -> None:
        phone = call([HELLO], [HELLO])
        await phone.ring()
        saved = phone.store.save_call

        async def always_late(*args: Any, **options: Any) -> int:
            raise StaleVersion("someone else wrote this call first")

        phone.store.save_call = always_late
        began = asyncio.get_running_loop().time()
        with pytest.raises(StaleVersion):
            await phone.say("go")
        assert asyncio.get_running_loop().time() - began <= 10.5
        phone.store.save_call = saved
        assert (await phone.say("go")).then == "listen"


class TestStopping:
    async def test_running_turns_are_finished_before_we_stop(self, call: Call) -> None:
        phone = call([HELLO], [5.0, Say(text="Done.")])
        await phone.ring()
        await phone.say("go")
        began = asyncio.get_running_loop().time()
        await phone.conversations.close(25.0)
        assert asyncio.get_running_loop().time() - began == pytest.approx(2.5)
        assert phone.agent.broken_off == 0

    async def test_but_no_longer_than_we_may(self, call: Call) -> None:
        phone = call([HELLO], [500.0])
        await phone.ring()
        await phone.say("go")
        began = asyncio.get_running_loop().time()
        await phone.conversations.close(25.0)
        assert asyncio.get_running_loop().time() - began == pytest.approx(25.0)
        assert phone.agent.broken_off == 1
        assert phone.agent.running[phone.call_sid] == 0

    async def test_farewells_are_waited_for(self, call: Call) -> None:
        phone = call([HELLO], [5.0, Say(text="Done.")])
        await phone.ring()
        await phone.say("go")
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await phone.conversations.close(25.0)
        assert len(phone.agent.ended) == 1

    async def test_but_no_longer_than_we_may_either(self, call: Call) -> None:
        phone = call([HELLO], [500.0])
        await phone.ring()
        await phone.say("go")
        other = phone.process()
        await other.hang_up(phone.call_sid, "hangup")  # its farewell waits for the turn that runs here
        began = asyncio.get_running_loop().time()
        await other.close(25.0)
        assert asyncio.get_running_loop().time() - began == pytest.approx(25.0)

    async def test_nothing_is_left_of_a_call_that_is_over(self, call: Call) -> None:
        phone = call([HELLO], [HELLO])
        await phone.ring()
        await phone.say("go")
        await phone.conversations.hang_up(phone.call_sid, "hangup")
        await asyncio.sleep(1.0)
        assert phone.conversations.live_calls == 0
        assert len(phone.conversations._desk.runner) == 0
        assert phone.conversations._answering.held == 0
        assert not phone.conversations._desk.ender._farewells
        assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()
