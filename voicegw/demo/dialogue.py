"""The dialogue language: what a dialogue file may say, as typed and frozen models.

A dialogue is a set of states. Entering a state does, in this order: `set`, `say`, `tool`, `play`, `fault`;
then the state goes on (`goto`), sends the call away (`forward`, `realtime`), ends it (`hangup`), or listens
(`ask`, `buttons`, `keypad`, `silence`, `on`). Pure: knows neither files nor HTTP.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

FaultKind = Literal[
    "http-500",
    "http-429",
    "session-expired",
    "reset",
    "cut-off",
    "garbage",
    "stall",
    "slow",
    "empty",
    "out-of-credit",
]

DEFAULT_FAULT_SECONDS = {"http-429": 1.0, "slow": 8.0, "stall": 60.0}

# A variable in a text. Nothing but a name is a variable: no attributes, no formats, no code.
VARIABLE = re.compile(r"\{(\w+)\}")


def _one_or_many(value: object) -> object:
    """Lets a file write one text where several may stand."""
    return (value,) if isinstance(value, str) else value


def _compile_said(value: object) -> object:
    """Compiles what a caller may say: whole words, any case, a list being alternatives."""
    given = value if isinstance(value, list) else [value]
    alternatives = [text for text in given if isinstance(text, str)]
    if not alternatives or len(alternatives) < len(given):
        raise ValueError('holds something that is no text; put it in quotes: "1234"')
    return _compile(r"\b(?:" + "|".join(alternatives) + r")\b")


def _compile_whole(value: object) -> object:
    """Compiles a pattern that must fit all of an entry or a field."""
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is no text; put it in quotes: "{value}"')  # noqa: TRY004 (pydantic wants it)
    return _compile(rf"\A(?:{value})\Z")


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as exc:
        raise ValueError(f"is no regular expression ({exc.msg}); escape special characters by \\") from exc


def _shorthand(field: str) -> BeforeValidator:
    """Lets a file write the one field that matters as plain text: `forward: front-desk`."""
    return BeforeValidator(lambda value: {field: value} if isinstance(value, str) else value)


Words = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
Spoken = Annotated[re.Pattern[str], BeforeValidator(_compile_said)]
Whole = Annotated[re.Pattern[str], BeforeValidator(_compile_whole)]


class Piece(BaseModel):
    """A frozen piece of a dialogue that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, arbitrary_types_allowed=True)


class Rule(Piece):
    """What a caller's input (or an event) leads to: exactly one of `said`, `dtmf`, `event`, `otherwise`."""

    said: Spoken | None = None
    dtmf: Whole | None = None
    event: str | None = None
    where: dict[str, Whole] = {}
    otherwise: Literal[True] | None = None
    assign: dict[str, str] = Field({}, alias="set")
    goto: str

    @model_validator(mode="after")
    def _has_one_trigger(self) -> Self:
        triggers = [self.said, self.dtmf, self.event, self.otherwise]
        if sum(trigger is not None for trigger in triggers) != 1:
            raise ValueError("needs exactly one of said, dtmf, event, otherwise; write one rule for each")
        if self.where and self.event is None:
            raise ValueError("has `where` without `event`; `where` looks into an event's fields")
        return self


class Button(Piece):
    """A choice offered by name: on a phone the n-th button is the key n, or its label spoken."""

    label: str
    assign: dict[str, str] = Field({}, alias="set")
    goto: str


class Keypad(Piece):
    """How keys are collected while a state listens: the `dtmf` trace."""

    max_digits: int = Field(20, ge=1, le=20)
    delimiter: tuple[Literal["#", "*"], ...] = ("#",)
    gap_seconds: float = Field(2, ge=0, le=10)

    @model_validator(mode="after")
    def _can_end(self) -> Self:
        if self.gap_seconds == 0 and not self.delimiter:
            raise ValueError("never ends: gap_seconds is 0 and delimiter is empty; give one of them")
        return self


class Silence(Piece):
    """How long a caller may be silent, what is said then (one text for each time), and where it ends."""

    after_seconds: float = Field(gt=0, le=300)
    say: Words = ()
    goto: str


class Tool(Piece):
    """A tool that takes its time: the `tool-call` traces, `seconds` apart."""

    name: str
    seconds: float = Field(1, ge=0, le=600)
    sound: str | None = None


class Play(Piece):
    """A recording: a file beside the dialogue or an https URL; `words` are said when it cannot be had."""

    recording: str
    words: str = ""


class Forward(Piece):
    """Where the call is sent: an alias, an E.164 number or a `sip:` address."""

    to: str
    kind: Literal["phone", "sip"] | None = None
    extension: str | None = None
    caller_id_passthrough: bool | None = None

    @property
    def address_type(self) -> Literal["phone", "sip"]:
        """The trace's addressType: as written, else told by the address."""
        return self.kind or ("sip" if self.to.lower().startswith(("sip:", "sips:")) else "phone")

    @model_validator(mode="after")
    def _sip_has_no_phone_fields(self) -> Self:
        if self.address_type == "sip" and (self.extension or self.caller_id_passthrough is not None):
            raise ValueError("goes to SIP, which knows no extension or caller_id_passthrough; remove them")
        return self


class Fault(Piece):
    """A failure on request; see `docs/agent-dialogue.md` for what each kind looks like on the wire."""

    kind: FaultKind
    seconds: float | None = Field(None, ge=0, le=600)
    times: int | None = Field(None, ge=1)

    @property
    def lasting_seconds(self) -> float:
        """How long it lasts (slow, stall) or says to wait (http-429)."""
        return DEFAULT_FAULT_SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds


class State(Piece):
    """One step of the dialogue; the file's opening words give the order in which its fields act."""

    assign: dict[str, str] = Field({}, alias="set")
    say: Words = ()
    generated: bool = False
    tool: Annotated[Tool, _shorthand("name")] | None = None
    play: Annotated[Play, _shorthand("recording")] | None = None
    fault: Annotated[Fault, _shorthand("kind")] | None = None
    goto: str | None = None
    forward: Annotated[Forward, _shorthand("to")] | None = None
    realtime: Literal[True] | None = None
    hangup: Literal[True] | None = None
    ask: str | None = None
    buttons: tuple[Button, ...] = ()
    keypad: Keypad | None = None
    silence: Silence | None = None
    on: tuple[Rule, ...] = ()

    @property
    def listens(self) -> bool:
        """Whether the caller may answer here."""
        return not (self.goto or self.forward or self.realtime or self.hangup)

    @model_validator(mode="after")
    def _ends_in_one_way(self) -> Self:
        ways = [name for name in ("goto", "forward", "realtime", "hangup") if getattr(self, name)]
        if len(ways) > 1:
            raise ValueError(f"has {' and '.join(ways)}, but a state ends in one way; make a second state")
        deaf = [name for name in ("ask", "buttons", "keypad", "silence") if getattr(self, name)]
        if ways and deaf:
            raise ValueError(f"has {deaf[0]} beside {ways[0]}, so nobody would listen; remove one of them")
        if self.on and (self.goto or self.hangup):
            raise ValueError(f"has on beside {ways[0]}, so no rule would be tried; remove one of them")
        return self


class Dialogue(Piece):
    """A whole dialogue: where it starts, what holds everywhere, and its states by name."""

    start: str
    channel: Literal["voice", "chat"] = "voice"
    variables: dict[str, str] = {}
    silence: Silence | None = None
    not_understood: str = "Sorry, I did not understand that."
    everywhere: tuple[Rule, ...] = ()
    states: dict[str, State]
    # Recordings by name, as bytes: put here by the loader, so that playing a dialogue needs no files.
    recordings: dict[str, bytes] = Field({}, exclude=True, repr=False)


def fill_in(text: str, variables: Mapping[str, object]) -> str:
    """Returns `text` with each `{name}` replaced by that variable, or by nothing where it is not set."""
    return VARIABLE.sub(lambda found: str(variables.get(found[1], "")), text)
