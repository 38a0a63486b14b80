"""The protocol `raw` against a stand-in server: what goes up, what comes down, and how it ends."""

import asyncio
import json
from socket import SO_RCVBUF, SOL_SOCKET

import numpy as np
import pytest
from stand_in_server import MULAW, Memory, Server, request, send, take
from websockets.asyncio.server import ServerConnection

from voicegw.audio.mulaw import decode_mulaw, encode_mulaw
from voicegw.call.instructions import StartRealtime
from voicegw.errors import RealtimeError
from voicegw.realtime import link
from voicegw.realtime.factory import create_realtime

PCM_24 = StartRealtime(input_encoding="audio/pcm", output_encoding="audio/pcm")


def tone(seconds: float, rate_hz: int) -> bytes:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()


async def test_a_call_says_who_it_is_then_audio_and_keys_go_up_in_order(server: Server, memory: Memory) -> None:
    got: list[object] = []
    done = asyncio.Event()

    async def behave(socket: ServerConnection) -> None:
        got.extend([await take(socket) for _ in range(4)])
        done.set()
        await socket.wait_closed()

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "secret").open(request(), memory)
    bridge.put(b"\x01" * 160)
    bridge.press("5")
    bridge.put(b"\x02" * 160)
    async with asyncio.timeout(5):
        await done.wait()
    mulaw = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    start = {"type": "start", "callSid": "CA1", "sessionKey": "key-1", "input": mulaw, "output": mulaw}
    assert got == [start, b"\x01" * 160, {"type": "dtmf", "digit": "5"}, b"\x02" * 160]
    assert server.headers["authorization"] == "Bearer secret"
    await bridge.close()
    async with asyncio.timeout(2):
        await server.gone.wait()
    assert memory.told == [], "who leaves is told nothing"


async def test_audio_clear_and_end_come_down_in_order(server: Server, memory: Memory) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        await socket.send(b"\x01" * 400)
        await send(socket, type="clear")
        await send(socket, type="something-new")
        await socket.send("no JSON")
        await socket.send(b"\x02" * 80)
        assert await take(socket) == {"type": "dtmf", "digit": "#"}
        await send(socket, type="end")
        await socket.wait_closed()

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    await memory.until(3)
    bridge.interrupt(0.01)  # of which this protocol says nothing
    bridge.press("#")
    assert await memory.until(4) == [b"\x01" * 400, "flush", b"\x02" * 80, ("end", "server-ended")]
    assert "authorization" not in server.headers
    await bridge.close()


async def test_audio_is_converted_both_ways(server: Server, memory: Memory) -> None:
    sent, heard = tone(0.5, 24_000), bytearray()

    async def behave(socket: ServerConnection) -> None:
        start = await take(socket)
        assert start["input"] == {"encoding": "audio/pcm", "sampleRate": 24_000}
        for place in range(0, len(sent), 1001):  # cuts samples in half
            await socket.send(sent[place : place + 1001])
        while len(heard) < 20_000:
            heard.extend(await take(socket))
        await send(socket, type="end")

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(PCM_24), memory)
    caller = encode_mulaw(tone(0.5, 8_000))
    for place in range(0, len(caller), 160):
        bridge.put(caller[place : place + 160])
    while not memory.told or memory.told[-1] != ("end", "server-ended"):
        await memory.until(len(memory.told) + 1)
    assert_same_tone(np.frombuffer(decode_mulaw(memory.audio), "<i2"), tone(0.5, 8_000))
    assert_same_tone(np.frombuffer(bytes(heard), "<i2"), tone(0.5, 24_000))
    await bridge.close()


def assert_same_tone(got: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]", wanted: bytes) -> None:
    reference = np.frombuffer(wanted, "<i2").astype(float)[: len(got)]
    middle = slice(len(got) // 10, -len(got) // 10)
    noise = got[middle].astype(float) - reference[middle]
    assert 10 * np.log10(np.square(reference[middle]).mean() / np.square(noise).mean()) > 30


@pytest.mark.parametrize(
    "start",
    [
        StartRealtime(input_encoding="audio/mp3", output_encoding="audio/x-mulaw"),
        StartRealtime(input_encoding="audio/opus", output_encoding="audio/x-mulaw"),
        StartRealtime(input_encoding="audio/x-mulaw", output_encoding="audio/x-mulaw", output_rate=16_000),
        StartRealtime(input_encoding="audio/pcm", output_encoding="audio/pcm", input_rate=7_999),
    ],
)
async def test_an_encoding_that_cannot_be_given_is_refused_unasked(start: StartRealtime, memory: Memory) -> None:
    with pytest.raises(RealtimeError):
        await create_realtime("ws://127.0.0.1:9", "raw", "").open(request(start), memory)


async def test_little_is_received_at_once(server: Server) -> None:
    open_one = await link.open_link(server.url, {}, "CA1")
    received = open_one._socket.transport.get_extra_info("socket").getsockopt(SOL_SOCKET, SO_RCVBUF)
    assert received <= 2 * link.RECEIVE_BYTES, "Linux doubles what it is asked for"
    await open_one.leave()


async def test_a_server_that_is_down_is_unavailable(memory: Memory) -> None:
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    with pytest.raises(RealtimeError, match="cannot be reached"):
        await create_realtime(f"ws://127.0.0.1:{port}", "raw", "").open(request(), memory)


async def test_a_server_that_never_answers_is_unavailable_in_time(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CONNECT_SECONDS", 0.05)
    held: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(RealtimeError, match="cannot be reached"):
            await create_realtime(f"ws://127.0.0.1:{port}", "raw", "").open(request(), memory)
        for writer in held:
            writer.close()


async def test_a_server_that_dies_is_told_once(server: Server, memory: Memory) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        await socket.send(b"\x01" * 160)
        socket.transport.abort()

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    assert await memory.until(2) == [b"\x01" * 160, ("end", "server-failed")]
    bridge.put(b"\x00" * 160)
    bridge.press("1")
    await bridge.close()
    await bridge.close()
    assert len(memory.told) == 2


async def test_a_server_that_goes_in_order_is_told(server: Server, memory: Memory) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    assert await memory.until(1) == [("end", "server-closed")]
    await bridge.close()


class Onlooker(Memory):
    """Counts the rounds of the event loop, and remembers in which it heard each piece."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds = 0
        self.heard_in: list[int] = []
        self.counting = asyncio.create_task(self._count())

    def hear_agent(self, audio: bytes) -> None:
        self.heard_in.append(self.rounds)
        super().hear_agent(audio)

    async def _count(self) -> None:
        while True:
            self.rounds += 1
            await asyncio.sleep(0)


@pytest.mark.parametrize("messages", [[bytes(900_000)], [bytes(48)] * 300])
async def test_other_calls_have_their_turn_while_much_is_converted(server: Server, messages: list[bytes]) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        socket.transport.write(b"".join(unmasked(message) for message in messages))
        await send(socket, type="clear")
        await socket.wait_closed()

    server.behave, onlooker = behave, Onlooker()
    bridge = await create_realtime(server.url, "raw", "").open(request(PCM_24), onlooker)
    while "flush" not in onlooker.told:
        await onlooker.until(len(onlooker.told) + 1)
    assert len(onlooker.heard_in) == len(set(onlooker.heard_in)) > 200
    assert max(len(piece) for piece in onlooker.told[:-1]) < 1_000
    onlooker.counting.cancel()
    await bridge.close()


def unmasked(message: bytes) -> bytes:
    """A binary frame as a server writes it."""
    length = bytes([len(message)]) if len(message) < 126 else b"\x7f" + len(message).to_bytes(8)
    return b"\x82" + length + message


async def test_what_is_left_of_a_message_that_was_interrupted_is_not_heard(server: Server) -> None:
    class Impatient(Memory):
        def hear_agent(self, audio: bytes) -> None:
            super().hear_agent(audio)
            if len(self.told) == 1:
                bridge.interrupt(0.1)

    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        await socket.send(b"\x01" * 100_000)
        await socket.send(b"\x02" * 80)
        await socket.wait_closed()

    server.behave, memory = behave, Impatient()
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    assert [piece[:1] for piece in await memory.until(2)] == [b"\x01", b"\x02"]
    await bridge.close()


async def test_a_message_over_the_limit_ends_the_bridge(server: Server, memory: Memory) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        await socket.send(bytes(link.MOST_MESSAGE_BYTES + 1))
        await socket.wait_closed()

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    assert await memory.until(1) == [("end", "server-failed")]
    await bridge.close()


async def test_a_slow_server_loses_the_oldest_audio_and_never_a_key(server: Server, memory: Memory) -> None:
    read_on, got = asyncio.Event(), []
    done = asyncio.Event()

    async def behave(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await read_on.wait()
        socket.transport.resume_reading()
        async for message in socket:
            got.append(message)
            if message == b"last":
                done.set()

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    pieces = [number.to_bytes(4) * 5_000 for number in range(1_000)]
    for piece in pieces:
        bridge.put(piece)
        if piece is pieces[500]:
            bridge.press("7")
        await asyncio.sleep(0)
    bridge.put(b"last")
    read_on.set()
    async with asyncio.timeout(5):
        await done.wait()
    audio = [message for message in got if isinstance(message, bytes)]
    assert audio[-link.MOST_AUDIO_WAITING :] == [*pieces[-link.MOST_AUDIO_WAITING + 1 :], b"last"], "the newest is kept"
    assert len(audio) < 900, "what a slow server could not take was dropped"
    assert [json.loads(message) for message in got if isinstance(message, str)][1:] == [{"type": "dtmf", "digit": "7"}]
    await bridge.close()


async def test_a_server_that_takes_nothing_at_all_is_given_up(server: Server, memory: Memory) -> None:
    async def behave(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await server.over.wait()

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    for _ in range(2_000):
        bridge.put(bytes(20_000))
        await asyncio.sleep(0)
    for _ in range(link.MOST_CONTROLS_WAITING + 1):
        bridge.press("1")
    assert await memory.until(1) == [("end", "server-failed")]
    await bridge.close()


async def test_leaving_does_not_wait_for_a_server_that_does_not_answer(
    server: Server, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "LEAVE_SECONDS", 0.05)

    async def behave(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await server.over.wait()

    server.behave = behave
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    for _ in range(500):
        bridge.put(bytes(20_000))
        await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await bridge.close()
    assert memory.told == []


async def test_a_listener_that_crashes_ends_the_bridge(server: Server) -> None:
    class Broken(Memory):
        def flush(self) -> None:
            raise ZeroDivisionError

    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        await send(socket, type="clear")
        await socket.wait_closed()

    server.behave, memory = behave, Broken()
    bridge = await create_realtime(server.url, "raw", "").open(request(MULAW), memory)
    assert await memory.until(1) == [("end", "bridge-crashed")]
    await bridge.close()
