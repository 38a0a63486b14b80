"""The turn model and its features, which must be Whisper's own to the last digit that matters."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.errors import SpeechError
from voicegw.speech.factory import Speech
from voicegw.speech.log_mel import BANDS, FRAMES, log_mel
from voicegw.speech.smart_turn import SmartTurn


def chirp() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    time = np.arange(48_000) / 16_000
    return (0.3 * np.sin(2 * np.pi * (200 + 800 * time) * time)).astype(np.float32)


def test_features_are_those_of_whispers_extractor() -> None:
    """Values that transformers' WhisperFeatureExtractor gives for three seconds of a rising tone."""
    features = log_mel(chirp())
    assert features.shape == (BANDS, FRAMES)
    places = [(0, 0), (5, 520), (12, 799), (79, 799)]
    known = [-0.216610, -0.092283, -0.012438, 0.162907]
    assert [features[place] for place in places] == pytest.approx(known, abs=1e-5)
    assert (features.mean(), features.max()) == pytest.approx((-0.167668, 1.783390), abs=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 200_000))
def test_features_have_one_shape_whatever_the_length(samples: int) -> None:
    features = log_mel(np.zeros(samples, np.float32))
    assert features.shape == (BANDS, FRAMES)
    assert np.isfinite(features).all()


def test_only_the_last_eight_seconds_count() -> None:
    rest = np.random.default_rng(1).normal(0, 0.1, 128_000).astype(np.float32)
    longer = np.concatenate([np.ones(50_000, np.float32), rest])
    assert np.array_equal(log_mel(rest), log_mel(longer))


async def test_finished_sentence_is_over_and_one_that_stops_short_less_so(
    speech: Speech, say: Callable[[str], bytes]
) -> None:
    finished = await asyncio.to_thread(say, "I would like to book a table for two people.")
    assert await speech.turn_model.judge(finished) > 0.9
    assert await speech.turn_model.judge(finished[:4_000]) < await speech.turn_model.judge(finished)


async def test_any_audio_gives_a_probability(speech: Speech) -> None:
    for audio in (b"", b"\xff", b"\x00" * 100_000):
        assert 0.0 <= await speech.turn_model.judge(audio) <= 1.0


async def test_model_that_is_asked_too_much_refuses_at_once(speech: Speech) -> None:
    answers = await asyncio.gather(*(speech.turn_model.judge(b"") for _ in range(30)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, SpeechError)]
    assert len(refused) == 20
    assert all("busy" in str(answer) for answer in refused)
    assert 0.0 <= await speech.turn_model.judge(b"") <= 1.0


async def test_closed_model_raises_speech_error() -> None:
    model = SmartTurn()
    model.close()
    with pytest.raises(SpeechError):
        await model.judge(b"")
