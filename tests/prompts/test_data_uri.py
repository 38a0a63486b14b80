"""Data URIs: RFC 2397, its usual sloppiness, and its limits."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.prompts.data_uri import DataUri, is_data_uri, parse_data_uri
from voicegw.prompts.errors import PromptError, PromptTooLarge, PromptUnreadable
from voicegw.prompts.formats import MAX_SOURCE_BYTES

CONTENT = b"\xff\xfb\x90\x00>?ID3"
PACKED = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    ("source", "media_type"),
    [
        (f"data:audio/mpeg;base64,{PACKED}", "audio/mpeg"),
        (f" \n data:audio/mpeg;base64,{PACKED}\n", "audio/mpeg"),
        (f"DATA:Audio/MPEG;Base64,{PACKED}", "audio/mpeg"),
        (f"data:audio/pcm; rate=16000 ;base64,{PACKED}", "audio/pcm;rate=16000"),
        (f"data:;base64,{PACKED}", "text/plain"),
        (f"data:audio/mpeg;base64,{quote(PACKED, safe='')}", "audio/mpeg"),
        (f"data:audio/mpeg;base64, {PACKED[:5]}\r\n\t{PACKED[5:]} ", "audio/mpeg"),
        (f"data:audio/mpeg;base64,{PACKED.rstrip('=')}", "audio/mpeg"),
        (f"data:audio/mpeg;base64,{PACKED[:4]}%0A{PACKED[4:]}", "audio/mpeg"),
        (f"data:audio/mpeg,{quote(CONTENT)}", "audio/mpeg"),
    ],
)
def test_data_uri_is_read(source: str, media_type: str) -> None:
    assert is_data_uri(source)
    assert parse_data_uri(source) == DataUri(media_type, CONTENT)


def test_the_word_base64_counts_only_at_the_end() -> None:
    assert parse_data_uri("data:audio/x;base64;rate=1,AAAA") == DataUri("audio/x;base64;rate=1", b"AAAA")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "data:",
        "data:audio/mpeg;base64",
        "https://example.com/a.mp3",
        "xdata:audio/mpeg;base64,AAAA",
        "data:audio/mpeg;base64,AAA-",
        "data:audio/mpeg;base64,AAA_",
        "data:audio/mpeg;base64,A",
        "data:audio/mpeg;base64,AAAA=AAAA",
        "data:audio/mpeg;base64,AAAAÄ",
        "data:audio/mpeg;base64,AA\x00A",
        "data:audio/mpeg;base64,\ud800",
        "data:" + "x" * 300 + ",AAAA",
    ],
)
def test_what_is_no_proper_data_uri_is_refused(source: str) -> None:
    with pytest.raises(PromptUnreadable):
        parse_data_uri(source)


def test_limits_are_exact_and_checked_before_decoding() -> None:
    largest = base64.b64encode(bytes(MAX_SOURCE_BYTES)).decode()
    assert len(parse_data_uri("data:audio/wav;base64," + largest).content) == MAX_SOURCE_BYTES
    with pytest.raises(PromptTooLarge, match="5000001 bytes"):
        parse_data_uri("data:audio/wav;base64," + base64.b64encode(bytes(MAX_SOURCE_BYTES + 1)).decode())
    with pytest.raises(PromptTooLarge, match="characters"):
        parse_data_uri("data:audio/wav," + "x" * 3 * (MAX_SOURCE_BYTES + 200))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_go_there_and_back(content: bytes) -> None:
    assert parse_data_uri("data:a/b;base64," + base64.b64encode(content).decode()).content == content
    assert parse_data_uri("data:a/b," + quote(content)).content == content


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.booleans())
def test_any_text_is_read_or_refused(text: str, with_scheme: bool) -> None:
    try:
        parse_data_uri("data:" * with_scheme + text)
    except PromptError as refused:
        assert refused.code.startswith("prompt-")
