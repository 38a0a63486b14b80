"""What the REST API does to a live call: new instructions at once, in place of what is running."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from voicegw.simulator import (
    AsgiWeb,
    Carrier,
    HangsUp,
    Presses,
    ScriptedCaller,
    StaysSilent,
    UpdateRefusedError,
    Waits,
    human,
    run_virtual,
)
from voicegw.simulator.report import CallReport

ORIGIN = "https://gateway.example"
DESK = "+15005550199"
ASK = '<Gather input="dtmf" timeout="30" action="/pressed" actionOnEmptyResult="true"><Say>Your number?</Say></Gather>'

Update = Callable[[Carrier, str], None]


def play(gateway: Any, at: float, update: Update, *steps: Any) -> CallReport:
    """A call, with `update` made to it at an instant."""

    async def scene() -> CallReport:
        async with AsgiWeb({ORIGIN: gateway}) as web:
            carrier = Carrier(web, auth_token="auth token", seed=1)
            caller = ScriptedCaller(steps or [StaysSilent()])
            callees = {DESK: human(talk_seconds=60)}
            placed = asyncio.create_task(carrier.place_call(f"{ORIGIN}/voice", caller, callees=callees))
            await asyncio.sleep(at)
            (call_sid,) = carrier.live_calls
            update(carrier, call_sid)
            return await placed

    return run_virtual(scene())


def redirect(carrier: Carrier, call_sid: str) -> None:
    carrier.redirect_call(call_sid, f"{ORIGIN}/ordered?number=1")


def complete(carrier: Carrier, call_sid: str) -> None:
    carrier.complete_call(call_sid)


def test_a_redirect_cuts_a_prompt_off_and_brings_no_input_along(gateway: Any) -> None:
    long = "<Say>This is a rather long sentence, to be cut off.</Say>"
    gateway.pages = {"/voice": long, "/ordered": "<Say>Bye.</Say>"}
    report = play(gateway, 1.0, redirect)
    assert [(sound.text, sound.cut) for sound in report.heard if sound.kind == "speech"] == [
        ("This is a rather long sentence, to be cut off.", True),
        ("Bye.", False),
    ]
    (asked,) = gateway.requests("/ordered")
    assert (asked.query, asked.signed) == ("number=1", True)
    assert not {"Digits", "SpeechResult", "msg"} & set(asked.params)
    assert asked.params["CallStatus"] == "in-progress"


def test_a_redirect_in_the_midst_of_a_gather_loses_what_was_keyed_in(gateway: Any) -> None:
    gateway.pages = {"/voice": ASK, "/ordered": "<Say>Bye.</Say>"}
    play(gateway, 4.0, redirect, Presses("12", when="now", after_seconds=2.0), StaysSilent())
    assert gateway.requests("/pressed") == []
    assert len(gateway.requests("/ordered")) == 1


def test_a_redirect_ends_a_conversation_with_a_human(gateway: Any) -> None:
    gateway.pages = {"/voice": f'<Dial action="/dialled">{DESK}</Dial>', "/ordered": "<Say>Back again.</Say>"}
    report = play(gateway, 20.0, redirect)
    assert gateway.requests("/dialled") == []
    assert report.spoken[-1] == "Back again."


def test_a_redirect_does_not_wait_for_an_answer_that_is_on_its_way(gateway: Any) -> None:
    slow = gateway.page("<Say>Too late.</Say>", after_seconds=8.0)
    first = "<Say>Hello.</Say><Redirect>/slow</Redirect>"
    gateway.pages = {"/voice": first, "/slow": slow, "/ordered": "<Say>Bye.</Say>"}
    report = play(gateway, 3.0, redirect)
    assert report.spoken == ("Hello.", "Bye.")


def test_a_completed_call_is_over_at_once_and_reported(gateway: Any) -> None:
    gateway.pages = {"/voice": ASK}
    report = play(gateway, 2.0, complete)
    assert (report.end_reason, report.ended_at_seconds, report.call_status) == ("ended-by-rest", 2.0, "completed")
    assert not report.ended_by_gateway


def test_a_call_that_still_rings_cannot_be_redirected(gateway: Any) -> None:
    gateway.pages = {"/voice": gateway.page("<Say>Hello.</Say>", after_seconds=5.0)}

    def refused(carrier: Carrier, call_sid: str) -> None:
        with pytest.raises(UpdateRefusedError, match="21220"):
            redirect(carrier, call_sid)

    assert play(gateway, 1.0, refused).spoken == ("Hello.",)


def test_a_call_that_still_rings_can_be_ended(gateway: Any) -> None:
    gateway.pages = {"/voice": gateway.page("<Say>Hello.</Say>", after_seconds=5.0)}
    assert play(gateway, 1.0, complete).end_reason == "ended-by-rest"


def test_a_call_that_is_over_or_was_never_there_is_refused(gateway: Any) -> None:
    gateway.pages = {"/voice": "<Say>Hello.</Say>"}
    carriers: list[Carrier] = []
    report = play(gateway, 0.1, lambda carrier, _: carriers.append(carrier), Waits(1.0), HangsUp())
    for update in (redirect, complete):
        with pytest.raises(UpdateRefusedError, match="20404"):
            update(carriers[0], report.call_sid)


def test_two_redirects_are_carried_out_one_after_another(gateway: Any) -> None:
    gateway.pages = {"/voice": ASK, "/ordered": "<Say>Bye.</Say>"}

    def twice(carrier: Carrier, call_sid: str) -> None:
        redirect(carrier, call_sid)
        redirect(carrier, call_sid)

    play(gateway, 2.0, twice)
    assert 1 <= len(gateway.requests("/ordered")) <= 2


def test_the_caller_may_hang_up_all_the_same(gateway: Any) -> None:
    gateway.pages = {"/voice": ASK, "/ordered": ASK}
    report = play(gateway, 2.0, redirect, Waits(6.0), HangsUp())
    assert (report.end_reason, report.ended_at_seconds) == ("caller-hung-up", 6.0)
