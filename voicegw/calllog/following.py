"""`CallFollower`: what is written to the call log from now on, by whichever process, in the order in which it came."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry, load_entries
from voicegw.calllog.database import reading
from voicegw.calllog.pages import storable
from voicegw.calllog.schema import calls, records

# Of several processes that write to one PostgreSQL, one may commit a lower id after another's higher one.
_LATE_ROWS = 200
_MOST_ROWS = 500


class CallFollower:
    """Follows the log; `called_number` keeps to the calls of one number. Holds no transaction between two looks."""

    def __init__(self, engine: AsyncEngine, called_number: str | None = None) -> None:
        self._engine = engine
        self._called_number = None if called_number is None else storable(called_number)
        self._highest: int | None = None
        self._seen: set[int] = set()

    async def news(self) -> tuple[Entry, ...]:
        """What has been written since the last look; the first one finds nothing. Raises `CallLogError`."""
        async with reading(self._engine) as connection:
            if self._highest is None:
                highest = (await connection.execute(select(func.max(records.c.id)))).scalar()
                self._highest = highest or 0
                before = select(records.c.id).where(records.c.id > self._highest - _LATE_ROWS)
                self._seen.update((await connection.execute(before)).scalars())
                return ()
            fresh = select(records.c.id, records.c.entries).where(records.c.id > self._highest - _LATE_ROWS)
            if self._called_number is not None:
                ours = select(calls.c.call_sid).where(calls.c.called_number == self._called_number)
                fresh = fresh.where(records.c.call_sid.in_(ours))
            newest_first = fresh.order_by(records.c.id.desc()).limit(_MOST_ROWS)
            rows = [row for row in await connection.execute(newest_first) if row.id not in self._seen]
        for row in rows:
            self._seen.add(row.id)
            self._highest = max(self._highest, row.id)
        self._seen = {row_id for row_id in self._seen if row_id > self._highest - _LATE_ROWS}
        return tuple(entry for row in reversed(rows) for entry in _entries(row.entries))


def _entries(document: str) -> list[Entry]:
    try:
        return load_entries(document)
    except ValueError:  # whoever shows the whole call says so
        return []
