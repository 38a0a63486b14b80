"""`voicegw check` for stream mode: models, the first voice, and the WebSocket through the public URL."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from voicegw.call.profile import Mode, NumberProfile, Stream
from voicegw.cli import check_streams
from voicegw.cli.check_streams import check_socket, check_speech, described
from voicegw.cli.serving import Site, address_of, listen
from voicegw.cli.web_probe import WebProber
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.errors import Fault, InvalidSettingsError, SpeechError
from voicegw.live.ports import SpeechRequest

TOKEN = "0123456789abcdef0123456789abcdef"
AGENT = Voiceflow(api_key=SecretStr("VF.DM.x"), project_id="p")
STREAMED = NumberProfile(mode=Mode.STREAM, voice="Polly.Joanna", stream=Stream(voice="aura"))


def settings(*, url: str = "http://127.0.0.1:1", signed: bool = True, **others: Any) -> Settings:
    twilio = Twilio(auth_tokens=(SecretStr(TOKEN),) if signed else ())
    known = {"numbers": (STREAMED,), "insecure_dev": True, "public_url": url, **others}
    return Settings(twilio=twilio, voiceflow=AGENT, **known)


class Voice:
    """Says a little, nothing, or fails."""

    name = "parrot"

    def __init__(self, *sounds: bytes, fails: bool = False) -> None:
        self._sounds, self._fails = sounds, fails
        self.asked: list[SpeechRequest] = []

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        self.asked.append(request)
        for sound in self._sounds:
            yield sound
        if self._fails:
            raise SpeechError("the key is not accepted")


@dataclass
class Loaded:
    first_voice: Voice
    closed: bool = False

    async def close(self) -> None:
        self.closed = True


async def test_where_the_carrier_speaks_nothing_is_loaded_or_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(check_streams, "speech_of")
    async with WebProber() as web:
        assert await check_speech(settings(numbers=(NumberProfile(),))) == []
        assert await check_socket(settings(numbers=(NumberProfile(),)), web) == []


@pytest.mark.parametrize(
    ("voice", "verdict", "words"),
    [
        (Voice(b"\x00"), "good", "parrot: the first sound after"),
        (Voice(fails=True), "bad", "parrot: the key is not accepted"),
        (Voice(), "bad", "parrot: no sound within 10 seconds"),
    ],
)
async def test_the_first_voice_is_let_speak_by_its_provider_s_name_for_it(
    voice: Voice, verdict: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []
    loaded = Loaded(voice)
    monkeypatch.setattr(check_streams, "speech_of", lambda wanted: asked.append(wanted) or loaded)
    models, spoken = await check_speech(settings(tts=("deepgram", "offline")))
    assert (models.verdict, models.detail) == (
        "good",
        "models are loaded; heard by offline, spoken by deepgram, offline",
    )
    assert spoken.verdict == verdict
    assert words in spoken.detail
    assert voice.asked[0].voice == "aura"
    assert asked[0].phrase_cache_megabytes == 0
    assert loaded.closed


async def test_what_is_missing_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Settings) -> None:
        fault = Fault(key="VOICEGW_TTS", value="deepgram", wrong="its package is missing", mend="pip install it")
        raise InvalidSettingsError([fault])

    monkeypatch.setattr(check_streams, "speech_of", missing)
    [found] = await check_speech(settings())
    assert (found.verdict, found.mend) == ("bad", "pip install it")
    assert "its package is missing" in found.detail


def test_without_names_speech_is_offline() -> None:
    assert described(settings()) == "heard by offline, spoken by offline"


@pytest.fixture
async def front(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A gateway's front door that answers an upgrade as asked: "checks" the signature, or is no WebSocket's."""
    listening = listen("127.0.0.1", 0)
    address = address_of(listening)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" or request.param == "plain":
            await send({"type": "websocket.http.response.start", "status": 426, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        await receive()
        url = address.replace("http", "ws") + scope["path"]
        signature = dict(scope["headers"])[b"x-twilio-signature"].decode()
        if RequestValidator(request.param).validate(url, {}, signature):
            await send({"type": "websocket.accept"})
            await receive()
        else:
            await send({"type": "websocket.close", "code": 1008})

    async with Site(serve, listening) as site:
        site.open()
        yield address


@pytest.mark.parametrize(
    ("front", "verdict", "words"),
    [
        (TOKEN, "good", "/twilio/media opens"),
        ("another token", "bad", "a signed upgrade is refused"),
        ("plain", "bad", "status 426, no WebSocket"),
    ],
    indirect=["front"],
)
async def test_a_stream_s_socket_is_opened_as_twilio_would(front: str, verdict: str, words: str) -> None:
    async with WebProber() as web:
        found = (await check_socket(settings(url=front), web))[0]
    assert found.verdict == verdict
    assert words in found.detail


async def test_without_a_token_the_socket_is_not_looked_at_and_where_nobody_listens_it_says_so() -> None:
    async with WebProber() as web:
        [unsigned] = await check_socket(settings(signed=False), web)
        [nobody] = await check_socket(settings(), web)
    assert unsigned.verdict == "skipped"
    assert nobody.verdict == "bad"
    assert "the connection is refused" in nobody.detail
