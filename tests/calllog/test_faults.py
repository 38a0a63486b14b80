"""The call log's database fails for real while calls go on: what waits, what is dropped, what is written afterwards.

`receive` is what a call does: it is no coroutine, so it cannot wait, and none of these may make it raise.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from structlog.testing import capture_logs

import voicegw.calllog.writer
from voicegw.call.entries import Entry, load_entries
from voicegw.call.records import Noted
from voicegw.calllog.database import open_engine, reading, writing
from voicegw.calllog.revisions import newest, upgrade
from voicegw.calllog.writer import CallLogWriter
from voicegw.errors import CallLogError

OpenLog = Callable[..., AsyncEngine]
MakesEntry = Callable[..., Entry]
FAILS = "call log cannot be written, entries wait"
BEHIND = "call log is behind, its oldest entries are dropped"
WORKS = "call log is written again"
ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"])
ON_POSTGRES = pytest.mark.parametrize(
    "backend",
    [
        pytest.param(
            "postgres",
            marks=pytest.mark.skipif(
                "VOICEGW_TEST_POSTGRES_URL" not in os.environ, reason="VOICEGW_TEST_POSTGRES_URL names no PostgreSQL"
            ),
        )
    ],
)
POSTGRES_SCRIPT = Path(__file__).parents[1] / "postgres.sh"


class Telling:
    """A writer that is told numbered notes of a few calls; `written` are the numbers that the database has."""

    def __init__(self, engine: AsyncEngine, make: MakesEntry, **settings: Any) -> None:
        quick = {"batch_seconds": 0.0, "batch_entries": 10, "retry_seconds": (0.01, 0.02)}
        self.writer = CallLogWriter(engine, **{**quick, **settings})
        self._engine = engine
        self._make = make
        self.told = 0

    def tell(self, count: int) -> None:
        for number in range(self.told, self.told + count):
            self.writer.receive(self._make(Noted(about=str(number)), float(number), 0, f"CA{number % 3}"))
        self.told += count

    async def failed(self) -> None:
        """The writer has noticed that the database fails."""
        await self.until(lambda: self.writer.failing)

    async def written(self) -> list[int]:
        async with asyncio.timeout(30):
            await self.writer.flush()
        async with reading(self._engine) as connection:
            documents = list(await connection.scalars(text("SELECT entries FROM records ORDER BY id")))
        return sorted(int(entry.record.about) for document in documents for entry in load_entries(document))  # type: ignore[union-attr]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():  # noqa: ASYNC110  (the writer tells nobody: it is seen from outside)
                await asyncio.sleep(0.002)


@asynccontextmanager
async def telling(engine: AsyncEngine, entry: MakesEntry, **settings: Any) -> AsyncIterator[Telling]:
    told = Telling(engine, entry, **settings)
    await told.writer.start()
    yield told
    await told.writer.stop(10)


async def in_an_outage(told: Telling) -> tuple[int, list[str]]:
    """Tell far more than there is room for while the database fails: the first number that survives, and the log."""
    with capture_logs() as logs:
        told.tell(5)
        await told.failed()
        told.tell(300)
    room = told.writer._max_waiting
    assert told.writer.waiting <= room + told.writer._batch_entries
    assert told.writer.dropped >= 300 - room
    return told.told - room, [log["event"] for log in logs]


async def after_the_outage(told: Telling, first_kept: int, mend: Awaitable[None]) -> None:
    """Once it is mended, everything that had room is written, and what comes then: each once."""
    dropped = told.writer.dropped
    with capture_logs() as logs:
        await mend
        await told.written()
        told.tell(5)
        written = await told.written()
    assert written == sorted(set(written))
    assert set(range(first_kept, told.told)) <= set(written)
    assert len(written) == told.told - dropped
    assert told.writer.dropped == dropped
    assert [(log["event"], log["dropped"]) for log in logs] == [(WORKS, dropped)]
    assert not told.writer.failing


@ON_SQLITE
async def test_a_full_disk(log_url: str, open_log: OpenLog, entry: MakesEntry) -> None:
    engine = open_log(log_url)
    pages = ["1"]  # fewer than there are: not one more, then ("SQLITE_FULL")

    def limit(connection: Any, *_more: object) -> None:
        connection.cursor().execute(f"PRAGMA max_page_count={pages[0]}")

    event.listen(engine.sync_engine, "checkout", limit)
    async with telling(engine, entry, max_waiting=100) as told:
        await fill_the_pages(engine)
        first_kept, logs = await in_an_outage(told)
        assert logs == [FAILS, BEHIND]
        async with reading(engine) as connection:  # what is there can be read all the time
            assert await connection.scalar(text("SELECT count(*) FROM records")) is not None

        async def mend() -> None:
            pages[0] = "1000000"

        await after_the_outage(told, first_kept, mend())


async def fill_the_pages(engine: AsyncEngine) -> None:
    """Use up what room the last pages have: with large rows, and in what they leave with small ones."""
    fill = text("INSERT INTO records (call_sid, schema, count, entries) VALUES ('CAfull', 1, 0, :entries)")
    for size in (2000, 100, 2):
        with pytest.raises(CallLogError, match="database or disk is full"):
            while True:
                async with writing(engine) as connection:
                    await connection.execute(fill, {"entries": f"[{' ' * (size - 2)}]"})


@ON_SQLITE
async def test_a_file_that_another_process_has_locked(log_url: str, open_log: OpenLog, entry: MakesEntry) -> None:
    async with telling(open_log(log_url, busy_timeout_seconds=0.02), entry, max_waiting=100) as told:
        other = locked_file(log_url)
        first_kept, logs = await in_an_outage(told)
        assert logs == [FAILS, BEHIND]

        async def mend() -> None:
            other.execute("ROLLBACK")
            other.close()

        await after_the_outage(told, first_kept, mend())


def locked_file(url: str) -> sqlite3.Connection:
    other = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


@ON_SQLITE
async def test_a_lock_that_is_waited_for_does_not_hold_up_the_event_loop(
    log_url: str, open_log: OpenLog, entry: MakesEntry
) -> None:
    """The lock is given back by this very loop: if it were held up, the lock would last as long as the waiting."""
    async with telling(open_log(log_url, busy_timeout_seconds=60), entry) as told:
        other = locked_file(log_url)
        told.tell(10)
        await told.until(lambda: bool(told.writer._in_hand))
        for _ in range(100):
            told.tell(1)
            await asyncio.sleep(0)
        other.execute("ROLLBACK")
        other.close()
        assert await told.written() == list(range(110))
        assert not told.writer.failing


async def test_a_table_that_is_missing(engine: AsyncEngine, entry: MakesEntry) -> None:
    """Whatever an operator did to the tables: it is retried until it is mended."""
    async with telling(engine, entry, max_waiting=100) as told:
        await execute(engine, "ALTER TABLE records RENAME TO elsewhere")
        first_kept, logs = await in_an_outage(told)
        assert logs == [FAILS, BEHIND]
        await after_the_outage(told, first_kept, execute(engine, "ALTER TABLE elsewhere RENAME TO records"))


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with writing(engine) as connection:
        await connection.execute(text(statement))


@ON_POSTGRES
async def test_a_server_that_does_not_answer_in_time(log_url: str, open_log: OpenLog, entry: MakesEntry) -> None:
    blocker = open_log(log_url)
    async with telling(open_log(log_url, command_timeout_seconds=0.3), entry, max_waiting=100) as told:
        connection = await locked_table(blocker)
        first_kept, logs = await in_an_outage(told)
        assert logs == [FAILS, BEHIND]
        await after_the_outage(told, first_kept, connection.close())


@ON_POSTGRES
async def test_a_write_without_end_is_broken_off_and_done_again(
    log_url: str, open_log: OpenLog, entry: MakesEntry
) -> None:
    blocker = open_log(log_url)
    async with telling(open_log(log_url), entry, max_waiting=100, write_timeout_seconds=0.3) as told:
        connection = await locked_table(blocker)
        first_kept, logs = await in_an_outage(told)
        assert logs == [FAILS, BEHIND]
        await after_the_outage(told, first_kept, connection.close())


async def locked_table(engine: AsyncEngine) -> AsyncConnection:
    """A connection because of which nobody can write; until it is closed."""
    connection = await engine.connect()
    await connection.execute(text("LOCK TABLE records IN ACCESS EXCLUSIVE MODE"))
    return connection


class Server:
    """A PostgreSQL of one test's own, to be stopped and started."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.url = ""

    async def start(self) -> None:
        self.url = (await asyncio.to_thread(self._run, "start")).strip()

    async def stop(self) -> None:
        await asyncio.to_thread(self._run, "stop")

    def _run(self, action: str) -> str:
        done = subprocess.run([POSTGRES_SCRIPT, action, self._directory], check=True, capture_output=True, text=True)
        return done.stdout


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory whose path is short enough for a socket in it."""
    path = Path(tempfile.mkdtemp(prefix="voicegw-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def server(backend: str, directory: Path) -> AsyncIterator[Server]:
    started = Server(directory)
    await started.start()
    await upgrade(started.url)
    yield started
    await started.stop()


@ON_POSTGRES
async def test_a_server_that_is_stopped_and_started_again(server: Server, open_log: OpenLog, entry: MakesEntry) -> None:
    async with telling(open_log(server.url), entry, max_waiting=100) as told:
        told.tell(50)
        assert await told.written() == list(range(50))
        await server.stop()
        first_kept, logs = await in_an_outage(told)
        assert logs == [FAILS, BEHIND]
        await after_the_outage(told, first_kept, server.start())


@ON_POSTGRES
async def test_a_server_that_stops_in_the_middle_of_writing_loses_and_doubles_nothing(
    server: Server, open_log: OpenLog, entry: MakesEntry
) -> None:
    async with telling(open_log(server.url), entry, max_waiting=100_000) as told:

        async def go_on() -> None:
            while True:
                told.tell(5)
                await asyncio.sleep(0.001)

        calls = asyncio.create_task(go_on())
        for _ in range(3):
            before = told.told
            await told.until(lambda before=before: told.told > before + 50)  # type: ignore[misc]
            await server.stop()
            await server.start()
        calls.cancel()
        await asyncio.gather(calls, return_exceptions=True)
        assert await told.written() == list(range(told.told))
        assert told.writer.dropped == 0


@ON_POSTGRES
async def test_a_server_that_was_down_at_start_and_has_other_tables_is_not_written(
    server: Server, open_log: OpenLog, entry: MakesEntry
) -> None:
    await execute(open_log(server.url), "UPDATE alembic_version SET version_num = '9999'")
    await server.stop()
    async with telling(open_log(server.url), entry) as told:
        told.tell(5)
        with capture_logs() as logs:
            await server.start()
            await told.until(lambda: "9999" in str(logs))
        assert told.writer.failing
        await execute(open_log(server.url), f"UPDATE alembic_version SET version_num = '{newest()}'")  # noqa: S608
        assert await told.written() == list(range(5))


@ON_POSTGRES
async def test_a_server_that_is_down_at_start_is_waited_for(
    server: Server, open_log: OpenLog, entry: MakesEntry
) -> None:
    await server.stop()
    async with telling(open_log(server.url), entry) as told:
        assert told.writer.failing
        told.tell(5)
        await server.start()
        assert await told.written() == list(range(5))


async def test_a_commit_that_worked_but_looked_as_if_it_had_not_is_not_done_twice(
    engine: AsyncEngine, entry: MakesEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks = [True]

    @asynccontextmanager
    async def breaking(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with writing(engine) as connection:
            yield connection
        if breaks.pop() if breaks else False:
            raise CallLogError("the connection broke after COMMIT was sent")

    monkeypatch.setattr(voicegw.calllog.writer, "writing", breaking)
    async with telling(engine, entry) as told:
        told.tell(3)
        assert await told.written() == [0, 1, 2]
        assert not breaks


async def test_stopping_in_an_outage_takes_no_longer_than_it_may(engine: AsyncEngine, entry: MakesEntry) -> None:
    told = Telling(engine, entry)
    await told.writer.start()
    await execute(engine, "ALTER TABLE records RENAME TO elsewhere")
    told.tell(25)
    await told.failed()
    with capture_logs() as logs:
        await told.writer.stop(0.05)
    assert (told.writer.dropped, told.writer.waiting) == (25, 25)
    assert [(log["event"], log["lost"]) for log in logs] == [("call log stopped before all was written", 25)]


async def test_stopping_when_the_database_comes_back_in_time_writes_everything(
    engine: AsyncEngine, entry: MakesEntry
) -> None:
    told = Telling(engine, entry, retry_seconds=(0.01, 3600.0))
    await told.writer.start()
    await execute(engine, "ALTER TABLE records RENAME TO elsewhere")
    told.tell(25)
    await told.failed()
    stopping = asyncio.create_task(told.writer.stop(30))
    await execute(engine, "ALTER TABLE elsewhere RENAME TO records")
    await stopping
    assert told.writer.dropped == 0
    assert await told.written() == list(range(25))


async def test_an_engine_that_is_disposed_of_does_not_stop_the_writer(
    log_url: str, open_log: OpenLog, entry: MakesEntry
) -> None:
    engine = open_log(log_url)
    async with telling(engine, entry) as told:
        told.tell(5)
        await told.written()
        await engine.dispose()
        told.tell(5)
        assert await told.written() == list(range(10))


def test_the_engine_needs_no_event_loop(tmp_path: Path) -> None:
    assert open_engine(f"sqlite:///{tmp_path / 'calls.db'}").dialect.name == "sqlite"
