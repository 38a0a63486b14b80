"""Whisper's log-mel features of 8 s at 16 kHz, as smart-turn was trained on. Pure.

As transformers' WhisperFeatureExtractor(chunk_length=8) computes them with `do_normalize`: Hann window of 400, hop of
160, centred with reflection, 80 Slaney mel bands to 8 kHz, log10, at most 8 (80 dB) below the loudest, scaled by 4.
"""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.speech.waveform import MODEL_RATE_HZ, Waveform

SPAN_SAMPLES: Final = 8 * MODEL_RATE_HZ
BANDS: Final = 80
FRAMES: Final = SPAN_SAMPLES // 160

_WINDOW: Final = 400
_HOP: Final = 160
_BINS: Final = _WINDOW // 2 + 1
_LEAST_VARIANCE: Final = 1e-7
_LEAST_POWER: Final = 1e-10
_RANGE_LOG10: Final = 8.0
_LINEAR_HZ: Final = 1_000.0  # Slaney's scale: 15 mels of 66.7 Hz, then 27 to each factor of 6.4
_LINEAR_MELS: Final = 15.0
_LOG_STEP: Final = np.log(6.4) / 27.0

_Floats = npt.NDArray[np.float64]


def log_mel(samples: Waveform) -> Waveform:
    """The features, (80, 800), of the last 8 s; shorter audio has silence before it."""
    span = np.zeros(SPAN_SAMPLES, np.float32)
    kept = samples[-SPAN_SAMPLES:]
    span[SPAN_SAMPLES - len(kept) :] = kept
    span = (span - span.mean()) / np.sqrt(span.var() + np.float32(_LEAST_VARIANCE))
    padded = np.pad(span, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:FRAMES]
    spectrum = np.fft.rfft(frames * _hann())
    power = spectrum.real**2 + spectrum.imag**2
    # Not `@`: this much makes BLAS wake threads on every core, and they are other calls'.
    decades = np.log10(np.maximum(np.einsum("mb,fb->mf", _mel_filters(), power), _LEAST_POWER))
    decades = np.maximum(decades, decades.max() - _RANGE_LOG10)
    return np.asarray((decades + 4.0) / 4.0, np.float32)


@cache
def _hann() -> _Floats:
    """A periodic Hann window."""
    return np.hanning(_WINDOW + 1)[:-1]


@cache
def _mel_filters() -> _Floats:
    """Triangles of equal area over the bins of the spectrum, (80, 201)."""
    edges = _hz_of_mel(np.linspace(0.0, _mel_of_hz(MODEL_RATE_HZ / 2), BANDS + 2))
    bins = np.linspace(0.0, MODEL_RATE_HZ / 2, _BINS)
    slopes = (edges[:, np.newaxis] - bins) / np.diff(edges, append=np.inf)[:, np.newaxis]
    rising, falling = -slopes[:-2], (edges[2:, np.newaxis] - bins) / np.diff(edges)[1:, np.newaxis]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, np.newaxis])


def _mel_of_hz(hz: float) -> float:
    return float(_LINEAR_MELS + np.log(hz / _LINEAR_HZ) / _LOG_STEP)


def _hz_of_mel(mels: _Floats) -> _Floats:
    linear = mels * (_LINEAR_HZ / _LINEAR_MELS)
    return np.where(mels < _LINEAR_MELS, linear, _LINEAR_HZ * np.exp(_LOG_STEP * (mels - _LINEAR_MELS)))
