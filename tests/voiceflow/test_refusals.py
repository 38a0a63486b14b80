"""What an agent's error statuses mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.errors import AgentBusy, AgentNotConfigured, AgentRefused, SessionExpired
from voicegw.voiceflow.refusals import (
    MAX_RETRY_AFTER_SECONDS,
    parse_retry_after,
    read_detail,
    refusal_of_session,
    refusal_of_turn,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 301, 308])
def test_a_session_that_is_refused_for_good_needs_a_human(status: int) -> None:
    error = refusal_of_session(status, {}, "Auth Key Required", NOW)
    assert isinstance(error, AgentNotConfigured)
    assert not error.retryable
    assert f"({status}: Auth Key Required)" in error.message


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (502, True), (503, True), (418, False)])
def test_starting_a_session_again_is_safe_after_a_server_error(status: int, retryable: bool) -> None:
    error = refusal_of_session(status, {}, "", NOW)
    assert isinstance(error, AgentRefused)
    assert (error.status, error.retryable) == (status, retryable)


def test_a_turn_refused_with_401_has_lost_its_session() -> None:
    error = refusal_of_turn(401, {}, "", NOW)
    assert isinstance(error, SessionExpired)
    assert not error.retryable


@pytest.mark.parametrize("status", [302, 400, 403, 404, 500, 502, 503, 504])
def test_a_turn_refused_otherwise_may_have_run_and_is_not_sent_again(status: int) -> None:
    error = refusal_of_turn(status, {}, "", NOW)
    assert isinstance(error, AgentRefused)
    assert (error.status, error.retryable) == (status, False)


@pytest.mark.parametrize("refusal", [refusal_of_session, refusal_of_turn])
def test_a_busy_agent_says_how_long_to_wait(refusal: type) -> None:
    error = refusal(429, {"retry-after": "7"}, "", NOW)
    assert isinstance(error, AgentBusy)
    assert (error.retry_after_seconds, error.retryable) == (7.0, True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 2.5 ", 2.5),
        ("999999999", MAX_RETRY_AFTER_SECONDS),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 11:00:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("-5", None),
        ("soon", None),
        ("1e400", None),
        ("nan", None),
        ("٣", None),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,7} \d+:\d+(:\d+)? [+-]\d{1,9}"))
def test_any_retry_after_gives_a_wait_within_bounds_or_none(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"code":401,"status":"Unauthorized","data":"Auth Key Required"}', "Auth Key Required"),
        (b'{"statusCode":400,"message":"invalid environment tag"}', "invalid environment tag"),
        (b'{"message":["a"],"data":{}}', ""),
        (b"[1]", "[1]"),
        (b"Bad\r\nGateway\x1b[31m \xff", "Bad Gateway [31m �"),
        (b"", ""),
        (b"x" * 10_000, "x" * 200),
        (b"key VF.DM.66f0-x.Abc_1 and sess-1 are wrong", "key VF.… and … are wrong"),
    ],
)
def test_an_error_body_is_told_in_one_safe_line(body: bytes, detail: str) -> None:
    assert read_detail(body, ("sess-1", "")) == detail


def test_an_error_body_that_repeats_what_was_said_is_told_without_it() -> None:
    told = [{"type": "text", "payload": "My PIN is 4711"}, {"caller_number": "+14155550123", "names": ["Ann", 7, None]}]
    body = b"cannot parse 'my pin is 4711' of +14155550123 (ann): 7 errors"
    assert read_detail(body, (), told) == "cannot parse '… … … …' of +… (…): … errors"
    assert read_detail(b"cannot parse 4 7 1 1 or 4-711", (), told[:1]) == "cannot parse • • • • or •-•••"
    assert read_detail(b"cannot charge 4111-1111-1111-1111", ()) == "cannot charge [card number]"


def test_what_the_agent_says_of_a_turn_is_for_the_call_log_alone() -> None:
    for status in (401, 500):
        error = refusal_of_turn(status, {}, "no such order, Mabel", NOW)
        assert f"({status}: no such order, Mabel)" in error.message
        assert error.brief.endswith(f"({status})")
    assert refusal_of_session(500, {}, "down", NOW).brief == "the agent did not start a session (500: down)"
