"""A call on media streams, seen from outside them: when it needs one, and how it goes on when one has ended. Pure.

Closing a stream is no end of a call: what follows it in the carrier's document asks us what to do, and the state knows.
What a stream was to say and has not said waits in the state (`unsaid`, `after`), as what did not fit into an answer.
"""

from dataclasses import replace
from typing import Final, Literal

from voicegw.call.bridging import ENDED, leave_bridge
from voicegw.call.inputs import CallerInput, Pressed, Said
from voicegw.call.instructions import Prompt
from voicegw.call.moves import AwaitAgent, Line, Move, go_on, listen, own_words
from voicegw.call.orders import hear_with_orders
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import BridgeRealtime, CallPlan, DialLeg, Finish, GoOn, HandOver, Listen
from voicegw.call.profile import Mode
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Phase, StreamState

MOST_LOST: Final = 3

StreamEnd = Literal["plan", "moved", "carrier-stopped", "no-media", "no-voice"]
"""Why a stream ended: as planned, to go on in another process, or because something failed."""


def is_streamed(state: CallState, line: Line) -> bool:
    """Do we hear and speak in this call ourselves?"""
    return (line.profile.mode is Mode.STREAM or state.bridge is not None) and not state.stream.given_up


def needs_stream(state: CallState, line: Line, plan: CallPlan) -> bool:
    """Has `plan` anything to say or to hear that we do ourselves? Hanging up and dialling are the carrier's."""
    return is_streamed(state, line) and (bool(plan.prompts) or isinstance(plan.then, Listen | GoOn | BridgeRealtime))


def open_stream(state: CallState, plan: CallPlan) -> CallState:
    """The carrier is told to open a stream; `plan` is what it begins with."""
    stream = replace(state.stream, count=state.stream.count + 1, open=True, claimed=False)
    return revise(state, stream=stream, unsaid=plan.prompts, after=plan.then)


def claim_stream(state: CallState) -> CallState:
    """The stream is here: no second one may take its place."""
    return revise(state, stream=replace(state.stream, claimed=True))


def leave_stream(
    state: CallState,
    line: Line,
    reason: StreamEnd,
    unsaid: tuple[Prompt, ...] = (),
    then: Finish | DialLeg | HandOver | None = None,
    keys: str = "",
    words: Said | None = None,
) -> CallState:
    """The stream has ended, in order: `unsaid` was not heard, `then` comes next where the plan ended the stream, no
    entry has taken `keys`, no turn `words`. A caller whose silent stream has failed is told that it takes a moment:
    each stream waits for them anew. Where the number's own mode goes on after a bridge, the state says already how."""
    if state.phase is not Phase.ENDED:
        state = revise(state, keys_kept=keys, queued=(*state.queued, words) if words is not None else state.queued)
    if not is_streamed(state, line):
        return revise(state, stream=replace(state.stream, open=False))
    stopped = reason == "carrier-stopped"
    lost = state.stream.lost + (reason not in ("plan", "moved"))
    given_up = state.stream.given_up or reason == "no-voice" or lost >= MOST_LOST
    stream = replace(state.stream, open=False, lost=lost, stopped=stopped, given_up=given_up)
    if lost > state.stream.lost and not unsaid and then is None and state.phase is not Phase.ENDED:
        unsaid = (own_words(PhraseName.RECOVERING, state, line.profile),)
    after = then or (_going_on(state, line) if unsaid else None)
    return revise(state, stream=stream, unsaid=unsaid, after=after)


def hear_after_stream(state: CallState, line: Line) -> tuple[CallState, Move]:
    """What follows a stream: what it left to do. One that nobody ended was lost, with its process or on its way: the
    caller is told that it takes a moment."""
    if state.stream.open and state.phase is not Phase.ENDED:
        lost = state.stream.lost + 1
        stream = StreamState(count=state.stream.count, lost=lost, given_up=lost >= MOST_LOST)
        moment = own_words(PhraseName.RECOVERING, state, line.profile)
        after = state.after or _going_on(state, line)
        told = moment in state.unsaid  # by a stream that was lost before it could say so
        state = revise(state, stream=stream, unsaid=state.unsaid if told else (moment, *state.unsaid), after=after)
    if state.bridge is not None and state.phase is not Phase.ENDED:  # a server has lost its caller
        return leave_bridge(state, line, ENDED)
    if state.phase is Phase.LISTENING and state.queued and not isinstance(state.after, HandOver):
        # The caller has spoken already; what is left to be said is said before the answer.
        first, *rest = state.queued
        return hear_with_orders(revise(state, queued=tuple(rest), after=None), line, first)
    return hear_with_orders(state, line, None)


def hear_on_stream(state: CallState, line: Line, heard: CallerInput) -> tuple[CallState, Move]:
    """The transition for what a stream has heard. Its keys are whole entries: one that has to wait for the agent is
    asked as it was pressed, neither joined with later keys nor held until there are some."""
    kept = state.keys_kept
    state, move = hear_with_orders(state, line, heard)
    if isinstance(heard, Pressed) and move == AwaitAgent():
        entry = Pressed(keys=heard.keys or heard.ended_by or "", ended_by=None)
        state = revise(state, keys_kept=kept, queued=(*state.queued, entry))
    return state, move


def note_webhook(state: CallState) -> CallState:
    """The carrier has asked: the caller is still there."""
    return revise(state, stream=replace(state.stream, stopped=False)) if state.stream.stopped else state


def note_answer(state: CallState) -> CallState:
    """The caller has said or pressed something: the streams work."""
    return revise(state, stream=replace(state.stream, lost=0)) if state.stream.lost else state


def _going_on(state: CallState, line: Line) -> Listen | GoOn | BridgeRealtime:
    listening = state.phase is Phase.LISTENING
    return listen(state, line.profile) if listening else go_on(state, line.profile)
