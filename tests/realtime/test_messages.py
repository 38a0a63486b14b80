"""Messages of both protocols, whole and broken, and the settings a server is made of. No socket is opened."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.instructions import StartRealtime
from voicegw.errors import InvalidSettingsError
from voicegw.realtime import openai_messages as o
from voicegw.realtime import raw_messages as r
from voicegw.realtime.factory import create_realtime
from voicegw.realtime.spoken_items import SpokenItems

ITEMS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2), st.integers(0, 8_000)), max_size=8)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ('{"type":"session.updated"}', o.SessionUpdated()),
        ('{"type":"response.created"}', o.ResponseBegan()),
        ('{"type":"input_audio_buffer.speech_started"}', o.CallerSpoke()),
        ('{"type":"response.done","response":{"status":"cancelled"}}', o.ResponseEnded()),
        ('{"type":"response.done","response":{"status":"failed"}}', o.ResponseEnded(failure="failed")),
        ('{"type":"error","error":{"type":"server_error"}}', o.ServerError(code="server_error", message="")),
        ('{"type":"error","error":7}', o.ServerError(code="", message="")),
        ('{"type":"response.output_audio.delta","item_id":"i","delta":"?"}', o.Unknown("response.output_audio.delta")),
        ('{"type":"response.output_audio.delta","delta":"AA=="}', o.Unknown("response.output_audio.delta")),
        ('{"type":"response.output_audio.delta","item_id":"i","delta":7}', o.Unknown("response.output_audio.delta")),
        (
            '{"type":"response.output_audio.delta","item_id":"i","delta":"AA=="}',
            o.AudioDelta(item_id="i", content_index=0, audio=b"\0"),
        ),
        ('{"type":"rate_limits.updated"}', o.Unknown("rate_limits.updated")),
        ('{"type":7}', o.Unknown("")),
        ("[]", o.Unknown("")),
        ("[" * 100_000, o.Unknown("")),
        (b"\xff\xfe", o.Unknown("")),
        ("", o.Unknown("")),
    ],
)
def test_openai_events(message: str | bytes, event: o.OpenAiEvent) -> None:
    assert o.parse_openai_event(message) == event


@pytest.mark.parametrize(
    ("message", "read"),
    [
        (b"\x01", r.AgentAudio(b"\x01")),
        ('{"type":"clear","more":1}', r.Clear()),
        ('{"type":"end"}', r.End()),
        ('{"type":"hello"}', r.Unknown('{"type":"hello"}')),
        ("x" * 500, r.Unknown("x" * 200)),
        ("[" * 100_000, r.Unknown("[" * 200)),
        ("7", r.Unknown("7")),
    ],
)
def test_raw_messages(message: str | bytes, read: r.RawMessage) -> None:
    assert r.parse_raw_message(message) == read


def test_a_raw_text_that_is_longer_than_any_of_ours_is_not_read() -> None:
    message = '{"type":"end"' + " " * r.MOST_TEXT_CHARS + "}"
    assert r.parse_raw_message(message) == r.Unknown(message[: r.MOST_KEPT_CHARS])


def test_the_rate_of_mp3_is_left_to_its_frames() -> None:
    start = StartRealtime(input_encoding="audio/pcm", output_encoding="audio/mp3", input_rate=16_000)
    fields = json.loads(r.render_start("CA1", "k", start))
    assert fields["input"] == {"encoding": "audio/pcm", "sampleRate": 16_000}
    assert fields["output"] == {"encoding": "audio/mp3"}


def test_an_item_is_cut_in_whole_milliseconds_rounded_down() -> None:
    assert json.loads(o.render_truncate("i", 1, 0.0129))["audio_end_ms"] == 12


@settings(max_examples=200, deadline=None)
@given(ITEMS, st.floats(0, 10))
def test_whatever_was_said_is_either_heard_or_cut(items: list[tuple[str, int, int]], heard_seconds: float) -> None:
    spoken = SpokenItems()
    assert all(spoken.add(*item) for item in items)
    spoken.interrupt()
    said = sum(size for _, _, size in items) / 8_000
    cut = spoken.cut(heard_seconds)
    assert sum(seconds for _, _, seconds in cut) <= heard_seconds
    assert bool(cut) or heard_seconds >= said - 1e-9
    assert spoken.cut(heard_seconds) == [], "nothing is cut twice"
    assert not items or not spoken.add(items[-1][0], 0, 1), "what was interrupted is not heard any more"


@pytest.mark.parametrize(
    "url", ["wss://voice.example.com/x?model=m", "ws://localhost:9/", "ws://[::1]:9", "ws://127.0.0.2"]
)
def test_addresses_that_keep_calls_private_are_taken(url: str) -> None:
    assert create_realtime(url, "openai", "")


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("ws://voice.example.com/?key=hidden", "in clear"),
        ("https://voice.example.com", "WebSocket"),
        ("wss://", "WebSocket"),
        ("wss://[", "WebSocket"),
    ],
)
def test_other_addresses_are_refused_with_their_mend(url: str, wrong: str) -> None:
    with pytest.raises(InvalidSettingsError, match=wrong) as refused:
        create_realtime(url, "raw", "")
    assert "hidden" not in str(refused.value)
    assert "VOICEGW_REALTIME_URL" in str(refused.value)
