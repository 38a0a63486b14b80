"""The ids of a call's trace: what the W3C allows, the same everywhere, another one for every other call."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.tracecontext import CALL_SPAN, span_id, trace_id, traceparent, turn_span

CALL = "CA" + "1" * 32
# "version-format = trace-id "-" parent-id "-" trace-flags" (W3C Trace Context)
HEADER = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-01")


@settings(max_examples=50)
@given(call_sid=st.text(), turn=st.integers(min_value=0))
def test_any_call_and_turn_make_a_header_of_the_right_form(call_sid: str, turn: int) -> None:
    found = HEADER.fullmatch(traceparent(call_sid, turn))
    assert found is not None
    assert set(found["trace"]) != {"0"}
    assert set(found["parent"]) != {"0"}


def test_the_header_names_the_span_of_the_turn_in_the_trace_of_the_call() -> None:
    assert traceparent(CALL, 3) == f"00-{trace_id(CALL)}-{span_id(CALL, turn_span(3))}-01"


def test_ids_never_change_from_one_version_to_the_next() -> None:
    """Two processes of different versions may have a hand in one call."""
    assert traceparent(CALL, 1) == "00-b6e5ffa6058db76fa8ad609500605adf-59eaa4d0cec56e1f-01"


def test_turns_of_a_call_share_the_trace_and_differ_in_the_span() -> None:
    headers = [HEADER.fullmatch(traceparent(CALL, turn)) for turn in range(20)]
    assert len({found["trace"] for found in headers if found}) == 1
    assert len({found["parent"] for found in headers if found} | {span_id(CALL, CALL_SPAN)}) == 21


def test_another_call_is_another_trace() -> None:
    assert trace_id(CALL) != trace_id(CALL[:-1] + "2")


def test_the_call_cannot_be_read_from_its_ids() -> None:
    assert "1111" not in traceparent(CALL, 1)
