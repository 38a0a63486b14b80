"""What must hold of sound and what carries it: media frames, a realtime server's messages, recordings, sound in pieces.

Plain functions of bytes, as targets.py describes them; words and forms are in call_targets.py.
"""

import asyncio
import json
from contextlib import suppress
from typing import cast, get_args

from voicegw.audio.live_encodings import MP3_TYPES, MULAW_TYPES, EncodingUnknown, open_from_mulaw, open_to_mulaw
from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.audio.wav import FORMAT_MULAW, parse_wav
from voicegw.call.recorded import decode_piece, join_pieces
from voicegw.prompts.data_uri import parse_data_uri
from voicegw.prompts.decode import decode_prompt
from voicegw.prompts.errors import PromptError
from voicegw.prompts.formats import MAX_PROMPT_SECONDS, Container, recognise_format
from voicegw.realtime.link import Link
from voicegw.realtime.openai import OpenAiBridge
from voicegw.realtime.openai_messages import parse_openai_event
from voicegw.realtime.raw import RawBridge
from voicegw.realtime.raw_messages import parse_raw_message
from voicegw.twilio import media_messages, media_outgoing
from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_stream import StreamReader

OURS_TO_DECODE = (Container.WAV, Container.MP3, Container.FLAC, Container.VORBIS)


def check_media(data: bytes) -> None:
    """Lines: the frames of one socket. What is read holds what its types promise, and can be written and kept."""
    reader = StreamReader()
    for line in data.split(b"\n"):
        short = media_messages.read_common(line, reader.stream_sid)
        try:
            message = reader.receive(line.decode("utf-8", "replace"))
        except MediaMessageError:
            continue
        match short:
            case bytes():
                assert isinstance(message, media_messages.MediaReceived)
                assert message.audio == short
            case str():
                assert isinstance(message, media_messages.MarkReceived)
                assert message.name == short
        assert isinstance(message, get_args(media_messages.MediaMessage))
        assert repr(message).encode()
        if isinstance(message, media_messages.Connected | media_messages.UnknownMessage):
            continue
        assert reader.started is not None
        assert message.stream_sid == reader.started.stream_sid
        match message:
            case media_messages.MediaReceived(audio=audio):
                _check_media_round_trip(message.stream_sid, media_outgoing.PlayMedia(audio), audio)
            case media_messages.MarkReceived(name=name):
                _check_media_round_trip(message.stream_sid, media_outgoing.SetMark(name), name)
            case media_messages.KeyReceived(key=key):
                assert key in "0123456789ABCD*#"
            case _:
                pass


def _check_media_round_trip(stream_sid: str, message: media_outgoing.OutgoingMessage, content: bytes | str) -> None:
    """What we write is read by the same rules, once it carries what only the carrier adds."""
    fields = json.loads(media_outgoing.render_message(stream_sid, message))
    fields["sequenceNumber"] = "1"
    fields.get("media", {}).update(track="inbound", chunk="1", timestamp="0")
    back = media_messages.parse_message(json.dumps(fields))
    assert content in (getattr(back, "audio", None), getattr(back, "name", None))


class _Realtime:
    """A link that keeps what is sent, and a listener who interrupts wherever the server wants it."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.heard = 0
        self.bridge: OpenAiBridge | RawBridge | None = None

    def put_control(self, message: str) -> None:
        self.sent.append(message)

    def hear_agent(self, audio: bytes) -> None:
        self.heard += len(audio)

    def flush(self) -> None:
        assert self.bridge is not None
        self.bridge.interrupt(self.heard / 16_000)

    def end(self, reason: str) -> None:
        assert reason


def check_realtime(data: bytes) -> None:
    """The first byte says protocol and encoding, each line is a message: text where it is, audio else."""
    head, body = data[:1] or b"\0", data[1:]
    heard = _Realtime()
    if head[0] % 2:
        bridge: OpenAiBridge | RawBridge = OpenAiBridge(cast(Link, heard), heard)
    else:
        encoding = ("audio/x-mulaw", "audio/pcm", "audio/mp3")[head[0] // 2 % 3]
        bridge = RawBridge(cast(Link, heard), heard, open_from_mulaw("audio/pcm"), open_to_mulaw(encoding))
    heard.bridge = bridge
    asyncio.run(_receive_all(bridge, body.split(b"\n")))
    # Seven bytes of MP3 may be a frame of 72 ms; of everything else no more comes out than went in.
    assert heard.heard <= 1_000 * len(body)
    for sent in map(json.loads, heard.sent):
        assert sent["type"] in (
            "response.cancel",
            "conversation.item.truncate",
            "conversation.item.create",
            "response.create",
        )
        assert sent.get("audio_end_ms", 0) >= 0
    assert repr((parse_openai_event(body), parse_raw_message(body.decode("utf-8", "replace")))).encode()


async def _receive_all(bridge: OpenAiBridge | RawBridge, lines: list[bytes]) -> None:
    for line in lines:
        try:
            message: str | bytes = line.decode()
        except UnicodeDecodeError:
            message = line
        assert await bridge.receive(message) in ("", "server-ended", "server-failed")


def check_prompt(data: bytes) -> None:
    """Lines: what the audio is said to be, the audio (or all of it a `data:` URI). A WAV comes out, or a refusal."""
    encoding, _, source = data.partition(b"\n")
    with suppress(PromptError):
        uri = parse_data_uri(data.decode("latin-1"))
        encoding, source = uri.media_type.encode(), uri.content
    declared = encoding.decode("utf-8", "replace")
    if isinstance(found := recognise_format(source, declared), Container) and found not in OURS_TO_DECODE:
        return  # ffmpeg's, in a process of its own
    try:
        wav = decode_prompt(source, declared)
    except PromptError as refusal:
        assert refusal.brief
        assert str(refusal).encode()
        return
    header = parse_wav(wav)
    assert (header.format_tag, header.channels, header.rate_hz) == (FORMAT_MULAW, 1, MULAW_RATE_HZ)
    assert 0 < header.data_bytes <= MAX_PROMPT_SECONDS * MULAW_RATE_HZ


def check_sound(data: bytes) -> None:
    """Lines: an encoding, then base64 pieces of a live sound. In one it sounds the same, and so after a reset."""
    name, *lines = [line.decode("utf-8", "replace") for line in data.split(b"\n")]
    pieces = [decode_piece(line) for line in lines]
    assert b"".join(pieces) == join_pieces(tuple(lines))
    try:
        piecewise, whole = open_to_mulaw(name), open_to_mulaw(name)
    except EncodingUnknown as refusal:
        assert str(refusal).encode()
        return
    heard = b"".join(map(piecewise.convert, pieces)) + piecewise.flush()
    audio = b"".join(pieces)
    meant = whole.convert(audio) + whole.flush()
    assert len(heard) == len(meant)
    media_type = name.partition(";")[0].strip().lower()
    assert media_type in MP3_TYPES or heard == meant  # of broken MP3 only the length is certain
    assert media_type not in MULAW_TYPES or heard == audio
    piecewise.convert(audio[::-1])
    piecewise.reset()
    assert piecewise.convert(audio) + piecewise.flush() == meant
