"""Each invariant is broken once, and a good call breaks none."""

from typing import Any

import pytest

from voicegw.simulator import (
    Evidence,
    HangsUp,
    Hears,
    HearsQuiet,
    Limits,
    Presses,
    Says,
    Sounds,
    StaysSilent,
    Step,
    Waits,
    check_invariants,
    human,
)
from voicegw.simulator.silence import find_silences
from voicegw.simulator.timeline import LostBecause

ORIGIN = "https://gateway.example"
BYE = "<Say>Thank you for calling, goodbye.</Say><Hangup/>"


def ask(seconds: int = 8, action: str = "/said", more: str = "") -> str:
    return (
        f'<Gather input="dtmf speech" timeout="{seconds}" speechTimeout="2" action="{action}" {more}>'
        "<Say>What can I do for you?</Say></Gather>"
    )


def rules_broken(report: Any, **details: Any) -> list[str]:
    return [violation.rule for violation in check_invariants(report, **details)]


def test_a_good_call_breaks_nothing(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ask(), "/said": gateway.page(BYE, after_seconds=2.5)}
    report = place([Says("front desk")])
    evidence = Evidence(
        agent_actions=[{"type": "launch"}, {"type": "text", "payload": "front desk"}, {"type": "end"}],
        residue={"tasks": 0},
        call_records=[{"status": "completed", "reason": "agent-ended"}],
        secrets={"api key": "VF.secret"},
        writings={"log": "nothing here"},
    )
    assert check_invariants(report, evidence=evidence) == ()


def test_silence_after_an_input_is_owed_from_its_arrival(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ask(), "/said": gateway.page(BYE, after_seconds=4.5)}
    report = place([Says("front desk")])
    (violation,) = check_invariants(report)
    assert violation.rule == "I1"
    assert (
        str(violation)
        == f"I1 at {report.speech[0].ends_at_seconds:.2f} s: 4.50 s of silence while the gateway owed a sound"
    )
    # The two seconds of speechTimeout are the carrier's.
    assert find_silences(report)[1].listening_seconds == 2.0


def test_silence_after_the_answer_is_owed(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": f'<Start/><Pause length="5"/>{BYE}'}
    assert rules_broken(place()) == ["I1"]


def test_ringing_before_the_answer_is_no_silence(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.page(BYE, after_seconds=9)}
    assert rules_broken(place()) == []


def test_polling_with_one_second_gathers_does_not_hide_that_a_sound_is_owed(gateway: Any, place: Any) -> None:
    poll = '<Gather input="speech" timeout="1" action="/said"/><Redirect>/more</Redirect>'
    gateway.pages = {"/voice": ask(), "/said": poll, "/more": [poll, poll, poll, poll, BYE]}
    assert rules_broken(place([Says("hello")])) == ["I1"]


def test_a_filler_ends_the_silence_that_is_owed(gateway: Any, place: Any) -> None:
    filler = '<Gather input="speech" timeout="1"><Say>One moment.</Say></Gather><Redirect>/more</Redirect>'
    gateway.pages = {
        "/voice": ask(),
        "/said": gateway.page(filler, after_seconds=2.5),
        "/more": gateway.page(BYE, after_seconds=2.5),
    }
    assert rules_broken(place([Says("hello")])) == []


@pytest.mark.parametrize(("first", "second", "broken"), [(10, 25, []), (11, 25, ["I1"]), (10, 37, ["I1"])])
def test_listening_is_bounded_before_and_after_a_reprompt(
    gateway: Any, place: Any, first: int, second: int, broken: list[str]
) -> None:
    gateway.pages = {"/voice": ask(first) + ask(second) + BYE}
    assert rules_broken(place()) == broken


def test_listening_begins_anew_after_the_caller_reacted(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ask(), "/said": ask(25, "/bye") + BYE}
    assert rules_broken(place([Says("hello")])) == ["I1"]


def test_a_pause_inside_a_listening_gather_is_listening(gateway: Any, place: Any) -> None:
    gather = '<Gather timeout="2"><Say>Your PIN, please.</Say><Pause length="7"/></Gather>'
    gateway.pages = {"/voice": gather + BYE}
    assert rules_broken(place()) == []


def test_the_gaps_of_a_slow_entry_are_the_callers(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ask(), "/said": BYE}
    assert rules_broken(place([Presses("12#", gap_seconds=5)])) == []


@pytest.mark.parametrize("twiml", ["<Hangup/>", "", '<Say>Hello.</Say><Dial timeout="6">+15005550106</Dial>'])
def test_an_unexplained_end_is_told(gateway: Any, place: Any, twiml: str) -> None:
    gateway.pages = {"/voice": twiml}
    assert rules_broken(place()) == ["I2"]


def test_the_end_of_a_talk_with_a_human_needs_no_goodbye(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Say>One moment.</Say><Dial>+15005550106</Dial>"}
    assert rules_broken(place(default_callee=human())) == []


def test_a_caller_who_hangs_up_needs_no_goodbye_and_neither_does_a_reject(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ask()}
    assert rules_broken(place([Waits(1), HangsUp()])) == []
    gateway.pages = {"/voice": '<Reject reason="busy"/>'}
    assert rules_broken(place()) == []


def test_the_carriers_error_prompt_is_never_to_be_heard(gateway: Any, place: Any) -> None:
    assert rules_broken(place()) == ["I2", "I3", "I3"]


def test_a_rescued_fault_is_told_unless_it_was_meant(gateway: Any, place: Any) -> None:
    gateway.pages = {"/fallback": BYE}
    report = place(fallback_url=f"{ORIGIN}/fallback")
    assert rules_broken(report) == ["I3"]
    assert rules_broken(report, limits=Limits(rescued_faults_allowed=True)) == []


def test_a_document_that_dials_twice_is_told(gateway: Any, place: Any) -> None:
    dial = "<Say>One moment.</Say><Dial>+15005550106</Dial><Redirect>/voice</Redirect>"
    gateway.pages = {"/voice": [dial, dial, BYE]}
    assert rules_broken(place(default_callee=human(talk_seconds=1))) == ["I4"]


def test_too_many_dials_are_told(gateway: Any, place: Any) -> None:
    numbers = "".join(f"<Number>+1500555010{digit}</Number>" for digit in range(4))
    gateway.pages = {"/voice": f"<Say>Hm.</Say><Dial>{numbers}</Dial>{BYE}"}
    assert rules_broken(place(default_callee=human(talk_seconds=1))) == ["I4"]


@pytest.mark.parametrize(
    ("actions", "broken"),
    [
        ([("text", "Front desk!"), ("dtmf", "12")], []),
        ([("text", "front desk"), ("text", "front desk")], ["I4"]),
        ([("text", "something of the gateway's own")] * 2, []),
        ([("dtmf", "12"), ("dtmf", "12")], ["I4"]),
        ([("dtmf", "1"), ("dtmf", "2")], []),
        ([("launch", ""), ("launch", "")], ["I4"]),
        ([("end", ""), ("end", "")], ["I4"]),
    ],
)
def test_what_the_agent_gets_twice_is_told(
    gateway: Any, place: Any, actions: list[tuple[str, str]], broken: list[str]
) -> None:
    gateway.pages = {"/voice": ask(), "/said": [ask(), BYE]}
    report = place([Says("front desk"), Presses("12#")])
    evidence = Evidence(agent_actions=[{"type": kind, "payload": payload} for kind, payload in actions])
    assert rules_broken(report, evidence=evidence) == broken


@pytest.mark.parametrize(
    ("evidence", "broken"),
    [
        (Evidence(residue={"tasks": 2, "sockets": 0}), ["I5"]),
        (Evidence(call_records=[]), ["I6"]),
        (Evidence(call_records=[{"status": "completed", "reason": "x"}] * 2), ["I6"]),
        (Evidence(call_records=[{"status": "in-progress", "reason": "x"}]), ["I6"]),
        (Evidence(call_records=[{"status": "completed", "reason": ""}]), ["I6"]),
        (Evidence(secrets={"key": "VF.secret"}, writings={"log": "Bearer VF.secret"}), ["I7"]),
        (Evidence(secrets={"word": "goodbye"}), ["I7"]),
        (Evidence(secrets={"path": "/voice"}), ["I7"]),
    ],
)
def test_evidence_of_residue_records_and_secrets(
    gateway: Any, place: Any, evidence: Evidence, broken: list[str]
) -> None:
    gateway.pages = {"/voice": BYE}
    assert rules_broken(place(), evidence=evidence) == broken


def test_a_secret_is_not_repeated_in_the_violation(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": BYE}
    (violation,) = check_invariants(place(), evidence=Evidence(secrets={"path": "/voice"}))
    assert "/voice" not in str(violation)


def test_a_slow_webhook_is_told_even_if_nobody_heard_it(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": gateway.page(BYE, after_seconds=12.5)}
    assert rules_broken(place()) == ["slow-webhook"]


def test_a_lost_digit_is_told_unless_it_is_forgiven(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Say>Please listen to this very long notice first.</Say>" + BYE}
    report = place([Presses("1", when="now", after_seconds=1)])
    assert rules_broken(report) == ["lost-digit"]
    assert rules_broken(report, limits=Limits(unforgivable_losses=frozenset({LostBecause.GATHER_ENDED}))) == []


@pytest.mark.parametrize(("keys", "lost"), [("12#", []), ("12##", ["#"]), ("123", ["3"]), ("123#", ["3", "#"])])
def test_the_finish_key_of_an_entry_that_was_over_is_no_loss(
    gateway: Any, place: Any, keys: str, lost: list[str]
) -> None:
    asks = '<Gather input="dtmf" numDigits="2" finishOnKey="#" action="/said"><Say>Two digits, please.</Say></Gather>'
    gateway.pages = {"/voice": asks, "/said": gateway.page(BYE, after_seconds=3)}
    report = place([Presses(keys)])
    texts = [violation.text for violation in check_invariants(report) if violation.rule == "lost-digit"]
    assert [text.split()[1] for text in texts] == lost


def test_a_failed_script_is_told(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ask()}
    assert rules_broken(place([Hears("dentist", within_seconds=3)])) == ["script"]


@pytest.mark.parametrize(
    ("steps", "failure"),
    [
        ([Hears("doctor")], "step 1 was done: hears /doctor/"),
        ([Hears("Goodbye"), Waits(9), Says("my PIN"), HangsUp()], "step 3 was done: says 'my PIN'"),
        ([Hears("Goodbye"), Presses("12"), HangsUp()], "step 2 was done: presses '12'"),
        ([Waits(60), Sounds(b"", "cough")], "step 2 was done: plays 'cough'"),
        ([Waits(60), Sounds(b"")], "step 2 was done: plays a recording"),
        ([Hears("Goodbye"), Hears("Goodbye")], "step 2 was done: hears /Goodbye/"),
    ],
)
def test_a_script_that_the_gateway_does_not_let_come_to_its_end_has_failed(
    steps: list[Step], failure: str, gateway: Any, place: Any
) -> None:
    gateway.pages = {"/voice": "<Say>Goodbye.</Say><Hangup/>"}
    report = place(steps)
    assert report.left_undone == f"the call was over before {failure}"
    assert rules_broken(report) == []
    assert rules_broken(report, limits=Limits(whole_script=True)) == ["script"]


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Hears("Goodbye")],
        [Hears("Goodbye"), HangsUp()],
        [Hears("Goodbye", until="begin"), StaysSilent()],
        [Waits(60), HangsUp()],
        [HearsQuiet(60), HangsUp()],
        [StaysSilent(), Says("never")],
    ],
)
def test_one_that_only_waits_for_the_end_has_not(steps: list[Step], gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Say>Goodbye.</Say><Hangup/>"}
    assert place(steps).left_undone == ""
