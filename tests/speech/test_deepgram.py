"""Deepgram's adapters against a server on loopback that speaks its documented protocol: v1, v2 and /v1/speak."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from voicegw.errors import SpeechError
from voicegw.live.ports import ListenRequest, SpeechRequest, Transcript
from voicegw.speech import streamed_ear
from voicegw.speech.deepgram_stt import DeepgramRecogniser
from voicegw.speech.deepgram_tts import DeepgramVoice
from voicegw.speech.providers import RequestRefused

KEY = "dg-key"
SECOND = b"\x10" * 8_000


class StandIn:
    """Deepgram: what it was asked, and what it says to the words it is to have heard."""

    def __init__(self) -> None:
        self.queries: list[dict[str, list[str]]] = []
        self.keys: list[str] = []
        self.audio_bytes = 0
        self.texts: list[str] = []
        self.words = "book a table"
        self.status = 101
        self.is_mute = self.settles_at_once = False
        self.is_late = False  # the end of a speech is answered while the next one goes on
        self.why = f"No such model/language combination for {KEY}."
        self.error: dict[str, Any] | None = None
        self.answering = asyncio.Event()
        self.answering.set()
        self.resting = asyncio.Event()
        self.breaks_after_bytes: int | None = None
        self.spoken: list[dict[str, Any]] = []
        self.url = ""

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/v1/listen", self.listen_nova)
        application.router.add_get("/v2/listen", self.listen_flux)
        application.router.add_post("/v1/speak", self.speak)
        return application

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        self.keys.append(request.headers["Authorization"])
        self.queries.append({name: request.query.getall(name) for name in request.query})
        if self.status != 101:
            refused = web.HTTPBadRequest(headers={"dg-error": self.why})
            refused.set_status(self.status)
            raise refused
        await self.answering.wait()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.error is not None:
            await socket.send_json(self.error)
        return socket

    async def listen_nova(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self.accept(request)
        settled = heard = 0.0

        async def send(text: str, **flags: bool) -> None:
            alternative = {"transcript": text, "confidence": 0.9, "words": []}
            await socket.send_json(
                {
                    "type": "Results",
                    "channel_index": [0, 1],
                    "start": settled,
                    "duration": heard - settled,
                    "channel": {"alternatives": [alternative]},
                    "metadata": {"request_id": "r", "model_info": {}, "model_uuid": "m"},
                    **flags,
                }
            )

        async for message in socket:
            if message.type is WSMsgType.BINARY:
                if self.is_late and self.texts == ["Finalize"]:
                    self.is_late = False
                    await send(self.words, is_final=True, from_finalize=True)
                    settled, self.words = heard, "for two"
                self.audio_bytes += len(message.data)
                heard += len(message.data) / 8_000
                if self.breaks_after_bytes is not None and self.audio_bytes >= self.breaks_after_bytes:
                    self.breaks_after_bytes = None
                    await socket.close(code=1011, message=b"NET-0001")
                elif self.settles_at_once:
                    await send(self.words, is_final=True)
                    settled = heard
                elif not self.is_mute:
                    await send(self.words.split()[0], is_final=False)
            elif message.type is WSMsgType.TEXT:
                self.texts.append(json.loads(message.data)["type"])
                self.resting.set()
                if self.texts[-1] == "Finalize" and not (self.is_mute or self.is_late):
                    await socket.send_json({"type": "SomethingNew", "nested": {"a": 1}})
                    await send(self.words, is_final=True, from_finalize=True)
                    settled = heard
        return socket

    async def listen_flux(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self.accept(request)
        sequence = turn = 0

        async def send(event: str, text: str) -> None:
            nonlocal sequence, turn
            sequence += 1
            await socket.send_json(
                {
                    "type": "TurnInfo",
                    "request_id": "r",
                    "sequence_id": sequence,
                    "event": event,
                    "turn_index": turn,
                    "audio_window_start": 0.0,
                    "audio_window_end": 1.0,
                    "transcript": text,
                    "words": [],
                    "end_of_turn_confidence": 0.4,
                }
            )
            turn += event == "EndOfTurn"

        await socket.send_json({"type": "Connected", "request_id": "r", "sequence_id": 0})
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                if self.is_late and self.texts == ["ForceEndTurn"]:
                    self.is_late = False
                    await send("EndOfTurn", self.words)
                    await send("Update", "")
                    self.words = "for two"
                self.audio_bytes += len(message.data)
                self.resting.set()
                await send("Update", self.words.split()[0])
            elif message.type is WSMsgType.TEXT:
                self.texts.append(json.loads(message.data)["type"])
                if not self.is_late:
                    await send("EndOfTurn", self.words)
        return socket

    async def speak(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers["Authorization"])
        self.queries.append({name: request.query.getall(name) for name in request.query})
        self.spoken.append(await request.json())
        if self.status != 101:
            return web.json_response({"err_code": "X", "err_msg": "No such voice for 'Hello.'"}, status=self.status)
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b"\x01" * 800, b"\x02" * 800):
            await response.write(part)
        return response


@pytest.fixture
async def deepgram() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    async with TestServer(stand_in.application()) as server:
        stand_in.url = str(server.make_url("/")).rstrip("/")
        yield stand_in


class Heard:
    """What an ear told, and a way to wait for it."""

    def __init__(self) -> None:
        self.transcripts: asyncio.Queue[Transcript] = asyncio.Queue()
        self.failure: asyncio.Future[SpeechError] = asyncio.get_running_loop().create_future()

    async def final(self) -> Transcript:
        while not (transcript := await self.transcripts.get()).final:
            pass
        return transcript


def request(**changes: Any) -> ListenRequest:
    return ListenRequest(**{"call_sid": "CA1", "language": "en-US", **changes})


@pytest.mark.parametrize(("model", "ending"), [("", "Finalize"), ("flux-general-en", "ForceEndTurn")])
async def test_speech_is_streamed_and_its_words_come_back(deepgram: StandIn, model: str, ending: str) -> None:
    heard = Heard()
    recogniser = DeepgramRecogniser(KEY, model=model, base_url=deepgram.url)
    ear = recogniser.open(request(hints=("Waldo", "two words")), heard.transcripts.put_nowait, heard.failure.set_result)
    ear.begin(7, SECOND[:800])
    ear.put(SECOND)
    first = await heard.transcripts.get()
    ear.finish(7, 0.0)
    final = await heard.final()
    await ear.close()
    assert (first.speech, first.text, first.final) == (7, "book", False)
    assert (final.speech, final.text) == (7, "book a table")
    assert deepgram.audio_bytes == 8_800
    assert deepgram.texts == [ending]
    assert deepgram.keys == [f"Token {KEY}"]
    query = deepgram.queries[0]
    assert (query["encoding"], query["sample_rate"]) == (["mulaw"], ["8000"])
    assert query["keyterm"] == ["Waldo", "two words"]


async def asked(deepgram: StandIn, model: str = "", **changes: Any) -> dict[str, list[str]]:
    """With what a connection for such a request is opened."""
    ear = DeepgramRecogniser(KEY, model=model, base_url=deepgram.url).open(request(**changes), print, print)
    async with asyncio.timeout(5):
        while not deepgram.queries:  # noqa: ASYNC110 (the stand-in rings no bell)
            await asyncio.sleep(0.01)
    await ear.close()
    return deepgram.queries[0]


@pytest.mark.parametrize(
    ("language", "named"),
    [("en-US", "en-US"), ("de-DE", "de"), ("es-ES", "es"), ("nl-NL", "nl"), ("pt-BR", "pt-BR"), ("nb-NO", "no")],
)
async def test_region_is_named_only_where_nova_knows_it(deepgram: StandIn, language: str, named: str) -> None:
    assert (await asked(deepgram, language=language))["language"] == [named]


@pytest.mark.parametrize("model", ["", "flux-general-en"])
async def test_no_more_key_terms_are_asked_for_than_are_taken(deepgram: StandIn, model: str) -> None:
    terms = (await asked(deepgram, model, hints=tuple(f"treatment {number}" for number in range(300))))["keyterm"]
    assert terms[0] == "treatment 0"
    assert 0 < sum(len(term) for term in terms) <= 500


async def test_models_before_nova_3_are_not_asked_for_key_terms(deepgram: StandIn) -> None:
    assert "keyterm" not in await asked(deepgram, "nova-2", hints=("Waldo",))


async def test_two_speeches_are_kept_apart(deepgram: StandIn) -> None:
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), heard.transcripts.put_nowait, print)
    ear.begin(1, SECOND)
    ear.finish(1, 0.0)
    ear.begin(2, SECOND)
    ear.finish(2, 0.0)
    finals = [await heard.final(), await heard.final()]
    await ear.close()
    assert [(final.speech, final.text) for final in finals] == [(1, "book a table"), (2, "book a table")]


@pytest.mark.parametrize("model", ["", "flux-general-en"])
async def test_words_that_come_after_their_speech_are_none_of_the_next(
    deepgram: StandIn, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(streamed_ear, "END_SECONDS", 0.2)
    deepgram.is_late = True
    heard = Heard()
    recogniser = DeepgramRecogniser(KEY, model=model, base_url=deepgram.url)
    ear = recogniser.open(request(), heard.transcripts.put_nowait, print)
    for speech in (1, 2):
        ear.begin(speech, SECOND)
        ear.finish(speech, 0.0)
    finals = [await heard.final(), await heard.final()]
    await ear.close()
    assert [final.text for final in finals] == ["book", "for two"]


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (503, True)])
async def test_refused_connection_is_told_as_failure(deepgram: StandIn, status: int, retryable: bool) -> None:
    deepgram.status = status
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), print, heard.failure.set_result)
    error = await heard.failure
    await ear.close()
    assert error.retryable is retryable
    assert KEY not in str(error)


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize("model", ["", "flux-general-en"])
async def test_refusal_of_what_one_call_asks_for_says_why(deepgram: StandIn, model: str, is_json: bool) -> None:
    deepgram.status = 400
    if is_json:
        deepgram.why = json.dumps({"err_code": "Bad Request", "err_msg": deepgram.why})
    heard = Heard()
    recogniser = DeepgramRecogniser(KEY, model=model, base_url=deepgram.url)
    ear = recogniser.open(request(language="xx-XX"), print, heard.failure.set_result)
    error = await heard.failure
    await ear.close()
    assert isinstance(error, RequestRefused)
    assert error.brief == "Deepgram refused with status 400: No such model/language combination for …-…."


async def test_connection_that_breaks_is_told_as_failure(deepgram: StandIn) -> None:
    deepgram.breaks_after_bytes = 1_600
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), print, heard.failure.set_result)
    ear.begin(1, SECOND)
    error = await heard.failure
    await ear.close()
    assert error.retryable


async def test_provider_that_answers_nothing_to_seconds_of_speech_has_failed(deepgram: StandIn) -> None:
    deepgram.is_mute = True
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), print, heard.failure.set_result)
    ear.begin(1, SECOND * 3)
    ear.finish(1, 0.0)
    error = await heard.failure
    await ear.close()
    assert "does not answer" in str(error)


async def test_speech_whose_words_are_all_settled_needs_no_answer(deepgram: StandIn) -> None:
    deepgram.settles_at_once = True
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), heard.transcripts.put_nowait, print)
    ear.begin(1, SECOND)
    await heard.transcripts.get()
    ear.finish(1, 0.0)
    assert (await heard.final()).text == "book a table"
    await ear.close()
    assert deepgram.texts == []


@pytest.mark.parametrize("model", ["", "flux-general-multi"])
async def test_connection_is_kept_while_nobody_speaks(
    deepgram: StandIn, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(streamed_ear, "_REST_SECONDS", 0.01)
    recogniser = DeepgramRecogniser(KEY, model=model, base_url=deepgram.url)
    ear = recogniser.open(request(language="de-DE"), print, print)
    await deepgram.resting.wait()
    await ear.close()
    await recogniser.close()
    assert deepgram.texts[:1] == ([] if model else ["KeepAlive"])
    assert deepgram.queries[0].get("language_hint") == (["de"] if model else None)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("", {"type": "Error", "variant": "SchemaError", "description": "d"}),
        ("flux-general-en", {"type": "Error", "sequence_id": 1, "code": "INTERNAL_SERVER_ERROR", "description": "d"}),
    ],
)
async def test_reported_error_is_a_failure(deepgram: StandIn, model: str, error: dict[str, Any]) -> None:
    deepgram.error = error
    heard = Heard()
    ear = DeepgramRecogniser(KEY, model=model, base_url=deepgram.url).open(request(), print, heard.failure.set_result)
    assert "Deepgram reported" in str(await heard.failure)
    await ear.close()


async def test_server_that_does_not_answer_the_call_has_failed(
    deepgram: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed_ear, "CONNECT_SECONDS", 0.01)
    deepgram.answering.clear()
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), print, heard.failure.set_result)
    assert "no connection" in str(await heard.failure)
    deepgram.answering.set()
    await ear.close()


async def test_fault_of_our_own_is_a_failure_too(deepgram: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    recogniser = DeepgramRecogniser(KEY, base_url=deepgram.url)
    monkeypatch.setattr(recogniser, "connect", lambda _: 1 / 0)
    ear = recogniser.open(request(), print, heard.failure.set_result)
    assert (await heard.failure).retryable
    await ear.close()


async def test_minute_of_audio_that_a_stuck_connection_cannot_take_is_all_that_is_kept(deepgram: StandIn) -> None:
    deepgram.answering.clear()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), print, print)
    ear.begin(1, b"")
    for _ in range(200):
        ear.put(SECOND)
    assert ear._waiting_bytes == 60 * len(SECOND)
    deepgram.answering.set()
    await ear.close()


async def test_another_language_is_another_connection(deepgram: StandIn) -> None:
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), heard.transcripts.put_nowait, print)
    ear.ask_again(request(language="de-DE"))
    ear.begin(1, SECOND)
    ear.finish(1, 0.0)
    await heard.final()
    await ear.close()
    assert deepgram.queries[-1]["language"] == ["de"]


async def test_language_that_changes_in_a_speech_counts_from_the_next(deepgram: StandIn) -> None:
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), heard.transcripts.put_nowait, print)
    ear.begin(1, SECOND)
    await heard.transcripts.get()
    ear.ask_again(request(language="de-DE"))
    ear.put(SECOND)
    ear.finish(1, 0.0)
    first = await heard.final()
    ear.begin(2, SECOND)
    ear.finish(2, 0.0)
    second = await heard.final()
    await ear.close()
    assert [(final.speech, final.text) for final in (first, second)] == [(1, "book a table"), (2, "book a table")]
    assert [query["language"] for query in deepgram.queries] == [["en-US"], ["de"]]


async def test_words_that_were_never_settled_are_final_when_no_more_come(
    deepgram: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed_ear, "END_SECONDS", 0.01)
    heard = Heard()
    ear = DeepgramRecogniser(KEY, base_url=deepgram.url).open(request(), heard.transcripts.put_nowait, print)
    ear.begin(1, SECOND)
    await heard.transcripts.get()
    deepgram.is_mute = True
    ear.finish(1, 0.0)
    assert (await heard.final()).text == "book"
    await ear.close()


async def test_voice_gives_mulaw_as_it_comes(deepgram: StandIn) -> None:
    voice = DeepgramVoice(KEY, base_url=deepgram.url)
    speech = [audio async for audio in voice.speak(SpeechRequest(text="Hello.", language="en-US"))]
    await voice.close()
    assert b"".join(speech) == b"\x01" * 800 + b"\x02" * 800
    assert deepgram.spoken == [{"text": "Hello."}]
    query = deepgram.queries[0]
    assert query["model"] == ["aura-2-thalia-en"]
    assert (query["encoding"], query["sample_rate"], query["container"]) == (["mulaw"], ["8000"], ["none"])


async def test_voice_that_is_refused_raises_and_tries_once(deepgram: StandIn) -> None:
    deepgram.status = 503
    voice = DeepgramVoice(KEY, base_url=deepgram.url)
    with pytest.raises(SpeechError, match="503") as caught:
        await anext(voice.speak(SpeechRequest(text="Hello.", language="en-US", voice="aura-2-zeus-en")))
    await voice.close()
    assert caught.value.retryable
    assert len(deepgram.spoken) == 1
    assert deepgram.queries[0]["model"] == ["aura-2-zeus-en"]


async def test_voice_that_is_not_known_is_a_refusal_of_one_request(deepgram: StandIn) -> None:
    deepgram.status = 400
    voice = DeepgramVoice(KEY, base_url=deepgram.url)
    with pytest.raises(RequestRefused) as caught:
        await anext(voice.speak(SpeechRequest(text="Hello.", language="en-US", voice="nobody")))
    await voice.close()
    assert caught.value.brief == "Deepgram refused with status 400: No such voice for '….'"
