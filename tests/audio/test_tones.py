"""Tones by their numbers: pitch, loudness, length, and no clicks."""

import numpy as np
import numpy.typing as npt
import pytest

from voicegw.audio.mulaw import decode_mulaw
from voicegw.audio.tones import render_beep, render_comfort_tone, render_tone


def samples_of(mulaw: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(decode_mulaw(mulaw), "<i2").astype(float)


def pitch_hz(samples: npt.NDArray[np.float64]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * 8_000 / len(samples)


@pytest.mark.parametrize("frequency_hz", [100.0, 440.0, 1_000.0, 3_400.0])
def test_tone_has_its_pitch_length_and_loudness(frequency_hz: float) -> None:
    samples = samples_of(render_tone(frequency_hz, 0.5, peak_dbfs=-12.0))
    assert len(samples) == 4_000
    assert pitch_hz(samples) == pytest.approx(frequency_hz, abs=2)
    assert 20 * np.log10(np.abs(samples).max() / 32_767) == pytest.approx(-12, abs=0.3)


def test_tone_begins_and_ends_softly() -> None:
    samples = np.abs(samples_of(render_tone(1_000, 0.5, fade_seconds=0.01)))
    assert samples[:10].max() < 0.05 * samples.max()
    assert samples[-10:].max() < 0.05 * samples.max()
    assert samples[80:-80].max() == samples.max()


def test_tone_shorter_than_its_fades_is_all_fade() -> None:
    assert len(render_tone(1_000, 0.005, fade_seconds=0.01)) == 40
    assert render_tone(1_000, 0.0) == b""


@pytest.mark.parametrize("frequency_hz", [-1.0, 0.0, 4_000.0, 6_000.0])
def test_pitch_that_the_telephone_cannot_carry_is_refused(frequency_hz: float) -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        render_tone(frequency_hz, 1.0)


def test_beep_is_a_quarter_second_of_1_khz() -> None:
    beep = samples_of(render_beep())
    assert len(beep) == 2_000
    assert pitch_hz(beep) == pytest.approx(1_000, abs=5)


def test_comfort_tone_is_quiet_short_notes_and_long_silence() -> None:
    samples = samples_of(render_comfort_tone(2.0))
    assert len(samples) == 16_000
    assert 0 < np.abs(samples).max() < 32_767 * 10 ** (-25 / 20)
    assert not samples[round(0.36 * 8_000) :].any()


@pytest.mark.parametrize("seconds", [0.0, 0.1, 2.0, 3.7, 61.0])
def test_comfort_tone_is_as_long_as_asked_and_repeats(seconds: float) -> None:
    tone = render_comfort_tone(seconds)
    assert len(tone) == round(seconds * 8_000)
    assert tone[16_000:32_000] == tone[: len(tone[16_000:32_000])]
