"""What the trace kinds for eyes, designers and developers carry: choices, cards, images, jumps, notes.

Pure. Shapes are those of docs/spec/voiceflow-interact.openapi.yaml, read as leniently as
in trace_payloads.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, OnErrorOmit

from voicegw.voiceflow.trace_payloads import Dispensable, TracePart


class Button(TracePart):
    """An offered choice; `request` is to be sent back verbatim (see `actions.parse_request`)."""

    name: str
    request: Dispensable[dict[str, object]] = None


# A choice that makes no sense does not cost the ones beside it.
Buttons = tuple[OnErrorOmit[Button], ...]


class ChoicePayload(TracePart):
    """The choices on offer."""

    buttons: Buttons
    message_id: Dispensable[str] = None
    ref: object = None


class CardDescription(TracePart):
    """A card's text."""

    text: str
    slate: object = None


class Card(TracePart):
    """A card: a title, some text and choices."""

    title: str
    buttons: Buttons = ()
    description: Dispensable[CardDescription] = None
    image_url: Dispensable[str] = None
    message_id: Dispensable[str] = None
    id: Dispensable[str] = None
    ref: object = None


class CarouselPayload(TracePart):
    """Several cards; `layout` is `List` or `Carousel`."""

    cards: tuple[OnErrorOmit[Card], ...]
    layout: Dispensable[str] = None
    message_id: Dispensable[str] = None
    ref: object = None


class GoToPayload(TracePart):
    """A request to be sent as the next action, verbatim (see `actions.parse_request`)."""

    request: dict[str, object]


class DebugPayload(TracePart):
    """A note for developers; `level` is `fatal`, `error`, `warn`, `info` or `debug`."""

    message: str
    level: Dispensable[str] = None
    type: Dispensable[str] = None
    context: Dispensable[str] = None
    metadata: object = None
    ref: object = None


class BlockPayload(TracePart):
    """A block of the design was entered."""

    block_id: str


class FlowPayload(TracePart):
    """A flow of the design was entered."""

    diagram_id: str
    name: Dispensable[str] = None


class PathPayload(TracePart):
    """The conversation took a path."""

    path: str


class EntityFillingPayload(TracePart):
    """The agent is asking for an entity of an intent."""

    entity_to_fill: str
    intent: dict[str, object]


class KnowledgeBasePayload(TracePart):
    """What was found in the knowledge base, and for which query."""

    chunks: tuple[object, ...]
    query: object = None


class VisualPayload(TracePart):
    """An image, for those who can see."""

    image: str | None
    visual_type: Dispensable[str] = None
    device: Dispensable[str] = None
    frame_type: Dispensable[str] = None
    options: object = None
    dimensions: object = None
    canvas_visibility: Dispensable[str] = None


class ReasoningStart(TracePart):
    """The model begins to think aloud."""

    state: Literal["start"]


class ReasoningContent(TracePart):
    """More of its thoughts."""

    state: Literal["content"]
    content: str


class ReasoningEnd(TracePart):
    """It has done thinking."""

    state: Literal["end"]


class ReasoningFinal(TracePart):
    """All its thoughts at once."""

    state: Literal["final"]
    message: str


ReasoningPayload = Annotated[
    ReasoningStart | ReasoningContent | ReasoningEnd | ReasoningFinal, Field(discriminator="state")
]
