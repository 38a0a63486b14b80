"""Twilio's webhook forms: bytes → pairs → typed readers (`CallForm`, `GatherForm`, `DialForm`, …).

What is verified is what is read: the pairs of `parse_form` go to the signature and to the readers alike.
Fields are named by side (`caller`, `called`), never `From`/`To`; unknown fields stay in the pairs and hurt
nobody. This file must not know HTTP, the clock or what the gateway does with a form.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from voicegw.call.inputs import CallParties, ForwardOutcome
from voicegw.errors import VoicegwError

MAX_FORM_BYTES: Final = 64 * 1024
MAX_FORM_FIELDS: Final = 200

FormPairs: TypeAlias = tuple[tuple[str, str], ...]

# A name, and what stands behind its first `=`; nothing between two `&` is no field
_FIELD: Final = re.compile(r"(?=[^&])([^=&]*)=?([^&]*)")
_CALL_SID: Final = re.compile(r"CA[0-9a-f]{32}")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_KEYS: Final = re.compile(r"[0-9A-D*#]*")
_KEY: Final = re.compile(r"[0-9A-D*#]?")
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_SIP_HEADER_PREFIX: Final = "SipHeader_"
_SIP_HEADER_AT: Final = len(_SIP_HEADER_PREFIX)

# "Withheld" as carriers spell it on a keypad: a captured call had `Caller=+266696687` with country LS.
_WITHHELD_NUMBERS: Final = frozenset(
    {
        "+266696687",  # ANONYMOUS
        "+2562533",  # BLOCKED
        "+7378742833",  # RESTRICTED
        "+86282452253",  # UNAVAILABLE
        "+8656696",  # UNKNOWN
    }
)
_DIAL_OUTCOMES: Final = {
    "completed": ForwardOutcome.COMPLETED,
    "answered": ForwardOutcome.COMPLETED,  # a conference's word for it
    "busy": ForwardOutcome.BUSY,
    "no-answer": ForwardOutcome.NO_ANSWER,
    "failed": ForwardOutcome.FAILED,
    "canceled": ForwardOutcome.CANCELED,
}
# Twilio's signed string is not injective, so what identifies a call has one value or is refused.
_IDENTITY_FIELDS: Final = ("CallSid", "AccountSid", "From", "To")


class FormError(VoicegwError):
    """A form that no carrier sends."""

    code = "form-invalid"


@dataclass(frozen=True, slots=True)
class CallForm:
    """What every voice webhook says about its call (Twilio: "Twilio's request to your application").

    `caller` and `called` are raw (`+1…`, `client:…`, `sip:…`, `anonymous`); `caller_number` is E.164, or
    empty where the number is withheld or none. Absent fields are empty strings. `sip_headers` maps `X-…`.
    """

    call_sid: str
    account_sid: str
    caller: str
    caller_number: str
    called: str
    call_status: str
    direction: str
    forwarded_from: str
    caller_name: str
    caller_country: str
    caller_verified: bool
    stir_verstat: str
    parent_call_sid: str
    sip_headers: Mapping[str, str]

    def parties(self) -> CallParties:
        """Who calls whom, in the words of `voicegw.call`."""
        return CallParties(
            caller_number=self.caller_number,
            called_number=self.called,
            caller_raw=self.caller,
            caller_name=self.caller_name,
            caller_country=self.caller_country,
            forwarded_from=self.forwarded_from,
            caller_verified=self.caller_verified,
            direction=self.direction,
            sip_headers=self.sip_headers,
        )


@dataclass(frozen=True, slots=True)
class GatherForm:
    """What a `<Gather>` heard: keys without the finish key, or speech; both empty where nothing was heard.

    `finished_on_key` is None where Twilio did not say, empty where time or `numDigits` ended the entry.
    `confidence` (0.0 to 1.0) is None where missing: "may be missing, never require" it.
    """

    digits: str
    finished_on_key: str | None
    speech: str
    confidence: float | None
    language: str


@dataclass(frozen=True, slots=True)
class DialForm:
    """How a `<Dial>` ended; `bridged` None where Twilio did not say, `seconds` and SIP code None likewise."""

    outcome: ForwardOutcome
    bridged: bool | None
    seconds: int | None
    call_sid: str
    sip_response_code: int | None


@dataclass(frozen=True, slots=True)
class FallbackForm:
    """Why Twilio asks the fallback URL: its error code (None if unreadable) and the URL that failed."""

    error_code: int | None
    error_url: str


def parse_form(body: bytes) -> FormPairs:
    """The decoded fields of an urlencoded body in their order, blanks and duplicates kept (both are signed).

    `+` is a space, broken escapes stay as they are, bytes that are not UTF-8 become U+FFFD: the signature is
    then made over U+FFFD too, so nothing is ever read that was not verified. Raises FormError over 64 KiB or
    200 fields.
    """
    if len(body) > MAX_FORM_BYTES:
        raise FormError(f"the form has {len(body)} bytes; the limit is {MAX_FORM_BYTES}")
    if body.count(b"&") >= MAX_FORM_FIELDS:
        raise FormError(f"the form has more than {MAX_FORM_FIELDS} fields")
    text = body.replace(b"+", b" ").decode("latin-1")
    plain = text.isascii()
    return tuple(
        [
            (
                name if plain and "%" not in name else _unquote(name),
                value if plain and "%" not in value else _unquote(value),
            )
            for name, value in _FIELD.findall(text)
        ]
    )


def parse_call_form(pairs: FormPairs) -> CallForm:
    """Reads who calls whom; the first value of a repeated name counts.

    Raises FormError where CallSid is not `CA` + 32 hex digits, or a field that identifies the call comes
    twice with different values.
    """
    fields = _first_values(pairs)
    _refuse_contradictions(pairs, fields)
    caller = fields.get("From") or fields.get("Caller", "")
    caller_number = _dialable_number(caller)
    stir_verstat = fields.get("StirVerstat", "")
    return CallForm(
        call_sid=_call_sid(fields),
        account_sid=fields.get("AccountSid", ""),
        caller=caller,
        caller_number=caller_number,
        called=fields.get("To") or fields.get("Called", ""),
        call_status=fields.get("CallStatus", ""),
        direction=fields.get("Direction", ""),
        forwarded_from=fields.get("ForwardedFrom", ""),
        caller_name=fields.get("CallerName", ""),
        # A withheld number has a country all the same (+266… is Lesotho): it says nothing about the caller.
        caller_country=(fields.get("FromCountry") or fields.get("CallerCountry", "")) if caller_number else "",
        # Exactly level A on a number that came straight: `-Diverted` and `-Passthrough` were not vouched for
        # by the carrier of this leg. A withheld number has nothing that could be verified.
        caller_verified=bool(caller_number) and stir_verstat == "TN-Validation-Passed-A",
        stir_verstat=stir_verstat,
        parent_call_sid=fields.get("ParentCallSid", ""),
        sip_headers={
            name[_SIP_HEADER_AT:]: value
            for name, value in fields.items()
            if name[:_SIP_HEADER_AT] == _SIP_HEADER_PREFIX
        },
    )


def parse_gather_form(pairs: FormPairs) -> GatherForm:
    """Reads keys or speech; both are empty where nothing was heard (fields missing, or there but blank).

    Anything but keypad characters in `Digits` is not a caller's key and reads as none.
    """
    fields = _first_values(pairs)
    digits = fields.get("Digits", "")
    finished_on_key = fields.get("FinishedOnKey")
    return GatherForm(
        digits=digits if _KEYS.fullmatch(digits) else "",
        finished_on_key=finished_on_key if _KEY.fullmatch(finished_on_key or "") else None,
        speech=fields.get("SpeechResult", ""),
        confidence=_fraction(fields.get("Confidence", "")),
        language=fields.get("Language", ""),
    )


def parse_dial_form(pairs: FormPairs) -> DialForm:
    """Reads how a `<Dial>` ended; a missing outcome, or one that Twilio has not documented, is a failure."""
    fields = _first_values(pairs)
    return DialForm(
        outcome=_DIAL_OUTCOMES.get(fields.get("DialCallStatus", ""), ForwardOutcome.FAILED),
        bridged={"true": True, "false": False}.get(fields.get("DialBridged", "").lower()),
        seconds=_whole_number(fields.get("DialCallDuration", "")),
        call_sid=fields.get("DialCallSid", ""),
        sip_response_code=_whole_number(fields.get("DialSipResponseCode", "")),
    )


def parse_fallback_form(pairs: FormPairs) -> FallbackForm:
    """Reads the two fields that Twilio adds when it asks the fallback URL."""
    fields = _first_values(pairs)
    return FallbackForm(error_code=_whole_number(fields.get("ErrorCode", "")), error_url=fields.get("ErrorUrl", ""))


def _unquote(raw: str) -> str:
    """`raw` holds bytes as they came, each as one character."""
    return unquote_to_bytes(raw.encode("latin-1")).decode("utf-8", "replace")


def _first_values(pairs: FormPairs) -> dict[str, str]:
    return dict(reversed(pairs))


def _refuse_contradictions(pairs: FormPairs, fields: Mapping[str, str]) -> None:
    if len(pairs) == len(fields):
        return
    for name, value in pairs:
        if name in _IDENTITY_FIELDS and value != fields[name]:
            raise FormError(f"{name} comes twice with different values")


def _call_sid(fields: Mapping[str, str]) -> str:
    call_sid = fields.get("CallSid", "")
    if not _CALL_SID.fullmatch(call_sid):
        # The value is not repeated: it would carry whatever a stranger wrote into the log.
        raise FormError("CallSid is not CA and 32 lower-case hexadecimal digits")
    return call_sid


def _dialable_number(caller: str) -> str:
    """The caller's E.164 number, or empty for `anonymous`, `Restricted`, `client:…`, `sip:…` and the like."""
    return caller if _E164.fullmatch(caller) and caller not in _WITHHELD_NUMBERS else ""


def _whole_number(text: str) -> int | None:
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def _fraction(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0.0 <= value <= 1.0 else None
