"""OpenAI's Realtime API, as events: those we send, and those of the server's that mean something to a call. Pure.

The shapes are those of the general release (`audio.input.format`, `response.output_audio.delta`); servers that still
speak as its beta did (`response.audio.delta`) are understood. Anything else is kept, and means nothing.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_TELEPHONE: Final = {"type": "audio/pcmu"}
_MOST_KEPT_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The session is as we asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioDelta:
    """More audio (8 kHz mulaw) of one part of one item of the conversation."""

    item_id: str
    content_index: int
    audio: bytes


@dataclass(frozen=True, slots=True)
class CallerSpoke:
    """The server's detector hears the caller begin to speak."""


@dataclass(frozen=True, slots=True)
class ResponseBegan:
    """The model answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseEnded:
    """The model has answered; `failure` is why it could not, empty where it could or was cut off."""

    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """Something that we sent was wrong, or the session cannot go on: the server closes it then."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Any other event, or what is none at all: its type, as far as it has one."""

    name: str


OpenAiEvent = SessionUpdated | AudioDelta | CallerSpoke | ResponseBegan | ResponseEnded | ServerError | Unknown


def parse_openai_event(message: str | bytes) -> OpenAiEvent:
    """One message of the server's; what is no event, or lacks what it should have, is `Unknown`."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return Unknown("")
    if not isinstance(fields, dict):
        return Unknown("")
    name = _text(fields, "type")
    match name:
        case "session.updated":
            return SessionUpdated()
        case "response.output_audio.delta" | "response.audio.delta":
            return _parse_audio(fields) or Unknown(name)
        case "input_audio_buffer.speech_started":
            return CallerSpoke()
        case "response.created":
            return ResponseBegan()
        case "response.done":
            return ResponseEnded(failure=_failure(fields))
        case "error":
            error = _table(fields, "error")
            return ServerError(code=_text(error, "code") or _text(error, "type"), message=_text(error, "message"))
        case _:
            return Unknown(name)


def render_session_update(*, instructions: str, voice: str) -> str:
    """Mulaw both ways, and the server's own detector ends and interrupts turns; what is empty stays the server's."""
    output: dict[str, object] = {"format": _TELEPHONE}
    session: dict[str, object] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {"format": _TELEPHONE, "turn_detection": {"type": "server_vad"}},
            "output": output | ({"voice": voice} if voice else {}),
        },
    }
    return _render("session.update", session=session | ({"instructions": instructions} if instructions else {}))


def render_audio(mulaw: bytes) -> str:
    """The next piece of what the caller says."""
    return _render("input_audio_buffer.append", audio=base64.b64encode(mulaw).decode())


def render_keys(keys: str) -> str:
    """What the caller keyed in, as words: the API knows no keys."""
    content = [{"type": "input_text", "text": f"[The caller pressed on the telephone's keypad: {keys}]"}]
    return _render("conversation.item.create", item={"type": "message", "role": "user", "content": content})


def render_response_create() -> str:
    """The model is to speak."""
    return _render("response.create")


def render_response_cancel() -> str:
    """The model is to fall silent."""
    return _render("response.cancel")


def render_truncate(item_id: str, content_index: int, heard_seconds: float) -> str:
    """Of this part of an item only so much was heard; rounded down, for to name more than there is is an error."""
    return _render(
        "conversation.item.truncate",
        item_id=item_id,
        content_index=content_index,
        audio_end_ms=int(heard_seconds * 1000),
    )


def _render(name: str, **fields: object) -> str:
    return json.dumps({"type": name, **fields})


def _parse_audio(fields: Mapping[str, object]) -> AudioDelta | None:
    item_id, index, delta = _text(fields, "item_id"), fields.get("content_index", 0), fields.get("delta")
    if not item_id or not isinstance(index, int) or not isinstance(delta, str):
        return None
    try:
        audio = base64.b64decode(delta, validate=True)
    except (binascii.Error, ValueError):
        return None
    return AudioDelta(item_id=item_id, content_index=index, audio=audio)


def _failure(fields: Mapping[str, object]) -> str:
    """ "completed, cancelled, failed, or incomplete": only the third leaves the caller without an answer."""
    response = _table(fields, "response")
    if response.get("status") != "failed":
        return ""
    error = _table(_table(response, "status_details"), "error")
    return _text(error, "code") or _text(error, "type") or "failed"


def _table(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return value[:_MOST_KEPT_CHARS] if isinstance(value, str) else ""
