"""What carries out the session's wishes for a realtime server, by itself."""

import asyncio
from dataclasses import dataclass, field

from voicegw.call.entries import NoJournal
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import StartRealtime
from voicegw.call.state import CallState, start_call
from voicegw.live.bridge import BridgeSink, Bridging
from voicegw.live.ports import Bridge, BridgeListener, BridgeRequest, Realtime
from voicegw.media import commands as c

OPEN = c.OpenRealtime(start=StartRealtime(input_encoding="audio/x-mulaw", output_encoding="audio/x-mulaw"))
COMMANDS = (c.SendKey(key="1"), c.InterruptRealtime(heard_seconds=0.5), c.CloseRealtime())


def state() -> CallState:
    return start_call("CA1", CallParties(caller_number="", called_number=""), user_id="u", started_at=0.0)


@dataclass
class Memory:
    """A server and the one who is told, in one: everything that was done, in order."""

    done: list[object] = field(default_factory=list)
    listener: BridgeListener | None = None

    def bridging(self, realtime: Realtime | None) -> Bridging:
        sink = BridgeSink(receive=self.done.append, flush=lambda: self.done.append("flush"), end=self.done.append)
        return Bridging(realtime, sink, NoJournal())

    async def open(self, request: BridgeRequest, listener: BridgeListener) -> Bridge:
        self.listener = listener
        return self

    def put(self, audio: bytes) -> None:
        self.done.append(audio)

    def press(self, key: str) -> None:
        self.done.append(key)

    def interrupt(self, heard_seconds: float) -> None:
        self.done.append(heard_seconds)

    async def close(self) -> None:
        self.done.append("closed")


async def test_without_a_server_the_wish_for_one_fails_at_once() -> None:
    memory = Memory()
    bridging = memory.bridging(None)
    bridging.obey(OPEN, state())
    assert (memory.done, bridging.active) == ([False], False)


async def test_without_a_bridge_nothing_is_sent_anywhere() -> None:
    memory = Memory()
    bridging = memory.bridging(memory)
    bridging.put(b"early")
    for command in COMMANDS:
        bridging.obey(command, state())
    await bridging.close()
    assert memory.done == []


async def test_what_comes_while_it_opens_is_dropped_save_for_keys() -> None:
    memory = Memory()
    bridging = memory.bridging(memory)
    bridging.obey(OPEN, state())
    bridging.put(b"early")
    for command in COMMANDS[:2]:
        bridging.obey(command, state())
    await asyncio.sleep(0.01)
    bridging.put(b"heard")
    assert memory.done == ["1", b"heard"]
    await bridging.close()
    assert memory.done[2:] == ["closed"]


async def test_nothing_is_told_of_a_server_that_was_left() -> None:
    memory = Memory()
    bridging = memory.bridging(memory)
    bridging.obey(OPEN, state())
    await asyncio.sleep(0.01)
    bridging.obey(c.CloseRealtime(), state())
    assert memory.listener is not None
    memory.listener.hear_agent(b"late")
    memory.listener.flush()
    memory.listener.end("late")
    assert not bridging.active
    await bridging.close()
    assert memory.done == ["closed"]
