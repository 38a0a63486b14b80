"""The routes that read the call log: lists, one call, its records, how long callers waited."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from voicegw.api import answers
from voicegw.api.documented import refusals
from voicegw.api.guard import GuardedRoute, backing, guarded
from voicegw.api.parameters import Cursor, Day, Instant, Limit, Number, Sid, Twiml
from voicegw.api.problems import ProblemError
from voicegw.api.rendering import read_cursor, render_detail, render_entries, render_page, render_waits
from voicegw.call.addresses import line_of
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.results import CallFilter
from voicegw.calllog.tokens import Scope

# Percentiles of all there ever was would take the database minutes
_WEEK_BEFORE_DAYS = 6

Outcome = Literal["", "live", "completed", "forwarded", "failed", "lost", "refused"]

router = APIRouter(route_class=GuardedRoute, tags=["calls"])


@router.get("/calls", summary="Calls, newest first", responses=refusals())
@guarded(Scope.CALLS_READ)
async def list_calls(  # noqa: PLR0913, PLR0917 (each is a parameter of the query)
    request: Request,
    caller: Number = "",
    called: Number = "",
    outcome: Annotated[Outcome, Query(description="How the calls ended, or `live`.")] = "",
    begun_from: Annotated[
        Instant, Query(alias="from", description="Begun at this instant or later; UTC without an offset.")
    ] = None,
    begun_before: Annotated[Instant, Query(alias="to", description="Begun before this instant.")] = None,
    q: Annotated[str, Query(max_length=200, description="Words that all stand in the transcript, in any order.")] = "",
    cursor: Annotated[Cursor, Query(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> answers.Calls:
    """Filters are joined by "and". Pages stay in step while new calls come in."""
    wanted = CallFilter(
        caller_number=line_of(caller) if caller else None,
        called_number=line_of(called) if called else None,
        outcome=outcome or None,
        started_from=_epoch(begun_from),
        started_before=_epoch(begun_before),
    )
    after = None if cursor is None else read_cursor(cursor)
    reader = _reader(request)
    if q:
        return render_page(await reader.search(q, wanted, after=after, limit=limit))
    return render_page(await reader.list_calls(wanted, after=after, limit=limit))


@router.get("/calls/{sid}", summary="One call", response_model=answers.CallDetail, responses=refusals(404))
@guarded(Scope.CALLS_READ)
async def get_call(request: Request, sid: Sid, twiml: Twiml = False) -> Response:
    """What went wrong, who said what, where the seconds of each turn went, and everything that happened."""
    reader = _reader(request)
    detail = await reader.get_call(sid)
    if detail is None:
        raise _unknown()
    entries = await reader.get_entries(sid)
    return await _written(lambda: render_detail(detail, entries, twiml=twiml))


@router.get(
    "/calls/{sid}/records",
    summary="Everything that happened on one call",
    response_model=answers.Records,
    responses=refusals(404),
)
@guarded(Scope.CALLS_READ)
async def get_records(request: Request, sid: Sid, twiml: Twiml = False) -> Response:
    """Also of a call that goes on; the latest second of it may be missing."""
    reader = _reader(request)
    entries = await reader.get_entries(sid)
    if not entries and await reader.get_call(sid) is None:
        raise _unknown()
    return await _written(lambda: answers.Records(records=render_entries(entries, twiml=twiml)))


@router.get("/waits", summary="How long callers waited", responses=refusals())
@guarded(Scope.CALLS_READ)
async def get_waits(
    request: Request,
    called: Number = "",
    first_day: Annotated[Day, Query(alias="from", description="The first day (UTC); left out, a week to `to`.")] = None,
    last_day: Annotated[Day, Query(alias="to", description="The last day (UTC), included; left out, today.")] = None,
) -> answers.Waits:
    """From the caller's last sound to the answer, by number and day, in all and for each part of the wait."""
    until = last_day or datetime.now(UTC).date()
    since = first_day or until - timedelta(days=_WEEK_BEFORE_DAYS)
    days = await _reader(request).waits(
        called_number=line_of(called) if called else None, first_day=since.isoformat(), last_day=until.isoformat()
    )
    return render_waits(days)


async def _written(render: Callable[[], BaseModel]) -> Response:
    """The answer as JSON, made in a thread: that of a call of an hour takes a second, in which others are live."""
    content = await asyncio.to_thread(lambda: render().model_dump_json())
    return Response(content, media_type="application/json")


def _reader(request: Request) -> CallLogReader:
    if (reader := backing(request).reader) is None:
        raise ProblemError(503, "no-call-log", "The gateway keeps no call log.")
    return reader


def _epoch(at: datetime | None) -> float | None:
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _unknown() -> ProblemError:
    return ProblemError(404, "call-unknown", "The call log has no such call.")
