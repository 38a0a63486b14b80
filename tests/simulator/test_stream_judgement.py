"""What is held against a gateway on a stream, and what is not."""

import asyncio
import io
import wave
from dataclasses import replace
from typing import Any

import pytest

from voicegw.simulator import (
    CarrierRules,
    Evidence,
    HangsUp,
    Limits,
    Presses,
    Says,
    Sounds,
    StreamLimits,
    StreamRules,
    Telegraph,
    Waits,
    check_invariants,
    record_streams,
)
from voicegw.simulator.stream.sound import silence, tone
from voicegw.simulator.telegraph import encode_text

STREAM = '<Connect><Stream url="wss://gateway.example/media/x"/></Connect>'
WORDS = encode_text("what can I do for you?")


def rules_broken(report: Any, **details: Any) -> list[str]:
    return [violation.rule for violation in check_invariants(report, **details)]


def plays(*pieces: tuple[float, bytes], then: str = "") -> Any:
    """A gateway that sends each piece so many seconds after the one before; at the end it stays, or does `then`."""

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        for after_seconds, piece in pieces:
            await asyncio.sleep(after_seconds)
            await server.play(piece)
        if then == "mark and close":
            await server.mark("end")
            await server.until("mark")
        if then:
            await server.close()
        await server.until_the_end()

    return talk


def call(gateway: Any, place: Any, talk: Any, *steps: Any, after: str = "", **details: Any) -> Any:
    gateway.pages = {"/voice": STREAM + after}
    gateway.talk = talk
    return place([*steps, HangsUp()], speech=Telegraph(), **details)


def test_a_good_stream_breaks_nothing(gateway: Any, place: Any) -> None:
    report = call(gateway, place, plays((0.5, WORDS), then="mark and close"), Waits(60), after="<Hangup/>")
    assert report.end_reason == "hangup"
    assert rules_broken(report) == []


def test_silence_before_the_first_word_is_owed(gateway: Any, place: Any) -> None:
    assert rules_broken(call(gateway, place, plays((4.5, WORDS)), Waits(7))) == ["I1"]


def test_silence_after_the_callers_words_is_owed(gateway: Any, place: Any) -> None:
    report = call(gateway, place, plays((0, WORDS), (8.5, WORDS)), Says("hello"), Waits(8))
    assert report.speech[0].ends_at_seconds < 4.0
    assert rules_broken(report) == ["I1"]


def test_a_cough_puts_nobody_in_debt(gateway: Any, place: Any) -> None:
    report = call(gateway, place, plays((0, WORDS), (9.0, WORDS)), Sounds(tone(0.2, 300)), Waits(8))
    assert rules_broken(report) == []


def test_silence_after_the_agents_words_is_the_callers_for_ten_seconds_and_then_owed_for_four(
    gateway: Any, place: Any
) -> None:
    assert rules_broken(call(gateway, place, plays((0, WORDS), (15.0, WORDS)), Waits(20))) == []
    assert rules_broken(call(gateway, place, plays((0, WORDS), (15.5, WORDS)), Waits(20))) == ["I1"]


def test_a_caller_who_is_silent_is_asked_again_more_patiently(gateway: Any, place: Any) -> None:
    assert rules_broken(call(gateway, place, plays((0, WORDS), (10.5, WORDS), (30, WORDS)), Waits(43))) == []


def test_a_stream_that_follows_another_leaves_the_floor_to_the_caller(gateway: Any, place: Any) -> None:
    pieces = iter([((0.0, WORDS),), ((6.0, WORDS),)])

    async def talk(server: Any) -> None:
        await plays(*next(pieces))(server)

    rules = CarrierRules(stream=StreamRules(dies_after_messages=350))
    assert rules_broken(call(gateway, place, talk, Waits(14), after=STREAM, rules=rules)) == []


def test_a_key_may_be_one_of_many(gateway: Any, place: Any) -> None:
    talk = plays((0, WORDS), (15.0, WORDS))
    report = call(gateway, place, talk, Presses("1"), Presses("2", when="now", after_seconds=6), Waits(9))
    assert rules_broken(report) == []


def test_an_end_without_a_word_is_told_of_a_stream_too(gateway: Any, place: Any) -> None:
    assert rules_broken(call(gateway, place, plays(then="close"), Waits(3))) == ["I2"]


def test_words_told_twice_are_told(gateway: Any, place: Any) -> None:
    report = call(gateway, place, plays((0, WORDS), (5.0, WORDS)), Says("hello there"), Waits(3))
    twice = Evidence(agent_actions=[{"type": "text", "payload": "hello there"}] * 2)
    assert rules_broken(report, evidence=twice) == ["I4"]


def test_a_message_that_the_vendor_would_not_take_is_told(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.say({"event": "stop"})
        await server.play(WORDS)
        await server.until_the_end()

    assert rules_broken(call(gateway, place, talk, Waits(3))) == ["stream-message"]


def test_audio_far_ahead_of_the_ear_is_told(gateway: Any, place: Any) -> None:
    report = call(gateway, place, plays((0, tone(3, 440))), Waits(5))
    assert report.streams[0].largest_lead_seconds == pytest.approx(3)
    assert rules_broken(report) == ["stream-lead"]
    assert rules_broken(report, limits=Limits(stream=StreamLimits(lead_seconds=3.0))) == []


def test_a_sound_that_breaks_off_and_goes_on_is_told(gateway: Any, place: Any) -> None:
    report = call(gateway, place, plays((0, tone(0.4, 440)), (0.5, tone(0.4, 440))), Waits(2))
    assert [(gap.at_seconds, gap.seconds) for gap in report.streams[0].underruns] == [(0.42, pytest.approx(0.1))]
    assert rules_broken(report) == ["stream-underrun"]


@pytest.mark.parametrize(
    "pieces",
    [
        ((0, tone(0.4, 440) + silence(0.02)), (0.5, tone(0.4, 440))),
        ((0, tone(0.4, 440)), (0.5, silence(0.02) + tone(0.4, 440))),
        ((0, tone(0.4, 440)), (0.3, tone(0.4, 440)), (0.3, tone(0.4, 440))),
        ((0, tone(0.4, 440)), (1.6, tone(0.4, 440))),
    ],
)
def test_the_pauses_between_utterances_are_no_underruns(gateway: Any, place: Any, pieces: Any) -> None:
    assert rules_broken(call(gateway, place, plays(*pieces), Waits(4))) == []


def test_a_late_network_is_an_underrun_too(gateway: Any, place: Any) -> None:
    async def paces(server: Any) -> None:
        await server.accept()
        await server.until("start")
        for _ in range(40):
            await server.play(tone(0.1, 440))
            await asyncio.sleep(0.1)
        await server.until_the_end()

    calm = call(gateway, place, paces, Waits(5))
    assert rules_broken(calm) == []
    gateway.servers.clear()
    rules = CarrierRules(stream=StreamRules(jitter_seconds=0.3))
    assert "stream-underrun" in rules_broken(call(gateway, place, paces, Waits(5), rules=rules))


def test_a_goodbye_that_is_cut_off_is_told(gateway: Any, place: Any) -> None:
    broken = rules_broken(call(gateway, place, plays((0, WORDS), then="close"), Waits(9), after="<Hangup/>"))
    assert broken == ["I2", "stream-cut"]


def test_a_scrap_of_what_was_cleared_is_told(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(tone(1, 440))
        await server.until("dtmf")
        await server.clear()
        await asyncio.sleep(0.1)
        await server.play(tone(0.1, 440))
        await server.until_the_end()

    report = call(gateway, place, talk, Presses("1", when="prompt"), Waits(3))
    assert rules_broken(report) == ["stream-blip"]


def test_what_is_sent_long_after_the_stop_is_told(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(WORDS)
        await server.until("stop")
        await asyncio.sleep(0.3)
        await server.play(WORDS)

    assert rules_broken(call(gateway, place, talk, Waits(3))) == ["stream-after-stop"]


def test_all_streams_of_a_call_are_recorded_on_one_time_line(gateway: Any, place: Any) -> None:
    pieces = iter([((0.0, WORDS),), ((0.0, WORDS),)])

    async def talk(server: Any) -> None:
        await plays(*next(pieces))(server)

    rules = CarrierRules(stream=StreamRules(dies_after_messages=200, connect_seconds=0.5))
    report = call(gateway, place, talk, Waits(6), after=STREAM, rules=rules)
    first, second = report.streams
    with wave.open(io.BytesIO(record_streams(report))) as file:
        length = round((second.began_at_seconds - 0.0) * 8000) + len(second.heard)
        assert (file.getnchannels(), file.getnframes()) == (2, length)
    assert first.ends_at_seconds <= second.at_seconds
    refused = replace(report, records=(replace(first, began_at_seconds=None),))
    assert len(record_streams(refused)) == 44


def test_the_report_tells_a_stream_to_people(gateway: Any, place: Any) -> None:
    report = call(gateway, place, plays((0.5, WORDS), then="mark and close"), Waits(9), after="<Hangup/>")
    assert "stream wss://gateway.example/media/x, 1.7 s, ended by: gateway" in report.transcript()
