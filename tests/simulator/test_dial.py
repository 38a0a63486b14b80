"""`<Dial>`: who is rung, what the caller hears, what the action is told."""

from typing import Any

import pytest

from voicegw.simulator import Callee, CarrierRules, HangsUp, Presses, Says, Waits, human, voicemail
from voicegw.simulator.timeline import LostBecause

ORIGIN = "https://gateway.example"
BYE = "<Say>Goodbye.</Say>"
DESK = "+15005550106"
LAB = "+15005550107"


def dial(noun: str = f"<Number>{DESK}</Number>", more: str = "") -> str:
    return f'<Say>One moment.</Say><Dial action="/after" {more}>{noun}</Dial><Say>unreachable</Say>'


@pytest.fixture
def dialled(gateway: Any, place: Any) -> Any:
    def dialled(twiml: str, *, steps: Any = (), **details: Any) -> Any:
        gateway.pages = {"/voice": twiml, "/after": BYE, **details.pop("pages", {})}
        return place(steps, **details)

    return dialled


def test_an_answered_call_is_bridged_and_told(gateway: Any, dialled: Any) -> None:
    report = dialled(dial(), callees={DESK: Callee(ring_seconds=4, talk_seconds=30)})
    sent = gateway.params("/after")
    assert (sent["DialCallStatus"], sent["DialBridged"], sent["DialCallDuration"]) == ("completed", "true", "30")
    assert sent["DialCallSid"] == report.dialled[0].call_sid
    assert [(sound.kind, sound.seconds) for sound in report.heard[2:]] == [
        ("ringing", 4.0),
        ("human", 30.0),
        ("speech", 0.4),
    ]
    assert (report.dialled[0].bridged, report.dialled[0].talk_seconds) == (True, 30.0)
    assert report.spoken == ("One moment.", "Goodbye.")


@pytest.mark.parametrize(
    ("callee", "status", "rings"),
    [
        (Callee(outcome="busy", ring_seconds=2), "busy", 2),
        (Callee(outcome="failed", ring_seconds=1), "failed", 1),
        (Callee(outcome="no-answer"), "no-answer", 25),
        (Callee(ring_seconds=24.9), "completed", 24.9),
        (Callee(ring_seconds=25.1), "no-answer", 25),
    ],
)
def test_an_unanswered_call_is_told_after_timeout_and_the_vendors_five_seconds(
    gateway: Any, dialled: Any, callee: Callee, status: str, rings: float
) -> None:
    report = dialled(dial(more='timeout="20"'), callees={DESK: callee})
    sent = gateway.params("/after")
    assert sent["DialCallStatus"] == status
    assert sent["DialBridged"] == ("true" if status == "completed" else "false")
    assert report.heard[2].seconds == pytest.approx(rings)


def test_a_number_nobody_knows_rings_unanswered(gateway: Any, dialled: Any) -> None:
    dialled(dial())
    assert gateway.params("/after")["DialCallStatus"] == "no-answer"


@pytest.mark.parametrize(
    ("noun", "more", "code"),
    [
        ("<Number>911</Number>", "", 13223),
        ("<Number>sales</Number>", "", 13223),
        (f"<Number>{DESK}</Number>", 'callerId="+19995550000"', 13214),
        ("<Sip>pbx.example</Sip>", "", 13224),
        ("<Sip>sip:a@pbx.example</Sip>", 'callerId="a b"', 13214),
        ("<Client/>", "", 13223),
    ],
)
def test_what_the_vendor_would_not_dial_fails_at_once(
    gateway: Any, dialled: Any, noun: str, more: str, code: int
) -> None:
    report = dialled(dial(noun, more), default_callee=human())
    assert gateway.params("/after")["DialCallStatus"] == "failed"
    assert report.warnings[0].code == code
    assert report.heard[2].seconds == 0


def test_an_owned_number_may_be_the_caller_id(gateway: Any, dialled: Any) -> None:
    rules = CarrierRules(owned_numbers=frozenset({"+19995550000"}))
    report = dialled(dial(more='callerId="+19995550000"'), default_callee=human(), rules=rules)
    assert report.dialled[0].caller_id == "+19995550000"
    assert report.dialled[0].bridged


def test_a_dial_of_nobody_fails(gateway: Any, dialled: Any) -> None:
    report = dialled(dial("<Queue>support</Queue>"))
    assert gateway.params("/after")["DialCallStatus"] == "failed"
    assert report.warnings[0].code == 0


def test_without_an_action_the_next_verb_runs(gateway: Any, dialled: Any) -> None:
    report = dialled(f"<Dial>{DESK}</Dial><Say>Back again.</Say>", default_callee=human(talk_seconds=3))
    assert report.spoken == ("Back again.",)
    assert gateway.requests("/after") == []


def test_more_than_ten_numbers_are_not_all_dialled(dialled: Any) -> None:
    report = dialled(dial(f"<Number>{DESK}</Number>" * 11))
    assert report.warnings[0].code == 13223
    assert len(report.dialled) == 10


def test_a_time_out_out_of_range_is_warned_of(dialled: Any) -> None:
    assert dialled(dial(more='timeout="2"')).warnings[0].code == 13212


def test_send_digits_are_pressed_when_it_answers_and_bad_ones_are_not(dialled: Any) -> None:
    report = dialled(dial(f'<Number sendDigits="ww12#">{DESK}</Number>'), default_callee=human())
    assert report.dialled[0].send_digits == "ww12#"
    report = dialled(dial(f'<Number sendDigits="x">{DESK}</Number>'), default_callee=human())
    assert report.dialled[0].send_digits == ""
    assert report.warnings[0].code == 13222


def test_a_sip_phone_is_found_without_its_parameters_and_told_with_its_code(gateway: Any, dialled: Any) -> None:
    uri = "sip:lab@pbx.example;transport=tls?x-call=1"
    report = dialled(dial(f"<Sip>{uri}</Sip>"), callees={"sip:lab@pbx.example": Callee(outcome="busy")})
    sent = gateway.params("/after")
    assert (sent["DialCallStatus"], sent["DialSipResponseCode"]) == ("busy", "486")
    assert (report.dialled[0].kind, report.dialled[0].address) == ("sip", uri)


def test_a_client_is_dialled_by_its_identity(dialled: Any) -> None:
    noun = '<Client><Identity>ann</Identity><Parameter name="a" value="b"/></Client>'
    assert dialled(dial(noun), callees={"ann": human()}).dialled[0].bridged


def test_several_numbers_ring_at_once_and_the_first_to_answer_wins(gateway: Any, dialled: Any) -> None:
    nouns = f"<Number>{DESK}</Number><Number>{LAB}</Number>"
    report = dialled(dial(nouns), callees={DESK: human(ring_seconds=9), LAB: human(ring_seconds=5, talk_seconds=1)})
    assert {leg.address: leg.status for leg in report.dialled} == {DESK: "canceled", LAB: "completed"}
    assert report.heard[2].seconds == 5


def test_sequential_numbers_ring_one_after_another(gateway: Any, dialled: Any) -> None:
    nouns = f"<Number>{DESK}</Number><Number>{LAB}</Number>"
    callees = {DESK: Callee(outcome="busy"), LAB: human(talk_seconds=1)}
    report = dialled(dial(nouns, 'sequential="true"'), callees=callees)
    assert [leg.status for leg in report.dialled] == ["busy", "completed"]
    assert gateway.params("/after")["DialCallStatus"] == "completed"


def test_when_nobody_answers_the_best_outcome_is_told(gateway: Any, dialled: Any) -> None:
    nouns = f"<Number>{DESK}</Number><Number>{LAB}</Number>"
    dialled(dial(nouns), callees={DESK: Callee(outcome="failed"), LAB: Callee(outcome="busy", ring_seconds=1)})
    assert gateway.params("/after")["DialCallStatus"] == "busy"


def test_the_time_limit_ends_the_talk(gateway: Any, dialled: Any) -> None:
    dialled(dial(more='timeLimit="60"'), default_callee=human(talk_seconds=None))
    assert gateway.params("/after")["DialCallDuration"] == "60"


def test_star_ends_the_talk_where_the_dial_says_so(gateway: Any, dialled: Any) -> None:
    steps = [Presses("5*", when="now", after_seconds=10)]
    report = dialled(dial(more='hangupOnStar="true"'), steps=steps, default_callee=human(talk_seconds=None))
    assert gateway.params("/after")["DialCallStatus"] == "completed"
    assert report.dialled[0].talk_seconds < 10
    assert report.lost_digits == ()


def test_keys_and_words_in_a_talk_reach_the_other_side_and_while_it_rings_nobody(dialled: Any) -> None:
    steps = [
        Presses("1", when="now", after_seconds=2),
        Presses("*", when="now", after_seconds=5),
        Says("hi", when="now"),
    ]
    report = dialled(dial(), steps=steps, default_callee=human(ring_seconds=3))
    assert [key.lost_because for key in report.keys] == [LostBecause.DIALLING, None]
    assert report.speech[0].lost_because is None


def test_a_caller_who_hangs_up_while_it_rings_cancels_the_leg_and_the_action_is_told(
    gateway: Any, dialled: Any
) -> None:
    report = dialled(dial(), steps=[Waits(3), HangsUp()])
    assert report.end_reason == "caller-hung-up"
    assert report.dialled[0].status == "canceled"
    sent = gateway.params("/after")
    assert (sent["DialCallStatus"], sent["CallStatus"]) == ("canceled", "completed")
    assert report.webhooks[-1].abandoned
    assert "Goodbye." not in report.spoken


def test_a_caller_who_hangs_up_in_a_talk_completes_it(gateway: Any, dialled: Any) -> None:
    dialled(dial(), steps=[Waits(10), HangsUp()], default_callee=human(talk_seconds=None))
    assert gateway.params("/after")["DialCallStatus"] == "completed"
    assert gateway.params("/after")["DialBridged"] == "true"


def test_answer_on_bridge_first_keeps_the_call_unanswered_until_the_bridge(gateway: Any, dialled: Any) -> None:
    twiml = f'<Dial action="/after" answerOnBridge="true">{DESK}</Dial>'
    report = dialled(twiml, default_callee=human(ring_seconds=6, talk_seconds=1))
    assert report.answered_at_seconds == 6
    report = dialled(twiml, default_callee=Callee(outcome="busy", ring_seconds=2))
    assert gateway.params("/after")["CallStatus"] == "in-progress"
    assert report.answered_at_seconds == 2


WHISPER = f'<Number url="/whisper">{DESK}</Number>'
CONFIRM = {"/whisper": '<Gather numDigits="1" action="/go"><Say>Press one.</Say></Gather><Hangup/>', "/go": ""}


def test_a_human_who_confirms_the_whisper_is_bridged(gateway: Any, dialled: Any) -> None:
    report = dialled(dial(WHISPER, 'answerOnBridge="true"'), default_callee=human(talk_seconds=5), pages=CONFIRM)
    leg = report.dialled[0]
    assert leg.bridged
    assert [sound.text for sound in leg.whisper] == ["Press one."]
    sent = gateway.requests("/whisper")[0].params
    assert (sent["ParentCallSid"], sent["CallSid"]) == (report.call_sid, leg.call_sid)
    assert (sent["Direction"], sent["To"], sent["CallStatus"]) == ("outbound-dial", DESK, "in-progress")
    assert gateway.params("/go")["Digits"] == "1"
    # "caller keeps hearing ringing with answerOnBridge"
    assert report.heard[3].at_seconds == report.heard[2].ends_at_seconds
    assert "Press one." not in report.spoken


def test_without_answer_on_bridge_the_caller_hears_silence_during_the_whisper(dialled: Any) -> None:
    report = dialled(dial(WHISPER), default_callee=human(ring_seconds=3, talk_seconds=5), pages=CONFIRM)
    assert report.heard[2].seconds == 3.0
    assert report.heard[3].at_seconds > report.heard[2].ends_at_seconds


@pytest.mark.parametrize("callee", [voicemail(ring_seconds=3), Callee(hangs_up_on_whisper=True)])
def test_who_does_not_confirm_the_whisper_is_completed_but_not_bridged(
    gateway: Any, dialled: Any, callee: Callee
) -> None:
    report = dialled(dial(WHISPER), default_callee=callee, pages=CONFIRM)
    sent = gateway.params("/after")
    assert (sent["DialCallStatus"], sent["DialBridged"]) == ("completed", "false")
    assert not report.dialled[0].bridged
    assert "human" not in {sound.kind for sound in report.heard}


def test_a_dial_in_a_whisper_is_refused(dialled: Any) -> None:
    pages = {"/whisper": f"<Dial>{LAB}</Dial>"}
    report = dialled(dial(WHISPER), default_callee=human(), pages=pages)
    assert report.warnings[0].code == 13201
    assert len(report.dialled) == 1


def test_a_whisper_that_cannot_be_had_does_not_bridge(gateway: Any, dialled: Any) -> None:
    report = dialled(dial(WHISPER), default_callee=human())
    assert gateway.params("/after")["DialBridged"] == "false"
    assert report.dialled[0].whisper[0].kind == "error_prompt"


def test_status_callbacks_of_a_leg_are_those_asked_for_and_numbered(gateway: Any, dialled: Any) -> None:
    noun = f'<Number statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed">{DESK}</Number>'
    report = dialled(dial(noun), default_callee=human(talk_seconds=7), pages={"/leg": ""})
    events = [(r.params["CallStatus"], r.params["SequenceNumber"]) for r in gateway.requests("/leg")]
    assert events == [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")]
    last = gateway.params("/leg")
    assert (last["CallDuration"], last["ParentCallSid"]) == ("7", report.call_sid)
    dialled(dial(f'<Number statusCallback="/leg2">{DESK}</Number>'), pages={"/leg2": ""})
    assert [request.params["CallStatus"] for request in gateway.requests("/leg2")] == ["no-answer"]
