"""Stream calls in which something is unusual or fails: recordings, hints, models, voices, the gateway itself."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from stream_world import (
    LONG,
    ORIGIN,
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

from voicegw.audio.wav import render_mulaw_wav
from voicegw.call.records import Failed, StreamEnded
from voicegw.errors import SpeechError
from voicegw.prompts.errors import PromptUnreachable
from voicegw.prompts.guarded_fetch import MAX_FETCH_SECONDS
from voicegw.prompts.stream_source import StreamSource

RECORDING = bytes([200]) * 8000


def _speaks(source: str) -> dict[str, Any]:
    return {"type": "speak", "payload": {"type": "audio", "message": "What it says.", "src": source}}


async def test_recording_is_played_and_listened_after(start_site: StartSite) -> None:
    uri = f"data:audio/wav;base64,{base64.b64encode(render_mulaw_wav(RECORDING)).decode()}"

    def answers(action: Mapping[str, Any]) -> Traces:
        return [_speaks(uri)] if action["type"] == "launch" else dialogue(action)

    site = await start_site(Agent(answers))
    stream = await answer(site)
    site.speech.tts.says[200] = "a recording of a second"
    await asyncio.sleep(2)
    assert len([sound for sound in stream.sounds if sound.byte == 200]) == 50
    stream.say("hello")
    await asyncio.sleep(4)
    assert stream.heard()[-2:] == ["You said hello.", "Anything else?"]
    await hang_up(site, stream)


async def test_recording_that_cannot_be_had_is_said_by_its_words(start_site: StartSite) -> None:
    def answers(action: Mapping[str, Any]) -> Traces:
        return [_speaks("data:audio/wav;base64,AAAA"), says("And on.")] if action["type"] == "launch" else []

    site = await start_site(Agent(answers))
    stream = await answer(site)
    await asyncio.sleep(4)
    assert stream.heard() == ["What it says.", "And on."]
    assert {each.part for each in site.journal.of(Failed)} == {"prompt"}
    await hang_up(site, stream)


async def test_recordings_that_hang_keep_no_words_from_being_made(
    start_site: StartSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(action: Mapping[str, Any]) -> Traces:
        sources = [_speaks(f"https://slow.example/{number}.wav") for number in range(8)]
        return [*sources, says("And on.")] if action["type"] == "launch" else []

    async def hang(_source: StreamSource, _prompt: object) -> AsyncIterator[bytes]:
        await asyncio.sleep(MAX_FETCH_SECONDS)
        raise PromptUnreachable("nobody answers")
        yield b""

    monkeypatch.setattr(StreamSource, "load", hang)
    site = await start_site(Agent(answers))
    stream = await answer(site)
    await asyncio.sleep(30)
    assert stream.heard() == ["What it says.", "And on."]
    await hang_up(site, stream)


async def test_names_of_offered_buttons_are_hints_for_the_recogniser(start_site: StartSite) -> None:
    buttons = {"type": "choice", "payload": {"buttons": [{"name": "Xylophone", "request": {"type": "path-1"}}]}}

    def answers(action: Mapping[str, Any]) -> Traces:
        return [says("Which?"), buttons] if action["type"] == "text" else dialogue(action)

    site = await start_site(Agent(answers))
    stream = await hear_greeting(site)
    stream.say("hello")
    await asyncio.sleep(3)
    assert "Xylophone" in site.speech.stt.requests[-1].hints
    assert "Xylophone" not in site.speech.stt.requests[0].hints
    await hang_up(site, stream)


@pytest.mark.parametrize("model", ["broken", "none"])
async def test_without_a_turn_model_the_quiet_ends_a_speech(
    site: Site, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if model == "none":
        site.speech.turn_model = None
    else:

        async def fail(_audio: bytes) -> float:
            raise SpeechError("no model")

        monkeypatch.setattr(site.speech.turn_model, "judge", fail)
    stream = await hear_greeting(site)
    stream.say("hello")
    await asyncio.sleep(7)
    assert stream.heard()[1:] == ["You said hello.", "Anything else?"]
    await hang_up(site, stream)


async def test_who_talks_for_long_is_still_judged_by_the_last_seconds(site: Site) -> None:
    stream = await hear_greeting(site)
    stream.say("a very long speech", 20.0)
    await asyncio.sleep(26)
    assert site.agent.received[-1]["payload"] == "a very long speech"
    await hang_up(site, stream)


async def test_voice_that_crashes_leaves_the_words_to_the_carrier(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = await hear_greeting(site)

    async def crash(_request: object) -> Any:
        raise RuntimeError("a bug")
        yield b""

    monkeypatch.setattr(site.speech.tts, "speak", crash)
    stream.say("hello")
    await stream.until_closed()
    assert b"You said hello." in await site.post(stream.after)
    assert [each.code for each in site.journal.of(Failed)] == ["prompt-crashed"]
    site.journal.records.clear()  # no other failure is to be left
    await hang_up(site, stream)


async def test_dialogue_that_crashes_costs_the_caller_a_moment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = await hear_greeting(site)
    runner = site.gateway.conversations._desk.runner
    with monkeypatch.context() as broken:
        broken.setattr(runner, "begin", lambda *_: 1 / 0)
        stream.say("hello")
        await stream.until_closed()
    assert [each.code for each in site.journal.of(Failed)] == ["stream-crashed"]
    site.journal.records.clear()  # no other failure is to be left
    again = Stream(site, await site.post(stream.after))
    again.start()
    await asyncio.sleep(2)
    assert "moment" in again.heard()[0]
    await hang_up(site, again)


async def test_caller_does_not_wait_for_a_turn_that_cannot_be_followed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await hear_greeting(site)
    with monkeypatch.context() as broken:
        broken.setattr(site.gateway.conversations._desk.runner, "news", lambda *_, **__: 1 / 0)
        stream.say("hello")
        await asyncio.sleep(6)
    assert stream.heard()[1:] != []
    assert [each.code for each in site.journal.of(Failed)] == ["turn-crashed"]
    site.journal.records.clear()  # no other failure is to be left
    stream.say("again")
    await asyncio.sleep(6)
    assert stream.heard()[-2:] == ["You said again.", "Anything else?"]
    await hang_up(site, stream)


async def test_audio_that_stops_in_the_middle_is_heard_as_far_as_it_came(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await hear_greeting(site)

    async def half(_request: object) -> Any:
        yield bytes([99]) * 4000
        raise SpeechError("broke off")

    with monkeypatch.context() as broken:
        broken.setattr(site.speech.tts, "speak", half)
        stream.say("story")
        await asyncio.sleep(4)
    site.speech.tts.says[99] = "half of it"
    assert sum(sound.byte == 99 for sound in stream.sounds) == 25
    assert not stream.socket.closed.is_set()
    stream.say("hello")
    await asyncio.sleep(4)
    assert stream.heard()[-1] == "Anything else?"
    assert LONG not in stream.heard()
    assert site.journal.of(StreamEnded) == []
    await hang_up(site, stream)


async def test_call_that_is_hung_up_while_it_rings_leaves_nothing(site: Site) -> None:
    await site.post(f"{ORIGIN}/twilio/voice", status="ringing")
    await site.post(f"{ORIGIN}/twilio/status", status="completed")
    await site.gateway.stop(30)
    assert site.agent.kinds == ["launch", "end"]
