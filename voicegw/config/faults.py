"""What is wrong with the settings, for people: the key, the value, and the mend. Never shows a secret."""

import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from pydantic import SecretStr
from pydantic_core import ErrorDetails, PydanticCustomError

from voicegw.errors import NOT_SET, Fault

Path = tuple[int | str, ...]
"""Where a setting stands: table names, keys and list positions."""

MASK = "********"
_MAX_VALUE_CHARS = 80
_OWN_FAULT = "setting"
_SECRETS = frozenset({"auth_tokens", "shared_keys", "api_key", "project_keys", "database_url", "redis_url", "secret"})
# A misspelt secret is no setting we know, and must not be shown for that.
_SECRET_TABLES = frozenset({"twilio", "voiceflow", "realtime", "events"})
_LOOKS_SECRET = re.compile(r"token|tok|key|secret|pass|auth|api|sid", re.IGNORECASE)

_WORDS = {
    "missing": ("is missing", "Set it."),
    "bool_parsing": ("is neither true nor false", "Write true or false, without quotes."),
    "bool_type": ("is neither true nor false", "Write true or false, without quotes."),
    "int_parsing": ("is not a whole number", "Write digits only."),
    "int_type": ("is not a whole number", "Write digits only."),
    "int_from_float": ("is not a whole number", "Write it without a fraction."),
    "float_parsing": ("is not a number", "Write digits, with a dot for the fraction."),
    "float_type": ("is not a number", "Write digits, with a dot for the fraction."),
    "string_type": ("is not a text", 'Put it in quotes: "…".'),
    "tuple_type": ("is not a list", 'Put it in brackets: ["…"].'),
    "dict_type": ("is not a table", "Make it a table: { name = value }."),
    "mapping_type": ("is not a table", "Make it a table: { name = value }."),
    "model_type": ("is not a table", "Make it a table: { name = value }."),
    "path_type": ("is not a path", 'Put it in quotes: "…".'),
}


def wrong(what: str, mend: str, *, at: Path = (), value: object = None) -> PydanticCustomError:
    """A validator's verdict. `at` points below the validated field, `value` replaces its whole value."""
    return PydanticCustomError(_OWN_FAULT, "{wrong}", {"wrong": what, "mend": mend, "at": at, "value": value})


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`Did you mean "…"?` for the nearest of `known`, or nothing."""
    near = get_close_matches(str(word).casefold(), {name.casefold(): name for name in known}, n=1, cutoff=0.6)
    spelled = {name.casefold(): name for name in known}
    return f'Did you mean "{spelled[near[0]]}"?' if near else ""


def dotted(path: Path) -> str:
    """A path as it is written in the file: `numbers[2].keypad.gap_seconds`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False)
        text += f".{name}" if text else name
    return text


def locate(error: ErrorDetails) -> Path:
    """The path, within the table that was judged, of the setting that a validation error is about."""
    return (*error["loc"], *(error["ctx"]["at"] if error["type"] == _OWN_FAULT else ()))


def explain(error: ErrorDetails, *, key: str, path: Path, known: Sequence[str], home: str) -> Fault:
    """The fault behind a validation error.

    `known` are the names of the table that the setting stands in, `home` is the table where such a name belongs.
    """
    what, mend = _verdict(error, path, known, home)
    return Fault(key=key, value=_shown(error, path, mend), wrong=what, mend=mend)


def _verdict(error: ErrorDetails, path: Path, known: Sequence[str], home: str) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind == _OWN_FAULT:
        return context["wrong"], context["mend"]
    if kind == "extra_forbidden":
        if home:
            return "is not a setting of this table", f"It stands under {home}."
        return "is not a setting", did_you_mean(path[-1], known) or f"Remove it; here stand {', '.join(known)}."
    if kind in {"literal_error", "enum"}:
        choices = re.findall(r"'([^']*)'", context["expected"])
        return (
            "is not one of the choices",
            f"Use {context['expected']}. {did_you_mean(error['input'], choices)}".strip(),
        )
    if kind in _WORDS:
        return _WORDS[kind]
    return "is out of range", f"{error['msg'].replace('Input', 'It', 1)}."


def _shown(error: ErrorDetails, path: Path, mend: str) -> str:
    value = error["input"]
    if error["type"] == _OWN_FAULT and error["ctx"]["value"] is not None:
        value = error["ctx"]["value"]
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if error["type"] == "missing" or value in ("", (), [], {}):
        return NOT_SET
    names = {part for part in path if isinstance(part, str)}
    unknown = error["type"] == "extra_forbidden"
    if names & _SECRETS or (unknown and (names & _SECRET_TABLES or _LOOKS_SECRET.search(str(path[-1])))):
        return MASK
    if unknown and any(f'"{secret}"' in mend for secret in _SECRETS):
        return MASK
    return show(value)


def show(value: object) -> str:
    """A value as it is written in the file, short; a table only by the name of its kind."""
    if isinstance(value, dict):
        return "(a table)"
    if isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        return "(a list of tables)"
    if value == "":
        return NOT_SET
    text = re.sub(r"//[^\s]*@", "//…@", json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[:_MAX_VALUE_CHARS]}…"
