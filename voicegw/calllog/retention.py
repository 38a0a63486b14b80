"""Calls are kept for so many days, and then no trace of them is left in the call log."""

from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.recordings import Recordings
from voicegw.calllog.removal import BATCH, PAUSE_SECONDS, remove_calls, scrub
from voicegw.calllog.results import Removed
from voicegw.calllog.schema import calls

_DAY_SECONDS = 86_400


async def delete_old_calls(
    engine: AsyncEngine,
    retention_days: float,
    now: float,
    *,
    recordings: Recordings | None = None,
    batch: int = BATCH,
    pause_seconds: float = PAUSE_SECONDS,
) -> Removed:
    """Delete what began more than `retention_days` before `now` (epoch seconds), and wipe where it stood; also
    recordings as old that belong to no call of the log.

    A call that is written to afterwards (it has been going on for days) comes back with what is new. Safe to cancel
    and to do again. Raises `CallLogError`.
    """
    before = now - retention_days * _DAY_SECONDS
    old = calls.c.started_at < before
    removed = await remove_calls(engine, old, recordings=recordings, batch=batch, pause_seconds=pause_seconds)
    if removed.calls:
        await scrub(engine, pause_seconds=pause_seconds)
    if recordings is not None:
        removed += Removed(recordings=await recordings.remove_older(before))
    return removed
