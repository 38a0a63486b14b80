"""What must hold of a call's words and forms: the agent's stream and traces, carrier webhooks, addresses, TwiML.

Plain functions of bytes, as targets.py describes them; what sounds is in sound_targets.py.
"""

import re
from contextlib import suppress
from itertools import product
from typing import get_args
from urllib.parse import parse_qsl

import twiml
from voicegw.call.addresses import RefusalReason, is_e164, parse_sip_host
from voicegw.call.forwarding import Refusal, Route, decide_forward, judge_destination, returning_name, ringing_name
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import Forward, Instruction, Say
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.twilio import forms
from voicegw.twilio.signature import SignatureVerifier, signed_target
from voicegw.voiceflow.planner import Planner
from voicegw.voiceflow.sse import EventStream
from voicegw.voiceflow.traces import parse_trace
from voicegw.voiceflow.wire_json import parse_json

OURS = "+14155550100"
PBX = "pbx.example.com"
SALES = (Destination(to="+493012345678"), Destination(to=f"sip:sales@{PBX}", send_digits="1"))
# A careless operator allows whole zones of the world, so that the forbidden ranges themselves are what refuses.
ALLOW_MUCH = (*(f"+{digit}" for digit in range(1, 10)), f"sip:{PBX}")
PROFILES = (
    NumberProfile(),
    NumberProfile(voice_source="agent", read_buttons=True, allow_twiml=True, barge_in="keys"),
)


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
    assert signed_target(path, query, pairs) == signed_target(path, query, pairs[::-1])


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
