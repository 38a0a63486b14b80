"""Orders from outside as callers experience them: a carrier that is told at once, and one that cannot be told."""

from typing import Any

import pytest

from voicegw.call.inputs import EventRaised, ForwardOrdered, HangUpOrdered
from voicegw.simulator import HangsUp, Hears, Says, ScriptedCaller, StaysSilent, Waits, human

World = Any

FRONT_DESK = "+15005550199"
GOODBYE = "Thank you for calling. Goodbye."


def listens(*then: Any) -> ScriptedCaller:
    return ScriptedCaller([Hears("How can I help"), *then])


@pytest.mark.parametrize("rest", [True, False])
def test_a_caller_hears_a_goodbye_when_an_operator_ends_the_call(world: World, rest: bool) -> None:
    world.orders, world.rest = [(15.0, HangUpOrdered())], rest
    call = world.call(listens(StaysSilent()))
    assert call.violations() == [], call.explain()
    assert call.report.end_reason == "hangup"
    assert call.report.spoken[-1] == GOODBYE
    assert call.kinds().count("end") == 1
    assert world.taken[0].waits_for == ("nothing" if rest else "webhook")
    assert (call.report.ended_at_seconds < 18) is rest


def test_a_call_that_is_ended_without_a_word_is_over_at_once(world: World) -> None:
    world.orders = [(12.0, HangUpOrdered(goodbye=False))]
    call = world.call(listens(StaysSilent()))
    assert call.violations() == [], call.explain()
    assert (call.report.end_reason, call.report.ended_at_seconds) == ("ended-by-rest", 12.0)
    assert call.kinds()[-1] == "end"


@pytest.mark.parametrize("rest", [True, False])
def test_the_agent_hears_of_an_event_and_the_call_goes_on(world: World, rest: bool) -> None:
    world.orders, world.rest = [(12.0, EventRaised(name="payment_received", fields={"amount": 42}))], rest
    call = world.call(listens(Waits(4), Says("opening hours", when="now"), Hears("open|hours"), HangsUp()))
    assert call.violations() == [], call.explain()
    events = [action["payload"]["event"] for action in call.actions if action["type"] == "event"]
    assert events == [{"name": "payment_received", "amount": 42}]
    assert "opening hours" in call.texts()


def test_a_caller_is_forwarded_and_comes_to_a_human(world: World) -> None:
    world.orders = [(12.0, ForwardOrdered(address="front-desk"))]
    world.callees = {FRONT_DESK: human(talk_seconds=20)}
    call = world.call(listens(StaysSilent()))
    assert call.violations() == [], call.explain()
    assert [(attempt.address, attempt.status) for attempt in call.report.dialled] == [(FRONT_DESK, "completed")]


def test_a_forward_that_nobody_answers_comes_back_to_the_agent(world: World) -> None:
    world.orders = [(12.0, ForwardOrdered(address="front-desk"))]
    call = world.call(listens(Hears("nobody is answering"), Waits(3), Says("opening hours"), HangsUp(after_seconds=9)))
    assert call.violations() == [], call.explain()
    events = [action["payload"]["event"]["name"] for action in call.actions if action["type"] == "event"]
    assert events == ["call_forward_failed"]


def test_a_call_with_a_human_takes_no_orders(world: World) -> None:
    world.orders = [
        (12.0, ForwardOrdered(address="front-desk")),
        (30.0, HangUpOrdered()),
        (30.0, EventRaised(name="x")),
    ]
    world.callees = {FRONT_DESK: human(talk_seconds=60)}
    call = world.call(listens(StaysSilent()))
    assert call.violations() == [], call.explain()
    assert [taken.reason for taken in world.taken[1:]] == ["call-forwarded", "call-forwarded"]
    assert call.report.dialled[0].talk_seconds == 60


@pytest.mark.parametrize("at", [0.5, 2.0, 3.7, 5.1, 8.0, 9.3])
@pytest.mark.parametrize("order", [HangUpOrdered(), EventRaised(name="x"), ForwardOrdered(address="front-desk")])
def test_an_order_may_come_at_any_moment(world: World, order: Any, at: float) -> None:
    world.orders = [(at, order)]
    world.callees = {FRONT_DESK: human(talk_seconds=10)}
    call = world.call(ScriptedCaller([Waits(6), Says("opening hours", when="now"), Waits(20), HangsUp()]))
    assert call.violations() == [], call.explain()
    assert len(world.taken) == 1


def test_many_orders_at_once_break_nothing(world: World) -> None:
    world.orders = [(12.0, EventRaised(name=f"e{number}")) for number in range(5)]
    call = world.call(listens(Waits(40), HangsUp()))
    assert call.violations() == [], call.explain()
    assert sorted(a["payload"]["event"]["name"] for a in call.actions if a["type"] == "event") == [
        f"e{number}" for number in range(5)
    ]


def test_an_order_for_one_call_is_no_other_calls_business(world: World) -> None:
    world.orders = [(12.0, HangUpOrdered(goodbye=False))]
    late = ScriptedCaller([Hears("How can I help"), Says("opening hours"), Hears("open|hours"), HangsUp()])
    calls = world.play([listens(StaysSilent()), late], apart_seconds=12.5)
    assert [call.violations() for call in calls] == [[], []]
    assert calls[0].report.end_reason == "ended-by-rest"
    assert calls[1].report.end_reason != "ended-by-rest"
    assert calls[1].texts() == ["opening hours"]
