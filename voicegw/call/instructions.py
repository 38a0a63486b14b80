"""What an agent's answer asks of the call, one instruction at a time, whatever carries it out.

The closed union `Instruction` is made by `voicegw.voiceflow.planner`, trace by trace; `call.state` folds it into
the call and into a `CallPlan`. Knows no carrier and no agent platform.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class BargeIn(StrEnum):
    """What may interrupt a prompt."""

    ANY = "any"
    SPEECH = "speech"
    KEYS = "keys"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """An offered choice: its spoken name and the request to send back verbatim (None: send the name as text)."""

    name: str
    request: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak `text`. `ssml` is the same speech as a safe, well-formed SSML fragment where the agent sent one."""

    text: str
    ssml: str | None = None
    language: str = ""
    barge_in: BargeIn = BargeIn.ANY
    by_gateway: bool = False
    filler: bool = False
    kind: Literal["say"] = "say"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayAudio:
    """Play a recording: an https URL, a `data:` URI, or (after it was stored) a URL of ours.

    `instead` is what is said when the source cannot be had. `loop` 0 repeats until the prompt is over.
    """

    source: str
    instead: str = ""
    loop: int = 1
    barge_in: BargeIn = BargeIn.ANY
    kind: Literal["play-audio"] = "play-audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRecording:
    """Play audio that the agent sent in pieces, collected: base64 `content`, `encoding` as the agent names it."""

    content: tuple[str, ...]
    encoding: str
    message_id: str = ""
    instead: str = ""
    barge_in: BargeIn = BargeIn.ANY
    kind: Literal["play-recording"] = "play-recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayChunk:
    """One piece of a message that the agent sends as sound, to be heard at once: only for a call that we speak in.

    `content` (base64, of `first` and `last` maybe empty) goes on exactly where the piece before it ended. `instead` is
    all that the message says, as far as it is known at the `first` and at the `last` piece.
    """

    content: str
    encoding: str
    first: bool = False
    last: bool = False
    instead: str = ""
    barge_in: BargeIn = BargeIn.ANY
    kind: Literal["play-chunk"] = "play-chunk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """How keys are gathered from now on. `gap_seconds` 0: only a delimiter or `max_digits` ends an entry."""

    enabled: bool = True
    gap_seconds: float = 2.0
    delimiters: tuple[str, ...] = ("#",)
    max_digits: int = 20
    kind: Literal["collect"] = "collect"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceTimeout:
    """After `seconds` of silence the agent wants to know."""

    seconds: float
    kind: Literal["silence-timeout"] = "silence-timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferButtons:
    """Choices that the caller may say or press the number of. `message` is read aloud only if the number says so."""

    buttons: tuple[Button, ...]
    message: str = ""
    kind: Literal["offer-buttons"] = "offer-buttons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Forward the caller: `address` is an alias, a number or a SIP URI as the agent named it, not yet judged."""

    address: str
    address_type: Literal["phone", "sip", "human"] = "phone"
    extension: str = ""
    caller_id_passthrough: bool = False
    kind: Literal["forward"] = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the call once everything before was heard. `reason` as in the call's log."""

    reason: str = "agent-ended"
    kind: Literal["hang-up"] = "hang-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRealtime:
    """Bridge the caller to a speech-to-speech server; encodings and rates (Hz, None: the default) as the trace says.
    `ended`: the agent has taken it back before it began."""

    input_encoding: str
    output_encoding: str
    input_rate: int | None = None
    output_rate: int | None = None
    ended: bool = False
    kind: Literal["start-realtime"] = "start-realtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRealtime:
    """END or INTERRUPTED of a realtime bridge."""

    action: Literal["END", "INTERRUPTED"]
    kind: Literal["control-realtime"] = "control-realtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSound:
    """A tool of the agent begins or ends; `sound` names what the caller hears meanwhile."""

    tool_id: str
    playing: bool
    sound: str = ""
    kind: Literal["hold-sound"] = "hold-sound"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBackground:
    """From now on `source` repeats behind the conversation (empty: nothing does): only in a call that we speak in."""

    source: str
    kind: Literal["set-background"] = "set-background"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequest:
    """Send `request` back to the agent as its next action once this turn is over (`goto`)."""

    request: Mapping[str, object]
    kind: Literal["return-request"] = "return-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitPath:
    """A custom action stopped the turn: without a hook of ours its default path's event is the next action.

    `handled` marks an action the gateway has carried out by other instructions of the same turn.
    """

    name: str
    request: Mapping[str, object]
    kind: Literal["await-path"] = "await-path"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyKeypad:
    """The old custom action `DTMF`: each key goes to the agent as `{"type": "DTMF <key>"}` until the next turn."""

    kind: Literal["legacy-keypad"] = "legacy-keypad"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBargeIn:
    """Whether the caller may interrupt prompts, for the rest of the call."""

    barge_in: BargeIn
    kind: Literal["set-barge-in"] = "set-barge-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRecognition:
    """How speech is heard for the rest of the call; empty fields stay as they are."""

    endpointing: str = ""
    language: str = ""
    hints: tuple[str, ...] = ()
    kind: Literal["set-recognition"] = "set-recognition"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSensitive:
    """Whether what the caller enters next, said or pressed, is nobody's business: it is hidden from every log."""

    sensitive: bool = True
    kind: Literal["set-sensitive"] = "set-sensitive"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceTwiml:
    """A whole TwiML document from the agent (custom action `twiml`), only where the number allows it."""

    document: str
    kind: Literal["splice-twiml"] = "splice-twiml"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDown:
    """The agent said that it cannot work at all (out of credit)."""

    code: str
    kind: Literal["agent-down"] = "agent-down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """The agent has been quiet for longer than a caller is kept waiting. Made by whoever runs the turn."""

    kind: Literal["overdue"] = "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something for the call's log that the caller never hears."""

    about: str
    fields: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    kind: Literal["note"] = "note"


STILL_ANSWERING = "still-answering"
"""A `Note` about nothing but the agent being at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """The agent knows the call by this session from now on."""

    session_key: str
    user_id: str
    kind: Literal["session-opened"] = "session-opened"

    def __repr__(self) -> str:  # the key is a secret: it never reaches a log or a traceback
        return f"SessionOpened(user_id={self.user_id!r})"


Prompt = Say | PlayAudio | PlayRecording | PlayChunk
Setting = (
    Collect
    | SilenceTimeout
    | OfferButtons
    | LegacyKeypad
    | SetBargeIn
    | SetRecognition
    | SetSensitive
    | SetBackground
    | SessionOpened
    | AwaitPath
)
Ending = Forward | HangUp | StartRealtime | ReturnRequest | SpliceTwiml | AgentDown
Instruction = Prompt | Setting | Ending | HoldSound | ControlRealtime | Overdue | Note


def proves_launch(instruction: Instruction) -> bool:
    """Only an agent that has taken up the conversation brings this: it was launched, whatever becomes of the turn."""
    return not isinstance(instruction, SessionOpened | AgentDown | Overdue | Note)
