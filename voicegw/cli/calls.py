"""`voicegw calls …`: what happened on calls, read from the call log while the gateway runs, or after it has."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.addresses import line_of
from voicegw.call.diagnosis import diagnose, verdict
from voicegw.call.entries import Entry
from voicegw.call.waterfall import parts, turn_times
from voicegw.calllog.following import CallFollower
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.results import CallFilter, CallSummary, DayOfWaits
from voicegw.calllog.sids import find_sids
from voicegw.cli.call_lines import STYLES, call_lines
from voicegw.cli.call_log import database_url, opened_log
from voicegw.cli.caller_data import export, forget
from voicegw.cli.calls_table import (
    SHORT_SID_CHARS,
    call_json,
    calls_table,
    entry_dict,
    moment,
    waits_json,
    waits_table,
)
from voicegw.cli.serving import run
from voicegw.cli.showing import err, help_of, out, printable, show_error
from voicegw.cli.source import ConfigOption
from voicegw.cli.timeline import timeline

FOLLOW_EVERY_SECONDS = 0.5
_LARGEST_LIST = 10_000
_LAST = "last"
_SPAN = re.compile(r"(\d{1,6})\s*([smhdw])")
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

NumberOption = Annotated[str, typer.Option("--number", help="Only calls to this number of ours.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON, for other programs.")]
SidArgument = Annotated[
    str, typer.Argument(metavar="SID", help="The call: its SID, the beginning of it, or [cyan]last[/cyan].")
]

calls = typer.Typer(invoke_without_command=True)


def list_calls(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    context: typer.Context,
    number: NumberOption = "",
    caller: Annotated[str, typer.Option(help="Only calls of this caller.")] = "",
    live: Annotated[bool, typer.Option("--live", help="Only calls that go on now.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only calls on which something failed.")] = False,
    since: Annotated[str, typer.Option(metavar="WHEN", help="As [cyan]2h[/cyan], or [cyan]2026-11-23[/cyan].")] = "",
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only calls on which all of these words were said.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=_LARGEST_LIST, help="So many at most.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """What happened on calls.

    Without a command: the latest calls, newest first. Works beside a running gateway.

    [dim]Examples[/dim]

    [cyan]voicegw calls --failed --since 2h[/cyan]

    [cyan]voicegw calls show last[/cyan]  one call: who said what, where the seconds went, what went wrong
    """
    if context.invoked_subcommand is not None:
        return
    now = time.time()
    wanted = CallFilter(
        caller_number=_number(caller),
        called_number=_number(number),
        started_from=parse_since(since, now) if since else None,
        has_failure=True if failed else None,
        live=True if live else None,
    )
    found = run(_list(database_url(config), wanted, search, limit))
    if as_json:
        for call in found:
            typer.echo(call_json(call))
    elif found:
        out.print(calls_table(found, now))
    else:
        err.print("No such calls." if wanted != CallFilter() or search else "No calls yet.")


def show(
    sid: SidArgument,
    twiml: Annotated[bool, typer.Option("--twiml", help="Also what Twilio was told each time.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """One call as a timeline: what went wrong, who said what, where the seconds of each turn went.

    [dim]Examples[/dim]

    [cyan]voicegw calls show last[/cyan]

    [cyan]voicegw calls show CA1f2e --twiml[/cyan]
    """
    entries = run(_read(database_url(config), sid))
    if as_json:
        typer.echo(as_document(entries))
    else:
        out.print(timeline(entries, twiml=twiml))


def tail(number: NumberOption = "", config: ConfigOption = None) -> None:
    """Follow what happens on all calls, a line for each thing; Ctrl-C ends it."""
    with suppress(KeyboardInterrupt):
        run(_follow(database_url(config), _number(number)))


def waits(
    number: NumberOption = "",
    days: Annotated[int, typer.Option(min=1, max=3660, help="So many days back, today included.")] = 7,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """How long callers waited for answers, by number and day: p50 and p95, in all and for each part of the wait."""
    first_day = datetime.fromtimestamp(time.time() - (days - 1) * 86400, UTC).date().isoformat()
    found = run(_waits(database_url(config), _number(number), first_day))
    if as_json:
        for day in found:
            typer.echo(waits_json(day))
    elif found:
        out.print(waits_table(found))
    else:
        err.print("Nobody waited in that time.")


calls.callback(help=help_of(list_calls))(list_calls)
for command in (show, tail, waits, export, forget):
    calls.command(help=help_of(command))(command)


def parse_since(text: str, now: float) -> float:
    """An instant (epoch seconds) from a span before `now` such as `2h`, a day or a time in ISO 8601 (UTC).

    Raises `typer.BadParameter`.
    """
    if span := _SPAN.fullmatch(text.strip()):
        return now - int(span[1]) * _SPAN_SECONDS[span[2]]
    try:
        read = datetime.fromisoformat(text.strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as exc:
        raise typer.BadParameter(f"{text} is no time; write 30m, 2h, 7d or 2026-11-23", param_hint="--since") from exc


def as_document(entries: tuple[Entry, ...]) -> str:
    """One call for other programs: verdict, findings, waterfall and all entries, as JSON."""
    findings = diagnose(entries)
    times = turn_times(entries)
    return json.dumps(
        {
            "call_sid": entries[0].call_sid if entries else "",
            "verdict": verdict(entries, findings),
            "findings": [{**asdict(finding), "where": finding.where} for finding in findings],
            "waterfall": [{**asdict(turn), "parts": dict(parts(turn))} for turn in times],
            "entries": [entry_dict(entry) for entry in entries],
        },
        indent=2,
    )


async def _list(url: str, wanted: CallFilter, words: str, limit: int) -> list[CallSummary]:
    found: list[CallSummary] = []
    async with opened_log(url) as engine:
        reader = CallLogReader(engine)
        after: int | None = None
        while len(found) < limit:
            some = limit - len(found)
            if words:
                page = await reader.search(words, wanted, after=after, limit=some)
            else:
                page = await reader.list_calls(wanted, after=after, limit=some)
            found += page.calls
            if (after := page.next_after) is None:
                break
    return found


async def _read(url: str, sid: str) -> tuple[Entry, ...]:
    async with opened_log(url) as engine:
        return await CallLogReader(engine).get_entries(await _whole_sid(engine, sid))


async def _whole_sid(engine: AsyncEngine, sid: str) -> str:
    if sid == _LAST:
        newest = (await CallLogReader(engine).list_calls(limit=1)).calls
        found = tuple(call.call_sid for call in newest)
    else:
        found = await find_sids(engine, sid)
    if len(found) == 1:
        return found[0]
    if not found:
        show_error("there is no call in the log yet" if sid == _LAST else f"no call in the log begins with {sid}")
    else:
        show_error("\n".join((f"{sid} is the beginning of several calls; type more of it:", *found)))
    raise typer.Exit(1)


async def _follow(url: str, called_number: str | None) -> None:
    async with opened_log(url) as engine:
        async for entry in _news(CallFollower(engine, called_number)):
            for line in call_lines([entry]):
                sid = printable(entry.call_sid)[:SHORT_SID_CHARS]
                heading = Text.assemble(
                    (f"{moment(entry.at)[11:]} ", "dim"),
                    (f"{sid} ", "bold"),
                    (f"{line.who:<8}", STYLES.get(line.who, "")),
                )
                out.print(heading + line.what, soft_wrap=True)


async def _news(follower: CallFollower) -> AsyncIterator[Entry]:
    while True:
        for entry in await follower.news():
            yield entry
        await asyncio.sleep(FOLLOW_EVERY_SECONDS)


async def _waits(url: str, called_number: str | None, first_day: str) -> tuple[DayOfWaits, ...]:
    async with opened_log(url) as engine:
        return await CallLogReader(engine).waits(called_number=called_number, first_day=first_day)


def _number(text: str) -> str | None:
    """A number as the log has it, however people write it; None: any."""
    return line_of(text.strip()) or None
