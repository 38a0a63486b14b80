"""Connections that are held for nothing: silent, slow, endless. None stays, and genuine callers never notice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from voicegw.cli import bounded_http, serving
from voicegw.cli.serving import Site, listen

HEAD = b"POST /twilio/voice HTTP/1.1\r\nHost: gateway\r\n"
LARGE = b"x" * 8_000_000


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A server with the process's own limits, hurried."""
    monkeypatch.setattr(bounded_http, "REQUEST_SECONDS", 0.4)
    monkeypatch.setattr(bounded_http, "ANSWER_SECONDS", 0.4)
    listening = listen("127.0.0.1", 0)
    async with Site(answer, listening) as site:
        site.open()
        yield listening.getsockname()[1]


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Refuses without reading the body; `/large` is more than the sockets between us hold, and so is what a WebSocket
    is sent."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": LARGE})
        return
    body = LARGE if scope["path"] == "/large" else b"no"
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


async def is_cut_off(port: int, begin: bytes, drip: bytes = b"") -> bool:
    """Send `begin`, then `drip` again and again; does the server end it?"""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(5):
            writer.write(begin)
            while drip and not reader.at_eof():
                writer.write(drip)
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1000), 0.05)
            while await reader.read(1000):
                pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    finally:
        writer.transport.abort()
    return True


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        pytest.param(b"", b"", id="silent"),
        pytest.param(HEAD, b"", id="half a head"),
        pytest.param(HEAD + b"X: ", b"x", id="a head byte by byte"),
        pytest.param(b"", b"\r\n", id="empty lines for ever"),
        pytest.param(HEAD + b"Content-Length: 60000\r\n\r\n", b"x", id="a refused body byte by byte"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="endless chunks"),
        pytest.param(HEAD + b"Content-Length: 0\r\n\r\n", b"\r\n", id="empty lines after a request"),
    ],
)
async def test_a_request_that_does_not_arrive_is_cut_off(port: int, begin: bytes, drip: bytes) -> None:
    assert await is_cut_off(port, begin, drip)


async def test_a_head_without_end_is_cut_off_long_before_it_fills_the_memory(port: int) -> None:
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD)
    sent = 0
    with pytest.raises(ConnectionError):
        while sent < 64_000_000:
            writer.write(b"X: " + b"x" * 65_000 + b"\r\n")
            await writer.drain()
            sent += 65_000
    assert sent < 16_000_000  # what the sockets' own buffers took
    writer.transport.abort()


async def test_one_header_without_end_is_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"X: " + b"x" * 200_000)
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.transport.abort()


async def test_an_answer_that_nobody_takes_is_dropped(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "REQUEST_SECONDS", 60.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: gateway\r\n\r\n")
    await reader.readline()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(5):
            while True:  # only by writing can one find out without reading
                writer.write(b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
    writer.transport.abort()


async def test_a_websocket_has_no_deadline_of_the_answer_before_it(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
    await reader.readuntil(b"no")
    writer.write(
        b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2tra2tra2tra2tra2traw==\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    assert await is_cut_off(port, b"")  # it came later, and its deadline is as long
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(5):
        assert len(await reader.readexactly(len(LARGE))) == len(LARGE)
    writer.transport.abort()


@pytest.mark.parametrize("begin", [b"", HEAD, HEAD + b"Content-Length: 0\r\n\r\n"], ids=["silent", "slow", "idle"])
async def test_connections_without_a_request_make_room_for_one_that_has_one(
    monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 20)
    listening = listen("127.0.0.1", 0)
    async with Site(answer, listening) as site:
        site.open()
        port = listening.getsockname()[1]
        held = []
        for _ in range(60):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begin)
            held.append(writer)
            reader, asking = await asyncio.open_connection("127.0.0.1", port)
            asking.write(HEAD + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 403")
            asking.transport.abort()
        for writer in held:
            writer.transport.abort()


async def test_requests_on_one_connection_go_on_beyond_the_deadline_of_the_first(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    until = loop.time() + 3 * bounded_http.REQUEST_SECONDS
    while loop.time() < until:
        writer.write(HEAD + b"Content-Length: 2\r\n\r\na=")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 403")
        assert await reader.readexactly(2) == b"no"
    writer.transport.abort()
