"""The rules for what one number is set to do, as validators: `CheckedProfile` is `NumberProfile` made strict.

Validators stand on fields, not on models, so that one fault never hides another. The rules for forwarding stand in
`config.forwarding`.
"""

import re
from functools import cache
from zoneinfo import available_timezones

from pydantic import ValidationInfo, field_validator

from voicegw.call.addresses import is_e164, line_of
from voicegw.call.phrases import PhraseName, fields_of
from voicegw.call.profile import Keypad, Mode, NumberProfile, Silence
from voicegw.config.faults import did_you_mean, wrong
from voicegw.config.forwarding import STRICT, CheckedDestination, CheckedForwarding

BUILT_MODES = frozenset({Mode.GATHER, Mode.STREAM})

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_VOICE = re.compile(r"man|woman|alice|(Polly|Google)\.[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class CheckedKeypad(Keypad):
    """Keypad defaults without a delimiter named twice."""

    model_config = STRICT

    @field_validator("delimiters")
    @classmethod
    def _are_different(cls, delimiters: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(delimiters)) < len(delimiters):
            raise wrong("names a key twice", 'Use ["#"], ["*"], ["#", "*"] or [].')
        return delimiters


class CheckedSilence(Silence):
    """Silence settings whose instants come one after the other."""

    model_config = STRICT

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

    model_config = STRICT
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
            raise wrong("is a mode that this version does not have yet", 'Use "gather" or "stream".', value=mode.value)
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

    @field_validator("recording")
    @classmethod
    def _callers_are_told(cls, recording: bool, info: ValidationInfo) -> bool:
        if recording and not info.data.get("disclosure"):
            raise wrong("records callers who are not told", 'Set disclosure = "default", or to words of your own.')
        if recording and info.data.get("sensitive"):
            raise wrong("would keep what `sensitive` hides", "Set one of the two to false.")
        return recording

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
            for field in re.findall(r"\{([^{}]*)\}", text if isinstance(text, str) else " ".join(text)):
                _is_field(field, PhraseName(name), text)
        return phrases

    @field_validator("forwarding")
    @classmethod
    def _escape_leads_somewhere(cls, forwarding: CheckedForwarding, info: ValidationInfo) -> CheckedForwarding:
        asks = info.data.get("escape_key") or info.data.get("escape_words")
        if asks and not forwarding.human and not info.data.get("fallback"):
            mend = "Name the alias of a human: it is what escape_key and escape_words lead to."
            raise wrong("is not set", mend, at=("human",), value="")
        return forwarding


def _is_field(field: str, name: PhraseName, text: str | tuple[str, ...]) -> None:
    known = fields_of(name)
    if field not in known:
        mend = (
            f"Use {', '.join(f'{{{one}}}' for one in sorted(known))}." if known else "Remove it: this phrase has none."
        )
        raise wrong(f"has an unknown field {{{field}}}", mend, at=(name.value,), value=text)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _matching(text: str, pattern: str, what: str, mend: str) -> str:
    if re.fullmatch(pattern, text) is None:
        raise wrong(what, mend)
    return text
