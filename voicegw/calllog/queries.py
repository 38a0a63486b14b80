"""`CallLogReader`: lists of calls, one call, what was said, how long callers waited; read from the call log.

One code for both databases. Lists are in the order of `calls.id`, newest first, and paged by it: a page costs the same
however far back it is.
"""

import asyncio
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry, load_entries
from voicegw.call.records import Noted
from voicegw.calllog.database import reading
from voicegw.calllog.pages import page_of, rows_for, select_summaries, storable, summary_of
from voicegw.calllog.results import CallDetail, CallFilter, CallPage, DayOfWaits, LoggedTurn
from voicegw.calllog.schema import calls, records, turns
from voicegw.calllog.search import search_calls
from voicegw.calllog.waits import read_waits

ANY_CALL = CallFilter()
PAGE = 50

_TURN = tuple(turns.c[name] for name in LoggedTurn.__dataclass_fields__)


class CallLogReader:
    """Answers questions about calls. Every method raises `CallLogError` where the database cannot be used."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_calls(
        self, wanted: CallFilter = ANY_CALL, *, after: int | None = None, limit: int = PAGE
    ) -> CallPage:
        """A page of the calls that `wanted` means, newest first. `after`: a page's `next_after`; `limit` up to 500."""
        async with reading(self._engine) as connection:
            found = await connection.execute(select_summaries(wanted, after).limit(rows_for(limit)))
            return page_of(found.all(), limit)

    async def search(
        self, words: str, wanted: CallFilter = ANY_CALL, *, after: int | None = None, limit: int = PAGE
    ) -> CallPage:
        """As `list_calls`, of the calls in whose transcript every one of `words` stands (whole words, in any order).

        Nothing in `words` is an operator. Where no word is left (only punctuation), no call is found.
        """
        async with reading(self._engine) as connection:
            return page_of(await search_calls(connection, words, wanted, after, rows_for(limit)), limit)

    async def get_call(self, call_sid: str) -> CallDetail | None:
        """One call with its transcript and turns; None where the log does not have it."""
        sid = storable(call_sid)
        async with reading(self._engine) as connection:
            one = select_summaries(ANY_CALL, None).add_columns(calls.c.transcript).where(calls.c.call_sid == sid)
            row = (await connection.execute(one)).one_or_none()
            if row is None:
                return None
            its_turns = await connection.execute(select(*_TURN).where(turns.c.call_sid == sid).order_by(turns.c.turn))
            return CallDetail(
                summary=summary_of(row),
                transcript=row.transcript,
                turns=tuple(LoggedTurn(**turn._mapping) for turn in its_turns),
            )

    async def get_entries(self, call_sid: str) -> tuple[Entry, ...]:
        """All that is kept of a call, in the order in which it was written; nothing where the log does not have it."""
        sid = storable(call_sid)
        async with reading(self._engine) as connection:
            batches = select(records.c.entries).where(records.c.call_sid == sid).order_by(records.c.id)
            documents = (await connection.execute(batches)).scalars().all()
        # Those of a call of an hour take a while, in which other calls want their answers.
        return await asyncio.to_thread(_all_entries, sid, documents)

    async def waits(
        self, *, called_number: str | None = None, first_day: str | None = None, last_day: str | None = None
    ) -> tuple[DayOfWaits, ...]:
        """How long callers waited: each number on each day (UTC, as `2026-11-23`) of a span with both its ends."""
        number = None if called_number is None else storable(called_number)
        days = (None if day is None else storable(day) for day in (first_day, last_day))
        async with reading(self._engine) as connection:
            return await read_waits(connection, number, *days)


def _all_entries(call_sid: str, documents: Sequence[str]) -> tuple[Entry, ...]:
    return tuple(entry for document in documents for entry in _entries(call_sid, document))


def _entries(call_sid: str, document: str) -> list[Entry]:
    try:
        return load_entries(document)
    except ValueError:
        unreadable = Noted(about="unreadable-records", fields={"characters": len(document)})
        return [Entry(call_sid=call_sid, at=0.0, offset=0.0, turn=0, record=unreadable)]
