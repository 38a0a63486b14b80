"""A call's redacted entries, one after the other, become its events: `fold` takes one more, `settle` the passing time.

Pure: a value in, a value out. A call may be known from its middle on, because another process saw the rest.
"""

from dataclasses import dataclass, replace
from typing import assert_never
from urllib.parse import urlsplit

from voicegw.call.entries import Entry
from voicegw.call.records import (
    CallEnded,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    PromptBegan,
    PromptCut,
    TurnBegan,
    TurnEnded,
)
from voicegw.events.payloads import (
    CallFacts,
    Event,
    Json,
    TurnSoFar,
    call_ended,
    call_failed,
    call_forwarded,
    call_started,
    turn_told,
)

TURN_SETTLES_SECONDS = 120.0
"""A finished turn is told when the next begins or the call ends; or once nothing was heard of it for this long, because
then it goes on in another process."""

TOLD = (
    *(CallRang, CallEnded, CallerSpoke, KeysPressed, CallerStayedSilent, PromptBegan, PromptCut),
    *(TurnBegan, TurnEnded, ForwardTried, ForwardFinished, Failed),
)
"""The records that matter to any event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSoFar:
    """What is still needed of a call's past. `heard`: since the last turn began; `dialled`: the human's line."""

    facts: CallFacts
    heard: tuple[Json, ...] = ()
    turn: TurnSoFar | None = None
    dialled: str = ""
    touched_at: float = 0.0


def fold(call: CallSoFar, entry: Entry) -> tuple[CallSoFar, tuple[Event, ...]]:
    """The call after one more entry, and the events that this makes, in order."""
    call = replace(call, touched_at=entry.at)
    facts, at = call.facts, entry.at
    match entry.record:
        case CallRang():
            return call, (call_started(facts, at),)
        case CallEnded(reason=reason):
            call, told = _close_turn(call, at)
            return call, (*told, call_ended(facts, at, reason))
        case CallerSpoke() | KeysPressed() | CallerStayedSilent() as heard:
            return replace(call, heard=(*call.heard, _heard(heard))), ()
        case TurnBegan(heard=kind):
            call, told = _close_turn(call, at)
            turn = TurnSoFar(number=entry.turn, input=kind, heard=call.heard, began_at=at)
            return replace(call, turn=turn, heard=()), told
        case PromptBegan() | PromptCut() | TurnEnded() as record:
            return replace(call, turn=call.turn and _go_on(call.turn, record, at)), ()
        case ForwardTried(address=address):
            return replace(call, dialled=address), ()
        case ForwardFinished(outcome=outcome, address=address, seconds=seconds, reason=reason):
            to = call.dialled or address
            told = (call_forwarded(facts, at, outcome=outcome, address=to, seconds=seconds, reason=reason),)
            return replace(call, dialled=""), told
        case Failed(part=part, code=code, reason=reason):
            return call, (call_failed(facts, at, turn=entry.turn, part=part, code=code, reason=reason),)
        case _:  # the other records make no event
            return call, ()


def settle(call: CallSoFar, now: float) -> tuple[CallSoFar, tuple[Event, ...]]:
    """The call once `now` (epoch seconds) has come: a finished turn that nothing follows is told."""
    rested = now - call.touched_at >= TURN_SETTLES_SECONDS
    if call.turn is None or call.turn.ended_at is None or not rested:
        return call, ()
    return _close_turn(call, now)


def _close_turn(call: CallSoFar, at: float) -> tuple[CallSoFar, tuple[Event, ...]]:
    if call.turn is None:
        return call, ()
    return replace(call, turn=None), (turn_told(call.facts, call.turn, at),)


def _go_on(turn: TurnSoFar, record: PromptBegan | PromptCut | TurnEnded, at: float) -> TurnSoFar:
    match record:
        case PromptBegan(filler=True):
            return turn
        case PromptBegan():
            answered_at = turn.answered_at if record.by_gateway or turn.answered_at else at
            return replace(turn, said=(*turn.said, _said(record)), answered_at=answered_at)
        case PromptCut(heard=heard):
            return replace(turn, interrupted_after=heard)
        case TurnEnded(failure=failure):
            return replace(turn, ended_at=at, failure=failure)
        case _:
            assert_never(record)


def _heard(record: CallerSpoke | KeysPressed | CallerStayedSilent) -> Json:
    match record:
        case CallerSpoke(text=text, confidence=confidence):
            return {"kind": "speech", "text": text, "confidence": confidence}
        case KeysPressed(keys=keys, ended_by=ended_by):
            return {"kind": "keys", "keys": keys, "endedBy": ended_by}
        case CallerStayedSilent():
            return {"kind": "silence"}
        case _:
            assert_never(record)


def _said(prompt: PromptBegan) -> Json:
    by = "gateway" if prompt.by_gateway else "agent"
    recording = {"recording": _without_query(prompt.source)} if prompt.source else {}
    return {"by": by, "text": prompt.text, **recording}


def _without_query(source: str) -> str:
    """Where a recording lies, if it has a URL; what follows the `?` may be what lets one fetch it."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.netloc else ""
