"""How the command line speaks: two consoles, an error, a table of settings' faults. Plain without a terminal."""

import inspect
import sys
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicegw.errors import Fault

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def printable(text: str) -> str:
    """The text without characters that could steer a terminal, in one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def help_of(command: Callable[..., object]) -> str:
    """A command's docstring as help: each paragraph flows into the terminal's width, but for those in `[dim]`."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(text if text.startswith("[dim]") else text.replace("\n", " ") for text in paragraphs)


def show_error(message: str) -> None:
    """What went wrong, on standard error, one line for each line of the message."""
    first, *more = message.splitlines() or [""]
    err.print(Text.assemble(("✗ ", "bold red"), printable(first)), soft_wrap=True)
    for line in more:
        err.print(Text("  " + printable(line)), soft_wrap=True)


def show_faults(faults: Iterable[Fault]) -> None:
    """All that is wrong with the settings, each with its mend; a table for people, a line each for files."""
    faults = tuple(faults)
    if not err.is_terminal:
        show_error("\n".join(("the settings cannot be used:", *map(str, faults))))
        return
    table = Table(title="The settings cannot be used", title_style="bold red", show_lines=True)
    for heading in ("setting", "value", "what is wrong", "what to do"):
        table.add_column(heading, overflow="fold")
    for fault in faults:
        table.add_row(
            Text(printable(fault.key), "bold"), printable(fault.value), printable(fault.wrong), printable(fault.mend)
        )
    err.print(table)


def is_interactive() -> bool:
    """Whether a person can type and see: both standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()
