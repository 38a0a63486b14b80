"""`voicegw calls export | forget`: what the call log has of one caller, given out or deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog import privacy
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.recordings import Recordings
from voicegw.calllog.results import CallFilter, Removed
from voicegw.cli.call_log import database_url, opened_log, recordings
from voicegw.cli.serving import run
from voicegw.cli.showing import err, out, printable
from voicegw.cli.source import ConfigOption

_PAGE = 500

CallerOption = Annotated[str, typer.Option(help="The caller's number, as +14155550123.", show_default=False)]


def export(caller: CallerOption, config: ConfigOption = None) -> None:
    """Everything kept of one caller, to standard output: lines of JSON. Recordings are told by their files.

    [dim]Example[/dim]

    [cyan]voicegw calls export --caller +14155550123 > caller.jsonl[/cyan]
    """
    run(_export(database_url(config), caller, recordings(config)))


def forget(
    caller: CallerOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Delete everything kept of one caller, and their number where other calls mention it. There is no way back.

    [dim]Example[/dim]

    [cyan]voicegw calls forget --caller +14155550123[/cyan]
    """
    url = database_url(config)
    count = run(_count(url, caller))
    if not yes and not typer.confirm(f"Delete {count} {_calls(count)} of {printable(caller)} for good?", err=True):
        raise typer.Exit(1)
    gone = run(_forget(url, caller, recordings(config)))
    out.print(
        f"Gone: {gone.calls} {_calls(gone.calls)}, with {gone.turns} turns, {gone.records} batches of entries and "
        f"{gone.events} events; {gone.recordings} recordings; the number in {gone.mentions} rows of other calls.",
        soft_wrap=True,
    )


async def _export(url: str, caller: str, kept: Recordings) -> None:
    with _progress() as progress, _refused_number():
        async with opened_log(url) as engine:
            exporting = progress.add_task("exporting", total=await _count_calls(engine, caller))
            async for line in privacy.export(engine, caller, kept):
                typer.echo(line)
                if line.startswith('{"call":'):
                    progress.advance(exporting)


async def _forget(url: str, caller: str, kept: Recordings) -> Removed:
    with _progress() as progress, _refused_number():
        async with opened_log(url) as engine:
            progress.add_task("forgetting", total=None)
            return await privacy.forget(engine, caller, recordings=kept)


async def _count(url: str, caller: str) -> int:
    with _refused_number():
        async with opened_log(url) as engine:
            return await _count_calls(engine, caller)


async def _count_calls(engine: AsyncEngine, caller: str) -> int:
    wanted = CallFilter(caller_number=privacy.number_of(caller))
    reader, count, after = CallLogReader(engine), 0, None
    while True:
        page = await reader.list_calls(wanted, after=after, limit=_PAGE)
        count += len(page.calls)
        if (after := page.next_after) is None:
            return count


@contextmanager
def _refused_number() -> Iterator[None]:
    """What the log calls no number is a fault of the command line."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--caller") from error


def _progress() -> Progress:
    """How far it is, on standard error, where a person watches."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def _calls(count: int) -> str:
    return "call" if count == 1 else "calls"
