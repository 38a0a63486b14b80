"""Callers that decide for themselves, that type, and that break; live events; many calls at once."""

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

from voicegw.simulator import (
    AsgiWeb,
    CallerView,
    Carrier,
    CarrierRules,
    HangsUp,
    Hears,
    InteractiveCaller,
    Phone,
    PolicyCaller,
    Presses,
    Says,
    ScriptedCaller,
    StaysSilent,
    Waits,
    run_virtual,
)
from voicegw.simulator.timeline import Answered, CallEnded, LiveEvent, SoundBegan

ORIGIN = "https://gateway.example"
ASK = (
    '<Gather input="dtmf speech" timeout="6" speechTimeout="1" numDigits="3" action="/said">'
    "<Say>How can I help you today?</Say></Gather><Say>Are you still there?</Say><Redirect>/voice</Redirect>"
)
BYE = "<Say>Goodbye.</Say>"


def test_a_policy_sees_what_is_heard_and_decides(gateway: Any, place: Any) -> None:
    seen: list[CallerView] = []

    def policy(view: CallerView) -> Any:
        seen.append(view)
        if view.begun and view.playing is None and view.now_seconds < 3:
            return Says("front desk", when="now")
        return Waits(0.5)

    gateway.pages = {"/voice": ASK, "/said": BYE}
    report = place(PolicyCaller(policy))
    assert gateway.params("/said")["SpeechResult"] == "front desk"
    assert report.end_reason == "document-ended"
    assert any(view.invitation is not None and view.invitation.takes_speech for view in seen)


def test_a_policy_out_of_acts_hangs_up(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ASK}
    report = place(PolicyCaller(lambda _: Waits(1), max_acts=5))
    assert (report.end_reason, report.ended_at_seconds) == ("caller-hung-up", 5)


@pytest.mark.parametrize("seed", range(20))
def test_random_callers_end_every_call_and_leave_a_consistent_report(gateway: Any, place: Any, seed: int) -> None:
    chance = random.Random(seed)

    def policy(_: CallerView) -> Any:
        when = chance.choice(["now", "turn", "prompt"])
        acts = [
            Waits(chance.random() * 5),
            Says(chance.choice(["yes", "my name is Ann", ""]), when=when, after_seconds=chance.random()),
            Presses(chance.choice(["1", "123#", "#", "*w5"]), when=when, after_seconds=chance.random() * 2),
        ]
        return HangsUp() if chance.random() < 0.05 else chance.choice(acts)

    gateway.pages = {"/voice": ASK, "/said": lambda _: gateway.page(ASK, after_seconds=chance.random() * 6)}
    report = place(PolicyCaller(policy, max_acts=40), rules=CarrierRules(max_call_seconds=900))
    assert report.end_reason in ("caller-hung-up", "time-limit")
    assert all(request.signed for request in gateway.received)
    sent = [request.params.get("Digits", "") for request in gateway.requests("/said")]
    assert [gather.digits for gather in report.listened if gather.digits] == [digits for digits in sent if digits]
    sounds = report.heard
    assert all(a.ends_at_seconds <= b.at_seconds + 1e-6 for a, b in pairwise(sounds))
    assert report.transcript().count("\n") >= len(sounds)


def test_a_person_who_types_is_heard_at_once_and_sees_what_happens(gateway: Any, place: Any) -> None:
    caller = InteractiveCaller()
    events: list[LiveEvent] = []

    def watch(event: LiveEvent) -> None:
        events.append(event)
        if isinstance(event, SoundBegan) and "help" in event.text:
            caller.press("12")
        if isinstance(event, SoundBegan) and "name" in event.text:
            caller.say("Ann")
        if isinstance(event, SoundBegan) and "Hello" in event.text:
            caller.hang_up()

    name = '<Gather input="speech" speechTimeout="1" action="/bye"><Say>Your name?</Say></Gather>'
    gateway.pages = {"/voice": ASK, "/said": name, "/bye": "<Say>Hello Ann.</Say>"}
    report = place(caller, on_event=watch)
    assert gateway.params("/said")["Digits"] == "12"
    assert gateway.params("/bye")["SpeechResult"] == "Ann"
    assert report.end_reason == "caller-hung-up"
    assert [type(event) for event in events if isinstance(event, SoundBegan | Answered | CallEnded)][:2] == [
        SoundBegan,
        Answered,
    ]
    assert isinstance(events[-1], CallEnded)
    assert set(report.records) <= set(events)


def test_a_person_may_hang_up_before_the_call_begins(gateway: Any, place: Any) -> None:
    caller = InteractiveCaller()
    caller.hang_up()
    gateway.pages = {"/voice": ASK}
    assert place(caller).ended_at_seconds == 0


def test_a_caller_that_breaks_ends_the_call_and_raises(gateway: Any, place: Any) -> None:
    class Broken:
        async def run(self, phone: Phone) -> None:
            await phone.wait(1)
            raise LookupError("broken")

    gateway.pages = {"/voice": ASK}
    with pytest.raises(LookupError):
        place(Broken())


def test_a_phone_has_no_other_keys(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ASK}
    with pytest.raises(ValueError, match="no key"):
        place([Presses("x")])


def test_hears_may_act_at_the_beginning_and_counts_what_was_missed(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": "<Say>Welcome to us.</Say>" + ASK, "/said": BYE}
    steps = [Waits(1), Hears("welcome"), Hears("HELP", until="begin"), Presses("9", when="now", after_seconds=0)]
    report = place([*steps, StaysSilent()])
    assert report.heard[2].seconds == 0
    assert gateway.params("/said")["Digits"] == "9"


def test_acts_after_the_end_reach_nobody() -> None:
    from voicegw.simulator.journal import Journal
    from voicegw.simulator.line import Line

    async def act() -> tuple[bool, bool, list[Any]]:
        line = Line(Journal(asyncio.get_running_loop().time))
        line.end()
        phone = Phone(line)
        return phone.press("1"), await phone.say("hello"), line.journal.records

    assert run_virtual(act()) == (False, False, [])


def test_calls_at_the_same_time_do_not_disturb_each_other(gateway: Any) -> None:
    gateway.pages = {"/voice": ASK, "/said": lambda request: f"<Say>You said {request.params['SpeechResult']}.</Say>"}

    async def call_all() -> list[Any]:
        async with AsgiWeb({ORIGIN: gateway}) as web:
            carrier = Carrier(web, auth_token="auth token", seed=1)
            words = ["one", "two words", "three words here"]
            calls = [carrier.place_call(f"{ORIGIN}/voice", ScriptedCaller([Says(text)])) for text in words]
            return await asyncio.gather(*calls)

    reports = run_virtual(call_all())
    assert [report.spoken[-1] for report in reports] == [
        "You said one.",
        "You said two words.",
        "You said three words here.",
    ]
    assert len({report.call_sid for report in reports}) == 3


def test_cancelling_a_call_leaves_no_task_behind(gateway: Any) -> None:
    gateway.pages = {"/voice": gateway.page(BYE, after_seconds=10)}

    async def cancel() -> int:
        async with AsgiWeb({ORIGIN: gateway}) as web:
            carrier = Carrier(web, auth_token="auth token")
            call = asyncio.create_task(carrier.place_call(f"{ORIGIN}/voice", ScriptedCaller([])))
            await asyncio.sleep(1)
            call.cancel()
            await asyncio.wait([call])
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()) - 1

    assert run_virtual(cancel()) == 0
