"""Streams that end before their call does: whoever or whatever ends them, the call goes on or ends once, in order."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from stream_world import (
    CALL_SID,
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

from voicegw.call.inputs import EventRaised
from voicegw.call.records import CallEnded, CallerSpoke, Failed, StreamEnded
from voicegw.errors import StoreError
from voicegw.turns.ports import StoredCall
from voicegw.twilio.media_line import MediaLine

LAST_INDEX = 60


async def test_stream_that_comes_to_another_process_is_greeted_there(start_site: StartSite, site: Site) -> None:
    other = await start_site(site.agent, store=site.store)
    document = await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    await asyncio.sleep(0.5)
    stream = Stream(other, document)
    stream.start()
    await asyncio.sleep(3)
    assert stream.heard() == ["Welcome to the practice."]
    stream.say("hello")
    await asyncio.sleep(6)
    assert stream.heard()[1:] == ["You said hello.", "Anything else?"]
    await asyncio.sleep(30)  # the process that waited in vain has given up by now, and nobody has noticed
    assert not stream.socket.closed.is_set()
    await hang_up(other, stream)
    assert site.agent.kinds == ["launch", "text", "end"]


async def test_call_whose_process_died_is_told_to_wait_a_moment_and_goes_on_in_the_same_session(
    start_site: StartSite, site: Site
) -> None:
    stream = await hear_greeting(site)
    other = await start_site(site.agent, store=site.store)
    again = Stream(other, await other.post(stream.after))
    again.start()
    await asyncio.sleep(2)
    assert len(again.heard()) == 1
    assert "moment" in again.heard()[0]
    again.say("hello")
    await asyncio.sleep(5)
    assert again.heard()[1:] == ["You said hello.", "Anything else?"]
    await hang_up(other, again)
    await stream.leave()
    assert site.agent.kinds == ["launch", "text", "end"]


@pytest.mark.parametrize("spoken_at", [0.0, 2.0], ids=["while-the-agent-thinks", "twice-while-it-thinks"])
async def test_words_that_wait_for_the_agent_reach_it_once_though_the_socket_breaks(
    site: Site, spoken_at: float
) -> None:
    stream = await hear_greeting(site)
    stream.say("slow")
    await asyncio.sleep(3)
    stream.say("and hello", 0.6)
    await asyncio.sleep(2)
    if spoken_at:
        stream.say("again", 0.6)
        await asyncio.sleep(1.5)
    stream.socket.break_off()
    await stream.leave()
    again = Stream(site, await site.post(stream.after))
    await asyncio.sleep(0.4)
    again.start()
    await asyncio.sleep(15)
    words = "and hello again" if spoken_at else "and hello"
    assert again.heard()[-2:] == [f"You said {words}.", "Anything else?"]
    assert [each["payload"] for each in site.agent.received if each["type"] == "text"] == ["slow", words]
    assert [each.text for each in site.journal.of(CallerSpoke)] == ["slow", words]
    await hang_up(site, again)


async def test_after_three_lost_streams_the_carrier_hears_and_speaks(site: Site) -> None:
    document = await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    for _ in range(3):
        assert b"<Stream" in document
        await asyncio.sleep(1)
        document = await site.post(Stream(site, document, signature="wrong").after)
    assert b"<Stream" not in document
    assert document.count(b"<Say") == 1
    step = document.split(b'action="')[1].split(b'"')[0].decode()
    assert b"Welcome to the practice." in await site.post(step)
    await site.post(f"{ORIGIN}/twilio/status", status="completed")
    await site.gateway.stop(5)
    assert site.agent.kinds == ["launch", "end"]


async def test_process_that_stops_hands_its_calls_on_without_a_word(start_site: StartSite, site: Site) -> None:
    stream = await hear_greeting(site)
    stream.say("story")
    await asyncio.sleep(3)
    await site.gateway.stop(5)
    await stream.until_closed(1)
    assert [each.reason for each in site.journal.of(StreamEnded)] == ["moved"]
    assert b"<Pause" in await site.post(stream.after)
    other = await start_site(site.agent, store=site.store)
    again = Stream(other, await other.post(stream.after))
    again.start()
    await asyncio.sleep(8)
    assert len(again.heard()) == 1
    assert again.heard()[0].startswith("This is a long sentence")
    await hang_up(other, again)


@pytest.mark.parametrize("index", range(0, LAST_INDEX, 3))
async def test_socket_that_breaks_at_any_message_leaves_nothing_behind(index: int, site: Site) -> None:
    document = await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    await asyncio.sleep(0.4)
    stream = Stream(site, document)
    sent = 0
    pass_on = stream.socket.send

    def count(message: object) -> None:
        nonlocal sent
        if sent == index:
            stream.socket.break_off()
        elif sent < index:
            pass_on(message)  # type: ignore[arg-type]
        sent += 1

    stream.socket.send = count  # type: ignore[method-assign,assignment]
    stream.start()
    stream.say("hello", 0.5)
    await stream.until_closed(5)
    await asyncio.sleep(2)
    assert site.gateway.streams is not None
    assert len(site.gateway.streams.calls) == (index <= 1)  # one that has not begun may still come
    await site.post(f"{ORIGIN}/twilio/status", status="completed")
    await site.gateway.stop(30)
    assert site.agent.kinds[-1] == "end"
    assert site.agent.kinds.count("end") == 1


async def test_two_hundred_calls_in_one_process_leave_nothing_behind(site: Site) -> None:
    site.gateway._settings = site.gateway._settings.model_copy(update={"max_live_calls": 1000})

    async def one(number: int) -> list[str]:
        sid = f"CA{number:032x}"
        await asyncio.sleep(number / 50)
        stream = await answer(site, call_sid=sid)
        stream.frame_seconds = 0.1
        await asyncio.sleep(2.5)
        stream.say(f"number {number}")
        await asyncio.sleep(5)
        heard = stream.heard()
        if number % 2:
            stream.press("1#")
            await stream.until_closed()
            assert b"<Hangup" in await site.post(stream.after, call_sid=sid)
        else:
            stream.socket.break_off()
            await stream.leave()
            await site.post(f"{ORIGIN}/twilio/status", call_sid=sid, status="completed")
        return heard

    heard = await asyncio.gather(*(one(number) for number in range(200)))
    for number, sentences in enumerate(heard):
        assert sentences == ["Welcome to the practice.", f"You said number {number}.", "Anything else?"]
    await site.gateway.stop(30)
    assert site.agent.kinds.count("end") == 200
    assert len(site.journal.of(CallEnded)) == 200


async def test_call_that_ends_while_its_stream_comes_is_not_listened_to(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def speak_and_stop_slowly(_request: object) -> AsyncIterator[bytes]:
        try:
            await asyncio.sleep(60)
            yield b""
        finally:
            await asyncio.sleep(1)

    monkeypatch.setattr(site.speech.tts, "speak", speak_and_stop_slowly)
    await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    await asyncio.sleep(1)
    assert site.gateway.streams is not None
    call = site.gateway.streams.calls._calls[CALL_SID]
    claiming = asyncio.create_task(call.claim(MediaLine("MZ1")))
    await asyncio.sleep(0)
    await call.leave("carrier-stopped")
    assert not await claiming
    assert (site.speech.detector.taps, site.speech.stt.open_ears) == (0, 0)
    await site.post(f"{ORIGIN}/twilio/status", status="completed")


async def test_late_sentences_of_a_turn_that_was_left_are_not_said(site: Site) -> None:
    slow = [{"wait": 40.0}, says("Far too late.")]
    site.agent.answer = lambda action: slow if action.get("payload") == "slow" else dialogue(action)
    stream = await hear_greeting(site)
    stream.say("slow")
    await asyncio.sleep(29)  # we have apologised by now
    assert any("again" in each or "sorry" in each.lower() for each in stream.heard())
    stream.say("hello")
    await asyncio.sleep(45)
    assert "Far too late." not in stream.heard()
    assert "You said hello." in stream.heard()
    await hang_up(site, stream)


async def test_store_that_fails_costs_a_stream_call_nothing(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    stream = await hear_greeting(site)

    async def fail(*_: object, **__: object) -> int:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(site.store, "save_call", fail)
        stream.say("hello")
        await asyncio.sleep(6)
        assert stream.heard()[1:] == ["You said hello.", "Anything else?"]
        assert {each.part for each in site.journal.of(Failed)} == {"store"}
    stream.say("again")
    await asyncio.sleep(6)
    assert stream.heard()[3] == "You said again."
    await hang_up(site, stream)
    assert site.agent.kinds == ["launch", "text", "text", "end"]


async def test_order_that_cannot_be_read_costs_the_caller_nothing_and_is_carried_out_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await hear_greeting(site)
    load = site.store.load_call

    async def load_for_others(call_sid: str) -> StoredCall | None:
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith("stream-"):
            raise StoreError("the disk is gone")
        return await load(call_sid)

    with monkeypatch.context() as broken:
        broken.setattr(site.store, "load_call", load_for_others)
        await site.gateway.conversations.order(CALL_SID, EventRaised(name="parcel"))
        await asyncio.sleep(1)
    stream.say("hello")
    await asyncio.sleep(20)  # the caller says nothing more
    assert not stream.socket.closed.is_set()
    assert stream.heard()[1:] == ["You said hello.", "Anything else?", "Event parcel."]
    await hang_up(site, stream)


async def test_replayed_webhook_does_not_touch_the_stream(site: Site) -> None:
    stream = await hear_greeting(site)
    first = await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    assert b"<Stream" in first
    await site.post(f"{ORIGIN}/twilio/stream/0")
    await site.post(f"{ORIGIN}/twilio/step/0/0")
    stream.say("hello")
    await asyncio.sleep(5)
    assert stream.heard()[1:] == ["You said hello.", "Anything else?"]
    await hang_up(site, stream)


async def test_stream_of_a_call_that_is_over_is_refused(site: Site) -> None:
    document = await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    await site.post(f"{ORIGIN}/twilio/status", status="completed")
    stream = Stream(site, document)
    stream.start()
    await stream.until_closed(5)
    assert stream.socket.closed_with == 1008
    assert stream.sounds == []


async def test_caller_who_hung_up_unreported_is_noticed_within_the_minute(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.stop()
    await stream.leave()
    assert await site.gateway.conversations.reap() == 0
    await asyncio.sleep(31)
    assert await site.gateway.conversations.reap() == 1
    await site.gateway.stop(30)
    assert site.agent.kinds == ["launch", "end"]


async def test_caller_who_listens_for_long_is_not_taken_for_gone(site: Site) -> None:
    story = says("word " * 600)
    site.agent.answer = lambda action: [story] if action["type"] == "launch" else dialogue(action)
    stream = await answer(site)
    await asyncio.sleep(130)
    state, _ = await site.gateway.conversations.look(CALL_SID)
    assert state.spoken.at > 1_700_000_000 + stream.loop.time() - 61
    assert not stream.socket.closed.is_set()
    await hang_up(site, stream)


async def test_call_over_its_length_is_said_goodbye_to_though_nothing_happens(start_site: StartSite) -> None:
    site = await start_site(Agent(dialogue), PROFILE.model_copy(update={"max_call_seconds": 90}))
    story = says("word " * 500)
    site.agent.answer = lambda action: [story] if action["type"] == "launch" else dialogue(action)
    stream = await answer(site)
    await stream.until_closed(400)
    assert b"<Hangup" in await site.post(stream.after)
    await site.gateway.stop(30)
    assert [each.reason for each in site.journal.of(CallEnded)] == ["max-duration"]
