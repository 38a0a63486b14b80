"""The rules for where calls may be forwarded, as validators: places that may be dialled, aliases, the allow-list.

The validation context holds `own_numbers`, the lines that the gateway itself answers.
"""

import re
from collections.abc import Mapping

from pydantic import ConfigDict, ValidationInfo, field_validator

from voicegw.call.addresses import SEPARATORS, RefusalReason, parse_sip_host
from voicegw.call.forwarding import judge_destination
from voicegw.call.profile import Destination, Forwarding
from voicegw.config.faults import did_you_mean, wrong

STRICT = ConfigDict(frozen=True, extra="forbid", validate_default=True)

# "0-9 A-D * # w W" (Twilio, sendDigits).
_SENT_DIGITS = re.compile(r"[0-9A-D*#wW]{1,32}")
# Twilio passes these headers on and no others: <Sip>, "Custom headers".
_SIP_HEADER = re.compile(
    r"X-[A-Za-z0-9-]+|User-to-User|Remote-Party-ID|P-Preferred-Identity|P-Called-Party-ID", re.IGNORECASE
)
_MAX_SIP_HEADERS_CHARS = 1024
_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}")

_WHY_NOT_DIALLED: Mapping[RefusalReason, tuple[str, str]] = {
    RefusalReason.UNKNOWN_DESTINATION: (
        "is neither a number nor a SIP address",
        'Write it with + and country code ("+4930…"), or as "sip:user@host".',
    ),
    RefusalReason.INVALID_NUMBER: ("is no valid number", "Check the country code and count the digits."),
    RefusalReason.INVALID_SIP_ADDRESS: (
        "is no SIP address we dial",
        'Write "sip:user@host", at most with a port and ";transport=tls"; headers go into sip_headers.',
    ),
    RefusalReason.EMERGENCY: ("reaches an emergency service", "The gateway never dials those: use another line."),
    RefusalReason.PREMIUM_RATE: ("is a premium-rate number", "The gateway never dials those: use another line."),
    RefusalReason.SATELLITE: (
        "is a satellite or worldwide network",
        "The gateway never dials those: use another line.",
    ),
    RefusalReason.OWN_NUMBER: ("is a number that the gateway itself answers", "Use a line that a human answers."),
}


class CheckedDestination(Destination):
    """A destination whose address is normalised and may be dialled."""

    model_config = STRICT

    @field_validator("to")
    @classmethod
    def _may_be_dialled(cls, to: str, info: ValidationInfo) -> str:
        verdict = judge_destination(to, own_numbers=(info.context or {}).get("own_numbers", frozenset()))
        if isinstance(verdict, RefusalReason):
            raise wrong(*_WHY_NOT_DIALLED[verdict])
        return verdict

    @field_validator("send_digits")
    @classmethod
    def _are_digits(cls, digits: str, info: ValidationInfo) -> str:
        if digits and _SENT_DIGITS.fullmatch(digits) is None:
            raise wrong(
                "has keys that cannot be sent", "Use at most 32 of 0-9 A-D * # and w (half a second), W (one second)."
            )
        if digits and str(info.data.get("to", "")).startswith("sip:"):
            raise wrong("cannot be sent to a SIP address", "Name the extension in the address: sip:204@host.")
        return digits

    @field_validator("sip_headers")
    @classmethod
    def _are_sip_headers(cls, headers: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if headers and str(info.data.get("to", "")).startswith("+"):
            raise wrong("go only to SIP addresses", "Remove them: this destination is a phone number.")
        for name, value in headers.items():
            if _SIP_HEADER.fullmatch(name) is None:
                raise wrong(
                    "is no header that the carrier passes on",
                    "Use a name such as X-Queue, or User-to-User.",
                    at=(name,),
                    value=value,
                )
            if re.fullmatch(r"[ -~]*", value) is None:
                raise wrong(
                    "has characters that no SIP header can hold", "Use printable ASCII.", at=(name,), value=value
                )
        if sum(len(name) + len(value) + 2 for name, value in headers.items()) > _MAX_SIP_HEADERS_CHARS:
            raise wrong("are longer than 1024 characters together", "Shorten them.")
        return headers


class CheckedForwarding(Forwarding):
    """Forwarding whose aliases cannot be mistaken for addresses and whose allow-list means something."""

    model_config = STRICT
    destinations: Mapping[str, tuple[CheckedDestination, ...]] = {}

    @field_validator("destinations")
    @classmethod
    def _are_aliases(
        cls, destinations: Mapping[str, tuple[CheckedDestination, ...]]
    ) -> Mapping[str, tuple[CheckedDestination, ...]]:
        seen: set[str] = set()
        for alias, places in destinations.items():
            key = " ".join(alias.split()).casefold()
            if not key or re.match(r"[+*#]|sips?:|[0-9 .()-]+$", key):
                raise wrong(
                    "looks like a number or an address",
                    "Give the alias a name, such as sales.",
                    at=(alias,),
                    value=alias,
                )
            if key in seen:
                raise wrong(
                    "is there twice, capitals and spaces aside", "Remove one, or rename it.", at=(alias,), value=alias
                )
            if not places:
                raise wrong("has no destination", 'List one or more: [{ to = "+4930…" }].', at=(alias,), value="")
            seen.add(key)
        return destinations

    @field_validator("allow")
    @classmethod
    def _are_prefixes_or_hosts(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        entries = tuple(entry.translate(SEPARATORS) if entry.startswith("+") else entry.strip() for entry in allow)
        for position, entry in enumerate(entries):
            if _PREFIX.fullmatch(entry) is None and parse_sip_host(entry) is None:
                mend = 'Use a prefix such as "+4930", or a host such as "sip:pbx.example.com".'
                raise wrong("allows nothing that we know", mend, at=(position,), value=allow[position])
        return entries

    @field_validator("human")
    @classmethod
    def _is_an_alias(cls, human: str, info: ValidationInfo) -> str:
        aliases = info.data.get("destinations")
        if human and aliases is not None and human.strip().casefold() not in {alias.casefold() for alias in aliases}:
            mend = did_you_mean(human, aliases) or "Name one of forwarding.destinations."
            raise wrong("names no alias", mend)
        return human
