"""The call log's database, SQLite by file or PostgreSQL by URL: its engine, its transactions, its errors as ours.

Every other file of this room runs its statements inside `reading` or `writing`. No message names a password or
anything that a caller said.
"""

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from voicegw.errors import CallLogError

BUSY_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 5.0
COMMAND_TIMEOUT_SECONDS = 10.0
_MEND_URL = "Use sqlite:///path/to/file.db or postgresql://user:password@host/name."
# asyncpg has a name of its own for what libpq calls sslmode, the only parameter that providers put into their URLs
_QUERY_NAMES = {"host": "host", "port": "port", "ssl": "ssl", "sslmode": "ssl"}


class CallLogRowRefused(CallLogError):  # noqa: N818 (a leaf of the errors' tree says what happened)
    """The database will never take this row, whatever the others do: doing it again does not help."""

    code = "call-log-row-refused"
    retryable = False


def open_engine(
    url: str,
    *,
    busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
    command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
) -> AsyncEngine:
    """The engine for `sqlite:///file` or `postgresql://…`; nothing is connected yet. Dispose of it when done.

    A writer waits at most `busy_timeout_seconds` for SQLite's lock and `command_timeout_seconds` for an answer of
    PostgreSQL. Raises `CallLogError` for any other URL, and where PostgreSQL's driver is not installed.
    """
    parsed = _parsed(url)
    for library in ("aiosqlite", "sqlalchemy"):  # at DEBUG they log each statement's values, each row that is read
        logging.getLogger(library).setLevel(logging.WARNING)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, busy_timeout_seconds)
    return _open_postgres(parsed, command_timeout_seconds)


def names_missing_file(url: str) -> bool:
    """Is `url` that of a SQLite file which is not there? (Connecting would make it.)"""
    parsed = _parsed(url)
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists()


def masked(url: str | URL) -> str:
    """The URL as people write it and may see it: without password, parameters and driver."""
    try:
        parsed = make_url(url)
        return parsed.set(drivername=parsed.get_backend_name(), query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "(unreadable URL)"


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that only reads, on one state of the database. Raises `CallLogError`."""
    async with _translated(engine), engine.connect() as connection:
        yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that is kept whole or, where anything raises, not at all. Raises `CallLogError`."""
    async with _translated(engine), engine.execution_options(writes=True).begin() as connection:
        yield connection


@asynccontextmanager
async def outside_transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection for what no transaction may hold (VACUUM, a checkpoint): each statement stands alone.

    Raises `CallLogError`.
    """
    alone = engine.execution_options(alone=True)
    if engine.dialect.name == "postgresql":
        alone = alone.execution_options(isolation_level="AUTOCOMMIT")
    async with _translated(engine), alone.connect() as connection:
        yield connection


@asynccontextmanager
async def _translated(engine: AsyncEngine) -> AsyncIterator[None]:
    """The one place where errors of the database become ours.

    Without the cause: drivers quote the values they refuse, and those are what callers said.
    """
    where = f"call log {masked(engine.url)}"
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise CallLogRowRefused(f"{where}: a row is refused ({_kind(error)})") from None
    except DBAPIError as error:
        if _refuses_values(error):
            raise CallLogRowRefused(f"{where}: a row is refused ({_kind(error)})") from None
        raise CallLogError(f"{where}: {_words(error)}") from None
    except UnicodeError:
        raise CallLogRowRefused(f"{where}: a row is refused (half a surrogate pair)") from None
    except TimeoutError:
        raise CallLogError(f"{where}: no answer in time") from None
    except (SQLAlchemyError, OSError) as error:
        raise CallLogError(f"{where}: {type(error).__name__}: {_first_line(error)}") from None


def _driver_error(error: DBAPIError) -> BaseException:
    """What the driver itself raised, beneath SQLAlchemy's wrappings of it."""
    found = error.orig or error
    return found.__cause__ or found


def _refuses_values(error: DBAPIError) -> bool:
    # asyncpg's own check of an argument is an InterfaceError that is a ValueError ("invalid input for query argument
    # $1: …"); SQLSTATE class 22 is PostgreSQL's "data exception", 23 "integrity constraint violation".
    found = _driver_error(error)
    return isinstance(found, ValueError | UnicodeError) or str(getattr(found, "sqlstate", ""))[:2] in {"22", "23"}


def _kind(error: DBAPIError) -> str:
    found = _driver_error(error)
    return str(getattr(found, "sqlite_errorname", None) or type(found).__name__)


def _words(error: DBAPIError) -> str:
    """What the driver says, in its first line: further ones ("DETAIL: …") quote rows."""
    return f"{_kind(error)}: {_first_line(_driver_error(error))}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise CallLogError(f"the call log's URL is no URL. {_MEND_URL}", retryable=False) from None
    driver = parsed.drivername
    if driver in {"sqlite", "sqlite+aiosqlite"}:
        if not parsed.database or parsed.database == ":memory:":
            raise CallLogError(f"call log {masked(parsed)} names no file. {_MEND_URL}", retryable=False)
        return parsed.set(drivername="sqlite+aiosqlite")
    if driver in {"postgres", "postgresql", "postgresql+asyncpg"}:
        return parsed.set(drivername="postgresql+asyncpg", query=_postgres_query(parsed))
    raise CallLogError(f"call log {masked(parsed)}: {driver} is no database we know. {_MEND_URL}", retryable=False)


def _postgres_query(url: URL) -> dict[str, str | tuple[str, ...]]:
    unknown = sorted(set(url.query) - set(_QUERY_NAMES))
    if unknown:
        raise CallLogError(
            f"call log {masked(url)}: its parameter {unknown[0]} is not known. Remove it; known are "
            f"{', '.join(_QUERY_NAMES)}.",
            retryable=False,
        )
    return {_QUERY_NAMES[name]: value for name, value in url.query.items()}


def _open_sqlite(url: URL, busy_timeout_seconds: float) -> AsyncEngine:
    _make_private(Path(url.database or ""))
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"timeout": busy_timeout_seconds, "isolation_level": None}
    )
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    """`secure_delete`: what is deleted is overwritten, so that no free page keeps what a caller said."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock before it reads: "SQLITE_BUSY_SNAPSHOT", which no waiting mends, cannot happen then."""
    options = connection.get_execution_options()
    if not options.get("alone"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _open_postgres(url: URL, command_timeout_seconds: float) -> AsyncEngine:
    try:
        return create_async_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,  # the server may have been restarted since
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            connect_args={
                "timeout": CONNECT_TIMEOUT_SECONDS,
                "command_timeout": command_timeout_seconds,
                # A plan for any value is a bad one where one outcome is rare and another common.
                "server_settings": {
                    "application_name": "voicegw",
                    "jit": "off",
                    "plan_cache_mode": "force_custom_plan",
                },
            },
        )
    except ImportError as error:
        raise CallLogError(
            f"call log {masked(url)} needs PostgreSQL's driver: pip install 'voicegw[postgres]'", retryable=False
        ) from error


def _make_private(path: Path) -> None:
    """Make the file its owner's alone before anything is in it; SQLite gives those beside it the same permissions."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        for written in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
            if written.exists():
                written.chmod(0o600)
    except OSError as error:
        raise CallLogError(f"call log {path} cannot be opened: {error.strerror or error}", retryable=False) from error
