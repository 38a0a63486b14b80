"""The phrases by name and language, read once from the data files beside this one.

A file holds one key for each `PhraseName`: a text, or a list of texts that are said in turn. `{caller}` and
the like stand for fields. What an operator sets in place of a phrase is handed in; this file knows no settings.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from tomllib import loads
from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("en", "de", "fr", "es", "pt", "it", "nl")
"""The languages shipped, as ISO 639-1; the first one speaks for every other."""

_NOTHING: Final[Mapping[str, str | Sequence[str]]] = MappingProxyType({})
_FIELD: Final = re.compile(r"\{(\w+)\}")
_DIGITS_IN_A_GROUP: Final = 3


class PhraseName(StrEnum):
    """Everything the gateway may have to say in its own words."""

    FILLER = "filler"
    STILL_THERE = "still_there"
    GOODBYE_SILENCE = "goodbye_silence"
    GOODBYE = "goodbye"
    FAILURE = "failure"
    FAILURE_AT_START = "failure_at_start"
    FAILURE_FINAL = "failure_final"
    AGENT_UNAVAILABLE = "agent_unavailable"
    GIVE_UP = "give_up"
    NOT_IN_SERVICE = "not_in_service"
    BUSY = "busy"
    FORWARD_CONNECTING = "forward_connecting"
    FORWARD_BUSY = "forward_busy"
    FORWARD_NO_ANSWER = "forward_no_answer"
    FORWARD_FAILED = "forward_failed"
    FORWARD_REFUSED = "forward_refused"
    FORWARD_EXPLAIN = "forward_explain"
    CONFIRM_ANNOUNCE = "confirm_announce"
    CONFIRM_PRESS = "confirm_press"
    CONFIRM_DECLINED = "confirm_declined"
    REALTIME_UNAVAILABLE = "realtime_unavailable"
    MAX_DURATION = "max_duration"
    RECOVERING = "recovering"
    APPLICATION_ERROR = "application_error"
    PRESS_FOR = "press_for"
    CONSENT = "consent"


def phrase(
    name: PhraseName,
    /,
    language: str,
    overrides: Mapping[str, str | Sequence[str]] = _NOTHING,
    variant: int = 0,
    **fields: str,
) -> str:
    """The text to say for `name` in `language`, a tag such as "de-DE"; any that is not shipped gets English.

    `overrides` has the operator's own texts by phrase name; an empty one counts as not set. `variant` counts
    up and goes round. A field that is not given is left out, never read aloud as a brace.
    """
    texts = _texts(overrides.get(name, ())) or variants(name, language)
    text = _FIELD.sub(lambda field: fields.get(field[1], ""), texts[variant % len(texts)])
    return " ".join(text.split())


def variants(name: PhraseName, language: str) -> tuple[str, ...]:
    """The shipped texts of a phrase, fields unfilled; at least one."""
    return _catalog(_base_language(language))[name]


def fields_of(name: PhraseName) -> frozenset[str]:
    """The fields that a text for `name` may use, to check an operator's own."""
    return frozenset(_FIELD.findall(" ".join(variants(name, LANGUAGES[0]))))


def read_digits(number: str) -> str:
    """A telephone number as it is read out, digit by digit in groups: "+15005550006" → "1 5 0, 0 5 5, …"."""
    digits = [character for character in number if character.isdecimal()]
    groups = [digits[at : at + _DIGITS_IN_A_GROUP] for at in range(0, len(digits), _DIGITS_IN_A_GROUP)]
    return ", ".join(" ".join(group) for group in groups)


def _base_language(language: str) -> str:
    base = re.split(r"[-_]", language.strip().lower(), maxsplit=1)[0]
    return base if base in LANGUAGES else LANGUAGES[0]


@cache
def _catalog(language: str) -> Mapping[PhraseName, tuple[str, ...]]:
    data = loads(files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: _texts(data[name]) for name in PhraseName})


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    return tuple(text for text in texts if text.strip())
