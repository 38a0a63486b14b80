"""The socket to a realtime server against servers that would have all of us: little is read of one at a time."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from stand_in_server import Memory, Server, request, take
from websockets.asyncio.server import ServerConnection, serve

from voicegw.realtime import link
from voicegw.realtime.factory import create_realtime

PING = b"\x89\x00"
LONG_PING = b"\x89\x7d" + bytes(125)
PINGS = 40_000


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_flood_of_pings_is_taken_apart_a_little_in_each_turn_of_the_loop(
    new_loop: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0
    take_apart = link.PacedConnection.data_received

    def count(socket: link.PacedConnection, data: bytes) -> None:
        nonlocal taken
        taken += len(data)
        take_apart(socket, data)

    async def flood(socket: ServerConnection) -> None:
        await take(socket)
        socket.transport.write(PING * PINGS)
        await stand_in.over.wait()

    async def watch() -> list[int]:
        each_turn = []
        async with serve(stand_in.handle, "127.0.0.1", 0, close_timeout=0.1) as listening:
            host, port = next(iter(listening.sockets)).getsockname()[:2]
            bridge = await create_realtime(f"ws://{host}:{port}", "raw", "").open(request(), Memory())
            opened = taken
            while taken < opened + len(PING) * PINGS:
                before = taken
                await asyncio.sleep(0)
                each_turn.append(taken - before)
            stand_in.over.set()
            await bridge.close()
        return each_turn

    monkeypatch.setattr(link.PacedConnection, "data_received", count)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        stand_in = Server(behave=flood)
        each_turn = runner.run(watch())
    assert sum(each_turn) == len(PING) * PINGS, "none of it is lost"
    assert max(each_turn) == link.READ_BYTES


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_long_messages_come_whole_over_tls_too(
    new_loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    messages = [bytes([number]) * 10_000 for number in range(1, 6)]

    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        for message in messages:
            await socket.send(message)
        await stand_in.over.wait()

    async def listen() -> bytes:
        memory = Memory()
        async with serve(stand_in.handle, "127.0.0.1", 0, ssl=tls, close_timeout=0.1) as listening:
            _, port = next(iter(listening.sockets)).getsockname()[:2]
            bridge = await create_realtime(f"wss://localhost:{port}", "raw", "").open(request(), memory)
            with suppress(TimeoutError):
                while len(memory.audio) < sum(map(len, messages)):
                    await memory.until(len(memory.told) + 1)
            stand_in.over.set()
            await bridge.close()
        return memory.audio

    with asyncio.Runner(loop_factory=new_loop) as runner:
        stand_in = Server(behave=behave)
        assert runner.run(listen()) == b"".join(messages)


async def test_a_server_that_does_not_read_what_it_has_us_answer_is_given_up(
    server: Server, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        socket.transport.pause_reading()
        socket.transport.write(LONG_PING * 80_000)
        await server.over.wait()

    server.behave = behave
    monkeypatch.setattr(link, "MOST_UNTAKEN_BYTES", 10_000)  # on top of what the system takes, some megabytes
    bridge = await create_realtime(server.url, "raw", "").open(request(), memory)
    assert await memory.until(1) == [("end", "server-failed")]
    await bridge.close()
