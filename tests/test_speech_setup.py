"""Which phrases are rendered before the first call, where they are kept, and that no start fails by them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from voicegw import speech_setup
from voicegw.call.profile import Mode, NumberProfile, Stream
from voicegw.config import Settings, Voiceflow
from voicegw.live.ports import SpeechRequest
from voicegw.speech.factory import Speech
from voicegw.speech_setup import MOST_PHRASES, familiar_phrases, speech_of, warm_up


def settings(*numbers: NumberProfile, **others: Any) -> Settings:
    agent = Voiceflow(api_key=SecretStr("VF.DM.x"), project_id="p")
    return Settings(insecure_dev=True, voiceflow=agent, numbers=numbers or (NumberProfile(),), **others)


def number(**details: Any) -> NumberProfile:
    return NumberProfile(**{"mode": Mode.STREAM, **details})


def texts(*numbers: NumberProfile) -> list[str]:
    return [request.text for request in familiar_phrases(settings(*numbers))]


def test_a_number_s_opening_comes_first() -> None:
    found = texts(number(disclosure="This call is recorded.", greeting="Welcome."))
    assert found[:2] == ["This call is recorded.", "Welcome."]


def test_the_usual_disclosure_is_rendered_in_the_number_s_language() -> None:
    english, german = texts(number(disclosure="default")), texts(number(disclosure="default", language="de-DE"))
    assert english[0] != german[0]
    assert not set(english) & set(german)


def test_our_own_phrases_are_rendered_as_the_operator_worded_them() -> None:
    found = texts(number(phrases={"still_there": ("Hello?", "Anyone?")}))
    assert {"Hello?", "Anyone?"} <= set(found)
    assert len(found) == len(set(found))
    assert not [text for text in found if "{" in text or not text.strip()]


def test_numbers_whose_calls_the_carrier_speaks_have_nothing_to_render() -> None:
    assert texts(NumberProfile(greeting="Welcome.")) == []


def test_however_many_numbers_there_are_it_is_bounded_and_all_openings_come_before_other_phrases() -> None:
    numbers = [number(number=f"+1415555{place:04}", greeting=f"Welcome to {place}.") for place in range(250)]
    found = texts(*numbers)
    assert len(found) == MOST_PHRASES
    assert found[-1] == "Welcome to 199."


def test_a_voice_of_the_carrier_never_reaches_a_provider_and_the_stream_s_own_does() -> None:
    both = number(voice="Polly.Joanna", stream=Stream(voice="aura-2-thalia-en"), greeting="Welcome.")
    assert {request.voice for request in familiar_phrases(settings(both))} == {"aura-2-thalia-en"}
    assert {request.voice for request in familiar_phrases(settings(number(voice="Polly.Joanna")))} == {""}


def test_without_a_number_in_stream_mode_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(speech_setup, "create_speech")
    assert speech_of(settings()) is None


@pytest.mark.parametrize(("megabytes", "folder"), [(5, Path("kept")), (0, None)])
def test_the_cache_has_the_folder_and_the_size_that_are_set(
    megabytes: int, folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(speech_setup, "create_speech", asked.update)
    speech_of(settings(number(), phrase_cache_path=Path("kept"), phrase_cache_megabytes=megabytes, tts=("openai",)))
    assert asked["cache_folder"] == folder
    assert asked["cache_bytes"] == megabytes * 1_000_000
    assert asked["tts"] == ("openai",)


class _Voice(Speech):
    """Renders nothing, in one way or another."""

    def __init__(self, fails: bool) -> None:
        object.__setattr__(self, "fails", fails)

    async def warm(self, phrases: Any = ()) -> None:
        assert all(isinstance(phrase, SpeechRequest) for phrase in phrases)
        if self.fails:
            raise RuntimeError("out of order")
        await asyncio.Event().wait()


@pytest.mark.parametrize("fails", [True, False])
async def test_a_voice_that_fails_or_takes_too_long_is_left_alone(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_setup, "WARM_UP_SECONDS", 0.0)
    await warm_up(_Voice(fails), settings(number()))
