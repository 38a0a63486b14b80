"""What each verb does to the call, except `<Gather>` and `<Dial>`."""

import struct
from typing import Any

import pytest

from voicegw.simulator import CarrierRules, HangsUp, Presses, Says, Waits

ORIGIN = "https://gateway.example"
BYE = "<Say>Goodbye.</Say>"


def wav(seconds: float) -> bytes:
    data = b"\xff" * int(8000 * seconds)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 7, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + fmt + b"LIST\x03\x00\x00\x00abc\x00" + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def test_say_takes_as_long_as_its_words(gateway: Any, place: Any) -> None:
    text = 'one two <emphasis>three</emphasis> <sub alias="four">4</sub> five<break time="1s"/><break strength="weak"/>'
    gateway.pages = {"/voice": f'<Say loop="2">{text}</Say>'}
    report = place()
    assert report.spoken == ("one two three four five",) * 2
    assert [sound.seconds for sound in report.heard[1:]] == [pytest.approx(5 / 2.5 + 1.4)] * 2


def test_a_say_without_words_is_warned_of(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Say> </Say>" + BYE}
    assert [warning.code for warning in place().warnings] == [13520]


def test_loop_zero_goes_on_until_the_hang_up(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Say loop="0">still here</Say>'}
    report = place([Waits(60.4), HangsUp()])
    assert len(report.spoken) == 76
    assert report.heard[-1].cut
    assert report.end_reason == "caller-hung-up"


def test_play_of_our_own_recording_is_fetched_unsigned_and_lasts_its_length(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Play>/audio/1.wav</Play>" + BYE, "/audio/1.wav": gateway.raw(wav(3), "audio/wav")}
    report = place()
    sound = report.heard[1]
    assert (sound.kind, sound.text, sound.seconds) == ("audio", f"{ORIGIN}/audio/1.wav", 3.0)
    (request,) = gateway.requests("/audio/1.wav")
    assert (request.method, request.params, request.query) == ("GET", {}, "")
    assert "x-twilio-signature" not in request.headers
    assert [exchange.purpose for exchange in report.exchanges] == ["voice", "audio"]
    assert len(report.webhooks) == 1


def test_play_of_a_foreign_recording_is_not_fetched(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Play>https://elsewhere.example/a.mp3</Play>"}
    report = place(rules=CarrierRules(assumed_audio_seconds=7))
    assert report.heard[1].seconds == 7
    assert len(report.exchanges) == 1


@pytest.mark.parametrize(("status", "kind", "code"), [(404, "audio/wav", 11200), (200, "text/html", 12300)])
def test_a_recording_that_cannot_be_had_is_fatal_or_skipped(
    gateway: Any, place: Any, status: int, kind: str, code: int
) -> None:
    gateway.pages = {
        "/voice": "<Gather><Play>/1.wav</Play></Gather>" + BYE,
        "/1.wav": gateway.raw(b"x", kind, status=status),
    }
    report = place()
    assert (report.end_reason, report.faults[0].code) == ("application-error", code)
    report = place(rules=CarrierRules(failed_audio="skipped"))
    assert report.spoken == ("Goodbye.",)
    assert report.warnings[0].code == code


def test_audio_from_nowhere_is_fatal_where_all_is_fetched(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Play>https://elsewhere.example/a.mp3</Play>"}
    assert place(rules=CarrierRules(fetches_audio="all")).faults[0].code == 11210


def test_play_digits_sounds_as_tones(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Play digits="1wW2"/>'}
    sound = place().heard[1]
    assert (sound.kind, sound.text, sound.seconds) == ("tone", "1wW2", pytest.approx(1.9))


def test_the_end_of_a_document_hangs_up(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE}
    assert place().end_reason == "document-ended"


def test_nothing_after_hangup_or_redirect_runs(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Redirect>/next</Redirect><Say>no</Say>", "/next": f"{BYE}<Hangup/><Say>no</Say>"}
    report = place()
    assert report.spoken == ("Goodbye.",)
    assert report.end_reason == "hangup"


def test_a_redirect_without_url_is_fatal(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Redirect/>"}
    assert place().faults[0].code == 11100


def test_redirect_keeps_the_phone_ringing(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Redirect>/next</Redirect>", "/next": gateway.page(BYE, after_seconds=4)}
    report = place()
    assert report.answered_at_seconds == 4
    assert gateway.params("/next")["CallStatus"] == "ringing"
    assert (report.heard[0].kind, report.heard[0].seconds) == ("ringing", 4.0)


def test_a_pause_first_delays_the_answer(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": f'<Pause length="3"/>{BYE}<Pause/>'}
    report = place()
    assert report.answered_at_seconds == 3
    assert report.ended_at_seconds == pytest.approx(report.heard[1].ends_at_seconds + 1)


@pytest.mark.parametrize(("reason", "status"), [("busy", "busy"), ("rejected", "no-answer")])
def test_reject_first_never_answers(gateway: Any, place: Any, reason: str, status: str) -> None:
    gateway.pages = {"/voice": f'<Reject reason="{reason}"/>', "/status": ""}
    report = place(status_callback=f"{ORIGIN}/status")
    assert report.answered_at_seconds is None
    assert (report.end_reason, report.call_status) == ("rejected", status)
    assert gateway.params("/status")["CallStatus"] == status
    assert gateway.params("/status")["CallDuration"] == "0"


def test_reject_after_an_answer_hangs_up(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": f"{BYE}<Reject/>"}
    report = place()
    assert (report.end_reason, report.call_status) == ("rejected", "completed")


def test_unknown_elements_and_attributes_are_warned_of_and_skipped(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": f'<Dance/>words<Say tone="soft"><blink>Hi</blink></Say><Pause length="x"/>{BYE}'}
    report = place()
    assert [warning.code for warning in report.warnings] == [12200] * 5
    assert report.spoken == ("Hi", "Goodbye.")


@pytest.mark.parametrize(
    ("verb", "extra"),
    [
        ('<Connect action="/after"><ConversationRelay url="wss://x.example"/></Connect>', {}),
        ('<Enqueue action="/after">q</Enqueue>', {"QueueResult": "system-error"}),
        ('<Refer action="/after"><Sip>sip:a@b</Sip></Refer>', {"ReferCallStatus": "failed"}),
    ],
)
def test_what_the_simulator_cannot_run_is_said_and_goes_to_the_action(
    gateway: Any, place: Any, verb: str, extra: dict[str, str]
) -> None:
    gateway.pages = {"/voice": verb, "/after": BYE}
    report = place()
    assert report.warnings[0].code == 0
    assert extra.items() <= gateway.params("/after").items()


@pytest.mark.parametrize("verb", ["<Connect/>", "<Start/>", "<Stop/>", "<Leave/>", "<Enqueue>q</Enqueue>", "<Refer/>"])
def test_what_the_simulator_cannot_run_falls_to_the_next_verb_without_an_action(
    gateway: Any, place: Any, verb: str
) -> None:
    gateway.pages = {"/voice": verb + BYE}
    report = place()
    assert [warning.code for warning in report.warnings] == [0]
    assert report.spoken == ("Goodbye.",)


def test_record_ends_on_silence_and_tells_its_length(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Record action="/recorded" timeout="3"/>', "/recorded": BYE}
    report = place([Says("a message", when="now", after_seconds=2, seconds=3.4)])
    sent = gateway.params("/recorded")
    assert (sent["RecordingDuration"], sent["Digits"]) == ("8", "")
    assert sent["RecordingUrl"].endswith(sent["RecordingSid"])
    assert report.heard[1].kind == "tone"
    assert report.speech[0].lost_because is None


def test_record_ends_on_a_key_or_its_limit(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Record action="/recorded" finishOnKey="*" playBeep="false"/>', "/recorded": BYE}
    report = place([Says("hello", when="now"), Presses("1*", when="now")])
    assert gateway.params("/recorded")["Digits"] == "*"
    assert [key.key for key in report.lost_digits] == ["1"]
    gateway.pages["/voice"] = '<Record action="/recorded" timeout="0" maxLength="10"/>'
    place([Says("hello", when="now", after_seconds=2)])
    assert gateway.params("/recorded")["RecordingDuration"] == "10"


def test_a_recording_of_nothing_falls_to_the_next_verb(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Record action="/recorded"/>' + BYE}
    assert place().spoken == ("Goodbye.",)
    assert gateway.requests("/recorded") == []


def test_a_hang_up_in_a_recording_still_asks_the_action(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Record action="/recorded"/>', "/recorded": "<Say>unheard</Say>"}
    report = place([Says("hello", when="now"), HangsUp()])
    sent = gateway.params("/recorded")
    assert (sent["Digits"], sent["CallStatus"]) == ("hangup", "completed")
    assert report.spoken == ()
