"""PURE: mulaw at 8 kHz as the telephone has it: how loud it is, its silence, tones, echo, and WAV files read into it.

One byte a sample, 8 bytes a millisecond, frames of 20 ms.
"""

import io
import math
import struct
import warnings
import wave
from collections.abc import Iterator
from typing import Final

import numpy as np
import soxr

with warnings.catch_warnings():
    # Python 3.11 and 3.12 have it, and say that it will go; from 3.13 on `audioop-lts` brings it back.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATE_HZ: Final = 8000
FRAME_SECONDS: Final = 0.02
FRAME_BYTES: Final = 160
SILENT_SAMPLE: Final = b"\xff"
SILENT_FRAME: Final = SILENT_SAMPLE * FRAME_BYTES
AUDIBLE_RMS: Final = 104
"""A frame at or over this level is a sound: -50 dB of full scale, over line noise and far below speech."""

_PEAK: Final = 32_767
_TONE_PEAK: Final = 0.25
_KEY_ROWS_HZ: Final = (697, 770, 852, 941)
_KEY_COLUMNS_HZ: Final = (1209, 1336, 1477, 1633)
_KEYPAD: Final = "123A456B789C*0#D"


def is_audible(frame: bytes) -> bool:
    """Is there a sound in these mulaw bytes?"""
    return frame != SILENT_FRAME and audioop.rms(audioop.ulaw2lin(frame, 2), 2) >= AUDIBLE_RMS


def seconds_of(audio: bytes) -> float:
    """How long these mulaw bytes sound."""
    return len(audio) / RATE_HZ


def silence(seconds: float) -> bytes:
    """Mulaw without a sound."""
    return SILENT_SAMPLE * round(seconds * RATE_HZ)


def tone(seconds: float, *frequencies_hz: float) -> bytes:
    """Sines added up, at -12 dB of full scale together."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    sines = np.sin(2 * math.pi * np.outer(frequencies_hz, at)).mean(axis=0)
    return _encode(sines * _PEAK * _TONE_PEAK)


def key_tone(key: str, seconds: float = 0.1) -> bytes:
    """The two tones of a key, as a telephone sounds it."""
    row, column = divmod(_KEYPAD.index(key), 4)
    return tone(seconds, _KEY_ROWS_HZ[row], _KEY_COLUMNS_HZ[column])


def hum(seconds: float) -> bytes:
    """Something that rises and falls like speech, five times a second, and says nothing."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    harmonics = sum(np.sin(2 * math.pi * 140 * n * at) / n for n in range(1, 9))
    return _encode(harmonics * (0.55 - 0.45 * np.cos(2 * math.pi * 5 * at)) * _PEAK * 0.15)


def with_echo(frame: bytes, echo: bytes, decibels: float) -> bytes:
    """The caller's frame with what their telephone gives back of the agent's."""
    quieter = audioop.mul(audioop.ulaw2lin(echo, 2), 2, 10 ** (decibels / 20))
    return audioop.lin2ulaw(audioop.add(audioop.ulaw2lin(frame, 2), quieter, 2), 2)


def read_wav(content: bytes) -> bytes:
    """A WAV file as mulaw: 16-bit PCM at any rate, mono or more, or mulaw at 8 kHz. ValueError for any other."""
    if (mulaw := _g711(content)) is not None:
        return mulaw
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, rate_hz, width = file.getnchannels(), file.getframerate(), file.getsampwidth()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as exc:
        raise ValueError(f"no WAV file that can be read ({exc}); make it 16-bit PCM") from exc
    if width != 2:
        raise ValueError(f"a WAV file of {8 * width} bits; make it 16-bit PCM")
    samples = np.frombuffer(frames[: len(frames) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    mono = samples.mean(axis=1)
    return _encode(mono if rate_hz == RATE_HZ else soxr.resample(mono, rate_hz, RATE_HZ))


def wav_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WAV file, each with its name, as far as they are there: one that is streamed may claim more.

    RIFF: a four-letter name, a little-endian length, and content padded to an even length.
    """
    position = 12 if content[:4] == b"RIFF" and content[8:12] == b"WAVE" else len(content)
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        position += 8
        yield name, content[position : position + size]
        position += size + size % 2


def write_wav(left: bytes, right: bytes) -> bytes:
    """Two channels of mulaw as one 16-bit WAV file; the shorter is filled up with silence."""
    length = max(len(left), len(right))
    both = [audioop.ulaw2lin(side.ljust(length, SILENT_SAMPLE), 2) for side in (left, right)]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(audioop.add(audioop.tostereo(both[0], 2, 1, 0), audioop.tostereo(both[1], 2, 0, 1), 2))
    return out.getvalue()


def _encode(samples: "np.ndarray[tuple[int, ...], np.dtype[np.floating]]") -> bytes:
    linear = np.clip(np.round(samples), -_PEAK - 1, _PEAK).astype("<i2")
    return audioop.lin2ulaw(linear.tobytes(), 2)


def _g711(content: bytes) -> bytes | None:
    """The samples of a WAV file whose format is 7 (mulaw), mono at 8 kHz, which the standard library does not read."""
    is_mulaw = False
    for name, chunk in wav_chunks(content):
        if name == b"fmt " and len(chunk) >= 8:
            is_mulaw = struct.unpack_from("<HHI", chunk) == (7, 1, RATE_HZ)
        elif name == b"data" and is_mulaw:
            return chunk
    return None
