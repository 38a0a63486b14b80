"""Form bodies as bytes: what the wire allows, the limits, and anything else that a stranger may post."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.twilio.forms import (
    MAX_FORM_BYTES,
    MAX_FORM_FIELDS,
    FormError,
    parse_call_form,
    parse_dial_form,
    parse_fallback_form,
    parse_form,
    parse_gather_form,
)


def test_blanks_duplicates_and_order_are_kept() -> None:
    assert parse_form(b"b=2&a=&b=1&b=2&c&=x") == (
        ("b", "2"),
        ("a", ""),
        ("b", "1"),
        ("b", "2"),
        ("c", ""),
        ("", "x"),
    )


def test_plus_is_a_space_and_escaped_plus_a_plus() -> None:
    assert parse_form(b"From=%2B1415&a+b=c+%20d") == (("From", "+1415"), ("a b", "c  d"))


def test_white_space_is_not_trimmed() -> None:
    assert parse_form(b"SpeechResult=%20yes%0A") == (("SpeechResult", " yes\n"),)


def test_semicolon_separates_nothing_and_empty_fields_are_skipped() -> None:
    assert parse_form(b"&a=1;b=2&&c=3&") == (("a", "1;b=2"), ("c", "3"))


def test_utf_8_is_read_and_what_is_none_becomes_the_replacement_character() -> None:
    assert parse_form("q=für%C3%A9".encode()) == (("q", "füré"),)
    assert parse_form(b"q=%FF\xfe%ED%A0%80") == (("q", "\ufffd" * 5),)


def test_broken_escapes_stay_as_they_are() -> None:
    assert parse_form(b"q=100%&r=%zz%4") == (("q", "100%"), ("r", "%zz%4"))


def test_empty_body_has_no_fields() -> None:
    assert parse_form(b"") == ()


def test_body_and_field_limits_are_exact() -> None:
    assert len(parse_form(b"&".join([b"a=1"] * MAX_FORM_FIELDS))) == MAX_FORM_FIELDS
    assert parse_form(b"a" * MAX_FORM_BYTES)
    with pytest.raises(FormError, match="fields"):
        parse_form(b"&".join([b"a=1"] * (MAX_FORM_FIELDS + 1)))
    with pytest.raises(FormError, match="65537 bytes"):
        parse_form(b"a" * (MAX_FORM_BYTES + 1))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=9))
def test_what_is_urlencoded_is_read_back(pairs: list[tuple[str, str]]) -> None:
    sendable = [tuple(text.encode("utf-8", "replace").decode() for text in pair) for pair in pairs]
    assert list(parse_form(urlencode(sendable).encode())) == sendable


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab=&+%2Bf;ü "), max_size=30))
def test_reads_text_as_the_standard_library_does(body: str) -> None:
    expected = parse_qsl(body, keep_blank_values=True, errors="replace")
    assert list(parse_form(body.encode())) == expected


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_every_reader(body: bytes) -> None:
    pairs = parse_form(body)
    for reader in (parse_gather_form, parse_dial_form, parse_fallback_form):
        reader(pairs)
    with pytest.raises(FormError):
        parse_call_form(pairs)
