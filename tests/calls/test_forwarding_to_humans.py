"""Forwarding as the caller and the human experience it: confirmation, voicemail boxes, loops, caps, ways back."""

from typing import Any

from voicegw.call.profile import Destination, Forwarding
from voicegw.simulator import Callee, HangsUp, Hears, Says, ScriptedCaller, StaysSilent, Waits, human, voicemail

World = Any

DESK = "+15005550199"
SECOND = "+15005550188"


def with_desk(world: World, *destinations: Destination, **more: Any) -> None:
    forwarding = Forwarding(destinations={"front-desk": destinations or (Destination(to=DESK),)}, **more)
    world.profile = world.profile.model_copy(update={"forwarding": forwarding})


def asks_for_the_desk(*after: Any) -> ScriptedCaller:
    return ScriptedCaller([Hears("How can I help"), Says("front desk"), *after])


def test_a_human_who_presses_one_is_connected(world: World) -> None:
    with_desk(world, Destination(to=DESK, confirm=True))
    world.callees = {DESK: human(talk_seconds=20)}
    call = world.call(asks_for_the_desk(StaysSilent()))
    assert call.violations() == [], call.explain()
    assert [attempt.status for attempt in call.report.dialled] == ["completed"]
    assert call.report.dialled[0].talk_seconds > 0


def test_a_voicemail_box_is_not_a_human_and_the_next_destination_is_tried(world: World) -> None:
    with_desk(world, Destination(to=DESK, confirm=True), Destination(to=SECOND, confirm=True))
    world.callees = {DESK: voicemail(ring_seconds=5), SECOND: human(talk_seconds=20)}
    call = world.call(asks_for_the_desk(StaysSilent()))
    assert call.violations() == [], call.explain()
    assert [attempt.address for attempt in call.report.dialled] == [DESK, SECOND]
    assert call.report.dialled[0].talk_seconds == 0
    assert call.report.dialled[1].talk_seconds > 0


def test_when_only_voicemail_answers_the_dialogue_goes_on(world: World) -> None:
    with_desk(world, Destination(to=DESK, confirm=True))
    world.callees = {DESK: voicemail(ring_seconds=5)}
    call = world.call(asks_for_the_desk(Hears("sorry|not|could"), Says("opening hours"), Hears("anything"), HangsUp()))
    assert call.violations() == [], call.explain()
    assert "event" in call.kinds()


def test_destinations_are_tried_in_order_until_one_answers(world: World) -> None:
    with_desk(world, Destination(to=DESK), Destination(to=SECOND))
    world.callees = {DESK: Callee(outcome="busy"), SECOND: human(talk_seconds=15)}
    call = world.call(asks_for_the_desk(StaysSilent()))
    assert call.violations() == [], call.explain()
    assert [(attempt.address, attempt.status) for attempt in call.report.dialled] == [
        (DESK, "busy"),
        (SECOND, "completed"),
    ]


def test_no_more_than_the_allowed_attempts_are_made_in_a_call(world: World) -> None:
    with_desk(world)
    world.callees = {DESK: Callee(outcome="busy")}
    again = [Hears("anything else"), Says("front desk"), Hears("sorry|busy|not")] * 5
    call = world.call(asks_for_the_desk(Hears("busy"), *again, Waits(3), HangsUp()))
    assert len(call.report.dialled) == 3, call.explain()
    assert [violation for violation in call.violations() if "I1" in violation or "I3" in violation] == []


def test_the_hourly_cap_of_a_destination_holds_over_calls(world: World) -> None:
    with_desk(world, max_per_destination_per_hour=2)
    world.callees = {DESK: human(talk_seconds=5)}
    calls = world.play([asks_for_the_desk(Waits(60), HangsUp()) for _ in range(4)], apart_seconds=120)
    assert [len(call.report.dialled) for call in calls] == [1, 1, 0, 0]
    assert "event" in calls[3].kinds()


def test_a_caller_who_leaves_while_it_rings_ends_the_call_once(world: World) -> None:
    with_desk(world)
    world.callees = {DESK: Callee(outcome="no-answer")}
    call = world.call(asks_for_the_desk(Hears("connect"), Waits(6), HangsUp()))
    assert call.violations() == [], call.explain()
    assert call.kinds().count("end") == 1


def test_a_forward_that_comes_back_to_us_is_turned_away(world: World) -> None:
    with_desk(world)
    world.callees = {DESK: Callee(outcome="no-answer")}
    first, returned, other = world.play(
        [asks_for_the_desk(Waits(40), HangsUp()), ScriptedCaller([StaysSilent()]), ScriptedCaller([HangsUp("turn")])],
        apart_seconds=20.0,
        each=[
            {},
            {"from_": "+15005550100", "more_params": {"ForwardedFrom": DESK}},
            {"from_": "+14155550166", "more_params": {"ForwardedFrom": DESK}},
        ],
    )
    assert first.report.dialled[0].address == DESK
    assert returned.report.end_reason == "rejected"
    assert returned.kinds() == []
    assert other.kinds() == ["launch", "end"]


def test_after_a_forward_the_agent_goes_on_where_the_number_says_so(world: World) -> None:
    with_desk(world, after_forward="agent")
    world.callees = {DESK: human(talk_seconds=10)}
    call = world.call(asks_for_the_desk(Hears("anything else", within_seconds=90), Says("goodbye"), StaysSilent()))
    assert call.violations() == [], call.explain()
    names = [action["payload"]["event"]["name"] for action in call.actions if action["type"] == "event"]
    assert names == ["call_forward_completed"]
