"""How fast a call log of a million calls answers: lists, search for words, waits; on SQLite and PostgreSQL.

    python -m bench.million_calls [--calls 1000000] [--rounds 20] [--directory DIRECTORY]

PostgreSQL is the server of VOICEGW_TEST_POSTGRES_URL (`tests/postgres.sh` starts one); without it only SQLite is
measured. The databases are made anew unless `--directory` names where to keep and find the file (the server's is kept
with it).
"""

import argparse
import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bench.many_calls import CALLED, DAYS, TURNS_A_CALL, VOCABULARY, caller, make_calls
from bench.rounds import percentile, show_table
from voicegw.calllog.database import open_engine
from voicegw.calllog.queries import PAGE, CallLogReader
from voicegw.calllog.results import CallFilter, CallPage
from voicegw.calllog.revisions import upgrade

DATABASE = "voicegw_million_calls"
LIST_MS, SEARCH_MS = 200, 500
# By their rank, the first being the commonest: of 40 words in a million calls, how many have it.
COMMON, MIDDLING, RARE, RAREST = 0, 300, 10_000, 49_999

Ask = Callable[[CallLogReader], Awaitable[object]]
Question = tuple[str, int | None, Ask]


def main() -> None:
    """Make the calls where they are not there yet, ask every question, print a table for each database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--directory", type=Path)
    told = parser.parse_args()
    server = os.environ.get("VOICEGW_TEST_POSTGRES_URL", "")
    with tempfile.TemporaryDirectory() as temporary:
        path = (told.directory or Path(temporary)) / f"{DATABASE}.db"
        print(f"\nSQLite {sqlite3.sqlite_version}, {_fill_sqlite(path, told.calls)}")
        asyncio.run(_measure(f"sqlite:///{path}", told.calls, told.rounds))
    if server:
        url = make_url(server).set(database=DATABASE).render_as_string(hide_password=False)
        print(f"\n{asyncio.run(_fill_postgres(server, url, told.calls))}")
        asyncio.run(_measure(url, told.calls, told.rounds))
        if told.directory is None:
            asyncio.run(_on_server(server, f"DROP DATABASE {DATABASE} WITH (FORCE)"))


def _fill_sqlite(path: Path, count: int) -> str:
    """Fill the file unless it has so many calls; how large it is."""
    asyncio.run(upgrade(f"sqlite:///{path}"))
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous=OFF")
    if database.execute("SELECT count(*) FROM calls").fetchone() != (count,):
        for chunk in make_calls(count):
            for table, rows in (("calls", chunk.calls), ("turns", chunk.turns)):
                names = list(rows[0])
                row = f"({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
                database.executemany(f"INSERT INTO {table} {row}", rows)
            database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return f"{count:,} calls, {count * TURNS_A_CALL:,} turns, {path.stat().st_size / 2**20:,.0f} MiB"


async def _fill_postgres(server: str, url: str, count: int) -> str:
    """Fill a database of its own on the server unless it has so many calls; the server, and how large it is."""
    import asyncpg  # noqa: PLC0415 - only where PostgreSQL is measured

    present = await _on_server(server, f"SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'")  # noqa: S608
    if not present:
        await _on_server(server, f"CREATE DATABASE {DATABASE}")
    await upgrade(url)
    connection = await asyncpg.connect(url)
    if await connection.fetchval("SELECT count(*) FROM calls") != count:
        for chunk in make_calls(count):
            for table, rows in (("calls", chunk.calls), ("turns", chunk.turns)):
                values = [tuple(row.values()) for row in rows]
                await connection.copy_records_to_table(table, records=values, columns=list(rows[0]))
        await connection.execute("VACUUM ANALYZE")
    version = (await connection.fetchval("SHOW server_version")).split()[0]
    size = await connection.fetchval("SELECT pg_database_size(current_database())")
    await connection.close()
    return f"PostgreSQL {version}, {count:,} calls, {count * TURNS_A_CALL:,} turns, {size / 2**20:,.0f} MiB"


async def _on_server(server: str, statement: str) -> object:
    url = make_url(server).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        result = await connection.execute(text(statement))
        found = result.scalar() if result.returns_rows else None
    await engine.dispose()
    return found


def _questions(count: int) -> list[Question]:
    """What is asked, the milliseconds it may take at the median (None: no aim), and how."""
    after = count + 1 - 199 * PAGE
    return [
        ("list: first page", LIST_MS, lambda log: log.list_calls()),
        ("list: page 200", LIST_MS, lambda log: log.list_calls(after=after)),
        ("list: oldest page", LIST_MS, lambda log: log.list_calls(after=PAGE + 1)),
        *(
            (f"list: {name}", LIST_MS, lambda log, wanted=wanted: log.list_calls(wanted))
            for name, wanted in _filters().items()
        ),
        *(
            (f"words: {name}", SEARCH_MS, lambda log, words=words, wanted=wanted: log.search(words, wanted))
            for name, (words, wanted) in _searches().items()
        ),
        ("waits: all numbers, a day", None, lambda log: log.waits(first_day=_day(100), last_day=_day(100))),
        (
            "waits: a number, 31 days",
            None,
            lambda log: log.waits(called_number=CALLED[3], first_day=_day(100), last_day=_day(130)),
        ),
        ("waits: all numbers, 31 days", None, lambda log: log.waits(first_day=_day(100), last_day=_day(130))),
    ]


def _filters() -> dict[str, CallFilter]:
    day = _date(100).timestamp()
    return {
        "a caller": CallFilter(caller_number=caller(1)),
        "a number": CallFilter(called_number=CALLED[3]),
        "a rare outcome": CallFilter(outcome="lost"),
        "live (none is)": CallFilter(live=True),
        "with failures": CallFilter(has_failure=True),
        "a day long ago": CallFilter(started_from=day, started_before=day + 86_400),
        "all before a day": CallFilter(started_before=day),
        "a number's failed, a month": CallFilter(
            called_number=CALLED[3], outcome="failed", started_from=day, started_before=day + 30 * 86_400
        ),
    }


def _searches() -> dict[str, tuple[str, CallFilter]]:
    common, middling, rare, rarest = (str(VOCABULARY[rank]) for rank in (COMMON, MIDDLING, RARE, RAREST))
    return {
        "very common": (common, CallFilter()),
        "middling": (middling, CallFilter()),
        "rare": (rare, CallFilter()),
        "rarest": (rarest, CallFilter()),
        "nobody's": ("nosuchword", CallFilter()),
        "very common + rare": (f"{common} {rare}", CallFilter()),
        "two middling": (f"{middling} {VOCABULARY[MIDDLING + 1]}", CallFilter()),
        "very common, a caller": (common, CallFilter(caller_number=caller(1))),
        "middling, a rare outcome": (middling, CallFilter(outcome="lost")),
        "rare, a number": (rare, CallFilter(called_number=CALLED[3])),
    }


def _date(number: int) -> datetime:
    return datetime(2025, 11, 23, tzinfo=UTC) + timedelta(days=number % DAYS)


def _day(number: int) -> str:
    return _date(number).date().isoformat()


async def _measure(url: str, count: int, rounds: int) -> None:
    """Ask each question `rounds` times (after one more that warms the caches) and print what it took."""
    engine = open_engine(url, command_timeout_seconds=600)
    rows = []
    for name, aim_ms, ask in _questions(count):
        taken, answer = await _ask(engine, ask, rounds if aim_ms else max(1, rounds // 4))
        found = len(answer.calls) if isinstance(answer, CallPage) else len(answer)  # type: ignore[arg-type]
        verdict = "" if aim_ms is None else f"≤ {aim_ms}" + ("" if median(taken) <= aim_ms else " MISSED")
        rows.append([name, str(found), f"{median(taken):.1f}", f"{percentile(taken, 0.95):.1f}", verdict])
    await engine.dispose()
    show_table(("question", "answers", "median ms", "p95 ms", "aim ms"), rows)


async def _ask(engine: AsyncEngine, ask: Ask, rounds: int) -> tuple[list[float], object]:
    log = CallLogReader(engine)
    answer = await ask(log)
    taken = []
    for _ in range(rounds):
        began = perf_counter()
        answer = await ask(log)
        taken.append(1000 * (perf_counter() - began))
    return taken, answer


if __name__ == "__main__":
    main()
