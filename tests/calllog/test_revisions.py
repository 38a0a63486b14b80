"""The tables of the call log, as migrations make them, on each database."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.database import reading, writing
from voicegw.calllog.full_text import is_of_full_text
from voicegw.calllog.revisions import current, newest, require_newest, upgrade
from voicegw.calllog.schema import METADATA
from voicegw.errors import CallLogError


def differences(connection: Connection) -> list[object]:
    settings = {"include_object": lambda _thing, name, kind, _reflected, _compared: not is_of_full_text(name, kind)}
    context = MigrationContext.configure(connection, opts={**settings, "compare_type": True})
    return list(compare_metadata(context, METADATA))


async def test_the_migrations_make_exactly_the_tables_of_the_schema(engine: AsyncEngine) -> None:
    async with reading(engine) as connection:
        assert await connection.run_sync(differences) == []


async def test_every_index_and_constraint_of_the_schema_is_there(engine: AsyncEngine) -> None:
    """Alembic does not compare all of them: on SQLite, unnamed unique constraints."""
    wanted = {
        (table.name, tuple(column.name for column in constraint.columns))
        for table in METADATA.tables.values()
        for constraint in table.constraints
        if constraint.__class__.__name__ == "UniqueConstraint"
    }

    def uniques(connection: Connection) -> set[tuple[str, tuple[str, ...]]]:
        found = inspect(connection)
        return {
            (table, tuple(column or "" for column in unique["column_names"]))
            for table in METADATA.tables
            for unique in found.get_unique_constraints(table)
        }

    async with reading(engine) as connection:
        assert await connection.run_sync(uniques) == wanted


async def test_an_empty_database_is_upgraded_and_says_which_revision_it_has(empty_url: str) -> None:
    assert await current(empty_url) is None
    assert await upgrade(empty_url) == newest()
    assert await current(empty_url) == newest()


async def test_upgrading_again_keeps_what_is_there(log_url: str, engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(
            text("INSERT INTO records (call_sid, schema, count, entries) VALUES ('CA1', 1, 0, '[]')")
        )
    await upgrade(log_url)
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM records")) == 1


async def test_many_upgrades_at_once_are_one(empty_url: str) -> None:
    assert await asyncio.gather(*(upgrade(empty_url) for _ in range(4))) == [newest()] * 4


async def test_the_newest_tables_are_taken(engine: AsyncEngine) -> None:
    await require_newest(engine)


async def test_a_database_without_tables_is_refused_with_the_mend(
    empty_url: str, open_log: Callable[..., AsyncEngine]
) -> None:
    with pytest.raises(CallLogError, match=r"has no tables yet\. Run: voicegw db upgrade"):
        await require_newest(open_log(empty_url))


async def test_the_tables_of_a_newer_version_are_refused(log_url: str, engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CallLogError, match=r"made by a newer voicegw \(revision 9999"):
        await require_newest(engine)
    with pytest.raises(CallLogError, match="newer voicegw"):
        await upgrade(log_url)
    assert await current(log_url) == "9999"


async def test_older_tables_are_refused_with_the_mend(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegw.calllog.revisions.newest", lambda: "0003")
    with pytest.raises(CallLogError, match=r"older tables \(revision 0002, needed 0003\)\. Run: voicegw db upgrade"):
        await require_newest(engine)


async def test_turns_of_the_first_tables_are_kept_and_were_never_timed_to_the_ear(
    log_url: str, engine: AsyncEngine
) -> None:
    turn = "INSERT INTO turns (call_sid, turn, called_number, day, heard, failure) VALUES ('CA1', 1, '', '', '', '')"
    async with writing(engine) as connection:
        for statement in (
            turn,
            "ALTER TABLE turns DROP COLUMN sounded_ms",
            "UPDATE alembic_version SET version_num = '0001'",
        ):
            await connection.execute(text(statement))
    assert await current(log_url) == "0001"
    assert await upgrade(log_url) == newest()
    async with reading(engine) as connection:
        row = (await connection.execute(text("SELECT turn, sounded_ms FROM turns"))).one()
    assert tuple(row) == (1, None)


async def test_asking_for_the_revision_makes_no_file(tmp_path: Path) -> None:
    assert await current(f"sqlite:///{tmp_path / 'none.db'}") is None
    assert not (tmp_path / "none.db").exists()


async def test_a_failed_upgrade_leaves_nothing_behind(empty_url: str, open_log: Callable[..., AsyncEngine]) -> None:
    engine = open_log(empty_url)
    async with writing(engine) as connection:
        await connection.execute(text("CREATE TABLE outbox (id INTEGER)"))  # somebody else's: the last to be made
    with pytest.raises(CallLogError, match="already exists"):
        await upgrade(empty_url)
    async with reading(engine) as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["outbox"]
