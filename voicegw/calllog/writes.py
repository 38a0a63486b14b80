"""What the writer puts into the database and reads back: its statements, and the rows that one call brings."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect, Insert, Table, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
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
    statements = _STATEMENTS[connection.dialect.name]
    await statements.records.run(connection, [row.records for row in rows])
    await statements.live_calls.run(connection, [row.call for row in rows if row.call and not row.ended])
    await statements.ended_calls.run(connection, [row.call for row in rows if row.call and row.ended])
    await statements.turns.run(connection, [turn for row in rows for turn in row.turns])


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
        await asyncio.sleep(0)  # a call of an hour has thousands of documents, and others are on the event loop
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


class _Prepared:
    """A statement as text for the driver, for many rows at once: building it anew for each batch would cost more than
    the driver's own work."""

    def __init__(self, statement: Insert, names: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.inline().compile(dialect=dialect, column_keys=list(names))
        self._text = str(compiled)
        self._values_of = itemgetter(*(compiled.positiontup or ()))

    async def run(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        if rows:
            await connection.exec_driver_sql(self._text, [self._values_of(row) for row in rows])


class _Statements:
    """What is written again and again, for one kind of database."""

    def __init__(self, dialect: Dialect, insert: Callable[[Table], Any]) -> None:
        def upsert(table: Table, key: Sequence[str], *, but: str = "", where: Any = None) -> _Prepared:
            """Insert rows; of one whose `key` is there already set all columns but one, if `where` holds for it."""
            statement = insert(table)
            changed = {name: statement.excluded[name] for name in _names(table) if name not in {*key, but}}
            statement = statement.on_conflict_do_update(index_elements=key, set_=changed, where=where)
            return _Prepared(statement, _names(table), dialect)

        self.records = _Prepared(insert(records), _names(records), dialect)
        # Another process may have seen the end of this call already.
        still_live = calls.c.outcome == literal_column(f"'{LIVE}'")
        self.live_calls = upsert(calls, ["call_sid"], but="transcript", where=still_live)
        self.ended_calls = upsert(calls, ["call_sid"])
        self.turns = upsert(turns, ["call_sid", "turn"])


def _names(table: Table) -> list[str]:
    return [column.name for column in table.c if column.name != "id"]


_STATEMENTS = {
    "sqlite": _Statements(sqlite.dialect(), sqlite.insert),
    "postgresql": _Statements(asyncpg.dialect(), postgresql.insert),  # type: ignore[no-untyped-call]
}
