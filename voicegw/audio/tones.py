"""Tones made from numbers, as 8 kHz mulaw: a beep, and a quiet pulse that says "we are still here"."""

import math
from typing import Final

import numpy as np

from voicegw.audio.mulaw import MULAW_RATE_HZ, MULAW_SILENCE, encode_mulaw

_FULL_SCALE: Final = 32_767
_BEEP_HZ: Final = 1_000.0
_BEEP_SECONDS: Final = 0.25
_COMFORT_NOTES_HZ: Final = (440.0, 554.4)  # a major third: friendly, and far from any keypad or ringing tone
_COMFORT_NOTE_SECONDS: Final = 0.18
_COMFORT_PERIOD_SECONDS: Final = 2.0


def render_tone(frequency_hz: float, seconds: float, *, peak_dbfs: float = -12.0, fade_seconds: float = 0.01) -> bytes:
    """A sine as mulaw, faded in and out so that it does not click; ValueError at 4 kHz and above."""
    if not 0 < frequency_hz < MULAW_RATE_HZ / 2:
        raise ValueError(f"8 kHz audio cannot carry {frequency_hz} Hz")
    count = round(seconds * MULAW_RATE_HZ)
    at_seconds = np.arange(count) / MULAW_RATE_HZ
    wave = np.sin(2 * math.pi * frequency_hz * at_seconds) * _FULL_SCALE * 10 ** (peak_dbfs / 20)
    fade_count = min(round(fade_seconds * MULAW_RATE_HZ), count // 2)
    fade = 0.5 - 0.5 * np.cos(np.linspace(0, math.pi, fade_count, endpoint=False))
    wave[:fade_count] *= fade
    wave[count - fade_count :] *= fade[::-1]
    return encode_mulaw(np.round(wave).astype("<i2").tobytes())


def render_beep() -> bytes:
    """The beep after which one speaks: 1 kHz, a quarter of a second."""
    return render_tone(_BEEP_HZ, _BEEP_SECONDS)


def render_comfort_tone(seconds: float) -> bytes:
    """Two soft notes every two seconds, for a wait; loops without a seam in steps of 2 s."""
    notes = b"".join(
        render_tone(note_hz, _COMFORT_NOTE_SECONDS, peak_dbfs=-26.0, fade_seconds=0.06) for note_hz in _COMFORT_NOTES_HZ
    )
    period = notes.ljust(round(_COMFORT_PERIOD_SECONDS * MULAW_RATE_HZ), MULAW_SILENCE)
    count = round(seconds * MULAW_RATE_HZ)
    return (period * (count // len(period) + 1))[:count]
