"""Who may open a stream, and what a socket may do: a stranger gets nothing, and costs nothing."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_world import (
    ACCOUNT_SID,
    ORIGIN,
    QUIET,
    Agent,
    Site,
    Socket,
    StartSite,
    Stream,
    answer,
    assert_nothing_left,
    dialogue,
    hang_up,
    hear_greeting,
)

from voicegw.simulator.virtual_time import run_virtual
from voicegw.twilio.media_admission import MAX_PENDING
from voicegw.twilio.signature import SignatureVerifier

OTHER_CALL = "CA" + "9" * 32


@pytest.fixture
async def site(site: Site) -> AsyncIterator[Site]:
    """As everywhere in this room; its call is over in the end, whoever did or did not get in."""
    yield site
    await site.post(f"{ORIGIN}/twilio/status", status="completed")


async def ring(site: Site) -> bytes:
    return await site.post(f"{ORIGIN}/twilio/voice", status="ringing")


def assert_untouched(site: Site) -> None:
    """Nobody hears or speaks: what was prepared for the caller waits for the caller."""
    assert site.speech.detector.taps == 0
    assert site.speech.stt.open_ears == 0
    assert site.agent.kinds == ["launch"]


@pytest.mark.parametrize("signature", ["", "wrong", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="])
async def test_upgrade_that_is_not_signed_is_refused_before_it_is_accepted(site: Site, signature: str) -> None:
    stream = Stream(site, await ring(site), signature=signature)
    stream.start()
    await stream.until_closed(1)
    assert not stream.socket.accepted
    await asyncio.sleep(1)
    assert_untouched(site)


async def test_signature_of_the_https_url_is_none_of_the_stream(site: Site) -> None:
    https = SignatureVerifier(ORIGIN, ("the-carriers-token",)).sign("/twilio/media")
    stream = Stream(site, await ring(site), signature=https)
    await stream.until_closed(1)
    assert not stream.socket.accepted


async def test_signature_with_a_trailing_slash_is_taken(site: Site) -> None:
    signer = SignatureVerifier(ORIGIN, ("the-carriers-token",), websocket=True)
    stream = Stream(site, await ring(site), signature=signer.sign("/twilio/media/"))
    stream.start()
    await asyncio.sleep(3)
    assert stream.heard() == ["Welcome to the practice."]
    await hang_up(site, stream)


@pytest.mark.parametrize(
    "changes",
    [
        {"customParameters": {}},
        {"customParameters": {"token": ""}},
        {"customParameters": {"token": "1.99999999999.00"}},
        {"customParameters": {"token": "1.x.y"}},
        {"customParameters": {"token": "١.٢.x"}},
        {"callSid": OTHER_CALL},
        {"mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000, "channels": 1}},
    ],
)
async def test_start_that_does_not_fit_is_refused(site: Site, changes: dict[str, Any]) -> None:
    stream = Stream(site, await ring(site))
    stream.start(**changes)
    await stream.until_closed(5)
    assert stream.socket.closed_with == 1008
    await asyncio.sleep(1)
    assert_untouched(site)


async def test_token_is_good_for_a_minute(site: Site) -> None:
    document = await ring(site)
    await asyncio.sleep(61)
    stream = Stream(site, document)
    stream.start()
    await stream.until_closed(5)
    assert stream.socket.closed_with == 1008


async def test_token_of_one_call_opens_no_other(site: Site) -> None:
    foreign = Stream(site, await site.post(f"{ORIGIN}/twilio/voice", call_sid=OTHER_CALL, status="ringing"))
    stream = Stream(site, await ring(site))
    stream.parameters = foreign.parameters
    stream.start()
    await stream.until_closed(5)
    assert stream.socket.closed_with == 1008
    await foreign.leave()
    await site.post(f"{ORIGIN}/twilio/status", call_sid=OTHER_CALL, status="completed")


async def test_fifty_sockets_with_one_token_on_two_processes_make_one_stream(start_site: StartSite, site: Site) -> None:
    other = await start_site(site.agent, store=site.store)
    document = await ring(site)
    streams = [Stream(place, document) for place in (site, other) for _ in range(25)]
    for stream in streams:
        stream.start()
    await asyncio.sleep(3)
    heard = [stream for stream in streams if stream.sounds]
    assert len(heard) == 1
    assert heard[0].heard() == ["Welcome to the practice."]
    assert [each.socket.closed_with for each in streams if each not in heard] == [1008] * 49
    await asyncio.gather(*(stream.leave() for stream in streams if stream not in heard))
    await hang_up(site, heard[0])


async def test_who_joins_a_live_call_hears_nothing_and_the_caller_notices_nothing(site: Site) -> None:
    stream = await hear_greeting(site)
    thief = Stream(site, await ring(site))
    thief.start()
    stream.say("hello")
    await thief.until_closed(5)
    await asyncio.sleep(5)
    assert thief.sounds == []
    assert stream.heard() == ["Welcome to the practice.", "You said hello.", "Anything else?"]
    await hang_up(site, stream)


async def test_socket_without_a_start_is_closed_within_five_seconds(site: Site) -> None:
    stream = Stream(site, await ring(site))
    stream.socket.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
    await asyncio.sleep(4.9)
    assert not stream.socket.closed.is_set()
    await stream.until_closed(0.2)
    assert stream.socket.closed_with == 1008
    assert_untouched(site)


@pytest.mark.parametrize("event", ["media", "dtmf", "mark", "stop", "clear", "other"])
async def test_nothing_but_connected_may_come_before_the_start(site: Site, event: str) -> None:
    stream = Stream(site, await ring(site))
    stream._send(event, {"track": "inbound", "payload": "", "digit": "1", "name": "x"})
    await stream.until_closed(1)
    assert stream.socket.closed_with == 1008
    await asyncio.sleep(1)
    assert_untouched(site)


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        json.dumps({"event": "media"}),
        json.dumps({"event": "mark", "streamSid": "MZ" + "f" * 32, "sequenceNumber": "5", "mark": {"name": "a"}}),
        "x" * 70_000,
    ],
)
async def test_stream_that_breaks_the_protocol_is_left_and_the_call_goes_on(site: Site, message: str) -> None:
    stream = await hear_greeting(site)
    stream.socket.send(message)
    await stream.until_closed(2)
    again = Stream(site, await site.post(stream.after))
    again.start()
    again.say("hello")
    await asyncio.sleep(5)
    assert again.heard() == ["You said hello.", "Anything else?"]
    await hang_up(site, again)


async def test_second_start_is_a_breach(site: Site) -> None:
    stream = await answer(site)
    await asyncio.sleep(1)
    stream.socket.send(stream.start_message())
    await stream.until_closed(1)


async def test_frame_of_bytes_is_a_breach(site: Site) -> None:
    stream = await answer(site)
    await asyncio.sleep(1)
    stream.socket.to_gateway.put_nowait({"type": "websocket.receive", "bytes": b"audio"})
    await stream.until_closed(1)


async def test_flood_of_messages_ends_the_stream(site: Site) -> None:
    stream = await answer(site)
    await asyncio.sleep(1)
    for _ in range(2_500):
        stream.press("1")
    await stream.until_closed(1)
    await asyncio.sleep(1)
    assert site.agent.kinds.count("dtmf") <= 1_000


async def test_frames_that_were_held_up_are_taken_at_once(site: Site) -> None:
    stream = await hear_greeting(site)
    payload = b64encode(QUIET).decode()
    for chunk in range(450):  # nine seconds of a stalled network
        stream._send("media", {"track": "inbound", "chunk": str(chunk), "timestamp": "1", "payload": payload})
    await asyncio.sleep(1)
    assert not stream.socket.closed.is_set()
    await hang_up(site, stream)


async def test_more_audio_than_a_line_can_bring_ends_the_stream_in_however_few_messages(site: Site) -> None:
    stream = await hear_greeting(site)
    payload = b64encode(QUIET * 250).decode()  # five seconds
    for chunk in range(5):
        stream._send("media", {"track": "inbound", "chunk": str(chunk), "timestamp": "1", "payload": payload})
    await stream.until_closed(1)
    assert site.agent.kinds == ["launch"]
    await hang_up(site, stream)


async def test_socket_that_takes_nothing_is_given_up_and_the_call_goes_on(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.socket.blocked.clear()
    stream.say("story")
    await stream.until_closed(30)
    again = Stream(site, await site.post(stream.after))
    again.start()
    await asyncio.sleep(1)
    assert again.heard() != []
    await hang_up(site, again)


async def test_only_so_many_sockets_wait_for_their_start(site: Site) -> None:
    waiting = [Socket(site) for _ in range(MAX_PENDING)]
    await asyncio.sleep(0.1)
    assert all(socket.accepted for socket in waiting)
    late = Socket(site)
    await late.closed.wait()
    assert not late.accepted
    await asyncio.sleep(6)
    assert [socket.closed_with for socket in waiting] == [1008] * MAX_PENDING


async def test_other_paths_take_no_socket(site: Site) -> None:
    socket = Socket(site, path="/twilio/other")
    await socket.closed.wait()
    assert not socket.accepted


EVENTS = ("connected", "start", "media", "dtmf", "mark", "stop", "garbage", "unknown", "bytes")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_whatever_the_order_of_events_only_a_legal_stream_reaches_a_call(order: list[str]) -> None:
    async def play() -> None:
        site = Site(Agent(dialogue))
        await site.gateway.start()
        stream = Stream(site, await ring(site))
        for event in order:
            match event:
                case "connected":
                    stream.socket.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
                case "start":
                    stream.socket.send(stream.start_message())
                case "garbage":
                    stream.socket.send("garbage")
                case "bytes":
                    stream.socket.to_gateway.put_nowait({"type": "websocket.receive", "bytes": b"x"})
                case "stop":
                    stream._send("stop", {"accountSid": ACCOUNT_SID, "callSid": stream.call_sid})
                case _:
                    payload = b64encode(QUIET).decode()
                    content = {"track": "inbound", "chunk": "1", "timestamp": "1", "payload": payload}
                    stream._send(event, {**content, "digit": "1", "name": "x"})
        await asyncio.sleep(0.3)
        legal = order[:1] == ["start"] or order[:2] == ["connected", "start"]
        assert bool(site.speech.stt.requests) == legal
        await stream.leave()
        await site.post(f"{ORIGIN}/twilio/status", status="completed")
        await site.gateway.stop(10)
        assert site.agent.kinds.count("end") == 1
        assert_nothing_left(site)

    run_virtual(play())
