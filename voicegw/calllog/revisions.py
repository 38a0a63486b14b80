"""The versions of the call log's tables: which one a database has, and how it comes to the newest (`migrations/`).

Alembic does the work; it needs no file of the user's.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import masked, names_missing_file, open_engine, reading, writing
from voicegw.errors import CallLogError

_MIGRATIONS = Path(__file__).parent / "migrations"
# Of two processes that upgrade one PostgreSQL, the second waits and then finds nothing to do. Any number will do.
_UPGRADE_LOCK = 7_404_151_820


def newest() -> str:
    """The revision that this version of voicegw needs."""
    return str(ScriptDirectory(str(_MIGRATIONS)).get_current_head())


async def current(url: str) -> str | None:
    """The revision that the database at `url` has; None where it has no tables yet. Raises `CallLogError`."""
    if names_missing_file(url):
        return None  # asking must not make it
    engine = open_engine(url)
    try:
        return await _revision(engine)
    finally:
        await engine.dispose()


async def upgrade(url: str) -> str:
    """Bring the database at `url` to the newest revision, which is returned: all of the way or not at all.

    A database that is there already stays as it is, as does what it holds. Raises `CallLogError`, also where a newer
    version of voicegw made the tables.
    """
    engine = open_engine(url)
    try:
        async with writing(engine) as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
            _refuse_unknown(await connection.run_sync(_revision_of), engine)
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    return newest()


async def require_newest(engine: AsyncEngine) -> None:
    """Raises `CallLogError`, with the mend, unless the database has exactly the tables that this version needs."""
    found = await _revision(engine)
    _refuse_unknown(found, engine)
    if found != newest():
        state = "has no tables yet" if found is None else f"has older tables (revision {found}, needed {newest()})"
        raise CallLogError(f"call log {masked(engine.url)} {state}. Run: voicegw db upgrade", retryable=False)


async def _revision(engine: AsyncEngine) -> str | None:
    async with reading(engine) as connection:
        return await connection.run_sync(_revision_of)


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_unknown(found: str | None, engine: AsyncEngine) -> None:
    known = {script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()}
    if found is not None and found not in known:
        raise CallLogError(
            f"call log {masked(engine.url)} was made by a newer voicegw (revision {found}, this one knows {newest()}). "
            "Install that version, or use another database; on that version: voicegw db upgrade",
            retryable=False,
        )


def _upgrade(connection: Connection) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
