"""A caller and a speech-to-speech server, seen from the dialogue: when they are bridged, and what comes after. Pure.

The agent's answer that brings START stays open, but need not: the bridge holds until END, until the agent wants
something else of the call, or until the server is gone, of which the agent is told by an event.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from voicegw.call.inputs import EventRaised
from voicegw.call.instructions import ControlRealtime, Forward, HangUp, Instruction, StartRealtime
from voicegw.call.moves import AskAgent, Line, Move, Perform, listen, own_words
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import CallPlan
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Phase, Silences

MAX_HOPS: Final = 3
"""How often a turn leads to the next without the caller."""

ENDED: Final = EventRaised(name="realtime_ended")
UNAVAILABLE: Final = EventRaised(name="realtime_unavailable")


def control_bridge(state: CallState, control: ControlRealtime) -> CallState:
    """The agent steers a bridge: END leaves it, or takes back one that has not begun."""
    if control.action != "END":
        return state
    start = state.ending
    return revise(state, bridge=None, ending=replace(start, ended=True) if isinstance(start, StartRealtime) else start)


def enter_bridge(state: CallState, line: Line) -> CallState:
    """What began is in force at once, however long the turn goes on, where there is a server; else it waits as the
    turn's ending, also if the agent has taken it back: a caller who was promised an assistant hears that there is none.
    What the agent wants of the call after it ends the bridge."""
    start = state.ending
    if isinstance(start, StartRealtime) and line.realtime and not state.stream.given_up:
        return revise(state, bridge=None if start.ended else start, ending=None)
    return revise(state, bridge=None) if state.ending is not None and state.bridge is not None else state


def is_bridged(instructions: Iterable[Instruction], before: bool) -> bool:
    """Whether a turn stays open for a bridge after these instructions: nobody waits for such an answer to end."""
    for instruction in instructions:
        match instruction:
            case StartRealtime():
                before = True
            case ControlRealtime(action="END") | Forward() | HangUp():
                before = False
            case _:
                pass
    return before


def leave_bridge(state: CallState, line: Line, event: EventRaised) -> tuple[CallState, Move]:
    """The server is gone (`ENDED`), or could not be had (`UNAVAILABLE`): the agent is told at once, a turn that still
    runs is left behind. An agent that knows nothing better than to begin again is not asked for ever."""
    state, prompts = revise(state, bridge=None, gave_up=state.running), state.unsaid
    if event == UNAVAILABLE or state.hops >= MAX_HOPS:
        prompts = (*prompts, own_words(PhraseName.REALTIME_UNAVAILABLE, state, line.profile))
    if state.hops >= MAX_HOPS:
        state = revise(state, unsaid=(), phase=Phase.LISTENING, silences=Silences(), interrupted=False)
        return state, Perform(CallPlan(prompts=prompts, then=listen(state, line.profile)))
    return revise(state, unsaid=prompts, after=None, hops=state.hops + 1), AskAgent(event)
