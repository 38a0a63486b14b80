"""What a server says about how long its audio holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.prompts.validators import (
    DEFAULT_FRESH_SECONDS,
    MAX_FRESH_SECONDS,
    Validators,
    read_fresh_seconds,
    read_validators,
)


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("max-age=60", 60),
        ('Public, Max-Age="60"', 60),
        ("max-age=0", 0),
        ("max-age=60, no-cache", 0),
        ('no-cache="set-cookie"', 0),
        ("no-store", 0),
        ("max-age=999999999", MAX_FRESH_SECONDS),
        ("max-age=60, max-age=30", 30),
        ("max-age=-1", DEFAULT_FRESH_SECONDS),
        ("max-age=٦", DEFAULT_FRESH_SECONDS),
        ("max-age=99999999999999999999", DEFAULT_FRESH_SECONDS),
        ("", DEFAULT_FRESH_SECONDS),
    ],
)
def test_freshness_is_what_the_server_says_within_bounds(cache_control: str, seconds: float) -> None:
    assert read_fresh_seconds({"Cache-Control": cache_control}) == seconds


@given(st.text())
def test_no_header_makes_audio_hold_for_longer_than_a_day(cache_control: str) -> None:
    assert 0 <= read_fresh_seconds({"Cache-Control": cache_control}) <= MAX_FRESH_SECONDS


def test_validators_ask_for_what_has_changed() -> None:
    known = read_validators({"ETag": 'W/"1"', "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"})
    assert known.as_request_headers() == {
        "If-None-Match": 'W/"1"',
        "If-Modified-Since": "Wed, 01 Jan 2025 00:00:00 GMT",
    }
    assert read_validators({}).as_request_headers() == {}


@pytest.mark.parametrize("value", ["x" * 257, '"a"\r\nX: 1', '"ä"', "\x00"])
def test_validator_that_could_not_be_sent_back_counts_as_none(value: str) -> None:
    assert read_validators({"ETag": value, "Last-Modified": value}) == Validators()
