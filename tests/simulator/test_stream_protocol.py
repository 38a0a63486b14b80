"""What goes over the WebSocket of a stream, both ways, and when."""

import base64
import json
from random import Random
from typing import Any

import pytest

from voicegw.simulator import CarrierRules, HangsUp, Presses, Sounds, StreamRules, Waits
from voicegw.simulator.stream.sound import tone
from voicegw.simulator.timeline import LostBecause

STREAM = '<Connect><Stream url="wss://gateway.example/media/x"/></Connect>'
WITH_PARAMETERS = (
    '<Connect><Stream url="wss://gateway.example/media/x"><Parameter name="token" value="t &amp; u"/>'
    '<Parameter name="turn" value="3"/></Stream></Connect>'
)


def stays(seconds: float) -> list[Any]:
    return [Waits(seconds), HangsUp()]


def test_the_upgrade_is_signed_over_the_wss_url(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    place(stays(0.1))
    assert gateway.server.signed
    assert gateway.server.url == "wss://gateway.example/media/x"


def test_the_signature_may_be_over_the_url_with_a_slash_behind_it(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    place(stays(0.1), rules=CarrierRules(stream=StreamRules(signs_trailing_slash=True)))
    assert not gateway.server.signed


def test_the_stream_begins_as_documented_with_numbers_as_text(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": WITH_PARAMETERS}
    report = place(stays(0.1))
    sid, account = report.streams[0].stream_sid, "AC" + "0" * 32
    (_, connected), (_, start), *_ = gateway.server.received
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": sid,
        "start": {
            "accountSid": account,
            "streamSid": sid,
            "callSid": report.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "t & u", "turn": "3"},
        },
    }


def test_the_callers_audio_comes_in_frames_of_20_ms(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    said = tone(0.5, 440)
    report = place([Sounds(said, when="now", after_seconds=0.1001), Waits(0.2), HangsUp()])
    frames = gateway.server.events("media")
    assert [frame["media"]["chunk"] for frame in frames] == [str(number + 1) for number in range(len(frames))]
    assert [frame["media"]["timestamp"] for frame in frames] == [str(20 * number) for number in range(len(frames))]
    assert {frame["media"]["track"] for frame in frames} == {"inbound"}
    assert gateway.server.instants("media") == [round(0.02 * (number + 1), 6) for number in range(len(frames))]
    audio = b"".join(base64.b64decode(frame["media"]["payload"]) for frame in frames)
    # To the sample: 0.1001 s are 801 of them.
    assert audio[:801] == b"\xff" * 801
    assert audio[801 : 801 + len(said)] == said
    assert report.streams[0].said == audio


def test_messages_of_all_kinds_share_one_sequence(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.mark("at once")
        await server.until_the_end()

    gateway.talk = talk
    place([Presses("1", when="now"), *stays(0.1)])
    numbers = [fields["sequenceNumber"] for _, fields in gateway.server.received[1:]]
    assert numbers == [str(number + 1) for number in range(len(numbers))]
    assert {"start", "media", "dtmf", "mark", "stop"} == {fields["event"] for _, fields in gateway.server.received[1:]}


def test_keys_go_out_at_their_own_instants(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    report = place([Presses("12*#", when="now", after_seconds=0.0703, gap_seconds=0.0609), Waits(0.5), HangsUp()])
    assert [key["dtmf"] for key in gateway.server.events("dtmf")] == [
        {"track": "inbound_track", "digit": key} for key in "12*#"
    ]
    assert gateway.server.instants("dtmf") == [round(0.0703 + 0.0609 * number, 6) for number in range(4)]
    assert report.lost_digits == ()


def test_a_mark_comes_back_when_what_is_before_it_was_heard(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.mark("nothing before")
        await server.play(tone(0.5, 440))
        await server.mark("half")
        await server.mark("half too")
        await server.play(tone(0.25, 440))
        await server.mark("end")
        await server.until_the_end()

    gateway.talk = talk
    report = place(stays(1))
    assert [mark["mark"]["name"] for mark in gateway.server.events("mark")] == [
        "nothing before",
        "half",
        "half too",
        "end",
    ]
    # The first frame begins with the tick after the audio came.
    first, half, half_too, end = gateway.server.instants("mark")
    assert (first, half, half_too) == (0.0, half_too, half)
    assert half == pytest.approx(0.52)
    assert end == pytest.approx(0.78)  # 37.5 frames: the last is heard to its end
    assert [trip.cleared for trip in report.streams[0].marks] == [False] * 4


def test_a_clear_brings_all_marks_back_and_ends_the_sound(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    words = tone(2, 440)

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(words)
        await server.mark("one")
        await server.play(words)
        await server.mark("two")
        await server.until("dtmf")
        await server.clear()
        await server.until_the_end()

    gateway.talk = talk
    report = place([Presses("1", when="now", after_seconds=0.505), *stays(1)])
    (stream,) = report.streams
    assert gateway.server.instants("mark") == [0.505, 0.505]
    assert [trip.cleared for trip in stream.marks] == [True, True]
    # What is in the ear already is heard to the end of its frame.
    (sound,) = [sound for sound in report.heard if sound.kind == "stream"]
    assert (sound.at_seconds, sound.seconds, sound.cut) == (0.02, 0.5, True)
    assert stream.heard.rstrip(b"\xff").lstrip(b"\xff") == words[:4000].strip(b"\xff")
    assert stream.clears[0].discarded == words[4000:] + words


def test_what_is_heard_is_what_was_sent_to_the_sample(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    chance = Random(3)
    pieces = [chance.randbytes(chance.randrange(1, 700)) for _ in range(20)]

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        for piece in pieces:
            await server.play(piece)
        await server.until_the_end()

    gateway.talk = talk
    report = place(stays(2))
    audio = b"".join(pieces)
    assert report.streams[0].heard[160 : 160 + len(audio)] == audio
    assert report.streams[0].heard[160 + len(audio) :].strip(b"\xff") == b""
    assert len(report.streams[0].heard) == 16_000


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no JSON", 31951),
        ("[1]", 31951),
        ('{"event": 7}', 31951),
        ('{"event": "stop", "streamSid": "SID"}', 31951),
        ('{"event": "dtmf", "streamSid": "SID", "dtmf": {"digit": "1"}}', 31951),
        ('{"event": "media", "media": {"payload": "/w=="}}', 31951),
        ('{"event": "media", "streamSid": "MZother", "media": {"payload": "/w=="}}', 31951),
        ('{"event": "media", "streamSid": "SID", "media": {"payload": "/w==", "track": "outbound"}}', 31951),
        ('{"event": "media", "streamSid": "SID", "media": {"payload": 7}}', 31951),
        ('{"event": "media", "streamSid": "SID", "media": "/w=="}', 31951),
        ('{"event": "media", "streamSid": "SID", "media": {"payload": "?"}}', 31950),
        ('{"event": "media", "streamSid": "SID", "media": {"payload": "UklGRiQAAAA="}}', 31950),
        ('{"event": "mark", "streamSid": "SID", "mark": {"name": ""}}', 31951),
        ('{"event": "mark", "streamSid": "SID", "mark": {}}', 31951),
        ('{"event": "clear", "streamSid": "SID", "clear": {}}', 31951),
        ("[" * 100_000, 31951),
    ],
)
def test_what_the_vendor_would_not_take_is_warned_of_once_a_stream(
    gateway: Any, place: Any, message: str, code: int
) -> None:
    gateway.pages = {"/voice": STREAM}

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        for _ in range(3):
            await server.raw(message.replace("SID", server.stream_sid))
        await server.mark("still taken")
        await server.until_the_end()

    gateway.talk = talk
    report = place(stays(0.2))
    assert [breach.code for breach in report.streams[0].breaches] == [code] * 3
    assert [warning.code for warning in report.warnings] == [code]
    assert len(gateway.server.events("mark")) == 1


def test_a_binary_message_is_undecodable(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}

    async def talk(server: Any) -> None:
        await server.accept()
        await server.send({"type": "websocket.send", "bytes": b"\xff" * 160})
        await server.until_the_end()

    gateway.talk = talk
    assert [breach.code for breach in place(stays(0.1)).streams[0].breaches] == [31950]


def test_keys_before_the_stream_is_open_reach_nobody(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    rules = CarrierRules(stream=StreamRules(connect_seconds=0.4))
    report = place([Presses("12", when="now", after_seconds=0.2, gap_seconds=0.5), *stays(0.1)], rules=rules)
    assert [key.lost_because for key in report.keys] == [LostBecause.STREAM_OPENING, None]
    assert [key["dtmf"]["digit"] for key in gateway.server.events("dtmf")] == ["2"]


def test_keys_are_heard_as_tones_where_the_rules_say_so(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    rules = CarrierRules(stream=StreamRules(keys_sound=True))
    report = place([Presses("5", when="now", after_seconds=0.1), *stays(0.5)], rules=rules)
    said = report.streams[0].said
    assert said[:800] == b"\xff" * 800
    assert len(said[800:].rstrip(b"\xff")) == pytest.approx(800, abs=5)


def test_the_agents_echo_comes_with_the_callers_voice(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(tone(0.5, 440))
        await server.until_the_end()

    gateway.talk = talk
    place(stays(1), rules=CarrierRules(stream=StreamRules(echo_decibels=-20)))
    frames = [base64.b64decode(frame["media"]["payload"]) for frame in gateway.server.events("media")]
    echoed = [number for number, frame in enumerate(frames) if frame != b"\xff" * 160]
    assert echoed == list(range(1, 26))


def test_a_message_is_written_without_blanks() -> None:
    from voicegw.simulator.stream.wire import MessageWriter

    writer = MessageWriter(stream_sid="MZ1", call_sid="CA1", account_sid="AC1")
    assert json.loads(writer.stop())["stop"] == {"accountSid": "AC1", "callSid": "CA1"}
    assert " " not in writer.mark("m")
