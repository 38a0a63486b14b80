"""A call log's database for each test, with its newest tables: on SQLite, and on PostgreSQL where there is one.

PostgreSQL is the server of `VOICEGW_TEST_POSTGRES_URL` (`tests/postgres.sh` starts one); each test has a database
of its own there, copied from one that was upgraded once.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallerSpoke,
    CallRang,
    PromptBegan,
    Record,
    StepAnswered,
    TraceReceived,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.calllog.database import open_engine
from voicegw.calllog.revisions import upgrade

POSTGRES = os.environ.get("VOICEGW_TEST_POSTGRES_URL", "")
needs_postgres = pytest.mark.skipif(not POSTGRES, reason="VOICEGW_TEST_POSTGRES_URL names no PostgreSQL")


async def on_server(*statements: str) -> None:
    """Run what no transaction may hold, such as making a database."""
    url = make_url(POSTGRES).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


def postgres_url(name: str) -> str:
    """The URL of the database `name` on the tests' server."""
    return make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("calllog") / "template.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def upgraded_postgres() -> Iterator[str]:
    name = f"voicegw_template_{secrets.token_hex(6)}"
    asyncio.run(on_server(f"CREATE DATABASE {name}"))
    asyncio.run(upgrade(postgres_url(name)))
    yield name
    asyncio.run(on_server(f"DROP DATABASE {name}"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    return str(request.param)


@pytest.fixture
async def empty_url(backend: str, tmp_path: Path) -> AsyncIterator[str]:
    """A database without any tables."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    name = f"voicegw_{secrets.token_hex(6)}"
    await on_server(f"CREATE DATABASE {name}")
    yield postgres_url(name)
    await on_server(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def template(backend: str, request: pytest.FixtureRequest) -> str:
    """What a test's database is copied from: a file or a database."""
    return str(request.getfixturevalue("upgraded_file" if backend == "sqlite" else "upgraded_postgres"))


@pytest.fixture
async def log_url(backend: str, template: str, tmp_path: Path) -> AsyncIterator[str]:
    """A database with the newest tables and nothing in them."""
    if backend == "sqlite":
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'calls.db')}"
        return
    name = f"voicegw_{secrets.token_hex(6)}"
    await on_server(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield postgres_url(name)
    await on_server(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def open_log() -> AsyncIterator[Callable[..., AsyncEngine]]:
    """Opens engines (as `calllog.database.open_engine`) and disposes of them after the test."""
    opened: list[AsyncEngine] = []

    def open_one(url: str, **settings: float) -> AsyncEngine:
        opened.append(open_engine(url, **settings))
        return opened[-1]

    yield open_one
    for engine in opened:
        await engine.dispose()


@pytest.fixture
def engine(log_url: str, open_log: Callable[..., AsyncEngine]) -> AsyncEngine:
    """The engine of a database with the newest tables."""
    return open_log(log_url)


STARTED_AT = 1_795_420_800.0  # 2026-11-23 08:00 UTC


def _entry(record: Record, offset: float, turn: int = 0, call_sid: str = "CA1") -> Entry:
    return Entry(call_sid=call_sid, at=STARTED_AT + offset, offset=offset, turn=turn, record=record)


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Makes an entry: `entry(record, offset, turn, call_sid)`, of a call that began on 2026-11-23 at 08:00 UTC."""
    return _entry


@pytest.fixture
def whole_call() -> Callable[..., list[Entry]]:
    """Makes the entries of a call of `turns` turns, two seconds each, that the caller ends."""

    def make(call_sid: str = "CA1", turns: int = 2, **parties: str) -> list[Entry]:
        numbers = {"caller_number": "+15005550006", "called_number": "+15005550001", **parties}
        told = [(CallRang(**numbers), 0.0, 0), (WebhookReceived(name="voice"), 0.0, 0)]
        for turn in range(1, turns + 1):
            began = 2.0 * (turn - 1)
            if turn > 1:
                told.append((CallerSpoke(text=f"Words of turn {turn}", quiet_seconds=0.5), began, turn))
            told += [
                (TurnBegan(heard="said" if turn > 1 else "started"), began, turn),
                (ActionSent(action={"type": "text"}), began + 0.01, turn),
                (AnswerBegan(), began + 0.1, turn),
                (TraceReceived(type="text", summary="Hello"), began + 0.15, turn),
                (WordsReady(), began + 0.2, turn),
                (PromptBegan(text=f"Answer {turn}"), began + 0.25, turn),
                (StepAnswered(name=f"{turn}/1", seconds=0.25, answer="<Response/>"), began + 0.25, turn),
                (TurnEnded(), began + 0.3, turn),
            ]
        told.append((CallEnded(reason="hangup"), 2.0 * turns, turns))
        return [_entry(record, offset, turn, call_sid) for record, offset, turn in told]

    return make
