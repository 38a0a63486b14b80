"""Can it be heard that audio is converted in pieces? The same speech in pieces of any size against one shot.

Each line's difference is given as a signal-to-noise ratio; "none" where no bit is another. Beside it, what the
conversion itself adds: the one shot against soxr's best for whole files. Run: `python -m bench.artefacts`.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soxr

from bench.rounds import show_table
from voicegw.audio.live_resampling import LIVE_RATES_HZ, LiveResampler, Samples
from voicegw.audio.mulaw import MULAW_RATE_HZ

SECONDS = 10
_PEAK = 16_000
_EDGE_SECONDS = 0.1  # whole files begin and end in other ways than live audio does


def _speech_band(rate_hz: int, random: np.random.Generator) -> Samples:
    """Noise from 200 to 3,400 Hz, rising and falling as syllables do."""
    count = SECONDS * rate_hz
    spectrum = np.fft.rfft(random.normal(size=count))
    frequency_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum[(frequency_hz < 200) | (frequency_hz > 3_400)] = 0
    sound = np.fft.irfft(spectrum, count) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * np.arange(count) / rate_hz))
    samples: Samples = np.round(sound / np.abs(sound).max() * _PEAK).astype(np.int16)
    return samples


def _pieces(samples: Samples, seconds: tuple[float, float], rate_hz: int) -> Iterator[Samples]:
    random, at = np.random.default_rng(2), 0
    while at < len(samples):
        size = max(1, round(random.uniform(*seconds) * rate_hz))
        yield samples[at : at + size]
        at += size


def _convert(pieces: Iterator[Samples], source_hz: int, target_hz: int) -> Samples:
    resampler = LiveResampler(source_hz, target_hz)
    return np.concatenate([*map(resampler.convert, pieces), resampler.flush()])


def _snr(heard: npt.NDArray[np.generic], meant: npt.NDArray[np.generic]) -> str:
    count = min(len(heard), len(meant))
    wanted, error = meant[:count].astype(float), heard[:count].astype(float) - meant[:count]
    if len(heard) == len(meant) and not error.any():
        return "none"
    return f"{10 * np.log10(np.sum(wanted**2) / np.sum(error**2)):.1f} dB"


def _row(source_hz: int, target_hz: int) -> tuple[str, ...]:
    speech = _speech_band(source_hz, np.random.default_rng(1))
    whole = _convert(iter([speech]), source_hz, target_hz)
    cells = [
        _snr(_convert(_pieces(speech, seconds, source_hz), source_hz, target_hz), whole)
        for seconds in ((0.02, 0.02), (0.06, 0.2), (0.0, 0.03))
    ]
    without_memory = np.concatenate(
        [_convert(iter([piece]), source_hz, target_hz) for piece in _pieces(speech, (0.02, 0.02), source_hz)]
    )
    edge = round(_EDGE_SECONDS * target_hz)
    best = soxr.resample(speech.astype(np.float64), source_hz, target_hz, "VHQ")
    count = min(len(best), len(whole)) - edge
    return (
        f"{source_hz} → {target_hz}",
        *cells,
        _snr(without_memory, whole),
        _snr(whole[edge:count], best[edge:count]),
    )


def main() -> None:
    """Each rate of live audio, both ways."""
    others = [rate_hz for rate_hz in LIVE_RATES_HZ if rate_hz != MULAW_RATE_HZ]
    pairs = [(rate_hz, MULAW_RATE_HZ) for rate_hz in others] + [(MULAW_RATE_HZ, rate_hz) for rate_hz in others]
    head = ("Hz", "20 ms pieces", "60–200 ms", "0–30 ms", "each 20 ms alone", "one shot to soxr VHQ")
    show_table(head, [_row(*pair) for pair in pairs])


if __name__ == "__main__":
    main()
