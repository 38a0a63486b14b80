"""Recordings for streams: as mulaw bytes, wherever they come from; refused where they must not be fetched."""

import base64
import shutil
from collections.abc import AsyncIterator

import pytest

from voicegw.audio.wav import render_mulaw_wav, render_pcm16_wav
from voicegw.call.instructions import PlayAudio, PlayRecording
from voicegw.prompts.errors import PromptError
from voicegw.prompts.stream_source import StreamSource

SOUND = bytes(range(256)) * 8


@pytest.fixture
async def source() -> AsyncIterator[StreamSource]:
    source = StreamSource()
    yield source
    await source.close()
    await source.close()


async def loaded(source: StreamSource, prompt: PlayAudio | PlayRecording) -> bytes:
    return b"".join([piece async for piece in source.load(prompt)])


async def test_mulaw_of_a_data_uri_comes_byte_for_byte(source: StreamSource) -> None:
    uri = f"data:audio/wav;base64,{base64.b64encode(render_mulaw_wav(SOUND)).decode()}"
    assert await loaded(source, PlayAudio(source=uri)) == SOUND
    assert await loaded(source, PlayAudio(source=uri)) == SOUND


async def test_collected_mulaw_comes_byte_for_byte(source: StreamSource) -> None:
    pieces = tuple(base64.b64encode(SOUND[place : place + 500]).decode() for place in range(0, len(SOUND), 500))
    assert await loaded(source, PlayRecording(content=pieces, encoding="audio/x-mulaw")) == SOUND


def data_uri(content: bytes, media_type: str = "") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


BOMB = render_pcm16_wav(bytes(2 * 8_000 * 601), 8_000)


@pytest.mark.parametrize(
    ("content", "media_type", "reason"),
    [
        (b"<html>", "audio/mpeg", "no audio that we know"),
        (b"fLaC" + bytes(200), "", "cannot be decoded"),
        (BOMB[:5_000_001], "", "limit"),
        (b"", "audio/pcm", "empty"),
        (b"\1\2", "audio/pcm", "holds no sound"),
    ],
)
async def test_what_cannot_be_played_says_why(
    source: StreamSource, content: bytes, media_type: str, reason: str
) -> None:
    with pytest.raises(PromptError, match=reason):
        await loaded(source, PlayAudio(source=data_uri(content, media_type)))
    with pytest.raises(PromptError, match=reason):
        await loaded(source, PlayRecording(content=(base64.b64encode(content).decode(),), encoding=media_type))


async def test_without_ffmpeg_the_mend_is_named(source: StreamSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(PromptError, match="install ffmpeg, or give the agent MP3, WAV, FLAC or Ogg Vorbis"):
        await loaded(source, PlayAudio(source=data_uri(b"\x1a\x45\xdf\xa3" + bytes(50), "audio/webm")))


async def test_sound_is_kept_once_by_its_source(source: StreamSource) -> None:
    await loaded(source, PlayAudio(source=data_uri(render_mulaw_wav(SOUND))))
    await loaded(source, PlayRecording(content=(base64.b64encode(SOUND).decode(),), encoding="audio/x-mulaw"))
    assert source._cache().kept_bytes < 2 * len(SOUND)
    assert source._preparer._cached_bytes == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.wav", "https://localhost/a.wav", "file:///etc/passwd", "nonsense"])
async def test_what_must_not_be_fetched_is_refused(source: StreamSource, url: str) -> None:
    with pytest.raises(PromptError):
        await loaded(source, PlayAudio(source=url))
