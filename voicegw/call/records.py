"""What happened on a call, one value for each thing: the closed union `Record` (`call.entries` dates them).

Everyone who takes part in a call makes these; what becomes of them (call log, metrics, events) is not known here.
Nothing secret is a field: no session key, no API key. What callers said or pressed is in clear until `call.redaction`
has seen the record, which is before anybody else does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Fields = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRang:
    """The first webhook of a call. Numbers are E.164; `caller_number` is empty where it is withheld."""

    caller_number: str
    called_number: str
    caller_name: str = ""
    caller_country: str = ""
    forwarded_from: str = ""
    direction: str = "inbound"
    mode: str = "gather"
    kind: Literal["call-rang"] = "call-rang"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReceived:
    """The carrier asked. `name` is `voice`, `status`, `fallback`, or a step's `<turn>/<step>`."""

    name: str
    kind: Literal["webhook-received"] = "webhook-received"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswered:
    """What the carrier was told for `name`: `answer` is the document, `seconds` how long it waited for it."""

    name: str
    seconds: float
    answer: str = ""
    kind: Literal["step-answered"] = "step-answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSpoke:
    """A transcript. `quiet_seconds`: how long the caller had been quiet before it reached us, as far as is known.

    `sensitive`: asked for by a prompt whose answer is nobody's business.
    """

    text: str
    confidence: float | None = None
    quiet_seconds: float = 0.0
    sensitive: bool = False
    kind: Literal["caller-spoke"] = "caller-spoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysPressed:
    """Keys as they came; `ended_by` the delimiter, "" when time or length ended them, None when nobody told."""

    keys: str
    ended_by: str | None = None
    quiet_seconds: float = 0.0
    sensitive: bool = False
    kind: Literal["keys-pressed"] = "keys-pressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerStayedSilent:
    """Nothing was heard for as long as we listened."""

    kind: Literal["caller-stayed-silent"] = "caller-stayed-silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerInterrupted:
    """Barge-in: the caller cut a prompt off, by `speech` or `keys`."""

    by: Literal["speech", "keys"]
    kind: Literal["caller-interrupted"] = "caller-interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBegan:
    """Something to hear was handed to the carrier: `text` the words, or `source` where it is a recording.

    `by_gateway`: our own words; `filler`: only to pass the time.
    """

    text: str = ""
    source: str = ""
    by_gateway: bool = False
    filler: bool = False
    kind: Literal["prompt-began"] = "prompt-began"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSounded:
    """The mark behind a prompt's first piece came back, so long after that began to be played, and was sent."""

    played_seconds: float
    sent_seconds: float
    filler: bool = False
    kind: Literal["prompt-sounded"] = "prompt-sounded"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptHeard:
    """The prompts last begun were heard to their end, as far as we can tell."""

    kind: Literal["prompt-heard"] = "prompt-heard"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCut:
    """The prompts last begun were cut off: `heard` is what was out by then (in gather mode an estimate)."""

    heard: str
    kind: Literal["prompt-cut"] = "prompt-cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBegan:
    """The agent's turn begins; `heard` is the kind of input (as in `call.inputs`) that it answers."""

    heard: str
    kind: Literal["turn-began"] = "turn-began"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """The agent knows the call by a session (whose key is a secret and not here)."""

    seconds: float = 0.0
    renewed: bool = False
    kind: Literal["session-started"] = "session-started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSent:
    """What the agent was asked: the action as it goes over the wire, and the variables set with it."""

    action: Mapping[str, object]
    variables: Mapping[str, object] = field(default_factory=dict)
    sensitive: bool = False
    kind: Literal["action-sent"] = "action-sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBegan:
    """The first byte of the agent's answer."""

    status: int = 200
    kind: Literal["answer-began"] = "answer-began"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReceived:
    """One trace of the agent: its type, and what it says in short. Pieces of one text are counted, not listed."""

    type: str
    summary: str = ""
    pieces: int = 1
    kind: Literal["trace-received"] = "trace-received"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsReady:
    """The first whole sentence of the turn (or the first recording) is ready to be spoken."""

    kind: Literal["words-ready"] = "words-ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded:
    """The agent's turn is over. `failure` is the code of what went wrong, empty if nothing did."""

    failure: str = ""
    permanent: bool = False
    kind: Literal["turn-ended"] = "turn-ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardTried:
    """A human's line is dialled: what is really dialled, after policy."""

    address: str
    address_type: Literal["phone", "sip"]
    attempt: int
    ring_seconds: int
    confirm: bool = False
    kind: Literal["forward-tried"] = "forward-tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardFinished:
    """How an attempt ended (`call.inputs.ForwardOutcome`), or that policy refused it. `seconds` with the human."""

    outcome: str
    address: str = ""
    seconds: int = 0
    bridged: bool | None = None
    reason: str = ""
    kind: Literal["forward-finished"] = "forward-finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReceived:
    """Somebody outside the call asked for something: an `event` by name, a `hang-up`, a `forward`."""

    order: Literal["event", "hang-up", "forward"]
    name: str = ""
    by: str = ""
    kind: Literal["order-received"] = "order-received"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Something went wrong: `part` is who failed (agent, carrier, store, prompt, gateway), `code` as in `errors`."""

    part: Literal["agent", "carrier", "store", "prompt", "gateway"]
    code: str
    reason: str = ""
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something worth a line that no other record is for, such as a trace that the phone has no use for."""

    about: str
    fields: Fields = field(default_factory=dict)
    kind: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBegan:
    """A media stream of the call is open, the call's first, second …: from here on we hear and speak ourselves."""

    number: int
    kind: Literal["stream-began"] = "stream-began"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingBegan:
    """The stream is recorded into `file`."""

    file: str
    kind: Literal["recording-began"] = "recording-began"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded:
    """The media stream is over: as planned, `moved` to another process, or why it failed (`call.streaming`)."""

    reason: Literal["plan", "moved", "carrier-stopped", "no-media", "no-voice"]
    kind: Literal["stream-ended"] = "stream-ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The call is over: `hangup` by the caller, `agent-ended`, `forward-completed`, `agent-failed`, …"""

    reason: str
    kind: Literal["call-ended"] = "call-ended"


Record = (
    CallRang
    | WebhookReceived
    | StepAnswered
    | CallerSpoke
    | KeysPressed
    | CallerStayedSilent
    | CallerInterrupted
    | PromptBegan
    | PromptSounded
    | PromptHeard
    | PromptCut
    | TurnBegan
    | SessionStarted
    | ActionSent
    | AnswerBegan
    | TraceReceived
    | WordsReady
    | TurnEnded
    | ForwardTried
    | ForwardFinished
    | OrderReceived
    | Failed
    | Noted
    | StreamBegan
    | RecordingBegan
    | StreamEnded
    | CallEnded
)
