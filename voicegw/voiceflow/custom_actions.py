"""Custom and channel actions that the gateway carries out itself, by name: those of Voiceflow's own phone product
(`forward-call`, `interruption`, `asr`, `DTMF`, `twiml`), and `language` and `sensitive`.

Pure. A hook reads a payload that an agent's builder wrote by hand: an object, or text that may be JSON.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voicegw.call.instructions import (
    BargeIn,
    Forward,
    Instruction,
    LegacyKeypad,
    SetBargeIn,
    SetRecognition,
    SetSensitive,
    SpliceTwiml,
)
from voicegw.call.profile import Endpointing, NumberProfile
from voicegw.voiceflow.wire_json import parse_json

_MAX_JSON_CHARACTERS = 65536
_MAX_HINTS = 100
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True)
class Handled:
    """What an action asks of the call. `goes_on`: an agent that stopped for it waits for its default path."""

    instruction: Instruction
    goes_on: bool = False


Hook = Callable[[object, NumberProfile], Handled | None]
"""A payload and the number's profile in; None when the payload makes no sense or the number does not allow it."""


def _forward_call(payload: object, _profile: NumberProfile) -> Handled | None:
    number = _fields(payload).get("number")
    return Handled(Forward(address=number)) if isinstance(number, str) and number else None


def _interruption(payload: object, _profile: NumberProfile) -> Handled | None:
    match _fields(payload).get("allowInterrupts"):
        case bool(allowed):
            barge_in = BargeIn.ANY if allowed else BargeIn.NONE
            return Handled(SetBargeIn(barge_in=barge_in), goes_on=True)
        case _:
            return None


def _asr(payload: object, _profile: NumberProfile) -> Handled | None:
    fields = _fields(payload)
    inner = fields.get("settings")
    settings = inner if isinstance(inner, dict) else fields
    language = settings.get("locale") or settings.get("language")
    change = SetRecognition(
        endpointing=_endpointing(settings),
        language=_language(language),
        hints=_hints(settings.get("keywords") or settings.get("keyterms")),
    )
    return Handled(change, goes_on=True) if change != SetRecognition() else None


def _switch_language(payload: object, _profile: NumberProfile) -> Handled | None:
    language = _language(_fields(payload).get("language"))
    return Handled(SetRecognition(language=language), goes_on=True) if language else None


def _sensitive(payload: object, _profile: NumberProfile) -> Handled:
    # Whatever else the payload may be: hiding too much does less harm than hiding nothing.
    off = _fields(payload).get("sensitive") in (False, "false")
    return Handled(SetSensitive(sensitive=not off), goes_on=True)


def _dtmf(_payload: object, _profile: NumberProfile) -> Handled:
    return Handled(LegacyKeypad())


def _twiml(payload: object, profile: NumberProfile) -> Handled | None:
    # "Text body = whole TwiML document": no other form of it is known.
    if not profile.allow_twiml or not isinstance(payload, str) or not payload.strip():
        return None
    return Handled(SpliceTwiml(document=payload))


HOOKS: Mapping[str, Hook] = MappingProxyType(
    {
        "forward-call": _forward_call,
        "interruption": _interruption,
        "asr": _asr,
        "language": _switch_language,
        "sensitive": _sensitive,
        "DTMF": _dtmf,
        "twiml": _twiml,
    }
)


def _fields(payload: object) -> dict[str, object]:
    """The payload as an object, whether it came as one or as JSON text; empty where it is neither."""
    if isinstance(payload, str) and len(payload) <= _MAX_JSON_CHARACTERS:
        try:
            payload = parse_json(payload)
        except ValueError:
            return {}
    return payload if isinstance(payload, dict) else {}


def _endpointing(settings: Mapping[str, object]) -> str:
    """Our own word for it, or what comes nearest to the wait after an unfinished sentence (`partialWaitMS`)."""
    named = settings.get("endpointing")
    if isinstance(named, str) and named in set(Endpointing):
        return named
    wait_ms = settings.get("partialWaitMS")
    if isinstance(wait_ms, bool) or not isinstance(wait_ms, int | float) or wait_ms <= 0:
        return ""
    if wait_ms <= 1000:
        return Endpointing.FAST
    return Endpointing.PATIENT if wait_ms <= 2500 else Endpointing.DICTATION


def _language(name: object) -> str:
    return name.replace("_", "-") if isinstance(name, str) and _LANGUAGE.fullmatch(name) else ""


def _hints(words: object) -> tuple[str, ...]:
    listed = words if isinstance(words, list) else []
    return tuple(word for word in listed[:_MAX_HINTS] if isinstance(word, str) and word.strip())
