"""What the voice detector costs: a window of the model among many, and a whole process of calls in real time.

Run: `python -m bench.voice_detector [--seconds S]`. Callers speak 20 % of the time (the offline voice), at times of
their own, over a faint noise; frames of 20 ms. CPU is of the whole process, beside it what of it is the event loop's.
"""

import argparse
import asyncio
import time

import numpy as np

from bench.rounds import show_table
from voicegw.audio.mulaw import encode_mulaw
from voicegw.live.ports import SpeechRequest
from voicegw.speech.hibari_voice import HibariVoice
from voicegw.speech.silero import Line, SileroDetector, SileroModel
from voicegw.speech.waveform import read_mulaw

WINDOW_BYTES = 256
FRAME_BYTES = 160
FRAME_SECONDS = 0.02
LOOP_SECONDS = 20
SPEAKING_SHARE = 0.2
NOISE_DBFS = -58.0
SPEECH_BYTES = slice(8_000, 8_000 + 80 * WINDOW_BYTES)


async def caller_audio() -> bytes:
    """Twenty seconds of a line: speech for a fifth of it, noise throughout."""
    voice = HibariVoice()
    request = SpeechRequest(text="I would like to book a table for two people.", language="en-US")
    speech = b"".join([audio async for audio in voice.speak(request)])
    await voice.close()
    line = np.random.default_rng(6).normal(0.0, 10 ** (NOISE_DBFS / 20), LOOP_SECONDS * 8_000)
    spoken = read_mulaw(speech)[: int(SPEAKING_SHARE * len(line))]
    line[8_000 : 8_000 + len(spoken)] += spoken
    return encode_mulaw((line * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes())


def window_costs(model: SileroModel, audio: bytes) -> list[tuple[str, ...]]:
    """CPU for one window of speech, among so many lines that all speak."""
    rows = []
    speech = audio[SPEECH_BYTES]
    windows = [speech[at : at + WINDOW_BYTES] for at in range(0, len(speech), WINDOW_BYTES)]
    for count in (1, 20, 100, 500):
        costs = []
        for _ in range(max(1, 20 // count)):
            lines = [Line(lambda *_: None) for _ in range(count)]
            began = time.process_time()
            for window in windows:
                model.judge([(line, window) for line in lines])
            costs.append((time.process_time() - began) / len(windows) / count * 1e6)
            for line in lines:
                model.forget(line)
        rows.append((str(count), f"{np.median(costs):.0f}"))
    return rows


async def calls_cost(audio: bytes, calls: int, seconds: float) -> tuple[str, ...]:
    """CPU of a process that hears so many callers for so long."""
    detector = SileroDetector()
    loop = asyncio.get_running_loop()
    judged = 0

    def tell(probability: float, _seconds: float) -> None:
        nonlocal judged
        judged += probability > 0

    taps = [detector.open(tell) for _ in range(calls)]
    offsets = np.random.default_rng(7).integers(0, len(audio) // FRAME_BYTES, calls).tolist()
    frames = [audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES)]
    cpu, on_loop, began = time.process_time(), time.thread_time(), loop.time()
    in_put = 0.0
    for number in range(int(seconds / FRAME_SECONDS)):
        await asyncio.sleep(max(0.0, began + number * FRAME_SECONDS - loop.time()))
        before = time.perf_counter()
        for tap, offset in zip(taps, offsets, strict=True):
            tap.put(frames[(number + offset) % len(frames)])
        in_put += time.perf_counter() - before
    took = loop.time() - began
    cpu, on_loop = time.process_time() - cpu, time.thread_time() - on_loop
    await detector.close()
    return (
        str(calls),
        f"{100 * cpu / took:.0f} %",
        f"{100 * on_loop / took:.0f} %",
        f"{100 * judged * WINDOW_BYTES / 8_000 / (calls * took):.0f} %",
        f"{cpu / took / calls / 50 * 1e6:.1f}",
        f"{in_put / (calls * seconds / FRAME_SECONDS) * 1e6:.2f}",
    )


async def main() -> None:
    """Measure both."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=20.0)
    given = arguments.parse_args()
    audio = await caller_audio()
    show_table(("lines at once", "us a window"), window_costs(SileroModel(), audio))
    rows = [await calls_cost(audio, calls, given.seconds) for calls in (20, 100, 500)]
    print()
    show_table(("calls", "CPU of a core", "of it the loop", "judged", "us a frame", "us of put"), rows)


if __name__ == "__main__":
    asyncio.run(main())
