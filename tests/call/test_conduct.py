"""What the caller does → what the call does: each test says what a caller experiences."""

from dataclasses import replace

import pytest

from voicegw.call.conduct import end_if_too_long, hear, take_queued
from voicegw.call.inputs import (
    CallerInput,
    CallParties,
    EventRaised,
    ForwardEnded,
    ForwardOutcome,
    HungUp,
    Pressed,
    RequestReturned,
    Said,
    Started,
    StayedSilent,
)
from voicegw.call.instructions import Button, Collect, Say
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Move, Perform, go_on, listen
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.plan import CallPlan, DialLeg, Finish, GoOn, HandOver, Leg, Listen
from voicegw.call.profile import Destination, Forwarding, Keypad, NumberProfile, Silence
from voicegw.call.state import AgentSettings, Asked, CallState, ForwardState, Phase, Silences, finish_call, start_call

PROFILE = NumberProfile(
    number="+15005550006",
    escape_key="0",
    escape_words=("operator", "a human, please"),
    forwarding=Forwarding(destinations={"desk": (Destination(to="+14155550100"),)}, human="desk"),
)
LINE = Line(PROFILE, frozenset({"+15005550006"}))
LEG = Leg(kind="phone", address="+14155550100")
MORE = (Say(text="And there is more."),)
PIN = Collect(gap_seconds=3, delimiters=("#",), max_digits=4)


def call(phase: Phase = Phase.LISTENING, **fields: object) -> CallState:
    begun = start_call(
        "CA1",
        CallParties(caller_number="+14155550123", called_number="+15005550006"),
        user_id="u",
        started_at=0.0,
    )
    fields.setdefault("running", phase is Phase.THINKING)
    return replace(begun, phase=phase, turn=1, launched=True, **fields)  # type: ignore[arg-type]


def collecting(keypad: Collect = PIN, phase: Phase = Phase.LISTENING, **fields: object) -> CallState:
    return call(phase, agent=AgentSettings(keypad=keypad), **fields)


def offering(*names: str, phase: Phase = Phase.LISTENING, **fields: object) -> CallState:
    return call(phase, asked=Asked(buttons=tuple(Button(name=name) for name in names)), **fields)


def asked(state: CallState, heard: CallerInput, line: Line = LINE) -> CallerInput:
    """What the agent is asked for this input."""
    _, move = hear(state, line, heard)
    assert isinstance(move, AskAgent), move
    return move.heard


def performed(move: Move) -> CallPlan:
    assert isinstance(move, Perform), move
    return move.plan


def said(plan: CallPlan) -> list[str]:
    return [prompt.text for prompt in plan.prompts if isinstance(prompt, Say)]


def words(name: PhraseName, variant: int = 0) -> str:
    return phrase(name, "en-US", variant=variant)


class TestSpeech:
    def test_what_the_caller_says_goes_to_the_agent(self) -> None:
        said = Said(text="I want to book", confidence=0.9)
        assert asked(call(), said) == said

    def test_the_first_input_wins_and_starts_the_silence_anew(self) -> None:
        state, _ = hear(call(silences=Silences(seconds=25.0, prompts=2)), LINE, Said(text="yes"))
        assert state.silences == Silences()

    def test_noise_without_words_is_silence(self) -> None:
        state, move = hear(call(), LINE, Said(text="  "))
        assert said(performed(move)) == [words(PhraseName.STILL_THERE)]
        assert state.silences.prompts == 1


class TestKeypad:
    def test_one_delimiter_ends_the_entry_and_is_not_sent(self) -> None:
        assert asked(collecting(), Pressed(keys="12", ended_by="#")) == Pressed(keys="12", ended_by="")

    @pytest.mark.parametrize("keys", [Pressed(keys="12", ended_by="#"), Pressed(keys="12*", ended_by="")])
    def test_either_of_two_delimiters_ends_the_entry(self, keys: Pressed) -> None:
        two = Collect(gap_seconds=3, delimiters=("#", "*"), max_digits=8)
        assert asked(collecting(two), keys) == Pressed(keys="12", ended_by="")

    def test_without_a_delimiter_a_pause_ends_the_entry_and_hash_is_a_key(self) -> None:
        none = Collect(gap_seconds=3, delimiters=(), max_digits=8)
        assert asked(collecting(none), Pressed(keys="1#2", ended_by="")) == Pressed(keys="1#2", ended_by="")

    def test_a_pause_in_the_middle_ends_the_entry_after_the_gap(self) -> None:
        assert asked(collecting(), Pressed(keys="12", ended_by="")) == Pressed(keys="12", ended_by="")

    def test_a_full_entry_goes_out_at_once(self) -> None:
        assert asked(collecting(), Pressed(keys="1234", ended_by="")) == Pressed(keys="1234", ended_by="")

    def test_max_digits_one_sends_each_key_alone(self) -> None:
        one = Collect(gap_seconds=3, max_digits=1)
        state, move = hear(collecting(one), LINE, Pressed(keys="7", ended_by=""))
        assert move == AskAgent(Pressed(keys="7", ended_by=""))
        assert state.keys_kept == ""

    def test_a_lone_delimiter_goes_to_the_agent_as_itself(self) -> None:
        assert asked(collecting(), Pressed(keys="", ended_by="#")) == Pressed(keys="#", ended_by="")

    def test_with_no_gap_the_delimiter_submits(self) -> None:
        endless = Collect(gap_seconds=0, max_digits=20)
        assert asked(collecting(endless), Pressed(keys="123456", ended_by="#")) == Pressed(keys="123456", ended_by="")

    def test_with_no_gap_digits_without_delimiter_are_no_reply_once_the_no_reply_time_has_passed(self) -> None:
        endless = AgentSettings(keypad=Collect(gap_seconds=0, max_digits=20), silence_seconds=8.0)
        state, move = hear(call(agent=endless), LINE, Pressed(keys="12", ended_by=""))
        assert move == AskAgent(StayedSilent())
        assert state.keys_kept == ""

    def test_with_no_gap_and_no_wish_of_the_agents_we_ask_ourselves(self) -> None:
        endless = Collect(gap_seconds=0, max_digits=20)
        state, move = hear(collecting(endless), LINE, Pressed(keys="12", ended_by=""))
        assert said(performed(move)) == [words(PhraseName.STILL_THERE)]
        assert state.keys_kept == ""

    def test_with_no_gap_digits_typed_ahead_go_on_with_those_that_follow(self) -> None:
        endless = Collect(gap_seconds=0, max_digits=20)
        state = collecting(endless, keys_kept="12")
        assert asked(state, Pressed(keys="34", ended_by="#")) == Pressed(keys="1234", ended_by="")

    def test_keys_before_speech_are_an_entry_and_the_words_are_not_waited_for(self) -> None:
        assert asked(collecting(), Pressed(keys="12", ended_by="")) == Pressed(keys="12", ended_by="")

    def test_keys_without_any_dtmf_trace_are_gathered_by_the_numbers_own_rules(self) -> None:
        line = Line(NumberProfile(keypad=Keypad(delimiters=("*",), max_digits=3)))
        assert asked(call(), Pressed(keys="12*", ended_by=""), line) == Pressed(keys="12", ended_by="")
        assert asked(call(), Pressed(keys="123", ended_by=""), line) == Pressed(keys="123", ended_by="")

    @pytest.mark.parametrize("keys", [Pressed(keys="7", ended_by=""), Pressed(keys="", ended_by="#")])
    def test_a_keypad_that_is_switched_off_hears_nothing(self, keys: Pressed) -> None:
        state, move = hear(collecting(Collect(enabled=False)), LINE, keys)
        assert performed(move) == CallPlan(prompts=(), then=listen(state, PROFILE))
        assert state.keys_kept == ""

    def test_a_delimiter_right_after_a_full_entry_is_swallowed(self) -> None:
        state, _ = hear(collecting(), LINE, Pressed(keys="1234", ended_by=""))
        assert state.entry_full
        state = replace(state, phase=Phase.LISTENING)
        state, move = hear(state, LINE, Pressed(keys="", ended_by="#"))
        assert isinstance(performed(move).then, Listen)
        assert not state.entry_full

    def test_only_the_first_such_delimiter_is_swallowed(self) -> None:
        state, _ = hear(collecting(entry_full=True), LINE, Pressed(keys="", ended_by="#"))
        assert asked(replace(state, after=None), Pressed(keys="", ended_by="#")) == Pressed(keys="#", ended_by="")

    def test_what_a_swallowed_delimiter_cut_off_is_said_again(self) -> None:
        answer = (Say(text="Your balance is ten dollars."),)
        state, move = hear(collecting(entry_full=True, repeatable=answer), LINE, Pressed(keys="", ended_by="#"))
        assert performed(move).prompts == answer
        assert isinstance(performed(move).then, Listen)
        assert (state.repeatable, state.unsaid, state.after) == ((), (), None)

    def test_a_swallowed_delimiter_does_not_cut_off_the_rest_of_a_long_answer(self) -> None:
        state = collecting(entry_full=True, unsaid=MORE, after=listen(collecting(), PROFILE))
        _, move = hear(state, LINE, Pressed(keys="", ended_by="#"))
        assert performed(move).prompts == MORE

    def test_a_delimiter_after_a_full_entry_is_swallowed_while_the_agent_thinks_too(self) -> None:
        state, move = hear(collecting(phase=Phase.THINKING, entry_full=True), LINE, Pressed(keys="", ended_by="#"))
        assert move == AwaitAgent()
        assert (state.keys_kept, state.interrupted, state.entry_full) == ("", False, False)

    def test_speech_after_a_full_entry_ends_the_wait_for_its_delimiter(self) -> None:
        state, _ = hear(collecting(entry_full=True), LINE, Said(text="hello"))
        assert not state.entry_full

    def test_silence_after_a_full_entry_ends_the_wait_for_its_delimiter(self) -> None:
        agent = AgentSettings(keypad=PIN, silence_seconds=5.0)
        for state in (collecting(entry_full=True), call(agent=agent, entry_full=True)):
            after, _ = hear(state, LINE, StayedSilent())
            assert not after.entry_full

    def test_silence_after_kept_keys_makes_them_an_entry(self) -> None:
        state, move = hear(collecting(keys_kept="12"), LINE, StayedSilent())
        assert move == AskAgent(Pressed(keys="12", ended_by=""))
        assert state.keys_kept == ""

    def test_an_answer_that_tells_of_no_keys_at_all_is_listened_through(self) -> None:
        _state, move = hear(collecting(), LINE, Pressed(keys="", ended_by=""))
        assert isinstance(performed(move).then, Listen)


class TestTypeAhead:
    def think(self, *inputs: CallerInput, state: CallState | None = None) -> CallState:
        state = state or collecting(phase=Phase.THINKING)
        for heard in inputs:
            state, move = hear(state, LINE, heard)
            assert move == AwaitAgent()
        return state

    def test_nothing_begins_a_second_turn_while_the_agent_thinks(self) -> None:
        state = self.think(Said(text="hello"), Pressed(keys="1", ended_by=""), EventRaised(name="paid"), StayedSilent())
        assert state.queued == (Said(text="hello"), EventRaised(name="paid"))
        assert state.keys_kept == "1"

    def test_words_that_came_in_two_pieces_are_one_input(self) -> None:
        state = self.think(Said(text="I want"), Said(text="to book", confidence=0.5))
        assert state.queued == (Said(text="I want to book", confidence=0.5),)

    def test_words_on_both_sides_of_an_event_stay_apart(self) -> None:
        state = self.think(Said(text="one"), EventRaised(name="e"), Said(text="two"))
        assert state.queued == (Said(text="one"), EventRaised(name="e"), Said(text="two"))

    def test_words_come_before_keys_and_keys_are_not_lost(self) -> None:
        state = self.think(Pressed(keys="12", ended_by="#"), Said(text="hello"))
        taken = take_queued(state, LINE)
        assert taken is not None
        state, move = taken
        assert move == AskAgent(Said(text="hello"))
        assert state.keys_kept == "12#"

    def test_keys_typed_ahead_with_their_delimiter_are_sent_when_the_turn_is_over(self) -> None:
        taken = take_queued(self.think(Pressed(keys="12", ended_by="#")), LINE)
        assert taken is not None
        assert taken[1] == AskAgent(Pressed(keys="12", ended_by=""))
        assert taken[0].keys_kept == ""

    def test_keys_typed_ahead_without_delimiter_wait_for_more(self) -> None:
        assert take_queued(self.think(Pressed(keys="12", ended_by="")), LINE) is None

    def test_two_entries_typed_ahead_are_two_turns(self) -> None:
        state = self.think(Pressed(keys="1234", ended_by=""), Pressed(keys="56", ended_by="#"))
        first = take_queued(state, LINE)
        assert first is not None
        assert first[1] == AskAgent(Pressed(keys="1234", ended_by=""))
        second = take_queued(first[0], LINE)
        assert second is not None
        assert second[1] == AskAgent(Pressed(keys="56", ended_by=""))
        assert take_queued(second[0], LINE) is None

    def test_keys_typed_ahead_of_the_next_entry_keep_their_own_delimiter(self) -> None:
        endless = Collect(gap_seconds=0, max_digits=4)
        state = self.think(Pressed(keys="12345", ended_by=""), state=collecting(endless, phase=Phase.THINKING))
        first = take_queued(state, LINE)
        assert first is not None
        state = replace(first[0], phase=Phase.LISTENING, running=False)
        assert asked(state, Pressed(keys="", ended_by="#")) == Pressed(keys="5", ended_by="")

    def test_keys_are_ignored_while_the_keypad_is_off(self) -> None:
        state = self.think(
            Pressed(keys="12", ended_by="#"), state=collecting(Collect(enabled=False), phase=Phase.THINKING)
        )
        assert state.keys_kept == ""
        assert not state.interrupted

    def test_whoever_speaks_or_presses_has_interrupted(self) -> None:
        assert self.think(Said(text="stop")).interrupted
        assert self.think(Pressed(keys="1", ended_by="")).interrupted

    def test_an_event_interrupts_nobody_and_noise_is_nothing(self) -> None:
        state = self.think(EventRaised(name="paid"), RequestReturned(request={"type": "x"}), Said(text=" "), Started())
        assert not state.interrupted
        assert len(state.queued) == 2

    def test_with_nothing_queued_there_is_nothing_to_take(self) -> None:
        assert take_queued(call(), LINE) is None


class TestButtons:
    def test_one_key_is_enough_with_at_most_nine_buttons(self) -> None:
        state, move = hear(offering("Book", "Cancel"), LINE, Pressed(keys="2", ended_by=""))
        assert move == AskAgent(Pressed(keys="2", ended_by=""))
        assert state.keys_kept == ""

    def test_further_keys_are_kept_for_what_comes_next(self) -> None:
        state, move = hear(offering("Book", "Cancel"), LINE, Pressed(keys="12", ended_by="#"))
        assert move == AskAgent(Pressed(keys="1", ended_by=""))
        assert state.keys_kept == "2#"

    def test_a_delimiter_is_one_key_too(self) -> None:
        assert asked(offering("Book"), Pressed(keys="", ended_by="#")) == Pressed(keys="#", ended_by="")

    def test_ten_buttons_need_an_entry(self) -> None:
        ten = offering(*(f"Choice {place}" for place in range(10)))
        assert asked(ten, Pressed(keys="10", ended_by="#")) == Pressed(keys="10", ended_by="")

    def test_while_the_agent_collects_buttons_take_no_single_key(self) -> None:
        state = replace(offering("Book"), agent=AgentSettings(keypad=PIN))
        assert asked(state, Pressed(keys="1234", ended_by="")) == Pressed(keys="1234", ended_by="")

    def test_the_legacy_keypad_sends_each_key_in_a_turn_of_its_own(self) -> None:
        state, move = hear(call(asked=Asked(legacy_keypad=True)), LINE, Pressed(keys="12", ended_by=""))
        assert move == AskAgent(Pressed(keys="1", ended_by=""))
        assert state.keys_kept == "2"

    def test_silence_before_any_button_was_pressed_is_silence(self) -> None:
        _, move = hear(offering("Book"), LINE, StayedSilent())
        assert said(performed(move)) == [words(PhraseName.STILL_THERE)]


class TestSilence:
    def test_we_ask_at_10_and_25_seconds_and_say_goodbye_at_60(self) -> None:
        state, heard_after, at = call(), [], 0.0
        while state.phase is not Phase.ENDED:
            waits = listen(state, PROFILE).silence_seconds
            at += waits
            state, move = hear(state, LINE, StayedSilent())
            heard_after.append((at, *said(performed(move))))
        assert heard_after == [
            (10.0, words(PhraseName.STILL_THERE, 0)),
            (25.0, words(PhraseName.STILL_THERE, 1)),
            (60.0, words(PhraseName.GOODBYE_SILENCE)),
        ]
        assert performed(move).then == Finish(reason="caller-silent")
        assert state.ended_reason == "caller-silent"

    def test_a_word_starts_the_schedule_anew(self) -> None:
        state, _ = hear(call(), LINE, StayedSilent())
        state, _ = hear(state, LINE, Said(text="wait"))
        assert listen(state, PROFILE).silence_seconds == 10.0

    def test_the_agents_no_reply_goes_to_the_agent_each_time(self) -> None:
        state = call(agent=AgentSettings(silence_seconds=5.0))
        for _ in range(5):
            state, move = hear(state, LINE, StayedSilent())
            assert move == AskAgent(StayedSilent())

    def test_a_number_may_say_goodbye_without_asking(self) -> None:
        line = Line(NumberProfile(silence=Silence(prompts_at_seconds=(), goodbye_at_seconds=20)))
        state, move = hear(call(), line, StayedSilent())
        assert said(performed(move)) == [words(PhraseName.GOODBYE_SILENCE)]
        assert state.phase is Phase.ENDED

    def test_a_goodbye_that_is_due_is_said_though_prompts_are_left(self) -> None:
        line = Line(NumberProfile(silence=Silence(prompts_at_seconds=(10, 10), goodbye_at_seconds=10)))
        _, move = hear(call(), line, StayedSilent())
        assert performed(move).then == Finish(reason="caller-silent")

    @pytest.mark.parametrize("heard", [Started(), ForwardEnded(outcome=ForwardOutcome.BUSY)])
    def test_what_makes_no_sense_while_we_listen_is_silence(self, heard: CallerInput) -> None:
        _, move = hear(call(), LINE, heard)
        assert said(performed(move)) == [words(PhraseName.STILL_THERE)]

    def test_events_and_requests_go_to_the_agent_while_we_listen(self) -> None:
        for heard in (EventRaised(name="paid"), RequestReturned(request={"type": "x"})):
            assert asked(call(), heard) == heard


class TestEscape:
    @pytest.mark.parametrize("phase", [Phase.THINKING, Phase.LISTENING, Phase.FORWARDING])
    @pytest.mark.parametrize(
        "heard",
        [
            Pressed(keys="0", ended_by=""),
            Pressed(keys="0", ended_by="#"),
            Said(text="Operator!"),
            Said(text="a human please"),
        ],
    )
    def test_the_escape_key_or_word_leads_to_a_human_in_every_phase(self, phase: Phase, heard: CallerInput) -> None:
        other = replace(LEG, address="+14155550111")
        state = call(phase, forward=ForwardState(dialled=other if phase is Phase.FORWARDING else None))
        state, move = hear(state, LINE, heard)
        assert said(performed(move)) == [words(PhraseName.FORWARD_CONNECTING)]
        then = performed(move).then
        assert isinstance(then, DialLeg)
        assert then.leg.address == "+14155550100"
        assert state.phase is Phase.FORWARDING
        assert state.forward.by_gateway

    def test_it_works_before_the_rest_of_a_long_answer_is_said(self) -> None:
        state = call(unsaid=MORE, after=listen(call(), PROFILE))
        state, move = hear(state, LINE, Pressed(keys="0", ended_by=""))
        assert isinstance(performed(move).then, DialLeg)
        assert state.unsaid == ()

    def test_what_was_queued_is_not_sent_any_more(self) -> None:
        state = call(Phase.THINKING, queued=(Said(text="hello"),), keys_kept="")
        state, _ = hear(state, LINE, Said(text="operator"))
        assert (state.queued, state.keys_kept) == ((), "")

    @pytest.mark.parametrize(
        "heard",
        [
            Pressed(keys="10", ended_by=""),
            Pressed(keys="00", ended_by=""),
            Said(text="the operator said"),
            Said(text=""),
        ],
    )
    def test_only_alone_it_is_an_escape(self, heard: CallerInput) -> None:
        _, move = hear(call(), LINE, heard)
        assert not (isinstance(move, Perform) and isinstance(move.plan.then, DialLeg))

    def test_the_last_digit_of_an_entry_is_no_escape(self) -> None:
        _, move = hear(collecting(keys_kept="1"), LINE, Pressed(keys="0", ended_by=""))
        assert move == AskAgent(Pressed(keys="10", ended_by=""))

    def test_a_delimiter_may_be_the_escape_key(self) -> None:
        line = Line(PROFILE.model_copy(update={"escape_key": "#"}), LINE.own_numbers)
        _, move = hear(call(), line, Pressed(keys="", ended_by="#"))
        assert isinstance(performed(move).then, DialLeg)

    def test_a_number_without_escape_key_sends_the_zero_to_the_agent(self) -> None:
        line = Line(NumberProfile())
        assert asked(call(), Pressed(keys="0", ended_by="#"), line) == Pressed(keys="0", ended_by="")
        assert asked(call(), Said(text="operator"), line) == Said(text="operator")

    def test_punctuation_alone_is_no_escape_word(self) -> None:
        line = Line(PROFILE.model_copy(update={"escape_words": ("?!",)}), LINE.own_numbers)
        assert asked(call(), Said(text="…"), line) == Said(text="…")

    def test_where_no_human_may_be_dialled_the_caller_is_told_and_listened_to(self) -> None:
        line = Line(NumberProfile(escape_key="0"))
        state, move = hear(call(), line, Pressed(keys="0", ended_by=""))
        assert said(performed(move)) == [words(PhraseName.FORWARD_EXPLAIN)]
        assert isinstance(performed(move).then, Listen)
        assert state.phase is Phase.LISTENING

    def test_after_the_end_nothing_escapes(self) -> None:
        ended = finish_call(call(), "agent-ended")
        _, move = hear(ended, LINE, Pressed(keys="0", ended_by=""))
        assert performed(move).then == Finish(reason="agent-ended")


class TestTheRestOfALongAnswer:
    def test_silence_leads_to_the_rest(self) -> None:
        after = listen(call(), PROFILE)
        state, move = hear(call(unsaid=MORE, after=after), LINE, StayedSilent())
        assert performed(move) == CallPlan(prompts=MORE, then=after)
        assert (state.unsaid, state.after) == ((), None)
        assert state.silences == Silences()

    def test_a_caller_who_speaks_goes_on_with_the_dialogue(self) -> None:
        state, move = hear(call(unsaid=MORE, after=listen(call(), PROFILE)), LINE, Said(text="yes"))
        assert move == AskAgent(Said(text="yes"))
        assert (state.unsaid, state.after) == ((), None)

    def test_an_event_does_not_cut_it_off(self) -> None:
        state, move = hear(call(unsaid=MORE, after=listen(call(), PROFILE)), LINE, EventRaised(name="paid"))
        assert move == AskAgent(EventRaised(name="paid"))
        assert state.unsaid == MORE

    @pytest.mark.parametrize("heard", [Said(text="wait"), Pressed(keys="1", ended_by="#")])
    def test_what_is_heard_while_more_is_to_come_waits_for_the_turns_end(self, heard: CallerInput) -> None:
        thinking = call(Phase.THINKING)
        state, move = hear(replace(thinking, unsaid=MORE, after=go_on(thinking, PROFILE)), LINE, heard)
        assert move == AwaitAgent()
        assert state.queued or state.keys_kept
        assert state.interrupted

    def test_silence_while_more_is_to_come_leads_to_the_rest_at_once(self) -> None:
        thinking = call(Phase.THINKING)
        _state, move = hear(replace(thinking, unsaid=MORE, after=go_on(thinking, PROFILE)), LINE, StayedSilent())
        assert performed(move).prompts == MORE
        assert isinstance(performed(move).then, GoOn)

    @pytest.mark.parametrize("then", [Finish(reason="agent-ended")])
    def test_a_goodbye_is_said_to_its_end_whatever_is_heard(self, then: Finish) -> None:
        state = replace(finish_call(call(), "agent-ended"), unsaid=MORE, after=then)
        _, move = hear(state, LINE, Said(text="wait"))
        assert performed(move) == CallPlan(prompts=MORE, then=then)

    def test_words_before_an_announced_forward_are_kept_for_later(self) -> None:
        then = DialLeg(leg=LEG, hearing=listen(call(), PROFILE).hearing)
        state = call(Phase.FORWARDING, unsaid=MORE, after=then, forward=ForwardState(dialled=LEG))
        state, move = hear(state, LINE, Said(text="thanks"))
        assert performed(move) == CallPlan(prompts=MORE, then=then)
        assert state.queued == (Said(text="thanks"),)
        assert not state.interrupted

    def test_what_waited_through_a_document_comes_first_where_it_ends(self) -> None:
        state = call(queued=(EventRaised(name="paid"),), after=listen(call(), PROFILE))
        state, move = hear(state, LINE, Said(text="yes"))
        assert move == AskAgent(EventRaised(name="paid"))
        assert state.queued == (Said(text="yes"),)

    def test_a_documents_end_is_listening_again(self) -> None:
        after = HandOver(document="<Response/>", listen=listen(call(), PROFILE))
        _, move = hear(call(unsaid=MORE, after=after), LINE, StayedSilent())
        assert performed(move) == CallPlan(prompts=MORE, then=after)


class TestForwarding:
    @pytest.mark.parametrize("heard", [StayedSilent(), Said(text="thanks"), Pressed(keys="5", ended_by="")])
    def test_the_leg_is_dialled_whatever_is_heard_over_the_announcement(self, heard: CallerInput) -> None:
        state, move = hear(call(Phase.FORWARDING, forward=ForwardState(dialled=LEG, attempts=1)), LINE, heard)
        plan = performed(move)
        assert isinstance(plan.then, DialLeg)
        assert (plan.prompts, plan.then.leg) == ((), LEG)
        assert state.forward.attempts == 1

    def test_what_was_heard_over_it_is_not_lost(self) -> None:
        state = call(Phase.FORWARDING, forward=ForwardState(dialled=LEG, attempts=1))
        state, _ = hear(state, LINE, Said(text="thanks"))
        state, _ = hear(state, LINE, Pressed(keys="5", ended_by=""))
        assert (state.queued, state.keys_kept, state.interrupted) == ((Said(text="thanks"),), "5", False)

    def test_keys_that_mean_nothing_are_not_kept(self) -> None:
        state = collecting(Collect(enabled=False), Phase.FORWARDING, forward=ForwardState(dialled=LEG, attempts=1))
        state, _ = hear(state, LINE, Pressed(keys="5", ended_by=""))
        assert state.keys_kept == ""

    def test_a_forward_that_lost_its_leg_has_failed(self) -> None:
        _, move = hear(call(Phase.FORWARDING), LINE, StayedSilent())
        assert isinstance(move, AskAgent)
        assert isinstance(move.heard, ForwardEnded)
        assert move.heard.outcome is ForwardOutcome.FAILED


class TestTheEnd:
    @pytest.mark.parametrize("phase", Phase)
    def test_a_hang_up_ends_the_call_in_every_phase(self, phase: Phase) -> None:
        state, move = hear(call(phase), LINE, HungUp(reason="hangup"))
        assert state.phase is Phase.ENDED
        assert isinstance(performed(move).then, Finish)

    @pytest.mark.parametrize(
        "heard", [Said(text="hello"), Pressed(keys="1", ended_by=""), StayedSilent(), EventRaised(name="late")]
    )
    def test_after_the_end_there_is_only_the_end(self, heard: CallerInput) -> None:
        ended = finish_call(call(), "caller-silent")
        state, move = hear(ended, LINE, heard)
        assert state == ended
        assert performed(move) == CallPlan(prompts=(), then=Finish(reason="caller-silent"))


class TestALateAgent:
    """We apologised for a turn that still runs, and listen."""

    def late(self, **fields: object) -> CallState:
        return call(running=True, gave_up=True, **fields)

    def test_silence_leads_to_the_late_answer_or_else_to_our_own_question(self) -> None:
        _, move = hear(self.late(), LINE, StayedSilent())
        assert isinstance(move, AwaitAgent)
        assert move.otherwise is not None
        state, otherwise = move.otherwise
        assert said(performed(otherwise)) == [words(PhraseName.STILL_THERE)]
        assert state.silences.prompts == 1

    def test_the_agents_wish_for_no_reply_begins_no_second_turn(self) -> None:
        _, move = hear(self.late(agent=AgentSettings(silence_seconds=5.0)), LINE, StayedSilent())
        assert isinstance(move, AwaitAgent)

    @pytest.mark.parametrize("heard", [Said(text="hello?"), Pressed(keys="1", ended_by="#"), EventRaised(name="e")])
    def test_what_the_caller_does_waits_for_the_turn(self, heard: CallerInput) -> None:
        state, move = hear(self.late(), LINE, heard)
        assert move == AwaitAgent()
        assert state.phase is Phase.THINKING
        assert state.queued or state.keys_kept

    def test_so_it_does_over_the_rest_of_a_long_answer(self) -> None:
        state = self.late(unsaid=MORE, after=listen(call(), PROFILE))
        state, move = hear(state, LINE, Said(text="hello?"))
        assert move == AwaitAgent()
        assert state.queued == (Said(text="hello?"),)


class TestTheLengthOfACall:
    @pytest.mark.parametrize("phase", [Phase.THINKING, Phase.LISTENING])
    def test_a_call_that_lasts_too_long_ends_with_a_spoken_goodbye(self, phase: Phase) -> None:
        ended = end_if_too_long(call(phase), LINE, PROFILE.max_call_seconds + 1.0)
        assert ended is not None
        state, move = ended
        assert said(performed(move)) == [words(PhraseName.MAX_DURATION)]
        assert performed(move).then == Finish(reason="max-duration")
        assert state.phase is Phase.ENDED

    def test_until_then_it_goes_on(self) -> None:
        assert end_if_too_long(call(), LINE, float(PROFILE.max_call_seconds)) is None

    def test_time_with_humans_does_not_count(self) -> None:
        state = call(forward=ForwardState(seconds=600))
        assert end_if_too_long(state, LINE, PROFILE.max_call_seconds + 600.0) is None
        assert end_if_too_long(state, LINE, PROFILE.max_call_seconds + 601.0) is not None

    @pytest.mark.parametrize("phase", [Phase.FORWARDING, Phase.ENDED])
    def test_the_limit_rests_while_a_human_is_on_the_line(self, phase: Phase) -> None:
        assert end_if_too_long(call(phase), LINE, 1e9) is None
