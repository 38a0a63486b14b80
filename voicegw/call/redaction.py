"""`CallRedactor`: hides in each record of one call what must not be kept, before anybody else sees it.

Pure. Keys are never in clear unless the number says so; what a sensitive prompt asked for is hidden as a whole, and so
is every later text that repeats it; card numbers never get through. What is searched for is in `hidden_values`.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from voicegw.call.hidden_values import DOT, HIDDEN, HiddenValues
from voicegw.call.profile import NumberProfile
from voicegw.call.records import (
    ActionSent,
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    Fields,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    Noted,
    OrderReceived,
    PromptBegan,
    PromptCut,
    Record,
    StepAnswered,
    TraceReceived,
)

TEXTS: Mapping[type[Record], tuple[str, ...]] = MappingProxyType(
    {
        CallRang: ("caller_name",),
        StepAnswered: ("answer",),
        PromptBegan: ("text", "source"),
        PromptCut: ("heard",),
        TraceReceived: ("type", "summary"),
        ForwardTried: (),
        ForwardFinished: ("reason",),
        OrderReceived: ("name", "by"),
        Failed: ("reason",),
        CallEnded: ("reason",),
    }
)
"""The fields that hold what others wrote. All other fields hold words of ours."""
NUMBERS: Mapping[type[Record], tuple[str, ...]] = MappingProxyType(
    {
        CallRang: ("caller_number", "called_number", "caller_country", "forwarded_from"),
        ForwardTried: ("address",),
        ForwardFinished: ("address",),
    }
)
"""The fields where telephone numbers stand in clear. One in ten passes for a card's number."""

_LOOKED_AT = frozenset({CallerSpoke, KeysPressed, ActionSent, Noted, *TEXTS})
_ONLY_TEXTS = frozenset(TEXTS) - {CallRang, PromptCut}
_MAX_DEPTH = 32
_LEGACY_KEY = "DTMF "
_NO_ENTRIES = ("launch", "no-reply", "end")
_SHORTEST_NUMBER = 7

_R = TypeVar("_R", bound=Record)
_V = TypeVar("_V")


class CallRedactor:
    """One call's redactor: give it every record in order. `profile` None hides all that anybody else wrote."""

    def __init__(self, profile: NumberProfile | None) -> None:
        self._all = profile is None
        self._sensitive = profile is None or profile.sensitive
        self._keys_in_log = profile is not None and profile.keys_in_log
        self._hidden = HiddenValues()
        self._caller_number = ""

    def redact(self, record: Record) -> Record:
        """The record as it may be kept, passed on and shown; the same object where nothing had to be hidden."""
        kind = type(record)
        if kind not in _LOOKED_AT:
            return record
        if kind in _ONLY_TEXTS:
            return self._redact_texts(record)
        match record:
            case CallerSpoke():
                return self._redact_speech(record)
            case KeysPressed():
                return self._redact_keys(record)
            case ActionSent():
                return self._redact_action(record)
            case Noted():
                return _with(record, about=self._clean(record.about), fields=self._clean_fields(record.fields))
            case PromptCut() if self._sensitive:
                return replace(record, heard=HIDDEN)
            case CallRang():
                number = record.caller_number.removeprefix("+")
                self._caller_number = number if len(number) >= _SHORTEST_NUMBER else ""
        return self._redact_texts(record)

    def _redact_speech(self, spoke: CallerSpoke) -> CallerSpoke:
        if not (self._sensitive or spoke.sensitive):
            return _with(spoke, text=self._clean(spoke.text))
        self._hidden.remember_words(spoke.text)
        return replace(spoke, text=HIDDEN, sensitive=True)

    def _redact_keys(self, pressed: KeysPressed) -> KeysPressed:
        sensitive = self._sensitive or pressed.sensitive
        if self._keys_in_log and not sensitive:
            return _with(pressed, keys=self._clean(pressed.keys))
        self._hidden.remember_keys(pressed.keys)
        if sensitive:
            return replace(pressed, keys=HIDDEN, ended_by=None, sensitive=True)
        return replace(pressed, keys=DOT * len(pressed.keys))

    def _redact_action(self, sent: ActionSent) -> ActionSent:
        kind = sent.action.get("type")
        if sent.sensitive or self._all or (self._sensitive and kind not in _NO_ENTRIES):
            hidden = {key: self._clean_type(value) if key == "type" else HIDDEN for key, value in sent.action.items()}
            return replace(sent, action=hidden, variables=dict.fromkeys(sent.variables, HIDDEN), sensitive=True)
        action = self._clean_object(sent.action)
        if not self._keys_in_log:
            action |= self._hide_entry(sent.action)
        variables = {name: self._clean_json(value) for name, value in sent.variables.items()}
        return replace(sent, action=action, variables=variables)

    def _hide_entry(self, action: Mapping[str, object]) -> dict[str, object]:
        """What of an action is keys, as dots: they may be too few to be searched for."""
        kind, payload = action.get("type"), action.get("payload")
        if kind == "dtmf" and "payload" in action:
            return {"payload": DOT * len(str(payload))}
        if kind == "text" and isinstance(payload, str):
            return {"payload": DOT * len(payload)} if self._hidden.holds_keys(payload) else {}
        return {"type": self._clean_type(kind)} if "type" in action else {}

    def _clean_type(self, kind: object) -> str:
        """The old custom action `DTMF` has the key in its type."""
        clean = self._clean(str(kind))
        return f"{_LEGACY_KEY}{DOT}" if clean.startswith(_LEGACY_KEY) else clean

    def _redact_texts(self, record: Record) -> Record:
        changed: dict[str, Any] = {}
        for name in TEXTS[type(record)]:
            text = getattr(record, name)
            if text and (clean := self._clean(text)) is not text:
                changed[name] = clean
        for name in NUMBERS.get(type(record), ()):
            number = getattr(record, name)
            if (clean := self._clean_number(number)) is not number:
                changed[name] = clean
        return replace(record, **changed) if changed else record

    def _clean_fields(self, fields: Fields) -> Fields:
        return {self._clean(key): _unless_hidden(value, self._clean(str(value))) for key, value in fields.items()}

    def _clean(self, text: str) -> str:
        if self._all:
            return text and HIDDEN
        if self._caller_number and self._caller_number in text:
            text = text.replace(self._caller_number, f"…{self._caller_number[-4:]}")
        return self._hidden.clean(text)

    def _clean_number(self, number: str) -> str:
        if self._all:
            return number and HIDDEN
        return self._hidden.clean(number, cards=False)

    def _clean_object(self, value: Mapping[str, object], depth: int = 0) -> dict[str, object]:
        return {self._clean(key): self._clean_json(inner, depth + 1) for key, inner in value.items()}

    def _clean_json(self, value: object, depth: int = 1) -> object:
        if isinstance(value, str):
            return self._clean(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):  # a number may be an entry too
            return _unless_hidden(value, self._clean(str(value)))
        if depth > _MAX_DEPTH:
            return HIDDEN
        if isinstance(value, Mapping):
            return self._clean_object(value, depth)
        if isinstance(value, (list, tuple)):
            return [self._clean_json(inner, depth + 1) for inner in value]
        return HIDDEN


def _unless_hidden(value: _V, clean: str) -> _V | str:
    """A value itself, unless something had to go from how it is written."""
    return value if clean == str(value) else clean


def _with(record: _R, **fields: Any) -> _R:
    """The record with these fields; the record itself where they are what they were."""
    changed: dict[str, Any] = {name: value for name, value in fields.items() if value != getattr(record, name)}
    return replace(record, **changed) if changed else record
