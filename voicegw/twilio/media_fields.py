"""One JSON object of a Media Streams message: its fields, read by type and within limits, or a `MediaMessageError`.

Pure; knows JSON, and no message.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from voicegw.errors import VoicegwError

LONGEST_WORD: Final = 64
LONGEST_NUMBER: Final = 15
_WHOLE_NUMBER: Final = re.compile(rf"[0-9]{{1,{LONGEST_NUMBER}}}")


class MediaMessageError(VoicegwError):
    """A frame that no Media Stream carries, or that comes where the protocol has no place for it."""

    code = "media-message-invalid"


def parse_object(text: str) -> Mapping[str, object]:
    """Read one JSON object whose text can be encoded again."""
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
        if "\\u" in text or not text.isascii():
            # Half an emoji can be written as an escape, but nothing downstream could encode it.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise MediaMessageError("a message that is no JSON") from exc
    if not isinstance(value, dict):
        raise MediaMessageError("a message that is no JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def read_inner(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An object within the object."""
    value = fields.get(name)
    if not isinstance(value, dict):
        raise MediaMessageError(f"a message without its `{name}`")
    return value


def read_text(fields: Mapping[str, object], name: str, longest: int) -> str:
    """A text of at most `longest` characters."""
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise MediaMessageError(f"`{name}` is no text of at most {longest} characters")
    return value


def read_word(fields: Mapping[str, object], name: str) -> str:
    """A short text: a name, a version."""
    return read_text(fields, name, LONGEST_WORD)


def read_sid(fields: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    """An id of the vendor's."""
    value = fields.get(name)
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise MediaMessageError(f"`{name}` is no such id")
    return value


def read_number(fields: Mapping[str, object], name: str) -> int:
    """A count: Twilio sends text everywhere but in `mediaFormat`, others send numbers."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or _WHOLE_NUMBER.fullmatch(value) is None:
        raise MediaMessageError(f"`{name}` is no whole number")
    return int(value)
