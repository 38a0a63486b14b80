"""Whole calls over a media stream, from the ring to the hang-up, in virtual time."""

import asyncio

import pytest
from stream_world import (
    CALL_SID,
    LONG,
    ORIGIN,
    PROFILE,
    Agent,
    Site,
    StartSite,
    Stream,
    answer,
    dialogue,
    hang_up,
    hear_greeting,
    says,
)

from voicegw.call.inputs import EventRaised, ForwardOrdered, HangUpOrdered
from voicegw.call.profile import Destination, Forwarding
from voicegw.call.records import (
    CallEnded,
    CallerInterrupted,
    CallerSpoke,
    KeysPressed,
    Noted,
    PromptBegan,
    PromptCut,
    PromptHeard,
    StreamBegan,
    StreamEnded,
)

NO_KEYS = {"enabled": False, "timeoutInSeconds": 2, "delimiter": ["#"], "maxDigits": 4}
HUMAN = Forwarding(destinations={"human": (Destination(to="+15005550199"),)}, human="human", allow=("+1",))


async def test_call_is_greeted_answered_and_hung_up(site: Site) -> None:
    stream = await hear_greeting(site)
    assert stream.heard() == ["Welcome to the practice."]
    stream.say("hello there")
    await asyncio.sleep(6)
    assert stream.heard()[1:] == ["You said hello there.", "Anything else?"]
    stream.press("5#")
    await stream.until_closed()
    assert stream.heard()[3:] == ["Goodbye then."]
    assert b"<Hangup" in await site.post(stream.after)
    await site.gateway.conversations.close(30)
    assert site.agent.kinds == ["launch", "text", "dtmf", "end"]
    kinds = [each.kind for each in site.journal.records]
    assert [kind for kind in kinds if kind in ("prompt-began", "prompt-heard")] == [
        *("prompt-began", "prompt-heard"),
        *("prompt-began", "prompt-began", "prompt-heard"),
        *("prompt-began", "prompt-heard"),
    ]
    assert kinds.index("stream-began") < kinds.index("prompt-began") < kinds.index("caller-spoke")
    assert [each.number for each in site.journal.of(StreamBegan)] == [1]
    assert [each.reason for each in site.journal.of(StreamEnded)] == ["plan"]
    assert [each.reason for each in site.journal.of(CallEnded)] == ["agent-ended"]
    assert [each.keys for each in site.journal.of(KeysPressed)] == ["5"]
    assert site.journal.of(CallerSpoke)[0].quiet_seconds > 0.2


async def test_greeting_is_ready_before_the_stream_is(site: Site) -> None:
    document = await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    await asyncio.sleep(1)
    assert [each.text for each in site.speech.tts.spoken] == ["Welcome to the practice."]
    stream = Stream(site, document)
    began = stream.loop.time()
    stream.start()
    await asyncio.sleep(2)
    assert stream.sounds[0].begin - began < 0.02
    await hang_up(site, stream)


async def test_caller_who_interrupts_is_heard_and_the_rest_is_not_said(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.say("story")
    await asyncio.sleep(4)
    stream.say("stop it")
    await asyncio.sleep(5)
    assert stream.heard() == ["Welcome to the practice.", f"{LONG}…", "You said stop it.", "Anything else?"]
    assert stream.clears >= 1
    assert len(site.journal.of(PromptHeard)) == 1
    (cut,) = site.journal.of(PromptCut)
    assert LONG.startswith(cut.heard)
    assert [each.by for each in site.journal.of(CallerInterrupted)] == ["speech"]
    await hang_up(site, stream)


async def test_key_that_interrupts_is_the_first_of_its_entry(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.say("story")
    await asyncio.sleep(4)
    stream.press("12")
    await asyncio.sleep(0.5)
    stream.press("3#")
    await stream.until_closed()
    assert site.agent.received[-1] == {"type": "dtmf", "payload": "123"}
    await site.post(stream.after)
    await site.gateway.conversations.close(30)


async def test_slow_agent_has_the_caller_hear_a_filler(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.say("slow")
    await asyncio.sleep(11)
    heard = stream.heard()
    assert heard[0] == "Welcome to the practice."
    assert heard[-1] == "Here it is."
    assert len(heard) >= 3
    assert [each.filler for each in site.journal.of(PromptBegan)][1:-1] == [True] * (len(heard) - 2)
    await hang_up(site, stream)


async def test_words_and_keys_while_the_agent_thinks_wait_for_their_turn(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.say("slow")
    await asyncio.sleep(3)
    stream.say("and more")
    await asyncio.sleep(12)
    assert site.agent.kinds == ["launch", "text", "text"]
    assert site.agent.received[-1]["payload"] == "and more"
    await hang_up(site, stream)


async def test_silent_caller_is_asked_and_at_last_said_goodbye_to(site: Site) -> None:
    stream = await answer(site)
    await stream.until_closed(120)
    assert len(stream.heard()) == 4
    assert b"<Hangup" in await site.post(stream.after)
    await site.gateway.conversations.close(30)
    assert site.agent.kinds == ["launch", "end"]


async def test_caller_who_vanishes_ends_the_call_once(site: Site) -> None:
    stream = await answer(site)
    await asyncio.sleep(1)
    await hang_up(site, stream)
    await site.post(f"{ORIGIN}/twilio/status", status="completed")
    await site.gateway.conversations.close(30)
    assert site.agent.kinds == ["launch", "end"]


async def test_forward_leaves_the_stream_and_a_failed_one_comes_back_to_a_new_one(start_site: StartSite) -> None:
    site = await start_site(Agent(dialogue), PROFILE.model_copy(update={"forwarding": HUMAN}))
    stream = await hear_greeting(site)
    stream.say("human")
    await stream.until_closed()
    assert stream.heard()[1] == "I connect you."
    dial = await site.post(stream.after)
    assert b"<Dial" in dial
    assert b"+15005550199" in dial
    action = dial.split(b'action="')[1].split(b'"')[0].decode()
    document = await site.post(action, DialCallStatus="busy", DialCallDuration="0")
    again = Stream(site, document)
    assert again.after != stream.after
    await asyncio.sleep(0.4)
    again.start()
    await asyncio.sleep(8)
    assert again.heard()[-1] == "Event call_forward_failed."
    assert site.agent.kinds == ["launch", "text", "event"]
    await hang_up(site, again)


async def test_escape_word_is_obeyed_even_while_the_agent_thinks(start_site: StartSite) -> None:
    profile = PROFILE.model_copy(update={"forwarding": HUMAN, "escape_words": ("operator",)})
    site = await start_site(Agent(dialogue), profile)
    stream = await hear_greeting(site)
    stream.say("slow")
    await asyncio.sleep(2)
    stream.say("Operator!")
    await stream.until_closed(6)
    assert b"<Dial" in await site.post(stream.after)
    await site.post(f"{ORIGIN}/twilio/status", status="completed")


async def test_where_no_voice_speaks_the_carrier_does(site: Site) -> None:
    stream = await hear_greeting(site)
    site.speech.tts.broken = True
    stream.say("hello")
    await stream.until_closed()
    document = await site.post(stream.after)
    assert b"<Say" in document
    assert b"You said hello." in document
    assert b"<Stream" not in document
    assert b"<Gather" in document
    assert [each.reason for each in site.journal.of(StreamEnded)] == ["no-voice"]
    await site.post(f"{ORIGIN}/twilio/status", status="completed")
    await site.gateway.conversations.close(30)


async def test_hung_socket_is_left_and_the_call_goes_on(site: Site) -> None:
    stream = await hear_greeting(site)
    assert stream.frames is not None
    stream.frames.cancel()
    await stream.until_closed(12)
    assert [each.reason for each in site.journal.of(StreamEnded)] == ["no-media"]
    again = Stream(site, await site.post(stream.after))
    again.start()
    await asyncio.sleep(1)
    again.say("hello")
    await asyncio.sleep(5)
    assert again.heard()[1:] == ["You said hello.", "Anything else?"]
    assert "moment" in again.heard()[0]
    await hang_up(site, again)


@pytest.mark.parametrize("order", [HangUpOrdered(), ForwardOrdered(address="human"), EventRaised(name="ping")])
async def test_order_from_outside_is_carried_out_without_leaving_the_stream(
    order: HangUpOrdered | ForwardOrdered | EventRaised, start_site: StartSite
) -> None:
    site = await start_site(Agent(dialogue), PROFILE.model_copy(update={"forwarding": HUMAN}))
    stream = await hear_greeting(site)
    result = await site.gateway.conversations.order(CALL_SID, order)
    assert result.waits_for == "nothing"
    await asyncio.sleep(4)
    if isinstance(order, EventRaised):
        assert stream.heard()[-1] == "Event ping."
        await hang_up(site, stream)
    else:
        assert len(stream.heard()) == 2
        await stream.until_closed(5)
        expected = b"<Hangup" if isinstance(order, HangUpOrdered) else b"<Dial"
        assert expected in await site.post(stream.after)
        await site.post(f"{ORIGIN}/twilio/status", status="completed")


async def test_keys_that_mean_nothing_are_told_without_what_they_were(site: Site) -> None:
    site.agent.answer = lambda action: (
        [{"type": "dtmf", "payload": NO_KEYS}, says("Speak.")] if action["type"] == "launch" else []
    )
    stream = await hear_greeting(site)
    stream.press("42")
    await asyncio.sleep(1)
    ignored = [each for each in site.journal.of(Noted) if each.about == "input-ignored"]
    assert [each.fields for each in ignored] == [{"reason": "keypad-off", "characters": 1}] * 2
    await hang_up(site, stream)
