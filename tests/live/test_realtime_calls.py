"""Whole calls that are bridged to a realtime server, in virtual time: how it begins, goes on and ends."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from stream_world import LOUD, PROFILE, QUIET, Agent, Site, StartSite, Stream, answer, hang_up, says

from voicegw.call.profile import Destination, Forwarding, Mode, NumberProfile
from voicegw.call.records import CallerSpoke, KeysPressed, Noted
from voicegw.errors import RealtimeError
from voicegw.live.ports import BridgeListener, BridgeRequest

MULAW = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
SERVER = 7  # what the server says, as a byte


def trace(action: str) -> dict[str, Any]:
    formats = {"input": MULAW, "output": MULAW} if action == "START" else {}
    return {"type": "realtime-agent", "payload": {"action": action, **formats}}


@dataclass
class Server:
    """A realtime server in memory: it remembers, and says what the test has it say. `answers` False: it is down."""

    answers: bool = True
    slow_seconds: float = 0.0
    requests: list[BridgeRequest] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    keys: str = ""
    interrupted: list[float] = field(default_factory=list)
    listener: BridgeListener | None = None
    closed: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, request: BridgeRequest, listener: BridgeListener) -> "Server":
        self.requests.append(request)
        self.asked.set()
        await asyncio.sleep(self.slow_seconds)
        if not self.answers:
            raise RealtimeError("nobody is there")
        self.listener = listener
        return self

    def say(self, seconds: float, byte: int = SERVER) -> None:
        assert self.listener is not None
        self.listener.hear_agent(bytes([byte]) * round(seconds * 8000))

    def put(self, audio: bytes) -> None:
        self.heard += audio

    def press(self, key: str) -> None:
        self.keys += key

    def interrupt(self, heard_seconds: float) -> None:
        self.interrupted.append(heard_seconds)

    async def close(self) -> None:
        self.closed += 1


def dialogue(*after_start: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], list[Any]]:
    """An agent that greets, starts the bridge at the first words, and keeps that answer open for `after_start`."""

    def reply(action: Mapping[str, Any]) -> list[Any]:
        match action:
            case {"type": "launch"}:
                return [says("Hello.")]
            case {"type": "text"}:
                return [says("I connect you."), trace("START"), *after_start]
            case {"type": "event", "payload": {"event": {"name": name}}}:
                return [says(f"Event {name}.")]
        return []

    return reply


async def bridged_call(site: Site) -> Stream:
    site.speech.tts.says |= {SERVER: "…", QUIET[0]: "quiet"}
    stream = await answer(site)
    await asyncio.sleep(2)
    stream.say("talk to the expert")
    await asyncio.sleep(4)
    return stream


def seconds_heard(stream: Stream, byte: int = SERVER) -> float:
    now = stream.loop.time()
    return sum(max(0.0, min(sound.end, now) - sound.begin) for sound in stream.sounds if sound.byte == byte)


async def test_caller_and_server_hear_each_other_until_end(start_site: StartSite) -> None:
    server = Server()
    site = await start_site(Agent(dialogue({"wait": 20}, trace("END"), says("Anything else?"))), realtime=server)
    stream = await bridged_call(site)
    assert [request.start.input_encoding for request in server.requests] == ["audio/x-mulaw"]
    assert server.requests[0].session_key == "key"
    server.say(1.5)
    stream.press("12#")
    spoken = len(site.journal.of(CallerSpoke))
    stream.speaking_until = stream.loop.time() + 2.0  # over what the server says
    await asyncio.sleep(3)
    assert seconds_heard(stream) == pytest.approx(1.5, abs=0.01), "nothing of ours interrupts the server"
    assert LOUD in bytes(server.heard)
    assert server.keys == "12#"
    assert "".join(each.keys for each in site.journal.of(KeysPressed)) == "12#"
    assert len(site.journal.of(CallerSpoke)) == spoken, "nobody transcribes meanwhile"
    await asyncio.sleep(18)
    assert server.closed == 1
    assert stream.heard()[0] == "Hello."
    assert stream.heard()[-1] == "Anything else?"
    heard = len(server.heard)
    await asyncio.sleep(1)
    assert len(server.heard) == heard, "the line is ours again"
    await hang_up(site, stream)
    assert site.agent.kinds == ["launch", "text", "end"]


async def test_neither_filler_nor_apology_comes_while_bridged(start_site: StartSite) -> None:
    server = Server()
    patient = PROFILE.model_copy(update={"realtime_silence_seconds": 0})
    site = await start_site(Agent(dialogue({"wait": 900})), patient, realtime=server)
    stream = await bridged_call(site)
    before = stream.heard()
    await asyncio.sleep(800)
    assert stream.heard() == before
    server.say(1.0)
    await asyncio.sleep(2)
    assert seconds_heard(stream) == pytest.approx(1.0, abs=0.01)
    await hang_up(site, stream)
    assert server.closed == 1


async def test_an_answer_that_ends_after_start_leaves_the_bridge_be(start_site: StartSite) -> None:
    server = Server()
    site = await start_site(Agent(dialogue()), realtime=server)
    stream = await bridged_call(site)
    for _ in range(3):
        await asyncio.sleep(25)
        server.say(1.0)
    await asyncio.sleep(2)
    assert seconds_heard(stream) == pytest.approx(3.0, abs=0.01)
    await hang_up(site, stream)
    assert site.agent.kinds == ["launch", "text", "end"]


@pytest.mark.parametrize("by", ["agent", "server"])
async def test_an_interruption_throws_away_what_was_not_heard(start_site: StartSite, by: str) -> None:
    server = Server()
    site = await start_site(Agent(dialogue({"wait": 6}, trace("INTERRUPTED"), {"wait": 60})), realtime=server)
    stream = await bridged_call(site)
    server.say(30.0)
    assert server.listener is not None
    if by == "server":
        await asyncio.sleep(1.0)
        server.listener.flush()
    await asyncio.sleep(5.0)
    (heard,) = server.interrupted[:1]
    assert seconds_heard(stream) == pytest.approx(heard, abs=0.05)
    assert stream.clears == 1
    await hang_up(site, stream)


async def test_a_server_that_goes_is_told_to_the_agent_and_its_open_answer_is_left(start_site: StartSite) -> None:
    server = Server()
    site = await start_site(Agent(dialogue({"wait": 30}, says("far too late"))), realtime=server)
    stream = await bridged_call(site)
    assert server.listener is not None
    server.listener.end("server-failed")
    await asyncio.sleep(4)
    assert stream.heard()[-1] == "Event realtime_ended."
    await asyncio.sleep(40)
    assert "far too late" not in stream.heard()
    stream.say("once more")
    await asyncio.sleep(4)
    assert len(server.requests) == 2, "the agent may bridge again"
    await hang_up(site, stream)


@pytest.mark.parametrize("says", [b"", b"\xff" * 8000], ids=["nothing", "quiet"])
async def test_a_server_that_answers_and_lets_the_caller_hear_nothing_has_failed(
    start_site: StartSite, says: bytes
) -> None:
    server = Server()
    site = await start_site(Agent(dialogue({"wait": 500})), realtime=server)
    stream = await bridged_call(site)
    server.say(5.0)
    for _ in range(33):  # the last sound has ended 28 s ago
        await asyncio.sleep(1)
        assert server.listener is not None
        server.listener.hear_agent(says)
    assert "Event realtime_ended." not in stream.heard()
    await asyncio.sleep(4)
    assert stream.heard()[-1] == "Event realtime_ended."
    assert server.closed == 1
    noted = [each for each in site.journal.of(Noted) if each.about.startswith("realtime")]
    assert [(each.about, each.fields) for each in noted] == [
        ("realtime-began", {}),
        ("realtime-ended", {"reason": "server-silent"}),
    ]
    await hang_up(site, stream)


async def test_a_server_that_is_down_is_an_apology_and_an_event(start_site: StartSite) -> None:
    server = Server(answers=False)
    site = await start_site(Agent(dialogue({"wait": 500})), realtime=server)
    stream = await bridged_call(site)
    await asyncio.sleep(6)
    assert stream.heard()[-1] == "Event realtime_unavailable."
    assert len(stream.heard()) == 4, "with words of our own before it"
    await hang_up(site, stream)


async def test_without_a_server_the_agent_is_told_at_once(start_site: StartSite) -> None:
    site = await start_site(Agent(dialogue({"wait": 500})))
    stream = await bridged_call(site)
    await asyncio.sleep(6)
    assert stream.heard()[-1] == "Event realtime_unavailable."
    await hang_up(site, stream)


async def test_an_agent_that_begins_again_and_again_is_not_asked_for_ever(start_site: StartSite) -> None:
    agent = Agent(lambda action: [trace("START")] if action["type"] in ("text", "event") else [says("Hello.")])
    site = await start_site(agent, realtime=Server(answers=False))
    stream = await bridged_call(site)
    await asyncio.sleep(25)
    assert agent.kinds.count("event") == 3
    stream.say("hello?")
    await asyncio.sleep(3)
    assert agent.kinds.count("text") == 2, "the caller may speak again"
    await hang_up(site, stream)


async def test_keys_that_come_before_the_server_does_wait_for_it(start_site: StartSite) -> None:
    server = Server(slow_seconds=1.5)
    site = await start_site(Agent(dialogue({"wait": 60})), realtime=server)
    stream = await answer(site)
    await asyncio.sleep(2)
    stream.say("talk to the expert")
    async with asyncio.timeout(10):
        await server.asked.wait()
    stream.press("42")
    await asyncio.sleep(0.5)
    assert server.keys == ""
    await asyncio.sleep(2)
    assert server.keys == "42"
    await hang_up(site, stream)


async def test_a_caller_who_hangs_up_before_the_server_is_here_leaves_nothing_behind(start_site: StartSite) -> None:
    server = Server(slow_seconds=30.0)
    site = await start_site(Agent(dialogue({"wait": 60})), realtime=server)
    stream = await bridged_call(site)
    await hang_up(site, stream)
    assert not [task for task in asyncio.all_tasks() if "bridge" in task.get_name()]
    assert server.listener is None


async def test_a_forward_from_within_leaves_the_bridge_for_a_human(start_site: StartSite) -> None:
    forward = {"type": "call-forward", "payload": {"addressType": "phone", "address": "sales"}}
    profile = NumberProfile(
        mode=Mode.STREAM, forwarding=Forwarding(destinations={"sales": (Destination(to="+15005550123"),)})
    )
    server = Server()
    site = await start_site(Agent(dialogue({"wait": 5}, forward)), profile, realtime=server)
    stream = await bridged_call(site)
    server.say(2.0)
    await stream.until_closed()
    assert b"<Dial" in await site.post(stream.after)
    assert server.closed == 1


async def test_a_call_in_gather_mode_moves_to_a_stream_and_back(start_site: StartSite) -> None:
    server = Server()
    profile = PROFILE.model_copy(update={"mode": Mode.GATHER})
    site = await start_site(
        Agent(dialogue({"wait": 5}, trace("END"), says("Anything else?"))), profile, realtime=server
    )
    document = (await site.post("https://gateway.example/twilio/voice", status="ringing")).decode()
    step = document.partition('action="')[2].partition('"')[0]
    document = (await site.post(step, SpeechResult="talk to the expert", Confidence="0.9")).decode()
    stream = Stream(site, document.encode())
    await asyncio.sleep(0.4)
    stream.start()
    await asyncio.sleep(2)
    server.say(8.0)  # a farewell that goes on after END
    await stream.until_closed()
    assert seconds_heard(stream) == pytest.approx(8.0, abs=0.01)
    document = (await site.post(stream.after)).decode()
    assert "Anything else?" in document
    assert "<Gather" in document
    assert server.closed == 1
    assert QUIET in bytes(server.heard)


async def test_a_server_that_crashes_us_is_as_good_as_none(start_site: StartSite) -> None:
    class Broken(Server):
        async def open(self, request: BridgeRequest, listener: BridgeListener) -> Server:
            raise ZeroDivisionError

    site = await start_site(Agent(dialogue({"wait": 500})), realtime=Broken())
    stream = await bridged_call(site)
    await asyncio.sleep(6)
    assert stream.heard()[-1] == "Event realtime_unavailable."
    await hang_up(site, stream)


async def test_a_stream_that_breaks_while_bridged_is_told_to_the_agent(start_site: StartSite) -> None:
    server = Server()
    site = await start_site(Agent(dialogue({"wait": 500})), realtime=server)
    stream = await bridged_call(site)
    stream.socket.break_off()
    await stream.leave()
    document = await site.post(stream.after)
    again = Stream(site, document)
    await asyncio.sleep(0.4)
    again.start()
    await asyncio.sleep(4)
    assert again.heard()[-1] == "Event realtime_ended."
    assert server.closed == 1
    await hang_up(site, again)
