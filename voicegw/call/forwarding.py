"""May this call be forwarded there, and how is it dialled? Default deny: forwarding is money, and people.

The agent names an alias, and the operator owns what is behind it; or it names a number or a SIP address, which
must lie inside the allow-list. Only the normalised form is dialled. Counts of the past are arguments.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from voicegw.call.addresses import (
    SEPARATORS,
    PhoneAddress,
    RefusalReason,
    SipAddress,
    forbidden_range,
    forbidden_sip_user,
    has_ordinary_rate,
    is_allowed,
    is_e164,
    is_real_number,
    line_of,
    parse_phone,
    parse_sip,
    sip_user_as_phone,
)
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import Forward
from voicegw.call.plan import Leg
from voicegw.call.profile import Destination, Forwarding, NumberProfile

__all__ = [
    "Leg",
    "Refusal",
    "RefusalReason",
    "Route",
    "decide_forward",
    "fallback_route",
    "human_route",
    "judge_destination",
    "returning_name",
    "ringing_name",
]

MAX_ADDRESS_CHARS = 255
# "sendDigits: 0-9 A-D * # w W" (Twilio, <Number>); longer than any extension with its pauses.
_SENT_DIGITS = re.compile(r"[0-9A-D*#wW]{1,32}")
_NOTHING_DIALLED: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where the call may go: one leg or more, to be tried in order. `name` is the alias or the address."""

    destinations: tuple[Leg, ...]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Nothing is dialled. `address` is what was asked for, as received (cut at 255 characters)."""

    reason: RefusalReason
    address: str


def decide_forward(
    request: Forward,
    *,
    profile: NumberProfile,
    parties: CallParties,
    own_numbers: frozenset[str],
    attempts_so_far: int,
    dialled_last_hour: Mapping[str, int] = _NOTHING_DIALLED,
) -> Route | Refusal:
    """Decide on the agent's wish to forward; never raises, whatever the agent named.

    `own_numbers` are the E.164 numbers and SIP addresses that the gateway answers. `attempts_so_far` counts the
    call's legs dialled and refusals. `dialled_last_hour` maps a leg's address to how often it was dialled.
    """
    policy = _Policy(profile, parties, own_numbers, attempts_so_far, dialled_last_hour)
    if request.address_type == "human":
        return policy.route_to_alias(profile.forwarding.human, request)
    if _find_alias(request.address, profile.forwarding) is not None:
        return policy.route_to_alias(request.address, request)
    return policy.route_to_raw_address(request)


def human_route(
    profile: NumberProfile,
    *,
    parties: CallParties,
    own_numbers: frozenset[str],
    attempts_so_far: int = 0,
    dialled_last_hour: Mapping[str, int] = _NOTHING_DIALLED,
) -> Route | Refusal:
    """The way to the number's human destination, the alias in `forwarding.human`."""
    policy = _Policy(profile, parties, own_numbers, attempts_so_far, dialled_last_hour)
    return policy.route_to_alias(profile.forwarding.human, Forward(address="", address_type="human"))


def fallback_route(
    profile: NumberProfile,
    *,
    parties: CallParties,
    own_numbers: frozenset[str],
    attempts_so_far: int = 0,
    dialled_last_hour: Mapping[str, int] = _NOTHING_DIALLED,
) -> Route | Refusal:
    """The way to the number's fallback destinations, for an agent that cannot go on."""
    policy = _Policy(profile, parties, own_numbers, attempts_so_far, dialled_last_hour)
    return policy.route(profile.fallback, name="fallback", request=Forward(address="fallback"))


def ringing_name(leg: Leg, parties: CallParties) -> str:
    """What names a leg that we dial for a call, should it come back to us: whom we dial, and whom that leg shows.

    Without a caller ID of ours the carrier shows the caller ("default: inbound caller's number passes through").
    """
    return f"ringing/{line_of(leg.address)}/{line_of(leg.caller_id or parties.caller_number)}"


def returning_name(parties: CallParties) -> str:
    """The `ringing_name` of the leg that this new call is, if it is one of ours; empty if nobody forwarded it.

    `ForwardedFrom` names the line that forwarded. A carrier that leaves it out hides the loop.
    """
    if not parties.forwarded_from:
        return ""
    forwarder = parties.forwarded_from
    forwarder = forwarder if forwarder.startswith(("+", "sip")) else f"+{forwarder}"
    return f"ringing/{line_of(forwarder)}/{line_of(parties.caller_number)}"


def judge_destination(to: str, *, own_numbers: frozenset[str], called_number: str = "") -> str | RefusalReason:
    """The normalised form of a destination of the operator's own, or why it may never be dialled.

    It need not be in the allow-list; emergency, premium, satellite and our own numbers stay forbidden.
    """
    address = _parse(to)
    if isinstance(address, RefusalReason):
        return address
    reason = _forbidden(address, own_numbers | {called_number}, called_number)
    return reason or _dialled_form(address)


@dataclass(frozen=True, slots=True)
class _Policy:
    """One number's rules, applied to one call at one moment."""

    profile: NumberProfile
    parties: CallParties
    own_numbers: frozenset[str]
    attempts_so_far: int
    dialled_last_hour: Mapping[str, int]

    def route_to_alias(self, name: str, request: Forward) -> Route | Refusal:
        alias = _find_alias(name, self.profile.forwarding)
        destinations = self.profile.forwarding.destinations[alias] if alias is not None else ()
        return self.route(destinations, name=alias or name, request=request)

    def route_to_raw_address(self, request: Forward) -> Route | Refusal:
        address = _parse(_with_scheme(request))
        if isinstance(address, RefusalReason):
            return _refuse(address, request)
        if isinstance(address, PhoneAddress) and not has_ordinary_rate(address):
            return _refuse(forbidden_range(address) or RefusalReason.SPECIAL_RATE, request)
        if not is_allowed(address, self.profile.forwarding.allow):
            return _refuse(RefusalReason.NOT_ALLOWED, request)
        to = _dialled_form(address)
        return self.route((Destination(to=to),), name=to, request=request)

    def route(self, destinations: tuple[Destination, ...], *, name: str, request: Forward) -> Route | Refusal:
        """As many of `destinations`, in order, as may be dialled and the call's attempts leave room for."""
        attempts_left = self.profile.forwarding.max_attempts - self.attempts_so_far
        if attempts_left <= 0:
            return _refuse(RefusalReason.TOO_MANY_ATTEMPTS, request)
        verdicts = [self._leg(destination, request) for destination in destinations]
        legs = tuple(verdict for verdict in verdicts if isinstance(verdict, Leg))
        if legs:
            return Route(destinations=legs[:attempts_left], name=name)
        refusals = (verdict for verdict in verdicts if isinstance(verdict, RefusalReason))
        return _refuse(next(refusals, RefusalReason.NO_DESTINATION), request)

    def _leg(self, destination: Destination, request: Forward) -> Leg | RefusalReason:
        forwarding = self.profile.forwarding
        own_numbers = self.own_numbers | {self.profile.number}
        to = judge_destination(destination.to, own_numbers=own_numbers, called_number=self.parties.called_number)
        if isinstance(to, RefusalReason):
            return to
        if self.dialled_last_hour.get(to, 0) >= forwarding.max_per_destination_per_hour:
            return RefusalReason.HOURLY_LIMIT
        kind: Literal["phone", "sip"] = "sip" if to.startswith("sip:") else "phone"
        send_digits = ""
        if kind == "phone":  # <Sip> has no sendDigits: a SIP address names its extension itself
            send_digits = destination.send_digits or request.extension.translate(SEPARATORS)
            if send_digits and _SENT_DIGITS.fullmatch(send_digits) is None:
                return RefusalReason.INVALID_EXTENSION
        return Leg(
            kind=kind,
            address=to,
            caller_id=self._caller_id(destination, request),
            ring_seconds=destination.ring_seconds or forwarding.ring_seconds,
            time_limit_seconds=destination.time_limit_seconds or forwarding.time_limit_seconds,
            send_digits=send_digits,
            confirm=destination.confirm,
            sip_headers=tuple(destination.sip_headers.items()) if kind == "sip" else (),
        )

    def _caller_id(self, destination: Destination, request: Forward) -> str:
        """The caller's number where it is asked for and real, else ours, else "" (we have a SIP address)."""
        passes_through = (
            request.caller_id_passthrough if destination.caller_id is None else destination.caller_id == "caller"
        )
        if passes_through and is_real_number(self.parties.caller_number):
            return self.parties.caller_number
        return next((ours for ours in (self.parties.called_number, self.profile.number) if is_e164(ours)), "")


def _find_alias(name: str, forwarding: Forwarding) -> str | None:
    wanted = _alias_key(name)
    return next((alias for alias in forwarding.destinations if _alias_key(alias) == wanted), None)


def _alias_key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _with_scheme(request: Forward) -> str:
    """What the agent named, without outer spaces; a SIP address may come without its scheme."""
    address = request.address.strip(" ")
    if request.address_type == "sip" and "@" in address and ":" not in address.partition("@")[0]:
        return f"sip:{address}"
    return address


def _parse(text: str) -> PhoneAddress | SipAddress | RefusalReason:
    if len(text) > MAX_ADDRESS_CHARS:
        return RefusalReason.UNKNOWN_DESTINATION
    if text.startswith("+"):
        return parse_phone(text)
    if text[:5].casefold().startswith(("sip:", "sips:")):
        return parse_sip(text)
    return RefusalReason.UNKNOWN_DESTINATION


def _dialled_form(address: PhoneAddress | SipAddress) -> str:
    return address.e164 if isinstance(address, PhoneAddress) else address.uri


def _forbidden(
    address: PhoneAddress | SipAddress, own_numbers: frozenset[str], called_number: str
) -> RefusalReason | None:
    if isinstance(address, PhoneAddress):
        phone: PhoneAddress | None = address
        reason = forbidden_range(address)
    else:
        called = parse_phone(called_number)
        phone = sip_user_as_phone(address)
        reason = forbidden_sip_user(address, called.region if isinstance(called, PhoneAddress) else "")
    if reason is not None:
        return reason
    lines = {line_of(_dialled_form(address)), phone.e164 if phone is not None else ""}
    ours = {line_of(number) for number in own_numbers if number}
    return RefusalReason.OWN_NUMBER if lines & ours else None


def _refuse(reason: RefusalReason, request: Forward) -> Refusal:
    return Refusal(reason=reason, address=request.address[:MAX_ADDRESS_CHARS])
