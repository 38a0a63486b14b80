"""What is fuzzed, and what must hold for any bytes: accept, or refuse with the documented exception, within a second.

Plain functions of bytes that raise on a fault: run.py feeds them with what atheris invents, tests/fuzz with the
corpus. Nothing here knows atheris, so a finding is replayed without it.
"""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import cast, get_args
from urllib.parse import parse_qsl

import twiml
from voicegw.audio.live_encodings import MP3_TYPES, MULAW_TYPES, EncodingUnknown, open_from_mulaw, open_to_mulaw
from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.audio.wav import FORMAT_MULAW, parse_wav
from voicegw.call.addresses import RefusalReason, is_e164, parse_sip_host
from voicegw.call.forwarding import Refusal, Route, decide_forward, judge_destination, returning_name, ringing_name
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import Forward, Instruction, Say
from voicegw.call.profile import Destination, Forwarding, NumberProfile
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
from voicegw.twilio import forms, media_messages, media_outgoing
from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_stream import StreamReader
from voicegw.twilio.signature import SignatureVerifier
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.sse import EventStream
from voicegw.voiceflow.traces import parse_trace
from voicegw.voiceflow.wire_json import parse_json

MOST_CPU_SECONDS = 1.0

OURS = "+14155550100"
PBX = "pbx.example.com"
SALES = (Destination(to="+493012345678"), Destination(to=f"sip:sales@{PBX}", send_digits="1"))
# A careless operator allows whole zones of the world, so that the forbidden ranges themselves are what refuses.
ALLOW_MUCH = (*(f"+{digit}" for digit in range(1, 10)), f"sip:{PBX}")
PROFILES = (
    NumberProfile(),
    NumberProfile(voice_source="agent", read_buttons=True, allow_twiml=True, barge_in="keys"),
)


OURS_TO_DECODE = (Container.WAV, Container.MP3, Container.FLAC, Container.VORBIS)


class TooSlow(AssertionError):  # noqa: N818 (says what happened)
    """One input took more processor time than a caller may wait."""


def check_in_time(check: Callable[[bytes], None], data: bytes) -> None:
    """Check one input. Raises whatever the code under test should not have raised, or `TooSlow`."""
    begun_at = time.process_time()
    check(data)
    seconds = time.process_time() - begun_at
    if seconds > MOST_CPU_SECONDS:
        raise TooSlow(f"{seconds:.2f} s of processor time for {len(data)} bytes")


def check_event_stream(data: bytes) -> None:
    """The same events come out however the network slices the body; the first byte sets slices and frame limit."""
    head, body = data[:1] or b"\x07", data[1:]
    slice_bytes, frame_bytes = 1 + head[0] % 16, (16, 64, 4096, 1 << 22)[head[0] // 64]
    whole, sliced = EventStream(frame_bytes), EventStream(frame_bytes)
    events = whole.receive(body)
    pieces = (body[start : start + slice_bytes] for start in range(0, len(body), slice_bytes))
    assert [event for piece in pieces for event in sliced.receive(piece)] == events
    assert (sliced.finished, sliced.overflowed) == (whole.finished, whole.overflowed)
    assert whole.finished == any(event.event == "end" for event in events)
    assert all(event.event and "\n" not in event.event for event in events)


def check_traces(data: bytes) -> None:
    """Whatever JSON an agent sends becomes instructions whose words can be encoded and whose SSML can be read."""
    try:
        value = parse_json(data.decode("utf-8", "replace"))
    except ValueError:
        return
    traces = [parse_trace(item) for item in (value if isinstance(value, list) else [value])]
    for profile, live_sound in product(PROFILES, (False, True)):
        planner = Planner(profile, live_sound=live_sound)
        out: list[Instruction] = []
        for place, trace in enumerate(traces):
            out += planner.receive(trace)
            if place % 3 == 2:
                out += planner.flush_text()
        out += planner.finish(clean=len(data) % 2 == 0)
        assert not planner.text_pending
        for instruction in out:
            assert isinstance(instruction, get_args(Instruction))
            if isinstance(instruction, Say):
                _check_words(instruction)


def _check_words(say: Say) -> None:
    assert say.text.encode()
    assert not re.search(r"<[A-Za-z/!?]", say.text)
    if say.ssml is not None:
        assert twiml.render(twiml.Response((twiml.Say(twiml.parse_ssml(say.ssml)),)))


def check_form(data: bytes) -> None:
    """A form is read as the standard library reads it, or refused; its fields hold what their types promise."""
    try:
        pairs = forms.parse_form(data)
    except forms.FormError:
        return
    if data.isascii():
        assert list(pairs) == parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="replace")
    with suppress(forms.FormError):
        call = forms.parse_call_form(pairs)
        assert not call.caller_number or is_e164(call.caller_number)
        assert call.caller_number or not (call.caller_verified or call.caller_country)
        assert returning_name(call.parties()).startswith("ringing/") == bool(call.forwarded_from)
    gather = forms.parse_gather_form(pairs)
    assert re.fullmatch(r"[0-9A-D*#]*", gather.digits)
    assert gather.confidence is None or 0 <= gather.confidence <= 1
    dial = forms.parse_dial_form(pairs)
    assert dial.seconds is None or dial.seconds >= 0
    forms.parse_fallback_form(pairs)


def check_signature(data: bytes) -> None:
    """Lines: public URL, path, query, signature, settings, secret, form. Nothing invented is ever accepted."""
    url, path, query, signature, settings, secret, form = (data.split(b"\n", 6) + [b""] * 7)[:7]
    try:
        pairs = forms.parse_form(form)
        # Surrogates, as in a command line's or environment's arguments that are not UTF-8.
        verifier = SignatureVerifier(
            url.decode("utf-8", "surrogateescape"), (secret.decode("utf-8", "surrogateescape"),), {"k": "shared"}
        )
    except (ValueError, forms.FormError):
        return
    header, named = signature.decode("latin-1"), settings.decode("latin-1") or None
    genuine = verifier.sign(path, query, pairs)
    assert verifier.verify(path, query, pairs, header, named) is (header == genuine and _names_no_key(named))
    assert verifier.verify(path, query, pairs, genuine)
    assert not verifier.verify(path + b"x", query, pairs, genuine)
    assert not verifier.verify(path, query, pairs, genuine.swapcase())
    assert not verifier.verify(path, query, pairs, genuine, "key=k")
    assert verifier.canonical_digest(path, query, pairs) == verifier.canonical_digest(path, query, pairs[::-1])


def _names_no_key(settings: str | None) -> bool:
    """Whether the settings header leaves the auth token and SHA-1 in force."""
    return not settings or ("key" not in settings and "algorithm" not in settings) or "HMAC_SHA1" in settings


def check_destination(data: bytes) -> None:
    """Lines: address, extension, caller, forwarder, entry of the allow-list. Nothing is dialled that is not normal."""
    lines = [line.decode("utf-8", "surrogateescape") for line in data.split(b"\n", 4)]
    address, extension, caller, forwarder, entry = (lines + [""] * 5)[:5]
    profile = NumberProfile(
        number=OURS,
        fallback=(Destination(to=address),),
        forwarding=Forwarding(destinations={"sales": SALES}, allow=(*ALLOW_MUCH, entry), human="sales"),
    )
    parties = CallParties(caller_number=caller, called_number=OURS, forwarded_from=forwarder)
    for address_type in ("phone", "sip", "human"):
        verdict = decide_forward(
            Forward(
                address=address, address_type=address_type, extension=extension, caller_id_passthrough=bool(forwarder)
            ),
            profile=profile,
            parties=parties,
            own_numbers=frozenset({OURS, f"sip:us@{PBX}"}),
            attempts_so_far=0,
        )
        match verdict:
            case Route(destinations=legs):
                assert legs
                for leg in legs:
                    _check_dialled(leg.address, leg.send_digits, leg.caller_id)
                    assert ringing_name(leg, parties).startswith("ringing/")
            case Refusal(address=named):
                assert address.startswith(named)
    assert bool(returning_name(parties)) == bool(forwarder)
    judged = judge_destination(address, own_numbers=frozenset({OURS}), called_number=caller)
    if not isinstance(judged, RefusalReason):
        _check_dialled(judged, "", "")
    assert parse_sip_host(entry) is None or entry.lower().startswith("sip:")


def _check_dialled(address: str, send_digits: str, caller_id: str) -> None:
    assert is_e164(address) or re.fullmatch(r"sip:[!-~]+", address)
    assert address != OURS
    assert judge_destination(address, own_numbers=frozenset({OURS})) == address
    assert re.fullmatch(r"[0-9A-D*#wW]{0,32}", send_digits)
    assert not caller_id or is_e164(caller_id)


def check_twiml(data: bytes) -> None:
    """A document that is read is written, and what was written reads back the same; so does a fragment of speech."""
    try:
        response = twiml.parse(data)
    except twiml.TwimlError:
        pass
    else:
        twiml.check(response)
        _check_round_trip(response)
    try:
        content = twiml.parse_ssml(data.decode("utf-8", "replace"))
    except twiml.TwimlError:
        return
    assert "<Dial" not in _check_round_trip(twiml.Response((twiml.Say(content),)))
    words = twiml.words_of(content)
    pieces = twiml.split_text(words, 20)
    assert "".join("".join(pieces).split()) == "".join(words.split())
    assert all(0 < len(piece) <= 20 for piece in pieces)


def _check_round_trip(response: twiml.Response) -> str:
    written = twiml.render(response)
    assert twiml.measure(response) == len(written.encode())
    if len(written.encode()) <= twiml.MAX_DOCUMENT_BYTES:  # escapes make a document longer
        assert twiml.parse(written) == response
    return written


def check_media(data: bytes) -> None:
    """Lines: the frames of one socket. What is read holds what its types promise, and can be written and kept."""
    reader = StreamReader()
    for line in data.split(b"\n"):
        try:
            message = reader.receive(line.decode("utf-8", "replace"))
        except MediaMessageError:
            continue
        assert isinstance(message, get_args(media_messages.MediaMessage))
        assert repr(message).encode()
        if isinstance(message, media_messages.Connected | media_messages.UnknownMessage):
            continue
        assert reader.started is not None
        assert message.stream_sid == reader.started.stream_sid
        assert reader.missing >= 0
        assert reader.repeated >= 0
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
    for line in body.split(b"\n"):
        try:
            message: str | bytes = line.decode()
        except UnicodeDecodeError:
            message = line
        assert bridge.receive(message) in ("", "server-ended", "server-failed")
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


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sse": check_event_stream,
    "traces": check_traces,
    "form": check_form,
    "signature": check_signature,
    "destination": check_destination,
    "twiml": check_twiml,
    "media": check_media,
    "realtime": check_realtime,
    "prompt": check_prompt,
    "sound": check_sound,
}
