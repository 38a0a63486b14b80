"""Puts calls into a call log, as tests need them: rows with what matters said and the rest made up."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import RECORD_SCHEMA, Entry, dump_entries
from voicegw.call.records import Record
from voicegw.calllog.database import writing
from voicegw.calllog.schema import calls, outbox, records, turns

DAY = 86_400.0
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
CALLER = "+12125550123"
CALLED = "+15005550006"


async def log_call(engine: AsyncEngine, call_sid: str, **told: Any) -> None:
    """One row of `calls`; what is not told is a call of a minute that went well."""
    started_at = told.get("started_at", NOON)
    row = {
        "call_sid": call_sid,
        "started_at": started_at,
        "day": datetime.fromtimestamp(started_at, UTC).date().isoformat(),
        "caller_number": CALLER,
        "called_number": CALLED,
        "mode": "gather",
        "outcome": "completed",
        "ended_reason": "hangup",
        "ended_at": started_at + 60,
        "seconds": 60.0,
    }
    async with writing(engine) as connection:
        await connection.execute(insert(calls).values(row | told))


async def log_turn(engine: AsyncEngine, call_sid: str, turn: int = 1, **told: Any) -> None:
    """One row of `turns`."""
    row = {"call_sid": call_sid, "turn": turn, "called_number": CALLED, "day": "2026-11-23", "heard": "said"}
    async with writing(engine) as connection:
        await connection.execute(insert(turns).values(row | told))


async def log_records(engine: AsyncEngine, call_sid: str, *happened: Record) -> None:
    """One row of `records`."""
    entries = [Entry(call_sid=call_sid, at=NOON, offset=0.0, turn=1, record=record) for record in happened]
    await log_document(engine, call_sid, dump_entries(entries).decode())


async def log_document(engine: AsyncEngine, call_sid: str, document: str) -> None:
    """One row of `records` with any text in place of entries."""
    row = {"call_sid": call_sid, "schema": RECORD_SCHEMA, "count": 1, "entries": document}
    async with writing(engine) as connection:
        await connection.execute(insert(records).values(row))


async def log_event(engine: AsyncEngine, call_sid: str, body: str) -> None:
    """One row of `outbox`."""
    row = {"message_id": f"msg-{call_sid}", "call_sid": call_sid, "endpoint": "crm", "type": "call.end", "body": body}
    async with writing(engine) as connection:
        await connection.execute(insert(outbox).values(row | {"created_at": NOON, "due_at": NOON}))
