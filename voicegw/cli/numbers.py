"""`voicegw twilio connect | disconnect`: points a number's webhooks at this gateway, and back to what they were."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from voicegw.cli.showing import help_of, out
from voicegw.cli.source import ConfigOption, SettingsSource
from voicegw.config import Settings
from voicegw.twilio.rest import NumberChanges, NumberConnector

MEMORY_PATH = Path(".voicegw") / "numbers.json"
_SETTING_NAMES = {"voice": "A call comes in", "fallback": "Primary handler fails", "status": "Call status changes"}

NumberArgument = Annotated[str, typer.Argument(help="The number, with + and country code.", metavar="NUMBER")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")]
MemoryOption = Annotated[
    Path, typer.Option("--memory", metavar="FILE", help="Where it is kept what numbers pointed to before.")
]

numbers = typer.Typer(no_args_is_help=True, help="Point Twilio numbers at this gateway, and back.")


def connect(
    number: NumberArgument,
    fallback_url: Annotated[
        str, typer.Option(help="Where Twilio asks when the gateway is down; see [cyan]voicegw check --fallback[/cyan].")
    ] = "",
    dry_run: DryRunOption = False,
    memory: MemoryOption = MEMORY_PATH,
    config: ConfigOption = None,
) -> None:
    """Point a number's three voice webhooks at this gateway; what they were is remembered first.

    Uses TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and VOICEGW_PUBLIC_URL. Messaging stays as it is. Doing it again does no
    harm.

    [dim]Examples[/dim]

    [cyan]voicegw twilio connect +15005550006 --dry-run[/cyan]

    [cyan]voicegw twilio connect +15005550006[/cyan]
    """
    settings = SettingsSource(config=config).load()
    voice, status, fallback = webhook_urls(settings)
    connector = connector_for(settings, memory)
    show_changes(connector.connect(number, voice, status, fallback_url or fallback, dry_run=dry_run), "already so")


def disconnect(
    number: NumberArgument,
    dry_run: DryRunOption = False,
    memory: MemoryOption = MEMORY_PATH,
    config: ConfigOption = None,
) -> None:
    """Point a number back at what it asked before; what someone else changed since then stays.

    [dim]Example[/dim]

    [cyan]voicegw twilio disconnect +15005550006[/cyan]
    """
    connector = connector_for(SettingsSource(config=config).load(), memory)
    show_changes(connector.disconnect(number, dry_run=dry_run), "nothing to restore")


for command in (connect, disconnect):
    numbers.command(help=help_of(command))(command)


def connector_for(settings: Settings, memory: Path = MEMORY_PATH) -> NumberConnector:
    """The account's numbers. Raises `CarrierError` without credentials."""
    tokens = settings.twilio.auth_tokens
    return NumberConnector(settings.twilio.account_sid, tokens[0].get_secret_value() if tokens else "", memory)


def webhook_urls(settings: Settings) -> tuple[str, str, str]:
    """Where Twilio should ask: voice, status, fallback."""
    url = settings.public_url
    return f"{url}/twilio/voice", f"{url}/twilio/status", f"{url}/twilio/fallback"


def show_changes(done: NumberChanges, unchanged: str) -> None:
    """What was changed, or would be, and what stands in the way."""
    if done.changes:
        table = Table(title=f"{done.number}{', not changed (dry run)' if done.dry_run else ''}", title_justify="left")
        for heading in ("webhook", "before", "after"):
            table.add_column(heading, overflow="fold")
        for change in done.changes:
            table.add_row(_SETTING_NAMES.get(change.setting, change.setting), str(change.old), str(change.new))
        out.print(table)
    else:
        out.print(f"{done.number}: {unchanged}")
    for warning in done.warnings:
        out.print(f"[yellow]![/yellow] {warning}", soft_wrap=True)
