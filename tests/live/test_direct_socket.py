"""Streams that come straight from the event loop, over a real socket: the same strangers, the same callers."""

import asyncio
import gc
import json
import weakref
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from stream_world import ACCOUNT_SID, CALL_SID, ORIGIN, QUIET, Agent, Site, Stream, dialogue
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voicegw.call.records import Failed, StreamEnded
from voicegw.cli import serving
from voicegw.live.call import LiveCall
from voicegw.media.session import MediaSession
from voicegw.twilio import direct_socket
from voicegw.twilio.signature import SignatureVerifier

SIGNER = SignatureVerifier(ORIGIN, ("the-carriers-token",), websocket=True)


class Caller:
    """A gateway on a port of its own, and a call that rings there."""

    def __init__(self, site: Site, port: int, document: bytes) -> None:
        self.site = site
        self.url = f"ws://127.0.0.1:{port}/twilio/media"
        self.stream = Stream(site, document)
        self.start = self.stream.start_message()

    async def connect(self, signature: str | None = None, path: str = "") -> ClientConnection:
        signed = SIGNER.sign("/twilio/media") if signature is None else signature
        return await connect(self.url + path, additional_headers={"X-Twilio-Signature": signed}, compression=None)

    async def begin(self) -> ClientConnection:
        socket = await self.connect()
        await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        await socket.send(json.dumps(self.start))
        return socket

    def message(self, event: str, **fields: Any) -> str:
        self.stream.sequence += 1
        head = {"event": event, "sequenceNumber": str(self.stream.sequence), "streamSid": self.stream.stream_sid}
        return json.dumps({**head, event: fields})


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    site = Site(Agent(dialogue))
    await site.gateway.start()
    listening = serving.listen("127.0.0.1", 0)
    async with serving.Site(site.gateway.asgi, listening, site.gateway.media_sockets) as served:
        served.open()
        yield Caller(site, listening.getsockname()[1], await site.post(f"{ORIGIN}/twilio/voice", status="ringing"))
        await site.post(f"{ORIGIN}/twilio/status", status="completed")
        await site.gateway.stop(grace_seconds=5)
    assert site.gateway.streams is not None
    assert (len(site.gateway.streams.calls), site.speech.detector.taps, site.speech.stt.open_ears) == (0, 0, 0)
    assert [each for each in site.journal.of(Failed) if each.part == "gateway"] == []


async def until(socket: ClientConnection, event: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (message := json.loads(await socket.recv()))["event"] != event:
            pass
    return message


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


async def closed_with(socket: ClientConnection) -> int:
    async with asyncio.timeout(10):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code


def assert_untouched(site: Site) -> None:
    assert site.speech.detector.taps == 0
    assert site.speech.stt.open_ears == 0
    assert site.agent.kinds == ["launch"]


async def test_a_caller_hears_and_is_heard(caller: Caller) -> None:
    socket = await caller.begin()
    said = await until(socket, "media")
    assert said["streamSid"] == caller.stream.stream_sid
    mark = await until(socket, "mark")
    await socket.send(caller.message("mark", name=mark["mark"]["name"]))
    await socket.send(
        caller.message("media", track="inbound", chunk="1", timestamp="20", payload=b64encode(QUIET).decode())
    )
    for key in "12#":
        await socket.send(caller.message("dtmf", track="inbound_track", digit=key))
    await eventually(lambda: "dtmf" in caller.site.agent.kinds)
    await socket.send(caller.message("stop", accountSid=ACCOUNT_SID, callSid=CALL_SID))
    assert await closed_with(socket) == 1000


async def test_keys_that_come_while_the_call_is_looked_up_are_kept(caller: Caller) -> None:
    socket = await caller.begin()
    for key in "12#":
        await socket.send(caller.message("dtmf", track="inbound_track", digit=key))
    await eventually(lambda: "dtmf" in caller.site.agent.kinds)
    await socket.close()


@pytest.mark.parametrize(
    ("signature", "path", "status"), [("", "", 403), ("wrong", "", 403), (None, "/elsewhere", 404), (None, "?a=b", 403)]
)
async def test_strangers_are_refused_before_anything_is_accepted(
    caller: Caller, signature: str | None, path: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await caller.connect(signature, path)
    assert refused.value.response.status_code == status
    assert_untouched(caller.site)


async def test_the_signature_of_the_url_with_a_trailing_slash_is_taken(caller: Caller) -> None:
    socket = await caller.connect(SIGNER.sign("/twilio/media/"))
    await socket.send(json.dumps(caller.start))
    assert await until(socket, "media")
    await socket.close()


@pytest.mark.parametrize("changes", [{"customParameters": {}}, {"callSid": "CA" + "9" * 32}])
async def test_a_start_that_does_not_fit_is_refused(caller: Caller, changes: dict[str, Any]) -> None:
    socket = await caller.connect()
    await socket.send(json.dumps(caller.stream.start_message(**changes)))
    assert await closed_with(socket) == 1008
    assert_untouched(caller.site)


@pytest.mark.parametrize("first", ['{"event":"media"}', "no JSON", b"\x00", '{"event":"hello"}'])
async def test_nothing_comes_before_a_start(caller: Caller, first: str | bytes) -> None:
    socket = await caller.connect()
    await socket.send(first)
    assert await closed_with(socket) == 1008
    assert_untouched(caller.site)


async def test_who_does_not_start_is_not_waited_for(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_socket, "START_SECONDS", 0.05)
    assert await closed_with(await caller.connect()) == 1008
    assert_untouched(caller.site)


@pytest.mark.parametrize("breach", [b"\x00\x01", "no JSON", ["\ud7ff", "{"], "again"])
async def test_a_breach_of_the_protocol_ends_the_stream_and_not_the_call(caller: Caller, breach: Any) -> None:
    socket = await caller.begin()
    await until(socket, "media")
    await socket.send(json.dumps(caller.start) if breach == "again" else breach)
    assert await closed_with(socket) == 1008
    assert [ended.reason for ended in caller.site.journal.of(StreamEnded)] == ["carrier-stopped"]


@pytest.mark.parametrize("length", [3_700, 8_000, 14_000])
async def test_an_upgrade_may_have_a_long_head_and_other_tokens_in_its_connection(caller: Caller, length: int) -> None:
    signature = SIGNER.sign("/twilio/media")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(caller.url.split(":")[2].split("/")[0]))
    head = (
        "GET /twilio/media HTTP/1.1\r\nHost: gateway.example\r\nConnection: keep-alive, Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {b64encode(b'k' * 16).decode()}\r\n"
        f"X-Twilio-Signature: {signature}\r\nX-Trace: {'t' * length}\r\n\r\n"
    )
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 101")
    writer.close()
    await writer.wait_closed()


async def test_a_stream_that_cannot_be_admitted_is_closed(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(type(caller.site.gateway.streams.calls), "open", fail)  # type: ignore[union-attr]
    assert await closed_with(await caller.begin()) == 1008


async def test_a_call_that_cannot_be_heard_gives_its_line_up_at_once(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(caller.site.speech.stt, "open", fail)
    began = asyncio.get_running_loop().time()
    assert await closed_with(await caller.begin()) == 1008
    await eventually(lambda: not len(caller.site.gateway.streams.calls))  # type: ignore[union-attr]
    assert asyncio.get_running_loop().time() < began + 5
    assert caller.site.speech.detector.taps == 0


@pytest.mark.parametrize(("owner", "fails"), [(LiveCall, "_carry_out"), (MediaSession, "receive_timer")])
async def test_a_call_that_fails_ends_its_stream(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, owner: type, fails: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    socket = await caller.begin()
    await until(socket, "mark")
    monkeypatch.setattr(owner, fails, fail)
    await socket.send(caller.message("dtmf", track="inbound_track", digit="1"))
    assert await closed_with(socket) == 1000


async def test_a_flood_is_cut_off(caller: Caller) -> None:
    socket = await caller.begin()
    frame = caller.message("media", track="inbound", chunk="1", timestamp="20", payload=b64encode(QUIET).decode())
    with suppress(ConnectionClosed):
        for _ in range(2_000):
            await socket.send(frame)
    assert await closed_with(socket) == 1008


async def test_a_message_in_several_frames_is_one_message(caller: Caller) -> None:
    socket = await caller.connect()
    text = json.dumps(caller.start)
    await socket.send([text[:20], text[20:50], text[50:]])
    assert await until(socket, "media")
    await socket.close()


async def test_a_message_without_an_end_is_not_collected_for_ever(caller: Caller) -> None:
    socket = await caller.connect()
    with suppress(ConnectionClosed):
        await socket.send("x" * 5_000 for _ in range(100))
    assert await closed_with(socket) == 1008
    assert_untouched(caller.site)


async def test_an_ended_call_needs_no_garbage_collector(caller: Caller) -> None:
    gc.collect()
    gc.disable()
    try:
        socket = await caller.begin()
        await until(socket, "mark")
        (live,) = caller.site.gateway.streams.calls._calls.values()  # type: ignore[union-attr]
        kept = [weakref.ref(each) for each in (live, live._session, live._dialogue, live._caller)]
        del live
        await socket.send(caller.message("stop", accountSid=ACCOUNT_SID, callSid=CALL_SID))
        assert await closed_with(socket) == 1000
        await eventually(lambda: [each() for each in kept] == [None] * 4)
    finally:
        gc.enable()


async def test_a_socket_that_breaks_leaves_nothing(caller: Caller) -> None:
    socket = await caller.begin()
    await until(socket, "media")
    socket.transport.abort()
    await eventually(lambda: not caller.site.speech.detector.taps)
    assert [ended.reason for ended in caller.site.journal.of(StreamEnded)] == ["carrier-stopped"]


async def test_a_peer_that_takes_nothing_is_given_up(caller: Caller) -> None:
    socket = await caller.begin()
    await until(socket, "media")
    (live,) = caller.site.gateway.streams.calls._calls.values()  # type: ignore[union-attr]
    socket.transport.pause_reading()
    line = live._line
    assert line is not None
    async with asyncio.timeout(20):
        while caller.site.speech.detector.taps:
            line.send_audio(QUIET * 500)
            await asyncio.sleep(0)
    socket.transport.abort()


class Peer(WSListener):
    """Says goodbye only when it is told to. `said_goodbye` and `gone`: of the gateway."""

    def __init__(self) -> None:
        self.said_goodbye = False
        self.gone = False

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.said_goodbye = self.said_goodbye or frame.msg_type == WSMsgType.CLOSE

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.gone = True


async def stopped(caller: Caller) -> tuple[WSTransport, Peer]:
    """A stream that its carrier has stopped, and to which the gateway has said goodbye."""
    headers = {"X-Twilio-Signature": SIGNER.sign("/twilio/media")}
    transport, peer = await ws_connect(Peer, caller.url, extra_headers=headers)
    assert isinstance(peer, Peer)
    transport.send(WSMsgType.TEXT, json.dumps(caller.start))
    await eventually(lambda: caller.site.speech.detector.taps == 1)
    transport.send(WSMsgType.TEXT, caller.message("stop", accountSid=ACCOUNT_SID, callSid=CALL_SID))
    await eventually(lambda: peer.said_goodbye)
    return transport, peer


async def test_a_socket_stays_until_its_peer_has_said_goodbye_too(caller: Caller) -> None:
    transport, peer = await stopped(caller)
    for _ in range(20):  # it was still sending
        transport.send(WSMsgType.TEXT, caller.message("dtmf", track="inbound_track", digit="1"))
        await asyncio.sleep(0.01)
    assert not peer.gone
    transport.send_close(WSCloseCode.OK)
    async with asyncio.timeout(direct_socket.CLOSE_SECONDS / 2):
        await transport.wait_disconnected()
    assert "dtmf" not in caller.site.agent.kinds


async def test_who_does_not_say_goodbye_is_cut_off(caller: Caller) -> None:
    transport, _ = await stopped(caller)
    async with asyncio.timeout(2 * direct_socket.CLOSE_SECONDS):
        await transport.wait_disconnected()
