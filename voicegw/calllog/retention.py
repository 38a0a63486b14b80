"""Calls are kept for so many days, and then no trace of them is left in the call log."""

from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.removal import BATCH, PAUSE_SECONDS, remove_calls, scrub
from voicegw.calllog.results import Removed
from voicegw.calllog.schema import calls

_DAY_SECONDS = 86_400


async def delete_old_calls(
    engine: AsyncEngine,
    retention_days: float,
    now: float,
    *,
    batch: int = BATCH,
    pause_seconds: float = PAUSE_SECONDS,
) -> Removed:
    """Delete what began more than `retention_days` before `now` (epoch seconds), and wipe where it stood.

    A call that is written to afterwards (it has been going on for days) comes back with what is new. Safe to cancel
    and to do again. Raises `CallLogError`.
    """
    old = calls.c.started_at < now - retention_days * _DAY_SECONDS
    removed = await remove_calls(engine, old, batch=batch, pause_seconds=pause_seconds)
    if removed.calls:
        await scrub(engine, pause_seconds=pause_seconds)
    return removed
