"""JSON as agents really write it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.voiceflow.wire_json import MAX_DEPTH, parse_json

SURROGATES = st.integers(0xD800, 0xDFFF).map(chr)


def test_raw_control_characters_in_strings_are_taken() -> None:
    assert parse_json('{"message":"a\x01b\tc\x1fd\ne"}') == {"message": "a\x01b\tc\x1fd\ne"}


def test_half_an_emoji_is_dropped_and_a_whole_one_kept() -> None:
    assert parse_json(r'["Hi \ud83d", "\ude00 there", "\ud83d\ude00", "\uD83D!"]') == ["Hi ", " there", "😀", "!"]


def test_nan_and_infinity_become_null() -> None:
    assert parse_json("[NaN, Infinity, -Infinity]") == [None, None, None]


@pytest.mark.parametrize("text", ["", "{", "nope", '{"a":1}x', "[" * 100_000, '{"a":' * 100_000, "9" * 5_000])
def test_what_is_no_json_raises_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


def test_nesting_is_taken_to_the_limit_and_not_beyond() -> None:
    at_limit = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert parse_json(at_limit) is not None
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(f"[[{at_limit}]]")


def test_a_long_flat_document_is_not_a_deep_one() -> None:
    wide = [{"a": []} for _ in range(MAX_DEPTH)]
    assert parse_json(json.dumps(wide)) == wide


@given(st.text() | st.builds("".join, st.lists(st.text(max_size=3) | SURROGATES)))
@settings(max_examples=100, deadline=None)
def test_any_string_comes_out_encodable_and_otherwise_unharmed(text: str) -> None:
    parsed = parse_json(json.dumps([text]))
    assert isinstance(parsed, list)
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    assert parsed == [joined]
    parsed[0].encode("utf-8")
