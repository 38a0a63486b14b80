"""The rules for what one number is set to do, as validators: `CheckedProfile` is `NumberProfile` made strict.

Validators stand on fields, not on models, so that one fault never hides another. The validation context holds
`own_numbers`, the lines that the gateway itself answers.
"""

import re
from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones

from pydantic import ConfigDict, ValidationInfo, field_validator

from voicegw.call.addresses import SEPARATORS, RefusalReason, is_e164, line_of, parse_sip_host
from voicegw.call.forwarding import judge_destination
from voicegw.call.phrases import PhraseName
from voicegw.call.profile import Destination, Forwarding, Keypad, Mode, NumberProfile, Silence
from voicegw.config.faults import did_you_mean, wrong

BUILT_MODES = frozenset({Mode.GATHER})
_STRICT = ConfigDict(frozen=True, extra="forbid", validate_default=True)

# "0-9 A-D * # w W" (Twilio, sendDigits).
_SENT_DIGITS = re.compile(r"[0-9A-D*#wW]{1,32}")
# Twilio passes these headers on and no others: <Sip>, "Custom headers".
_SIP_HEADER = re.compile(
    r"X-[A-Za-z0-9-]+|User-to-User|Remote-Party-ID|P-Preferred-Identity|P-Called-Party-ID", re.IGNORECASE
)
_MAX_SIP_HEADERS_CHARS = 1024
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_VOICE = re.compile(r"man|woman|alice|(Polly|Google)\.[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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

    model_config = _STRICT

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

    model_config = _STRICT
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


class CheckedKeypad(Keypad):
    """Keypad defaults without a delimiter named twice."""

    model_config = _STRICT

    @field_validator("delimiters")
    @classmethod
    def _are_different(cls, delimiters: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(delimiters)) < len(delimiters):
            raise wrong("names a key twice", 'Use ["#"], ["*"], ["#", "*"] or [].')
        return delimiters


class CheckedSilence(Silence):
    """Silence settings whose instants come one after the other."""

    model_config = _STRICT

    @field_validator("prompts_at_seconds")
    @classmethod
    def _ascend(cls, instants: tuple[float, ...]) -> tuple[float, ...]:
        if list(instants) != sorted(set(instants)):
            raise wrong("does not ascend", "List the seconds since the last prompt, each later than the one before.")
        return instants

    @field_validator("goodbye_at_seconds")
    @classmethod
    def _comes_last(cls, goodbye: float, info: ValidationInfo) -> float:
        if goodbye <= max(info.data.get("prompts_at_seconds") or (0,)):
            raise wrong("comes before the last prompt about the silence", "Make it later than prompts_at_seconds.")
        return goodbye


class CheckedProfile(NumberProfile):
    """What one number is set to do, every value judged."""

    model_config = _STRICT
    keypad: CheckedKeypad = CheckedKeypad()
    silence: CheckedSilence = CheckedSilence()
    fallback: tuple[CheckedDestination, ...] = ()
    forwarding: CheckedForwarding = CheckedForwarding()

    @field_validator("number")
    @classmethod
    def _is_a_line(cls, number: str) -> str:
        line = line_of(number)
        if number and not is_e164(line) and not line.startswith("sip:"):
            raise wrong(
                "is no number in E.164 and no SIP address", 'Write "+" and the country code, or "sip:user@host".'
            )
        return line

    @field_validator("mode")
    @classmethod
    def _is_built(cls, mode: Mode) -> Mode:
        if mode not in BUILT_MODES:
            raise wrong("is a mode that this version does not have yet", 'Use "gather".', value=mode.value)
        return mode

    @field_validator("language")
    @classmethod
    def _is_a_language(cls, language: str) -> str:
        if _LANGUAGE.fullmatch(language) is None:
            raise wrong("is no language tag", 'Write language and country, such as "en-US", "de-DE".')
        return language

    @field_validator("voice")
    @classmethod
    def _is_a_voice(cls, voice: str) -> str:
        if voice and _VOICE.fullmatch(voice) is None:
            raise wrong(
                "is no voice of the carrier", 'Use a name such as "Polly.Joanna-Neural", "Google.en-US-Wavenet-D".'
            )
        return voice

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, timezone: str) -> str:
        if timezone and timezone not in _timezones():
            mend = did_you_mean(timezone, _timezones()) or 'Use an IANA name such as "Europe/Berlin".'
            raise wrong("is no time zone", mend)
        return timezone

    @field_validator("project_id", "environment")
    @classmethod
    def _fits_a_path(cls, name: str) -> str:
        return _matching(name, r"[A-Za-z0-9._-]*", "has characters that no Voiceflow name has", "Copy it again.")

    @field_validator("speech_model")
    @classmethod
    def _is_a_model(cls, model: str) -> str:
        return _matching(model, r"[A-Za-z0-9_-]*", "is no speech model", 'Use a name such as "phone_call".')

    @field_validator("escape_key")
    @classmethod
    def _is_keys(cls, keys: str) -> str:
        return _matching(keys, r"[0-9*#]{0,4}", "is no key", "Use one key of 0-9 * #, at most four in a row.")

    @field_validator("variables", "variable_names")
    @classmethod
    def _are_variables(cls, variables: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        renames = info.field_name == "variable_names"
        for name, value in variables.items():
            for word in (name, value) if renames and value else (name,):
                if _VARIABLE.fullmatch(word) is None:
                    raise wrong("is no variable's name", "Use letters, digits and _.", at=(name,), value=word)
        return variables

    @field_validator("phrases")
    @classmethod
    def _are_our_phrases(cls, phrases: dict[str, str | tuple[str, ...]]) -> dict[str, str | tuple[str, ...]]:
        known = [phrase.value for phrase in PhraseName]
        for name, text in phrases.items():
            if name not in known:
                mend = did_you_mean(name, known) or f"Phrases are {', '.join(known)}."
                raise wrong("is no phrase of ours", mend, at=(name,), value=text)
        return phrases

    @field_validator("forwarding")
    @classmethod
    def _escape_leads_somewhere(cls, forwarding: CheckedForwarding, info: ValidationInfo) -> CheckedForwarding:
        asks = info.data.get("escape_key") or info.data.get("escape_words")
        if asks and not forwarding.human and not info.data.get("fallback"):
            mend = "Name the alias of a human: it is what escape_key and escape_words lead to."
            raise wrong("is not set", mend, at=("human",), value="")
        return forwarding


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _matching(text: str, pattern: str, what: str, mend: str) -> str:
    if re.fullmatch(pattern, text) is None:
        raise wrong(what, mend)
    return text
