"""`<Gather>` as the caller experiences it, on whole calls in virtual time."""

from typing import Any

import pytest

from voicegw.simulator import CarrierRules, HangsUp, Hears, Presses, Says, Waits
from voicegw.simulator.gather import GatherMachine, GatherResult, GatherSettings
from voicegw.simulator.listening import GatherListener
from voicegw.simulator.timeline import LostBecause

PIN = (
    '<Gather timeout="2" action="/pin"{more}><Say>Please enter your secret number now.</Say>'
    '<Pause length="8"/></Gather>'
)
BYE = "<Say>Goodbye.</Say>"


def pin(more: str = "") -> str:
    return PIN.format(more=f" {more}" if more else "")


def test_a_key_stops_the_prompt_and_is_the_first_digit(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin(), "/pin": BYE}
    report = place([Presses("1234#", when="prompt", after_seconds=0.8)])
    prompt = report.heard[1]
    assert (prompt.text, prompt.cut, prompt.seconds) == ("Please enter your secret number now.", True, 0.8)
    sent = gateway.params("/pin")
    assert (sent["Digits"], sent["FinishedOnKey"], sent["msg"]) == ("1234", "#", "Gather End")
    assert sent["CallStatus"] == "in-progress"
    assert report.lost_digits == ()


def test_a_key_in_the_nested_pause_starts_the_gap_timer(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin(), "/pin": BYE}
    report = place([Presses("12", gap_seconds=1.5)])
    assert gateway.params("/pin")["Digits"] == "12"
    assert gateway.params("/pin")["FinishedOnKey"] == ""
    last_key, asked = report.keys[-1], report.webhooks[-1]
    assert asked.at_seconds - last_key.at_seconds == pytest.approx(2.0)


def test_a_gap_longer_than_the_timeout_cuts_the_entry_in_two(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin(), "/pin": [pin(), BYE]}
    place([Presses("12"), Waits(2.5), Presses("34", when="now")])
    assert [request.params["Digits"] for request in gateway.requests("/pin")] == ["12", "34"]


def test_silence_lasts_through_prompt_pause_and_timeout_then_the_next_verb_runs(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin() + BYE}
    report = place()
    assert gateway.requests("/pin") == []
    goodbye = report.heard[-1]
    prompt = report.heard[1]
    assert goodbye.at_seconds == pytest.approx(prompt.ends_at_seconds + 8 + 2)
    assert report.end_reason == "document-ended"


@pytest.mark.parametrize("with_fields", [True, False])
def test_action_on_empty_result_asks_the_action_without_input(gateway: Any, place: Any, with_fields: bool) -> None:
    gateway.pages = {"/voice": pin('actionOnEmptyResult="true" input="dtmf speech"'), "/pin": BYE}
    place(rules=CarrierRules(empty_result_has_fields=with_fields))
    sent = gateway.params("/pin")
    assert (sent.get("Digits"), sent.get("SpeechResult")) == (("", "") if with_fields else (None, None))


def test_num_digits_submits_at_once_and_later_keys_are_lost(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin('numDigits="2"'), "/pin": "<Say>Thank you, that was right.</Say>"}
    report = place([Presses("1234")])
    assert gateway.params("/pin")["Digits"] == "12"
    assert [(key.key, key.lost_because) for key in report.lost_digits] == [
        ("3", LostBecause.OUTSIDE_GATHER),
        ("4", LostBecause.OUTSIDE_GATHER),
    ]


def test_keys_during_a_prompt_outside_a_gather_are_lost_and_told(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Say>Welcome to the practice, hold on.</Say>" + pin(), "/pin": BYE}
    report = place([Presses("9", when="prompt", after_seconds=0.5), Presses("1#")])
    assert gateway.params("/pin")["Digits"] == "1"
    assert [key.key for key in report.lost_digits] == ["9"]


def test_keys_while_the_gateway_thinks_are_lost(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin(), "/pin": gateway.page("<Say>Bye</Say>", after_seconds=3)}
    report = place([Presses("1#"), Presses("2", when="now", after_seconds=1)])
    assert report.lost_digits[0].lost_because is LostBecause.BETWEEN_DOCUMENTS


@pytest.mark.parametrize(("lone", "asked"), [("ends", 1), ("ignored", 0)])
def test_a_lone_finish_key_is_told_only_by_the_rule_that_ends(gateway: Any, place: Any, lone: Any, asked: int) -> None:
    gateway.pages = {"/voice": pin('actionOnEmptyResult="true"'), "/pin": BYE}
    place([Presses("#")], rules=CarrierRules(lone_finish_key=lone))
    sent = gateway.params("/pin")
    assert (sent["Digits"], sent["FinishedOnKey"]) == ("", "#" if asked else "")


def test_speech_is_sent_after_the_speech_timeout_with_confidence_and_language(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin('input="dtmf speech" speechTimeout="2" language="de-DE"'), "/pin": BYE}
    report = place([Says("zum Empfang", confidence=0.8)])
    sent = gateway.params("/pin")
    assert (sent["SpeechResult"], sent["Confidence"], sent["Language"]) == ("zum Empfang", "0.80000000", "de-DE")
    assert "Digits" not in sent
    assert report.webhooks[-1].at_seconds == pytest.approx(report.speech[0].ends_at_seconds + 2)


def test_speech_timeout_auto_ends_at_the_first_pause(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin('input="speech" speechTimeout="auto"'), "/pin": BYE}
    report = place([Says("front desk", confidence=None)])
    assert report.webhooks[-1].at_seconds == pytest.approx(report.speech[0].ends_at_seconds + 0.8)
    assert "Confidence" not in gateway.params("/pin")


def test_speech_interrupts_the_prompt(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin('input="speech"'), "/pin": BYE}
    report = place([Says("stop", when="prompt", after_seconds=1)])
    assert report.heard[1].seconds == 1.0
    assert gateway.params("/pin")["SpeechResult"] == "stop"


def test_words_at_a_gather_for_keys_are_lost(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin() + BYE}
    assert place([Says("hello")]).speech[0].lost_because is LostBecause.NO_SPEECH


def test_the_action_may_be_relative_absent_or_a_get(gateway: Any, place: Any) -> None:
    gateway.pages = {
        "/voice": "<Redirect>deep/er</Redirect>",
        "/deep/er": ['<Gather numDigits="1" action="../up?x=1" method="GET"/>', BYE],
        "/up": [f'<Gather numDigits="1"/>{BYE}', BYE],
    }
    place([Presses("1"), Presses("2")])
    first, second = gateway.requests("/up")
    assert (first.method, first.params) == ("GET", {})
    assert first.query.startswith("x=1&AccountSid=AC")
    assert "Digits=1" in first.query
    # Without an action the document's own URL is asked, by POST.
    assert (second.method, second.query, second.params["Digits"]) == ("POST", "x=1", "2")
    assert first.signed
    assert second.signed


def test_a_caller_who_hangs_up_in_a_gather_ends_the_call_without_an_action(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin(), "/status": ""}
    report = place([Presses("12"), HangsUp()], status_callback="https://gateway.example/status")
    assert report.end_reason == "caller-hung-up"
    assert gateway.requests("/pin") == []
    assert gateway.params("/status")["CallStatus"] == "completed"


def test_a_caller_waits_for_the_end_of_an_answer_told_in_parts(gateway: Any, place: Any) -> None:
    part = '<Gather input="speech" timeout="1" action="/said"><Say>One moment.</Say></Gather><Redirect>/rest</Redirect>'
    rest = '<Gather input="speech" timeout="8" action="/said"><Say>What is your name?</Say></Gather>'
    gateway.pages = {"/voice": part, "/rest": rest, "/said": BYE}
    report = place([Says("Ann")])
    assert report.speech[0].at_seconds > report.heard[2].ends_at_seconds
    assert report.heard[2].text == "What is your name?"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ('finishOnKey="#*"', 13310),
        ('timeout="soon"', 13311),
        ('numDigits="0"', 13313),
        ('speechTimeout="auto" speechModel="phone_call"', 13335),
        ('speechTimeout="-1"', 13335),
        ('input="voice"', 12200),
        ('numdigits="4"', 12200),
        (f'hints="{"x" * 101}"', 13334),
    ],
)
def test_an_attribute_the_vendor_would_not_take_is_warned_of(
    gateway: Any, place: Any, attributes: str, code: int
) -> None:
    gateway.pages = {"/voice": f"<Gather {attributes}><Say>Hm?</Say></Gather>{BYE}"}
    report = place()
    assert [warning.code for warning in report.warnings] == [code]
    assert report.end_reason == "document-ended"


def test_a_verb_that_cannot_be_nested_is_skipped_with_a_warning(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": f'<Gather timeout="1"><Play digits="1"/><Hangup/><Say>Hm?</Say></Gather>{BYE}'}
    report = place()
    assert {13320} <= {warning.code for warning in report.warnings}
    assert report.spoken == ("Hm?", "Goodbye.")


async def test_a_clock_a_hair_before_the_deadline_does_not_make_the_gather_spin() -> None:
    machine = GatherMachine(GatherSettings(timeout_seconds=0.3))
    machine.receive_prompts_ended(0.0)
    listener = GatherListener(machine, lambda: 0.3 - 1e-15)
    await listener.wait(machine.next_timer())
    assert machine.result == GatherResult()


def test_a_script_whose_phrase_never_comes_hangs_up_and_says_so(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": pin() + pin() + pin() + BYE}
    report = place([Hears("dentist", within_seconds=20)])
    assert report.end_reason == "caller-hung-up"
    assert report.ended_at_seconds == 20
    assert "dentist" in report.script_failure
