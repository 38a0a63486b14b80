"""What the call log tells, made into the API's answers. Pure."""

import json
from collections.abc import Sequence

from voicegw.api import answers
from voicegw.call.diagnosis import diagnose, verdict
from voicegw.call.entries import Entry, dump_entries
from voicegw.call.records import RecordingBegan, StepAnswered
from voicegw.call.waterfall import parts
from voicegw.calllog import results

_AT_ONCE = 100
CURSOR_PATTERN = "^[0-9a-f]{16}$"


def render_call(call: results.CallSummary) -> answers.Call:
    """A call as lists show it."""
    return answers.Call(
        sid=call.call_sid,
        started_at=answers.instant(call.started_at),
        ended_at=answers.instant(call.ended_at),
        seconds=call.seconds,
        caller=call.caller_number,
        called=call.called_number,
        caller_name=call.caller_name,
        mode=call.mode,
        outcome=call.outcome,
        ended_reason=call.ended_reason,
        turns=call.turns,
        failures=call.failures,
        last_failure=call.last_failure,
        forwards=call.forwards,
    )


def render_page(page: results.CallPage) -> answers.Calls:
    """A page of calls."""
    next_page = None if page.next_after is None else write_cursor(page.next_after)
    return answers.Calls(calls=[render_call(call) for call in page.calls], next=next_page)


def render_detail(detail: results.CallDetail, entries: Sequence[Entry], *, twiml: bool) -> answers.CallDetail:
    """One call, with what went wrong and where the seconds went; `twiml`: also what the carrier was told."""
    findings = diagnose(entries)
    return answers.CallDetail(
        call=render_call(detail.summary),
        verdict=verdict(entries, findings),
        findings=[
            answers.Finding(
                code=finding.code,
                sentence=finding.sentence,
                advice=finding.advice,
                serious=finding.serious,
                turn=finding.turn,
                times=finding.times,
            )
            for finding in findings
        ],
        transcript=detail.transcript,
        turns=[_turn(turn) for turn in detail.turns],
        recordings=[entry.record.file for entry in entries if isinstance(entry.record, RecordingBegan)],
        records=render_entries(entries, twiml=twiml),
    )


def render_entries(entries: Sequence[Entry], *, twiml: bool) -> list[answers.Entry]:
    """What happened, a thing each."""
    # A few at a time: while pydantic writes, no other thread runs.
    batches = (list(entries[start : start + _AT_ONCE]) for start in range(0, len(entries), _AT_ONCE))
    records = [found["record"] for batch in batches for found in json.loads(dump_entries(batch))]
    for entry, record in zip(entries, records, strict=True):
        if isinstance(entry.record, StepAnswered) and not twiml:
            del record["answer"]
    return [
        answers.Entry(at=answers.instant(entry.at), offset_seconds=entry.offset, turn=entry.turn, record=record)
        for entry, record in zip(entries, records, strict=True)
    ]


def render_waits(days: Sequence[results.DayOfWaits]) -> answers.Waits:
    """How long callers waited."""
    return answers.Waits(
        waits=[
            answers.DayOfWaits(
                called=day.called_number,
                day=day.day,
                total=_spread(day.total) if day.total else None,
                parts={name: _spread(spread) for name, spread in day.parts.items()},
            )
            for day in days
        ]
    )


def write_cursor(after: int) -> str:
    """A page's place in the list, as nobody should build it."""
    return f"{after:016x}"


def read_cursor(cursor: str) -> int:
    """The place in what `write_cursor` wrote; any other text of `CURSOR_PATTERN` is a place too, if of no use."""
    return int(cursor, 16)


def _turn(turn: results.LoggedTurn) -> answers.Turn:
    return answers.Turn(
        turn=turn.turn,
        heard=turn.heard,
        total_milliseconds=turn.total_ms,
        waterfall=[answers.Part(name=name, milliseconds=milliseconds) for name, milliseconds in parts(turn)],
        failure=turn.failure,
    )


def _spread(spread: results.Spread) -> answers.Spread:
    return answers.Spread(count=spread.count, p50_milliseconds=spread.p50_ms, p95_milliseconds=spread.p95_ms)
