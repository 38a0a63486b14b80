"""What the agent says → what the call does: folding instructions in, and settling a turn."""

from dataclasses import replace

import pytest

from voicegw.call.answer import MAX_HOPS, begin_turn, fail_turn, fold, settle
from voicegw.call.inputs import (
    CallerInput,
    CallParties,
    EventRaised,
    ForwardEnded,
    ForwardOutcome,
    Pressed,
    RequestReturned,
    Said,
    StayedSilent,
)
from voicegw.call.instructions import (
    AgentDown,
    AwaitPath,
    BargeIn,
    Button,
    Collect,
    ControlRealtime,
    Forward,
    HangUp,
    HoldSound,
    Instruction,
    LegacyKeypad,
    Note,
    OfferButtons,
    Overdue,
    PlayAudio,
    PlayRecording,
    Prompt,
    ReturnRequest,
    Say,
    SessionOpened,
    SetBargeIn,
    SetRecognition,
    SetSensitive,
    SilenceTimeout,
    SpliceTwiml,
    StartRealtime,
)
from voicegw.call.moves import AskAgent, Line, Move, Perform, go_on, listen
from voicegw.call.patience import TURN_BUDGET_SECONDS
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.plan import CallPlan, DialLeg, Finish, GoOn, HandOver, Listen
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.call.state import AgentSettings, Asked, CallState, ForwardState, Phase, Silences, start_call

PROFILE = NumberProfile(
    number="+15005550006", forwarding=Forwarding(destinations={"desk": (Destination(to="+14155550100"),)}, allow=())
)
WITH_FALLBACK = PROFILE.model_copy(update={"fallback": (Destination(to="+14155550199"),)})
LINE = Line(PROFILE, frozenset({"+15005550006"}))
HELLO = Say(text="Hello.")
REQUEST = {"type": "path-abc"}


def call(phase: Phase = Phase.THINKING, **fields: object) -> CallState:
    begun = start_call(
        "CA1", CallParties(caller_number="+14155550123", called_number="+15005550006"), user_id="u", started_at=0.0
    )
    fields = {"running": True, "launched": True, **fields}
    return replace(begun, phase=phase, turn=1, **fields)  # type: ignore[arg-type]


def folded(*instructions: Instruction, state: CallState | None = None) -> CallState:
    return fold(state or call(), instructions)[0]


def over(*instructions: Instruction, state: CallState | None = None, line: Line = LINE) -> tuple[CallState, Move]:
    """A whole turn that brings `instructions` and ends cleanly."""
    state, prompts = fold(state or call(), instructions)
    return settle(state, line, prompts, over=True)


def performed(move: Move) -> CallPlan:
    assert isinstance(move, Perform), move
    return move.plan


def said(prompts: tuple[Prompt, ...]) -> list[str]:
    return [prompt.text for prompt in prompts if isinstance(prompt, Say)]


def words(name: PhraseName) -> str:
    return phrase(name, "en-US")


class TestBeginning:
    def test_a_turn_has_a_number_of_its_own_and_begins_at_step_zero(self) -> None:
        state = begin_turn(call(step=4, taken=7))
        assert (state.turn, state.step, state.taken, state.running, state.phase) == (2, 0, 0, True, Phase.THINKING)

    def test_what_the_last_turn_left_open_has_been_used(self) -> None:
        asked = Asked(buttons=(Button(name="Book"),), legacy_keypad=True, path=dict(REQUEST))
        before = call(
            asked=asked, ending=HangUp(), interrupted=True, overdue=True, gave_up=True, after=Finish(reason="")
        )
        state = begin_turn(folded(HoldSound(tool_id="t", playing=True, sound="s"), state=before))
        assert (state.asked, state.ending, state.after, state.agent.tools) == (Asked(), None, None, ())
        assert not (state.interrupted or state.overdue or state.gave_up)

    def test_what_holds_until_it_is_set_anew_stays(self) -> None:
        agent = AgentSettings(keypad=Collect(max_digits=4), silence_seconds=8.0, language="de-DE")
        state = begin_turn(call(agent=agent, keys_kept="1", failures=2, hops=1, unsaid=(HELLO,)))
        assert state.agent == agent
        assert (state.keys_kept, state.failures, state.hops, state.unsaid) == ("1", 2, 1, (HELLO,))

    @pytest.mark.parametrize("entry", [Said(text="4711"), Pressed(keys="4711")])
    def test_the_next_entry_is_sensitive_until_it_has_been_given(self, entry: CallerInput) -> None:
        state = folded(SetSensitive())
        assert state.agent.sensitive
        state = begin_turn(state, StayedSilent())
        assert state.agent.sensitive
        assert not begin_turn(state, entry).agent.sensitive

    def test_the_agent_may_take_back_that_the_next_entry_is_sensitive(self) -> None:
        assert not folded(SetSensitive(), SetSensitive(sensitive=False)).agent.sensitive


class TestFolding:
    def test_prompts_come_in_their_order(self) -> None:
        prompts = (HELLO, PlayAudio(source="https://a.example/b.wav"), PlayRecording(content=("a",), encoding="mulaw"))
        state, added = fold(call(), prompts)
        assert added == prompts
        assert state.taken == 3

    def test_every_instruction_counts_as_taken_whatever_it_is(self) -> None:
        instructions = (Note(about="block"), ControlRealtime(action="END"), Overdue(), HELLO)
        assert folded(*instructions).taken == 4

    def test_the_last_dtmf_trace_rules_until_the_next(self) -> None:
        first, second = Collect(max_digits=4), Collect(enabled=False)
        assert folded(first).agent.keypad == first
        assert folded(first, second).agent.keypad == second
        assert begin_turn(folded(first)).agent.keypad == first

    def test_keys_that_came_before_the_keypad_was_switched_off_are_ignored_too(self) -> None:
        assert folded(Collect(enabled=False), state=call(keys_kept="12")).keys_kept == ""
        assert folded(Collect(), state=call(keys_kept="12")).keys_kept == "12"

    def test_the_no_reply_time_holds_until_the_next(self) -> None:
        assert begin_turn(folded(SilenceTimeout(seconds=7.5))).agent.silence_seconds == 7.5

    def test_buttons_of_one_turn_add_up(self) -> None:
        one, two = Button(name="Book", request=REQUEST), Button(name="Cancel")
        state = folded(OfferButtons(buttons=(one,)), OfferButtons(buttons=(two,)))
        assert state.asked.buttons == (one, two)

    def test_the_legacy_keypad_takes_the_place_of_a_path(self) -> None:
        state = folded(AwaitPath(name="DTMF", request=REQUEST), LegacyKeypad())
        assert (state.asked.legacy_keypad, state.asked.path) == (True, None)

    def test_a_custom_action_that_stopped_the_turn_waits_for_its_path(self) -> None:
        assert folded(HELLO, AwaitPath(name="pay", request=REQUEST)).asked.path == REQUEST

    def test_an_action_that_the_agent_went_on_from_waits_for_nothing(self) -> None:
        assert folded(AwaitPath(name="pay", request=REQUEST), HELLO).asked.path is None

    def test_what_may_interrupt_holds_for_the_rest_of_the_call(self) -> None:
        state, prompts = fold(call(), (HELLO, SetBargeIn(barge_in=BargeIn.NONE), HELLO))
        assert [prompt.barge_in for prompt in prompts] == [BargeIn.ANY, BargeIn.NONE]
        _, later = fold(begin_turn(state), (HELLO,))
        assert later[0].barge_in is BargeIn.NONE

    def test_recognition_changes_only_what_is_named(self) -> None:
        state = folded(
            SetRecognition(language="de-DE", endpointing="dictation", hints=("Karies",)),
            SetRecognition(language="fr-FR"),
        )
        assert (state.agent.language, state.agent.endpointing, state.agent.hints) == ("fr-FR", "dictation", ("Karies",))

    def test_a_session_is_remembered(self) -> None:
        state = folded(SessionOpened(session_key="key", user_id="someone"))
        assert (state.session_key, state.user_id) == ("key", "someone")

    def test_tools_are_counted_by_their_id(self) -> None:
        begins = (
            HoldSound(tool_id="a", playing=True, sound="typing"),
            HoldSound(tool_id="b", playing=True, sound="music"),
        )
        assert folded(*begins).agent.tools == (("a", "typing"), ("b", "music"))
        assert folded(*begins, HoldSound(tool_id="b", playing=False)).agent.tools == (("a", "typing"),)
        assert folded(*begins, HoldSound(tool_id="unheard of", playing=False)).agent.tools == (
            ("a", "typing"),
            ("b", "music"),
        )

    def test_a_turn_is_overdue_until_something_comes(self) -> None:
        assert folded(HELLO, Overdue()).overdue
        assert not folded(Overdue(), Note(about="late")).overdue

    @pytest.mark.parametrize(
        ("endings", "kept"),
        [
            ((HangUp(), Forward(address="desk")), Forward(address="desk")),
            ((Forward(address="desk"), HangUp()), Forward(address="desk")),
            ((Forward(address="desk"), Forward(address="other")), Forward(address="desk")),
            ((HangUp(), ReturnRequest(request=REQUEST)), HangUp()),
            ((AgentDown(code="credit"), Forward(address="desk")), AgentDown(code="credit")),
        ],
    )
    def test_the_first_ending_counts_and_only_a_hang_up_gives_way_to_a_forward(
        self, endings: tuple[Instruction, ...], kept: Instruction
    ) -> None:
        assert folded(*endings).ending == kept


class TestATurnThatIsOver:
    def test_what_was_said_is_heard_then_we_listen(self) -> None:
        state, move = over(HELLO)
        assert performed(move) == CallPlan(prompts=(HELLO,), then=listen(state, PROFILE))
        assert (state.phase, state.running) == (Phase.LISTENING, False)

    def test_an_agent_that_chose_to_be_quiet_is_listened_for(self) -> None:
        state, move = over()
        assert performed(move) == CallPlan(prompts=(), then=listen(state, PROFILE))

    def test_a_good_turn_forgives_the_failures_before_it(self) -> None:
        state, _ = over(HELLO, state=call(failures=2, launched=False))
        assert (state.failures, state.launched) == (0, True)

    def test_the_silence_begins_anew_with_each_answer(self) -> None:
        state, _ = over(HELLO, state=call(silences=Silences(seconds=25.0, prompts=2)))
        assert state.silences == Silences()

    def test_what_did_not_fit_before_is_said_first(self) -> None:
        _, move = over(HELLO, state=call(unsaid=(Say(text="Sorry."),)))
        assert said(performed(move).prompts) == ["Sorry.", "Hello."]

    @pytest.mark.parametrize("order", [(HELLO, HangUp()), (HangUp(), HELLO)])
    def test_the_call_ends_only_after_everything_was_said(self, order: tuple[Instruction, ...]) -> None:
        state, move = over(*order)
        assert performed(move) == CallPlan(prompts=(HELLO,), then=Finish(reason="agent-ended"))
        assert state.phase is Phase.ENDED

    def test_nobody_is_hung_up_on_without_a_word(self) -> None:
        _, move = over(HangUp())
        assert said(performed(move).prompts) == [words(PhraseName.GOODBYE)]

    @pytest.mark.parametrize("order", [(HELLO, Forward(address="desk")), (Forward(address="desk"), HELLO)])
    def test_the_caller_is_forwarded_only_after_everything_was_said(self, order: tuple[Instruction, ...]) -> None:
        state, move = over(*order)
        assert performed(move).prompts == (HELLO,)
        assert isinstance(performed(move).then, DialLeg)
        assert state.phase is Phase.FORWARDING


class TestInterruption:
    def test_what_the_caller_spoke_over_is_not_said(self) -> None:
        state = call(interrupted=True, unsaid=(Say(text="Old."),), queued=(Said(text="stop"),))
        state, move = over(HELLO, state=state)
        assert move == AskAgent(Said(text="stop"))
        assert (state.queued, state.unsaid) == ((), ())

    def test_before_a_forward_or_the_end_it_is_said_all_the_same(self) -> None:
        _, move = over(HELLO, HangUp(), state=call(interrupted=True))
        assert performed(move).prompts == (HELLO,)

    def test_keys_that_are_no_entry_yet_are_listened_for(self) -> None:
        state, move = over(HELLO, state=call(interrupted=True, keys_kept="12"))
        then = performed(move).then
        assert isinstance(then, Listen)
        assert then.hearing.keys_kept == 2
        assert not state.interrupted

    def test_an_event_that_waited_does_not_cost_the_caller_the_answer(self) -> None:
        state, move = over(HELLO, state=call(queued=(EventRaised(name="paid"),)))
        assert move == AskAgent(EventRaised(name="paid"))
        assert state.unsaid == (HELLO,)
        _, move = over(Say(text="Paid."), state=begin_turn(state))
        assert said(performed(move).prompts) == ["Hello.", "Paid."]

    def test_what_waited_is_taken_one_by_one(self) -> None:
        state, move = over(state=call(queued=(EventRaised(name="a"), Said(text="b")), interrupted=True))
        assert move == AskAgent(EventRaised(name="a"))
        state, move = over(state=begin_turn(state))
        assert move == AskAgent(Said(text="b"))

    def test_an_entry_typed_ahead_is_the_next_turn(self) -> None:
        _, move = over(HELLO, state=call(interrupted=True, keys_kept="12#"))
        assert move == AskAgent(Pressed(keys="12", ended_by=""))


class TestATurnThatRuns:
    def test_we_say_what_there_is_and_come_back(self) -> None:
        state, prompts = fold(call(), (HELLO,))
        state, move = settle(state, LINE, prompts, over=False)
        assert performed(move) == CallPlan(prompts=(HELLO,), then=go_on(state, PROFILE))
        assert (state.phase, state.running) == (Phase.THINKING, True)

    def test_what_was_said_over_an_answer_still_arriving_is_not_said(self) -> None:
        state, prompts = fold(call(interrupted=True), (HELLO,))
        _, move = settle(state, LINE, prompts, over=False)
        assert performed(move).prompts == ()
        assert isinstance(performed(move).then, GoOn)

    def test_an_ending_waits_for_the_turns_end(self) -> None:
        state, prompts = fold(call(), (HELLO, HangUp()))
        state, move = settle(state, LINE, prompts, over=False)
        assert isinstance(performed(move).then, GoOn)
        state, move = settle(state, LINE, (), over=True)
        assert isinstance(performed(move).then, Finish)

    def test_a_turn_that_takes_too_long_is_apologised_for_and_the_caller_may_speak(self) -> None:
        state, move = settle(call(overdue=True), LINE, (), over=False, waited_seconds=25.0)
        assert said(performed(move).prompts) == [words(PhraseName.GIVE_UP)]
        assert isinstance(performed(move).then, Listen)
        assert (state.phase, state.running, state.failures, state.gave_up) == (Phase.LISTENING, True, 1, True)

    def test_words_that_came_in_time_are_said_though_it_is_late(self) -> None:
        _, move = settle(call(overdue=True), LINE, (HELLO,), over=False)
        assert performed(move).prompts == (HELLO,)

    def test_the_third_slow_turn_in_a_row_leads_to_the_fallback(self) -> None:
        line = Line(WITH_FALLBACK, LINE.own_numbers)
        state, move = settle(call(overdue=True, failures=2), line, (), over=False)
        assert isinstance(performed(move).then, DialLeg)
        assert said(performed(move).prompts)[0] == words(PhraseName.GIVE_UP)
        assert state.forward.fell_back

    def test_after_the_apology_we_wait_once_more_and_then_leave_the_turn_behind(self) -> None:
        late = call(gave_up=True, queued=(Said(text="hello?"),), interrupted=True)
        _, move = settle(late, LINE, (), over=False, waited_seconds=TURN_BUDGET_SECONDS)
        assert isinstance(performed(move).then, GoOn)
        _, move = settle(late, LINE, (), over=False, waited_seconds=TURN_BUDGET_SECONDS + 1)
        assert move == AskAgent(Said(text="hello?"))

    def test_with_nothing_asked_meanwhile_we_listen(self) -> None:
        state, move = settle(call(gave_up=True), LINE, (), over=False, waited_seconds=TURN_BUDGET_SECONDS + 1)
        assert performed(move).prompts == ()
        assert isinstance(performed(move).then, Listen)
        assert state.phase is Phase.LISTENING

    def test_a_late_answer_is_still_spoken(self) -> None:
        state, move = over(HELLO, state=call(Phase.LISTENING, gave_up=True))
        assert performed(move).prompts == (HELLO,)
        assert state.failures == 0

    def test_a_turn_that_fails_after_the_apology_is_not_apologised_for_twice(self) -> None:
        state, move = settle(call(gave_up=True, failures=1), LINE, (), over=True, failure="agent-broke")
        assert performed(move).prompts == ()
        assert state.failures == 1


class TestFailure:
    @pytest.mark.parametrize(
        ("failure", "name"), [("agent-broke", PhraseName.FAILURE), ("agent-slow", PhraseName.GIVE_UP)]
    )
    def test_what_had_arrived_is_said_once_then_the_phrase_then_we_listen(self, failure: str, name: PhraseName) -> None:
        state, prompts = fold(call(), (HELLO,))
        state, move = settle(state, LINE, prompts, over=True, failure=failure)
        assert said(performed(move).prompts) == ["Hello.", words(name)]
        assert isinstance(performed(move).then, Listen)
        assert (state.failures, state.phase, state.running) == (1, Phase.LISTENING, False)

    def test_the_third_in_a_row_leads_to_the_fallback(self) -> None:
        line = Line(WITH_FALLBACK, LINE.own_numbers)
        state = call()
        for expected in (1, 2):
            state, move = settle(state, line, (), over=True, failure="agent-broke")
            assert state.failures == expected
            assert isinstance(performed(move).then, Listen)
        state, move = settle(state, line, (), over=True, failure="agent-broke")
        assert isinstance(performed(move).then, DialLeg)
        assert state.phase is Phase.FORWARDING

    def test_without_a_fallback_it_is_a_goodbye(self) -> None:
        _state, move = settle(call(failures=2), LINE, (HELLO,), over=True, failure="agent-broke")
        assert said(performed(move).prompts) == ["Hello.", words(PhraseName.FAILURE_FINAL)]
        assert performed(move).then == Finish(reason="agent-failed")

    def test_the_number_may_be_more_or_less_patient(self) -> None:
        line = Line(PROFILE.model_copy(update={"failures_before_fallback": 1}))
        _, move = settle(call(), line, (), over=True, failure="agent-broke")
        assert isinstance(performed(move).then, Finish)

    def test_an_agent_that_cannot_work_at_all_leads_to_the_fallback_at_once(self) -> None:
        line = Line(WITH_FALLBACK, LINE.own_numbers)
        _, move = settle(call(), line, (), over=True, failure="agent-not-configured", permanent=True)
        assert said(performed(move).prompts) == [
            words(PhraseName.AGENT_UNAVAILABLE),
            words(PhraseName.FORWARD_CONNECTING),
        ]
        assert isinstance(performed(move).then, DialLeg)

    def test_an_agent_out_of_credit_cannot_work_at_all(self) -> None:
        _, move = over(HELLO, AgentDown(code="credit-limit"))
        assert said(performed(move).prompts) == [
            "Hello.",
            words(PhraseName.AGENT_UNAVAILABLE),
            words(PhraseName.FAILURE_FINAL),
        ]
        assert isinstance(performed(move).then, Finish)

    def test_a_wish_that_came_before_the_break_is_done(self) -> None:
        state, prompts = fold(call(), (HELLO, HangUp()))
        _, move = settle(state, LINE, prompts, over=True, failure="agent-broke")
        assert performed(move) == CallPlan(prompts=(HELLO,), then=Finish(reason="agent-ended"))

    def test_what_was_said_meanwhile_is_asked_for_again(self) -> None:
        state = call(queued=(Said(text="hi"),), keys_kept="12")
        state, _ = fail_turn(state, LINE, (), "agent-broke")
        assert (state.queued, state.keys_kept) == ((), "")

    def test_a_failed_launch_is_no_launch(self) -> None:
        state, _ = settle(call(launched=False), LINE, (), over=True, failure="agent-broke")
        assert not state.launched

    def test_a_launch_that_breaks_off_after_its_first_words_was_one(self) -> None:
        state, _ = fold(call(launched=False), (SessionOpened(session_key="k", user_id="u"), Note(about="at work")))
        assert not state.launched
        state, prompts = fold(state, (HELLO,))
        state, _ = settle(state, LINE, prompts, over=True, failure="agent-broke")
        assert state.launched


class TestHops:
    def test_goto_sends_its_request_and_what_was_said_is_not_lost(self) -> None:
        state, move = over(HELLO, ReturnRequest(request=REQUEST))
        assert move == AskAgent(RequestReturned(request=REQUEST))
        assert state.unsaid == (HELLO,)

    @pytest.mark.parametrize("instruction", [ReturnRequest(request=REQUEST), AwaitPath(name="pay", request=REQUEST)])
    def test_after_three_hops_we_listen(self, instruction: Instruction) -> None:
        state = call()
        for _ in range(MAX_HOPS):
            state, move = over(instruction, state=state)
            assert isinstance(move, AskAgent)
            state = begin_turn(state)
        state, move = over(HELLO, instruction, state=state)
        assert isinstance(performed(move).then, Listen)
        assert performed(move).prompts == (HELLO,)

    def test_realtime_that_we_do_not_have_is_explained_and_told(self) -> None:
        state, move = over(HELLO, StartRealtime(input_encoding="pcm", output_encoding="pcm"))
        assert move == AskAgent(EventRaised(name="realtime_unavailable"))
        assert said(state.unsaid) == ["Hello.", words(PhraseName.REALTIME_UNAVAILABLE)]

    @pytest.mark.parametrize("has_server", [False, True])
    def test_realtime_that_is_taken_back_at_once_is_explained_only_where_we_do_not_have_it(
        self, has_server: bool
    ) -> None:
        start = StartRealtime(input_encoding="pcm", output_encoding="pcm")
        line = replace(LINE, realtime=has_server)
        state, move = over(HELLO, start, ControlRealtime(action="END"), line=line)
        assert state.bridge is None
        if has_server:
            assert (said(performed(move).prompts), type(performed(move).then)) == (["Hello."], Listen)
        else:
            assert move == AskAgent(EventRaised(name="realtime_unavailable"))
            assert said(state.unsaid) == ["Hello.", words(PhraseName.REALTIME_UNAVAILABLE)]

    def test_an_agent_that_insists_on_realtime_is_listened_past(self) -> None:
        state = call(hops=MAX_HOPS)
        state, move = over(StartRealtime(input_encoding="pcm", output_encoding="pcm"), state=state)
        assert said(performed(move).prompts) == [words(PhraseName.REALTIME_UNAVAILABLE)]
        assert isinstance(performed(move).then, Listen)

    def test_a_caller_who_spoke_comes_before_a_path(self) -> None:
        state = call(queued=(Said(text="wait"),), interrupted=True)
        _, move = over(AwaitPath(name="pay", request=REQUEST), state=state)
        assert move == AskAgent(Said(text="wait"))


class TestAForwardThatFailed:
    def told(self, **forward: object) -> CallState:
        return call(forward=replace(ForwardState(told_agent=True, attempts=1), **forward))  # type: ignore[arg-type]

    WHY = Say(text="I'm sorry, the line is busy.", by_gateway=True)

    def test_an_agent_with_something_to_say_has_dealt_with_it(self) -> None:
        state, move = over(HELLO, state=replace(self.told(), unsaid=(self.WHY,)))
        assert said(performed(move).prompts) == [self.WHY.text, "Hello."]
        assert isinstance(performed(move).then, Listen)
        assert not state.forward.told_agent

    def test_an_agent_with_nothing_to_say_leads_to_the_next_destination(self) -> None:
        line = Line(WITH_FALLBACK, LINE.own_numbers)
        _, move = over(state=replace(self.told(), unsaid=(self.WHY,)), line=line)
        assert isinstance(performed(move).then, DialLeg)
        assert said(performed(move).prompts) == [self.WHY.text, words(PhraseName.FORWARD_CONNECTING)]

    def test_and_at_last_to_an_explanation_and_listening(self) -> None:
        _state, move = over(state=replace(self.told(), unsaid=(self.WHY,)))
        assert said(performed(move).prompts) == [self.WHY.text, words(PhraseName.FORWARD_EXPLAIN)]
        assert isinstance(performed(move).then, Listen)

    def test_words_that_were_spoken_earlier_in_the_turn_count(self) -> None:
        line = Line(WITH_FALLBACK, LINE.own_numbers)
        state, prompts = fold(self.told(), (HELLO,))
        state, _ = settle(state, line, prompts, over=False)
        _, move = settle(state, line, (), over=True)
        assert performed(move).prompts == ()
        assert isinstance(performed(move).then, Listen)

    def test_words_that_the_caller_spoke_over_count(self) -> None:
        line = Line(WITH_FALLBACK, LINE.own_numbers)
        state = replace(self.told(), interrupted=True, keys_kept="1")
        _, move = over(HELLO, state=state, line=line)
        assert isinstance(performed(move).then, Listen)

    def test_a_turn_that_fails_instead_is_a_failure_and_no_more(self) -> None:
        later = replace(self.told(), turn=2)
        state, move = settle(later, LINE, (), over=True, failure="agent-broke")
        assert said(performed(move).prompts) == [words(PhraseName.FAILURE)]
        assert not state.forward.told_agent

    def test_a_refused_forward_cannot_loop(self) -> None:
        state, asked = call(), 0
        for _ in range(10):
            state, move = over(Forward(address="+9005550100"), state=state)
            if isinstance(move, Perform):
                break
            assert isinstance(move, AskAgent)
            assert isinstance(move.heard, ForwardEnded)
            assert move.heard.outcome is ForwardOutcome.REFUSED
            asked += 1
            state = begin_turn(state)
        assert asked <= 4
        assert isinstance(performed(move).then, Listen)


class TestTwimlOfTheAgents:
    def test_it_takes_over_after_what_was_said_and_where_it_ends_we_listen(self) -> None:
        state, move = over(HELLO, SpliceTwiml(document="<Response/>"))
        plan = performed(move)
        assert plan.prompts == (HELLO,)
        assert plan.then == HandOver(document="<Response/>", listen=listen(state, PROFILE))
        assert state.phase is Phase.LISTENING
