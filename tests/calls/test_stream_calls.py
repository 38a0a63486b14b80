"""Whole stream calls in virtual time: the simulated carrier, the real gateway, the embedded agent, exact speech."""

import asyncio
from typing import Any

import pytest

from voicegw.call.inputs import ForwardOrdered, HangUpOrdered
from voicegw.simulator import (
    Callee,
    CarrierRules,
    HangsUp,
    Hears,
    Limits,
    Presses,
    Says,
    ScriptedCaller,
    Sounds,
    StaysSilent,
    StreamLimits,
    StreamRules,
    Waits,
    find_barge_ins,
    find_responses,
)
from voicegw.simulator.callees import human
from voicegw.simulator.stream.sound import tone

World = Any

GREETING = (
    "Hello, this is Bright Smile Dental.You can book a visit, look up your appointment, or hear our opening hours. "
    "How can I help you?"
)
LIMITS = Limits(stream=StreamLimits(lead_seconds=0.45))
"""The gateway keeps 400 ms ahead, and a piece may be under way."""


@pytest.fixture
def world(stream_world: World) -> World:
    """The dental practice, on streams."""
    return stream_world


def whole(call: Any) -> str:
    """All that was heard, in order."""
    return " | ".join(call.report.spoken)


def wrongs(call: Any, world: World) -> list[str]:
    """What is wrong with a call, and what is left of it in ears and voices."""
    left = {"ears": world.speech.stt.open_ears, "voices": world.speech.tts.speaking}
    return [*call.violations(LIMITS), *(f"{count} {what} left" for what, count in left.items() if count)]


def play(world: World, *steps: Any, **place: Any) -> Any:
    """A scripted call in which nothing goes wrong."""
    call = world.call(ScriptedCaller(steps), **place)
    assert wrongs(call, world) == [], call.explain()
    assert call.kinds().count("launch") == call.kinds().count("end") == 1
    return call


def without(rules: StreamRules, world: World) -> World:
    world.rules = CarrierRules(stream=rules)
    return world


def test_the_greeting_is_heard_at_once_and_whole(world: World) -> None:
    call = play(world, Hears("How can I help"), HangsUp())
    (greeting,) = [sound for sound in call.report.heard if sound.kind == "stream"]
    assert greeting.text == GREETING
    assert greeting.at_seconds - call.report.streams[0].began_at_seconds <= 0.1
    assert call.report.streams[0].ended_by == "caller"


def test_a_visit_is_booked_by_speech(world: World, booking: Any) -> None:
    call = play(world, *booking)
    assert {"I want to book a visit", "Tuesday", "morning", "Ada Lovelace"} <= set(call.texts())
    responses = find_responses(call.report)
    assert len(responses) == 5
    # Quiet until the model is asked, its words, the agent's answer, the first piece of voice, the next frame.
    assert max(response.seconds for response in responses[:4]) <= 0.6


def test_a_caller_may_interrupt_by_speech(world: World) -> None:
    call = play(
        world, Says("opening hours please", when="prompt", after_seconds=2.0), Hears("anything else"), HangsUp()
    )
    (barge_in,) = find_barge_ins(call.report)
    assert barge_in.by == "speech"
    assert barge_in.clear_after_seconds <= 0.15
    assert barge_in.silent_after_seconds <= 0.3
    assert "How can I help" not in whole(call)
    assert {"type": "text", "payload": "opening hours please"} in call.actions


def test_a_cough_holds_the_prompt_and_it_goes_on(world: World) -> None:
    call = play(world, Sounds(tone(0.25, 300), when="prompt", after_seconds=1.0), Hears("How can I help"), HangsUp())
    pieces = [sound for sound in call.report.heard if sound.kind == "stream"]
    assert [piece.cut for piece in pieces] == [True, False]
    # It goes on from the last mark that came back: a syllable may be heard twice, none is left out.
    assert GREETING.startswith(pieces[0].text)
    assert GREETING.endswith(pieces[1].text)
    assert len(pieces[0].text) + len(pieces[1].text) >= len(GREETING)
    assert call.kinds() == ["launch", "end"]


def test_a_caller_may_interrupt_by_a_key_which_is_the_first_of_its_entry(world: World) -> None:
    call = play(
        world,
        Hears("How can I help"),
        Says("my appointment"),
        Presses("1234", when="prompt", after_seconds=0.8, gap_seconds=0.1),
        Hears("Doctor"),
        HangsUp(),
    )
    (barge_in,) = find_barge_ins(call.report)
    assert (barge_in.by, barge_in.clear_after_seconds) == ("key", 0.0)
    assert barge_in.silent_after_seconds <= 0.02
    assert [action for action in call.actions if action["type"] == "dtmf"] == [{"type": "dtmf", "payload": "1234"}]


@pytest.mark.parametrize("keys", ["1234", "1234#"])
def test_a_pin_is_one_entry_with_or_without_its_delimiter(world: World, keys: str) -> None:
    call = play(
        world,
        Hears("How can I help"),
        Says("my appointment"),
        Hears("PIN"),
        Presses(keys),
        Hears("Doctor.*anything"),
        HangsUp(),
    )
    assert call.texts() == ["my appointment", "1234"]


def test_keys_typed_ahead_while_the_agent_thinks_are_kept_and_skip_what_they_answer(world: World) -> None:
    call = play(
        world,
        Hears("How can I help"),
        Says("my appointment"),
        Presses("1234", when="now", after_seconds=0.05, gap_seconds=0.06),
        Hears("Doctor"),
        HangsUp(),
    )
    assert call.texts() == ["my appointment", "1234"]
    assert "PIN" not in whole(call)


def test_keys_end_as_an_entry_when_no_more_come(world: World) -> None:
    call = play(world, Hears("How can I help"), Presses("12"), Waits(8), HangsUp())
    assert call.texts() == ["12"]


def test_a_delimiter_alone_and_a_zero_are_entries(world: World) -> None:
    call = play(world, Hears("How can I help"), Presses("#"), Waits(4), Presses("0#"), Waits(4), HangsUp())
    assert call.texts() == ["#", "0"]


def test_a_silent_caller_is_asked_again_and_at_last_told_goodbye(world: World) -> None:
    call = play(world, StaysSilent())
    assert call.report.end_reason == "hangup"
    assert call.kinds().count("no-reply") >= 1
    assert call.report.streams[0].ended_by == "gateway"


def test_the_goodbye_is_heard_to_its_end(world: World) -> None:
    call = play(world, Hears("How can I help"), Says("goodbye"), StaysSilent())
    assert call.report.end_reason == "hangup"
    assert call.report.spoken[-1].endswith("Goodbye.")
    assert call.report.ended_at_seconds - call.report.heard[-1].ends_at_seconds < 0.2


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.1, 0.5, 2.0, 5.0, 6.6, 7.0, 7.3, 7.5, 8.0])
def test_a_caller_may_hang_up_at_any_moment(world: World, seconds: float) -> None:
    steps = [Says("my appointment", when="now", after_seconds=6.7), Presses("12", when="now"), StaysSilent()]

    class Leaves(ScriptedCaller):
        async def run(self, phone: Any) -> None:
            talking = asyncio.create_task(super().run(phone))
            await phone.wait(seconds)
            phone.hang_up()
            talking.cancel()

    call = world.call(Leaves(steps))
    assert wrongs(call, world) == [], call.explain()
    assert call.kinds()[-1] == "end"
    assert call.kinds().count("end") == 1


def test_a_caller_who_vanishes_without_a_stop_leaves_nothing_behind(world: World) -> None:
    without(StreamRules(says_stop=False), world)
    play(world, Hears("How can I help"), Says("my appointment"), HangsUp(after_seconds=0.1))


def test_a_forward_leaves_the_stream_and_dials(world: World) -> None:
    world.callees = {"+15005550199": human(talk_seconds=30)}
    call = play(world, Hears("How can I help"), Says("front desk"), StaysSilent())
    assert [(leg.address, leg.status) for leg in call.report.dialled] == [("+15005550199", "completed")]
    (stream,) = call.report.streams
    assert (stream.ended_by, stream.unheard_seconds) == ("gateway", 0.0)


def test_a_forward_that_fails_comes_back_on_a_new_stream_with_the_same_agent(world: World) -> None:
    world.callees = {"+15005550199": Callee(outcome="busy")}
    call = play(
        world,
        Hears("How can I help"),
        Says("front desk"),
        Hears("busy"),
        Says("opening hours"),
        Hears("anything"),
        HangsUp(),
    )
    assert len(call.report.streams) == 2
    assert call.kinds().count("launch") == 1


def test_the_opening_hours_are_a_recording_in_the_callers_ear(world: World) -> None:
    call = play(world, Hears("How can I help"), Says("opening hours"), Hears("anything else"), HangsUp())
    assert [exchange.url for exchange in call.report.exchanges if exchange.purpose == "audio"] == []
    recording = max(call.report.heard, key=lambda sound: sound.seconds * (sound.kind == "stream"))
    assert recording.seconds > 2


@pytest.mark.parametrize("rules", [StreamRules(signs_trailing_slash=True), StreamRules(connect_seconds=0.365)])
def test_what_the_vendor_may_do_at_the_handshake_is_borne(world: World, rules: StreamRules) -> None:
    without(rules, world)
    play(world, Hears("How can I help"), Says("goodbye"), StaysSilent())


def test_the_agents_echo_does_not_interrupt_it(world: World) -> None:
    without(StreamRules(echo_decibels=-26, latency_seconds=0.04), world)
    call = play(world, Hears("How can I help"), HangsUp())
    assert call.report.spoken == (GREETING,)


def test_a_bad_network_costs_sound_but_no_words_and_no_keys(world: World) -> None:
    bad = StreamRules(latency_seconds=0.06, jitter_seconds=0.05, burst_every_seconds=4.0, burst_seconds=0.2)
    without(bad, world)
    steps = [Hears("How can I help"), Says("my appointment"), Hears("PIN"), Presses("1234"), Hears("Doctor"), HangsUp()]
    call = world.call(ScriptedCaller(steps))
    assert [text for text in wrongs(call, world) if not text.startswith(("stream-lead", "stream-underrun"))] == [], (
        call.explain()
    )
    assert call.texts() == ["my appointment", "1234"]


@pytest.mark.parametrize("messages", [*range(24), 60, 150, 190, 215, 240, 270, 300, 315, 330, 340, 420, 500, 600, 700])
def test_a_socket_that_dies_at_any_message_is_rescued(world: World, messages: int) -> None:
    without(StreamRules(dies_after_messages=messages), world)
    call = world.call(ScriptedCaller([Waits(3.0), Presses("1", when="now"), Waits(60), HangsUp()]))
    assert wrongs(call, world) == [], call.explain()
    assert call.kinds().count("launch") == call.kinds().count("end") == 1
    assert len(call.report.streams) <= 6  # three until the key is heard, three after it


def test_an_order_to_forward_leaves_the_stream(world: World) -> None:
    world.callees = {"+15005550199": human(talk_seconds=5)}
    world.orders = [(3.0, ForwardOrdered(address="front-desk"))]
    call = play(world, StaysSilent())
    assert [leg.status for leg in call.report.dialled] == ["completed"]
    assert call.report.streams[0].ended_by == "gateway"


def test_an_order_to_hang_up_says_goodbye_first(world: World) -> None:
    world.orders = [(3.0, HangUpOrdered())]
    call = play(world, StaysSilent())
    assert call.report.end_reason == "hangup"
    assert call.report.ended_at_seconds < 15


def test_many_calls_at_once_leave_nothing_behind(world: World) -> None:
    def caller(number: int) -> ScriptedCaller:
        return ScriptedCaller(
            [
                Hears("How can I help"),
                Says("my appointment", when="now", after_seconds=0.1 * (number % 7)),
                Hears("PIN"),
                Presses("1234", gap_seconds=0.06),
                Hears("Doctor"),
                HangsUp() if number % 2 else Says("goodbye", when="now"),
                StaysSilent(),
            ]
        )

    calls = world.play([caller(number) for number in range(30)], apart_seconds=0.05)
    for call in calls:
        assert wrongs(call, world) == [], call.explain()
        assert call.texts()[:2] == ["my appointment", "1234"]
