"""What may stand in a log line: every value short, printable, and without telephone or card numbers.

Pure. Whatever callers, carriers and agents write may end up here: nothing of it can begin a line, steer a terminal or
turn the writing round.
"""

import math
import re
from collections.abc import Mapping, MutableMapping
from traceback import extract_tb
from types import TracebackType
from typing import Any

from voicegw.call.hidden_values import HiddenValues
from voicegw.errors import VoicegwError

MAX_CHARACTERS = 2000
MAX_ITEMS = 50
MAX_DEPTH = 4
_OF_LINES = ("exception", "stack")
_MAX_CAUSES = 5
_MAX_FRAMES = 12

# Call ids hold long runs of digits too, but neither a plus sign nor digits alone.
_NUMBER = re.compile(r"(?:\+|%2[Bb])[0-9][0-9 ().-]{4,}[0-9]|(?<![\w.-])[0-9]{10,15}(?![\w.-])")
# What makes a terminal do something, begin a line, or turn the writing round.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_CARDS = HiddenValues()  # remembers nothing: it finds card numbers only

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def guard_fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: every field of the line is made fit for it. Only a traceback has lines."""
    guarded = {_guard_text(str(key)): _guard(value, 0, str(key)) for key, value in list(event.items())[:MAX_ITEMS]}
    event.clear()
    event.update(guarded)
    return event


def lead_with_what_happened(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: a line begins with when, how bad and what, as people read it at night."""
    return {name: event[name] for name in ("timestamp", "level", "event") if name in event} | dict(event)


def forget_futures(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: asyncio describes a failed task in the message, its exception's words included. They go."""
    said = event.get("event")
    if event.get("logger") == "asyncio" and isinstance(said, str):
        event["event"] = said.split("\n", 1)[0]
    return event


def describe_exception(exc_info: ExcInfo) -> str:
    """A traceback of places and source lines, the last `_MAX_FRAMES` of each cause.

    Of the exceptions themselves only ours say what they have to say: those of others like to quote what they
    were given, and that may be what a caller said.
    """
    error = exc_info[1]
    parts: list[str] = []
    while error is not None and len(parts) < _MAX_CAUSES:
        parts.append(_describe_one(error))
        error = _before(error)
    return "\nraised from:\n".join(parts)


def _describe_one(error: BaseException) -> str:
    frames = extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    places = [f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n    {frame.line}' for frame in frames]
    return "\n".join(["Traceback (most recent call last):", *places, _words_of(error)])


def _before(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _words_of(error: BaseException) -> str:
    name = type(error).__name__
    match error:
        case VoicegwError():
            return f"{name}: {error.brief}"
        case OSError(strerror=str(reason)):
            return f"{name}: {reason}"
        case _:
            return name


def _guard(value: object, depth: int, name: str) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        # a number of ten digits may be a telephone's
        safe = math.isfinite(value) and (isinstance(value, float) or abs(value) < 10**9)
        return value if safe else _guard_text(str(value)[:MAX_CHARACTERS])
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        items = list(value.items())[:MAX_ITEMS]
        return {_guard_text(str(key)): _guard(inner, depth + 1, "") for key, inner in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_guard(inner, depth + 1, "") for inner in list(value)[:MAX_ITEMS]]
    if isinstance(value, BaseException):
        return _guard_text(_words_of(value))
    return _guard_text(_written(value), of_lines=name in _OF_LINES)


def _written(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # a log line must not fail over what it is about
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _guard_text(text: str, *, of_lines: bool = False) -> str:
    if len(text) > MAX_CHARACTERS:  # of a traceback the end tells most
        kept = MAX_CHARACTERS // 2 - 1
        text = f"{text[:kept]}…{text[-kept:]}"
    text = _NUMBER.sub(_last_four, _CARDS.clean(text))
    lines = text.split("\n") if of_lines else [text]
    return "\n".join(_CONTROL.sub(_written_out, line) for line in lines)


def _last_four(number: re.Match[str]) -> str:
    plus = "+" if number[0][0] in "+%" else ""
    return f"{plus}…{''.join(filter(str.isdecimal, number[0]))[-4:]}"


def _written_out(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode()
