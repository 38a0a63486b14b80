"""Recordings as files: what they hold, who may read them, what a disk may do, and how they go."""

import asyncio
import os
import resource
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from calllog_rows import CALLER, DAY, NOON, log_call
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.calllog.privacy import export, forget
from voicegw.calllog.recordings import MOST_WAITING, Recordings
from voicegw.calllog.results import Removed
from voicegw.calllog.retention import delete_old_calls
from voicegw.errors import CallLogError

SECOND = np.tile(np.array([1000, -2000], dtype="<i2"), 8000).tobytes()
NOISE = np.random.default_rng(1).integers(-9000, 9000, 16_000, dtype="<i2").tobytes()


def fail_test(reason: str) -> None:
    raise AssertionError(reason)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def touch(folder: Path, name: str, at: float = NOON) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"fLaC")
    os.utime(path, (at, at))
    return path


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may be larger than 40 kB: a disk that is full in the midst of a recording."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_recording_has_the_caller_left_and_the_agent_right(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path / "kept" / "here")
    recording = recordings.open("CA1", 2, fail_test)
    for _ in range(3):
        recording.put(SECOND)
    recording.finish()
    recording.finish()
    recording.put(SECOND)
    await recordings.close()
    assert recording.path == tmp_path / "kept" / "here" / "CA1-2.flac"
    samples, rate = soundfile.read(recording.path, dtype="int16")
    assert (rate, samples.shape) == (8000, (24_000, 2))
    assert {*samples[:, 0]} == {1000}
    assert {*samples[:, 1]} == {-2000}


async def test_a_recording_is_its_owner_s_alone(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path / "kept")
    recording = recordings.open("CA1", 1, fail_test)
    recording.put(SECOND)
    recording.finish()
    await recordings.close()
    assert stat.S_IMODE(recording.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(recording.path.parent.stat().st_mode) == 0o700


@pytest.mark.usefixtures("small_files")
async def test_a_full_disk_is_told_once_and_leaves_no_part_of_a_recording(tmp_path: Path) -> None:
    reasons: list[str] = []
    recordings = Recordings(tmp_path)
    recording = recordings.open("CA1", 1, reasons.append)
    for _ in range(5):
        recording.put(NOISE)
    recording.finish()
    await recordings.close()
    await asyncio.sleep(0)
    assert len(reasons) == 1
    assert files(tmp_path) == []


async def test_a_recording_that_cannot_be_opened_leaves_neither_file_nor_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise soundfile.SoundFileRuntimeError("no memory")

    monkeypatch.setattr(soundfile, "SoundFile", fail)
    open_before = files(Path("/proc/self/fd"))
    assert await reasons_of_failure(tmp_path) == ["no memory"]
    assert files(tmp_path) == []
    assert files(Path("/proc/self/fd")) == open_before


async def test_a_recording_that_can_be_neither_written_nor_closed_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = soundfile.SoundFile.close

    def fail_to_write(*_: object, **__: object) -> None:
        raise soundfile.SoundFileRuntimeError("disk full")

    def fail_to_close(file: soundfile.SoundFile) -> None:
        if not file.closed:
            close(file)
            raise soundfile.SoundFileRuntimeError("disk gone")

    monkeypatch.setattr(soundfile.SoundFile, "buffer_write", fail_to_write)
    monkeypatch.setattr(soundfile.SoundFile, "close", fail_to_close)
    assert await reasons_of_failure(tmp_path) == ["disk full"]
    assert files(tmp_path) == []


async def reasons_of_failure(folder: Path) -> list[str]:
    reasons: list[str] = []
    recordings = Recordings(folder)
    recording = recordings.open("CA1", 1, reasons.append)
    recording.put(SECOND)
    recording.finish()
    await recordings.close()
    await asyncio.sleep(0)
    return reasons


async def test_a_folder_that_cannot_be_made_costs_the_recording_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reasons: list[str] = []
    recordings = Recordings(tmp_path / "file" / "kept")
    recording = recordings.open("CA1", 1, reasons.append)
    recording.put(SECOND)
    recording.finish()
    await recordings.close()
    await asyncio.sleep(0)
    assert reasons == ["Not a directory"]


async def test_a_disk_that_is_too_slow_is_not_waited_for(tmp_path: Path) -> None:
    reasons: list[str] = []
    recordings = Recordings(tmp_path)
    go_on = threading.Event()
    recordings._thread.submit(go_on.wait)
    recording = recordings.open("CA1", 1, reasons.append)
    for _ in range(MOST_WAITING + 10):
        recording.put(SECOND)
    go_on.set()
    recording.finish()
    await recordings.close()
    await asyncio.sleep(0)
    assert reasons == ["the disk is too slow"]
    assert files(tmp_path) == []


async def test_after_the_gateway_has_stopped_nothing_is_written(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    recording = recordings.open("CA1", 1, fail_test)
    await recordings.close()
    recording.put(SECOND)
    recording.put(SECOND)
    recording.finish()
    assert files(tmp_path) == []


@pytest.mark.parametrize("sid", ["../../etc/passwd", "a/b", "", "CA*", "CA 1", "x" * 65])
async def test_no_call_names_a_file_outside_the_folder_or_of_another_call(tmp_path: Path, sid: str) -> None:
    recordings = Recordings(tmp_path)
    touch(tmp_path, "CA1-1.flac")
    assert recordings.open(sid, 1, fail_test).path.parent == tmp_path
    assert recordings.files_of(sid) == []


async def test_the_recordings_of_a_call_come_in_the_order_of_its_streams(tmp_path: Path) -> None:
    for name in ("CA1-10.flac", "CA1-2.flac", "CA1-1.flac", "CA12-1.flac"):
        touch(tmp_path, name)
    assert [path.name for path in Recordings(tmp_path).files_of("CA1")] == ["CA1-1.flac", "CA1-2.flac", "CA1-10.flac"]


async def test_recordings_go_with_their_calls_and_strays_when_they_are_as_old(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    recordings = Recordings(kept)
    await log_call(engine, "CAold", started_at=NOON - 31 * DAY)
    await log_call(engine, "CAyoung", started_at=NOON - 29 * DAY)
    touch(kept, "CAold-1.flac", NOON)
    touch(kept, "CAold-2.flac", NOON)
    touch(kept, "CAstray-1.flac", NOON - 31 * DAY)
    touch(kept, "CAyoung-1.flac", NOON - 29 * DAY)
    removed = await delete_old_calls(engine, 30, NOON, recordings=recordings, pause_seconds=0)
    assert removed == Removed(calls=1, recordings=3)
    assert files(kept) == ["CAyoung-1.flac"]


async def test_a_caller_s_recordings_are_told_and_forgotten(engine: AsyncEngine, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    recordings = Recordings(kept)
    await log_call(engine, "CA1")
    await log_call(engine, "CA2", caller_number="+15005550009")
    path, _ = touch(kept, "CA1-1.flac"), touch(kept, "CA2-1.flac")
    lines = [line async for line in export(engine, CALLER, recordings)]
    assert lines[1:] == [f'{{"recording": {{"call_sid": "CA1", "file": "{path}"}}}}']
    assert await forget(engine, CALLER, recordings=recordings, pause_seconds=0) == Removed(calls=1, recordings=1)
    assert files(kept) == ["CA2-1.flac"]


async def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path / "none")
    assert recordings.files_of("CA1") == []
    assert await recordings.remove_older(NOON) == 0


async def test_what_another_process_has_just_deleted_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "CA1-1.flac").symlink_to("gone")  # listed, and not there when it is looked at
    touch(tmp_path, "CA2-1.flac", NOON - DAY)
    assert await Recordings(tmp_path).remove_older(NOON) == 1


async def test_a_recording_that_cannot_be_deleted_is_told_as_the_call_log_s_fault(tmp_path: Path) -> None:
    (tmp_path / "CA1-1.flac").mkdir()
    with pytest.raises(CallLogError, match=r"CA1-1\.flac"):
        await Recordings(tmp_path).remove(["CA1"])


async def test_one_that_cannot_be_deleted_keeps_no_other(tmp_path: Path) -> None:
    for number in range(6):  # whatever order the folder gives them in, one that can go comes after one that cannot
        (tmp_path / f"CA{number}-1.flac").mkdir()
        touch(tmp_path, f"CA{number}-2.flac")
    with pytest.raises(CallLogError, match=r"CA\d-1\.flac"):
        await Recordings(tmp_path).remove([f"CA{number}" for number in range(6)])
    assert files(tmp_path) == [f"CA{number}-1.flac" for number in range(6)]


async def test_the_folder_is_read_once_for_many_calls_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[int] = []
    scandir = os.scandir

    def note_reader(path: Path) -> object:
        readers.append(threading.get_ident())
        return scandir(path)

    touch(tmp_path, "CA7-1.flac")
    monkeypatch.setattr(os, "scandir", note_reader)
    assert await Recordings(tmp_path).remove([f"CA{number}" for number in range(200)]) == 1
    assert len(readers) == 1
    assert readers != [threading.get_ident()]
