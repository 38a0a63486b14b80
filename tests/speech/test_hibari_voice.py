"""The offline voice: quick, loud enough, without padding, and it stops when it is told to."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from voicegw.errors import SpeechError
from voicegw.live.ports import SpeechRequest
from voicegw.speech import hibari_voice
from voicegw.speech.factory import Speech
from voicegw.speech.hibari_voice import HibariVoice, trim_silence
from voicegw.speech.waveform import read_mulaw

LONG = (
    "Your appointment is on Tuesday, the third of March, at half past nine, with Doctor Miller, "
    "and if you cannot come, please call us before Monday evening."
)


@pytest.fixture(scope="session")
def voice(speech: Speech) -> HibariVoice:
    assert isinstance(speech.first_voice, HibariVoice)
    return speech.first_voice


async def pieces_of(voice: HibariVoice, text: str, language: str = "en-US") -> list[bytes]:
    return [audio async for audio in voice.speak(SpeechRequest(text=text, language=language))]


async def test_padding_is_trimmed_to_a_breath(voice: HibariVoice) -> None:
    (audio,) = await pieces_of(voice, "Yes, please.")
    loud = np.nonzero(np.abs(read_mulaw(audio)) > 0.01)[0] / 8_000
    assert loud[0] < 0.06
    assert 0.05 < len(audio) / 8_000 - loud[-1] < 0.25


async def test_speech_is_as_loud_as_on_the_telephone_and_not_clipped(say: Callable[[str], bytes]) -> None:
    samples = read_mulaw(await asyncio.to_thread(say, "Thanks for calling. How can I help you today?"))
    assert -24 < 10 * np.log10(np.mean(samples**2)) < -15
    assert np.abs(samples).max() < 0.98


async def test_long_sentence_comes_in_clauses_and_short_ones_whole(voice: HibariVoice) -> None:
    assert len(await pieces_of(voice, LONG)) > 2
    assert len(await pieces_of(voice, "Yes, please, do. No, thanks.")) == 2


async def test_same_words_sound_the_same(voice: HibariVoice) -> None:
    assert await pieces_of(voice, "Hello.") == await pieces_of(voice, "Hello.")


async def test_nothing_to_say_is_silence_of_no_length(voice: HibariVoice) -> None:
    assert await pieces_of(voice, "") == []
    assert await pieces_of(voice, "…") == []


async def test_other_languages_are_spoken_with_an_accent(voice: HibariVoice) -> None:
    assert await pieces_of(voice, "Guten Tag.", "de-DE")


async def test_closing_the_iterator_makes_no_more(voice: HibariVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = voice._make

    def count(clause: str, pause_seconds: float) -> bytes:
        made.append(clause)
        return real(clause, pause_seconds)

    monkeypatch.setattr(voice, "_make", count)
    speech = voice.speak(SpeechRequest(text=LONG, language="en-US"))
    await anext(speech)
    await speech.aclose()
    assert len(made) == 1


async def test_model_that_fails_raises_speech_error(voice: HibariVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "_make", lambda *_: 1 / 0)
    with pytest.raises(SpeechError) as caught:
        await pieces_of(voice, "Hello.")
    assert caught.value.retryable


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "hibari", None)
    with pytest.raises(SpeechError, match=r"pip install 'voicegw\[offline\]'"):
        hibari_voice.HibariVoice()


def test_sound_without_sound_is_trimmed_to_nothing() -> None:
    assert len(trim_silence(np.zeros(1_000, np.float32), 24_000, 0.1)) == 0
    assert len(trim_silence(np.zeros(0, np.float32), 24_000, 0.1)) == 0
