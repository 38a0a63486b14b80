"""Live-call state in one SQLite file: calls go on after a restart. One connection in one thread, off the loop."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

from voicegw.errors import StaleVersion, StoreClosed, StoreError
from voicegw.store.sqlite_file import SqliteFile
from voicegw.store.work_thread import WorkThread
from voicegw.turns.ports import RECORDING_REST_SECONDS, StoredAudio, StoredCall, StoredTurn

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class SqliteStore:
    """Implements `turns.ports.CallStore` on the SQLite file at `path`, which is made where it is missing.

    `wall` gives epoch seconds. Several processes may share the file: writers wait for each other up to 5 s.
    """

    def __init__(self, path: Path, *, wall: Callable[[], float], lifetime_seconds: float) -> None:
        self._wall = wall
        self._lifetime = lifetime_seconds
        self._thread = WorkThread("live-store")
        self._database = SqliteFile(path)

    async def open(self) -> None:
        """Open the file and bring its tables up to date. Raises `StoreError`, which names the file and the mend."""
        await self._do(SqliteFile.open)

    async def create_call(self, call_sid: str, document: bytes) -> bool:
        return await self._do(SqliteFile.create_call, call_sid, document, self._wall(), self._expiry())

    async def load_call(self, call_sid: str) -> StoredCall | None:
        return await self._do(SqliteFile.load_call, call_sid, self._wall())

    async def save_call(
        self,
        call_sid: str,
        document: bytes,
        version: int,
        *,
        answered: tuple[str, bytes] | None = None,
        live: bool = True,
    ) -> int:
        saved = await self._do(SqliteFile.save_call, call_sid, document, version, self._expiry(), answered, live)
        if not saved:
            raise StaleVersion(f"call {call_sid} is not at version {version} any more")
        return version + 1

    async def live_calls(self) -> tuple[str, ...]:
        return await self._do(SqliteFile.live_calls, self._wall())

    async def forget_call(self, call_sid: str) -> None:
        await self._do(SqliteFile.forget_calls, (call_sid,))

    async def append_turn(self, call_sid: str, turn: int, entries: tuple[bytes, ...], *, over: bool) -> None:
        await self._do(SqliteFile.append_turn, call_sid, turn, entries, over, self._wall(), self._expiry())

    async def read_turn(self, call_sid: str, turn: int) -> StoredTurn | None:
        return await self._do(SqliteFile.read_turn, call_sid, turn)

    async def put_audio(self, call_sid: str, token: str, audio: StoredAudio) -> None:
        await self._do(SqliteFile.put_audio, call_sid, token, audio)

    async def get_audio(self, token: str) -> StoredAudio | None:
        return await self._do(SqliteFile.get_audio, token)

    async def get_answer(self, call_sid: str, step: str) -> bytes | None:
        return await self._do(SqliteFile.get_answer, call_sid, step)

    async def claim_name(self, name: str, owner: str) -> bool:
        return await self._do(SqliteFile.claim_name, name, owner, self._wall(), self._expiry())

    async def release_name(self, name: str, owner: str) -> None:
        await self._do(SqliteFile.release_name, name, owner)

    async def count(self, key: str, window_seconds: int) -> int:
        return await self._do(SqliteFile.count, key, window_seconds, self._wall())

    async def purge(self) -> int:
        now = self._wall()
        return await self._do(SqliteFile.purge, now, now + self._lifetime - RECORDING_REST_SECONDS)

    async def close(self) -> None:
        """Close the file; what was written stays."""
        await self._do(SqliteFile.close)
        self._thread.shutdown()

    def _expiry(self) -> float:
        return self._wall() + self._lifetime

    async def _do(self, act: Callable[[SqliteFile, Unpack[_Arguments]], _Result], *arguments: *_Arguments) -> _Result:
        """Run `act` in the store's thread; SQLite's errors are translated here, once."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, act, self._database, *arguments)
        except sqlite3.Error as exc:
            raise StoreError(f"live store {self._database.path}: {exc}", retryable=True) from exc
        except RuntimeError as exc:  # the thread is gone
            raise StoreClosed(f"live store {self._database.path} is closed") from exc
