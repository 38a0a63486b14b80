"""How lists of calls are asked for: a filter as conditions, newest first by `calls.id`, cut into pages.

Makes statements and reads rows; runs nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal_column, select

from voicegw.calllog.results import CallFilter, CallPage, CallSummary
from voicegw.calllog.schema import calls

LARGEST_PAGE = 500
LATEST_WRITE = 10_000
"""A call is written before so many others that rang later are: ids grow with time, but for calls that are one by one
written late. One that is later still is missed only by spans of time of more calls than this."""
_LARGEST_ID = 2**63 - 1
SUMMARY = tuple(column for column in calls.columns if column.name not in {"day", "transcript"})


def select_summaries(wanted: CallFilter, after: int | None) -> Select[Any]:
    """The calls that `wanted` means, newest first, from the one after `after` on; without a limit."""
    chosen = select(*SUMMARY).where(*_conditions(wanted), *place_after(calls.c.id, after))
    return chosen.order_by(calls.c.id.desc())


def place_after(key: ColumnElement[int], after: int | None) -> tuple[ColumnElement[bool], ...]:
    """The condition that `key`, the id of a call, comes after `after` in a list; none where that is None."""
    return () if after is None else (key < max(0, min(after, _LARGEST_ID)),)


def rows_for(limit: int) -> int:
    """How many rows to ask for: one more than the page has, which tells whether there is another page."""
    return max(1, min(limit, LARGEST_PAGE)) + 1


def page_of(rows: Sequence[Row[Any]], limit: int) -> CallPage:
    """The page that `rows_for(limit)` rows of `select_summaries` make."""
    size = rows_for(limit) - 1
    found = tuple(summary_of(row) for row in rows[:size])
    return CallPage(calls=found, next_after=found[-1].id if len(rows) > size else None)


def summary_of(row: Row[Any]) -> CallSummary:
    """The call in a row of `select_summaries`, whatever else was selected with it."""
    return CallSummary(**{column.name: row._mapping[column.name] for column in SUMMARY})


def storable(text: str) -> str:
    """The text as a database takes it: NUL (which PostgreSQL refuses) and halves of characters are replaced."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _conditions(wanted: CallFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (calls.c.caller_number, wanted.caller_number),
        (calls.c.called_number, wanted.called_number),
        (calls.c.outcome, wanted.outcome),
    ):
        if value is not None:
            yield column == storable(value)
    if wanted.live is not None:
        yield calls.c.outcome == "live" if wanted.live else calls.c.outcome != "live"
    if wanted.has_failure is not None:
        # Written out: SQLite takes the index of failed calls only where it sees its very condition.
        none: ColumnElement[int] = literal_column("0")
        yield calls.c.failures > none if wanted.has_failure else calls.c.failures == none
    yield from _within(wanted)


def _within(wanted: CallFilter) -> Iterator[ColumnElement[bool]]:
    """The span of time, and the ids between which it lies: so the newest are found without sorting all of the span."""
    instants = []
    if wanted.started_from is not None:
        instants.append(calls.c.started_at >= wanted.started_from)
    if wanted.started_before is not None:
        instants.append(calls.c.started_at < wanted.started_before)
    yield from instants
    if wanted.started_from is not None:
        first = select(calls.c.id).where(*instants).order_by(calls.c.started_at).limit(LATEST_WRITE).subquery()
        yield calls.c.id >= select(func.min(first.c.id)).scalar_subquery()
    if wanted.started_before is not None:
        last = select(calls.c.id).where(*instants).order_by(calls.c.started_at.desc()).limit(LATEST_WRITE).subquery()
        yield calls.c.id <= select(func.max(last.c.id)).scalar_subquery()
