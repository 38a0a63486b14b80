"""Callers on a stream: what they hear, when it is their turn, and how they speak."""

import asyncio
from typing import Any

import pytest

from voicegw.simulator import (
    HangsUp,
    Hears,
    HearsQuiet,
    Humming,
    InteractiveCaller,
    Phone,
    Presses,
    Says,
    Sounds,
    Telegraph,
    Waits,
    find_barge_ins,
    find_responses,
)
from voicegw.simulator.stream.sound import silence, tone
from voicegw.simulator.telegraph import decode_text, encode_text

STREAM = '<Connect><Stream url="wss://gateway.example/media/x"/></Connect>'


def speaking(*texts: str, pause_seconds: float = 0.0, first_seconds: float = 0.0) -> Any:
    """A gateway that says these, each at a key."""

    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await asyncio.sleep(first_seconds)
        for text in texts:
            await server.play(encode_text(text) + silence(pause_seconds))
            await server.until("dtmf")
            await server.clear()
        await server.until_the_end()

    return talk


async def echoes(server: Any) -> None:
    """A gateway that says what it was told, 0.3 s after the last of it."""
    import base64

    await server.accept()
    heard, quiet = b"", 0
    while True:
        frame = base64.b64decode((await server.until("media"))["media"]["payload"])
        if frame.strip(b"\xff"):
            heard, quiet = heard + frame, 0
        elif heard and (quiet := quiet + 1) == 15:
            await server.play(encode_text(f"you said {decode_text(heard)}"))
            heard = b""


def test_a_scripted_caller_hears_words_and_answers_them(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = echoes
    steps = [Says("opening hours", when="now"), Hears("you said opening"), HangsUp()]
    report = place(steps, speech=Telegraph())
    assert report.script_failure == ""
    assert report.spoken == ("you said opening hours",)
    assert [(words.text, words.lost_because) for words in report.speech] == [("opening hours", None)]
    (response,) = find_responses(report)
    # 15 frames of quiet, less the silence at the end of the words; then the next tick.
    assert response.seconds == pytest.approx(0.32, abs=0.041)


@pytest.mark.parametrize(
    ("steps", "failure"),
    [
        ([Hears("goodbye")], ""),
        ([Hears("goodbye"), HangsUp()], ""),
        ([Hears("goodbye"), Says("my PIN")], "the call was over before step 2 was done: says 'my PIN'"),
        ([Hears("doctor")], "the call was over before step 1 was done: hears /doctor/"),
    ],
)
def test_a_script_fails_where_the_gateway_hangs_up_before_its_end(
    steps: Any, failure: str, gateway: Any, place: Any
) -> None:
    async def says_goodbye(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(encode_text("goodbye"))
        await server.mark("end")
        await server.until("mark")
        await server.close()

    gateway.pages = {"/voice": STREAM}
    gateway.talk = says_goodbye
    assert place(steps, speech=Telegraph()).left_undone == failure


def test_a_script_that_hears_nothing_fails(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = speaking("good morning")
    report = place([Hears("dentist", within_seconds=5)], speech=Telegraph())
    assert report.script_failure == "did not hear /dentist/ within 5 s; heard ['good morning']"


def test_it_is_the_callers_turn_when_the_agent_has_been_quiet_for_a_moment(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = speaking("good morning", "goodbye", first_seconds=1.0)
    report = place([Presses("1"), Says("nothing"), Waits(0.5), HangsUp()], speech=Telegraph())
    first, second = [sound for sound in report.heard if sound.kind == "stream"]
    # 0.8 s of quiet at the tick after it, and 0.5 s to react.
    assert report.keys[0].at_seconds == pytest.approx(first.ends_at_seconds + 1.3, abs=0.021)
    assert report.speech[0].at_seconds == pytest.approx(second.ends_at_seconds + 1.3, abs=0.021)


def test_a_caller_may_interrupt_after_so_much_of_a_sound(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = speaking("a very long sentence of the agent", "yes?", first_seconds=1.0)
    report = place([Presses("1", when="prompt", after_seconds=0.35), Waits(2), HangsUp()], speech=Telegraph())
    cut, after = [sound for sound in report.heard if sound.kind == "stream"]
    assert (cut.text, cut.cut) == ("a very l", True)
    assert report.keys[0].at_seconds == pytest.approx(cut.at_seconds + 0.35)
    assert (after.text, after.cut) == ("yes?", False)
    (barge_in,) = find_barge_ins(report)
    assert (barge_in.by, barge_in.clear_after_seconds) == ("key", 0.0)


def test_a_barge_in_is_measured_to_the_clear_and_to_the_silence(gateway: Any, place: Any) -> None:
    async def talk(server: Any) -> None:
        await server.accept()
        await server.until("start")
        await server.play(tone(5, 440))
        await server.until("dtmf")
        await asyncio.sleep(0.13)
        await server.clear()
        await server.until_the_end()

    gateway.pages = {"/voice": STREAM}
    gateway.talk = talk
    report = place([Presses("1", when="prompt", after_seconds=1.0), Waits(2), HangsUp()])
    (barge_in,) = find_barge_ins(report)
    assert barge_in.clear_after_seconds == pytest.approx(0.13)
    assert barge_in.silent_after_seconds == pytest.approx(0.14)


def test_a_barge_in_that_nobody_heeds_is_told_as_such(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = speaking("a very long sentence of the agent that nothing interrupts")
    steps = [Says("hello", when="prompt", after_seconds=0.4), Waits(5), HangsUp()]
    (barge_in,) = find_barge_ins(place(steps, speech=Telegraph()))
    assert (barge_in.by, barge_in.clear_after_seconds, barge_in.silent_after_seconds) == ("speech", None, None)


def test_a_caller_may_wait_for_quiet(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = speaking("good morning", first_seconds=0.2)
    steps = [Hears("morning"), HearsQuiet(3.0), Presses("1", when="now", after_seconds=0.0), Waits(0.1), HangsUp()]
    report = place(steps, speech=Telegraph())
    (sound,) = [sound for sound in report.heard if sound.kind == "stream"]
    assert report.keys[0].at_seconds == pytest.approx(sound.ends_at_seconds + 3.0, abs=1e-5)


def test_quiet_begins_anew_with_each_sound(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Say>One.</Say><Pause length='2'/><Say>Two.</Say><Pause length='9'/>"}
    report = place([Hears("one"), HearsQuiet(3.0), HangsUp()])
    assert report.ended_at_seconds == pytest.approx(report.heard[-1].ends_at_seconds + 3.0)


def test_a_recording_is_heard_as_it_is(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    cough = tone(0.2, 300)
    report = place([Sounds(cough, when="now", after_seconds=0.1), Waits(0.1), HangsUp()])
    assert cough in report.streams[0].said
    assert [(words.text, words.seconds) for words in report.speech] == [("", 0.2)]


def test_a_recording_reaches_a_gather_as_its_words(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Gather input="speech" action="/said"><Say>Yes?</Say></Gather>', "/said": "<Hangup/>"}
    place([Sounds(tone(0.2, 300), "opening hours")])
    assert gateway.params("/said")["SpeechResult"] == "opening hours"


def test_without_a_voice_a_caller_hums_and_understands_nothing(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = speaking("good morning")
    report = place([Says("one two three four five", when="now"), Waits(0.1), HangsUp()])
    assert report.speech[0].seconds == pytest.approx(2.0)
    assert len(report.streams[0].said.strip(b"\xff")) == pytest.approx(16_000, abs=100)
    assert report.spoken == ("",)
    assert asyncio.run(Humming().understand(b"")) == ""


def test_what_is_said_at_once_is_said_one_after_the_other(gateway: Any, place: Any) -> None:
    class Hasty:
        async def run(self, phone: Phone) -> None:
            await phone.wait(0.1)
            await asyncio.gather(phone.sound(tone(0.2, 300), "one"), phone.sound(tone(0.2, 300), "two"))
            phone.hang_up()

    gateway.pages = {"/voice": STREAM}
    report = place(Hasty())
    assert [round(words.ends_at_seconds - words.at_seconds, 3) for words in report.speech] == [0.2, 0.4]


def test_a_person_who_types_is_heard_on_a_stream(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": STREAM}
    gateway.talk = echoes
    person = InteractiveCaller()

    def react(event: Any) -> None:
        if type(event).__name__ == "StreamBegan":
            person.say("hello")
        if getattr(event, "kind", "") == "stream" and getattr(event, "text", ""):
            person.hang_up()

    report = place(person, speech=Telegraph(), on_event=react)
    assert report.spoken == ("you said hello",)
