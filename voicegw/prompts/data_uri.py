"""`data:audio/mpeg;base64,…` → media type and bytes (RFC 2397). Pure; never looks into the bytes."""

import binascii
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from voicegw.prompts.errors import PromptTooLarge, PromptUnreadable
from voicegw.prompts.formats import MAX_SOURCE_BYTES

_SCHEME: Final = "data:"
_WHITE_SPACE: Final = b" \t\r\n\f"
_DEFAULT_MEDIA_TYPE: Final = "text/plain"  # RFC 2397: "If <mediatype> is omitted, it defaults to text/plain"
_LONGEST_HEADER_CHARS: Final = 256
_MAX_URI_CHARS: Final = 3 * MAX_SOURCE_BYTES + _LONGEST_HEADER_CHARS  # every byte written as %xx


@dataclass(frozen=True, slots=True)
class DataUri:
    """What a data URI holds: `media_type` in lower case with its parameters, without `;base64`."""

    media_type: str
    content: bytes


def is_data_uri(source: str) -> bool:
    """True if this source carries its own bytes."""
    return source.lstrip()[: len(_SCHEME)].lower() == _SCHEME


def parse_data_uri(source: str) -> DataUri:
    """Reads a data URI; its content may hold white space and percent-encoding, and lack padding.

    Base64 is otherwise strict: a foreign character is an error, never skipped, for half-read audio is noise.
    Raises PromptTooLarge over 5 MB of content, else PromptUnreadable.
    """
    if len(source) > _MAX_URI_CHARS:
        raise PromptTooLarge(f"the data URI is {len(source)} characters long")
    header, comma, encoded = source.strip().partition(",")
    if not is_data_uri(header) or not comma or len(header) > _LONGEST_HEADER_CHARS:
        raise PromptUnreadable("the source is not a data URI: it should read data:audio/mpeg;base64,…")
    media_type, *parameters = [part.strip().lower() for part in header[len(_SCHEME) :].split(";")]
    is_base64 = parameters[-1:] == ["base64"]
    content = unquote_to_bytes(encoded.encode("utf-8", "replace"))
    if is_base64:
        content = _decode_base64(content)
        parameters.pop()
    if len(content) > MAX_SOURCE_BYTES:
        raise PromptTooLarge(f"the data URI holds {len(content)} bytes; the limit is {MAX_SOURCE_BYTES}")
    return DataUri(";".join([media_type or _DEFAULT_MEDIA_TYPE, *parameters]), content)


def _decode_base64(text: bytes) -> bytes:
    packed = text.translate(None, _WHITE_SPACE).rstrip(b"=")
    try:
        return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4), strict_mode=True)
    except binascii.Error as exc:
        raise PromptUnreadable(f"the data URI's base64 is broken: {exc}") from exc
