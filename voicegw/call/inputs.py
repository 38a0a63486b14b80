"""What reaches us from the phone, whatever carried it: the closed union `CallerInput`; and `Order`, from outside.

Knows nothing of webhooks or media streams; `voicegw.voiceflow.next_action` turns these into the agent's actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class ForwardOutcome(StrEnum):
    """How an attempt to reach a human ended; the carrier's words are translated once, where they arrive."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    DECLINED = "declined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallParties:
    """Who calls whom. `caller_number` is empty for a withheld or malformed caller; E.164 otherwise."""

    caller_number: str
    called_number: str
    caller_raw: str = ""
    caller_name: str = ""
    caller_country: str = ""
    forwarded_from: str = ""
    caller_verified: bool = False
    direction: str = "inbound"
    sip_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The phone rings."""

    kind: Literal["started"] = "started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The caller spoke. `confidence` is 0.0–1.0 where the recogniser gives one."""

    text: str
    confidence: float | None = None
    kind: Literal["said"] = "said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """The caller pressed keys. `ended_by` is the delimiter that closed the entry, "" when time or length did,
    None when the carrier did not tell. A delimiter pressed alone has no `keys`."""

    keys: str
    ended_by: str | None = None
    kind: Literal["pressed"] = "pressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StayedSilent:
    """The caller said and pressed nothing for as long as we listened."""

    kind: Literal["stayed-silent"] = "stayed-silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardEnded:
    """An attempt to reach a human is over. `bridged` is None where the carrier did not tell."""

    outcome: ForwardOutcome
    seconds: int = 0
    bridged: bool | None = None
    destination: str = ""
    kind: Literal["forward-ended"] = "forward-ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp:
    """The call is over. `reason` goes to the agent with its `end`."""

    reason: str = "hangup"
    kind: Literal["hung-up"] = "hung-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRaised:
    """Something outside the conversation that the agent should know of: its name and fields."""

    name: str
    fields: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    kind: Literal["event-raised"] = "event-raised"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReturned:
    """A request the agent itself handed out (a button's, a `goto`'s, a custom action's path), sent back verbatim."""

    request: Mapping[str, object]
    kind: Literal["request-returned"] = "request-returned"


CallerInput = Started | Said | Pressed | StayedSilent | ForwardEnded | HungUp | EventRaised | RequestReturned


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUpOrdered:
    """Somebody outside wants the call to end, after a `goodbye` or without a word."""

    goodbye: bool = True
    kind: Literal["hang-up-ordered"] = "hang-up-ordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardOrdered:
    """Somebody outside wants the caller forwarded: `address` is an alias, a number or a SIP URI, not yet judged."""

    address: str
    kind: Literal["forward-ordered"] = "forward-ordered"


Order = EventRaised | HangUpOrdered | ForwardOrdered
"""What somebody outside may ask of a live call. Not an input: it waits in the call's state for the next webhook."""
