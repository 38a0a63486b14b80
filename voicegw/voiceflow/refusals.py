"""What an error status of the agent means, as an error of ours.

Pure. Nothing of the wire is documented but the numbers, so bodies are read for people only, and never trusted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from voicegw.call.hidden_values import HiddenValues
from voicegw.errors import AgentBusy, AgentError, AgentNotConfigured, AgentRefused, SessionExpired
from voicegw.voiceflow.wire_json import parse_json

MAX_RETRY_AFTER_SECONDS = 3600.0
_MAX_DETAIL_LENGTH = 200
_API_KEY = re.compile(r"VF\.[\w.\-]+")
_WORD = re.compile(r"\w+")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]+)?")


def refusal_of_session(status: int, headers: Mapping[str, str], detail: str, now: datetime) -> AgentError:
    """Translate an error status of a session's start. Starting again does no harm, so a 5xx may be retried."""
    match status:
        case 429:
            return _busy(headers, now)
        # 401: wrong key. 400 and 404: no such environment, or never published; 3xx: not the agent's address.
        case 400 | 401 | 402 | 403 | 404 | 405 | 410 | 422:
            return AgentNotConfigured(f"the agent does not take our key, project or environment{_said(status, detail)}")
        case _ if 300 <= status < 400:
            return AgentNotConfigured(f"the agent's address is another one{_said(status, detail)}")
        case _:
            return AgentRefused(
                f"the agent did not start a session{_said(status, detail)}", status=status, retryable=status >= 500
            )


def refusal_of_turn(status: int, headers: Mapping[str, str], detail: str, now: datetime) -> AgentError:
    """Translate an error status of a turn. Only a 429 says for sure that the turn did not run.

    The agent's own words are no part of the error's `brief`: they may be about what a caller said turns ago.
    """
    match status:
        case 401:
            words = "the agent no longer takes the session key"
            return SessionExpired(words + _said(status, detail), brief=words + _said(status, ""))
        case 429:
            return _busy(headers, now)
        case _:
            words = "the agent refused the turn"
            return AgentRefused(words + _said(status, detail), brief=words + _said(status, ""), status=status)


def read_detail(body: bytes, secrets: Collection[str], told: object = None) -> str:
    """Find what an error body says for people: one printable line, shortened, without `secrets`.

    Nor does it hold a word of what the agent was `told` (JSON): servers like to repeat what they cannot use, and what
    a caller says and keys in is for no log. Shapes seen: `{"data": …}`, `{"message": …}`, plain text, HTML.
    """
    text = body.decode("utf-8", "replace")
    try:
        parsed = parse_json(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        text = next((said for key in ("message", "data") if isinstance(said := parsed.get(key), str)), "")
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    text = _API_KEY.sub("VF.…", text)
    words = {word for value in _values(told) for word in _WORD.findall(value.casefold())}
    text = _WORD.sub(lambda word: "…" if word[0].casefold() in words else word[0], text)
    digits = HiddenValues()
    for value in _values(told):
        digits.remember_keys(value)
    text = digits.clean(text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_MAX_DETAIL_LENGTH]


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header as seconds from `now`, 0 to an hour; None if it is absent or garbage.

    RFC 9110 10.2.3: "either an HTTP date or a number of seconds".
    """
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
    else:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _values(told: object) -> Iterator[str]:
    match told:
        case Mapping():
            yield from _values(list(told.values()))
        case list() | tuple():
            for value in told:
                yield from _values(value)
        case None | bool():
            pass
        case _:
            yield str(told)


def _busy(headers: Mapping[str, str], now: datetime) -> AgentBusy:
    wait = parse_retry_after(headers.get("retry-after"), now)
    return AgentBusy("the agent's rate limit is reached (429)", retry_after_seconds=wait)


def _said(status: int, detail: str) -> str:
    return f" ({status}: {detail})" if detail else f" ({status})"
