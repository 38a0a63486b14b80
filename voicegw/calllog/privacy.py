"""What the call log has of one caller: all of it given out, or all of it gone.

Callers are known by their number, written in any way that the settings take (`call.addresses.line_of`).
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Column, RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voicegw.call.addresses import line_of
from voicegw.calllog.database import reading, writing
from voicegw.calllog.recordings import Recordings
from voicegw.calllog.removal import PAUSE_SECONDS, remove_calls, scrub
from voicegw.calllog.results import Removed
from voicegw.calllog.schema import calls, outbox, records, turns

BLOT = "forgotten"
"""What stands where a forgotten number was mentioned."""

_IDS_A_LOOK = 10_000
# Where a number may stand in what belongs to other calls: a human's line that was dialled, the answers and events
# that name it, words.
_MENTIONS: tuple[Column[str], ...] = (records.c.entries, outbox.c.body, calls.c.transcript)


async def export(engine: AsyncEngine, caller: str, recordings: Recordings | None = None) -> AsyncIterator[str]:
    """Every call of `caller`, oldest first, as JSON objects of one line each (without the newline).

    `{"call": …}` comes first, then its `{"turn": …}`, `{"entries": […]}` and `{"event": …}`, with the columns of the
    tables as fields, at last a `{"recording": …}` with the path of each file. Raises ValueError for
    what is no number, and `CallLogError`.
    """
    number = number_of(caller)
    last = 0
    while True:
        async with reading(engine) as connection:
            next_one = select(calls).where(calls.c.caller_number == number, calls.c.id > last).order_by(calls.c.id)
            call = (await connection.execute(next_one.limit(1))).mappings().one_or_none()
            lines = [] if call is None else await _lines_of(connection, call)
        if call is None:
            return
        for line in lines:
            yield line
        if recordings is not None:
            for file in recordings.files_of(call["call_sid"]):
                yield _line("recording", {"call_sid": call["call_sid"], "file": str(file)})
        last = call["id"]


async def forget(
    engine: AsyncEngine,
    caller: str,
    *,
    recordings: Recordings | None = None,
    pause_seconds: float = PAUSE_SECONDS,
) -> Removed:
    """Delete every call of `caller` with its recordings, blot the number out where other calls mention it, and wipe
    where it stood.

    A call that is live goes on and is written on: do it again when it is over. Raises ValueError for what is no
    number, and `CallLogError`; doing it again is safe.
    """
    number = number_of(caller)
    is_theirs = calls.c.caller_number == number
    removed = await remove_calls(engine, is_theirs, recordings=recordings, pause_seconds=pause_seconds)
    mentions = 0
    for column in _MENTIONS:
        mentions += await _blot_out(engine, column, number, pause_seconds)
    await scrub(engine, pause_seconds=pause_seconds)
    return removed + Removed(mentions=mentions)


def number_of(caller: str) -> str:
    """The number as the log has it. Raises ValueError for what is no number."""
    number = line_of(caller.strip())
    if not re.fullmatch(r"\+[0-9]{6,17}|sips?:[^\0]+", number):
        raise ValueError(f"{caller!r} is no number of a caller. Write it with its country code, such as +12125550123.")
    return number


async def _lines_of(connection: AsyncConnection, call: RowMapping) -> list[str]:
    lines = [_line("call", dict(call))]
    for name, table in (("turn", turns), ("entries", records), ("event", outbox)):
        rows = select(table).where(table.c.call_sid == call["call_sid"]).order_by(table.c.id)
        found = (await connection.execute(rows)).mappings()
        lines.extend(_line(name, _json_of(row["entries"]) if table is records else dict(row)) for row in found)
    return lines


def _line(name: str, content: object) -> str:
    return json.dumps({name: content}, ensure_ascii=False)


def _json_of(document: str) -> Any:
    try:
        return json.loads(document)
    except ValueError:
        return document


async def _blot_out(engine: AsyncEngine, column: Column[str], number: str, pause_seconds: float) -> int:
    """Replace the number in that column, a span of ids at a time; how many rows had it."""
    key = column.table.c.id
    digits = number.removeprefix("+")
    spelled = re.compile(rf"(?<![0-9])(?:\+|%2B)?{re.escape(digits)}(?![0-9])", re.IGNORECASE)
    changed, last = 0, 0
    async with reading(engine) as connection:
        newest = await connection.scalar(select(func.max(key))) or 0
    while last < newest:
        may_have_it = select(key).where(
            key > last, key <= last + _IDS_A_LOOK, column.icontains(digits, autoescape=True)
        )
        async with reading(engine) as connection:
            ids = (await connection.execute(may_have_it)).scalars().all()
        if ids:
            async with writing(engine) as connection:
                changed += await _blot_rows(connection, column, ids, spelled)
        last += _IDS_A_LOOK
        await asyncio.sleep(pause_seconds)
    return changed


async def _blot_rows(
    connection: AsyncConnection, column: Column[str], ids: Sequence[int], spelled: re.Pattern[str]
) -> int:
    key, changed = column.table.c.id, 0
    for id_, held in (await connection.execute(select(key, column).where(key.in_(ids)))).all():
        blotted = _blot_document(held, spelled)
        if blotted != held:
            await connection.execute(update(column.table).where(key == id_).values({column: blotted}))
            changed += 1
    return changed


def _blot_document(held: str, spelled: re.Pattern[str]) -> str:
    """The text without the number. JSON stays JSON: the number is looked for in each of its strings."""
    document = _json_of(held)
    if isinstance(document, dict | list):
        blotted = _blot(document, spelled)
        return held if blotted == document else json.dumps(blotted, ensure_ascii=False, separators=(",", ":"))
    return spelled.sub(BLOT, held)


def _blot(value: Any, spelled: re.Pattern[str]) -> Any:
    match value:
        case str():
            return spelled.sub(BLOT, value)
        case list():
            return [_blot(item, spelled) for item in value]
        case dict():
            return {key: _blot(item, spelled) for key, item in value.items()}
        case _:
            return value
