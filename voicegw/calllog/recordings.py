"""Recordings of calls as files: one FLAC for each stream, the caller left, the agent right, 8 kHz, 16 bits.

Written by one thread for all calls, a second at a time, so that no caller waits for a disk; a recording that the disk
cannot keep up with, or has no room for, is given up, told once and deleted. Files are their owner's alone.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

import soundfile
import structlog

from voicegw.errors import CallLogError

RATE_HZ: Final = 8000
MOST_WAITING: Final = 30
"""So many pieces of a recording may wait for the disk (at a second each half a megabyte)."""
_SUFFIX: Final = ".flac"

_log = structlog.get_logger(__name__)


class Recordings:
    """The folder of all recordings; it is made when it is needed. Reading and deleting need no `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recordings")

    def open(self, call_sid: str, stream: int, fail: Callable[[str], None]) -> "Recording":
        """Begin a file; waits for nothing. `fail(reason)` is called in the event loop, at most once."""
        path = self._folder / f"{_name_of(call_sid)}-{stream}{_SUFFIX}"
        return Recording(path, self._thread, asyncio.get_running_loop(), fail)

    def files_of(self, call_sid: str) -> list[Path]:
        """The recordings of one call, in the order of its streams."""
        return sorted(self._folder.glob(f"{_name_of(call_sid)}-*{_SUFFIX}"), key=lambda path: (len(path.name), path))

    async def remove(self, call_sids: Iterable[str]) -> int:
        """Delete all recordings of these calls; how many there were. Raises `CallLogError` where one cannot go."""
        names = {_name_of(sid) for sid in call_sids}
        return await asyncio.to_thread(self._remove, lambda path: path.stem.rpartition("-")[0] in names)

    async def remove_older(self, before: float) -> int:
        """Delete what was last written before that instant (epoch seconds); how many there were. Raises
        `CallLogError`."""
        return await asyncio.to_thread(self._remove, lambda path: path.stat().st_mtime < before)

    async def close(self) -> None:
        """Write what waits."""
        await asyncio.to_thread(self._thread.shutdown)

    def _remove(self, is_due: Callable[[Path], bool]) -> int:
        """All that can be deleted is; only then is the first that cannot told of."""
        count = 0
        failed: CallLogError | None = None
        for path in self._folder.glob(f"*{_SUFFIX}"):
            try:
                if is_due(path):
                    path.unlink()
                    count += 1
            except FileNotFoundError:
                pass  # another process was quicker
            except OSError as exc:
                failed = failed or CallLogError(f"the recording {path.name} cannot be deleted: {exc.strerror}")
        if failed is not None:
            raise failed
        return count


class Recording:
    """One file being written. Implements `live.ports.Recording`."""

    def __init__(
        self, path: Path, thread: ThreadPoolExecutor, loop: asyncio.AbstractEventLoop, fail: Callable[[str], None]
    ) -> None:
        self.path = path
        self._thread = thread
        self._loop = loop
        self._fail = fail
        self._file: soundfile.SoundFile | None = None
        self._waiting = 0
        self._finished = False
        self._given_up = False

    def put(self, pcm16_stereo: bytes) -> None:
        """The next piece. Never waits, never raises."""
        if self._finished or self._given_up:
            return
        if self._waiting >= MOST_WAITING:
            self._submit(self._give_up, "the disk is too slow")
            return
        self._waiting += 1
        self._submit(self._write, pcm16_stereo)

    def finish(self) -> None:
        """That was all. Idempotent."""
        if not self._finished:
            self._submit(self._close)
            self._finished = True

    def _submit(self, act: Callable[..., None], *given: object) -> None:
        try:
            self._thread.submit(self._safely, act, *given)
        except RuntimeError:  # the process is being stopped, and the thread is gone
            self._given_up = True

    def _safely(self, act: Callable[..., None], *given: object) -> None:
        """The root of all that the thread does."""
        try:
            act(*given)
        except (OSError, RuntimeError) as error:  # soundfile's own errors are RuntimeErrors
            self._give_up(getattr(error, "strerror", None) or str(error) or type(error).__name__)

    def _write(self, pcm16_stereo: bytes) -> None:
        self._waiting -= 1
        if self._given_up:
            return
        if self._file is None:
            self._file = _create(self.path)
        self._file.buffer_write(pcm16_stereo, dtype="int16")

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up(self, reason: str) -> None:
        if self._given_up:
            return
        self._given_up = True
        with suppress(OSError, RuntimeError):  # whatever it holds is deleted now
            self._close()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("recording not deleted", file=self.path.name, reason=str(error))
        _log.warning("recording given up", file=self.path.name, reason=reason)
        self._loop.call_soon_threadsafe(self._fail, reason)


def _create(path: Path) -> soundfile.SoundFile:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)  # its owner's alone from its first byte
    return soundfile.SoundFile(path, "w", RATE_HZ, 2, subtype="PCM_16", format="FLAC")


def _name_of(call_sid: str) -> str:
    """The call as a file's name; what no carrier of ours would send is named by its digest."""
    return call_sid if re.fullmatch(r"[A-Za-z0-9]{1,64}", call_sid) else hashlib.sha256(call_sid.encode()).hexdigest()
