"""How a server says whether audio has changed and how long it may be kept (RFC 9110, RFC 9111). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DEFAULT_FRESH_SECONDS: Final = 300.0
MAX_FRESH_SECONDS: Final = 86_400.0

_MAX_VALUE_CHARS: Final = 256
_MAX_AGE: Final = re.compile(r"max-age=\"?(\d{1,9})\"?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Validators:
    """By what a server recognises the version that we have; empty where it gave none."""

    etag: str = ""
    last_modified: str = ""

    def as_request_headers(self) -> dict[str, str]:
        """The headers that ask for the audio only if it has changed; none where there is nothing to go by."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


def read_validators(headers: Mapping[str, str]) -> Validators:
    """The validators in an answer's headers; one that is too long or holds odd characters counts as none."""
    return Validators(_plain(headers.get("ETag", "")), _plain(headers.get("Last-Modified", "")))


def read_fresh_seconds(headers: Mapping[str, str]) -> float:
    """For how long no one need ask again: `max-age` up to a day, 0 if it may not be kept unasked, else 5 min."""
    directives = [part.strip() for part in headers.get("Cache-Control", "").lower().split(",")]
    if any(directive.partition("=")[0] in {"no-store", "no-cache"} for directive in directives):
        return 0.0
    ages = [float(found[1]) for directive in directives if (found := _MAX_AGE.fullmatch(directive))]
    return min([*ages, MAX_FRESH_SECONDS]) if ages else DEFAULT_FRESH_SECONDS


def _plain(value: str) -> str:
    return value if len(value) <= _MAX_VALUE_CHARS and re.fullmatch(r"[ -~]*", value) else ""
