"""Calls of a number that records, from the ring to the file: who was heard when, and what nobody may keep."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from stream_world import (
    CALL_SID,
    LONG,
    PROFILE,
    Agent,
    Site,
    StartSite,
    Stream,
    Traces,
    answer,
    dialogue,
    hang_up,
    hear_greeting,
    says,
)

from voicegw.audio.mulaw import decode_mulaw
from voicegw.call.records import Failed, RecordingBegan, StreamBegan

RECORDS = PROFILE.model_copy(update={"recording": True, "disclosure": "This call is recorded."})
TOLERANCE = 160  # 20 ms


def discreet(action: Mapping[str, Any]) -> Traces:
    if action["type"] == "launch":
        return [{"type": "sensitive", "payload": {}}, says("Your card number please.")]
    return [says("Thank you very much.")]


@pytest.fixture
async def site(start_site: StartSite, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    answers = getattr(request, "param", dialogue)
    return await start_site(Agent(answers), RECORDS, recordings_path=tmp_path / "kept")


async def over(site: Site) -> None:
    """Everything is written once the gateway has stopped."""
    await site.gateway.stop(grace_seconds=5)


def channels(path: Path) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 8000
    return samples[:, 0], samples[:, 1]


def level(byte: int) -> int:
    return int(np.frombuffer(decode_mulaw(bytes([byte])), dtype="<i2")[0])


def heard(stream: Stream, began: float, length: int) -> npt.NDArray[np.int16]:
    """What the caller heard, sample by sample, by the carrier's own account."""
    out = np.zeros(length, dtype=np.int16)
    for sound in stream.sounds:
        begin, end = (round(8000 * (at - began)) for at in (sound.begin, sound.end))
        out[begin : min(end, length)] = level(sound.byte)
    return out


def edges(channel: npt.NDArray[np.int16]) -> list[int]:
    """Where a channel's sound changes; it is silent before it begins."""
    return [int(at) for at in np.flatnonzero(np.diff(channel, prepend=np.int16(0)))]


async def test_the_file_holds_what_was_said_and_heard_when_it_was(site: Site, tmp_path: Path) -> None:
    stream = await answer(site)
    began = stream.loop.time()
    await asyncio.sleep(5)
    said_at = stream.loop.time()
    stream.say("hello", 1.0)
    await asyncio.sleep(3)
    stream.say("story", 1.0)
    await asyncio.sleep(5)
    stream.say("stop it", 1.0)  # cuts the long sentence off
    await asyncio.sleep(5)
    ended = stream.loop.time()
    await hang_up(site, stream)
    await over(site)
    (path,) = (tmp_path / "kept").iterdir()
    assert [each.file for each in site.journal.of(RecordingBegan)] == [str(path)]
    assert path.name == f"{CALL_SID}-1.flac"
    caller, agent = channels(path)
    assert abs(len(caller) - 8000 * (ended - began)) <= TOLERANCE
    first_said = int(np.flatnonzero(caller)[0])
    assert abs(first_said - 8000 * (said_at - began)) <= TOLERANCE
    was_heard = edges(heard(stream, began, len(agent)))
    found = edges(agent)
    assert len(found) == len(was_heard) > 8
    assert max(abs(one - other) for one, other in zip(found, was_heard, strict=True)) <= TOLERANCE
    assert stream.heard()[0] == "This call is recorded."
    assert f"{LONG}…" in stream.heard()


@pytest.mark.parametrize("site", [discreet], indirect=True)
async def test_a_sensitive_entry_is_in_neither_channel(site: Site, tmp_path: Path) -> None:
    stream = await answer(site)
    await asyncio.sleep(6)
    stream.say("four one one one", 1.0)
    await asyncio.sleep(5)
    stream.say("goodbye", 1.0)
    await asyncio.sleep(5)
    await hang_up(site, stream)
    await over(site)
    caller, agent = channels(next((tmp_path / "kept").iterdir()))
    loud = np.flatnonzero(caller) / 8000
    assert 10.5 < loud[0] < 11.5, "the entry is silent, what was said after it is not"
    asked = next(byte for byte, text in site.speech.tts.says.items() if text == "Your card number please.")
    thanked = next(byte for byte, text in site.speech.tts.says.items() if text == "Thank you very much.")
    assert level(asked) not in agent
    assert level(thanked) in agent


async def test_each_stream_of_a_call_has_a_file_of_its_own(site: Site, tmp_path: Path) -> None:
    stream = await hear_greeting(site)
    stream.socket.break_off()
    await stream.leave()
    again = Stream(site, await site.post(stream.after))
    again.start()
    await asyncio.sleep(3)
    await hang_up(site, again)
    await over(site)
    assert len(site.journal.of(StreamBegan)) == 2
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [f"{CALL_SID}-{n}.flac" for n in (1, 2)]


async def test_a_disk_that_takes_nothing_costs_the_caller_nothing(site: Site, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    stream = await answer(site)
    await asyncio.sleep(4)
    stream.say("hello", 1.0)
    await asyncio.sleep(6)
    assert "You said hello." in stream.heard()
    await hang_up(site, stream)
    await over(site)
    assert [(each.part, each.code) for each in site.journal.of(Failed)] == [("store", "recording-failed")]


async def test_a_number_that_does_not_record_keeps_nothing(start_site: StartSite, tmp_path: Path) -> None:
    site = await start_site(Agent(dialogue), recordings_path=tmp_path / "kept")
    stream = await hear_greeting(site)
    await hang_up(site, stream)
    await over(site)
    assert not (tmp_path / "kept").exists()
    assert site.journal.of(RecordingBegan) == []


async def test_a_stream_without_a_frame_leaves_no_file(site: Site, tmp_path: Path) -> None:
    stream = await answer(site)
    assert stream.frames is not None
    stream.frames.cancel()
    await asyncio.sleep(1)
    await hang_up(site, stream)
    await over(site)
    assert not (tmp_path / "kept").exists()
