"""Whole calls with the embedded agent: what the caller hears, what the agent is told, and the invariants."""

from typing import Any

import pytest

from voicegw.call.profile import Destination, Forwarding, Silence
from voicegw.simulator import Callee, HangsUp, Hears, Presses, Says, ScriptedCaller, StaysSilent, Waits
from voicegw.simulator.callees import human

World = Any


def heard(call: Any) -> str:
    return " | ".join(call.report.spoken)


def test_a_visit_is_booked_by_speech_and_the_caller_hangs_up(world: World, booking: Any) -> None:
    call = world.call(ScriptedCaller(booking))
    assert call.violations() == [], call.explain()
    assert call.kinds()[0] == "launch"
    assert call.kinds()[-1] == "end"
    assert call.actions[0]["payload"] == {
        "callType": "inbound",
        "userNumber": "+14155550123",
        "agentNumber": "+15005550100",
    }


def test_a_pin_of_four_keys_goes_to_the_agent_as_one_entry(world: World) -> None:
    call = world.call(
        ScriptedCaller(
            [Hears("How can I help"), Says("my appointment"), Hears("PIN"), Presses("1234"), Hears("Doctor"), HangsUp()]
        )
    )
    assert call.violations() == [], call.explain()
    assert {"type": "dtmf", "payload": "1234"} in call.actions


def test_a_pin_that_interrupts_the_prompt_keeps_its_first_key(world: World) -> None:
    call = world.call(
        ScriptedCaller(
            [
                Hears("How can I help"),
                Says("my appointment"),
                Hears("PIN", until="begin"),
                Presses("1234", when="now", after_seconds=0.4),
                Hears("Doctor"),
                HangsUp(),
            ]
        )
    )
    assert call.violations() == [], call.explain()
    assert {"type": "dtmf", "payload": "1234"} in call.actions


def test_the_opening_hours_are_a_recording_that_the_gateway_serves(world: World) -> None:
    call = world.call(
        ScriptedCaller([Hears("How can I help"), Says("opening hours"), Hears("anything else"), HangsUp()])
    )
    assert call.violations() == [], call.explain()
    recording = [sound for sound in call.report.heard if sound.kind == "audio"]
    assert len(recording) == 1
    assert recording[0].seconds > 2
    assert any(exchange.purpose == "audio" and exchange.status == 200 for exchange in call.report.exchanges)


def test_a_forward_that_is_answered_ends_the_call_when_the_human_hangs_up(world: World) -> None:
    world.callees = {"+15005550199": human(talk_seconds=30)}
    call = world.call(ScriptedCaller([Hears("How can I help"), Says("front desk"), StaysSilent()]))
    assert call.violations() == [], call.explain()
    assert [(attempt.address, attempt.status) for attempt in call.report.dialled] == [("+15005550199", "completed")]
    assert call.kinds()[-1] == "end"


@pytest.mark.parametrize(
    ("callee", "words"),
    [
        (Callee(outcome="busy"), "busy"),
        (Callee(outcome="no-answer"), "answer"),
        (Callee(outcome="failed"), "could not|sorry"),
    ],
)
def test_a_forward_that_fails_is_explained_and_the_dialogue_goes_on(world: World, callee: Callee, words: str) -> None:
    world.callees = {"+15005550199": callee}
    call = world.call(
        ScriptedCaller(
            [
                Hears("How can I help"),
                Says("front desk"),
                Hears(words),
                Says("opening hours"),
                Hears("anything"),
                HangsUp(),
            ]
        )
    )
    assert call.violations() == [], call.explain()
    failed = [action for action in call.actions if action["type"] == "event"]
    assert [action["payload"]["event"]["name"] for action in failed] == ["call_forward_failed"]


def test_a_forward_to_a_sip_phone_dials_the_allowed_host(world: World) -> None:
    call = world.call(ScriptedCaller([Hears("How can I help"), Says("lab"), Waits(40), HangsUp()]))
    assert [violation for violation in call.violations() if not violation.startswith("script")] == [], call.explain()
    assert all(attempt.address.startswith("sip:") for attempt in call.report.dialled)


def test_nothing_is_dialled_where_nothing_is_allowed(world: World) -> None:
    world.profile = replace_profile(world, forwarding=Forwarding())
    call = world.call(
        ScriptedCaller(
            [Hears("How can I help"), Says("front desk"), Hears("sorry|not"), Says("goodbye"), StaysSilent()]
        )
    )
    assert call.violations() == [], call.explain()
    assert call.report.dialled == ()


def test_a_slow_tool_is_filled_and_its_answer_is_spoken(world: World) -> None:
    call = world.call(
        ScriptedCaller(
            [Hears("How can I help"), Says("insurance"), Hears("insurance|cover", within_seconds=60), HangsUp()]
        )
    )
    assert call.violations() == [], call.explain()


def test_the_caller_who_says_goodbye_hears_goodbye_whole(world: World) -> None:
    call = world.call(ScriptedCaller([Hears("How can I help"), Says("goodbye"), StaysSilent()]))
    assert call.violations() == [], call.explain()
    assert call.report.end_reason == "hangup"
    last = call.report.heard[-1]
    assert "Goodbye" in last.text
    assert not last.cut


def test_a_silent_caller_is_asked_and_at_last_told_goodbye(world: World) -> None:
    call = world.call(ScriptedCaller([StaysSilent()]))
    assert call.violations() == [], call.explain()
    assert call.report.end_reason == "hangup"


FAULTS = {
    "fail 500": "wrong",
    "fail 429": "",
    "fail session": "",
    "fail reset": "wrong|sorry",
    "fail cut off": "wrong|sorry",
    "fail garbage": "wrong|sorry",
    "fail slow": "",
    "fail silence": "sorry|wrong",
}


@pytest.mark.parametrize("words", FAULTS)
def test_an_agent_that_fails_is_apologised_for_and_the_call_goes_on(world: World, words: str) -> None:
    call = world.call(
        ScriptedCaller(
            [
                Hears("How can I help"),
                Says(words),
                Waits(45),
                Says("opening hours"),
                Hears("anything else", within_seconds=60),
                HangsUp(),
            ]
        )
    )
    # an input that the agent refused unread (429, an expired session) is sent once more: it never reached a turn
    resent = [violation for violation in call.violations() if f"the agent got {words!r} 2 times" in violation]
    assert len(resent) == (words in ("fail 429", "fail session"))
    assert call.violations() == resent, call.explain()
    assert call.kinds().count("launch") == 1


def test_an_agent_out_of_credit_says_so_and_ends_politely(world: World) -> None:
    call = world.call(ScriptedCaller([Hears("How can I help"), Says("out of credit"), StaysSilent()]))
    assert call.violations() == [], call.explain()
    assert call.report.end_reason == "hangup"


def test_an_agent_out_of_credit_leads_to_the_fallback_destination(world: World) -> None:
    world.profile = replace_profile(world, fallback=(Destination(to="+15005550188"),))
    world.callees = {"+15005550188": human(talk_seconds=10)}
    call = world.call(ScriptedCaller([Hears("How can I help"), Says("out of credit"), StaysSilent()]))
    assert call.violations() == [], call.explain()
    assert [attempt.address for attempt in call.report.dialled] == ["+15005550188"]


def test_the_escape_key_reaches_a_human_even_while_the_agent_hangs(world: World) -> None:
    world.profile = replace_profile(
        world, escape_key="0", forwarding=world.profile.forwarding.model_copy(update={"human": "front-desk"})
    )
    world.callees = {"+15005550199": human(talk_seconds=10)}
    call = world.call(
        ScriptedCaller(
            [Hears("How can I help"), Says("fail silence"), Waits(6), Presses("0", when="now"), StaysSilent()]
        )
    )
    assert call.violations() == [], call.explain()
    assert [attempt.address for attempt in call.report.dialled] == ["+15005550199"]


def test_fifty_calls_at_once_do_not_touch_each_other(world: World) -> None:
    def caller(index: int) -> ScriptedCaller:
        pin = f"{index:04d}"
        return ScriptedCaller(
            [Hears("How can I help"), Says("my appointment"), Hears("PIN"), Presses(pin), Waits(3), HangsUp()]
        )

    calls = world.play([caller(index) for index in range(50)], apart_seconds=0.1)
    for index, call in enumerate(calls):
        assert call.violations() == [], call.explain()
        assert {"type": "dtmf", "payload": f"{index:04d}"} in call.actions


def test_silence_of_ours_is_asked_about_at_the_numbers_own_instants(world: World) -> None:
    world.profile = replace_profile(world, silence=Silence(prompts_at_seconds=(5, 9), goodbye_at_seconds=15))
    world.agent = quiet_agent
    call = world.call(ScriptedCaller([StaysSilent()]))
    assert call.report.end_reason == "hangup"
    assert call.violations() == [], call.explain()


def replace_profile(world: World, **changes: object) -> Any:
    return world.profile.model_copy(update=changes)


def quiet_agent() -> Any:
    from voicegw.demo.loader import parse_dialogue
    from voicegw.demo.server import create_agent

    return create_agent(parse_dialogue(QUIET))


QUIET = """
start: here
states:
  here:
    ask: Hello. What can I do for you?
    on:
      - {otherwise: true, goto: here}
"""
