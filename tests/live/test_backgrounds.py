"""Sounds under whole stream calls: of a tool at work, and what the agent has play behind the conversation."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest
import structlog
from stream_world import Agent, Site, StartSite, Stream, Traces, answer, says

from voicegw.audio.wav import render_mulaw_wav
from voicegw.call.records import PromptBegan

MUSIC, TYPING = 0x21, 0x32


def source(byte: int) -> str:
    return f"data:audio/wav;base64,{b64encode(render_mulaw_wav(bytes([byte]) * 8_000)).decode()}"


def tool(state: str, name: str = "t", **sound: Any) -> dict[str, Any]:
    return {"type": "tool-call", "payload": {"state": state, "callID": name, **sound}}


def stream_trace(action: str, src: str = "") -> dict[str, Any]:
    return {"type": "stream", "payload": {"action": action, "src": src}}


class Script:
    """What the agent answers at first, and to anything after it."""

    greeting: Traces = []
    reply: Traces = []

    def __call__(self, action: Any) -> Traces:
        return {"launch": self.greeting, "end": []}.get(action["type"], self.reply)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def site(start_site: StartSite, script: Script) -> Site:
    return await start_site(Agent(script))


def heard_at(stream: Stream, byte: int) -> tuple[float, float, float]:
    """When a sound at its full loudness was first and last heard, and for how long in all."""
    pieces = [each for each in stream.sounds if each.byte == byte and each.end > each.begin]
    if not pieces:
        return (0.0, 0.0, 0.0)
    return pieces[0].begin, pieces[-1].end, sum(each.end - each.begin for each in pieces)


async def left(stream: Stream) -> None:
    stream.stop()
    await stream.until_closed()


async def test_tool_is_heard_at_work_instead_of_a_filler_until_it_is_done(site: Site, script: Script) -> None:
    script.greeting = [tool("start", sound={"ref": source(TYPING)}), {"wait": 7.0}, tool("end"), says("Done now.")]
    stream = await answer(site)
    began = stream.loop.time()
    await asyncio.sleep(12)
    first, last, seconds = heard_at(stream, TYPING)
    assert first - began < 1.0
    assert 5.5 < seconds < 7.0
    assert last - began < 7.5
    assert [each.text for each in site.journal.of(PromptBegan)] == ["Done now."]
    await left(stream)


async def test_tools_are_counted_and_all_of_them_end_with_the_turn(site: Site, script: Script) -> None:
    first, second = (tool("start", name, sound={"ref": source(TYPING)}) for name in "ab")
    script.greeting = [first, second, {"wait": 3.0}, tool("end", "a"), {"wait": 3.0}, says("Done.")]
    stream = await answer(site)
    await asyncio.sleep(15)
    begin, end, seconds = heard_at(stream, TYPING)
    assert 5.0 < seconds < 7.0
    assert end - begin == pytest.approx(seconds, abs=0.1), "it never paused"
    await left(stream)


@pytest.mark.parametrize("ref", ["https://localhost/hold.wav", "data:audio/wav;base64,AAAA", "typing", "http://x.y/z"])
async def test_sound_that_cannot_be_had_costs_a_line_in_the_log(site: Site, script: Script, ref: str) -> None:
    script.greeting = [tool("start", sound={"ref": ref}), {"wait": 5.0}, tool("end"), says("Done now.")]
    with structlog.testing.capture_logs() as lines:
        stream = await answer(site)
        await asyncio.sleep(9)
    told = [line["event"] for line in lines]
    assert told.count("background not played") == ref.startswith(("https:", "data:"))
    said = [each.text for each in site.journal.of(PromptBegan)]
    assert len(said) == 2, "a filler, then the answer"
    assert said[-1] == "Done now."
    await left(stream)


async def test_music_is_behind_the_conversation_until_the_agent_ends_it(site: Site, script: Script) -> None:
    script.greeting = [stream_trace("LOOP", source(MUSIC)), says("Welcome to us all.")]
    script.reply = [stream_trace("END"), says("Silence now.")]
    stream = await answer(site)
    began = stream.loop.time()
    await asyncio.sleep(5)
    _, last, seconds = heard_at(stream, MUSIC)
    assert last >= stream.loop.time()
    assert seconds > 2.0
    assert [each.text for each in site.journal.of(PromptBegan)] == ["Welcome to us all."]
    stream.say("quiet please")
    await asyncio.sleep(10)
    assert heard_at(stream, MUSIC)[1] - began < 8.0
    assert site.agent.kinds == ["launch", "text"]
    await left(stream)


async def test_silence_is_told_under_music_and_a_recording_played_once_is_a_prompt(site: Site, script: Script) -> None:
    silence = {"type": "no-reply", "payload": {"timeout": 4}}
    script.greeting = [stream_trace("LOOP", source(MUSIC)), stream_trace("PLAY", source(TYPING)), silence]
    stream = await answer(site)
    await asyncio.sleep(7)
    assert site.agent.kinds == ["launch", "no-reply"]
    assert [each.source for each in site.journal.of(PromptBegan)] == ["data:"]
    await left(stream)
