"""The telephone's mulaw as the floats that models are fed with, and back. Pure."""

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from voicegw.audio.mulaw import MULAW_RATE_HZ, decode_mulaw, encode_mulaw

Waveform = npt.NDArray[np.float32]
"""Mono samples within ±1.0."""

MODEL_RATE_HZ: Final = 16_000

FULL_SCALE: Final = 32_768.0
_FLOAT_OF_MULAW: Final[Waveform] = np.frombuffer(decode_mulaw(bytes(range(256))), "<i2").astype(
    np.float32
) / np.float32(FULL_SCALE)


def read_mulaw(mulaw: bytes) -> Waveform:
    """Mulaw → samples, at its own 8 kHz."""
    return read_codes(np.frombuffer(mulaw, np.uint8))


def read_codes(codes: npt.NDArray[np.uint8]) -> Waveform:
    """The codes of mulaw → samples, in an array of the same shape."""
    samples: Waveform = np.take(_FLOAT_OF_MULAW, codes)
    return samples


def read_mulaw_at_16_khz(mulaw: bytes) -> Waveform:
    """Mulaw → samples at the 16 kHz that recognisers were trained with; a whole piece of audio at once."""
    samples: Waveform = soxr.resample(read_mulaw(mulaw), MULAW_RATE_HZ, MODEL_RATE_HZ)
    return samples


def write_mulaw(samples: Waveform, rate_hz: int) -> bytes:
    """Samples of `rate_hz` → 8 kHz mulaw, low-passed; a whole piece of audio at once."""
    at_8_khz = soxr.resample(samples, rate_hz, MULAW_RATE_HZ)
    whole = np.rint(at_8_khz * (FULL_SCALE - 1)).clip(-FULL_SCALE, FULL_SCALE - 1)
    return encode_mulaw(whole.astype("<i2").tobytes())
