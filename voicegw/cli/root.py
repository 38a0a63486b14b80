"""The command `voicegw`: its commands, its version, and how every error of the gateway's own becomes one clear line."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from voicegw import __version__
from voicegw.cli.call import call
from voicegw.cli.calls import calls
from voicegw.cli.check import check
from voicegw.cli.db import db
from voicegw.cli.demo import demo
from voicegw.cli.events import events
from voicegw.cli.numbers import numbers
from voicegw.cli.serve import serve
from voicegw.cli.showing import help_of, show_error, show_faults
from voicegw.cli.tokens import tokens
from voicegw.config import InvalidSettingsError
from voicegw.errors import VoicegwError

BAD_SETTINGS_STATUS = 2

_EPILOG = """
[b]First steps[/b]

[cyan]voicegw demo[/cyan]  call an agent on this machine; no account needed

[cyan]voicegw check[/cyan]  is everything set for real calls?

[cyan]voicegw serve[/cyan]  answer them

Settings stand in [b]voicegw.toml[/b] and the environment; [b]voicegw.example.toml[/b] explains each.
"""


class OneLineErrors(TyperGroup):
    """A group that prints the gateway's own errors, without a traceback: settings as a table, all others as a line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exits with 2 on bad settings, with 1 on any other error of `voicegw.errors`."""
        try:
            return super().invoke(ctx)
        except InvalidSettingsError as error:
            show_faults(error.faults)
            raise typer.Exit(BAD_SETTINGS_STATUS) from error
        except VoicegwError as error:
            show_error(error.message)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
for command in (serve, demo, call, check):
    app.command(help=help_of(command))(command)
app.add_typer(calls, name="calls")
app.add_typer(db, name="db")
app.add_typer(events, name="events")
app.add_typer(numbers, name="twilio")
app.add_typer(tokens, name="token")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voicegw {__version__}")
        raise typer.Exit


@app.callback()
def voicegw(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Let a Voiceflow agent answer the phone, through Twilio."""


def main() -> None:
    """The entry point of the installed command."""
    app()
