"""Recordings for streams: as mulaw bytes, wherever they come from; refused where they must not be fetched."""

import base64
from collections.abc import AsyncIterator

import pytest

from voicegw.audio.wav import render_mulaw_wav
from voicegw.call.instructions import PlayAudio, PlayRecording
from voicegw.prompts.errors import PromptError
from voicegw.prompts.prepare import PromptPreparer
from voicegw.prompts.stream_source import StreamSource

SOUND = bytes(range(256)) * 8


@pytest.fixture
async def source() -> AsyncIterator[StreamSource]:
    preparer = PromptPreparer()
    source = StreamSource(preparer)
    yield source
    await source.close()
    await source.close()
    preparer.close()


async def loaded(source: StreamSource, prompt: PlayAudio | PlayRecording) -> bytes:
    return b"".join([piece async for piece in source.load(prompt)])


async def test_mulaw_of_a_data_uri_comes_byte_for_byte(source: StreamSource) -> None:
    uri = f"data:audio/wav;base64,{base64.b64encode(render_mulaw_wav(SOUND)).decode()}"
    assert await loaded(source, PlayAudio(source=uri)) == SOUND
    assert await loaded(source, PlayAudio(source=uri)) == SOUND


async def test_collected_mulaw_comes_byte_for_byte(source: StreamSource) -> None:
    pieces = tuple(base64.b64encode(SOUND[place : place + 500]).decode() for place in range(0, len(SOUND), 500))
    assert await loaded(source, PlayRecording(content=pieces, encoding="audio/x-mulaw")) == SOUND


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.wav", "https://localhost/a.wav", "file:///etc/passwd", "nonsense"])
async def test_what_must_not_be_fetched_is_refused(source: StreamSource, url: str) -> None:
    with pytest.raises(PromptError):
        await loaded(source, PlayAudio(source=url))
