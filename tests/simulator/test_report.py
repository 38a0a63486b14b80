"""The report as people read it, and the views that tests use."""

from typing import Any

from voicegw.simulator import HangsUp, Hears, Phone, Presses, Says, Waits, find_silences, human

ORIGIN = "https://gateway.example"

ASK = (
    '<Gather input="dtmf speech" timeout="3" speechTimeout="1" action="/said" tone="soft"><Say>Your PIN?</Say></Gather>'
)


def test_a_transcript_tells_the_whole_call_in_order(gateway: Any, place: Any) -> None:
    gateway.pages = {
        "/voice": "<Connect/>" + ASK,
        "/said": "<Say>One moment.</Say><Dial>+15005550106</Dial><Redirect>/gone</Redirect>",
        "/fallback": "<Say>Sorry, this did not work.</Say>",
    }
    steps = [Presses("7", when="prompt", after_seconds=0.2), Says("hi", when="now")]
    report = place(steps, default_callee=human(ring_seconds=2, talk_seconds=3), fallback_url=f"{ORIGIN}/fallback")
    lines = [line.split(maxsplit=1)[1] for line in report.transcript().splitlines()]
    expected = [
        "POST https://gateway.example/voice  -> 200 in 0.00 s",
        "warning 12200: <Gather>: attribute tone='soft' is not understood",
        "warning: the simulator cannot run <Connect>",
        "hears speech 0.2 s (cut): Your PIN?",
        "caller presses 7",
        "caller says: hi (lost: keys were pressed first)",
        "POST https://gateway.example/said Digits=7 -> 200 in 0.00 s",
        "hears ringing 2.0 s",
        "dials +15005550106: completed, talked 3.0 s",
        "hears human 3.0 s: Hello?",
        "POST https://gateway.example/gone  -> 404 in 0.00 s",
        "FATAL 11200: HTTP status 404 (fallback URL asked)",
        "POST https://gateway.example/fallback ErrorCode=11200 -> 200 in 0.00 s",
        "the call ends: document-ended",
    ]
    assert [line for line in lines if line in expected] == expected
    assert "the call is answered" in lines


def test_a_transcript_tells_why_a_script_failed_and_an_unanswered_request(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.page("", after_seconds=20)}
    text = place([Hears("hello", within_seconds=16)]).transcript()
    assert "error 11200" in text
    gateway.pages = {"/voice": ASK + ASK}
    text = place([Hears("hello", within_seconds=2)]).transcript()
    assert text.endswith("the script failed: did not hear /hello/ within 2 s; heard ['Your PIN?']")


def test_silences_are_measured_between_the_sounds(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": '<Say>One two.</Say><Pause length="3"/>' + ASK}
    report = place([Waits(30), HangsUp()])
    first, second = find_silences(report)
    assert (first.seconds, first.owed_seconds, first.listening_seconds) == (3.0, 3.0, 0.0)
    assert (second.seconds, second.owed_seconds, second.listening_seconds) == (3.0, 0.0, 3.0)


def test_an_unanswered_call_has_no_silences(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Reject/>"}
    assert find_silences(place()) == ()


def test_a_caller_of_ones_own_sees_when_the_call_has_ended(gateway: Any, place: Any) -> None:
    seen: list[bool] = []

    class Patient:
        async def run(self, phone: Phone) -> None:
            seen.append(phone.ended)
            try:
                await phone.wait(1000)
            finally:
                seen.append(phone.ended)

    gateway.pages = {"/voice": "<Say>Goodbye.</Say>"}
    place(Patient())
    assert seen == [False, True]
