"""The 15 request kinds of the contract's `AnyRequest` as models, field by field.

Pure. Shapes are those of docs/spec/voiceflow-interact.openapi.yaml. Knows nothing of how
they are made, read or sent.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from voicegw.voiceflow.field_names import wire_name

_T = TypeVar("_T")


def _refuse_null(value: object) -> object:
    if value is None:
        raise ValueError("null is not allowed here: leave the field out")
    return value


# The contract knows no nullable request field: a field that is not needed is left out, never null.
Omittable = Annotated[_T | None, BeforeValidator(_refuse_null)]
Number = int | float


class _Part(BaseModel):
    # Strict, so that what we call fitting is what the contract calls fitting; open, because the contract is.
    model_config = ConfigDict(frozen=True, strict=True, extra="allow", alias_generator=wire_name, populate_by_name=True)


class _Request(_Part):
    diagram_id: Omittable[str] = None
    time: Omittable[Number] = None
    metadata: Omittable[dict[str, object]] = None


class Operation(_Part):
    """One self-describing operation carried along with a request (the contract's `BaseAction`)."""

    type: str
    payload: object


class OperationsPayload(_Part):
    """The open payload that most requests share: operations and the label the caller chose."""

    actions: Omittable[list[Operation]] = None
    label: Omittable[str] = None


class LaunchPayload(_Part):
    """Free-form facts about the conversation that begins; `persona` is the only name the contract gives."""

    persona: Omittable[str] = None


class LaunchAction(_Request):
    """A new conversation begins."""

    type: Literal["launch"]
    payload: Omittable[LaunchPayload] = None


class TextMetadata(_Part):
    """Where a text came from."""

    source: Omittable[str] = None


class TextAction(_Part):
    """The caller said `payload`."""

    type: Literal["text"]
    payload: str
    diagram_id: Omittable[str] = None
    time: Omittable[Number] = None
    metadata: Omittable[TextMetadata] = None


class AttachedFile(_Part):
    """One file of a `file` request."""

    mime_type: str
    url: Omittable[str] = None
    filename: Omittable[str] = None
    size: Omittable[Number] = None
    s3_key: Omittable[str] = None


class FilePayload(_Part):
    """At least one file, and words that go with them."""

    files: Annotated[list[AttachedFile], Field(min_length=1)]
    text: Omittable[str] = None


class FileAction(_Request):
    """Files were sent."""

    type: Literal["file"]
    payload: FilePayload


class OperationsAction(_Request):
    """Self-describing operations (request type `action`)."""

    type: Literal["action"]
    payload: Omittable[OperationsPayload] = None


class Named(_Part):
    """An intent or an event: a name, and whatever fields it carries."""

    name: str


class VerboseValue(_Part):
    """One span of an utterance and its canonical form."""

    raw_text: str
    canonical_text: str
    start_index: Number


class Entity(_Part):
    """An entity found in an utterance."""

    name: str
    value: str
    query: Omittable[str] = None
    verbose_value: Omittable[list[VerboseValue]] = None


class _AnyIntentPayload(OperationsPayload):
    intent: Named
    query: Omittable[str] = None
    confidence: Omittable[Number] = None


class IntentPayload(_AnyIntentPayload):
    """An intent as today's runtime takes it."""

    data: Omittable[dict[str, object]] = None
    entities: Omittable[list[Entity]] = None


class AlexaIntentPayload(_AnyIntentPayload):
    """An intent as the runtime expects Alexa to send it: `data` and `entities` are a must."""

    data: dict[str, object]
    entities: list[Entity]


class LegacyIntentPayload(_AnyIntentPayload):
    """An intent as the runtime's older clients send it: `entities` are a must."""

    entities: list[Entity]


class IntentAction(_Request):
    """A specific intent is triggered."""

    type: Literal["intent"]
    payload: IntentPayload


class AlexaIntentAction(_Request):
    """A specific intent is triggered, Alexa's way."""

    type: Literal["intent"]
    payload: AlexaIntentPayload


class LegacyIntentAction(_Request):
    """A specific intent is triggered, the old way."""

    type: Literal["intent"]
    payload: LegacyIntentPayload


class EventPayload(OperationsPayload):
    """A named event and its fields."""

    event: Named


class EventAction(_Request):
    """Something happened outside the conversation."""

    type: Literal["event"]
    payload: EventPayload


class PathPayload(OperationsPayload):
    """The label of the path that was chosen."""

    label: str


class PathAction(_Request):
    """The conversation goes down the path named by `type`."""

    type: str
    payload: PathPayload


class NoReplyAction(_Request):
    """The caller stayed silent for as long as the agent was willing to wait."""

    type: Literal["no-reply"]


class MessagePayload(_Part):
    """Words."""

    message: str


class MessageAction(_Request):
    """Much like `text`."""

    type: Literal["message"]
    payload: MessagePayload


class EndPayload(_Part):
    """Why the conversation ended."""

    reason: str


class EndAction(_Request):
    """The conversation is over."""

    type: Literal["end"]
    payload: Omittable[EndPayload] = None


class DtmfAction(_Request):
    """The caller keyed `payload`."""

    type: Literal["dtmf"]
    payload: str


class HandoffMessage(_Part):
    """Words for the live agent."""

    type: Literal["message"]
    message: str


class HandoffFile(_Part):
    """One file for the live agent."""

    id: Annotated[str, Field(min_length=1)]
    name: str
    size: Number
    type: str
    status: Omittable[Literal["uploaded", "failed"]] = None
    metadata: Omittable[dict[str, object]] = None


class HandoffFileUpload(_Part):
    """Files for the live agent."""

    type: Literal["file_upload"]
    files: Annotated[list[HandoffFile], Field(min_length=1)]


class HandoffSignal(_Part):
    """The conversation goes on with the live agent, or goes back to the agent."""

    type: Literal["continue_conversation", "return_to_voiceflow"]


HandoffPayload = Annotated[HandoffMessage | HandoffFileUpload | HandoffSignal, Field(discriminator="type")]


class LiveAgentHandoffAction(_Request):
    """Something for a connected live agent."""

    type: Literal["live-agent-handoff"]
    payload: HandoffPayload


class GeneralAction(_Request):
    """Any action the system does not define, such as the answer to a custom action."""

    type: str
    payload: Omittable[OperationsPayload] = None
