"""How many stream calls one core carries: N callers in real time, 20 ms frames in, speech out, the call log on.

Every caller talks for 4 of 20 seconds and is answered with two sentences of 2.5 s. The server has core 0; carrier,
agent and provider of speech have core 1. In the same run: the gateway with its speech over sockets to that provider,
the barest loop that hears and speaks (the floor), and pipecat, where VOICEGW_BENCH_PEERS names a Python that has it (it
brings half a gigabyte). CPU is the server's, by the scheduler's count. Run: `python -m bench.stream_load
[--calls 150 300 500] [--seconds 40] [--noise -50] [--servers gateway "gateway, provider sockets" floor pipecat]`.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import uvloop

from bench.fast_agent import FastAgent
from bench.rounds import percentile, show_table
from bench.served_stream import FLOOR, GATEWAY, GATEWAYS, PEERS, PIPECAT, PROVIDED, served
from bench.speech_provider import provided
from bench.stream_calls import FRAME_BYTES, Heard, StreamCall, come_first, cut, keep_talking
from voicegw.audio.mulaw import MULAW_RATE_HZ, decode_mulaw, encode_mulaw
from voicegw.live.ports import SpeechRequest
from voicegw.speech.hibari_voice import HibariVoice

TALK_SECONDS, ROUND_SECONDS = 4.0, 20.0
SETTLE_SECONDS = 5.0
CONNECTING_AT_ONCE = 8
_COUNTS = {GATEWAY: (150, 300, 500), PROVIDED: (100, 150, 200), FLOOR: (300,), PIPECAT: (8, 12, 16, 20, 24)}
"""Around as many as each carries."""
_ANSWER = (
    {"type": "speak", "payload": {"type": "message", "message": "We have an appointment free tomorrow at nine."}},
    {"type": "speak", "payload": {"type": "message", "message": "Shall I book it for you?"}},
    {"type": "no-reply", "payload": {"timeout": 60}},
)
_WORDS = "Hello, I would like to make an appointment for tomorrow morning, if there is still something free then."


@dataclass(slots=True)
class Run:
    """One server under so many calls. CPU in per cent of a core, for all calls; memory in KiB for each."""

    server: str
    calls: int
    cpu_percent: float
    memory_kib: float
    heard: Heard


async def _clip(words: str) -> bytes:
    audio = bytearray()
    async for piece in HibariVoice().speak(SpeechRequest(text=words, language="en-US")):
        audio += piece
    return bytes(audio)


def _cpu_seconds(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _script(speech: bytes, noise_db: float) -> tuple[str, ...]:
    """What a caller sends in one round: `speech`, then nobody speaks; all of it over noise of that level (full scale
    is 0 dB), or over none."""
    line = speech.ljust(round(ROUND_SECONDS * MULAW_RATE_HZ), b"\xff")
    if noise_db > -inf:
        noise = np.random.default_rng(1).normal(0.0, 32768 * 10 ** (noise_db / 20), len(line))
        heard = np.frombuffer(decode_mulaw(line), "<i2") + noise
        line = encode_mulaw(np.clip(heard, -32768, 32767).astype("<i2").tobytes())
    return cut(line)


async def _measure(name: str, count: int, seconds: float, noise_db: float, agent_url: str, directory: Path) -> Run:
    speech = (directory / "caller.ulaw").read_bytes()[: round(TALK_SECONDS * MULAW_RATE_HZ)]
    script, ends_at = _script(speech, noise_db), len(speech) // FRAME_BYTES
    heard = Heard()
    async with served(name, agent_url, directory) as (port, pid):
        calls = [StreamCall(n + 1, script, {ends_at}, ends_at + 50 + n * 7, heard) for n in range(count)]
        await calls[0].connect(port, ring=name in GATEWAYS)
        await keep_talking(calls[:1], heard, SETTLE_SECONDS)
        before_kib = _resident_kib(pid)
        talking = asyncio.create_task(_talk_as_they_come(calls, heard, seconds))
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def connect(call: StreamCall) -> None:
            async with gate:
                await call.connect(port, ring=name in GATEWAYS)

        await asyncio.gather(*(connect(call) for call in calls[1:]))
        await talking
        heard.waits.clear()
        heard.late.clear()
        heard.underruns = heard.spoken_bytes = 0
        cpu = _cpu_seconds(pid)
        await keep_talking(calls, heard, seconds)
        cpu = _cpu_seconds(pid) - cpu
        memory = (_resident_kib(pid) - before_kib) / max(1, count - 1)
        for call in calls:
            call.hang_up()
        await asyncio.sleep(1)
    return Run(name, count, cpu / seconds * 100, memory, heard)


async def _talk_as_they_come(calls: Sequence[StreamCall], heard: Heard, seconds: float) -> None:
    """Callers who wait for their upgrade are silent until then."""
    await keep_talking(calls, heard, max(SETTLE_SECONDS, min(seconds, len(calls) / 20)))


async def compare(servers: Sequence[str], counts: Sequence[int], seconds: float, noise_db: float) -> list[Run]:
    """Every server under each number of calls, by default under its own."""
    agent = FastAgent(_ANSWER)
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    caller, answer = await _clip(_WORDS), await _clip("We have an appointment free tomorrow at nine, if you like.")
    runs = []
    for name in servers:
        for count in counts or _COUNTS[name]:
            with tempfile.TemporaryDirectory() as place:
                directory = Path(place)
                (directory / "caller.ulaw").write_bytes(caller)
                (directory / "clip.ulaw").write_bytes(answer)
                async with provided(directory / "clip.ulaw") as os.environ["DEEPGRAM_BASE_URL"]:
                    run = await _measure(name, count, seconds, noise_db, agent_url, directory)
                print(_line(run), flush=True)
                runs.append(run)
    return runs


def _line(run: Run) -> tuple[str, ...]:
    heard = run.heard
    waits = heard.waits or [float("nan")]
    return (
        run.server,
        str(run.calls),
        f"{run.cpu_percent:.0f}",
        f"{run.cpu_percent / run.calls:.3f}",
        f"{run.memory_kib:.0f}",
        str(heard.underruns),
        f"{heard.spoken_bytes / 8000:.0f}",
        f"{percentile(waits, 0.5):.2f}",
        f"{percentile(waits, 0.99):.2f}",
        f"{percentile(heard.late, 0.99) * 1000:.1f}",
        str(heard.broken),
    )


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--servers", nargs="+", default=[GATEWAY, PROVIDED, FLOOR, *([PIPECAT] if PEERS else [])])
    parser.add_argument("--noise", type=float, default=-inf, metavar="DB", help="on every line, full scale is 0 (-50)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    come_first()
    runs = uvloop.run(compare(options.servers, options.calls, options.seconds, options.noise))
    head = ("server", "calls", "CPU %", "CPU %/call", "KiB/call", "underruns", "s spoken", "wait p50 s", "wait p99 s")
    show_table((*head, "our lag p99 ms", "broken"), [_line(run) for run in runs])


if __name__ == "__main__":
    main()
