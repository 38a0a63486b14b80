"""Streams over real sockets on loopback, in real time."""

import asyncio
import json
import socket
from typing import Any

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from voicegw.simulator import (
    Carrier,
    CarrierRules,
    HttpWeb,
    Phone,
    SocketClosedError,
    SocketRefusedError,
    SocketRequest,
    StreamRules,
    Telegraph,
)
from voicegw.simulator.stream.web_socket_network import open_network_socket
from voicegw.simulator.telegraph import encode_text
from voicegw.simulator.web import WebAnswer, WebClient, WebRequest

PUBLIC = "https://gateway.example"
DOCUMENT = b'<Response><Connect><Stream url="wss://gateway.example/media/x"/></Connect><Hangup/></Response>'


class Documents:
    """Answers webhooks with one document, and opens sockets as another web does."""

    def __init__(self, sockets: WebClient) -> None:
        self._sockets = sockets

    async def send(self, request: WebRequest) -> WebAnswer:
        return WebAnswer(status=200, headers=(("content-type", "text/xml"),), body=DOCUMENT)

    async def open_socket(self, request: SocketRequest) -> Any:
        return await self._sockets.open_socket(request)


class PressesOnce:
    """Presses 7 as soon as the agent sounds."""

    async def run(self, phone: Phone) -> None:
        await phone.wait_for_sound(1)
        phone.press("7")
        await asyncio.Event().wait()


async def test_a_call_streams_over_a_real_socket_behind_a_proxy() -> None:
    upgrades: list[Any] = []

    async def talk(connection: Any) -> None:
        upgrades.append(connection.request)
        sid = ""
        async for text in connection:
            fields = json.loads(text)
            match fields["event"]:
                case "start":
                    sid = fields["streamSid"]
                    await connection.send(_media(sid, encode_text("yes?")))
                    await connection.send(json.dumps({"event": "mark", "streamSid": sid, "mark": {"name": "m"}}))
                case "dtmf":
                    await connection.send(json.dumps({"event": "clear", "streamSid": sid}))
                case "mark":
                    await connection.close(1000)

    async with serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with HttpWeb(reach={PUBLIC: f"http://127.0.0.1:{port}"}) as web:
            carrier = Carrier(Documents(web), auth_token="token")
            report = await carrier.place_call(f"{PUBLIC}/voice", PressesOnce(), speech=Telegraph())
    (upgrade,) = upgrades
    assert upgrade.path == "/media/x"
    assert upgrade.headers["Host"] == "gateway.example"
    assert upgrade.headers["X-Forwarded-Proto"] == "https"
    assert upgrade.headers["User-Agent"] == "Twilio.TmeWs/1.0"
    assert "x-twilio-signature" in dict(upgrade.headers.raw_items())
    assert (report.end_reason, report.streams[0].ended_by) == ("hangup", "gateway")
    assert report.streams[0].marks[0].back_at_seconds is not None


def _media(sid: str, audio: bytes) -> str:
    import base64

    payload = base64.b64encode(audio).decode()
    return json.dumps({"event": "media", "streamSid": sid, "media": {"payload": payload}})


async def test_what_the_server_does_becomes_what_a_socket_does() -> None:
    ended: list[int] = []

    async def talk(connection: Any) -> None:
        try:
            async for text in connection:
                if text == "close":
                    await connection.close(1013, "later")
                await connection.send(text if text != "bytes" else b"\x00")
        except ConnectionClosed:
            pass
        ended.append(connection.close_code)

    async with serve(talk, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        request = SocketRequest(url="wss://gateway.example/")
        first, second, third = [await open_network_socket(request, address) for _ in range(3)]
        await first.send("hello")
        assert await first.receive() == "hello"
        await first.send("bytes")
        assert await first.receive() == b"\x00"
        await first.send("close")
        with pytest.raises(SocketClosedError, match="1013 later"):
            await first.receive()
        with pytest.raises(SocketClosedError):
            await first.send("too late")
        await second.close()
        third.abort()
        with pytest.raises(SocketClosedError, match="1006"):
            await third.receive()
    assert sorted(ended) == [1000, 1006, 1013]


async def test_each_way_of_failing_has_the_vendors_code() -> None:
    async def refuse(connection: Any, _: Any) -> Any:
        return connection.respond(403, "no")

    async def hang(_reader: Any, _writer: Any) -> None:
        await asyncio.Event().wait()

    async def babble(_reader: Any, writer: Any) -> None:
        writer.write(b"SSH-2.0\r\n\r\n")
        writer.close()

    async def code(port: int, scheme: str = "http") -> tuple[int, int | None]:
        request = SocketRequest(url="wss://gateway.example/", within_seconds=0.2)
        with pytest.raises(SocketRefusedError) as refused:
            await open_network_socket(request, f"{scheme}://127.0.0.1:{port}")
        return refused.value.code, refused.value.status

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as server:
        assert await code(server.sockets[0].getsockname()[1]) == (31920, 403)
    hung = await asyncio.start_server(hang, "127.0.0.1", 0)
    assert await code(hung.sockets[0].getsockname()[1]) == (31901, None)
    hung.close()
    babbling = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = babbling.sockets[0].getsockname()[1]
    assert await code(port) == (31920, None)
    assert await code(port, "https") == (31910, None)
    babbling.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert await code(free.getsockname()[1]) == (31902, None)


async def test_a_name_that_nobody_has_cannot_be_reached() -> None:
    with pytest.raises(SocketRefusedError) as refused:
        await open_network_socket(SocketRequest(url="wss://gateway.invalid/"))
    assert refused.value.code == 31904


async def test_a_stream_over_the_network_may_die_at_a_message() -> None:
    async def talk(connection: Any) -> None:
        with pytest.raises(ConnectionClosed):
            while True:
                await connection.recv()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with HttpWeb(reach={PUBLIC: f"http://127.0.0.1:{port}"}) as web:
            rules = CarrierRules(stream=StreamRules(dies_after_messages=5))
            carrier = Carrier(Documents(web), auth_token="token", rules=rules)
            report = await carrier.place_call(f"{PUBLIC}/voice", PressesOnce())
    assert (report.end_reason, report.streams[0].ended_by) == ("hangup", "rules")
