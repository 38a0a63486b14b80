"""A forward from the wish to its outcome: what is dialled, what the caller hears, what the agent is told."""

from dataclasses import replace

import pytest

from voicegw.call.conduct import hear
from voicegw.call.forward_conduct import begin_fallback, begin_forward, begin_human_forward, forward_ended
from voicegw.call.inputs import CallParties, ForwardEnded, ForwardOutcome, Said
from voicegw.call.instructions import Forward, Say
from voicegw.call.moves import AskAgent, Line, Move, Perform
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.plan import CallPlan, DialLeg, Finish, Leg, Listen
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.call.state import CallState, ForwardState, Phase, start_call

DESK = (Destination(to="+14155550100"), Destination(to="+14155550101"), Destination(to="+14155550102"))
FORWARDING = Forwarding(destinations={"desk": DESK, "one": DESK[:1]}, allow=("+1",), human="one")
PROFILE = NumberProfile(number="+15005550006", forwarding=FORWARDING, fallback=(Destination(to="+14155550199"),))
NO_FALLBACK = PROFILE.model_copy(update={"fallback": ()})
LAST_WORDS = (Say(text="I am connecting you."),)


def line(profile: NumberProfile = PROFILE, **forwarding: object) -> Line:
    changed = profile.forwarding.model_copy(update=forwarding)
    return Line(profile.model_copy(update={"forwarding": changed}), frozenset({"+15005550006"}))


def call(**fields: object) -> CallState:
    begun = start_call(
        "CA1", CallParties(caller_number="+14155550123", called_number="+15005550006"), user_id="u", started_at=0.0
    )
    return replace(begun, phase=Phase.THINKING, turn=1, launched=True, **fields)  # type: ignore[arg-type]


def performed(move: Move) -> CallPlan:
    assert isinstance(move, Perform), move
    return move.plan


def dialled(move: Move) -> Leg:
    then = performed(move).then
    assert isinstance(then, DialLeg), then
    return then.leg


def said(move: Move) -> list[str]:
    return [prompt.text for prompt in performed(move).prompts if isinstance(prompt, Say)]


def words(name: PhraseName) -> str:
    return phrase(name, "en-US")


def ended(outcome: ForwardOutcome, *, bridged: bool | None = None, seconds: int = 0) -> ForwardEnded:
    return ForwardEnded(outcome=outcome, bridged=bridged, seconds=seconds)


BUSY = ended(ForwardOutcome.BUSY)


class TestWishes:
    def test_what_the_agent_said_comes_before_the_forward(self) -> None:
        state, move = begin_forward(call(), line(), Forward(address="one"), LAST_WORDS)
        assert dialled(move).address == "+14155550100"
        assert performed(move).prompts == LAST_WORDS
        assert state.phase is Phase.FORWARDING
        assert (state.forward.attempts, state.forward.by_gateway) == (1, False)

    def test_destinations_are_tried_in_order_and_each_failure_is_explained(self) -> None:
        state, move = begin_forward(call(), line(), Forward(address="desk"), ())
        tried = [dialled(move).address]
        for outcome, why in [
            (ForwardOutcome.BUSY, PhraseName.FORWARD_BUSY),
            (ForwardOutcome.NO_ANSWER, PhraseName.FORWARD_NO_ANSWER),
        ]:
            state, move = hear(state, line(), ended(outcome))
            assert said(move) == [words(why)]
            tried.append(dialled(move).address)
        assert tried == ["+14155550100", "+14155550101", "+14155550102"]
        assert state.forward.attempts == 3

    def test_no_more_than_three_attempts_a_call(self) -> None:
        state, move = begin_forward(call(forward=ForwardState(attempts=2)), line(), Forward(address="desk"), ())
        assert dialled(move).address == "+14155550100"
        _, move = hear(state, line(), BUSY)
        assert isinstance(move, AskAgent)

    def test_a_refusal_is_told_to_the_agent_and_explained_with_its_answer(self) -> None:
        state, move = begin_forward(call(), line(), Forward(address="+9005550100"), LAST_WORDS)
        assert isinstance(move, AskAgent)
        assert isinstance(move.heard, ForwardEnded)
        assert move.heard.outcome is ForwardOutcome.REFUSED
        assert move.heard.destination == "+9005550100"
        assert [prompt.text for prompt in state.unsaid if isinstance(prompt, Say)] == [
            "I am connecting you.",
            words(PhraseName.FORWARD_REFUSED),
        ]
        assert state.forward.told_agent
        assert state.forward.attempts == 1

    def test_an_agent_that_insists_on_a_refused_forward_cannot_loop(self) -> None:
        state, moves = call(), []
        for _ in range(6):
            state, move = begin_forward(state, line(NO_FALLBACK), Forward(address="+9005550100"), ())
            moves.append(move)
            if isinstance(move, Perform):
                break
            state = replace(state, unsaid=())
        assert len(moves) <= 5
        assert said(moves[-1]) == [words(PhraseName.FORWARD_EXPLAIN)]
        assert isinstance(performed(moves[-1]).then, Listen)
        assert state.phase is Phase.LISTENING


class TestOutcomes:
    def ringing(self, **forward: object) -> CallState:
        state = ForwardState(dialled=Leg(kind="phone", address="+14155550100"), attempts=1)
        return replace(call(forward=replace(state, **forward)), phase=Phase.FORWARDING)  # type: ignore[arg-type]

    @pytest.mark.parametrize("bridged", [True, None])
    def test_after_the_other_side_hung_up_the_call_is_over(self, bridged: bool | None) -> None:
        state, move = forward_ended(self.ringing(), line(), ended(ForwardOutcome.COMPLETED, bridged=bridged))
        assert performed(move) == CallPlan(prompts=(), then=Finish(reason="forward-completed"))
        assert (state.phase, state.ended_reason) == (Phase.ENDED, "forward-completed")

    def test_completed_without_a_bridge_reached_nobody(self) -> None:
        state, move = forward_ended(self.ringing(), line(), ended(ForwardOutcome.COMPLETED, bridged=False))
        assert isinstance(move, AskAgent)
        assert isinstance(move.heard, ForwardEnded)
        assert move.heard.outcome is ForwardOutcome.FAILED
        assert state.unsaid == (Say(text=words(PhraseName.FORWARD_FAILED), language="en-US", by_gateway=True),)

    def test_whoever_was_asked_to_accept_and_did_not_has_declined(self) -> None:
        state = self.ringing()
        assert state.forward.dialled is not None
        asked = replace(state.forward, dialled=replace(state.forward.dialled, confirm=True))
        unaccepted = ended(ForwardOutcome.COMPLETED, bridged=False)
        state, move = forward_ended(replace(state, forward=asked), line(), unaccepted)
        assert isinstance(move, AskAgent)
        assert isinstance(move.heard, ForwardEnded)
        assert move.heard.outcome is ForwardOutcome.DECLINED
        assert state.unsaid == (Say(text=words(PhraseName.FORWARD_NO_ANSWER), language="en-US", by_gateway=True),)

    def test_the_agent_may_go_on_after_a_completed_forward(self) -> None:
        done = ended(ForwardOutcome.COMPLETED, bridged=True, seconds=42)
        state, move = forward_ended(self.ringing(), line(after_forward="agent"), done)
        assert move == AskAgent(done)
        assert state.forward.attempts == 1
        assert state.forward.dialled is None

    @pytest.mark.parametrize(
        ("outcome", "why"),
        [
            (ForwardOutcome.BUSY, PhraseName.FORWARD_BUSY),
            (ForwardOutcome.NO_ANSWER, PhraseName.FORWARD_NO_ANSWER),
            (ForwardOutcome.DECLINED, PhraseName.FORWARD_NO_ANSWER),
            (ForwardOutcome.FAILED, PhraseName.FORWARD_FAILED),
            (ForwardOutcome.CANCELED, PhraseName.FORWARD_FAILED),
            (ForwardOutcome.REFUSED, PhraseName.FORWARD_REFUSED),
        ],
    )
    def test_every_failure_is_explained_in_plain_words_and_told_to_the_agent(
        self, outcome: ForwardOutcome, why: PhraseName
    ) -> None:
        state, move = forward_ended(self.ringing(), line(), ended(outcome))
        assert isinstance(move, AskAgent)
        assert isinstance(move.heard, ForwardEnded)
        assert (move.heard.outcome, move.heard.destination) == (outcome, "+14155550100")
        assert [prompt.text for prompt in state.unsaid if isinstance(prompt, Say)] == [words(why)]
        assert state.forward.told_agent

    def test_where_the_operator_wants_the_agent_told_nothing_the_fallback_is_tried(self) -> None:
        state, move = forward_ended(self.ringing(), line(on_failure="nothing"), BUSY)
        assert said(move) == [words(PhraseName.FORWARD_BUSY), words(PhraseName.FORWARD_CONNECTING)]
        assert dialled(move).address == "+14155550199"
        assert state.forward.fell_back

    def test_and_at_last_a_spoken_explanation_then_listening(self) -> None:
        state, move = forward_ended(self.ringing(), line(NO_FALLBACK, on_failure="nothing"), BUSY)
        assert said(move) == [words(PhraseName.FORWARD_BUSY), words(PhraseName.FORWARD_EXPLAIN)]
        assert isinstance(performed(move).then, Listen)
        assert state.phase is Phase.LISTENING


class TestTheHuman:
    def test_a_failed_escape_tries_the_fallback_then_listens(self) -> None:
        state, move = begin_human_forward(call(), line())
        assert dialled(move).address == "+14155550100"
        state, move = hear(state, line(), BUSY)
        assert dialled(move).address == "+14155550199"
        state, move = hear(state, line(), BUSY)
        assert said(move) == [words(PhraseName.FORWARD_BUSY), words(PhraseName.FORWARD_EXPLAIN)]
        assert isinstance(performed(move).then, Listen)
        assert state.phase is Phase.LISTENING

    def test_a_completed_escape_ends_the_call(self) -> None:
        state, _ = begin_human_forward(call(), line())
        state, move = hear(state, line(), ended(ForwardOutcome.COMPLETED, bridged=True))
        assert performed(move).then == Finish(reason="forward-completed")

    def test_a_completed_escape_may_lead_back_to_the_agent(self) -> None:
        state, _ = begin_human_forward(call(), line(after_forward="agent"))
        done = ended(ForwardOutcome.COMPLETED, bridged=True)
        _, move = hear(state, line(after_forward="agent"), done)
        assert isinstance(move, AskAgent)

    def test_with_all_attempts_used_the_caller_still_hears_something(self) -> None:
        state = call(forward=ForwardState(attempts=3, fell_back=True))
        state, move = begin_human_forward(state, line())
        assert said(move) == [words(PhraseName.FORWARD_EXPLAIN)]
        assert isinstance(performed(move).then, Listen)

    def test_what_was_said_over_the_announcement_is_no_answer_to_the_explanation(self) -> None:
        state, _ = begin_human_forward(call(), line(NO_FALLBACK))
        state, _ = hear(state, line(NO_FALLBACK), Said(text="thank you"))
        state, move = hear(state, line(NO_FALLBACK), BUSY)
        assert isinstance(performed(move).then, Listen)
        assert state.queued == ()


class TestFallback:
    def test_a_dead_agent_leads_to_the_fallback_destination(self) -> None:
        state, move = begin_fallback(call(), line(), LAST_WORDS)
        assert dialled(move).address == "+14155550199"
        assert said(move) == ["I am connecting you.", words(PhraseName.FORWARD_CONNECTING)]
        assert (state.forward.by_gateway, state.forward.fell_back) == (True, True)

    def test_its_failure_is_a_goodbye(self) -> None:
        state, _ = begin_fallback(call(), line(), ())
        state, move = hear(state, line(), BUSY)
        assert said(move) == [words(PhraseName.FORWARD_BUSY), words(PhraseName.FAILURE_FINAL)]
        assert performed(move).then == Finish(reason="agent-failed")
        assert state.phase is Phase.ENDED

    def test_its_success_ends_the_call_even_where_the_agent_would_go_on(self) -> None:
        state, _ = begin_fallback(call(), line(after_forward="agent"), ())
        state, move = hear(state, line(after_forward="agent"), ended(ForwardOutcome.COMPLETED, bridged=True))
        assert performed(move).then == Finish(reason="forward-completed")

    def test_without_a_destination_it_is_a_goodbye_at_once(self) -> None:
        _state, move = begin_fallback(call(), line(NO_FALLBACK), LAST_WORDS)
        assert said(move) == ["I am connecting you.", words(PhraseName.FAILURE_FINAL)]
        assert performed(move).then == Finish(reason="agent-failed")

    def test_a_second_fallback_of_a_call_is_a_goodbye(self) -> None:
        _, move = begin_fallback(call(forward=ForwardState(fell_back=True)), line(), ())
        assert said(move) == [words(PhraseName.FAILURE_FINAL)]

    def test_it_is_used_up_even_where_the_agent_goes_on_after_it(self) -> None:
        there = line(after_forward="agent")
        state, _ = begin_fallback(call(), there, (), listening_after=True)
        state, move = hear(state, there, ended(ForwardOutcome.COMPLETED, bridged=True))
        assert isinstance(move, AskAgent)
        _, move = begin_fallback(state, there, (), listening_after=True)
        assert said(move) == [words(PhraseName.FORWARD_EXPLAIN)]
        assert isinstance(performed(move).then, Listen)

    def test_an_agent_that_can_go_on_is_told_of_its_own_forwards_after_a_fallback_too(self) -> None:
        state = call(forward=ForwardState(fell_back=True, attempts=1, by_gateway=True))
        state, move = begin_forward(state, line(), Forward(address="one"), ())
        assert dialled(move).address == "+14155550100"
        _, move = hear(state, line(), BUSY)
        assert isinstance(move, AskAgent)

    def test_listening_begins_with_the_silence_schedule_from_its_start(self) -> None:
        state, move = begin_fallback(call(), line(NO_FALLBACK), (), listening_after=True)
        then = performed(move).then
        assert isinstance(then, Listen)
        assert then.silence_seconds == 10.0
        assert not state.interrupted
