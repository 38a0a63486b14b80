"""What the caller does → what the call does next. Pure transitions of `CallState`; `answer` has the agent's half.

THINKING: what is heard waits for the turn's end, never two turns at once; the escape key works even so.
LISTENING: the first input wins; silence leads to the agent's `no-reply` or to our own prompts and goodbye.
FORWARDING: every outcome is explained, tried elsewhere or told to the agent.
"""

from typing import assert_never

from voicegw.call.forward_conduct import begin_human_forward, forward_ended
from voicegw.call.inputs import (
    CallerInput,
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
from voicegw.call.keypad_entry import is_trailing_delimiter, read_entry
from voicegw.call.moves import (
    AskAgent,
    AwaitAgent,
    Line,
    Move,
    Perform,
    hearing_now,
    is_collecting,
    keypad_in_force,
    listen,
    own_words,
    silence_to_await,
)
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import CallPlan, DialLeg, Finish, GoOn, Listen, Then
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Phase, Silences, finish_call, forget_queued

ABANDONED_AFTER_SECONDS = 900.0
STREAM_GONE_SECONDS = 30.0
"""A carrier asks what follows a stream at once, if there is still somebody to ask for."""


def hear(state: CallState, line: Line, heard: CallerInput) -> tuple[CallState, Move]:
    """The transition for one input from the phone. Every input is valid in every phase."""
    if isinstance(heard, HungUp):
        return finish_call(state, heard.reason), _finish(heard.reason)
    if state.phase is not Phase.ENDED and is_escape(state, line, heard):
        return begin_human_forward(revise(forget_queued(state), keys_kept="", unsaid=(), after=None), line)
    if state.phase is not Phase.ENDED and _means_nothing(state, line, heard):
        state, heard = _resume(state, line), StayedSilent()
    if state.after is not None:
        return _hear_before_the_rest(state, line, heard, state.after)
    match state.phase:
        case Phase.THINKING:
            return _hear_while_thinking(state, heard)
        case Phase.LISTENING if state.running:
            return _hear_while_late(state, line, heard)
        case Phase.LISTENING:
            return _hear_while_listening(state, line, heard)
        case Phase.FORWARDING:
            return _hear_while_forwarding(state, line, heard)
        case Phase.ENDED:
            return state, _finish(state.ended_reason)
        case _:
            assert_never(state.phase)


def go_on_after_loss(state: CallState, line: Line) -> tuple[CallState, Move]:
    """The transition for an input that never reached us, whatever it was: it is asked for again, a forward whose
    outcome it was counts as failed (it must not be dialled twice), and what is going on goes on."""
    if state.phase is Phase.FORWARDING:
        return forward_ended(revise(state, after=None), line, ForwardEnded(outcome=ForwardOutcome.FAILED))
    if state.phase is Phase.LISTENING and not state.running and state.after is None:
        sorry = own_words(PhraseName.FAILURE, state, line.profile)
        return state, Perform(CallPlan(prompts=(sorry,), then=listen(state, line.profile)))
    return hear(state, line, StayedSilent())


def end_if_too_long(state: CallState, line: Line, now: float) -> tuple[CallState, Move] | None:
    """A spoken goodbye once the call is over its length (`now`: epoch seconds); time with humans does not count."""
    if state.phase not in (Phase.THINKING, Phase.LISTENING):
        return None
    if now - state.started_at - state.forward.seconds <= line.profile.max_call_seconds:
        return None
    goodbye = own_words(PhraseName.MAX_DURATION, state, line.profile)
    plan = CallPlan(prompts=(goodbye,), then=Finish(reason="max-duration"))
    return finish_call(state, "max-duration"), Perform(plan)


def is_abandoned(state: CallState, now: float) -> bool:
    """Has nobody done anything for so long (`now`: epoch seconds) that the call must be over, though nobody said so?"""
    dialled = state.forward.dialled if state.phase is Phase.FORWARDING else None
    rest = dialled.time_limit_seconds + dialled.ring_seconds if dialled else 0
    patience = STREAM_GONE_SECONDS if state.stream.stopped else ABANDONED_AFTER_SECONDS + rest
    return now - max(state.spoken.at, state.started_at) > patience


def is_escape(state: CallState, line: Line, heard: CallerInput) -> bool:
    """Is this the number's escape key or word? A key counts only alone; words ignore case and punctuation."""
    profile = line.profile
    match heard:
        case Pressed(keys=keys, ended_by=ended_by):
            pressed = state.keys_kept + keys
            # A delimiter may be the escape key itself: pressed alone it arrives as what ended an entry of no keys.
            return bool(profile.escape_key) and profile.escape_key in (pressed, pressed + (ended_by or ""))
        case Said(text=text):
            words = {_bare(word) for word in profile.escape_words} - {""}
            return bool(words) and _bare(text) in words
        case _:
            return False


def _hear_before_the_rest(state: CallState, line: Line, heard: CallerInput, after: Then) -> tuple[CallState, Move]:
    """There was more to say than one answer holds: say the rest, unless the caller interrupts to go on talking."""
    match after:
        case Listen() if state.queued and not state.unsaid:  # it waited while a document of the agent's had the call
            waited = _queue(revise(state, after=None), heard)
            return take_queued(waited, line) or (waited, Perform(CallPlan(prompts=(), then=after)))
        case Listen() if _is_said_or_pressed(heard):
            return hear(revise(state, unsaid=(), after=None), line, heard)
        case Listen() if isinstance(heard, EventRaised | RequestReturned):
            return hear(revise(state, after=None), line, heard)
        case GoOn() if not isinstance(heard, StayedSilent):
            return _hear_while_thinking(revise(state, after=None), heard)
        case DialLeg():
            state = _queue_before_dialling(state, line, heard)
        case _:
            pass
    rest = CallPlan(prompts=state.unsaid, then=after)
    return revise(state, unsaid=(), after=None), Perform(rest)


def _is_said_or_pressed(heard: CallerInput) -> bool:
    return isinstance(heard, Pressed) or (isinstance(heard, Said) and bool(heard.text.strip()))


def _means_nothing(state: CallState, line: Line, heard: CallerInput) -> bool:
    """Keys that are not asked for, and a delimiter after an entry that its length had ended, are no input."""
    if not isinstance(heard, Pressed):
        return False
    keypad = keypad_in_force(state, line.profile)
    return not keypad.enabled or (state.entry_full and is_trailing_delimiter(keypad, heard))


def _resume(state: CallState, line: Line) -> CallState:
    """What such keys have cut off is said again."""
    state = revise(state, entry_full=False, unsaid=state.repeatable + state.unsaid, repeatable=())
    if state.phase is Phase.LISTENING and state.after is None:
        return revise(state, after=listen(state, line.profile))
    return state


def _hear_while_forwarding(state: CallState, line: Line, heard: CallerInput) -> tuple[CallState, Move]:
    """What the caller does before the leg rings waits until the dialogue goes on; the leg is dialled all the same."""
    leg = state.forward.dialled
    if isinstance(heard, ForwardEnded) or leg is None:
        return forward_ended(state, line, _as_outcome(heard))
    state = _queue_before_dialling(state, line, heard)
    then = DialLeg(leg=leg, hearing=hearing_now(state, line.profile))
    return state, Perform(CallPlan(prompts=(), then=then))


def _hear_while_late(state: CallState, line: Line, heard: CallerInput) -> tuple[CallState, Move]:
    """We gave up on a turn that still runs: its late answer is spoken, unless the caller has begun something new."""
    if isinstance(heard, StayedSilent):
        after, move = _ask_whether_there(state, line)
        return state, AwaitAgent(otherwise=(after, move))
    return _hear_while_thinking(revise(state, phase=Phase.THINKING), heard)


def _hear_while_thinking(state: CallState, heard: CallerInput) -> tuple[CallState, Move]:
    """Queue what the caller does; what did not fit into the last answer is said first, unless interrupted."""
    return _queue(state, heard), AwaitAgent()


def _queue_before_dialling(state: CallState, line: Line, heard: CallerInput) -> CallState:
    """Nothing of ours is dropped for what is said over an announcement."""
    return state if _means_nothing(state, line, heard) else revise(_queue(state, heard), interrupted=False)


def _queue(state: CallState, heard: CallerInput) -> CallState:
    """Keep `heard` for the turn's end. Over the agent's words it is an interruption; over a filler, which is no
    answer, it is none: the answer is still owed."""
    interrupted = state.interrupted or not state.spoken.filler
    match heard:
        case Said(text=text) if text.strip():
            last = state.queued[-1] if state.queued else None
            if isinstance(last, Said):
                joined = Said(text=f"{last.text} {text}", confidence=heard.confidence)
                return revise(state, queued=(*state.queued[:-1], joined), interrupted=interrupted)
            return revise(state, queued=(*state.queued, heard), interrupted=interrupted)
        case Pressed(keys=keys, ended_by=ended_by):
            kept = state.keys_kept + keys + (ended_by or "")
            return revise(state, keys_kept=kept, interrupted=interrupted, entry_full=False)
        case EventRaised() | RequestReturned():
            return revise(state, queued=(*state.queued, heard))
        case Said() | Started() | StayedSilent() | ForwardEnded() | HungUp():
            return state
        case _:
            assert_never(heard)


def _hear_while_listening(state: CallState, line: Line, heard: CallerInput) -> tuple[CallState, Move]:
    match heard:
        case Said(text=text) if text.strip():
            return _active(state), AskAgent(heard)
        case Pressed():
            return _press(state, line, heard, paused=True)
        case EventRaised() | RequestReturned():
            return _active(state), AskAgent(heard)
        case Said() | StayedSilent() | Started() | ForwardEnded() | HungUp():
            return _stay_silent(state, line)
        case _:
            assert_never(heard)


def take_queued(state: CallState, line: Line) -> tuple[CallState, Move] | None:
    """Act on what the caller did while the agent was thinking; None if nothing of it is complete yet."""
    if state.queued:
        first, *rest = state.queued
        return _active(revise(state, queued=tuple(rest))), AskAgent(first)
    if not state.keys_kept:
        return None
    after, move = _press(state, line, Pressed(keys="", ended_by=""), paused=False)
    return (after, move) if isinstance(move, AskAgent) else None


def _press(state: CallState, line: Line, pressed: Pressed, *, paused: bool) -> tuple[CallState, Move]:
    profile = line.profile
    keypad = keypad_in_force(state, profile)
    one_key = state.asked.legacy_keypad or (0 < len(state.asked.buttons) <= 9 and not is_collecting(state))
    if one_key and (stream := state.keys_kept + pressed.keys + (pressed.ended_by or "")):
        state = revise(_active(state), keys_kept=stream[1:])
        return state, AskAgent(Pressed(keys=stream[0], ended_by=""))
    entry = read_entry(keypad, state.keys_kept, pressed, paused=paused)
    if entry.keys is None and paused and entry.kept:
        # gap 0: only a delimiter or the length submits, and the no-reply time has passed since the last key
        return _stay_silent(revise(state, keys_kept=""), line)
    if entry.keys is None:
        state = revise(state, keys_kept=entry.kept)
        return state, Perform(CallPlan(prompts=(), then=listen(state, profile)))
    state = revise(_active(state), keys_kept=entry.kept, entry_full=entry.full)
    return state, AskAgent(Pressed(keys=entry.keys, ended_by=""))


def _stay_silent(state: CallState, line: Line) -> tuple[CallState, Move]:
    """Kept keys are an entry now; otherwise the agent's `no-reply`, or our own prompts and at last a goodbye."""
    if state.keys_kept:
        return _press(state, line, Pressed(keys="", ended_by=""), paused=True)
    if state.agent.silence_seconds is not None:
        return revise(state, entry_full=False), AskAgent(StayedSilent())
    return _ask_whether_there(state, line)


def _ask_whether_there(state: CallState, line: Line) -> tuple[CallState, Perform]:
    """The number's own prompts to a silent caller, and at last its goodbye."""
    profile = line.profile
    seconds = state.silences.seconds + silence_to_await(state, profile)
    said = state.silences.prompts
    if said >= len(profile.silence.prompts_at_seconds) or seconds >= profile.silence.goodbye_at_seconds:
        goodbye = own_words(PhraseName.GOODBYE_SILENCE, state, profile)
        plan = CallPlan(prompts=(goodbye,), then=Finish(reason="caller-silent"))
        return finish_call(state, "caller-silent"), Perform(plan)
    state = revise(state, silences=Silences(seconds=seconds, prompts=said + 1), entry_full=False)
    still_there = own_words(PhraseName.STILL_THERE, state, profile, variant=said)
    return state, Perform(CallPlan(prompts=(still_there,), then=listen(state, profile)))


def _active(state: CallState) -> CallState:
    """The caller did something: silence and automatic hops start anew."""
    return revise(state, silences=Silences(), hops=0, entry_full=False)


def _as_outcome(heard: CallerInput) -> ForwardEnded:
    return heard if isinstance(heard, ForwardEnded) else ForwardEnded(outcome=ForwardOutcome.FAILED)


def _finish(reason: str) -> Perform:
    return Perform(CallPlan(prompts=(), then=Finish(reason=reason)))


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
