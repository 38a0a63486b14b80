"""The adapters for OpenAI's API against a server on loopback that speaks it, at a `base_url` of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from voicegw.audio.mulaw import decode_mulaw
from voicegw.audio.wav import parse_wav
from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, SpeechRequest, Transcript
from voicegw.speech.openai_stt import OpenAIRecogniser
from voicegw.speech.openai_tts import OpenAIVoice
from voicegw.speech.providers import RequestRefused

KEY = "sk-key"
TONE = (np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000) * 8_000).astype("<i2")


class StandIn:
    """A server with OpenAI's API: what it was asked; how it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.forms: list[dict[str, Any]] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""

    async def speech(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers["Authorization"])
        self.bodies.append(await request.json())
        if self.status != 200:
            return web.json_response({"error": {"message": f"wrong key {KEY}"}}, status=self.status)
        response = web.StreamResponse()
        await response.prepare(request)
        pcm = TONE.tobytes()
        for at in range(0, len(pcm), 3_333):  # so that samples are cut in halves
            await response.write(pcm[at : at + 3_333])
        return response

    async def transcriptions(self, request: web.Request) -> web.Response:
        form: dict[str, Any] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            assert part.name is not None
            form[part.name] = bytes(await part.read()) if part.filename else await part.text()
        self.forms.append(form)
        if self.status != 200:
            return web.json_response({"error": {"message": "no"}}, status=self.status)
        return web.json_response({"text": " Book a table. "})


@pytest.fixture
async def openai() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    application = web.Application()
    application.router.add_post("/v1/audio/speech", stand_in.speech)
    application.router.add_post("/v1/audio/transcriptions", stand_in.transcriptions)
    async with TestServer(application) as server:
        stand_in.url = str(server.make_url("/v1"))
        yield stand_in


async def test_voice_gives_a_second_of_tone_as_mulaw(openai: StandIn) -> None:
    voice = OpenAIVoice(KEY, model="tts-of-mine", base_url=openai.url)
    mulaw = b"".join([audio async for audio in voice.speak(SpeechRequest(text="Beep.", language="en-US"))])
    await voice.close()
    assert len(mulaw) == 8_000
    samples = np.frombuffer(decode_mulaw(mulaw), "<i2").astype(float)
    assert int(np.abs(np.fft.rfft(samples)).argmax()) == 440
    assert openai.bodies == [{"model": "tts-of-mine", "voice": "alloy", "input": "Beep.", "response_format": "pcm"}]
    assert openai.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (503, True)])
async def test_refused_voice_raises_without_the_key(openai: StandIn, status: int, retryable: bool) -> None:
    openai.status = status
    voice = OpenAIVoice(KEY, base_url=openai.url)
    with pytest.raises(SpeechError, match=str(status)) as caught:
        await anext(voice.speak(SpeechRequest(text="Beep.", language="en-US", voice="nova")))
    await voice.close()
    assert caught.value.retryable is retryable
    assert KEY not in str(caught.value)
    assert len(openai.bodies) == 1


async def test_voice_that_is_not_known_is_a_refusal_of_one_request(openai: StandIn) -> None:
    openai.status = 400
    voice = OpenAIVoice(KEY, base_url=openai.url)
    with pytest.raises(RequestRefused) as caught:
        await anext(voice.speak(SpeechRequest(text="Beep.", language="en-US", voice="nobody")))
    await voice.close()
    assert caught.value.brief == "OpenAI refused with status 400: wrong … …-…"


async def test_server_that_is_not_there_raises() -> None:
    voice = OpenAIVoice(KEY, base_url="http://127.0.0.1:9/v1")
    with pytest.raises(SpeechError, match="connection to OpenAI failed"):
        await anext(voice.speak(SpeechRequest(text="Beep.", language="en-US")))
    await voice.close()


async def test_speech_is_sent_whole_as_wav_when_it_is_over(openai: StandIn) -> None:
    told: asyncio.Queue[Transcript] = asyncio.Queue()
    recogniser = OpenAIRecogniser(KEY, base_url=openai.url)
    ear = recogniser.open(ListenRequest(call_sid="CA1", language="nb-NO", hints=("Waldo",)), told.put_nowait, print)
    ear.begin(3, b"\x10" * 800)
    ear.put(b"\x20" * 800)
    ear.finish(3, 0.0)
    assert await told.get() == Transcript(speech=3, text="Book a table.", final=True)
    await ear.close()
    await recogniser.close()
    form = openai.forms[0]
    header = parse_wav(form["file"])
    assert (header.rate_hz, header.data_bytes) == (8_000, 3_200)
    assert (form["model"], form["language"], form["prompt"]) == ("gpt-transcribe", "no", "Waldo")


async def test_speech_too_short_to_send_is_empty(openai: StandIn) -> None:
    told: asyncio.Queue[Transcript] = asyncio.Queue()
    recogniser = OpenAIRecogniser(KEY, base_url=openai.url)
    ear = recogniser.open(ListenRequest(call_sid="CA1", language="en-US"), told.put_nowait, print)
    ear.begin(1, b"")
    ear.finish(1, 0.0)
    assert (await told.get()).text == ""
    await ear.close()
    await recogniser.close()
    assert openai.forms == []


@pytest.mark.parametrize(("status", "kind"), [(500, SpeechError), (400, RequestRefused)])
async def test_refused_speech_is_told_as_failure(openai: StandIn, status: int, kind: type[SpeechError]) -> None:
    openai.status = status
    failed: asyncio.Queue[SpeechError] = asyncio.Queue()
    recogniser = OpenAIRecogniser(KEY, base_url=openai.url)
    ear = recogniser.open(ListenRequest(call_sid="CA1", language="en-US"), print, failed.put_nowait)
    ear.begin(1, b"\x10" * 800)
    ear.finish(1, 0.0)
    error = await failed.get()
    assert type(error) is kind
    assert error.retryable is (status == 500)
    await ear.close()
    await recogniser.close()
