"""The SQLite file of live-call state and every statement on it. Blocking: runs in the store's one thread.

Every statement is a key look-up, a conditional write or an expiry: nothing that a key-value server could not do.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicegw.errors import StoreError
from voicegw.turns.ports import RECORDINGS_KEPT, StoredAudio, StoredCall, StoredTurn

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    call_sid TEXT PRIMARY KEY, document BLOB NOT NULL, version INTEGER NOT NULL, expires_at REAL NOT NULL,
    live INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS live_calls ON calls (expires_at) WHERE live = 1;
CREATE TABLE IF NOT EXISTS turns (
    call_sid TEXT NOT NULL, turn INTEGER NOT NULL, ended INTEGER NOT NULL, beat_at REAL NOT NULL,
    PRIMARY KEY (call_sid, turn)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    call_sid TEXT NOT NULL, turn INTEGER NOT NULL, position INTEGER NOT NULL, entry BLOB NOT NULL,
    PRIMARY KEY (call_sid, turn, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    call_sid TEXT NOT NULL, step TEXT NOT NULL, answer BLOB NOT NULL, PRIMARY KEY (call_sid, step)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audio (
    token TEXT PRIMARY KEY, call_sid TEXT NOT NULL, content BLOB NOT NULL, content_type TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audio_of_call ON audio (call_sid);
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, owner TEXT NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (
    key TEXT NOT NULL, slot INTEGER NOT NULL, counted INTEGER NOT NULL, expires_at REAL NOT NULL,
    PRIMARY KEY (key, slot)
) WITHOUT ROWID;
"""
# A turn that runs puts off its call's expiry: each time anew would write the whole call, every two seconds
_EXPIRY_STEP_SECONDS = 60.0
_PARTS_OF_A_CALL = ("calls", "turns", "entries", "answers", "audio")


class SqliteFile:
    """Live-call state at `path`. Raises `sqlite3.Error`; times are epoch seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: sqlite3.Connection | None = None
        self._changes_cleared = 0

    def open(self) -> None:
        _make_private(self.path)
        connection = sqlite3.connect(self.path, timeout=5.0, isolation_level=None, check_same_thread=False)
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000; PRAGMA secure_delete=ON;"
        )
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found not in (0, _SCHEMA_VERSION):
            connection.close()
            raise StoreError(
                f"live store {self.path} was written by another version of voicegw (schema {found}, this one knows "
                f"{_SCHEMA_VERSION}): move the file away once its calls are over"
            )
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        self._opened = connection

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise sqlite3.ProgrammingError("the store is not open")
        return self._opened

    def create_call(self, call_sid: str, document: bytes, now: float, expires_at: float) -> bool:
        made = self._connection.execute(
            "INSERT INTO calls VALUES (?, ?, 1, ?, 1) ON CONFLICT (call_sid) DO UPDATE SET "
            "document = excluded.document, version = 1, expires_at = excluded.expires_at, live = 1 "
            "WHERE calls.expires_at <= ?",
            (call_sid, document, expires_at, now),
        )
        return made.rowcount == 1

    def load_call(self, call_sid: str, now: float) -> StoredCall | None:
        row = self._connection.execute(
            "SELECT document, version FROM calls WHERE call_sid = ? AND expires_at > ?", (call_sid, now)
        ).fetchone()
        return StoredCall(*row) if row else None

    def save_call(
        self,
        call_sid: str,
        document: bytes,
        version: int,
        expires_at: float,
        answered: tuple[str, bytes] | None,
        live: bool,
    ) -> bool:
        with self._transaction() as connection:
            saved = connection.execute(
                "UPDATE calls SET document = ?, version = version + 1, expires_at = ?, live = ? "
                "WHERE call_sid = ? AND version = ?",
                (document, expires_at, int(live), call_sid, version),
            )
            if saved.rowcount == 1 and answered is not None:
                connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (call_sid, *answered))
        return saved.rowcount == 1

    def live_calls(self, now: float) -> tuple[str, ...]:
        rows = self._connection.execute("SELECT call_sid FROM calls WHERE live = 1 AND expires_at > ?", (now,))
        return tuple(call_sid for (call_sid,) in rows)

    def forget_calls(self, call_sids: tuple[str, ...]) -> None:
        with self._transaction() as connection:
            for table in _PARTS_OF_A_CALL:
                connection.executemany(
                    f"DELETE FROM {table} WHERE call_sid = ?",  # noqa: S608 (our own table names)
                    [(call_sid,) for call_sid in call_sids],
                )

    def append_turn(
        self, call_sid: str, turn: int, entries: tuple[bytes, ...], over: bool, now: float, expires_at: float
    ) -> None:
        with self._transaction() as connection:
            alive = connection.execute(
                "SELECT expires_at FROM calls WHERE call_sid = ? AND expires_at > ?", (call_sid, now)
            ).fetchone()
            if alive is None:
                return
            if expires_at - alive[0] > _EXPIRY_STEP_SECONDS:
                connection.execute("UPDATE calls SET expires_at = ? WHERE call_sid = ?", (expires_at, call_sid))
            for table in ("turns", "entries"):
                connection.execute(
                    f"DELETE FROM {table} WHERE call_sid = ? AND turn < ?",  # noqa: S608 (our own table names)
                    (call_sid, turn - 1),
                )
            connection.execute(
                "INSERT INTO turns VALUES (?, ?, ?, ?) ON CONFLICT (call_sid, turn) DO UPDATE SET "
                "ended = max(ended, excluded.ended), beat_at = excluded.beat_at",
                (call_sid, turn, int(over), now),
            )
            if entries:
                (last,) = connection.execute(
                    "SELECT coalesce(max(position), -1) FROM entries WHERE call_sid = ? AND turn = ?", (call_sid, turn)
                ).fetchone()
                connection.executemany(
                    "INSERT INTO entries VALUES (?, ?, ?, ?)",
                    [(call_sid, turn, position, entry) for position, entry in enumerate(entries, last + 1)],
                )

    def read_turn(self, call_sid: str, turn: int) -> StoredTurn | None:
        row = self._connection.execute(
            "SELECT ended, beat_at FROM turns WHERE call_sid = ? AND turn = ?", (call_sid, turn)
        ).fetchone()
        if row is None:
            return None
        entries = self._connection.execute(
            "SELECT entry FROM entries WHERE call_sid = ? AND turn = ? ORDER BY position", (call_sid, turn)
        )
        return StoredTurn(tuple(entry for (entry,) in entries), bool(row[0]), row[1])

    def put_audio(self, call_sid: str, token: str, audio: StoredAudio) -> None:
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO audio SELECT ?, call_sid, ?, ? FROM calls WHERE call_sid = ?",
                (token, audio.content, audio.content_type, call_sid),
            )
            connection.execute(
                "DELETE FROM audio WHERE call_sid = ? AND rowid NOT IN "
                "(SELECT rowid FROM audio WHERE call_sid = ? ORDER BY rowid DESC LIMIT ?)",
                (call_sid, call_sid, RECORDINGS_KEPT),
            )

    def get_audio(self, token: str) -> StoredAudio | None:
        row = self._connection.execute("SELECT content, content_type FROM audio WHERE token = ?", (token,)).fetchone()
        return StoredAudio(*row) if row else None

    def get_answer(self, call_sid: str, step: str) -> bytes | None:
        row = self._connection.execute(
            "SELECT answer FROM answers WHERE call_sid = ? AND step = ?", (call_sid, step)
        ).fetchone()
        return row[0] if row else None

    def claim_name(self, name: str, owner: str, now: float, expires_at: float) -> bool:
        claimed = self._connection.execute(
            "INSERT INTO names VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, "
            "expires_at = excluded.expires_at WHERE names.owner = excluded.owner OR names.expires_at <= ?",
            (name, owner, expires_at, now),
        )
        return claimed.rowcount == 1

    def release_name(self, name: str, owner: str) -> None:
        self._connection.execute("DELETE FROM names WHERE name = ? AND owner = ?", (name, owner))

    def count(self, key: str, window_seconds: int, now: float) -> int:
        window = int(now // window_seconds)
        row = self._connection.execute(
            "INSERT INTO counts VALUES (?, ?, 1, ?) ON CONFLICT (key, slot) DO UPDATE SET counted = counted + 1 "
            "RETURNING counted",
            (key, window, (window + 1) * window_seconds),
        ).fetchone()
        return int(row[0])

    def purge(self, now: float, rested_until: float) -> int:
        """Drop what has expired, and of ended calls that expire at `rested_until` or before what nobody will ask for
        again: recordings, and what the agent said."""
        rows = self._connection.execute("SELECT call_sid FROM calls WHERE expires_at <= ?", (now,)).fetchall()
        self.forget_calls(tuple(call_sid for (call_sid,) in rows))
        with self._transaction() as connection:
            for table in ("audio", "turns", "entries"):
                connection.execute(
                    f"DELETE FROM {table} WHERE call_sid IN "  # noqa: S608 (our own table names)
                    "(SELECT call_sid FROM calls WHERE live = 0 AND expires_at <= ?)",
                    (rested_until,),
                )
            connection.execute("DELETE FROM names WHERE expires_at <= ?", (now,))
            connection.execute("DELETE FROM counts WHERE expires_at <= ?", (now,))
        self._empty_log()
        return len(rows)

    def _empty_log(self) -> None:
        """What was dropped or written over still stands in the write-ahead log, which is emptied if there is anything
        new in it. Not waited for where another process reads it."""
        if self._connection.total_changes == self._changes_cleared:
            return
        self._changes_cleared = self._connection.total_changes
        self._connection.executescript(
            "PRAGMA busy_timeout=50; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout=5000;"
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: everything in it, or nothing."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _make_private(path: Path) -> None:
    """Make the file its owner's alone before anything is in it: session keys will be.

    SQLite gives the files beside it (`-wal`, `-shm`) the permissions that it finds on the database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        for written in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
            if written.exists():
                written.chmod(0o600)
    except OSError as exc:
        raise StoreError(f"live store {path} cannot be opened: {exc.strerror or exc}") from exc
