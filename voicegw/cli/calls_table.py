"""Lists of calls and of waits as tables and as JSON. Pure: values in, rich renderables out."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from voicegw.call.entries import Entry
from voicegw.calllog.results import CallSummary, DayOfWaits, Spread
from voicegw.cli.showing import printable

SHORT_SID_CHARS = 12
_USUAL_ENDS = frozenset({"", "hangup", "agent-ended", "forward-completed"})
_OUTCOMES = {"live": "bold green", "completed": "green", "forwarded": "magenta", "failed": "bold red", "lost": "red"}


def calls_table(calls: Iterable[CallSummary], now: float) -> Table:
    """The calls, one a row; `now` (epoch seconds) says how long live ones have been going on.

    In 80 columns only the last one has to break.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    for heading in ("began (UTC)", "call", "from", "to"):
        table.add_column(heading, no_wrap=True)
    for heading in ("lasted", "turns"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("outcome", overflow="fold")
    for call in calls:
        seconds = now - call.started_at if call.seconds is None else call.seconds
        table.add_row(
            moment_this_year(call.started_at),
            Text(printable(call.call_sid)[:SHORT_SID_CHARS], "bold"),
            Text(printable(call.caller_number) or "withheld"),
            Text(printable(call.called_number)),
            minutes(seconds) if call.outcome != "lost" else "?",
            str(call.turns),
            Text(printable(call.outcome), _OUTCOMES.get(call.outcome, "")) + _why(call),
        )
    return table


def waits_table(days: Iterable[DayOfWaits]) -> Table:
    """How long callers waited: half of them no longer than p50, 95 of 100 no longer than p95."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for heading in ("day (UTC)", "number", "what"):
        table.add_column(heading, no_wrap=True)
    for heading in ("turns", "p50", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    for day in days:
        whose = (Text(printable(day.day)), Text(printable(day.called_number)))
        table.add_row(*whose, Text("in all", "bold"), *_spread(day.total, "bold"))
        for name, spread in day.parts.items():
            table.add_row("", "", Text(name, "dim"), *_spread(spread, "dim"))
    return table


def call_json(call: CallSummary) -> str:
    """One call as a line of JSON."""
    return _json(asdict(call))


def waits_json(day: DayOfWaits) -> str:
    """One number's day as a line of JSON."""
    return _json({**asdict(day), "parts": {name: asdict(spread) for name, spread in day.parts.items()}})


def entry_dict(entry: Entry) -> object:
    """One entry as JSON values."""
    return json.loads(json.dumps(asdict(entry), default=str))


def moment(at: float) -> str:
    """An instant (epoch seconds) for people, in UTC."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "?"


def moment_this_year(at: float) -> str:
    """An instant (epoch seconds) for lists of what is hours or weeks old, in UTC: as `moment`, without the year."""
    return moment(at).partition("-")[2] or "?"


def minutes(seconds: float) -> str:
    """A duration as in 1:07."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02}"


def _why(call: CallSummary) -> Text:
    """What failed on the call; of a good one how it ended, unless it is as usual."""
    if call.failures:
        more = f" ×{call.failures}" if call.failures > 1 else ""
        return Text(f" {printable(call.last_failure)}{more}", "red")
    return Text("" if call.ended_reason in _USUAL_ENDS else f" {printable(call.ended_reason)}", "dim")


def _spread(spread: Spread | None, style: str) -> tuple[Text, ...]:
    if spread is None:
        return Text("0", style), Text("–", style), Text("–", style)
    waits = (f"{milliseconds / 1000:.2f} s" for milliseconds in (spread.p50_ms, spread.p95_ms))
    return Text(str(spread.count), style), *(Text(wait, style) for wait in waits)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
