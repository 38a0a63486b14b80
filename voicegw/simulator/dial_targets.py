"""PURE: the nouns of a `<Dial>` → whom to call, under which caller ID, and what the vendor would not accept."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from twiml import Client, Dial, Number, Sip

BAD_NUMBER = 13223
BAD_CALLER_ID = 13214
BAD_SEND_DIGITS = 13222
BAD_SIP_URI = 13224
BAD_TIMEOUT = 13212
MAX_TARGETS = 10
MAX_SIP_URI_CHARS = 255

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SEND_DIGITS = re.compile(r"[0-9A-D*#wW]*")
_SIP_URI = re.compile(r"sips?:[^@\s]+@[^@\s]+")
_SIP_CALLER_ID = re.compile(r"[A-Za-z0-9+\-_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One party to call. `refused` is the vendor's code and reason if the leg fails without ringing."""

    kind: Literal["number", "sip", "client"]
    address: str
    send_digits: str = ""
    whisper_url: str | None = None
    whisper_method: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    status_callback_events: frozenset[str] = frozenset({"completed"})
    refused: tuple[int, str] | None = None


def read_targets(
    verb: Dial, caller_id: str, may_be_caller_ids: Collection[str]
) -> tuple[tuple[Target, ...], tuple[tuple[int, str], ...]]:
    """Whom a Dial calls, at once or in this order, and warnings (code, text)."""
    nouns = [noun for noun in verb.children if isinstance(noun, Number | Sip | Client)]
    if verb.number:
        nouns.insert(0, Number(verb.number))
    warnings = [
        (0, f"the simulator cannot dial <{getattr(noun, 'TAG', '')}>")
        for noun in verb.children
        if not isinstance(noun, Number | Sip | Client) and hasattr(noun, "TAG")
    ]
    if len(nouns) > MAX_TARGETS:
        warnings.append((BAD_NUMBER, f"Dial: more than {MAX_TARGETS} parties"))
    targets = tuple(_target(noun, caller_id, may_be_caller_ids) for noun in nouns[:MAX_TARGETS])
    warnings += [
        (BAD_SEND_DIGITS, f"Number: invalid sendDigits {noun.send_digits!r}")
        for noun in nouns
        if isinstance(noun, Number) and not _SEND_DIGITS.fullmatch(noun.send_digits or "")
    ]
    warnings += [target.refused for target in targets if target.refused is not None]
    return targets, tuple(warnings)


def read_ring_seconds(verb: Dial) -> tuple[float, tuple[tuple[int, str], ...]]:
    """How long a Dial rings, "timeout (30; 5–600)", without the carrier's own grace."""
    if verb.timeout is None:
        return 30.0, ()
    if 5 <= verb.timeout <= 600:
        return verb.timeout, ()
    return min(max(verb.timeout, 5), 600), ((BAD_TIMEOUT, f"Dial: timeout {verb.timeout} is not 5 to 600"),)


def _target(noun: Number | Sip | Client, caller_id: str, may_be: Collection[str]) -> Target:
    refused: tuple[int, str] | None = None
    send_digits = ""
    match noun:
        case Number():
            kind, address = "number", re.sub(r"[\s().-]", "", noun.number)
            if not _NUMBER.fullmatch(address):
                refused = BAD_NUMBER, f"Dial: invalid number {noun.number!r}"
            elif caller_id not in may_be:
                # The vendor: "may be: To or From of current request, an owned number, or a verified number"
                refused = BAD_CALLER_ID, f"Dial: callerId {caller_id!r} is neither a party of the call nor owned"
            if _SEND_DIGITS.fullmatch(noun.send_digits or ""):
                send_digits = noun.send_digits or ""
        case Sip():
            kind, address = "sip", noun.uri
            if not _SIP_URI.fullmatch(address) or len(address.partition("?")[0]) > MAX_SIP_URI_CHARS:
                refused = BAD_SIP_URI, f"Dial: invalid SIP address {address!r}"
            elif not _SIP_CALLER_ID.fullmatch(caller_id):
                refused = BAD_CALLER_ID, f"Dial: callerId {caller_id!r} cannot be sent to a SIP address"
        case _:
            names = [child.identity for child in noun.children if hasattr(child, "identity")]
            kind, address = "client", noun.identity or next(iter(names), "")
            if not address:
                refused = BAD_NUMBER, "Dial: a Client without identity"
    events = frozenset((noun.status_callback_event or "completed").split())
    return Target(
        kind=kind,  # type: ignore[arg-type]  # one of three literals, above
        address=address,
        send_digits=send_digits,
        whisper_url=noun.url,
        whisper_method=noun.method,
        status_callback=noun.status_callback,
        status_callback_method=noun.status_callback_method,
        status_callback_events=events,
        refused=refused,
    )
