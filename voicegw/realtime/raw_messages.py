"""The protocol `raw`, as messages: what we send as text, and what a server sends. Pure.

Binary messages are audio, in the encodings that `start` names. Unknown text is kept, and means nothing.
"""

import json
from dataclasses import dataclass
from typing import Final

from voicegw.audio.live_encodings import rate_of
from voicegw.call.instructions import StartRealtime

MOST_KEPT_CHARS: Final = 200
MOST_TEXT_CHARS: Final = 10_000
"""No message of ours is as long; to read a megabyte of brackets would hold all calls for a tenth of a second."""


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """More of what the agent says, in the output's encoding."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class Clear:
    """What was said and not heard yet is void."""


@dataclass(frozen=True, slots=True)
class End:
    """The server is done."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything else: the beginning of its text, for the log."""

    text: str


RawMessage = AgentAudio | Clear | End | Unknown


def parse_raw_message(message: str | bytes) -> RawMessage:
    """One message of the server's; text that is none of ours is `Unknown`."""
    if isinstance(message, bytes):
        return AgentAudio(message)
    if len(message) > MOST_TEXT_CHARS:
        return Unknown(message[:MOST_KEPT_CHARS])
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return Unknown(message[:MOST_KEPT_CHARS])
    match fields:
        case {"type": "clear"}:
            return Clear()
        case {"type": "end"}:
            return End()
        case _:
            return Unknown(message[:MOST_KEPT_CHARS])


def render_start(call_sid: str, session_key: str, start: StartRealtime) -> str:
    """The first message of all: which call it is, and how its audio is coded both ways."""
    return json.dumps(
        {
            "type": "start",
            "callSid": call_sid,
            "sessionKey": session_key,
            "input": _render_format(start.input_encoding, start.input_rate),
            "output": _render_format(start.output_encoding, start.output_rate),
        }
    )


def render_key(key: str) -> str:
    """The caller pressed a key."""
    return json.dumps({"type": "dtmf", "digit": key})


def _render_format(encoding: str, rate_hz: int | None) -> dict[str, object]:
    # MP3 tells its rate in every frame; what we would say here could only contradict it.
    is_told = rate_hz is not None or "mp3" not in encoding
    return {"encoding": encoding} | ({"sampleRate": rate_of(encoding, rate_hz)} if is_told else {})
