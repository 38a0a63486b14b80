"""What can be said to an agent: the `Action` union, its constructors, and its JSON in both directions.

Pure. The models of the single kinds live in requests.py. Knows no session, no HTTP, no call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from voicegw.voiceflow.requests import (
    AlexaIntentAction,
    DtmfAction,
    EndAction,
    EndPayload,
    EventAction,
    EventPayload,
    FileAction,
    GeneralAction,
    IntentAction,
    LaunchAction,
    LaunchPayload,
    LegacyIntentAction,
    LiveAgentHandoffAction,
    MessageAction,
    Named,
    NoReplyAction,
    OperationsAction,
    PathAction,
    TextAction,
)

CallType = Literal["inbound", "outbound"]

MAX_REQUEST_CHARACTERS = 16_384
"""Of a request that an agent wrote: it stands in the call's state at every step, and in the call log."""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A request that the agent wrote itself (a button's, a `goto`'s): sent back exactly as it came."""

    data: Mapping[str, object]


TypedAction = (
    LaunchAction
    | TextAction
    | FileAction
    | OperationsAction
    | IntentAction
    | EventAction
    | PathAction
    | NoReplyAction
    | MessageAction
    | EndAction
    | DtmfAction
    | LiveAgentHandoffAction
    | GeneralAction
    | AlexaIntentAction
    | LegacyIntentAction
)
Action = TypedAction | Verbatim


def launch(call_type: CallType, caller_number: str, agent_number: str) -> LaunchAction:
    """A call was answered: what Voiceflow's own phone product sends, read in the agent from `last_event`.

    Numbers are E.164; `caller_number` is empty when it is withheld.
    """
    facts = {"callType": call_type, "userNumber": caller_number, "agentNumber": agent_number}
    return LaunchAction(type="launch", payload=LaunchPayload.model_validate(facts))


def text(words: str) -> TextAction:
    """The caller said `words`."""
    return TextAction(type="text", payload=words)


def dtmf(keys: str) -> DtmfAction:
    """The caller keyed `keys`, without the delimiter that ended the entry."""
    return DtmfAction(type="dtmf", payload=keys)


def no_reply() -> NoReplyAction:
    """The caller stayed silent for as long as the `no-reply` trace said."""
    return NoReplyAction(type="no-reply")


def end(reason: str) -> EndAction:
    """The call is over, because of `reason` (`hangup` when a side hung up)."""
    return EndAction(type="end", payload=EndPayload(reason=reason))


def event(name: str, **fields: object) -> EventAction:
    """Something happened outside the conversation; `fields` are JSON values that stand beside the name."""
    named = Named.model_validate({"name": name, **fields})
    return EventAction(type="event", payload=EventPayload(event=named))


def custom(request_type: str) -> GeneralAction:
    """The answer to a custom action that stopped the turn: the type of the path to go down."""
    return GeneralAction(type=request_type)


def render_action(action: Action) -> dict[str, object]:
    """Give the request's JSON as the contract spells it: what was set, and no null of ours."""
    if isinstance(action, Verbatim):
        return dict(action.data)
    return action.model_dump(by_alias=True, exclude_unset=True)


# A type may fit several kinds of the contract's anyOf; the most telling one wins.
_KINDS_BY_TYPE: dict[str, tuple[type[TypedAction], ...]] = {
    "launch": (LaunchAction,),
    "text": (TextAction,),
    "file": (FileAction,),
    "action": (OperationsAction,),
    "intent": (IntentAction, AlexaIntentAction, LegacyIntentAction),
    "event": (EventAction,),
    "no-reply": (NoReplyAction,),
    "message": (MessageAction,),
    "end": (EndAction,),
    "dtmf": (DtmfAction,),
    "live-agent-handoff": (LiveAgentHandoffAction,),
}
_KINDS_OF_ANY_TYPE: tuple[type[TypedAction], ...] = (PathAction, GeneralAction)


def parse_action(data: object) -> TypedAction | None:
    """Read a request as the most telling kind that it fits, extra fields kept; None if it fits none.

    `render_action` gives the same JSON back. Never raises.
    """
    if not isinstance(data, dict) or not isinstance(request_type := data.get("type"), str):
        return None
    for kind in (*_KINDS_BY_TYPE.get(request_type, ()), *_KINDS_OF_ANY_TYPE):
        try:
            return kind.model_validate(data, by_alias=True, by_name=False)
        except ValidationError:
            continue
    return None


def parse_request(data: object) -> Verbatim | None:
    """Take a request the agent wrote, if it fits the contract's `AnyRequest` and is no longer than
    `MAX_REQUEST_CHARACTERS` as JSON; else None. Never raises."""
    if not isinstance(data, dict) or parse_action(data) is None or len(json.dumps(data)) > MAX_REQUEST_CHARACTERS:
        return None
    return Verbatim(data)
