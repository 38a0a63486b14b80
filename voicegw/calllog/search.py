"""Full-text search over transcripts: SQLite's FTS5, PostgreSQL's `tsvector` (both as `calllog.full_text` says).

Newest first, in two steps. The newest calls that are meant are looked through one by one: that finds a page of common
words at once, and all there is where few calls are meant. Only then the index of words is asked for older ones:
PostgreSQL's has to give all of its matches before the newest are known, and SQLite's gives the newest first but knows
no filter. (Where there is none, it is asked at once.)
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from voicegw.calllog.full_text import WORDS_TABLE, WORDS_VECTOR
from voicegw.calllog.pages import SUMMARY, place_after, select_summaries, storable
from voicegw.calllog.results import CallFilter
from voicegw.calllog.schema import calls

LOOKED_THROUGH = {"sqlite": 200, "postgresql": 1000}
MOST_WORDS = 50

_words = table(WORDS_TABLE, column("rowid"))
_any_words: ColumnElement[str] = literal_column(WORDS_TABLE)  # FTS5: a table's name stands for all of its columns
# The planner does not know that making a vector of each transcript takes minutes where the index takes milliseconds;
# and a map of matches that does not fit its memory would make it do so again.
_ONLY_BY_INDEX = text("SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true)")


async def search_calls(
    connection: AsyncConnection, words: str, wanted: CallFilter, after: int | None, limit: int
) -> Sequence[Row[Any]]:
    """`limit` rows at most of `select_summaries(wanted, after)`: calls that say all of the words (`MOST_WORDS`)."""
    sought = storable(words).split()[:MOST_WORDS]
    if not sought:
        return []
    database = connection.dialect.name
    find_by_index = _find_sqlite if database == "sqlite" else _find_postgres
    if database == "sqlite" and wanted == CallFilter():
        return await find_by_index(connection, sought, wanted, after, limit)
    newest = select_summaries(wanted, after)
    says = _says_sqlite if database == "sqlite" else _says_postgres
    recent = newest.add_columns(calls.c.transcript).limit(LOOKED_THROUGH[database]).subquery("recent")
    columns = (recent.c[summary.name] for summary in SUMMARY)
    found = select(*columns).where(says(recent, sought)).order_by(recent.c.id.desc())
    rows = (await connection.execute(found.limit(limit))).all()
    if len(rows) == limit:
        return rows
    oldest = newest.with_only_columns(calls.c.id).offset(LOOKED_THROUGH[database] - 1).limit(1)
    seen_to = await connection.scalar(oldest)
    if seen_to is None:
        return rows
    return [*rows, *await find_by_index(connection, sought, wanted, seen_to, limit - len(rows))]


def _says_sqlite(candidates: FromClause, sought: Sequence[str]) -> ColumnElement[bool]:
    return exists().where(_matches(sought), _words.c.rowid == candidates.c.id)


def _says_postgres(candidates: FromClause, sought: Sequence[str]) -> ColumnElement[bool]:
    return func.to_tsvector(text("'simple'"), candidates.c.transcript).bool_op("@@")(_query(sought))


async def _find_sqlite(
    connection: AsyncConnection, sought: Sequence[str], wanted: CallFilter, after: int | None, limit: int
) -> Sequence[Row[Any]]:
    # Ordered by the index's own rowid, its matches come one by one from the newest on, and no others are read.
    found = (
        select_summaries(wanted, None)
        .join(_words, _words.c.rowid == calls.c.id)
        .where(_matches(sought), *place_after(_words.c.rowid, after))
        .order_by(None)
        .order_by(_words.c.rowid.desc())
    )
    rows: Sequence[Row[Any]] = (await connection.execute(found.limit(limit))).all()
    return rows


async def _find_postgres(
    connection: AsyncConnection, sought: Sequence[str], wanted: CallFilter, after: int | None, limit: int
) -> Sequence[Row[Any]]:
    await connection.execute(_ONLY_BY_INDEX)
    # Kept apart, or the planner may walk all calls from the newest on, hoping to meet enough that have the words.
    says = literal_column(WORDS_VECTOR).bool_op("@@")(_query(sought))
    matching = select_summaries(wanted, after).where(says).order_by(None).cte("matching").prefix_with("MATERIALIZED")
    return (await connection.execute(select(matching).order_by(matching.c.id.desc()).limit(limit))).all()


def _matches(sought: Sequence[str]) -> ColumnElement[bool]:
    """FTS5: "strings" in quotes are no operators, a quote inside is doubled; strings side by side must all be there."""
    quoted = " ".join('"' + word.replace('"', '""') + '"' for word in sought)
    return _any_words.bool_op("MATCH")(quoted)


def _query(sought: Sequence[str]) -> ColumnElement[Any]:
    """`plainto_tsquery` knows no operators: it makes words of the text and asks for all of them."""
    return func.plainto_tsquery(text("'simple'"), " ".join(sought))
