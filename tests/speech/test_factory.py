"""The speech of a process from plain settings: what is wrong is said at once, with its setting and its mend."""

import builtins
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from voicegw.errors import InvalidSettingsError, SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech import factory
from voicegw.speech.factory import create_speech
from voicegw.speech.phrase_cache import CachedVoice

HELLO = SpeechRequest(text="Hello.", language="en-US")
KEYS = {"DEEPGRAM_API_KEY": "a", "ELEVENLABS_API_KEY": "b", "OPENAI_API_KEY": "c", "OPENAI_BASE_URL": "http://tts/v1"}


@pytest.fixture(autouse=True)
def light_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are read as ever, but no models loaded."""

    class Light:
        def __init__(self) -> None:
            self.name = self.sound = "offline"
            self.asked: list[SpeechRequest] = []

        async def speak(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
            self.asked.append(request)
            if not request.text:
                raise SpeechError("nothing to say")
            yield b"\xff" * 80

        async def close(self) -> None:
            pass

    class LightModel(Light):
        def close(self) -> None:  # type: ignore[override]
            pass

    monkeypatch.setattr(factory, "SileroDetector", Light)
    monkeypatch.setattr(factory, "SmartTurn", LightModel)
    monkeypatch.setitem(factory._RECOGNISERS, "offline", lambda *_: Light())
    monkeypatch.setitem(factory._VOICES, "offline", lambda *_: Light())


async def test_names_are_in_the_order_of_failover_and_the_offline_voice_is_last() -> None:
    speech = create_speech(
        stt=["deepgram:nova-3", "openai", "offline"], tts=["elevenlabs:voice", "deepgram", "openai"], environment=KEYS
    )
    assert list(speech.stt.recognisers) == ["deepgram", "openai", "offline"]
    assert speech.first_voice.sound.startswith("elevenlabs")
    assert list(speech.tts._voices) == ["elevenlabs", "deepgram", "openai", "offline"]
    await speech.close()


async def test_nothing_named_is_offline() -> None:
    speech = create_speech()
    assert list(speech.stt.recognisers) == ["offline"]
    assert speech.first_voice.name == "offline"
    await speech.warm([HELLO])
    await speech.close()


def test_missing_key_is_named() -> None:
    with pytest.raises(InvalidSettingsError, match="DEEPGRAM_API_KEY is not set"):
        create_speech(stt=["deepgram"])


def test_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **others: Any) -> Any:
        if name == "voicegw.speech.elevenlabs_tts":
            raise ImportError(name, name="elevenlabs")
        return real(name, *rest, **others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InvalidSettingsError, match=r"pip install 'voicegw\[elevenlabs\]'"):
        create_speech(tts=["elevenlabs"], environment=KEYS)


def test_provider_named_twice_is_a_fault() -> None:
    with pytest.raises(InvalidSettingsError, match="named twice"):
        create_speech(stt=["deepgram:nova-3", "deepgram:nova-2"], environment=KEYS)


def test_missing_runtime_of_the_models_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise SpeechError("onnxruntime is not installed: pip install 'voicegw[offline]'")

    monkeypatch.setattr(factory, "SileroDetector", fail)
    with pytest.raises(InvalidSettingsError, match="onnxruntime is not installed"):
        create_speech()


def test_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSettingsError, match="cannot be made"):
        create_speech(cache_folder=tmp_path / "file" / "phrases")


async def test_greetings_are_rendered_ahead_and_a_failure_stops_no_other(tmp_path: Path) -> None:
    speech = create_speech(cache_folder=tmp_path)
    await speech.warm([SpeechRequest(text="", language="en-US"), HELLO])
    voice = speech.first_voice
    assert isinstance(voice, CachedVoice)
    assert voice._cache.read(voice._key(HELLO)) == b"\xff" * 80
    assert [audio async for audio in speech.tts.speak(HELLO)] == [b"\xff" * 80]
    await speech.close()
