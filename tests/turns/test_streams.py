"""What follows a stream that never came or was lost: the call goes on, and each webhook is answered once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from voicegw.call.entries import NoJournal
from voicegw.call.inputs import Said
from voicegw.call.instructions import Say
from voicegw.call.moves import Perform
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.plan import GoOn
from voicegw.call.profile import Mode, NumberProfile
from voicegw.call.records import Record, StepAnswered, WebhookReceived
from voicegw.call.state import Phase, dump_state, finish_call
from voicegw.call.streaming import MOST_LOST, StreamEnd, hear_after_stream, leave_stream
from voicegw.turns.call_book import CallBook
from voicegw.turns.call_in_hand import Desk
from voicegw.turns.conversation import UnknownCall
from voicegw.turns.no_streams import NoStreams

Call = Callable[..., Any]
HELLO = Say(text="Hello.")
STREAMED = NumberProfile(mode=Mode.STREAM)
RECOVERING = phrase(PhraseName.RECOVERING, "en-US")


class Closing(NoStreams):
    """Of a process that is about to stop."""

    closing = True


class Carrying(NoStreams):
    """Has the phone's call, and gives it back before all was said."""

    def __init__(self, phone: Any) -> None:
        self.phone = phone
        self.left: list[str] = []

    async def leave(self, call_sid: str) -> bool:
        self.left.append(call_sid)
        state = leave_stream(await self.phone.state(), self.phone.line, "plan", unsaid=(Say(text="Left over."),))
        version = (await self.phone.store.load_call(call_sid)).version
        await self.phone.store.save_call(call_sid, dump_state(state), version)
        return True


async def follow(phone: Any, number: int, **more: Any) -> Any:
    return await phone._timed(phone.conversations.follow_stream(phone.call_sid, number, **more))


async def lose(phone: Any) -> Any:
    """Lose stream after stream until the carrier is asked to speak."""
    for number in range(1, MOST_LOST + 1):
        answer = await follow(phone, number)
    return answer


async def unsaid(phone: Any) -> list[str]:
    return [prompt.text for prompt in (await phone.state()).unsaid]


async def test_a_call_of_such_a_number_is_led_to_a_stream_at_once(call: Call) -> None:
    phone = call([2.0, HELLO], profile=STREAMED)
    answer = await phone.ring()
    assert (answer.then, answer.after) == ("stream", 0.0)


async def test_what_follows_a_lost_stream_leads_to_another_which_begins_by_asking_for_a_moment(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    await phone.ring()
    assert (await follow(phone, 1)).then == "stream"
    assert (await phone.state()).stream.count == 2
    assert await unsaid(phone) == [RECOVERING]


async def test_a_stream_that_failed_in_silence_leaves_a_word_for_the_caller_and_their_keys(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    await phone.ring()
    state = leave_stream(await phone.state(), phone.line, "carrier-stopped", keys="12")
    assert ([prompt.text for prompt in state.unsaid], state.keys_kept) == ([RECOVERING], "12")
    moved = leave_stream(await phone.state(), phone.line, "moved")
    assert (moved.unsaid, moved.keys_kept) == ((), "")


@pytest.mark.parametrize("reason", ["carrier-stopped", "moved"])
async def test_words_that_a_lost_stream_left_are_asked_once_by_the_next(call: Call, reason: StreamEnd) -> None:
    phone = call([HELLO], [Say(text="At nine.")], profile=STREAMED)
    await phone.ring()
    await asyncio.sleep(1)
    listening = replace(await phone.state(), phase=Phase.LISTENING, running=False, launched=True)
    left = leave_stream(listening, phone.line, reason, words=Said(text="at nine"))
    version = (await phone.store.load_call(phone.call_sid)).version
    await phone.store.save_call(phone.call_sid, dump_state(left), version)
    assert (await follow(phone, 1)).then == "stream"
    await asyncio.sleep(1)
    assert phone.agent.heard[1:] == [Said(text="at nine")]
    assert (await phone.state()).queued == ()
    assert await unsaid(phone) == [RECOVERING] * (reason != "moved")


async def test_words_that_wait_for_the_agent_s_answer_wait_in_the_next_stream_too(call: Call) -> None:
    phone = call([9.0, HELLO], profile=STREAMED)
    await phone.ring()
    left = leave_stream(await phone.state(), phone.line, "carrier-stopped", words=Said(text="at nine"))
    state, move = hear_after_stream(left, phone.line)
    assert isinstance(move, Perform)
    assert isinstance(move.plan.then, GoOn)
    assert state.queued == (Said(text="at nine"),)


async def test_a_call_that_is_over_leaves_no_words(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    await phone.ring()
    ended = finish_call(await phone.state(), "agent-ended")
    assert leave_stream(ended, phone.line, "plan", words=Said(text="at nine")).queued == ()


async def test_where_streams_are_lost_again_and_again_the_carrier_speaks(call: Call) -> None:
    phone = call([HELLO], [Say(text="Next.")], profile=STREAMED)
    await phone.ring()
    answer = await lose(phone)
    assert (answer.say, answer.then) == ([RECOVERING], "go-on")
    assert (await phone.silence()).say == ["Hello."]
    assert (await phone.say("go on")).say == ["Next."]


async def test_asked_again_it_is_answered_the_same_and_nothing_changes(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    await phone.ring()
    first = await follow(phone, 1)
    state = await phone.state()
    assert (await follow(phone, 1)).content == first.content
    assert await phone.state() == state


async def test_a_stream_that_was_never_opened_leads_to_where_the_call_stands(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    at = (await phone.ring()).next
    state = await phone.state()
    answer = await follow(phone, 7)
    assert (answer.say, answer.then, answer.next) == ([], "go-on", at)
    assert await phone.state() == state


async def test_a_process_about_to_stop_has_another_one_asked(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    await phone.ring()
    state = await phone.state()
    phone.conversations.stream_through(lambda *_: Closing())
    assert (await follow(phone, 1)).content == phone.performer.ask_again(state)
    assert await phone.state() == state
    other = phone.process()
    await other.follow_stream(phone.call_sid, 1)
    assert (await phone.state()).stream.count == 2


async def test_a_call_that_lasts_too_long_ends_in_words_behind_a_stream_too(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED.model_copy(update={"max_call_seconds": 60}))
    await phone.ring()
    await asyncio.sleep(61.0)
    await follow(phone, 1)
    assert await unsaid(phone) == [phrase(PhraseName.MAX_DURATION, "en-US")]
    assert (await phone.state()).ended_reason == "max-duration"


async def test_one_call_does_not_wait_for_what_follows_another_s_stream(call: Call) -> None:
    phone = call([HELLO], [HELLO], profile=STREAMED)
    other = replace(phone, call_sid="CA" + "2" * 32)
    other.conversations = phone.conversations

    class SlowToLeave(NoStreams):
        async def leave(self, call_sid: str) -> bool:
            await asyncio.sleep(2.0 if call_sid == phone.call_sid else 0.0)
            return False

    phone.conversations.stream_through(lambda *_: SlowToLeave())
    await phone.ring()
    await other.ring()
    slow = asyncio.create_task(follow(phone, 1))
    await asyncio.sleep(0.1)
    assert (await follow(other, 1)).after == 0.0
    assert (await slow).after == pytest.approx(2.0)


async def test_whoever_carries_the_streams_knows_the_calls_that_are_live_here(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    books: list[CallBook] = []

    def carry(desk: Desk, book: CallBook) -> NoStreams:
        books.append(book)
        return NoStreams()

    phone.conversations.stream_through(carry)
    await phone.ring()
    (book,) = books
    assert phone.call_sid in book


async def test_a_webhook_goes_on_where_the_stream_that_it_takes_the_call_from_had_got_to(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    await phone.ring()
    streams = phone.conversations.stream_through(lambda *_: Carrying(phone))
    await follow(phone, 1)
    assert streams.left == [phone.call_sid]
    assert await unsaid(phone) == ["Left over."]


async def test_a_call_that_is_over_is_taken_from_its_stream(call: Call) -> None:
    phone = call([HELLO], profile=STREAMED)
    await phone.ring()
    streams = phone.conversations.stream_through(lambda *_: Carrying(phone))
    await phone.conversations.hang_up(phone.call_sid, "hangup")
    assert streams.left == [phone.call_sid]
    assert (await phone.state()).ended_reason == "hangup"


async def test_it_is_told_by_its_number_and_how_long_the_carrier_has_waited(call: Call) -> None:
    told: list[Record] = []

    class Diary(NoJournal):
        def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
            told.append(record)

    phone = call([HELLO], profile=STREAMED)
    phone.conversations = phone.process(journal=Diary())
    await phone.ring()
    told.clear()
    came_in = asyncio.get_running_loop().time()
    await asyncio.sleep(2.0)
    await follow(phone, 1, since=came_in)
    assert WebhookReceived(name="stream/1") in told
    answered = [(record.name, record.seconds) for record in told if isinstance(record, StepAnswered)]
    assert answered == [("stream/1", pytest.approx(2.0))]


async def test_of_an_unknown_call_there_is_no_stream(call: Call) -> None:
    phone = call(profile=STREAMED)
    with pytest.raises(UnknownCall):
        await phone.conversations.follow_stream(phone.call_sid, 1)
