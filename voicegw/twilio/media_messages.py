"""Twilio Media Streams, what comes in: text frames → typed messages (`media_outgoing` has the other way).

Pure: knows no socket, no clock and not what is done with a message. What a peer sends becomes a value (an event that
is new to us an `UnknownMessage`) or one `MediaMessageError`; nothing else is ever raised.
"""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import msgspec

from voicegw.twilio.media_fields import (
    LONGEST_WORD,
    MediaMessageError,
    parse_object,
    read_inner,
    read_number,
    read_sid,
    read_text,
    read_word,
)

MAX_MESSAGE_CHARACTERS: Final = 64 * 1024
MAX_CUSTOM_PARAMETERS: Final = 32
# The name and the value of a `<Parameter>` may have 500 characters together, as Twilio's page on <Stream> says.
MAX_PARAMETER_CHARACTERS: Final = 500

_CALL_SID: Final = re.compile(r"CA[0-9a-f]{32}")
_STREAM_SID: Final = re.compile(r"MZ[0-9a-f]{32}")
_ACCOUNT_SID: Final = re.compile(r"AC[0-9a-f]{32}")
_KEY: Final = re.compile(r"[0-9A-D*#]")
_LONGEST_MARK: Final = 256
_MOST_TRACKS: Final = 4
_CALLERS_TRACK: Final = "inbound"


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """How audio travels; `sample_rate` in Hz."""

    encoding: str
    sample_rate: int
    channels: int


MULAW_8K: Final = MediaFormat("audio/x-mulaw", 8000, 1)
"""The one format that Media Streams are documented to have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The socket speaks Media Streams; the first message, without number and stream."""

    protocol: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStarted:
    """The stream begins. `custom_parameters` are the `<Parameter>`s of its TwiML."""

    sequence: int
    stream_sid: str
    call_sid: str
    account_sid: str
    tracks: tuple[str, ...]
    media_format: MediaFormat
    custom_parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReceived:
    """A piece of audio, decoded from base64; `at_seconds` since the stream began, `chunk` counted from 1."""

    sequence: int
    stream_sid: str
    track: str
    chunk: int
    at_seconds: float
    audio: bytes

    @property
    def from_caller(self) -> bool:
        """Is this what the caller says, not what is said to the caller?"""
        return self.track == _CALLERS_TRACK


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReceived:
    """The caller pressed `key`: one of 0-9, A-D, * and #."""

    sequence: int
    stream_sid: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReceived:
    """Our mark `name` came back: what was sent before it was played, or was thrown away by a `clear`."""

    sequence: int
    stream_sid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStopped:
    """The stream is over: the caller hung up, or the call was moved."""

    sequence: int
    stream_sid: str
    call_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMessage:
    """An event that is new to us, or a message of a known one in a new shape: kept for the log, and skipped."""

    event: str
    fields: Mapping[str, object]


MediaMessage: TypeAlias = (
    Connected | StreamStarted | MediaReceived | KeyReceived | MarkReceived | StreamStopped | UnknownMessage
)


def parse_message(text: str) -> MediaMessage:
    """Read one text frame. Raises `MediaMessageError` for what is no message, or one that cannot be trusted."""
    if len(text) > MAX_MESSAGE_CHARACTERS:
        raise MediaMessageError(f"a message of {len(text)} characters; at most {MAX_MESSAGE_CHARACTERS} are read")
    fields = parse_object(text)
    event = fields.get("event")
    if not isinstance(event, str):
        raise MediaMessageError("a message without the name of its event")
    match event:
        case "connected":
            return Connected(protocol=read_word(fields, "protocol"), version=read_word(fields, "version"))
        case "start":
            return _parse_start(fields)
        case "media":
            return _parse_media(fields)
        case "dtmf":
            return _parse_key(fields)
        case "mark":
            name = read_text(read_inner(fields, "mark"), "name", _LONGEST_MARK)
            return MarkReceived(sequence=_sequence(fields), stream_sid=_stream_sid(fields), name=name)
        case "stop":
            return StreamStopped(
                sequence=_sequence(fields),
                stream_sid=_stream_sid(fields),
                call_sid=read_sid(read_inner(fields, "stop"), "callSid", _CALL_SID),
            )
        case _:
            return UnknownMessage(event=event[:LONGEST_WORD], fields=fields)


def _parse_start(fields: Mapping[str, object]) -> StreamStarted:
    start = read_inner(fields, "start")
    stream_sid = _stream_sid(fields)
    if start.get("streamSid") != stream_sid:
        raise MediaMessageError("`start` names two streams")
    tracks = start.get("tracks")
    if not isinstance(tracks, list) or len(tracks) > _MOST_TRACKS:
        raise MediaMessageError(f"`start` without a list of at most {_MOST_TRACKS} tracks")
    shape = read_inner(start, "mediaFormat")
    return StreamStarted(
        sequence=_sequence(fields),
        stream_sid=stream_sid,
        call_sid=read_sid(start, "callSid", _CALL_SID),
        account_sid=read_sid(start, "accountSid", _ACCOUNT_SID),
        tracks=tuple(track[:LONGEST_WORD] for track in tracks if isinstance(track, str)),
        media_format=MediaFormat(
            read_word(shape, "encoding"), read_number(shape, "sampleRate"), read_number(shape, "channels")
        ),
        custom_parameters=_parameters(start.get("customParameters", {})),
    )


class _Audio(msgspec.Struct, gc=False):
    track: str
    payload: bytes  # msgspec's base64 is as strict as ours


class _AudioMessage(msgspec.Struct, tag_field="event", tag="media", rename="camel", gc=False):
    stream_sid: str
    media: _Audio


class _Mark(msgspec.Struct, gc=False):
    name: Annotated[str, msgspec.Meta(max_length=_LONGEST_MARK)]


class _MarkMessage(msgspec.Struct, tag_field="event", tag="mark", rename="camel", gc=False):
    stream_sid: str
    mark: _Mark


_decode_common = msgspec.json.Decoder(_AudioMessage | _MarkMessage).decode


def read_common(frame: str | bytes, stream_sid: str | None) -> bytes | str | None:
    """What nearly all frames of this stream bring: the caller's audio, or as text the name of a mark. None for anything
    else, which is to be read with care. In a twentieth of the time: fifty of these come a second from each caller.

    The numbers that such a message has are not looked at: nothing depends on them."""
    if len(frame) > MAX_MESSAGE_CHARACTERS:
        return None
    try:
        message = _decode_common(frame)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    if message.stream_sid != stream_sid:
        return None
    if isinstance(message, _MarkMessage):
        return message.mark.name
    media = message.media
    return media.payload if media.track == _CALLERS_TRACK else None


def _parse_media(fields: Mapping[str, object]) -> MediaReceived:
    media = read_inner(fields, "media")
    payload = media.get("payload")
    if not isinstance(payload, str):
        raise MediaMessageError("`media` without a payload")
    try:
        audio = binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as exc:  # binascii.Error, or characters beyond ASCII
        raise MediaMessageError("a payload that is no base64") from exc
    return MediaReceived(
        sequence=_sequence(fields),
        stream_sid=_stream_sid(fields),
        track=read_word(media, "track"),
        chunk=read_number(media, "chunk"),
        at_seconds=read_number(media, "timestamp") / 1000,
        audio=audio,
    )


def _parse_key(fields: Mapping[str, object]) -> KeyReceived | UnknownMessage:
    key = read_text(read_inner(fields, "dtmf"), "digit", LONGEST_WORD)
    sequence, stream_sid = _sequence(fields), _stream_sid(fields)
    if _KEY.fullmatch(key) is None:
        return UnknownMessage(event="dtmf", fields=fields)
    return KeyReceived(sequence=sequence, stream_sid=stream_sid, key=key)


def _parameters(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_CUSTOM_PARAMETERS:
        raise MediaMessageError(f"custom parameters that are no object of at most {MAX_CUSTOM_PARAMETERS}")
    for name, text in value.items():
        if not isinstance(text, str) or len(name) + len(text) > MAX_PARAMETER_CHARACTERS:
            raise MediaMessageError(f"a custom parameter that is no text of {MAX_PARAMETER_CHARACTERS} characters")
    return value


def _stream_sid(fields: Mapping[str, object]) -> str:
    return read_sid(fields, "streamSid", _STREAM_SID)


def _sequence(fields: Mapping[str, object]) -> int:
    return read_number(fields, "sequenceNumber")
