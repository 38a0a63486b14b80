"""The contract that every live-call store keeps, on each of them."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from voicegw.errors import StaleVersion, StoreClosed, StoreError
from voicegw.store.memory import MemoryStore
from voicegw.store.sqlite import SqliteStore
from voicegw.turns.ports import RECORDING_REST_SECONDS, RECORDINGS_KEPT, CallStore, StoredAudio

LIFETIME = 100.0


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, wall: Clock, tmp_path: Path) -> AsyncIterator[CallStore]:
    if request.param == "memory":
        yield MemoryStore(wall=wall, lifetime_seconds=LIFETIME)
        return
    sqlite = SqliteStore(tmp_path / "live" / "calls.db", wall=wall, lifetime_seconds=LIFETIME)
    await sqlite.open()
    yield sqlite
    await sqlite.close()


async def test_a_call_is_created_once(store: CallStore) -> None:
    assert await store.create_call("CA1", b"one")
    assert not await store.create_call("CA1", b"two")
    stored = await store.load_call("CA1")
    assert stored is not None
    assert (stored.document, stored.version) == (b"one", 1)


async def test_an_unknown_call_loads_as_none(store: CallStore) -> None:
    assert await store.load_call("CA1") is None


async def test_saving_needs_the_version_that_was_loaded(store: CallStore) -> None:
    await store.create_call("CA1", b"one")
    assert await store.save_call("CA1", b"two", 1) == 2
    with pytest.raises(StaleVersion):
        await store.save_call("CA1", b"three", 1)
    stored = await store.load_call("CA1")
    assert stored is not None
    assert (stored.document, stored.version) == (b"two", 2)


async def test_of_many_savers_of_one_version_exactly_one_wins(store: CallStore) -> None:
    await store.create_call("CA1", b"one")
    results = await asyncio.gather(
        *(store.save_call("CA1", b"%d" % number, 1) for number in range(20)), return_exceptions=True
    )
    assert sum(result == 2 for result in results) == 1
    assert sum(isinstance(result, StaleVersion) for result in results) == 19


async def test_an_answer_is_kept_with_the_save_or_not_at_all(store: CallStore) -> None:
    await store.create_call("CA1", b"one")
    await store.save_call("CA1", b"two", 1, answered=("1/1", b"<Response/>"))
    with pytest.raises(StaleVersion):
        await store.save_call("CA1", b"three", 1, answered=("1/2", b"lost"))
    assert await store.get_answer("CA1", "1/1") == b"<Response/>"
    assert await store.get_answer("CA1", "1/2") is None
    assert await store.get_answer("CA2", "1/1") is None


async def test_a_call_is_forgotten_a_lifetime_after_it_was_last_written(store: CallStore, wall: Clock) -> None:
    await store.create_call("CA1", b"one")
    wall.now += LIFETIME - 1
    await store.save_call("CA1", b"two", 1, answered=("voice", b"x"))
    wall.now += LIFETIME - 1
    assert await store.load_call("CA1") is not None
    wall.now += 2
    assert await store.load_call("CA1") is None
    assert await store.live_calls() == ()
    assert await store.create_call("CA1", b"anew")


async def test_a_turn_that_goes_on_keeps_its_call(store: CallStore, wall: Clock) -> None:
    await store.create_call("CA1", b"one")
    for _ in range(5):
        wall.now += LIFETIME - 61
        await store.append_turn("CA1", 1, (), over=False)
    assert await store.load_call("CA1") is not None
    wall.now += LIFETIME + 1
    assert await store.load_call("CA1") is None


async def test_purging_drops_expired_calls_with_all_their_parts(store: CallStore, wall: Clock) -> None:
    await store.create_call("CA1", b"one")
    await store.append_turn("CA1", 1, (b"a",), over=True)
    await store.put_audio("CA1", "token", StoredAudio(b"RIFF", "audio/wav"))
    await store.claim_name("caller", "CA1")
    await store.count("forwards", 10)
    wall.now += LIFETIME + 1
    await store.create_call("CA2", b"two")
    assert await store.purge() == 1
    assert await store.purge() == 0
    assert await store.get_audio("token") is None
    assert await store.read_turn("CA1", 1) is None
    assert await store.claim_name("caller", "CA2")
    assert await store.live_calls() == ("CA2",)


async def test_a_turns_progress_comes_back_in_order(store: CallStore) -> None:
    await store.create_call("CA1", b"one")
    await store.append_turn("CA1", 1, (b"a", b"b"), over=False)
    await store.append_turn("CA1", 1, (), over=False)
    await store.append_turn("CA1", 1, (b"c",), over=True)
    await store.append_turn("CA1", 2, (b"z",), over=False)
    first = await store.read_turn("CA1", 1)
    assert first is not None
    assert (first.entries, first.over) == ((b"a", b"b", b"c"), True)
    second = await store.read_turn("CA1", 2)
    assert second is not None
    assert (second.entries, second.over) == ((b"z",), False)
    assert await store.read_turn("CA1", 3) is None


async def test_an_empty_append_is_a_sign_of_life(store: CallStore, wall: Clock) -> None:
    await store.create_call("CA1", b"one")
    await store.append_turn("CA1", 1, (b"a",), over=False)
    wall.now += 5
    await store.append_turn("CA1", 1, (), over=False)
    turn = await store.read_turn("CA1", 1)
    assert turn is not None
    assert turn.beat_at == wall.now


async def test_a_turn_of_an_unknown_call_is_not_kept(store: CallStore) -> None:
    await store.append_turn("CA1", 1, (b"a",), over=False)
    assert await store.read_turn("CA1", 1) is None


async def test_audio_is_served_until_its_call_is_forgotten(store: CallStore) -> None:
    await store.create_call("CA1", b"one")
    await store.put_audio("CA1", "token", StoredAudio(b"RIFF", "audio/wav"))
    await store.put_audio("CA9", "stray", StoredAudio(b"RIFF", "audio/wav"))
    assert await store.get_audio("token") == StoredAudio(b"RIFF", "audio/wav")
    assert await store.get_audio("stray") is None
    await store.forget_call("CA1")
    await store.forget_call("CA1")
    assert await store.get_audio("token") is None
    assert await store.load_call("CA1") is None


async def test_a_name_belongs_to_one_owner_at_a_time(store: CallStore, wall: Clock) -> None:
    assert await store.claim_name("+1500", "CA1")
    assert await store.claim_name("+1500", "CA1")
    assert not await store.claim_name("+1500", "CA2")
    await store.release_name("+1500", "CA2")
    assert not await store.claim_name("+1500", "CA2")
    await store.release_name("+1500", "CA1")
    assert await store.claim_name("+1500", "CA2")
    wall.now += LIFETIME + 1
    assert await store.claim_name("+1500", "CA3")


async def test_counts_start_anew_in_each_window(store: CallStore, wall: Clock) -> None:
    assert [await store.count("sales", 3600) for _ in range(3)] == [1, 2, 3]
    assert await store.count("support", 3600) == 1
    wall.now += 3600
    assert await store.count("sales", 3600) == 1


async def test_a_call_keeps_its_latest_two_turns(store: CallStore) -> None:
    await store.create_call("CA1", b"one")
    await store.create_call("CA2", b"one")
    await store.append_turn("CA2", 1, (b"other",), over=True)
    for turn in (1, 2, 3, 4):
        await store.append_turn("CA1", turn, (b"a",), over=False)
        await store.append_turn("CA1", turn, (b"b",), over=True)
    kept = [turn for turn in range(6) if await store.read_turn("CA1", turn) is not None]
    assert kept == [3, 4]
    latest = await store.read_turn("CA1", 4)
    assert latest is not None
    assert latest.entries == (b"a", b"b")
    assert await store.read_turn("CA2", 1) is not None


async def test_a_call_keeps_its_latest_recordings(store: CallStore) -> None:
    await store.create_call("CA1", b"one")
    await store.create_call("CA2", b"one")
    await store.put_audio("CA2", "other", StoredAudio(b"RIFF", "audio/wav"))
    for number in range(RECORDINGS_KEPT + 3):
        await store.put_audio("CA1", f"token-{number}", StoredAudio(b"RIFF", "audio/wav"))
    kept = [number for number in range(RECORDINGS_KEPT + 3) if await store.get_audio(f"token-{number}")]
    assert kept == list(range(3, RECORDINGS_KEPT + 3))
    assert await store.get_audio("other") is not None


async def test_recordings_and_answers_of_a_call_that_is_over_go_before_the_call_does(
    wall: Clock, tmp_path: Path
) -> None:
    lifetime = 26 * 3600.0
    sqlite = SqliteStore(tmp_path / "calls.db", wall=wall, lifetime_seconds=lifetime)
    await sqlite.open()
    stores: tuple[CallStore, ...] = (sqlite, MemoryStore(wall=wall, lifetime_seconds=lifetime))
    for store in stores:
        for call_sid, live in (("CA1", False), ("CA2", True)):
            await store.create_call(call_sid, b"one")
            await store.put_audio(call_sid, f"of-{call_sid}", StoredAudio(b"RIFF", "audio/wav"))
            await store.append_turn(call_sid, 1, (b"words",), over=True)
            await store.save_call(call_sid, b"two", 1, live=live)
    for later, gone in ((RECORDING_REST_SECONDS - 1, False), (1.0, True)):
        wall.now += later
        for store in stores:
            assert await store.purge() == 0
            assert (await store.get_audio("of-CA1") is None) is gone
            assert await store.get_audio("of-CA2") is not None
            assert (await store.read_turn("CA1", 1) is None) is gone
            assert await store.read_turn("CA2", 1) is not None
            assert await store.load_call("CA1") is not None
    await sqlite.close()


async def test_what_sqlite_forgets_is_in_none_of_its_files(wall: Clock, tmp_path: Path) -> None:
    sqlite = SqliteStore(tmp_path / "calls.db", wall=wall, lifetime_seconds=LIFETIME)
    await sqlite.open()
    secrets = {
        f"secret-{place}-".encode(): f"secret-{place}-".encode() * 2000 for place in ("old", "new", "turn", "answer")
    }
    await sqlite.create_call("CA1", secrets[b"secret-old-"])
    await sqlite.save_call("CA1", secrets[b"secret-new-"], 1, answered=("1/1", secrets[b"secret-answer-"]))
    await sqlite.append_turn("CA1", 1, (secrets[b"secret-turn-"],), over=True)

    def left() -> set[bytes]:
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        return {secret for secret in secrets if secret in written}

    assert left() == set(secrets)
    wall.now += LIFETIME + 1
    assert await sqlite.purge() == 1
    assert left() == set()
    await sqlite.close()
    assert left() == set()


async def test_sqlite_remembers_calls_over_a_restart(wall: Clock, tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    before = SqliteStore(path, wall=wall, lifetime_seconds=LIFETIME)
    await before.open()
    await before.create_call("CA1", b"one")
    await before.append_turn("CA1", 1, (b"a",), over=False)
    await before.close()
    after = SqliteStore(path, wall=wall, lifetime_seconds=LIFETIME)
    await after.open()
    stored = await after.load_call("CA1")
    turn = await after.read_turn("CA1", 1)
    await after.close()
    assert stored is not None
    assert stored.document == b"one"
    assert turn is not None
    assert turn.entries == (b"a",)


async def test_two_sqlite_stores_share_one_file(wall: Clock, tmp_path: Path) -> None:
    one, two = (SqliteStore(tmp_path / "calls.db", wall=wall, lifetime_seconds=LIFETIME) for _ in range(2))
    await one.open()
    await two.open()
    created = await asyncio.gather(one.create_call("CA1", b"1"), two.create_call("CA1", b"2"))
    assert sorted(created) == [False, True]
    results = await asyncio.gather(*(store.save_call("CA1", b"x", 1) for store in (one, two)), return_exceptions=True)
    assert sum(result == 2 for result in results) == 1
    await one.close()
    await two.close()


def _modes(directory: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()}


async def test_all_that_sqlite_writes_is_readable_by_its_owner_alone(wall: Clock, tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        (tmp_path / "calls.db-wal").touch(0o644)  # left behind by a process that died
        store = SqliteStore(tmp_path / "calls.db", wall=wall, lifetime_seconds=LIFETIME)
        await store.open()
        await store.create_call("CA1", b"session key")
    finally:
        os.umask(before)
    modes = _modes(tmp_path)
    await store.close()
    assert modes == {"calls.db": 0o600, "calls.db-wal": 0o600, "calls.db-shm": 0o600}


async def test_a_place_where_nothing_can_be_written_is_an_error_that_names_it(wall: Clock, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SqliteStore(tmp_path / "file" / "calls.db", wall=wall, lifetime_seconds=LIFETIME)
    with pytest.raises(StoreError, match=r"calls\.db"):
        await store.open()


async def test_a_file_that_is_no_database_is_an_error_that_names_it(wall: Clock, tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    path.write_bytes(b"this is not a database, not at all, it is only some text" * 100)
    store = SqliteStore(path, wall=wall, lifetime_seconds=LIFETIME)
    with pytest.raises(StoreError, match=r"calls\.db"):
        await store.open()


async def test_a_file_of_another_schema_is_refused_with_the_mend(wall: Clock, tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "calls.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    store = SqliteStore(path, wall=wall, lifetime_seconds=LIFETIME)
    with pytest.raises(StoreError, match="move the file away"):
        await store.open()


async def test_a_closed_store_says_that_it_is(wall: Clock, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "calls.db", wall=wall, lifetime_seconds=LIFETIME)
    with pytest.raises(StoreError):
        await store.load_call("CA1")
    await store.open()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.load_call("CA1")


async def test_a_full_disk_is_a_store_error_and_reads_go_on(wall: Clock, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "calls.db", wall=wall, lifetime_seconds=LIFETIME)
    await store.open()
    await store.create_call("CA1", b"one")
    await store._do(lambda file: file._connection.execute("PRAGMA max_page_count=30"))
    with pytest.raises(StoreError, match="full"):
        for number in range(100):
            await store.create_call(f"CB{number}", bytes(4096))
    assert await store.load_call("CA1") is not None
    await store.close()
