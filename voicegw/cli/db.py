"""`voicegw db upgrade | status`: the tables of the call log, and how they come to what this version needs."""

import typer
from rich.text import Text

from voicegw.calllog.database import masked
from voicegw.calllog.revisions import current, newest, upgrade
from voicegw.cli.call_log import database_url
from voicegw.cli.serving import run
from voicegw.cli.showing import err, help_of, out
from voicegw.cli.source import ConfigOption
from voicegw.errors import CallLogError

db = typer.Typer(no_args_is_help=True, help="The tables of the call log.")


def upgrade_tables(config: ConfigOption = None) -> None:
    """Make the call log's tables, or bring them to what this version needs; what is in them stays.

    Doing it again does no harm. Stop gateways of the version before: they refuse newer tables when they start.

    [dim]Examples[/dim]

    [cyan]voicegw db upgrade[/cyan]

    [cyan]VOICEGW_DATABASE_URL=postgresql://voicegw@db/calls voicegw db upgrade[/cyan]
    """
    url = database_url(config)
    before = run(current(url))
    with err.status("Bringing the tables up to date …"):
        after = run(upgrade(url))
    done = f"were at {after} already" if before == after else f"are at {after} now (before: {before or 'none'})"
    out.print(Text.assemble(("✓ ", "bold green"), f"The tables of {masked(url)} {done}."), soft_wrap=True)


def status(config: ConfigOption = None) -> None:
    """Say which tables the call log has. Exits with 1 unless they are what this version needs."""
    url = database_url(config)
    found = run(current(url))
    if found != newest():
        raise CallLogError(
            f"call log {masked(url)} has {f'tables of revision {found}' if found else 'no tables yet'}, "
            f"this version needs {newest()}. Run: voicegw db upgrade",
            retryable=False,
        )
    out.print(Text.assemble(("✓ ", "bold green"), f"{masked(url)} has the newest tables ({found})."), soft_wrap=True)


db.command("upgrade", help=help_of(upgrade_tables))(upgrade_tables)
db.command(help=help_of(status))(status)
