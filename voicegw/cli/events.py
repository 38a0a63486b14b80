"""`voicegw events list | show | resend`: what lies in the outbox for your own systems, and what was given up."""

import json
import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from voicegw.calllog.database import masked
from voicegw.cli.call_log import opened_log
from voicegw.cli.calls_table import SHORT_SID_CHARS, moment, moment_this_year
from voicegw.cli.serving import run
from voicegw.cli.showing import err, help_of, out, printable
from voicegw.cli.source import ConfigOption, SettingsSource
from voicegw.config import Settings
from voicegw.errors import CallLogError
from voicegw.events.letters import Letter, State, count_letters, find_letters, get_letter, resend_letters

_PAGE = 500
_LARGEST_LIST = 10_000
_STYLES = {"waiting": "yellow", "dead": "bold red", "delivered": "green"}


class Wanted(StrEnum):
    """Which events to list."""

    WAITING = "waiting"
    DEAD = "dead"
    DELIVERED = "delivered"


events = typer.Typer(no_args_is_help=True, help="Events for your own systems: what waits, what was given up.")

ReceiverOption = Annotated[str, typer.Option(metavar="NAME", help="Only those for this receiver.")]


def list_events(
    state: Annotated[
        list[Wanted] | None,
        typer.Option(help="Only these; give it once for each. [dim]default: waiting and dead[/dim]"),
    ] = None,
    receiver: ReceiverOption = "",
    limit: Annotated[int, typer.Option(min=1, max=_LARGEST_LIST, help="So many at most, the oldest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for other programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """Events that wait to be taken by their receivers, and those that were given up.

    [dim]Examples[/dim]

    [cyan]voicegw events list[/cyan]

    [cyan]voicegw events list --state dead --receiver crm[/cyan]
    """
    settings = _settings(config)
    states = state or [Wanted.WAITING, Wanted.DEAD]
    letters, counts = run(_list(_url(settings), states, receiver, limit))
    if as_json:
        for letter in letters:
            typer.echo(json.dumps({**asdict(letter), "state": letter.state}, separators=(",", ":")))
        return
    if letters:
        out.print(letters_table(letters))
    if len(letters) == limit:
        err.print(f"The first {limit}; see more with --limit.", style="dim")
    err.print(f"waiting: {counts['waiting']}, given up: {counts['dead']}, delivered of late: {counts['delivered']}")
    _warn_of_strangers(letters, settings)


def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", help="As in [cyan]voicegw events list[/cyan].")],
    config: ConfigOption = None,
) -> None:
    """One event as its receiver gets it, and what became of it so far.

    [dim]Example[/dim]

    [cyan]voicegw events show 17[/cyan]
    """
    letter = run(_get(_url(_settings(config)), letter_id))
    facts = Table.grid(padding=(0, 2))
    next_try = moment(letter.due_at) if letter.state == "waiting" else "–"
    for name, value in (
        ("event", letter.type),
        ("receiver", letter.receiver),
        ("message", letter.message_id),
        ("call", letter.call_sid),
        ("made (UTC)", moment(letter.created_at)),
        ("tries", str(letter.attempts)),
        ("next try", next_try),
        ("last error", letter.last_error or "–"),
    ):
        facts.add_row(Text(name, "dim"), Text(printable(value)))
    facts.add_row(Text("state", "dim"), Text(letter.state, _STYLES[letter.state]))
    out.print(facts)
    out.print(Text(_pretty(letter.body)), soft_wrap=True)


def resend(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID…", help="Which events.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    receiver: ReceiverOption = "",
    config: ConfigOption = None,
) -> None:
    """Send events once more, as if for the first time, under the ids they had: receivers know what they have already.

    The running gateway sends them within seconds; where none runs, the next one to start does.

    [dim]Examples[/dim]

    [cyan]voicegw events resend 17 18[/cyan]

    [cyan]voicegw events resend --all --receiver crm[/cyan]
    """
    if everything == bool(ids):
        raise typer.BadParameter("name events by their IDs, or all that were given up by --all", param_hint="ID…")
    if receiver and not everything:
        raise typer.BadParameter("goes with --all only", param_hint="--receiver")
    url = _url(_settings(config))
    count = run(_resend_all(url, receiver) if everything else _resend(url, ids or []))
    out.print(f"Due again: {count} {'event' if count == 1 else 'events'}." if count else "Nothing was given up.")


events.command("list", help=help_of(list_events))(list_events)
events.command(help=help_of(show))(show)
events.command(help=help_of(resend))(resend)


def letters_table(letters: list[Letter]) -> Table:
    """The events, one a row."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("ID", justify="right", no_wrap=True)
    for heading in ("made (UTC)", "event", "call", "receiver"):
        table.add_column(heading, no_wrap=True)
    table.add_column("state", overflow="fold")
    for letter in letters:
        table.add_row(
            Text(str(letter.id), "bold"),
            moment_this_year(letter.created_at),
            Text(printable(letter.type)),
            Text(printable(letter.call_sid)[:SHORT_SID_CHARS]),
            Text(printable(letter.receiver)),
            Text(letter.state, _STYLES[letter.state]) + _tries(letter),
        )
    return table


def _tries(letter: Letter) -> Text:
    if not letter.attempts:
        return Text()
    tries = f", {letter.attempts} {'try' if letter.attempts == 1 else 'tries'}"
    return Text(f"{tries}: {printable(letter.last_error)}" if letter.last_error else tries, "dim")


def _settings(config: Path | None) -> Settings:
    # Whether webhooks are signed is of no concern to those who only look after what is kept.
    return SettingsSource(config=config, insecure_dev=True).load()


def _url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def _warn_of_strangers(letters: list[Letter], settings: Settings) -> None:
    known = {receiver.name for receiver in settings.events}
    for name in sorted({letter.receiver for letter in letters if letter.state == "waiting"} - known):
        err.print(
            Text.assemble(("! ", "yellow"), f"{printable(name)} is no receiver in the settings: its events only wait."),
            soft_wrap=True,
        )


def _pretty(body: str) -> str:
    """The document over several lines, without characters that could steer a terminal."""
    text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return "".join(char if char.isprintable() or char == "\n" else f"\\u{ord(char):04x}" for char in text)


async def _list(url: str, states: list[Wanted], receiver: str, limit: int) -> tuple[list[Letter], dict[State, int]]:
    async with opened_log(url) as engine:
        letters = await find_letters(engine, [each.value for each in states], receiver=receiver, limit=limit)
        return letters, await count_letters(engine)


async def _get(url: str, letter_id: int) -> Letter:
    async with opened_log(url) as engine:
        letter = await get_letter(engine, letter_id)
    if letter is None:
        raise CallLogError(
            f"call log {masked(url)} has no event {letter_id}. See: voicegw events list", retryable=False
        )
    return letter


async def _resend(url: str, ids: list[int]) -> int:
    async with opened_log(url) as engine:
        for letter_id in ids:
            if await get_letter(engine, letter_id) is None:
                raise CallLogError(
                    f"call log {masked(url)} has no event {letter_id}; none was resent. See: voicegw events list",
                    retryable=False,
                )
        return await resend_letters(engine, ids, time.time())


async def _resend_all(url: str, receiver: str) -> int:
    """Page by page: however many there are, no writer waits long for us."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        async with opened_log(url) as engine:
            resending = bar.add_task("resending", total=(await count_letters(engine))["dead"])
            count, after_id = 0, 0
            while letters := await find_letters(engine, ["dead"], receiver=receiver, limit=_PAGE, after_id=after_id):
                count += await resend_letters(engine, [letter.id for letter in letters], time.time())
                after_id = letters[-1].id
                bar.advance(resending, len(letters))
            return count
