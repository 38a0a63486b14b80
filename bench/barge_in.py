"""How soon an agent falls silent when a caller begins to speak over it, and whether it does so for anything else.

First: from the first sound of the caller's voice to `clear` at the carrier, which is silence at the ear; so many calls
at once, Silero's model on every line, one caller after another interrupting each answer. Then, one call with the whole
offline stack: real interruptions, and what is none (coughs, "mhm", hold music, keypad tones), said over the agent's
answers; counted is what cut an answer off for good. Run: `python -m bench.barge_in [--calls 1 20 100]`.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import uvloop

from bench.fast_agent import FastAgent
from bench.rounds import percentile, show_table
from bench.served_stream import GATEWAY, OFFLINE, served
from bench.stream_calls import Heard, StreamCall, come_first, cut, keep_talking, quiet_frames
from voicegw.audio.mulaw import MULAW_RATE_HZ, encode_mulaw
from voicegw.call.records import CallerInterrupted
from voicegw.calllog.database import open_engine
from voicegw.calllog.queries import CallLogReader
from voicegw.live.ports import SpeechRequest
from voicegw.speech.hibari_voice import HibariVoice

_LONG = "We have appointments free on Monday at nine, on Tuesday at ten, and on Friday at three in the afternoon."
_ANSWER = (
    {"type": "speak", "payload": {"type": "message", "message": _LONG}},
    {"type": "no-reply", "payload": {"timeout": 60}},
)
_INTERRUPTIONS = ("Wait, please, I have a question.", "No, not that one.", "Could you stop for a moment?", "Sorry?")
_EACH = 12
_Samples = npt.NDArray[np.float64]


async def _say(words: str) -> bytes:
    voice = HibariVoice()
    return b"".join([piece async for piece in voice.speak(SpeechRequest(text=words, language="en-US"))])


def _mulaw(samples: _Samples) -> bytes:
    return encode_mulaw(np.clip(samples, -32000, 32000).astype("<i2").tobytes())


def _times(seconds: float) -> _Samples:
    return np.arange(int(seconds * MULAW_RATE_HZ)) / MULAW_RATE_HZ


def _cough(random: np.random.Generator) -> _Samples:
    """Two bursts of breath, each with a sudden beginning."""
    burst = random.normal(0, 1, int(0.22 * MULAW_RATE_HZ)) * np.exp(-_times(0.22) * random.uniform(12, 20))
    breath = np.convolve(burst, np.hanning(9) / np.hanning(9).sum(), "same")
    return 12_000 * np.concatenate([breath, np.zeros(int(0.12 * MULAW_RATE_HZ)), 0.7 * breath])


def _music(random: np.random.Generator) -> _Samples:
    """Three seconds of chords, a new one every half second."""
    chords = []
    for _ in range(6):
        root = random.choice([220.0, 246.9, 261.6, 293.7, 329.6])
        notes = sum(np.sin(2 * np.pi * root * ratio * _times(0.5)) for ratio in (1, 1.25, 1.5))
        chords.append(notes * np.exp(-2 * _times(0.5)))
    return 4_000 * np.concatenate(chords)


def _keypad(random: np.random.Generator) -> _Samples:
    """Four keys as they sound."""
    keys = []
    for _ in range(4):
        low, high = random.choice([697, 770, 852, 941]), random.choice([1209, 1336, 1477])
        keys += [np.sin(2 * np.pi * low * _times(0.1)) + np.sin(2 * np.pi * high * _times(0.1)), np.zeros(800)]
    return 6_000 * np.concatenate(keys)


async def measure_latency(count: int, agent_url: str, clip: bytes, voices: Sequence[bytes]) -> tuple[str, ...]:
    """One row: so many calls, each of which interrupts every answer two seconds after it began."""
    heard = Heard()
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "clip.ulaw").write_bytes(clip)
        async with served(GATEWAY, agent_url, Path(place)) as (port, _):
            calls = []
            for number in range(count):
                speech = cut(voices[number % len(voices)])
                script = speech + quiet_frames(210)
                begin_at = len(script) - 100 - number * 7 % 110
                calls.append(StreamCall(number + 1, script, (), begin_at, heard, onsets={0}))
            talking = asyncio.create_task(keep_talking(calls, heard, 8 + count / 12))
            gate = asyncio.Semaphore(4)

            async def connect(call: StreamCall) -> None:
                async with gate:
                    await call.connect(port, ring=True)

            await asyncio.gather(*(connect(call) for call in calls))
            await talking
            await keep_talking(calls, heard, 60 if count == 1 else 30)
            for call in calls:
                call.hang_up()
            await asyncio.sleep(1)
    clears = sorted(heard.clears)
    found = [f"{percentile(clears, share) * 1000:.0f}" for share in (0.5, 0.99)] if clears else ["-", "-"]
    return (str(count), str(heard.over_us), f"{len(clears) / max(1, heard.over_us) * 100:.1f}", *found)


async def measure_commits(kind: str, sounds: Sequence[bytes], agent_url: str, clip: bytes) -> tuple[str, ...]:
    """One row: how many of these sounds, each made over an answer, cut the answer off."""
    question = cut(await _say("Which appointments do you have?"))
    script: list[str] = [*quiet_frames(400)]
    for sound in sounds:  # a question, a second and a half of its answer, the sound, and the rest of the answer
        script += (*question, *quiet_frames(110), *cut(sound), *quiet_frames(380))
    heard = Heard()
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "clip.ulaw").write_bytes(clip)
        async with served(OFFLINE, agent_url, Path(place)) as (port, _):
            call = StreamCall(1, script, (), 0, heard)
            await call.connect(port, ring=True)
            await keep_talking([call], heard, len(script) * 0.02 - 0.5)
            call.hang_up()
            await asyncio.sleep(3)
        engine = open_engine(f"sqlite:///{place}/calls.db")
        entries = await CallLogReader(engine).get_entries(call.call_sid)
        await engine.dispose()
    cut_off = sum(isinstance(entry.record, CallerInterrupted) for entry in entries)
    return (kind, str(len(sounds)), str(cut_off), f"{cut_off / len(sounds) * 100:.0f}")


async def compare(counts: Sequence[int], each: int) -> None:
    """Latency, then commits."""
    agent = FastAgent(_ANSWER)
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    clip = await _say(_LONG)
    voices = [await _say(words) for words in _INTERRUPTIONS]
    rows = [await measure_latency(count, agent_url, clip, voices) for count in counts]
    show_table(("calls", "spoken over", "% cut off", "to clear p50 ms", "p99 ms"), rows)
    random = np.random.default_rng(5)
    others: Mapping[str, Sequence[bytes]] = {
        "interruptions": [voices[number % len(voices)] for number in range(each)],
        "mhm": [await _say("Mm-hmm.")] * each,
        "coughs": [_mulaw(_cough(random)) for _ in range(each)],
        "hold music": [_mulaw(_music(random)) for _ in range(each)],
        "keypad tones": [_mulaw(_keypad(random)) for _ in range(each)],
    }
    rows = []
    for kind, sounds in others.items():
        rows.append(await measure_commits(kind, sounds, agent_url, clip))
        print(rows[-1], flush=True)
    show_table(("sound", "made", "answers cut off", "%"), rows)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--each", type=int, default=_EACH)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    come_first()
    uvloop.run(compare(options.calls, options.each))


if __name__ == "__main__":
    main()
