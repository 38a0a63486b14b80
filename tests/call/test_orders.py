"""Orders from outside: what is taken on in which phase, and what the call does about it."""

from dataclasses import replace

import pytest

from voicegw.call.inputs import (
    CallerInput,
    CallParties,
    EventRaised,
    ForwardEnded,
    ForwardOrdered,
    ForwardOutcome,
    HangUpOrdered,
    HungUp,
    Order,
    Pressed,
    Said,
    StayedSilent,
)
from voicegw.call.instructions import Say
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Perform, listen
from voicegw.call.orders import end_reason, hear_with_orders, object_to, place, take_over_orders
from voicegw.call.plan import DialLeg, Finish, HandOver, Leg, Listen
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.call.state import CallState, ForwardState, Phase, dump_state, finish_call, load_state, start_call

PROFILE = NumberProfile(
    number="+15005550006",
    escape_key="0",
    forwarding=Forwarding(destinations={"desk": (Destination(to="+14155550100"),)}, human="desk", max_attempts=1),
)
LINE = Line(PROFILE, frozenset({"+15005550006"}))
LEG = Leg(kind="phone", address="+14155550100")
PAID, SHIPPED = EventRaised(name="paid"), EventRaised(name="shipped")
FORWARD, HANG_UP = ForwardOrdered(address="desk"), HangUpOrdered()
BUSY = ForwardEnded(outcome=ForwardOutcome.BUSY)


def call(phase: Phase, *orders: Order, **fields: object) -> CallState:
    parties = CallParties(caller_number="+14155550123", called_number="+15005550006")
    begun = start_call("CA1", parties, user_id="u", started_at=0.0)
    fields.setdefault("running", phase is Phase.THINKING)
    state = replace(begun, phase=phase, turn=1, launched=True, **fields)  # type: ignore[arg-type]
    for order in orders:
        state = place(state, order)
    return state


def forwarding(*orders: Order) -> CallState:
    return call(Phase.FORWARDING, *orders, forward=ForwardState(dialled=LEG, attempts=1))


@pytest.mark.parametrize("order", [PAID, FORWARD, HANG_UP])
@pytest.mark.parametrize("phase", [Phase.LISTENING, Phase.THINKING])
def test_a_conversation_takes_every_order(order: Order, phase: Phase) -> None:
    assert object_to(call(phase), LINE, order) is None


@pytest.mark.parametrize("order", [PAID, FORWARD, HANG_UP])
@pytest.mark.parametrize(("phase", "code"), [(Phase.FORWARDING, "call-forwarded"), (Phase.ENDED, "call-over")])
def test_a_call_without_a_conversation_takes_none(order: Order, phase: Phase, code: str) -> None:
    objection = object_to(call(phase), LINE, order)
    assert objection is not None
    assert objection[0] == code


def test_a_forward_is_judged_by_the_policy_with_the_attempts_so_far() -> None:
    spent = call(Phase.LISTENING, forward=ForwardState(attempts=1))
    objection = object_to(spent, LINE, FORWARD)
    assert objection is not None
    assert objection == (
        "forward-refused",
        "The forwarding policy of the number refuses this address: too-many-attempts.",
    )


def test_events_that_wait_for_a_turn_count_too() -> None:
    busy = call(Phase.THINKING, *[PAID] * 10, queued=(SHIPPED,) * 10)
    assert (object_to(busy, LINE, PAID) or ("",))[0] == "too-many-orders"


def test_a_hang_up_that_is_ordered_again_and_again_waits_once() -> None:
    once = call(Phase.LISTENING, PAID, HANG_UP)
    assert place(place(once, HANG_UP), HangUpOrdered(goodbye=False)) == once
    assert object_to(once, LINE, HANG_UP) is None


def test_orders_survive_being_written_down() -> None:
    state = call(Phase.LISTENING, PAID, FORWARD, HANG_UP)
    assert load_state(dump_state(state)) == state
    assert state.orders_placed == 3


@pytest.mark.parametrize("heard", [None, StayedSilent(), Said(text="book"), Pressed(keys="1", ended_by="#"), BUSY])
@pytest.mark.parametrize("phase", [Phase.LISTENING, Phase.THINKING, Phase.FORWARDING])
def test_a_hang_up_comes_before_everything(phase: Phase, heard: CallerInput | None) -> None:
    state, move = hear_with_orders(call(phase, PAID, FORWARD, HANG_UP), LINE, heard)
    assert state.phase is Phase.ENDED
    assert isinstance(move, Perform)
    assert move.plan.then == Finish(reason="operator-ended")
    assert state.orders == ()


def test_a_call_that_is_over_obeys_nobody() -> None:
    over = replace(finish_call(call(Phase.LISTENING), "hangup"), orders=(HANG_UP, PAID, FORWARD))
    state, move = hear_with_orders(over, LINE, None)
    assert state.ended_reason == "hangup"
    assert isinstance(move, Perform)
    assert move.plan.then == Finish(reason="hangup")


@pytest.mark.parametrize("order", [PAID, FORWARD, HANG_UP])
def test_a_caller_who_is_gone_needs_no_order(order: Order) -> None:
    state, _ = hear_with_orders(call(Phase.LISTENING, order), LINE, HungUp())
    assert (state.phase, state.ended_reason) == (Phase.ENDED, "hangup")


def test_a_forward_drops_what_the_caller_did_and_keeps_events() -> None:
    queued = (Said(text="book"), SHIPPED)
    state, move = hear_with_orders(call(Phase.THINKING, FORWARD, PAID, queued=queued, keys_kept="1"), LINE, None)
    assert isinstance(move, Perform)
    assert isinstance(move.plan.then, DialLeg)
    assert (state.queued, state.orders, state.keys_kept, state.gave_up) == ((), (PAID, SHIPPED), "", True)


def test_a_forward_that_has_become_impossible_is_told_to_the_agent_without_a_promise() -> None:
    state, move = hear_with_orders(
        call(Phase.LISTENING, FORWARD, forward=ForwardState(attempts=1)), LINE, StayedSilent()
    )
    assert isinstance(move, AskAgent)
    assert isinstance(move.heard, ForwardEnded)
    assert move.heard.outcome is ForwardOutcome.REFUSED
    assert len(state.unsaid) == 1


def test_only_one_forward_is_begun_at_a_time() -> None:
    state, _ = hear_with_orders(call(Phase.LISTENING, FORWARD, ForwardOrdered(address="other")), LINE, None)
    assert state.orders == (ForwardOrdered(address="other"),)


def test_how_a_forward_ended_comes_before_what_was_ordered_meanwhile() -> None:
    state, move = hear_with_orders(forwarding(PAID, FORWARD), LINE, BUSY)
    assert isinstance(move, AskAgent)
    assert isinstance(move.heard, ForwardEnded)
    assert state.orders == (PAID, FORWARD)


def test_an_event_during_a_document_of_the_agents_waits() -> None:
    listening = listen(call(Phase.LISTENING), PROFILE)
    after = HandOver(document="<Response/>", listen=listening)
    more = (Say(text="More."),)
    state, move = hear_with_orders(call(Phase.LISTENING, PAID, after=after, unsaid=more), LINE, StayedSilent())
    assert isinstance(move, Perform)
    assert move.plan.prompts == more
    assert state.orders == (PAID,)


def test_an_event_waits_while_an_entry_is_keyed_in() -> None:
    state, move = hear_with_orders(call(Phase.LISTENING, PAID), LINE, Pressed(keys="12"))
    if isinstance(move, AskAgent):
        assert state.queued == (PAID,)
    else:
        assert state.orders == (PAID,)


def test_the_escape_key_takes_the_caller_to_a_human_and_events_wait() -> None:
    state, move = hear_with_orders(call(Phase.LISTENING, PAID), LINE, Pressed(keys="0", ended_by=""))
    assert isinstance(move, Perform)
    assert isinstance(move.plan.then, DialLeg)
    assert state.orders == (PAID,)


def test_keys_that_mean_nothing_lose_no_event() -> None:
    profile = PROFILE.model_copy(update={"keypad": PROFILE.keypad.model_copy(update={"enabled": False})})
    late = call(Phase.LISTENING, PAID, SHIPPED, running=True, gave_up=True)
    state, move = hear_with_orders(late, Line(profile), Pressed(keys="5"))
    assert isinstance(move, Perform)
    assert isinstance(move.plan.then, Listen)
    assert state.orders == (PAID, SHIPPED)


def test_several_events_are_raised_one_after_another() -> None:
    state, move = hear_with_orders(call(Phase.LISTENING, PAID, SHIPPED), LINE, None)
    assert move == AskAgent(PAID)
    assert (state.queued, state.orders) == ((SHIPPED,), ())


def test_an_interruption_that_finds_nothing_to_do_goes_on_listening() -> None:
    state, move = hear_with_orders(call(Phase.LISTENING), LINE, None)
    assert isinstance(move, Perform)
    assert isinstance(move.plan.then, Listen)
    assert (move.plan.prompts, state.silences.prompts) == ((), 0)


def test_an_interruption_that_finds_nothing_to_do_still_lets_a_late_answer_in() -> None:
    late = call(Phase.LISTENING, running=True, gave_up=True)
    state, move = hear_with_orders(late, LINE, None)
    assert isinstance(move, AwaitAgent)
    assert move.otherwise is not None
    assert isinstance(move.otherwise[1].plan.then, Listen)
    assert state == late


def test_an_interruption_that_finds_a_turn_waits_for_it() -> None:
    assert hear_with_orders(call(Phase.THINKING), LINE, None)[1] == AwaitAgent()


def test_an_interrupted_forward_is_dialled_again() -> None:
    _, move = hear_with_orders(forwarding(PAID), LINE, None)
    assert isinstance(move, Perform)
    assert isinstance(move.plan.then, DialLeg)


def test_orders_placed_meanwhile_are_taken_over() -> None:
    before = call(Phase.LISTENING, PAID)
    taken = replace(before, orders=())
    stored = place(place(before, SHIPPED), HANG_UP)
    after = take_over_orders(taken, stored)
    assert (after.orders, after.orders_placed) == ((SHIPPED, HANG_UP), 3)
    assert take_over_orders(finish_call(taken, "hangup"), stored).orders == ()


def test_why_a_call_ended_is_what_was_ordered() -> None:
    assert end_reason(call(Phase.LISTENING, PAID), "hangup") == "hangup"
    assert end_reason(call(Phase.LISTENING, PAID, HANG_UP), "hangup") == "operator-ended"
