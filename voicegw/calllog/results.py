"""What is asked of the call log and what it answers, as plain values. Knows no database."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls are meant; what is left out does not matter. Instants are epoch seconds, the end is not included.

    Numbers and the outcome are compared as they are stored.
    """

    caller_number: str | None = None
    called_number: str | None = None
    outcome: str | None = None
    started_from: float | None = None
    started_before: float | None = None
    has_failure: bool | None = None
    live: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """One call as lists show it. `id` is its place in the log; instants are epoch seconds, `seconds` its length."""

    id: int
    call_sid: str
    started_at: float
    caller_number: str
    called_number: str
    caller_name: str
    mode: str
    outcome: str
    ended_reason: str
    ended_at: float | None
    seconds: float | None
    turns: int
    failures: int
    last_failure: str
    forwards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """Calls, newest first. `next_after` asks for the page after this one; None: there is none."""

    calls: tuple[CallSummary, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTurn:
    """One turn's moments, in milliseconds from when its input reached us (`call.waterfall` makes parts of them)."""

    turn: int
    heard: str
    stopped_ms: int | None
    sent_ms: int | None
    first_byte_ms: int | None
    first_sentence_ms: int | None
    answered_ms: int | None
    sounded_ms: int | None
    total_ms: int | None
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetail:
    """One call: its summary, who said what (a line each), and its turns in order."""

    summary: CallSummary
    transcript: str
    turns: tuple[LoggedTurn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """`count` waits: half of them were no longer than `p50_ms`, 95 of 100 no longer than `p95_ms`."""

    count: int
    p50_ms: int
    p95_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfWaits:
    """How long callers of one number waited on one day (UTC, `2026-11-23`): in all, and in each part that was known.

    The parts have the names of `call.waterfall.parts`. `total` is None where no turn was answered.
    """

    called_number: str
    day: str
    total: Spread | None
    parts: Mapping[str, Spread]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many rows went, of each table; `mentions`: rows of other calls in which the number was blotted out;
    `recordings`: files."""

    calls: int = 0
    turns: int = 0
    records: int = 0
    events: int = 0
    mentions: int = 0
    recordings: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            calls=self.calls + other.calls,
            turns=self.turns + other.turns,
            records=self.records + other.records,
            events=self.events + other.events,
            mentions=self.mentions + other.mentions,
            recordings=self.recordings + other.recordings,
        )
