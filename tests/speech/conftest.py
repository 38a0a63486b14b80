"""The models, loaded once for all tests of this room, and speech made by the offline voice to test the ears with."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from voicegw.live.ports import SpeechRequest
from voicegw.speech.factory import Speech, create_speech


@pytest.fixture(scope="session")
def speech() -> Speech:
    """The whole offline stack."""
    return create_speech()


@pytest.fixture(scope="session")
def say(speech: Speech) -> Callable[[str], bytes]:
    """Text → mulaw, by the offline voice."""
    said: dict[str, bytes] = {}

    async def collect(pieces: AsyncIterator[bytes]) -> bytes:
        return b"".join([piece async for piece in pieces])

    def make(text: str) -> bytes:
        if text not in said:
            said[text] = asyncio.run(collect(speech.tts.speak(SpeechRequest(text=text, language="en-US"))))
        return said[text]

    return make
