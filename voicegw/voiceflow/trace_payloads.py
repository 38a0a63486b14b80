"""What the trace kinds that matter on a phone carry: speech, keys, waiting, forwarding, tools.

Pure. Shapes are those of docs/spec/voiceflow-interact.openapi.yaml, read leniently: what we cannot do
without is required, anything else that is missing or of a wrong type counts as absent; enums that may
grow are plain strings.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, OnErrorOmit
from pydantic_core import core_schema

from voicegw.voiceflow.field_names import wire_name

_T = TypeVar("_T")

# A field we can do without: of a wrong type it counts as absent, and does not cost the words beside it.
Dispensable = Annotated[
    _T | None,
    GetPydanticSchema(
        lambda source, handler: core_schema.with_default_schema(handler(source), default=None, on_error="default")
    ),
]


class TracePart(BaseModel):
    """Anything inside a trace: frozen, spelt as on the wire, with fields it does not know kept."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        allow_inf_nan=False,
        alias_generator=wire_name,
        populate_by_name=True,
    )


class Path(TracePart):
    """One way on from a trace; `event` is the request that leads there, as it came."""

    label: Dispensable[str] = None
    event: Dispensable[dict[str, object]] = None


class Source(TracePart):
    """A place where sound lies: an URL, or a `data:` URI."""

    src: str


class SpeakPayload(TracePart):
    """Words, or (type `audio`) a recording whose `message` may be empty."""

    message: str
    type: str = "message"
    src: Dispensable[str] = None
    voice: Dispensable[str] = None
    ai: Dispensable[bool] = None
    is_prompt: Dispensable[bool] = None


class TextPayload(TracePart):
    """Words, perhaps with markdown; `audio.src` is the same, spoken. `delay` is a pause for eyes, in ms."""

    message: str
    message_id: Dispensable[str] = None
    audio: Dispensable[Source] = None
    voice: Dispensable[str] = None
    delay: Dispensable[float] = None
    ai: Dispensable[bool] = None
    slate: object = None
    source_urls: object = None
    ref: object = None


class CompletionStart(TracePart):
    """A generated message begins."""

    state: Literal["start"]
    message_id: Dispensable[str] = None
    delay: Dispensable[float] = None
    ai: Dispensable[bool] = None
    source_urls: object = None
    ref: object = None


class CompletionContent(TracePart):
    """More of the generated message; a word may be cut anywhere."""

    state: Literal["content"]
    content: str


class CompletionEnd(TracePart):
    """The generated message is complete."""

    state: Literal["end"]
    ref: object = None


CompletionPayload = Annotated[CompletionStart | CompletionContent | CompletionEnd, Field(discriminator="state")]


class AudioStart(TracePart):
    """A spoken message begins."""

    state: Literal["start"]
    message_id: Dispensable[str] = None
    delay: Dispensable[float] = None


class AudioContent(TracePart):
    """More sound. `encoding` is `audio/mp3`, `audio/x-mulaw`, `audio/pcm` or one that is new to us.

    That `content` is base64, and the unit of `duration`, are not documented.
    """

    state: Literal["content"]
    content: str
    encoding: str
    duration: Dispensable[float] = None


class AudioEnd(TracePart):
    """The spoken message is complete."""

    state: Literal["end"]


AudioPayload = Annotated[AudioStart | AudioContent | AudioEnd, Field(discriminator="state")]


class StreamPayload(TracePart):
    """A long recording: `action` is `LOOP`, `PLAY`, `PAUSE` or `END`."""

    src: str
    action: str
    token: Dispensable[str] = None
    loop: Dispensable[bool] = None
    title: Dispensable[str] = None
    description: Dispensable[str] = None
    icon_image: Dispensable[str] = None
    background_image: Dispensable[str] = None


class DtmfPayload(TracePart):
    """How keys are collected from now on.

    `timeout_in_seconds` is the gap between keys (contract: 0 to 10; "Set to 0 to process only after a
    delimiter is provided"), `delimiter` holds `#` and `*`, `max_digits` is 1 to 20. Ranges are not checked
    here.
    """

    enabled: bool
    timeout_in_seconds: float
    delimiter: tuple[OnErrorOmit[str], ...]
    max_digits: float


class NoReplyPayload(TracePart):
    """Seconds of silence after which the caller has not replied."""

    timeout: float


class ForwardToPhone(TracePart):
    """Dial a number, then send `extension` as keys (`w` and `W` are pauses of 0.5 and 1 s)."""

    address_type: Literal["phone"]
    address: str
    extension: Dispensable[str] = None
    caller_id_passthrough: Dispensable[bool] = None


class ForwardToSip(TracePart):
    """Dial a SIP address."""

    address_type: Literal["sip"]
    address: str


CallForwardPayload = Annotated[ForwardToPhone | ForwardToSip, Field(discriminator="address_type")]


class AudioFormat(TracePart):
    """How one direction of realtime audio is coded."""

    encoding: str
    sample_rate: Dispensable[float] = None


class RealtimeStart(TracePart):
    """Speech-to-speech begins: `input` is what the agent hears, `output` what it says."""

    action: Literal["START"]
    input: AudioFormat
    output: AudioFormat


class RealtimeEnd(TracePart):
    """Speech-to-speech is over."""

    action: Literal["END"]


class RealtimeInterrupted(TracePart):
    """What the realtime agent has said but nobody has heard yet is void."""

    action: Literal["INTERRUPTED"]


RealtimePayload = Annotated[RealtimeStart | RealtimeEnd | RealtimeInterrupted, Field(discriminator="action")]


class HoldSound(TracePart):
    """What to play while a tool works; `volume` is 0.0 to 1.0."""

    ref: str
    volume: Dispensable[float] = None


class ToolCallStart(TracePart):
    """A tool begins to work."""

    state: Literal["start"]
    call_id: str
    sound: Dispensable[HoldSound] = None


class ToolCallEnd(TracePart):
    """A tool is done."""

    state: Literal["end"]
    call_id: str


ToolCallPayload = Annotated[ToolCallStart | ToolCallEnd, Field(discriminator="state")]


class LiveAgent(TracePart):
    """The human at the other end."""

    name: str
    image_url: Dispensable[str] = None


class HandoffConfig(TracePart):
    """How a handoff goes on."""

    return_to_ai: Dispensable[bool] = None


class ReceivedFile(TracePart):
    """A file the human sent."""

    url: str
    name: str
    type: Dispensable[str] = None


class HandoffPayload(TracePart):
    """Something happened in a chat with a human.

    `event` is `chat_started` (with `provider`, `config`), `chat_ended`, `chat_dismissed` (both with
    three messages), `file_received` (with `file`), `participant_joined`, `message_received`, `event`,
    `wait_time`, `chat_dismissal_warning`, or one that is new to us.
    """

    event: str
    message: str
    conversation_id: Dispensable[str] = None
    agent: Dispensable[LiveAgent] = None
    provider: Dispensable[str] = None
    config: Dispensable[HandoffConfig] = None
    file: Dispensable[ReceivedFile] = None
    download_message: Dispensable[str] = None
    continue_message: Dispensable[str] = None
    new_conversation_message: Dispensable[str] = None
    translation_key: Dispensable[str] = None
    translation_params: object = None


class ChannelActionPayload(TracePart):
    """Something for this channel alone, by name."""

    name: str
    payload: Dispensable[dict[str, object]] = None
