"""`voicegw token add | list | revoke`: who may use the API, and for what."""

import time
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from voicegw.calllog.tokens import Scope, TokenInfo, Tokens
from voicegw.cli.call_log import database_url, opened_log
from voicegw.cli.calls_table import moment
from voicegw.cli.serving import run
from voicegw.cli.showing import err, help_of, out, printable
from voicegw.cli.source import ConfigOption

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is, such as grafana.")]

tokens = typer.Typer(no_args_is_help=True, help="Who may use the API: make, list and revoke tokens.")


def add(
    name: NameArgument,
    scope: Annotated[list[Scope], typer.Option("--scope", help="What it opens; give it once for each.")],
    config: ConfigOption = None,
) -> None:
    """Make a token and print it. It is shown this once: only its hash is kept.

    [dim]Example[/dim]

    [cyan]voicegw token add dashboard --scope calls:read --scope metrics[/cyan]
    """
    token = run(_add(database_url(config), name, scope))
    err.print(Text.assemble(("✓ ", "bold green"), f"{name} may use {', '.join(scope)}. Its token, shown this once:"))
    typer.echo(token)


def list_tokens(config: ConfigOption = None) -> None:
    """All tokens, without the tokens themselves: what each opens, since when, when it was used last."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for heading in ("name", "opens", "made (UTC)", "last used", "revoked"):
        table.add_column(heading, overflow="fold")
    for token in run(_all(database_url(config))):
        table.add_row(
            Text(printable(token.name), "dim strike" if token.revoked_at else "bold"),
            ", ".join(token.scopes),
            moment(token.created_at),
            moment(token.used_at) if token.used_at else "never",
            moment(token.revoked_at) if token.revoked_at else "",
        )
    out.print(table)


def revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """The token opens nothing any more, at once and in every process."""
    run(_revoke(database_url(config), name))
    out.print(f"{printable(name)} opens nothing any more.")


tokens.command(help=help_of(add))(add)
tokens.command("list", help=help_of(list_tokens))(list_tokens)
tokens.command(help=help_of(revoke))(revoke)


async def _add(url: str, name: str, scopes: list[Scope]) -> str:
    async with opened_log(url) as engine:
        return await Tokens(engine, time.time).add(name, scopes)


async def _all(url: str) -> tuple[TokenInfo, ...]:
    async with opened_log(url) as engine:
        return await Tokens(engine, time.time).all()


async def _revoke(url: str, name: str) -> None:
    async with opened_log(url) as engine:
        await Tokens(engine, time.time).revoke(name)
