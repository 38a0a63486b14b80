"""Live audio between the telephone's 8 kHz mulaw and 16-bit PCM of other rates, in chunks of any size.

A short polyphase filter that holds back 2.75 ms (a resampler made for whole files holds back 60 to 150). Its weights
are whole numbers in float64, so every sum is exact: in whatever chunks audio comes, the same bytes go out. A frame of
20 ms costs 30 to 80 µs (bench/live_resampling.py).
Knows no clock, no container and no vendor; `prompts` resamples whole files.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.audio.mulaw import MULAW_RATE_HZ, decode_mulaw, encode_mulaw

LIVE_RATES_HZ: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

Samples = npt.NDArray[np.int16]
_Floats = npt.NDArray[np.float64]
_Indices = npt.NDArray[np.int64]

_SAMPLE_BYTES: Final = 2
_HALF_FILTER_SECONDS: Final = 0.00275
# Telephone speech ends at 3.4 kHz, and what lies above 4 kHz folds back: the filter falls in between.
_CUTOFF_OF_LOWER_RATE: Final = 3_750 / 8_000
_KAISER_BETA: Final = 5.8
# 2^15 for a sample, 2^24 for a weight and a few bits for the sum stay far below the 2^53 that float64 holds exactly.
_UNIT_WEIGHT: Final = 2.0**24
_BLOCK_SAMPLES: Final = 1_024  # bounds the memory that one long chunk takes: 4 MB


class LiveResampler:
    """16-bit samples of one rate → the same sound at another, aligned with it in time, state kept from chunk to chunk.

    Rates are those of `LIVE_RATES_HZ`, else ValueError. What it holds back comes with the next chunk or with `flush`.
    """

    def __init__(self, source_rate_hz: int, target_rate_hz: int) -> None:
        for rate_hz in (source_rate_hz, target_rate_hz):
            if rate_hz not in LIVE_RATES_HZ:
                known = ", ".join(str(known_hz) for known_hz in LIVE_RATES_HZ)
                raise ValueError(f"live audio of {rate_hz} Hz cannot be converted; rates are {known} Hz")
        common = math.gcd(source_rate_hz, target_rate_hz)
        self._step, self._phases = source_rate_hz // common, target_rate_hz // common
        self._rates_hz = source_rate_hz, target_rate_hz
        self._is_through = source_rate_hz == target_rate_hz
        self._weights = _design_filter(source_rate_hz, target_rate_hz)
        self._half: int = self._weights.shape[1] // 2
        self._block = _BLOCK_SAMPLES // self._phases * self._phases
        self.reset()

    def reset(self) -> None:
        """Forget the audio held back: what comes next begins a new sound."""
        # The next target sample lies `_phase / _phases` of a source sample after the middle of `_held`'s first window.
        self._held: _Floats = np.zeros(self._half - 1)
        self._phase = 0

    def convert(self, samples: Samples) -> Samples:
        """The target samples that are certain now; empty if this chunk is too short for one."""
        if self._is_through:
            return samples
        self._held = np.concatenate((self._held, samples))
        found = [self._next_block() for _ in range(-(-self._ready_count() // self._block))]
        self._held = self._held.copy()  # else the little that is left would keep the whole chunk alive
        return np.concatenate(found) if found else np.empty(0, np.int16)

    def flush(self) -> Samples:
        """The rest of the sound, as if silence followed: all in all it is now as long as what came in; then `reset`."""
        rest = self.convert(np.zeros(0 if self._is_through else self._half, np.int16))
        self.reset()
        return rest

    def _ready_count(self) -> int:
        """How many target samples have their whole window in `_held`."""
        windows = len(self._held) - 2 * self._half + 1
        return max(0, (windows * self._phases - 1 - self._phase) // self._step + 1)

    def _next_block(self) -> Samples:
        count = min(self._ready_count(), self._block)
        taps, stride = 2 * self._half, self._held.itemsize
        # What sliding_window_view gives, which takes longer than all the rest.
        windows: _Floats = np.ndarray((len(self._held) - taps + 1, taps), np.float64, self._held, 0, (stride, stride))
        if self._phases == 1:
            sums: _Floats = windows[: count * self._step : self._step].copy() @ self._weights[0]
        elif self._step == 1:
            sums = (windows[: count // self._phases].copy() @ self._weights.T).ravel()
        else:
            first, weights = _plan_block(*self._rates_hz, self._phase, count)
            sums = np.einsum("ij,ij->i", windows[first], weights)
        used, self._phase = divmod(self._phase + self._step * count, self._phases)
        self._held = self._held[used:]
        rounded: _Floats = np.rint(sums / _UNIT_WEIGHT)
        return rounded.clip(-32_768, 32_767).astype(np.int16)


class PcmToMulaw:
    """Signed 16-bit little-endian mono PCM of `rate_hz` → 8 kHz mulaw; at 8 kHz nothing is held back."""

    def __init__(self, rate_hz: int) -> None:
        self._resampler = LiveResampler(rate_hz, MULAW_RATE_HZ)
        self._odd_byte = b""

    def convert(self, pcm16: bytes) -> bytes:
        """The mulaw that is certain now; half a sample at the end waits for its other half."""
        joined = self._odd_byte + pcm16
        whole = len(joined) // _SAMPLE_BYTES * _SAMPLE_BYTES
        self._odd_byte = joined[whole:]
        return _mulaw_of(self._resampler.convert(np.frombuffer(joined[:whole], "<i2")))

    def flush(self) -> bytes:
        """The end of the sound; half a sample without its other half is a cut, not noise, and is dropped."""
        self._odd_byte = b""
        return _mulaw_of(self._resampler.flush())

    def reset(self) -> None:
        """Forget what is held back, as after `clear`."""
        self._odd_byte = b""
        self._resampler.reset()


class MulawToPcm:
    """8 kHz mulaw → signed 16-bit little-endian mono PCM of `rate_hz`; at 8 kHz nothing is held back."""

    def __init__(self, rate_hz: int) -> None:
        self._resampler = LiveResampler(MULAW_RATE_HZ, rate_hz)

    def convert(self, mulaw: bytes) -> bytes:
        """The PCM that is certain now."""
        return _pcm16_of(self._resampler.convert(np.frombuffer(decode_mulaw(mulaw), "<i2")))

    def flush(self) -> bytes:
        """The end of the sound."""
        return _pcm16_of(self._resampler.flush())

    def reset(self) -> None:
        """Forget what is held back, as after `clear`."""
        self._resampler.reset()


def _mulaw_of(samples: Samples) -> bytes:
    return encode_mulaw(_pcm16_of(samples))


def _pcm16_of(samples: Samples) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()


@lru_cache(maxsize=16)  # live frames are alike, so the same few come again and again
def _plan_block(source_rate_hz: int, target_rate_hz: int, phase: int, count: int) -> tuple[_Indices, _Floats]:
    """For each of `count` target samples: which window it is made of, and the weights of that window's samples."""
    weights = _design_filter(source_rate_hz, target_rate_hz)
    step = source_rate_hz // math.gcd(source_rate_hz, target_rate_hz)
    first, row = np.divmod(phase + step * np.arange(count), len(weights))
    return first, weights[row]


@lru_cache(maxsize=len(LIVE_RATES_HZ) ** 2)
def _design_filter(source_rate_hz: int, target_rate_hz: int) -> _Floats:
    """A Kaiser-windowed sinc in whole numbers, one row of weights for each phase.

    Row p weighs the source samples around a target sample that lies p / phases after the middle of the window.
    """
    phases = target_rate_hz // math.gcd(source_rate_hz, target_rate_hz)
    half = math.ceil(_HALF_FILTER_SECONDS * source_rate_hz)
    cutoff = _CUTOFF_OF_LOWER_RATE * min(source_rate_hz, target_rate_hz) / source_rate_hz
    offset = np.arange(1 - half, half + 1) - np.arange(phases)[:, np.newaxis] / phases
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (offset / half) ** 2, 0, None)))
    weights = np.sinc(2 * cutoff * offset) * window
    weights = np.rint(weights / weights.sum(axis=1, keepdims=True) * _UNIT_WEIGHT)
    # Rounding must not make a phase louder than its neighbour: each row sums to exactly one.
    weights[np.arange(phases), np.abs(offset).argmin(axis=1)] += _UNIT_WEIGHT - weights.sum(axis=1)
    weights.flags.writeable = False
    return np.asarray(weights)
