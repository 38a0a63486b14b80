"""The command `voicegw`: its commands, its version, and how every error of the gateway's own becomes one clear line.

A command's module is imported when the command is called: what they need (databases, servers, audio) takes seconds.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from voicegw import __version__
from voicegw.cli.showing import err, help_of, show_error, show_faults
from voicegw.errors import InvalidSettingsError, VoicegwError

BAD_SETTINGS_STATUS = 2

_EPILOG = """
[b]First steps[/b]

[cyan]voicegw demo[/cyan]  call an agent on this machine; no account needed

[cyan]voicegw check[/cyan]  is everything set for real calls?

[cyan]voicegw serve[/cyan]  answer them

Settings stand in [b]voicegw.toml[/b] and the environment; [b]voicegw.example.toml[/b] explains each.
"""


@dataclass(frozen=True, slots=True)
class CommandAddress:
    """Where a command (a function, or a `Typer` with more of them) is, and what it says of itself in the list."""

    module: str
    attribute: str
    says: str


COMMANDS = {
    "serve": CommandAddress("voicegw.cli.serve", "serve", "Answer calls."),
    "demo": CommandAddress(
        "voicegw.cli.demo", "demo", "Call a dental practice on this machine; no account, no network."
    ),
    "call": CommandAddress("voicegw.cli.call", "call", "Call a gateway from this terminal, as Twilio would."),
    "check": CommandAddress("voicegw.cli.check", "check", "Is everything set for real calls?"),
    "calls": CommandAddress("voicegw.cli.calls", "calls", "What happened on calls."),
    "db": CommandAddress("voicegw.cli.db", "db", "The tables of the call log."),
    "events": CommandAddress(
        "voicegw.cli.events", "events", "Events for your own systems: what waits, what was given up."
    ),
    "twilio": CommandAddress("voicegw.cli.numbers", "numbers", "Point Twilio numbers at this gateway, and back."),
    "token": CommandAddress("voicegw.cli.tokens", "tokens", "Who may use the API: make, list and revoke tokens."),
}


class CommandsOnDemand(TyperGroup):
    """The commands, each imported when it is called; a list of them is made without.

    The gateway's own errors are printed without a traceback: settings as a table, all others as a line.
    """

    def __init__(self, **attributes: Any) -> None:
        listed = {name: TyperCommand(name, help=address.says) for name, address in COMMANDS.items()}
        super().__init__(**{**attributes, "commands": listed})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, imported, and its arguments."""
        name, _listed, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else None, rest

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


def load_command(name: str) -> Any:
    """The command of that name with all its options: a click command, or a group of them. Imports its module."""
    address = COMMANDS[name]
    with err.status("One moment …"):
        found = getattr(import_module(address.module), address.attribute)
    group = typer.Typer()
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name)
    else:
        group.command(name, help=help_of(found))(found)
    return typer.main.get_group(group).commands[name]


app = typer.Typer(
    cls=CommandsOnDemand,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)


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
