"""The call log as commands use it: the database that the settings name, opened beside a gateway that may be running."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import masked, open_engine
from voicegw.calllog.recordings import Recordings
from voicegw.calllog.revisions import current, require_newest
from voicegw.cli.source import SettingsSource
from voicegw.errors import CallLogError


def database_url(config: Path | None) -> str:
    """Where the settings say that the call log is. Raises `InvalidSettingsError`."""
    # Whether webhooks are signed is of no concern to those who only read what is kept.
    return SettingsSource(config=config, insecure_dev=True).load().database_url.get_secret_value()


def recordings(config: Path | None) -> Recordings:
    """Where the settings say that recordings are. Raises `InvalidSettingsError`."""
    return Recordings(SettingsSource(config=config, insecure_dev=True).load().recordings_path)


@asynccontextmanager
async def opened_log(url: str) -> AsyncIterator[AsyncEngine]:
    """The call log's engine while it is used. Raises `CallLogError`, with the mend, where there is no log to be read.

    Makes no file and changes no table; nothing is locked but by those who write.
    """
    if await current(url) is None:
        raise CallLogError(f"call log {masked(url)} has no tables yet. Run: voicegw db upgrade", retryable=False)
    engine = open_engine(url)
    try:
        await require_newest(engine)
        yield engine
    finally:
        await engine.dispose()
