"""What resampling live audio costs: CPU for one 20 ms frame in each direction, and how far behind it is.

soxr's stream in the same run, for it is what most frameworks use. Run: `python -m bench.live_resampling [--rounds N]`.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import soxr

from bench.rounds import show_table, spread
from voicegw.audio.live_resampling import LIVE_RATES_HZ, LiveResampler, Samples

FRAMES = 250
FRAME_SECONDS = 0.02


def _cpu_us_a_frame(convert: Callable[[Samples], Samples], frame: Samples) -> float:
    before = time.process_time()
    for _ in range(FRAMES):
        convert(frame)
    return (time.process_time() - before) / FRAMES * 1e6


def _most_held_back_ms(convert: Callable[[Samples], Samples], frame: Samples, target_hz: int) -> float:
    given_seconds, heard_seconds, most = 0.0, 0.0, 0.0
    for _ in range(FRAMES):
        given_seconds += FRAME_SECONDS
        heard_seconds += len(convert(frame)) / target_hz
        most = max(most, given_seconds - heard_seconds)
    return most * 1e3


def _compare(source_hz: int, target_hz: int, rounds: int) -> tuple[str, ...]:
    frame = np.random.default_rng(3).integers(-9_000, 9_000, round(source_hz * FRAME_SECONDS), dtype=np.int16)
    found: dict[str, list[float]] = {"ours": [], "soxr": []}
    held: dict[str, float] = {}
    for number in range(rounds):
        converters: dict[str, Callable[[Samples], Samples]] = {
            "ours": LiveResampler(source_hz, target_hz).convert,
            "soxr": soxr.ResampleStream(source_hz, target_hz, 1, dtype="int16", quality="HQ").resample_chunk,
        }
        for name in converters if number % 2 else reversed(converters):
            held[name] = _most_held_back_ms(converters[name], frame, target_hz)
            found[name].append(_cpu_us_a_frame(converters[name], frame))
    return (
        f"{source_hz} → {target_hz}",
        spread(found["ours"], 1),
        f"{held['ours']:.1f}",
        spread(found["soxr"], 1),
        f"{held['soxr']:.1f}",
    )


def main() -> None:
    """Measure each rate of live audio, both ways."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    rounds: int = arguments.parse_args().rounds
    others = [rate_hz for rate_hz in LIVE_RATES_HZ if rate_hz != 8_000]
    pairs = [(rate_hz, 8_000) for rate_hz in others] + [(8_000, rate_hz) for rate_hz in others]
    header = ("Hz", "CPU us/frame", "held back ms", "soxr HQ stream us/frame", "held back ms")
    show_table(header, [_compare(*pair, rounds) for pair in pairs])


if __name__ == "__main__":
    main()
