"""PURE: Media Streams messages from the carrier's end: written to the gateway, and read from it without mercy.

"All numbers except mediaFormat are strings." "`media.track`="inbound" but `dtmf.track`="inbound_track"." What the
gateway may send is `media`, `mark` and `clear`, with the fields of the documentation and no others.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

UNDECODABLE = 31950
INVALID_MESSAGE = 31951

_FIELDS: Mapping[str, frozenset[str]] = {
    "media": frozenset({"event", "streamSid", "media"}),
    "mark": frozenset({"event", "streamSid", "mark"}),
    "clear": frozenset({"event", "streamSid"}),
}


@dataclass(frozen=True, slots=True)
class Media:
    """Play this mulaw after what came before."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Say this name back once what came before has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away what was not played yet."""


FromGateway = Media | Mark | Clear


class BreachError(Exception):
    """A message that the vendor would not take; `code` is its warning."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class MessageWriter:
    """Writes the messages of one stream, numbered over all kinds from `start`, which is 1."""

    def __init__(self, *, stream_sid: str, call_sid: str, account_sid: str) -> None:
        self.stream_sid = stream_sid
        self._call_sid = call_sid
        self._account_sid = account_sid
        self._sequence = 0
        self._chunk = 0

    def connected(self) -> str:
        """The first message: "carries no sequenceNumber/streamSid"."""
        return _json({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self, parameters: Mapping[str, str]) -> str:
        """The stream begins, with the `<Parameter>`s of its TwiML."""
        start = {
            "accountSid": self._account_sid,
            "streamSid": self.stream_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(parameters),
        }
        return self._numbered("start", "start", start)

    def media(self, audio: bytes, at_ms: int) -> str:
        """A frame of the caller's audio; `at_ms` since the stream began."""
        self._chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(at_ms),
            "payload": base64.b64encode(audio).decode("ascii"),
        }
        return self._numbered("media", "media", media)

    def dtmf(self, key: str) -> str:
        """The caller pressed a key."""
        return self._numbered("dtmf", "dtmf", {"track": "inbound_track", "digit": key})

    def mark(self, name: str) -> str:
        """A mark of the gateway comes back."""
        return self._numbered("mark", "mark", {"name": name})

    def stop(self) -> str:
        """The stream is over."""
        return self._numbered("stop", "stop", {"accountSid": self._account_sid, "callSid": self._call_sid})

    def _numbered(self, event: str, field: str, inner: Mapping[str, object]) -> str:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_sid}
        return _json({**head, field: inner})


def read_message(message: str | bytes, stream_sid: str) -> FromGateway:
    """Read what the gateway sent. Raises BreachError.

    31951: "not valid JSON; an unsupported event type; missing required fields, unexpected fields; the streamSid did
    not match". 31950: binary, or a payload that cannot be decoded.
    """
    if isinstance(message, bytes):
        raise BreachError(UNDECODABLE, f"a binary message of {len(message)} bytes")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as exc:
        raise BreachError(INVALID_MESSAGE, f"not JSON: {message[:80]}") from exc
    event = fields.get("event") if isinstance(fields, dict) else None
    if not isinstance(event, str) or event not in _FIELDS:
        raise BreachError(INVALID_MESSAGE, f"unsupported event {event!r}: {message[:80]}")
    _check_fields(event, fields, _FIELDS[event])
    if fields["streamSid"] != stream_sid:
        raise BreachError(INVALID_MESSAGE, f"{event} for another stream: {str(fields['streamSid'])[:40]!r}")
    match event:
        case "media":
            return Media(_decode(_inner(event, fields, "payload")))
        case "mark":
            return Mark(_inner(event, fields, "name"))
        case _:
            return Clear()


def _inner(event: str, fields: Mapping[str, object], name: str) -> str:
    """The one text inside `media` or `mark`."""
    inner = fields[event]
    if not isinstance(inner, dict):
        raise BreachError(INVALID_MESSAGE, f"{event}: not an object")
    _check_fields(event, inner, frozenset({name}))
    value = inner[name]
    if not isinstance(value, str) or not value:
        raise BreachError(INVALID_MESSAGE, f"{event}.{name}: not a text with anything in it")
    return value


def _check_fields(event: str, fields: Mapping[str, object], expected: frozenset[str]) -> None:
    if missing := expected - fields.keys():
        raise BreachError(INVALID_MESSAGE, f"{event}: missing {', '.join(sorted(missing))}")
    if unexpected := fields.keys() - expected:
        raise BreachError(INVALID_MESSAGE, f"{event}: unexpected {', '.join(sorted(unexpected))}")


def _decode(payload: str) -> bytes:
    try:
        audio = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BreachError(UNDECODABLE, "media.payload: not base64") from exc
    if audio[:4] in (b"RIFF", b"OggS", b"fLaC") or audio[:3] == b"ID3":
        # The vendor: "do not include audio file header bytes"
        raise BreachError(UNDECODABLE, "media.payload: begins with the header of an audio file")
    return audio


def _json(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"))
