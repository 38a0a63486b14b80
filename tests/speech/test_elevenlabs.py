"""ElevenLabs' adapter against a server on loopback that speaks its documented protocol."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech.elevenlabs_tts import DEFAULT_VOICE, MODEL, ElevenLabsVoice
from voicegw.speech.providers import RequestRefused

KEY = "xi-key"


class StandIn:
    """ElevenLabs: what it was asked; how it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.detail: object = {"status": "quota_exceeded"}
        self.breaks_off = False
        self.url = ""

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(
            {
                "voice": request.match_info["voice"],
                "key": request.headers["xi-api-key"],
                "format": request.query["output_format"],
                "body": await request.json(),
            }
        )
        if self.status != 200:
            return web.json_response({"detail": self.detail}, status=self.status)
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b"\x01" * 800)
        if self.breaks_off and request.transport is not None:
            request.transport.close()
            return response
        await response.write(b"\x02" * 800)
        return response


@pytest.fixture
async def elevenlabs() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    application = web.Application()
    application.router.add_post("/v1/text-to-speech/{voice}/stream", stand_in.stream)
    async with TestServer(application) as server:
        stand_in.url = str(server.make_url("/")).rstrip("/")
        yield stand_in


async def test_voice_gives_mulaw_as_it_comes(elevenlabs: StandIn) -> None:
    voice = ElevenLabsVoice(KEY, base_url=elevenlabs.url)
    speech = [audio async for audio in voice.speak(SpeechRequest(text="Guten Tag.", language="de-DE"))]
    await voice.close()
    assert b"".join(speech) == b"\x01" * 800 + b"\x02" * 800
    assert elevenlabs.asked == [
        {
            "voice": DEFAULT_VOICE,
            "key": KEY,
            "format": "ulaw_8000",
            "body": {"text": "Guten Tag.", "model_id": MODEL, "language_code": "de"},
        }
    ]


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (429, True), (500, True)])
async def test_refusal_raises_without_the_key_and_is_not_repeated(
    elevenlabs: StandIn, status: int, retryable: bool
) -> None:
    elevenlabs.status = status
    voice = ElevenLabsVoice(KEY, base_url=elevenlabs.url)
    with pytest.raises(SpeechError, match=str(status)) as caught:
        await anext(voice.speak(SpeechRequest(text="Hello.", language="en-US", voice="other")))
    await voice.close()
    assert caught.value.retryable is retryable
    assert KEY not in str(caught.value)
    assert [asked["voice"] for asked in elevenlabs.asked] == ["other"]


@pytest.mark.parametrize(
    ("status", "detail", "why"),
    [
        (
            400,
            {"status": "voice_not_found", "message": "No voice of this id\nsays 'Hello.'"},
            "No voice … … id says '….'",
        ),
        (404, {"status": "voice_not_found"}, "voice_not_found"),
        (413, None, ""),
        (422, [{"loc": ["body", "text"], "msg": "value too long", "type": "value_error"}], "value too long"),
    ],
)
async def test_refusal_of_one_request_says_why_without_its_words(
    elevenlabs: StandIn, status: int, detail: object, why: str
) -> None:
    elevenlabs.status, elevenlabs.detail = status, detail
    voice = ElevenLabsVoice(KEY, base_url=elevenlabs.url)
    with pytest.raises(RequestRefused) as caught:
        await anext(voice.speak(SpeechRequest(text="Hello, of this!", language="en-US", voice="other")))
    await voice.close()
    assert caught.value.brief.partition(f"ElevenLabs refused with status {status}")[2].removeprefix(": ") == why


async def test_answer_that_breaks_off_raises_after_what_came(elevenlabs: StandIn) -> None:
    elevenlabs.breaks_off = True
    voice = ElevenLabsVoice(KEY, base_url=elevenlabs.url)
    speech = bytearray()
    with pytest.raises(SpeechError, match="connection to ElevenLabs failed"):
        async for audio in voice.speak(SpeechRequest(text="Hello.", language="en-US")):
            speech += audio
    await voice.close()
    assert speech == b"\x01" * 800
