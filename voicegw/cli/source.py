"""Where a command's settings come from: the environment and the file, with the command's own options on top."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from voicegw.config import Settings, load_settings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="The settings file. [dim]default: voicegw.toml, if there[/dim]"
    ),
]
InsecureOption = Annotated[
    bool,
    typer.Option("--insecure-dev", help="Take webhooks without checking signatures; only on 127.0.0.1, only to try."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSource:
    """Reads the settings, as often as asked (a reload reads again)."""

    config: Path | None = None
    host: str | None = None
    port: int | None = None
    insecure_dev: bool = False

    def load(self) -> Settings:
        """The settings as they stand now. Raises `InvalidSettingsError` with every fault."""
        given = {"VOICEGW_CONFIG": self.config, "VOICEGW_HOST": self.host, "VOICEGW_PORT": self.port}
        options = {name: str(value) for name, value in given.items() if value is not None}
        return load_settings({**os.environ, **options}, Path.cwd(), insecure_dev=self.insecure_dev)
