"""How long callers waited, by number and day: the median and the 95th percentile of each part of the wait.

Nearest rank: the p95 of 200 waits is the 190th of them in order. The database brings together what belongs together, in
one pass over its turns; its window functions would take ten times as long to rank it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voicegw.call import waterfall
from voicegw.calllog.results import DayOfWaits, Spread
from voicegw.calllog.schema import turns

_TOTAL = "total"
# As `waterfall.parts`: from the last moment that is known before.
_SINCE_SENT = func.coalesce(turns.c.sent_ms, 0)
_SINCE_BYTE = func.coalesce(turns.c.first_byte_ms, _SINCE_SENT)
_MEASURES: dict[str, ColumnElement[int | None]] = {
    _TOTAL: turns.c.total_ms,
    waterfall.CARRIER_END_OF_SPEECH: case((turns.c.sounded_ms.is_(None), -turns.c.stopped_ms)),
    waterfall.GATEWAY_END_OF_SPEECH: case((turns.c.sounded_ms.is_not(None), -turns.c.stopped_ms)),
    waterfall.GATEWAY: turns.c.sent_ms,
    waterfall.AGENT_FIRST_BYTE: turns.c.first_byte_ms - _SINCE_SENT,
    waterfall.AGENT_FIRST_SENTENCE: turns.c.first_sentence_ms - _SINCE_BYTE,
    waterfall.AGENT_WITHOUT_WORDS: case((turns.c.first_sentence_ms.is_(None), turns.c.answered_ms - _SINCE_BYTE)),
    waterfall.GATEWAY_ANSWER: turns.c.answered_ms - turns.c.first_sentence_ms,
    waterfall.CARRIER_TO_THE_EAR: turns.c.sounded_ms - turns.c.answered_ms,
}


async def read_waits(
    connection: AsyncConnection, called_number: str | None, first_day: str | None, last_day: str | None
) -> tuple[DayOfWaits, ...]:
    """The waits of each number on each day of the span (both ends included), by day and then number."""
    found = []
    async with connection.stream(_all_waits(called_number, first_day, last_day)) as rows:
        async for day, number, *written in rows:
            spreads = await asyncio.to_thread(_spreads, dict(zip(_MEASURES, written, strict=True)))
            found.append(DayOfWaits(called_number=number, day=day, total=spreads.pop(_TOTAL, None), parts=spreads))
    return tuple(sorted(found, key=lambda waits: (waits.day, waits.called_number)))


def _all_waits(called_number: str | None, first_day: str | None, last_day: str | None) -> Select[Any]:
    """A row for each number and day with turns: of each measure all milliseconds that are known, as `12,7,…`."""
    group = (turns.c.day, turns.c.called_number)  # as they stand in the index
    measures = (func.aggregate_strings(cast(measure, String), ",") for measure in _MEASURES.values())
    statement = select(*group, *measures).group_by(*group)
    if called_number is not None:
        statement = statement.where(turns.c.called_number == called_number)
    if first_day is not None:
        statement = statement.where(turns.c.day >= first_day)
    if last_day is not None:
        statement = statement.where(turns.c.day <= last_day)
    return statement


def _spreads(written: Mapping[str, str | None]) -> dict[str, Spread]:
    """Of each measure that is known of any turn. A busy number's day is milliseconds of work."""
    return {name: _spread(sorted(map(int, waits.split(",")))) for name, waits in written.items() if waits}


def _spread(waits: list[int]) -> Spread:
    count = len(waits)
    return Spread(count=count, p50_ms=waits[(count + 1) // 2 - 1], p95_ms=waits[(95 * count + 99) // 100 - 1])
