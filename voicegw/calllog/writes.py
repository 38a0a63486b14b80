"""What the writer puts into the database and reads back: its statements, and the rows that one call brings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from voicegw.call.entries import RECORD_SCHEMA, Entry, dump_entries, load_entries
from voicegw.call.records import Noted
from voicegw.calllog.schema import calls, records, turns
from voicegw.calllog.summaries import LIVE, CallSummary, Row


@dataclass(frozen=True, slots=True)
class CallRows:
    """What one call brings to one write. `ended`: the row has the transcript, and says more than any live one."""

    call_sid: str
    records: Row
    call: Row | None
    ended: bool
    turns: Sequence[Row]
    count: int


def rows_of(summary: CallSummary, entries: Sequence[Entry]) -> CallRows:
    """The rows that these entries of a call make, which `summary` has taken in."""
    document = _dump(entries)
    turn_rows = summary.take_turn_rows()
    changed, ended = summary.changed, summary.ended
    return CallRows(
        call_sid=summary.call_sid,
        records={
            "call_sid": summary.call_sid,
            "schema": RECORD_SCHEMA,
            "count": len(entries),
            "entries": document,
        },
        call=summary.take_call_row() if changed or ended else None,
        ended=ended,
        turns=turn_rows,
        count=len(entries),
    )


async def write_rows(connection: AsyncConnection, rows: Sequence[CallRows]) -> None:
    """Add the records, and bring the calls' and turns' rows up to date."""
    await connection.execute(insert(records), [row.records for row in rows])
    live = [row.call for row in rows if row.call and not row.ended]
    ended = [row.call for row in rows if row.call and row.ended]
    finished = [turn for row in rows for turn in row.turns]
    for name, found in (("live", live), ("ended", ended), ("turns", finished)):
        if found:
            await connection.execute(_UPSERTS[connection.dialect.name][name], found)


async def were_written(connection: AsyncConnection, rows: Sequence[CallRows]) -> bool:
    """Did an earlier try write these, though it looked as if it had failed? All of them are, or none."""
    first = rows[0].records
    found = select(records.c.id).where(records.c.call_sid == first["call_sid"], records.c.entries == first["entries"])
    return await connection.scalar(found.limit(1)) is not None


async def count_records(connection: AsyncConnection, call_sids: Iterable[str]) -> dict[str, int]:
    """How many entries the log has of each of these calls, if any."""
    statement = (
        select(records.c.call_sid, func.sum(records.c.count))
        .where(records.c.call_sid.in_(list(call_sids)))
        .group_by(records.c.call_sid)
    )
    return {call_sid: int(count) for call_sid, count in await connection.execute(statement)}


async def read_summary(connection: AsyncConnection, call_sid: str) -> CallSummary:
    """The call as its records tell it: one without any entries where there are none."""
    summary = CallSummary(call_sid)
    statement = select(records.c.entries).where(records.c.call_sid == call_sid).order_by(records.c.id)
    for document in await connection.scalars(statement):
        for entry in load_entries(document):
            summary.add(entry)
    return summary


def _dump(entries: Sequence[Entry]) -> str:
    """The entries as a JSON array. One that is no JSON (half a surrogate pair in an agent's text) is told as such."""
    try:
        return dump_entries(list(entries)).decode()
    except ValueError:
        return dump_entries([_dumpable(entry) for entry in entries]).decode()


def _dumpable(entry: Entry) -> Entry:
    try:
        dump_entries([entry])
    except ValueError:
        return replace(entry, record=Noted(about="unwritable-record", fields={"kind": entry.record.kind}))
    return entry


def _upsert(dialect: str, table: Table, key: Sequence[str], names: Iterable[str], where: Any = None) -> Any:
    """Insert rows of these columns; of a row whose `key` is there already, set them, if `where` holds for it."""
    insert_into: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert_into(table)
    changed = {name: statement.excluded[name] for name in names if name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=changed, where=where)


_ALL_OF_A_CALL = [column.name for column in calls.c if column.name != "id"]
_ALL_OF_A_TURN = [column.name for column in turns.c if column.name != "id"]
_UPSERTS = {
    dialect: {
        # Another process may have seen the end of this call already.
        "live": _upsert(
            dialect,
            calls,
            ["call_sid"],
            [name for name in _ALL_OF_A_CALL if name != "transcript"],
            calls.c.outcome == LIVE,
        ),
        "ended": _upsert(dialect, calls, ["call_sid"], _ALL_OF_A_CALL),
        "turns": _upsert(dialect, turns, ["call_sid", "turn"], _ALL_OF_A_TURN),
    }
    for dialect in ("sqlite", "postgresql")
}
