"""What the API answers, as models: the shapes of `/api/openapi.json`. Instants are ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

SID = "CA0123456789abcdef0123456789abcdef"
_CALL: dict[str, JsonValue] = {
    "sid": SID,
    "started_at": "2026-11-23T08:00:00Z",
    "ended_at": "2026-11-23T08:01:07Z",
    "seconds": 67.0,
    "caller": "+14155550123",
    "called": "+15005550006",
    "caller_name": "",
    "mode": "gather",
    "outcome": "completed",
    "ended_reason": "hangup",
    "turns": 4,
    "failures": 0,
    "last_failure": "",
    "forwards": 0,
}


class Call(BaseModel):
    """A call as lists show it. `outcome` is `live`, `completed`, `forwarded`, `failed`,
    `lost` (nobody told us of its end) or `refused` (never taken)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALL]})

    sid: str
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    caller: str = Field(description="Empty where the caller withheld it.")
    called: str
    caller_name: str
    mode: str
    outcome: str
    ended_reason: str
    turns: int
    failures: int
    last_failure: str
    forwards: int


class Calls(BaseModel):
    """A page of calls, newest first; `next` as `cursor` asks for the page after it, null: this is the last one."""

    calls: list[Call]
    next: str | None


class Part(BaseModel):
    """A part of a wait, such as `agent: to first byte`."""

    name: str
    milliseconds: int


class Turn(BaseModel):
    """One turn of the agent: what it answered (the kind of input), how long the caller waited, and for what."""

    turn: int
    heard: str
    total_milliseconds: int | None
    waterfall: list[Part]
    failure: str


class Finding(BaseModel):
    """Something that went wrong, in words, with what to do about it."""

    code: str
    sentence: str
    advice: str
    serious: bool
    turn: int
    times: int


class Entry(BaseModel):
    """A thing that happened: `offset_seconds` after the call began, in turn `turn` (0: before the first). What else
    `record` has depends on its `kind`; kinds and fields may be added."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "at": "2026-11-23T08:00:12Z",
                    "offset_seconds": 12.1,
                    "turn": 2,
                    "record": {"kind": "caller-spoke", "text": "the front desk, please", "confidence": 0.93},
                }
            ]
        }
    )

    at: datetime | None
    offset_seconds: float
    turn: int
    record: dict[str, Any]


class CallDetail(BaseModel):
    """One call with everything that is kept of it."""

    call: Call
    verdict: str = Field(description="In one sentence: what went wrong most, or that nothing did.")
    findings: list[Finding]
    transcript: str
    turns: list[Turn]
    recordings: list[str] = Field(description="The files of what was said and heard, one for each stream recorded.")
    records: list[Entry]


class Records(BaseModel):
    """All that happened on one call, in order."""

    records: list[Entry]


class Spread(BaseModel):
    """`count` waits: half of them no longer than p50, 95 of 100 no longer than p95."""

    count: int
    p50_milliseconds: int
    p95_milliseconds: int


class DayOfWaits(BaseModel):
    """How long callers of one number waited on one day (UTC)."""

    called: str
    day: str
    total: Spread | None
    parts: dict[str, Spread]


class Waits(BaseModel):
    """By day and number."""

    waits: list[DayOfWaits]


class OrderTaken(BaseModel):
    """The order is kept and will be carried out: at once (`nothing`: the carrier was told to come for it), when the
    agent's `turn` is over, or at the call's next `webhook`; `reason` says why the carrier was not told."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sid": SID, "order": "event", "waits_for": "nothing", "reason": ""}]}
    )

    sid: str
    order: Literal["event", "hang-up", "forward"]
    waits_for: Literal["nothing", "turn", "webhook"]
    reason: str


def instant(at: float | None) -> datetime | None:
    """Epoch seconds as an instant; None for what is none."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None
