"""What a receiver is told, document by document: `runtime.call.*` in Voiceflow's own shape, `call.*` in ours.

Pure. Which entries of a call become which of these is `events.folding`; docs/events.md shows an example of each.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CALL_STARTED: Final = "runtime.call.start"
CALL_ENDED: Final = "runtime.call.end"
TURN: Final = "call.turn"
FORWARDED: Final = "call.forwarded"
FAILED: Final = "call.failed"
EVENT_TYPES: Final = (CALL_STARTED, CALL_ENDED, TURN, FORWARDED, FAILED)

# "common reasons include "hangup" "end trace" "twiml" "answering machine"" (Voiceflow, runtime.call.end); any text may
# stand there, so reasons that Voiceflow has no word for stay ours.
_END_REASONS: Mapping[str, str] = {"agent-ended": "end trace"}

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNames:
    """The agent that serves a called number, as Voiceflow names it. `environment`: its alias, empty if none is set."""

    project_id: str
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What stands in every event of a call. `started_at`: epoch seconds; numbers are empty where nobody knows them."""

    call_sid: str
    caller_number: str
    called_number: str
    started_at: float
    names: AgentNames
    direction: str = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, for whoever wants it. `occasion` tells it from others of its type in one call; `body` is JSON."""

    type: str
    call_sid: str
    occasion: str
    at: float
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSoFar:
    """A turn of the agent and what led to it, instants in epoch seconds; `heard` and `said` as they are told."""

    number: int
    input: str
    heard: Sequence[Json]
    began_at: float
    said: Sequence[Json] = ()
    answered_at: float | None = None
    ended_at: float | None = None
    interrupted_after: str | None = None
    failure: str = ""


def call_started(call: CallFacts, at: float) -> Event:
    """The phone rings."""
    return _event(CALL_STARTED, call, "", at, {"startTime": _ms(call.started_at)})


def call_ended(call: CallFacts, at: float, reason: str) -> Event:
    """The call is over; `reason` as in `call.records.CallEnded`."""
    ended = {
        "startTime": _ms(call.started_at),
        "endTime": _ms(at),
        "endReason": _END_REASONS.get(reason, reason),
    }
    return _event(CALL_ENDED, call, "", at, ended)


def turn_told(call: CallFacts, turn: TurnSoFar, at: float) -> Event:
    """The caller has heard the agent's answer, or went on without it."""
    told = {
        "number": turn.number,
        "input": turn.input,
        "heard": list(turn.heard),
        "said": list(turn.said),
        "startTime": _ms(turn.began_at),
        "answerTime": _ms(turn.answered_at),
        "endTime": _ms(turn.ended_at),
        "interruptedAfter": turn.interrupted_after,
        "failure": turn.failure,
    }
    return _event(TURN, call, str(turn.number), at, {"turn": told})


def call_forwarded(call: CallFacts, at: float, *, outcome: str, address: str, seconds: int, reason: str) -> Event:
    """An attempt to reach a human is over; `seconds` is how long the two talked."""
    told = {"outcome": outcome, "address": address, "seconds": seconds, "reason": reason}
    return _event(FORWARDED, call, f"{_ms(at)}/{address}", at, {"forward": told})


def call_failed(call: CallFacts, at: float, *, turn: int, part: str, code: str, reason: str) -> Event:
    """Something went wrong on the call, which usually goes on."""
    told = {"turn": turn, "part": part, "code": code, "reason": reason}
    return _event(FAILED, call, f"{_ms(at)}/{part}/{code}", at, {"failure": told})


def _event(kind: str, call: CallFacts, occasion: str, at: float, own: Json) -> Event:
    document = {
        "type": kind,
        "data": {
            # Voiceflow's own numbers know callers by their number; one who withholds it is nobody but this call.
            "userID": call.caller_number or call.call_sid,
            "projectID": call.names.project_id,
            "environmentID": call.names.environment,
            **own,
            "platform": "twilio",
            "metadata": {
                "callSid": call.call_sid,
                "callType": "outbound" if call.direction.startswith("outbound") else "inbound",
                "userNumber": call.caller_number,
                "agentNumber": call.called_number,
            },
        },
        "time": _ms(at),
        "resource": f"project-{call.names.project_id}",
    }
    # ASCII only: a lone surrogate or a NUL in what was said breaks neither the database nor the signature.
    body = json.dumps(document, separators=(",", ":"))
    return Event(type=kind, call_sid=call.call_sid, occasion=occasion, at=at, body=body)


def _ms(at: float | None) -> int | None:
    """Epoch milliseconds: "unix timestamp MS" (Voiceflow)."""
    return None if at is None else round(at * 1000)
