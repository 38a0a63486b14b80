"""Opening the call log's database: which URLs, with which errors, and that no message gives anything away."""

import builtins
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import CallLogRowRefused, masked, open_engine, reading, writing
from voicegw.calllog.schema import calls
from voicegw.errors import CallLogError

SECRET = "hush"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("nonsense", "is no URL"),
        ("", "is no URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        (f"mysql://voicegw:{SECRET}@db/calls", "mysql is no database we know"),
        (f"postgresql+psycopg2://voicegw:{SECRET}@db/calls", "postgresql.psycopg2 is no database we know"),
        (f"postgresql://voicegw:{SECRET}@db/calls?password={SECRET}", "its parameter password is not known"),
    ],
)
def test_any_other_url_is_refused_with_the_mend_and_without_its_password(url: str, complaint: str) -> None:
    with pytest.raises(CallLogError, match=complaint) as caught:
        open_engine(url)
    assert SECRET not in caught.value.message
    assert not caught.value.retryable


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_postgresql_is_known_by_all_its_names(scheme: str) -> None:
    engine = open_engine(f"{scheme}://voicegw:{SECRET}@db.example:6432/calls?sslmode=require")
    assert (engine.dialect.name, engine.url.query["ssl"]) == ("postgresql", "require")
    assert masked(engine.url) == "postgresql://voicegw:***@db.example:6432/calls"


def test_a_url_that_cannot_be_read_is_not_shown() -> None:
    assert masked(f"not a url with {SECRET}") == "(unreadable URL)"


def test_without_its_driver_postgresql_is_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_driver(name: str, *more: Any) -> Any:
        if name == "asyncpg":
            raise ImportError(name)
        return real_import(name, *more)

    monkeypatch.setattr(builtins, "__import__", without_driver)
    with pytest.raises(CallLogError, match=r"pip install 'voicegw\[postgres\]'"):
        open_engine("postgresql://voicegw@db/calls")


async def test_the_file_is_its_owners_alone_also_if_it_was_not(
    tmp_path: Path, open_log: Callable[..., AsyncEngine]
) -> None:
    path = tmp_path / "deep" / "calls.db"
    path.parent.mkdir()
    path.touch(0o644)
    async with writing(open_log(f"sqlite:///{path}")) as connection:
        await connection.execute(text("CREATE TABLE any_table (id INTEGER)"))
    assert {written.stat().st_mode & 0o777 for written in path.parent.iterdir()} == {0o600}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CallLogError, match=r"file/calls\.db cannot be opened"):
        open_engine(f"sqlite:///{tmp_path / 'file' / 'calls.db'}")


async def test_sqlite_is_set_up_for_readers_beside_a_writer_and_overwrites_what_is_deleted(
    tmp_path: Path, open_log: Callable[..., AsyncEngine]
) -> None:
    async with reading(open_log(f"sqlite:///{tmp_path / 'calls.db'}", busy_timeout_seconds=1.5)) as connection:
        found = [
            await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "secure_delete", "busy_timeout")
        ]
    assert found == ["wal", 1, 1, 1500]


async def test_a_file_that_is_no_database_is_a_clear_error(
    tmp_path: Path, open_log: Callable[..., AsyncEngine]
) -> None:
    path = tmp_path / "calls.db"
    path.write_text("no database at all, but long enough to be looked at" * 10)
    with pytest.raises(CallLogError, match="file is not a database"):
        async with reading(open_log(f"sqlite:///{path}")):
            pass


async def test_a_server_that_is_not_there_is_a_clear_error(open_log: Callable[..., AsyncEngine]) -> None:
    engine = open_log(f"postgresql://voicegw:{SECRET}@127.0.0.1:1/calls")
    with pytest.raises(CallLogError, match=r"voicegw:\*\*\*@127\.0\.0\.1:1/calls: ConnectionRefusedError") as caught:
        async with reading(engine):
            pass
    assert caught.value.retryable
    assert SECRET not in caught.value.message


async def test_a_transaction_that_raises_leaves_nothing(engine: AsyncEngine) -> None:
    with pytest.raises(KeyError):
        async with writing(engine) as connection:
            await connection.execute(calls.insert().values(call_sid="CA1", started_at=0.0, day="1970-01-01"))
            raise KeyError
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM calls")) == 0


async def test_a_row_that_is_refused_is_not_quoted(engine: AsyncEngine) -> None:
    said = "what the caller said"
    with pytest.raises(CallLogRowRefused) as caught:
        async with writing(engine) as connection:
            await connection.execute(calls.insert().values(call_sid=said, started_at=None, day="1970-01-01"))
    assert said not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert not caught.value.retryable


async def test_a_text_that_no_database_takes_is_a_refused_row_without_being_quoted(engine: AsyncEngine) -> None:
    with pytest.raises(CallLogRowRefused) as caught:
        async with writing(engine) as connection:
            await connection.execute(calls.insert().values(call_sid="said \ud83d", started_at=0.0, day="1970-01-01"))
    assert "said" not in str(caught.value)


async def test_words_are_found_that_a_transcript_has_and_those_it_had_are_not(engine: AsyncEngine) -> None:
    """Full-text search follows `calls.transcript`: empty, changed, emptied, deleted."""
    async with writing(engine) as connection:
        for sid, transcript in (("CA1", ""), ("CA2", "caller: café"), ("CA3", "caller: tea")):
            row = {"call_sid": sid, "started_at": 0.0, "day": "1970-01-01", "transcript": transcript}
            await connection.execute(calls.insert().values(row))
    assert await found(engine, "tea") == ["CA3"]
    async with writing(engine) as connection:
        for sid, transcript in (("CA1", "caller: tea"), ("CA2", ""), ("CA3", "caller: milk")):
            await connection.execute(calls.update().where(calls.c.call_sid == sid).values(transcript=transcript))
    assert await found(engine, "tea") == ["CA1"]
    assert await found(engine, "milk") == ["CA3"]
    async with writing(engine) as connection:
        await connection.execute(calls.delete().where(calls.c.call_sid == "CA3"))
        await connection.execute(calls.delete().where(calls.c.call_sid == "CA2"))
    assert await found(engine, "milk") == []
    assert await found(engine, "caller") == ["CA1"]


async def found(engine: AsyncEngine, word: str) -> list[str]:
    statement = {
        "sqlite": "SELECT call_sid FROM calls WHERE id IN "
        "(SELECT rowid FROM calls_words WHERE calls_words MATCH :word) ORDER BY id",
        "postgresql": "SELECT call_sid FROM calls "
        "WHERE to_tsvector('simple', transcript) @@ plainto_tsquery('simple', :word) ORDER BY id",
    }[engine.dialect.name]
    async with reading(engine) as connection:
        return [str(sid) for sid in await connection.scalars(text(statement), {"word": word})]


async def test_no_library_logs_what_is_written_or_read(
    log_url: str, open_log: Callable[..., AsyncEngine], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engine = open_log(log_url)
    async with writing(engine) as connection:
        await connection.execute(calls.insert().values(call_sid="CAcanary", started_at=0.0, day="1970-01-01"))
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT call_sid FROM calls")) == "CAcanary"
    assert "CAcanary" not in caplog.text


def test_this_sqlite_can_search(tmp_path: Path) -> None:
    """What the migration needs of the library that Python was built with."""
    with sqlite3.connect(tmp_path / "any.db") as connection:
        assert ("ENABLE_FTS5",) in connection.execute("PRAGMA compile_options").fetchall()
