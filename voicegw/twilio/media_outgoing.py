"""Twilio Media Streams, what goes out: typed messages → text frames. Pure."""

import base64
import json
from dataclasses import dataclass
from typing import TypeAlias, assert_never


@dataclass(frozen=True, slots=True)
class PlayMedia:
    """Play `audio` (mulaw, 8 kHz, no header) after what was sent before."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class SetMark:
    """Send `name` back once what was sent before it has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearPlayback:
    """Throw away what was sent and is not played yet; pending marks come back at once."""


OutgoingMessage: TypeAlias = PlayMedia | SetMark | ClearPlayback


def render_message(stream_sid: str, message: OutgoingMessage) -> str:
    """Write one text frame for the stream. Twilio: a message with another stream's sid is refused (31951)."""
    match message:
        case PlayMedia(audio=audio):
            payload = base64.b64encode(audio).decode("ascii")  # nothing in it, or in the id, needs to be escaped
            return f'{{"event":"media","streamSid":"{stream_sid}","media":{{"payload":"{payload}"}}}}'
        case SetMark(name=name):
            return f'{{"event":"mark","streamSid":"{stream_sid}","mark":{{"name":{json.dumps(name)}}}}}'
        case ClearPlayback():
            return f'{{"event":"clear","streamSid":"{stream_sid}"}}'
        case _:
            assert_never(message)
