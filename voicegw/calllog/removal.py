"""Takes calls out of the call log, with all that belongs to them, and leaves nothing of them where the file is free.

A caller waits for no lock of ours: rows go in small batches, each a transaction of its own, with pauses in between.
"""

import asyncio
from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voicegw.calllog.database import open_engine, outside_transaction, writing
from voicegw.calllog.full_text import WORDS_INDEX, WORDS_TABLE
from voicegw.calllog.recordings import Recordings
from voicegw.calllog.results import Removed
from voicegw.calllog.schema import calls, outbox, records, turns
from voicegw.errors import CallLogError

BATCH = 200
PAUSE_SECONDS = 0.05
_PAGES_A_MERGE = 500
BUSY_SECONDS = 5.0
_MAINTENANCE_SECONDS = 3600.0


async def remove_calls(
    engine: AsyncEngine,
    which: ColumnElement[bool],
    *,
    recordings: Recordings | None = None,
    batch: int = BATCH,
    pause_seconds: float = PAUSE_SECONDS,
) -> Removed:
    """Delete the calls for which `which` holds, oldest first, with turns, records, events, words and recordings.

    Safe to cancel and to do again: what is gone is gone whole. Raises `CallLogError`.
    """
    removed = Removed()
    while True:
        async with writing(engine) as connection:
            oldest = select(calls.c.call_sid).where(which).order_by(calls.c.id).limit(batch)
            sids = (await connection.execute(oldest)).scalars().all()
            if recordings is not None:  # before the rows: a recording without its call would be nobody's
                removed += Removed(recordings=await recordings.remove(sids))
            removed += await _remove(connection, sids)
        if len(sids) < batch:
            return removed
        await asyncio.sleep(pause_seconds)


async def scrub(engine: AsyncEngine, *, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Leave nothing of what was deleted in free pages, in the index of words, or in SQLite's write-ahead log.

    Takes minutes on a large log, and locks nobody out for long. PostgreSQL's own write-ahead log and backups are the
    server's affair. Raises `CallLogError`, also where somebody reads all the while; doing it again is safe.
    """
    patient = open_engine(
        engine.url.render_as_string(hide_password=False),
        busy_timeout_seconds=BUSY_SECONDS,
        command_timeout_seconds=_MAINTENANCE_SECONDS,
    )
    try:
        await (_scrub_sqlite(patient, pause_seconds) if engine.dialect.name == "sqlite" else _scrub_postgres(patient))
    finally:
        await patient.dispose()


async def _remove(connection: AsyncConnection, sids: Sequence[str]) -> Removed:
    counts = {}
    for table in (turns, records, outbox, calls):
        counts[table.name] = (await connection.execute(delete(table).where(table.c.call_sid.in_(sids)))).rowcount
    return Removed(calls=counts["calls"], turns=counts["turns"], records=counts["records"], events=counts["outbox"])


async def _scrub_sqlite(engine: AsyncEngine, pause_seconds: float) -> None:
    # FTS5 only marks words as deleted until its segments are merged; "a negative N" begins a merge of all of them,
    # a positive one goes on with it. No change but the command's own row: "there was nothing left to merge".
    pages = -_PAGES_A_MERGE
    while await _merge(engine, pages):
        pages = _PAGES_A_MERGE
        await asyncio.sleep(pause_seconds)
    # What was overwritten (`secure_delete`) stands in the log until that is emptied.
    async with outside_transaction(engine) as connection:
        busy = await connection.scalar(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    if busy:
        raise CallLogError("the call log is being read: its write-ahead log cannot be emptied now. Do it again later.")


async def _merge(engine: AsyncEngine, pages: int) -> bool:
    """Merge about that many pages of the index of words; False when there was nothing to do."""
    changes = text("SELECT total_changes()")
    async with writing(engine) as connection:
        before = (await connection.execute(changes)).scalar_one()
        merge = text(f"INSERT INTO {WORDS_TABLE} ({WORDS_TABLE}, rank) VALUES ('merge', :pages)")  # noqa: S608
        await connection.execute(merge, {"pages": pages})
        after = (await connection.execute(changes)).scalar_one()
    return bool(after - before >= 2)


async def _scrub_postgres(engine: AsyncEngine) -> None:
    async with outside_transaction(engine) as connection:
        # ANALYZE: what the planner remembers of the columns holds values of rows that are gone.
        await connection.execute(text("VACUUM (ANALYZE) calls, turns, records, outbox"))
        # A word stays in such an index even when no row has it any more.
        await connection.execute(text(f"REINDEX INDEX CONCURRENTLY {WORDS_INDEX}"))
