"""Server-sent events: every trap of a real stream, and any way to slice it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.voiceflow.sse import EventStream, ServerEvent


def events_of(body: bytes, slice_bytes: int = 0, max_frame_bytes: int = 10_000) -> list[ServerEvent]:
    stream = EventStream(max_frame_bytes)
    if not slice_bytes:
        return stream.receive(body)
    return [
        event
        for start in range(0, len(body), slice_bytes)
        for event in stream.receive(body[start : start + slice_bytes])
    ]


def test_an_answer_as_voiceflow_sends_it() -> None:
    body = b'\nevent: trace\nid: 1\ndata: {"type":"text"}\n\nevent: end\nid: 2\ndata: {}\n\n'
    assert events_of(body) == [ServerEvent("trace", '{"type":"text"}', "1"), ServerEvent("end", "{}", "2")]


def test_a_frame_without_an_event_name_is_dropped() -> None:
    assert events_of(b"data: lost\n\nid: 7\n\nevent: trace\ndata: kept\n\n") == [ServerEvent("trace", "kept", "7")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("slice_bytes", [0, 1, 2, 3])
def test_lines_end_in_lf_cr_or_crlf_even_across_slices(line_end: bytes, slice_bytes: int) -> None:
    body = b"event: trace\ndata: 1\n\nevent: end\ndata: {}\n\n".replace(b"\n", line_end)
    assert events_of(body, slice_bytes) == [ServerEvent("trace", "1"), ServerEvent("end", "{}")]


def test_an_event_ended_by_cr_is_given_at_once() -> None:
    assert EventStream().receive(b"event: end\rdata: {}\r\r") == [ServerEvent("end", "{}")]


def test_an_lf_after_a_cr_in_a_later_slice_is_no_blank_line() -> None:
    stream = EventStream()
    assert stream.receive(b"event: trace\r") == []
    assert stream.receive(b"") == []
    assert stream.receive(b"\n") == []
    assert stream.receive(b"\ndata: too late\n\n") == [ServerEvent("trace", "")]


def test_a_character_may_be_cut_anywhere() -> None:
    body = "event: trace\ndata: Grüße, 日本, 😀\n\n".encode()
    assert events_of(body, 1) == [ServerEvent("trace", "Grüße, 日本, 😀")]


def test_bytes_that_are_no_utf8_do_not_cost_the_event() -> None:
    assert events_of(b"event: trace\ndata: a\xffb\n\n") == [ServerEvent("trace", "a�b")]


def test_only_cr_and_lf_end_a_line() -> None:
    text = "a\x0bb\x0cc\x1cd\x1ee\x85f\u2028g"
    assert events_of(f"event: trace\ndata: {text}\n\n".encode()) == [ServerEvent("trace", text)]


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    body = b"\xef\xbb\xbfevent: trace\ndata: 1\n\n\xef\xbb\xbfevent: trace\ndata: 2\n\n"
    assert events_of(body, 1) == [ServerEvent("trace", "1")]


def test_comments_and_unknown_fields_are_skipped() -> None:
    body = b": ping\n\nretry: 10\nevent: trace\n:\nnew: x\ndata: 1\nnonsense\n\n"
    assert events_of(body) == [ServerEvent("trace", "1")]


def test_data_lines_are_joined_and_one_space_is_dropped() -> None:
    assert events_of(b"event:trace\ndata:a\ndata:  b\ndata\ndata: c\n\n") == [ServerEvent("trace", "a\n b\n\nc")]


def test_an_id_with_a_null_character_is_ignored() -> None:
    assert events_of(b"id: 1\nid: a\0b\nevent: trace\n\n") == [ServerEvent("trace", "", "1")]


def test_what_was_not_ended_by_a_blank_line_is_no_event() -> None:
    stream = EventStream()
    assert stream.receive(b'event: trace\ndata: {"type":') == []
    assert not stream.finished


def test_the_end_event_finishes_the_answer_and_the_end_trace_does_not() -> None:
    stream = EventStream()
    stream.receive(b'event: trace\ndata: {"type":"end"}\n\n')
    assert not stream.finished
    stream.receive(b"event: end\ndata: {}\n\n")
    assert stream.finished
    stream.receive(b"event: trace\ndata: 1\n\n")
    assert stream.finished


@pytest.mark.parametrize("slice_bytes", [0, 1, 7])
@pytest.mark.parametrize("flood", [b"data: " + b"x" * 100, b"data: x\n" * 20, b": x\n" * 50])
def test_a_frame_over_the_limit_ends_the_reading_but_keeps_what_was_whole(flood: bytes, slice_bytes: int) -> None:
    stream = EventStream(max_frame_bytes=90)
    body = b"event: trace\ndata: 1\n\n" + flood + b"\n\nevent: trace\ndata: 2\n\n"
    step = slice_bytes or len(body)
    events = [event for at in range(0, len(body), step) for event in stream.receive(body[at : at + step])]
    assert events == [ServerEvent("trace", "1")]
    assert stream.overflowed


def test_the_limit_is_per_frame_and_not_per_answer() -> None:
    stream = EventStream(max_frame_bytes=20)
    assert len(stream.receive(b"event: trace\ndata: 1\n\n" * 50)) == 50
    assert not stream.overflowed


LINES = st.sampled_from(
    [b"event: trace", b"event: end", b"data: {}", b"data:  x", b"data", b"id: 3", b": c", b"", b"\xef\xbb\xbf"]
) | st.sampled_from(["data: Grüße 😀".encode(), b"data: \xff\xc3", b"data: " + b"y" * 40])
BODIES = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"])), max_size=30).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(body=BODIES | st.binary(max_size=200), cuts=st.lists(st.integers(0, 500)), limit=st.sampled_from([60, 10_000]))
@settings(max_examples=300, deadline=None)
def test_however_a_body_is_sliced_the_events_are_the_same(body: bytes, cuts: list[int], limit: int) -> None:
    whole, sliced = EventStream(limit), EventStream(limit)
    expected = whole.receive(body)
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    events = [event for start, stop in pairwise(edges) for event in sliced.receive(body[start:stop])]
    assert events == expected
    assert (sliced.finished, sliced.overflowed) == (whole.finished, whole.overflowed)
