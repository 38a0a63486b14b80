"""The command `voicegw` itself: a list that costs nothing, and that says of each command what it says of itself."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from voicegw import __version__
from voicegw.cli.root import COMMANDS, app

runner = CliRunner()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_begins_with(name: str) -> None:
    group = typer.main.get_group(app)
    with group.make_context("voicegw", [name]) as context:
        _name, called, _rest = group.resolve_command(context, [name])
    assert called.help.split("\n\n")[0] == COMMANDS[name].says == group.get_command(context, name).help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_takes_it_from_h_too(name: str) -> None:
    helped = runner.invoke(app, [name, "-h"])
    assert helped.exit_code == 0
    assert "completion" not in helped.output


def test_the_list_imports_no_command() -> None:
    program = (
        "import sys\n"
        "from voicegw.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'sqlalchemy', 'alembic', 'fastapi', 'aiohttp', 'pydantic', 'numpy', 'uvicorn'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_command_is_told_with_what_may_have_been_meant() -> None:
    refused = runner.invoke(app, ["demoo"])
    assert refused.exit_code == 2
    assert "Did you mean 'demo'?" in refused.output


def test_the_version_is_shown() -> None:
    assert runner.invoke(app, ["--version"]).output == f"voicegw {__version__}\n"
