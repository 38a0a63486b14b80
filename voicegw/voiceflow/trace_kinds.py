"""The 26 trace kinds of the contract's `AnyTrace`: what each is called and what it carries.

Pure. Shapes are those of docs/spec/voiceflow-interact.openapi.yaml, read leniently (see trace_payloads.py).
"""

from __future__ import annotations

from typing import Literal

from voicegw.voiceflow.screen_payloads import (
    BlockPayload,
    Card,
    CarouselPayload,
    ChoicePayload,
    DebugPayload,
    EntityFillingPayload,
    FlowPayload,
    GoToPayload,
    KnowledgeBasePayload,
    PathPayload,
    ReasoningPayload,
    VisualPayload,
)
from voicegw.voiceflow.trace_payloads import (
    AudioPayload,
    CallForwardPayload,
    ChannelActionPayload,
    CompletionPayload,
    Dispensable,
    DtmfPayload,
    HandoffPayload,
    NoReplyPayload,
    Path,
    RealtimePayload,
    SpeakPayload,
    StreamPayload,
    TextPayload,
    ToolCallPayload,
    TracePart,
)

_MAX_TYPE_CHARACTERS = 1000


class TraceEnvelope(TracePart):
    """What every trace may carry beside its payload. `time` is in epoch milliseconds."""

    time: Dispensable[float] = None
    turn_id: Dispensable[str] = None
    handle_id: Dispensable[str] = None
    paths: Dispensable[tuple[Path, ...]] = None
    default_path: Dispensable[int] = None

    @property
    def default_event_type(self) -> str | None:
        """The type of the request that goes down the default path (the first, if none is named), if any; one that is
        too long to be a type is none."""
        index = self.default_path or 0
        if not self.paths or not 0 <= index < len(self.paths):
            return None
        event_type = (self.paths[index].event or {}).get("type")
        return event_type if isinstance(event_type, str) and len(event_type) <= _MAX_TYPE_CHARACTERS else None


class AudioTrace(TraceEnvelope):
    """More of a message as sound."""

    type: Literal["audio"] = "audio"
    payload: AudioPayload


class SpeakTrace(TraceEnvelope):
    """Something to be said, or a recording."""

    type: Literal["speak"] = "speak"
    payload: SpeakPayload


class StreamTrace(TraceEnvelope):
    """A long recording starts, loops, pauses or stops."""

    type: Literal["stream"] = "stream"
    payload: StreamPayload


class BlockTrace(TraceEnvelope):
    """Of interest to designers only."""

    type: Literal["block"] = "block"
    payload: BlockPayload


class CardTrace(TraceEnvelope):
    """A card is shown."""

    type: Literal["cardV2"] = "cardV2"
    payload: Card


class CarouselTrace(TraceEnvelope):
    """Cards are shown."""

    type: Literal["carousel"] = "carousel"
    payload: CarouselPayload


class ChannelActionTrace(TraceEnvelope):
    """Something for this channel alone."""

    type: Literal["channel-action"] = "channel-action"
    payload: ChannelActionPayload


class ChoiceTrace(TraceEnvelope):
    """Choices are offered."""

    type: Literal["choice"] = "choice"
    payload: ChoicePayload


class CompletionTrace(TraceEnvelope):
    """More of a generated message; it replaces the finished `text` or `speak`."""

    type: Literal["completion"] = "completion"
    payload: CompletionPayload


class DebugTrace(TraceEnvelope):
    """A note for developers."""

    type: Literal["debug"] = "debug"
    payload: DebugPayload


class DtmfTrace(TraceEnvelope):
    """How keys are collected from now on."""

    type: Literal["dtmf"] = "dtmf"
    payload: DtmfPayload


class EntityFillingTrace(TraceEnvelope):
    """Of interest to designers only."""

    type: Literal["entity-filling"] = "entity-filling"
    payload: EntityFillingPayload


class EndTrace(TraceEnvelope):
    """The conversation is over; not to be mistaken for the stream's `end` event."""

    type: Literal["end"] = "end"
    payload: object = None


class FlowTrace(TraceEnvelope):
    """Of interest to designers only."""

    type: Literal["flow"] = "flow"
    payload: FlowPayload


class GoToTrace(TraceEnvelope):
    """The agent asks for its own request to be sent next."""

    type: Literal["goto"] = "goto"
    payload: GoToPayload


class LogTrace(TraceEnvelope):
    """Of interest to designers only."""

    type: Literal["log"] = "log"
    payload: dict[str, object]


class NoReplyTrace(TraceEnvelope):
    """How long the caller may stay silent."""

    type: Literal["no-reply"] = "no-reply"
    payload: NoReplyPayload


class PathTrace(TraceEnvelope):
    """Of interest to designers only."""

    type: Literal["path"] = "path"
    payload: PathPayload


class TextTrace(TraceEnvelope):
    """Something to be said."""

    type: Literal["text"] = "text"
    payload: TextPayload


class ReasoningTrace(TraceEnvelope):
    """The model thinks aloud: never said."""

    type: Literal["reasoning"] = "reasoning"
    payload: ReasoningPayload


class VisualTrace(TraceEnvelope):
    """An image is shown."""

    type: Literal["visual"] = "visual"
    payload: VisualPayload


class KnowledgeBaseTrace(TraceEnvelope):
    """What was looked up."""

    type: Literal["knowledgeBase"] = "knowledgeBase"
    payload: KnowledgeBasePayload


class CallForwardTrace(TraceEnvelope):
    """The call is to go to a human."""

    type: Literal["call-forward"] = "call-forward"
    payload: CallForwardPayload


class RealtimeAgentTrace(TraceEnvelope):
    """Speech-to-speech begins, ends or was interrupted."""

    type: Literal["realtime-agent"] = "realtime-agent"
    payload: RealtimePayload


class LiveAgentHandoffTrace(TraceEnvelope):
    """News from a chat with a human."""

    type: Literal["live-agent-handoff"] = "live-agent-handoff"
    payload: HandoffPayload


class ToolCallTrace(TraceEnvelope):
    """A tool begins or ends its work."""

    type: Literal["tool-call"] = "tool-call"
    payload: ToolCallPayload


KnownTrace = (
    AudioTrace
    | SpeakTrace
    | StreamTrace
    | BlockTrace
    | CardTrace
    | CarouselTrace
    | ChannelActionTrace
    | ChoiceTrace
    | CompletionTrace
    | DebugTrace
    | DtmfTrace
    | EntityFillingTrace
    | EndTrace
    | FlowTrace
    | GoToTrace
    | LogTrace
    | NoReplyTrace
    | PathTrace
    | TextTrace
    | ReasoningTrace
    | VisualTrace
    | KnowledgeBaseTrace
    | CallForwardTrace
    | RealtimeAgentTrace
    | LiveAgentHandoffTrace
    | ToolCallTrace
)
