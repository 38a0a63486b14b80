"""How soon an agent falls silent when a caller begins to speak over it, and whether it does so for anything else.

First: from the first sound of the caller's voice to `clear` at the carrier, and to the agent's last sound at the ear;
so many calls at once, one caller after another interrupting each answer. Silero's model is on every line; recogniser
and voice are stood in for, so that one core carries a hundred. Then, with the whole offline stack, on a few lines at
once: real interruptions, and what is none (`bench.line_sounds`, and the agent's own voice coming back), each made over
an answer; counted is what cut an answer off for good. Run: `python -m bench.barge_in [--calls 1 20 100] [--each 100]`.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop

from bench import line_sounds
from bench.fast_agent import FastAgent
from bench.line_echo import LineEcho
from bench.rounds import percentile, show_table
from bench.served_stream import GATEWAY, OFFLINE, served
from bench.stream_calls import FRAME_SECONDS, Heard, StreamCall, come_first, cut, keep_talking, quiet_frames
from voicegw.call.entries import Entry
from voicegw.call.records import CallerInterrupted
from voicegw.calllog.database import open_engine
from voicegw.calllog.queries import CallLogReader

_LONG = "We have appointments free on Monday at nine, on Tuesday at ten, and on Friday at three in the afternoon."
_ANSWER = (
    {"type": "speak", "payload": {"type": "message", "message": _LONG}},
    {"type": "no-reply", "payload": {"timeout": 60}},
)
_LINES = 8
_APART_SECONDS = 2.0
"""One line after another: this is about who interrupts, not about how many a recogniser can hear at once."""
_GREETING_SECONDS, _ANSWERED_SECONDS = 9.0, 3.0
_INTO_GREETING_SECONDS, _BETWEEN_SECONDS = 1.2, 3.2
"""What is said when no model judges pauses comes 2.0 s after the caller's last word and takes 2.5 s: the next word is
over the middle of it. Over its last 0.2 s it would end before a voice can be told from a noise."""
_TURNS = 20
_REST_SECONDS = 13.0
"""Until the answer that a sound was made over has ended, and one more, if the sound asked for it: over that, the next
question would be counted as what cut it off."""
ECHO = "the agent's own echo"
KINDS = (
    "interruptions",
    "interruptions, a person's",
    "stop, no, wait, agent",
    "one word, a person's",
    "mhm",
    "mhm, by the offline voice",
    "coughs",
    "hold music",
    "keypad tones",
    ECHO,
)


async def measure_latency(count: int, agent_url: str, clip: bytes, voices: Sequence[bytes]) -> tuple[str, ...]:
    """One row: so many calls, each of which interrupts every answer a second after it began, with other words."""
    heard = Heard()
    words = [cut(voice) for voice in voices]
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "clip.ulaw").write_bytes(clip)
        async with served(GATEWAY, agent_url, Path(place)) as (port, _):
            calls = []
            for number in range(count):
                script: list[str] = [*_quiet(_INTO_GREETING_SECONDS + number % 10 * 0.06)]
                onsets = []
                for turn in range(_TURNS):
                    onsets.append(len(script))
                    script += (*words[(number + turn) % len(words)], *_quiet(_BETWEEN_SECONDS))
                calls.append(StreamCall(number + 1, script, (), 0, heard, onsets))
            talking = asyncio.create_task(keep_talking(calls, heard, 8 + count / 12))
            await _connect(calls, port)
            await talking
            await keep_talking(calls, heard, 60 if count == 1 else 30)
            for call in calls:
                call.hang_up()
            await asyncio.sleep(1)
    row = [str(count), str(heard.over_us), f"{len(heard.clears) / max(1, heard.over_us) * 100:.1f}"]
    for times in (heard.clears, heard.silences):
        row += [f"{percentile(times, share) * 1000:.0f}" if times else "-" for share in (0.5, 0.99)]
    return (*row, f"{percentile(heard.late, 0.99) * 1000:.1f}")


async def measure_commits(kind: str, sounds: Sequence[bytes], agent_url: str, clip: bytes) -> tuple[str, ...]:
    """One row: how many of these sounds, each made over an answer, cut it off. Whatever they are, the line says so:
    an echo is what comes back all the time."""
    question = cut(await line_sounds.say("When can I come?"))
    heard = Heard()
    calls, slots = [], []
    for number in range(_LINES):
        script: list[str] = [*_quiet(_GREETING_SECONDS + number * _APART_SECONDS)]
        onsets = []
        for sound in sounds[number::_LINES]:
            script += (*question, *_quiet(_ANSWERED_SECONDS))
            onsets.append(len(script))  # for an echo: a moment at which the agent should be speaking
            script += (*cut(sound), *_quiet(_REST_SECONDS))
        script += _quiet((_LINES - number) * _APART_SECONDS)
        echo = LineEcho(number) if kind == ECHO else None
        calls.append(StreamCall(number + 1, script, (), 0, heard, onsets, echo))
        slots.append(len(script))
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "clip.ulaw").write_bytes(clip)
        async with served(OFFLINE, agent_url, Path(place)) as (port, _):
            await _connect(calls, port)
            await keep_talking(calls, heard, min(slots) * FRAME_SECONDS - 0.5)
            for call in calls:
                call.hang_up()
            await asyncio.sleep(3)
        entries = await _entries(Path(place), calls)
    cut_off = sum(isinstance(entry.record, CallerInterrupted) for entry in entries)
    share = f"{cut_off / max(1, heard.over_us) * 100:.1f}"
    return (kind, str(len(sounds)), str(heard.over_us), str(len(heard.clears)), str(cut_off), share)


async def _connect(calls: Sequence[StreamCall], port: int) -> None:
    gate = asyncio.Semaphore(4)

    async def connect(call: StreamCall) -> None:
        async with gate:
            await call.connect(port, ring=True)

    await asyncio.gather(*(connect(call) for call in calls))


def _quiet(seconds: float) -> tuple[str, ...]:
    return quiet_frames(round(seconds / FRAME_SECONDS))


async def _entries(directory: Path, calls: Sequence[StreamCall]) -> list[Entry]:
    engine = open_engine(f"sqlite:///{directory}/calls.db")
    reader = CallLogReader(engine)
    entries = [entry for call in calls for entry in await reader.get_entries(call.call_sid)]
    await engine.dispose()
    return entries


async def compare(counts: Sequence[int], each: int, kinds: Sequence[str]) -> None:
    """Latency, then commits."""
    agent = FastAgent(_ANSWER)
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    clip = await line_sounds.say(_LONG)
    objections = await line_sounds.objections(each)
    if rows := [await measure_latency(count, agent_url, clip, objections) for count in counts]:
        head = ("calls", "spoken over", "% cleared", "to clear p50 ms", "p99 ms", "to silence p50 ms", "p99 ms")
        show_table((*head, "our lag p99 ms"), rows)
    sounds: Mapping[str, Sequence[bytes]] = {
        "interruptions": objections,
        "interruptions, a person's": line_sounds.a_persons_words(each, fewest=2, most=6),
        "stop, no, wait, agent": await line_sounds.short_words(each),
        "one word, a person's": line_sounds.a_persons_words(each, fewest=1, most=1),
        "mhm": line_sounds.hums(each),
        "mhm, by the offline voice": await line_sounds.spoken_hums(each),
        "coughs": line_sounds.coughs(each),
        "hold music": line_sounds.hold_music(each),
        "keypad tones": line_sounds.keypad_tones(each),
        ECHO: [b""] * each,
    }
    rows = []
    for kind in kinds:
        rows.append(await measure_commits(kind, sounds[kind], agent_url, clip))
        print(rows[-1], flush=True)
    show_table(("sound", "made", "over an answer", "held", "cut off", "%"), rows)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="*", default=[1, 20, 100])
    parser.add_argument("--each", type=int, default=104)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS, metavar="SOUND", help=", ".join(KINDS))
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    come_first()
    uvloop.run(compare(options.calls, options.each, options.kinds))


if __name__ == "__main__":
    main()
