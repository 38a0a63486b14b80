"""Media Streams frames: the vendor's own examples, every refusal, and one socket held to the protocol."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_messages import (
    MAX_CUSTOM_PARAMETERS,
    MAX_MESSAGE_CHARACTERS,
    MULAW_8K,
    Connected,
    KeyReceived,
    MarkReceived,
    MediaMessage,
    MediaReceived,
    StreamStarted,
    StreamStopped,
    UnknownMessage,
    parse_message,
    read_common,
)
from voicegw.twilio.media_outgoing import ClearPlayback, PlayMedia, SetMark, render_message
from voicegw.twilio.media_stream import StreamReader

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA5f2a3c1f0b9d4e6a8c7b2d1e0f9a8b7c"
ACCOUNT = "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9"

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START: dict[str, Any] = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": ACCOUNT,
        "streamSid": STREAM,
        "callSid": CALL,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"FirstName": "Jane", "LastName": "Doe", "RemoteParty": "Bob"},
    },
    "streamSid": STREAM,
}
MEDIA: dict[str, Any] = {
    "event": "media",
    "sequenceNumber": "3",
    "media": {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": "//79/w=="},
    "streamSid": STREAM,
}
KEY: dict[str, Any] = {
    "event": "dtmf",
    "streamSid": STREAM,
    "sequenceNumber": "5",
    "dtmf": {"track": "inbound_track", "digit": "1"},
}
MARK: dict[str, Any] = {"event": "mark", "sequenceNumber": "4", "streamSid": STREAM, "mark": {"name": "my label"}}
STOP: dict[str, Any] = {
    "event": "stop",
    "sequenceNumber": "5",
    "stop": {"accountSid": ACCOUNT, "callSid": CALL},
    "streamSid": STREAM,
}


def parse(fields: Mapping[str, object]) -> MediaMessage:
    return parse_message(json.dumps(fields))


def without(fields: Mapping[str, Any], *path: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(fields))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copy


def with_value(fields: Mapping[str, Any], value: object, *path: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(fields))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copy


class TestTheVendorsExamples:
    def test_connected(self) -> None:
        assert parse(CONNECTED) == Connected(protocol="Call", version="1.0.0")

    def test_start_with_its_parameters(self) -> None:
        assert parse(START) == StreamStarted(
            sequence=1,
            stream_sid=STREAM,
            call_sid=CALL,
            account_sid=ACCOUNT,
            tracks=("inbound",),
            media_format=MULAW_8K,
            custom_parameters={"FirstName": "Jane", "LastName": "Doe", "RemoteParty": "Bob"},
        )

    def test_a_stream_without_parameters(self) -> None:
        started = parse(without(START, "start", "customParameters"))
        assert isinstance(started, StreamStarted)
        assert started.custom_parameters == {}

    def test_media_becomes_audio_and_seconds(self) -> None:
        message = parse(MEDIA)
        assert message == MediaReceived(
            sequence=3, stream_sid=STREAM, track="inbound", chunk=2, at_seconds=0.005, audio=b"\xff\xfe\xfd\xff"
        )
        assert message.from_caller

    def test_what_is_said_to_the_caller_is_not_the_caller(self) -> None:
        message = parse(with_value(MEDIA, "outbound", "media", "track"))
        assert isinstance(message, MediaReceived)
        assert not message.from_caller

    @pytest.mark.parametrize("key", "0123456789ABCD*#")
    def test_a_key(self, key: str) -> None:
        assert parse(with_value(KEY, key, "dtmf", "digit")) == KeyReceived(sequence=5, stream_sid=STREAM, key=key)

    def test_a_mark(self) -> None:
        assert parse(MARK) == MarkReceived(sequence=4, stream_sid=STREAM, name="my label")

    def test_stop(self) -> None:
        assert parse(STOP) == StreamStopped(sequence=5, stream_sid=STREAM, call_sid=CALL)

    def test_numbers_may_be_numbers(self) -> None:
        assert parse(with_value(STOP, 5, "sequenceNumber")) == parse(STOP)


class TestTheUnknown:
    def test_an_unknown_event_is_kept_as_data(self) -> None:
        fields = {"event": "weather", "rain": [1, {"a": None}]}
        assert parse(fields) == UnknownMessage(event="weather", fields=fields)

    @pytest.mark.parametrize("digit", ["", "12", "x", "١"])
    def test_a_key_that_no_telephone_has_is_kept_as_data(self, digit: str) -> None:
        message = parse(with_value(KEY, digit, "dtmf", "digit"))
        assert isinstance(message, UnknownMessage)
        assert message.event == "dtmf"

    def test_fields_that_are_new_to_us_hurt_nobody(self) -> None:
        assert parse({**MEDIA, "region": "ie1"}) == parse(MEDIA)


REFUSED: dict[str, str] = {
    "nothing": "",
    "half an object": '{"event":',
    "a list": "[]",
    "a number": "7",
    "not a number": '{"event":"x","value":NaN}',
    "an endless number": '{"event":"x","value":' + "9" * 5000 + "}",
    "half an emoji, unescaped": json.dumps(with_value(MARK, "\ud83d", "mark", "name"), ensure_ascii=False),
    "a deep nest": '{"event":"x","value":' + "[" * 30_000 + "]" * 30_000 + "}",
    "half an emoji": json.dumps(with_value(MARK, "\ud83d", "mark", "name")),
    "no event": "{}",
    "an event that is no text": '{"event":7}',
    "too much": json.dumps({"event": "x", "value": "x" * MAX_MESSAGE_CHARACTERS}),
    **{
        what: json.dumps(fields)
        for what, fields in {
            "connected without its version": without(CONNECTED, "version"),
            "a start without its inner part": without(START, "start"),
            "two streams in one start": with_value(START, "MZ" + "0" * 32, "start", "streamSid"),
            "a stream that is none": with_value(START, "x", "streamSid"),
            "a call that is none": with_value(START, "CA1", "start", "callSid"),
            "an account that is none": with_value(START, 7, "start", "accountSid"),
            "tracks that are no list": with_value(START, "inbound", "start", "tracks"),
            "too many tracks": with_value(START, ["inbound"] * 5, "start", "tracks"),
            "no format": without(START, "start", "mediaFormat"),
            "a rate that is none": with_value(START, -1, "start", "mediaFormat", "sampleRate"),
            "a count that is a truth": with_value(START, True, "start", "mediaFormat", "channels"),
            "parameters that are a list": with_value(START, [], "start", "customParameters"),
            "a parameter that is no text": with_value(START, {"a": 1}, "start", "customParameters"),
            "a parameter that is too long": with_value(START, {"a": "b" * 500}, "start", "customParameters"),
            "too many parameters": with_value(
                START, {str(n): "" for n in range(MAX_CUSTOM_PARAMETERS + 1)}, "start", "customParameters"
            ),
            "media without a payload": without(MEDIA, "media", "payload"),
            "a payload with a stray sign": with_value(MEDIA, "AA*A", "media", "payload"),
            "a payload with a line end": with_value(MEDIA, "AAAA\n", "media", "payload"),
            "a payload cut short": with_value(MEDIA, "AAA", "media", "payload"),
            "a payload beyond ASCII": with_value(MEDIA, "ÄÄÄÄ", "media", "payload"),
            "a track that is too long": with_value(MEDIA, "x" * 65, "media", "track"),
            "a chunk in words": with_value(MEDIA, "two", "media", "chunk"),
            "a chunk in other digits": with_value(MEDIA, "٢", "media", "chunk"),
            "a time without end": with_value(MEDIA, "9" * 16, "media", "timestamp"),
            "no sequence number": without(MARK, "sequenceNumber"),
            "no stream": without(MARK, "streamSid"),
            "a mark without a name": without(MARK, "mark", "name"),
            "a mark whose name is too long": with_value(MARK, "x" * 257, "mark", "name"),
            "a key without a digit": without(KEY, "dtmf", "digit"),
            "a stop without its call": without(STOP, "stop", "callSid"),
        }.items()
    },
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trusted_is_refused_with_the_one_error(text: str) -> None:
    with pytest.raises(MediaMessageError):
        parse_message(text)


class TestWhatWeSend:
    def test_audio(self) -> None:
        assert json.loads(render_message(STREAM, PlayMedia(b"\xff\x00"))) == {
            "event": "media",
            "streamSid": STREAM,
            "media": {"payload": base64.b64encode(b"\xff\x00").decode()},
        }

    def test_a_mark_and_a_clear(self) -> None:
        assert json.loads(render_message(STREAM, SetMark("0.7.4800"))) == {
            "event": "mark",
            "streamSid": STREAM,
            "mark": {"name": "0.7.4800"},
        }
        assert json.loads(render_message(STREAM, ClearPlayback())) == {"event": "clear", "streamSid": STREAM}

    def test_it_travels_in_one_line_without_blanks(self) -> None:
        assert " " not in render_message(STREAM, PlayMedia(bytes(160)))


def started() -> StreamReader:
    reader = StreamReader()
    reader.receive(json.dumps(CONNECTED))
    reader.receive(json.dumps(START))
    return reader


class TestOneSocket:
    def test_a_whole_stream_is_read_in_order(self) -> None:
        reader = started()
        numbered = [{**fields, "sequenceNumber": str(n)} for n, fields in enumerate((MEDIA, MARK, KEY, STOP), 2)]
        kinds = [type(reader.receive(json.dumps(fields))) for fields in numbered]
        assert kinds == [MediaReceived, MarkReceived, KeyReceived, StreamStopped]

    def test_start_may_come_without_connected(self) -> None:
        reader = StreamReader()
        assert reader.receive(json.dumps(START)) is reader.started

    @pytest.mark.parametrize("fields", [MEDIA, MARK, KEY, STOP, {"event": "weather"}])
    def test_nothing_but_connected_comes_before_start(self, fields: Mapping[str, object]) -> None:
        with pytest.raises(MediaMessageError, match="before the stream began"):
            StreamReader().receive(json.dumps(fields))

    @pytest.mark.parametrize("fields", [CONNECTED, START])
    def test_a_stream_begins_once(self, fields: Mapping[str, object]) -> None:
        with pytest.raises(MediaMessageError, match="a second"):
            started().receive(json.dumps(fields))

    def test_connected_comes_once(self) -> None:
        reader = StreamReader()
        reader.receive(json.dumps(CONNECTED))
        with pytest.raises(MediaMessageError, match="a second"):
            reader.receive(json.dumps(CONNECTED))

    def test_another_streams_messages_are_refused(self) -> None:
        with pytest.raises(MediaMessageError, match="another stream"):
            started().receive(json.dumps({**MARK, "streamSid": "MZ" + "0" * 32}))

    def test_what_is_new_to_us_is_handed_on(self) -> None:
        assert isinstance(started().receive('{"event":"weather"}'), UnknownMessage)

    def test_nothing_is_dropped_for_its_number(self) -> None:
        reader = started()
        for number in ("2", "5", "5", "4", "6"):
            assert isinstance(reader.receive(json.dumps({**KEY, "sequenceNumber": number})), KeyReceived)

    def test_audio_and_marks_as_the_carrier_writes_them_take_the_short_way(self) -> None:
        media, mark = parse(MEDIA), parse(MARK)
        assert isinstance(media, MediaReceived)
        assert isinstance(mark, MarkReceived)
        assert read_common(json.dumps(MEDIA), STREAM) == read_common(json.dumps(MEDIA).encode(), STREAM) == media.audio
        assert read_common(json.dumps(MARK), STREAM) == read_common(json.dumps(MARK).encode(), STREAM) == mark.name

    @pytest.mark.parametrize(
        "fields",
        [
            KEY,
            with_value(MEDIA, "outbound", "media", "track"),
            with_value(MEDIA, "MZ" + "0" * 32, "streamSid"),
            with_value(MARK, "MZ" + "0" * 32, "streamSid"),
            with_value(MARK, "m" * 257, "mark", "name"),
        ],
        ids=["a key", "what is said to the caller", "another stream's audio", "another stream's mark", "a long mark"],
    )
    def test_nothing_else_takes_it(self, fields: Mapping[str, object]) -> None:
        assert read_common(json.dumps(fields), started().stream_sid) is None

    def test_nothing_takes_it_before_the_stream_began(self) -> None:
        assert read_common(json.dumps(MEDIA), StreamReader().stream_sid) is None

    def test_a_message_that_is_too_long_does_not_take_it(self) -> None:
        assert read_common(json.dumps(with_value(MEDIA, "A" * 65_536, "media", "payload")), STREAM) is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
EXAMPLES = (CONNECTED, START, MEDIA, KEY, MARK, STOP)


class TestAnyInput:
    @settings(max_examples=200)
    @given(st.text(max_size=300))
    def test_any_text_is_a_message_or_refused(self, text: str) -> None:
        try:
            parse_message(text)
        except MediaMessageError:
            return

    @settings(max_examples=300)
    @given(st.data())
    def test_an_example_with_any_field_exchanged_is_a_message_or_refused(self, data: st.DataObject) -> None:
        fields: dict[str, Any] = json.loads(json.dumps(data.draw(st.sampled_from(EXAMPLES))))
        inner = fields
        while True:
            name = data.draw(st.sampled_from(sorted(inner)))
            if not (isinstance(inner[name], dict) and inner[name] and data.draw(st.booleans())):
                break
            inner = inner[name]
        inner[name] = data.draw(JSON_VALUES)
        try:
            message = parse(fields)
        except MediaMessageError:
            return
        assert repr(message).encode()

    @settings(max_examples=300)
    @given(
        st.sampled_from(
            [
                (MEDIA, ("event",)),
                (MEDIA, ("streamSid",)),
                (MEDIA, ("media",)),
                (MEDIA, ("media", "track")),
                (MEDIA, ("media", "payload")),
                (MARK, ("mark",)),
                (MARK, ("mark", "name")),
            ]
        ),
        JSON_VALUES
        | st.from_regex(r"[0-9]{0,17}|[A-Za-z0-9+/=]{0,12}|MZ[0-9a-f]{32}|[٠-٩0-9_+ -]{1,4}", fullmatch=True),
    )
    def test_the_short_way_leads_where_the_careful_one_does(
        self, place: tuple[dict[str, Any], tuple[str, ...]], value: Any
    ) -> None:
        text = json.dumps(with_value(place[0], value, *place[1]))
        short = read_common(text, STREAM)
        if short is not None:
            careful = parse_message(text)
            assert isinstance(careful, MediaReceived | MarkReceived)
            assert careful.stream_sid == STREAM
            assert short == (careful.audio if isinstance(careful, MediaReceived) else careful.name)
            assert isinstance(careful, MarkReceived) or careful.from_caller

    @settings(max_examples=100)
    @given(st.binary(max_size=2000))
    def test_audio_comes_back_byte_for_byte(self, audio: bytes) -> None:
        payload = json.loads(render_message(STREAM, PlayMedia(audio)))["media"]["payload"]
        message = parse(with_value(MEDIA, payload, "media", "payload"))
        assert isinstance(message, MediaReceived)
        assert message.audio == audio
