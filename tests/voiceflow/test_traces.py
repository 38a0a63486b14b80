"""Traces: what an agent says is understood, or kept."""

from __future__ import annotations

from typing import Any

import pytest

from voicegw.voiceflow.screen_payloads import Button, Card
from voicegw.voiceflow.trace_kinds import (
    AudioTrace,
    CallForwardTrace,
    CardTrace,
    CarouselTrace,
    ChannelActionTrace,
    ChoiceTrace,
    CompletionTrace,
    DtmfTrace,
    EndTrace,
    GoToTrace,
    LiveAgentHandoffTrace,
    NoReplyTrace,
    RealtimeAgentTrace,
    SpeakTrace,
    TextTrace,
    ToolCallTrace,
    VisualTrace,
)
from voicegw.voiceflow.trace_payloads import (
    AudioContent,
    AudioEnd,
    AudioStart,
    CompletionContent,
    CompletionEnd,
    CompletionStart,
    ForwardToPhone,
    ForwardToSip,
    RealtimeEnd,
    RealtimeInterrupted,
    RealtimeStart,
    ToolCallEnd,
    ToolCallStart,
)
from voicegw.voiceflow.traces import MalformedTrace, Trace, UnknownTrace, parse_trace


def read(trace_type: str, payload: object, **envelope: object) -> Trace:
    return parse_trace({"type": trace_type, "payload": payload, **envelope})


def test_words_are_read_with_or_without_a_source() -> None:
    for src in ({}, {"src": None}):
        match read("speak", {"message": "Hello", "type": "message", "voice": "Ivy", **src}):
            case SpeakTrace(payload=payload):
                assert (payload.message, payload.type, payload.src, payload.voice) == ("Hello", "message", None, "Ivy")
            case other:
                pytest.fail(repr(other))


def test_a_recording_is_read_with_its_source() -> None:
    trace = read("speak", {"message": "", "type": "audio", "src": "https://example.com/a.mp3"})
    assert isinstance(trace, SpeakTrace)
    assert (trace.payload.type, trace.payload.src) == ("audio", "https://example.com/a.mp3")


def test_a_text_brings_its_own_sound() -> None:
    payload = {
        "message": "Hello",
        "slate": {"id": "u", "content": []},
        "messageID": "m1",
        "audio": {"src": "https://example.com/a.mp3"},
    }
    trace = read("text", payload, time=1720552033, turnID="t", handleID="h")
    assert isinstance(trace, TextTrace)
    assert trace.payload.message_id == "m1"
    assert trace.payload.audio is not None
    assert trace.payload.audio.src == "https://example.com/a.mp3"
    assert (trace.time, trace.turn_id, trace.handle_id) == (1720552033, "t", "h")


@pytest.mark.parametrize(
    ("trace_type", "payload", "kind", "variant"),
    [
        ("completion", {"state": "start", "messageID": "m2", "ai": True}, CompletionTrace, CompletionStart),
        ("completion", {"state": "content", "content": " me know"}, CompletionTrace, CompletionContent),
        ("completion", {"state": "end"}, CompletionTrace, CompletionEnd),
        ("audio", {"state": "start", "messageID": "m1", "delay": 0}, AudioTrace, AudioStart),
        ("audio", {"state": "content", "content": "AA==", "encoding": "audio/x-mulaw"}, AudioTrace, AudioContent),
        ("audio", {"state": "content", "content": "AA==", "encoding": "audio/opus"}, AudioTrace, AudioContent),
        ("audio", {"state": "end"}, AudioTrace, AudioEnd),
        ("call-forward", {"addressType": "phone", "address": "+16471112222"}, CallForwardTrace, ForwardToPhone),
        ("call-forward", {"addressType": "sip", "address": "sip:a@example.com"}, CallForwardTrace, ForwardToSip),
        (
            "realtime-agent",
            {"action": "START", "input": {"encoding": "audio/pcm", "sampleRate": 16000}, "output": {"encoding": "x"}},
            RealtimeAgentTrace,
            RealtimeStart,
        ),
        ("realtime-agent", {"action": "END"}, RealtimeAgentTrace, RealtimeEnd),
        ("realtime-agent", {"action": "INTERRUPTED"}, RealtimeAgentTrace, RealtimeInterrupted),
        ("tool-call", {"state": "start", "callID": "c1"}, ToolCallTrace, ToolCallStart),
        ("tool-call", {"state": "end", "callID": "c1"}, ToolCallTrace, ToolCallEnd),
    ],
)
def test_each_variant_has_its_own_type(trace_type: str, payload: object, kind: type, variant: type) -> None:
    trace: Any = read(trace_type, payload)
    assert (type(trace), type(trace.payload)) == (kind, variant)


def test_a_forward_to_a_phone_keeps_extension_and_caller_id() -> None:
    payload = {"addressType": "phone", "address": "+16471112222", "extension": "1W23", "callerIDPassthrough": True}
    trace = read("call-forward", payload)
    assert isinstance(trace, CallForwardTrace)
    assert isinstance(trace.payload, ForwardToPhone)
    assert (trace.payload.extension, trace.payload.caller_id_passthrough) == ("1W23", True)


def test_a_hold_sound_has_a_volume() -> None:
    trace = read("tool-call", {"state": "start", "callID": "c1", "sound": {"ref": "typing", "volume": 0.75}})
    assert isinstance(trace, ToolCallTrace)
    assert isinstance(trace.payload, ToolCallStart)
    assert trace.payload.sound is not None
    assert (trace.payload.sound.ref, trace.payload.sound.volume) == ("typing", 0.75)


def test_keypad_settings_are_read() -> None:
    trace = read("dtmf", {"enabled": True, "timeoutInSeconds": 2, "delimiter": ["#", "*"], "maxDigits": 6})
    assert isinstance(trace, DtmfTrace)
    assert trace.payload.timeout_in_seconds == 2
    assert (trace.payload.delimiter, trace.payload.max_digits) == (("#", "*"), 6)


def test_one_broken_button_does_not_cost_the_others() -> None:
    request = {"type": "path-1", "payload": {"label": "Sales"}}
    buttons = [{"name": "Sales", "request": request}, {"name": 5}, "x", {"name": "Support", "request": "x"}]
    for trace, offered in (
        (read("choice", {"buttons": buttons}), "choice"),
        (read("cardV2", {"title": "t", "imageUrl": None, "description": {"text": "d"}, "buttons": buttons}), "card"),
    ):
        assert isinstance(trace, (ChoiceTrace, CardTrace)), offered
        assert trace.payload.buttons == (Button(name="Sales", request=request), Button(name="Support", request=None))


def test_one_broken_card_does_not_cost_the_others() -> None:
    trace = read("carousel", {"layout": "List", "cards": [{"title": "A", "buttons": []}, {"title": 5}]})
    assert isinstance(trace, CarouselTrace)
    assert trace.payload.cards == (Card(title="A", buttons=()),)


def test_a_goto_keeps_its_request_verbatim() -> None:
    request = {"type": "intent", "payload": {"intent": {"name": "x"}, "new": None}}
    trace = read("goto", {"request": request})
    assert isinstance(trace, GoToTrace)
    assert trace.payload.request == request


@pytest.mark.parametrize("trace", [{"type": "end"}, {"type": "end", "payload": None}, {"type": "end", "payload": {}}])
def test_the_end_comes_with_or_without_a_payload(trace: dict[str, object]) -> None:
    assert isinstance(parse_trace(trace), EndTrace)


@pytest.mark.parametrize("event", ["chat_started", "chat_ended", "file_received", "wait_time", "new_next_year"])
def test_news_of_a_human_are_read_whatever_they_are(event: str) -> None:
    trace = read("live-agent-handoff", {"event": event, "message": "Hi", "provider": "dixa", "conversationID": "x"})
    assert isinstance(trace, LiveAgentHandoffTrace)
    assert (trace.payload.event, trace.payload.message, trace.payload.provider) == (event, "Hi", "dixa")


def test_a_visual_may_have_no_image() -> None:
    assert isinstance(read("visual", {"image": None}), VisualTrace)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"time": "yesterday"},
        {"turnID": 5},
        {"paths": "x"},
        {"paths": [5]},
        {"defaultPath": "first"},
        {"defaultPath": 0.5},
        {"news": {"from": "2027"}},
    ],
    ids=str,
)
def test_a_strange_envelope_does_not_cost_the_words(spoilt: dict[str, object]) -> None:
    trace = read("speak", {"message": "Hello", "type": "message", "src": 5, "voice": {}, "news": 1}, **spoilt)
    assert isinstance(trace, SpeakTrace)
    assert (trace.payload.message, trace.payload.src, trace.payload.voice) == ("Hello", None, None)


def test_fields_that_are_new_to_us_are_kept() -> None:
    trace = read("no-reply", {"timeout": 10, "jitter": 1}, experiment="b")
    assert isinstance(trace, NoReplyTrace)
    assert (trace.model_extra, trace.payload.model_extra) == ({"experiment": "b"}, {"jitter": 1})


@pytest.mark.parametrize(
    ("trace_type", "payload"),
    [
        ("speak", {"message": 5, "type": "message"}),
        ("speak", None),
        ("completion", {"state": "content"}),
        ("completion", {"state": "rewind"}),
        ("call-forward", {"addressType": "pigeon", "address": "x"}),
        ("call-forward", {"address": "+1"}),
        ("no-reply", {"timeout": float("nan")}),
        ("no-reply", {"timeout": 10**400}),
        ("dtmf", {"enabled": True}),
        ("choice", {"buttons": "x"}),
        ("text", []),
    ],
)
def test_a_known_type_that_makes_no_sense_is_kept_with_the_reason(trace_type: str, payload: object) -> None:
    data = {"type": trace_type, "payload": payload}
    trace = parse_trace(data)
    assert isinstance(trace, MalformedTrace)
    assert (trace.type, trace.data) == (trace_type, data)
    assert trace.reason.startswith("payload")


def test_the_reason_is_short_and_does_not_tell_what_was_keyed() -> None:
    trace = read("dtmf", {"enabled": "4929", "timeoutInSeconds": 2, "delimiter": [], "maxDigits": 1})
    assert isinstance(trace, MalformedTrace)
    assert "4929" not in trace.reason
    long = read("completion", {"state": "x" * 10_000})
    assert isinstance(long, MalformedTrace)
    assert len(long.reason) <= 200


@pytest.mark.parametrize("data", [None, 5, "text", [], [{"type": "end"}], {}, {"type": None}, {"type": ["end"]}])
def test_what_is_no_trace_at_all_is_kept_without_a_type(data: object) -> None:
    trace = parse_trace(data)
    assert isinstance(trace, MalformedTrace)
    assert (trace.type, trace.data) == ("", data)


@pytest.mark.parametrize("payload", [{"number": "+1"}, '{"number": "+1"}', "", None])
def test_a_custom_action_keeps_whatever_payload_it_has(payload: object) -> None:
    trace = read("forward-call", payload)
    assert isinstance(trace, UnknownTrace)
    assert (trace.type, trace.payload, trace.default_event_type) == ("forward-call", payload, None)


@pytest.mark.parametrize(
    ("default_path", "expected"),
    [
        ({}, "done"),
        ({"defaultPath": 0}, "done"),
        ({"defaultPath": 1}, "cancel"),
        ({"defaultPath": 2}, None),
        ({"defaultPath": -1}, None),
        ({"defaultPath": "x"}, "done"),
    ],
)
def test_the_default_path_names_the_answer(default_path: dict[str, object], expected: str | None) -> None:
    envelope = {"paths": [{"event": {"type": "done"}}, {"event": {"type": "cancel"}}], **default_path}
    custom = read("calendar", {}, **envelope)
    known = read("channel-action", {"name": "x", "payload": {}}, **envelope)
    assert isinstance(custom, UnknownTrace)
    assert isinstance(known, ChannelActionTrace)
    assert (custom.default_event_type, known.default_event_type) == (expected, expected)


LONG_TYPE = [{"event": {"type": "x" * 1001}}]


@pytest.mark.parametrize("paths", [None, [], [{}], [{"event": 5}], [{"event": {"type": 5}}], "x", {"0": 1}, LONG_TYPE])
def test_a_path_without_a_request_names_none(paths: object) -> None:
    trace = read("calendar", {}, paths=paths)
    assert isinstance(trace, UnknownTrace)
    assert trace.default_event_type is None


def test_a_custom_action_with_impossible_keys_names_no_answer() -> None:
    assert UnknownTrace("x", {5: 1, "paths": []}).default_event_type is None  # type: ignore[dict-item]
