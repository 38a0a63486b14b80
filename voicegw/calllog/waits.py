"""How long callers waited, by number and day: percentiles that the database takes, so that no row of a turn is loaded.

Nearest rank: the p95 of 200 waits is the 190th of them in order.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
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
    found: dict[tuple[str, str], dict[str, Spread]] = {}
    for name, measure in _MEASURES.items():
        for row in await connection.execute(_spreads(measure, called_number, first_day, last_day)):
            spread = Spread(count=row.waits, p50_ms=row.p50_ms, p95_ms=row.p95_ms)
            found.setdefault((row.day, row.called_number), {})[name] = spread
    return tuple(
        DayOfWaits(called_number=number, day=day, total=spreads.pop(_TOTAL, None), parts=spreads)
        for (day, number), spreads in sorted(found.items())
    )


def _spreads(
    measure: ColumnElement[int | None], called_number: str | None, first_day: str | None, last_day: str | None
) -> Select[Any]:
    group = (turns.c.day, turns.c.called_number)  # as they stand in the index
    ranked = select(
        *group,
        measure.label("ms"),
        func.cume_dist().over(partition_by=group, order_by=measure).label("share"),
    ).where(measure.is_not(None))
    if called_number is not None:
        ranked = ranked.where(turns.c.called_number == called_number)
    if first_day is not None:
        ranked = ranked.where(turns.c.day >= first_day)
    if last_day is not None:
        ranked = ranked.where(turns.c.day <= last_day)
    waits = ranked.subquery()
    return select(
        waits.c.day,
        waits.c.called_number,
        func.count().label("waits"),
        func.min(waits.c.ms).filter(waits.c.share >= 0.5).label("p50_ms"),
        func.min(waits.c.ms).filter(waits.c.share >= 0.95).label("p95_ms"),
    ).group_by(waits.c.day, waits.c.called_number)
