"""From the caller's last sound to the agent's first sound at the ear: the whole offline stack, one call, real time.

Caller's sentence → Silero → smart-turn → Moonshine → agent (answers at once) → hibari → mulaw at the carrier. Finished
sentences are spoken by the offline voice; with Debian's `asterisk-core-sounds-en-wav` installed, a person's prompts are
measured too, and told apart. The parts are read from the call's own log. Run: `python -m bench.voice_to_voice`.
"""

import argparse
import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench import speech_accuracy
from bench.fast_agent import FastAgent
from bench.line_sounds import a_persons_words, say
from bench.rounds import percentile, show_table
from bench.served_stream import OFFLINE, served
from bench.stream_calls import FRAME_BYTES, Heard, StreamCall, come_first, cut, keep_talking, quiet_frames
from voicegw.audio.mulaw import MULAW_RATE_HZ
from voicegw.call.entries import Entry
from voicegw.call.records import ActionSent, CallerSpoke, PromptBegan, TurnBegan, WordsReady
from voicegw.calllog.database import open_engine
from voicegw.calllog.queries import CallLogReader

QUIET_SECONDS = 6.0
MOST_WORDS = 16  # more is no caller's sentence
_ANSWER = (
    {"type": "speak", "payload": {"type": "message", "message": "Thank you, I have written that down."}},
    {"type": "no-reply", "payload": {"timeout": 60}},
)
SENTENCES = (
    "I would like to make an appointment for tomorrow morning.",
    "My order has not arrived yet.",
    "Can you tell me when you are open?",
    "Please connect me with the billing department.",
    "Yes, that would be fine.",
    "I need to change the address of my delivery.",
    "How much does it cost to ship to Canada?",
    "No, thank you, that is all for today.",
    "The invoice I received last week is wrong.",
    "I want to cancel my subscription.",
    "Could you repeat the second option?",
    "My name is Anna and I live in Boston.",
    "It is about the red one, not the blue one.",
    "I have been waiting for three weeks now.",
    "What is the status of my repair?",
    "Let us do it on Friday afternoon.",
    "I lost my card yesterday evening.",
    "There is no hot water in my apartment.",
    "I would rather speak to a person.",
    "Book a table for four at seven o'clock.",
)


async def measure(kind: str, sayings: Sequence[bytes], agent_url: str, voice: Sequence[bytes]) -> None:
    """All of them one after another in one call; prints the waits and what they were made of."""
    quiet = quiet_frames(round(QUIET_SECONDS * MULAW_RATE_HZ / FRAME_BYTES))
    script: list[str] = [*quiet]
    stops = set()
    for saying in sayings:
        script += cut(saying)
        stops.add(len(script))
        script += quiet
    heard = Heard()
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "clip.ulaw").write_bytes(voice[0])
        async with served(OFFLINE, agent_url, Path(place)) as (port, _):
            call = StreamCall(1, script, stops, 0, heard)
            await call.connect(port, ring=True)
            await keep_talking([call], heard, len(script) * 0.02 - 1)
            call.hang_up()
            await asyncio.sleep(3)
        engine = open_engine(f"sqlite:///{place}/calls.db")
        entries = await CallLogReader(engine).get_entries(call.call_sid)
        await engine.dispose()
    waits = heard.waits
    print(f"\n{kind}: {len(sayings)} said, {len(waits)} answered; from the last sound to the first, seconds:")
    print(
        f"p50 {percentile(waits, 0.5):.3f}  p95 {percentile(waits, 0.95):.3f}  [{min(waits):.3f}..{max(waits):.3f}]\n"
    )
    parts = _parts(entries)
    rows = [(name, f"{percentile(ms, 0.5):.0f}", f"{percentile(ms, 0.95):.0f}") for name, ms in parts.items()]
    show_table(("part", "p50 ms", "p95 ms"), rows)


def _parts(entries: Sequence[Entry]) -> dict[str, list[float]]:
    """Milliseconds of each part of each turn that speech began."""
    parts: dict[str, list[float]] = defaultdict(list)
    spoke: Entry | None = None
    last = 0.0
    steps = {
        TurnBegan: "gateway: turn begun",
        ActionSent: "gateway: action sent",
        WordsReady: "agent: first sentence",
        PromptBegan: "voice: first audio sent",
    }
    for entry in entries:
        if isinstance(entry.record, CallerSpoke):
            spoke, last = entry, entry.offset
            parts["ears: end of turn, and its words"].append(entry.record.quiet_seconds * 1000)
            seen: set[type] = set()
        elif spoke is not None and type(entry.record) in steps and type(entry.record) not in seen:
            seen.add(type(entry.record))
            parts[steps[type(entry.record)]].append((entry.offset - last) * 1000)
            last = entry.offset
    return parts


async def compare(people: int) -> None:
    """Synthetic sentences, then people."""
    agent = FastAgent(_ANSWER)
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    sentences = [await say(sentence) for sentence in SENTENCES]
    await measure("finished synthetic sentences", sentences, agent_url, sentences)
    if prompts := a_persons_words(people, fewest=speech_accuracy.FEWEST_WORDS, most=MOST_WORDS):
        await measure("a person's prompts", prompts, agent_url, sentences)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=40)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    come_first()
    uvloop.run(compare(options.people))


if __name__ == "__main__":
    main()
