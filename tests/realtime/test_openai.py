"""OpenAI's Realtime API against a stand-in server: the session, interruptions, keys, errors."""

import asyncio
import base64
from typing import Any

import pytest
from stand_in_server import Memory, Server, accept_session, request, say, send, take
from websockets.asyncio.server import ServerConnection

from voicegw.call.instructions import StartRealtime
from voicegw.errors import RealtimeError
from voicegw.realtime import openai
from voicegw.realtime.factory import create_realtime


class Script:
    """A server that opens as OpenAI's does, then plays `events`, and collects what comes."""

    def __init__(self, server: Server) -> None:
        self.asked: Any = None
        self.got: asyncio.Queue[Any] = asyncio.Queue()
        self.sockets: asyncio.Queue[ServerConnection] = asyncio.Queue()
        server.behave = self.behave

    async def behave(self, socket: ServerConnection) -> None:
        self.asked = await accept_session(socket)
        self.sockets.put_nowait(socket)
        while True:
            self.got.put_nowait(await take(socket))

    async def next(self) -> Any:
        async with asyncio.timeout(5):
            return await self.got.get()


async def open_bridge(server: Server, memory: Memory, **extra: str) -> tuple[Script, ServerConnection, Any]:
    script = Script(server)
    bridge = await create_realtime(server.url, "openai", "sk-1", **extra).open(request(), memory)
    return script, await script.sockets.get(), bridge


async def test_the_session_is_mulaw_both_ways_and_the_model_speaks_first(server: Server, memory: Memory) -> None:
    script, _, bridge = await open_bridge(server, memory, instructions="Be kind.", voice="marin")
    assert script.asked == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "Be kind.",
            "audio": {
                "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
                "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
            },
        },
    }
    assert await script.next() == {"type": "response.create"}
    bridge.put(b"\x01" * 160)
    assert await script.next() == {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(b"\x01" * 160).decode(),
    }
    assert server.headers["authorization"] == "Bearer sk-1"
    await bridge.close()


async def test_what_is_not_set_is_left_to_the_server(server: Server, memory: Memory) -> None:
    script, _, bridge = await open_bridge(server, memory)
    assert "instructions" not in script.asked["session"]
    assert "voice" not in script.asked["session"]["audio"]["output"]
    await bridge.close()


@pytest.mark.parametrize("name", ["response.output_audio.delta", "response.audio.delta"])
async def test_audio_is_heard_byte_for_byte(server: Server, memory: Memory, name: str) -> None:
    _, socket, bridge = await open_bridge(server, memory)
    await say(socket, "item-1", b"\x01" * 300, name)
    await say(socket, "item-1", b"\x02" * 5, name)
    assert await memory.until(2) == [b"\x01" * 300, b"\x02" * 5]
    await bridge.close()


async def test_an_interruption_cuts_the_conversation_where_it_was_heard(server: Server, memory: Memory) -> None:
    script, socket, bridge = await open_bridge(server, memory)
    assert await script.next() == {"type": "response.create"}
    await send(socket, type="response.created", response={})
    await say(socket, "item-1", bytes(8_000))  # heard whole
    await say(socket, "item-2", bytes(8_000))  # heard for a quarter of a second
    await say(socket, "item-3", bytes(8_000))  # never heard
    await send(socket, type="input_audio_buffer.speech_started", item_id="caller-1", audio_start_ms=10)
    assert (await memory.until(4))[-1] == "flush"
    bridge.interrupt(1.25)
    truncated = {"type": "conversation.item.truncate", "content_index": 0}
    assert await script.next() == {**truncated, "item_id": "item-2", "audio_end_ms": 250}
    assert await script.next() == {**truncated, "item_id": "item-3", "audio_end_ms": 0}
    await say(socket, "item-3", b"late")
    await say(socket, "item-4", b"new")
    assert (await memory.until(5))[4:] == [b"new"], "what was interrupted is not heard any more"
    await bridge.close()


async def test_an_interruption_by_the_agent_stops_the_model_too(server: Server, memory: Memory) -> None:
    script, socket, bridge = await open_bridge(server, memory)
    await send(socket, type="response.created", response={})
    await say(socket, "item-1", bytes(8_000))
    await memory.until(1)
    bridge.interrupt(0.5)
    assert [(await script.next())["type"] for _ in range(3)] == [
        "response.create",
        "response.cancel",
        "conversation.item.truncate",
    ]
    await bridge.close()


async def test_keys_are_told_as_one_entry_once_the_model_is_silent(
    server: Server, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "KEYS_GAP_SECONDS", 0.01)
    script, socket, bridge = await open_bridge(server, memory)
    await send(socket, type="response.created", response={})
    await say(socket, "item-1", b"answering")
    await memory.until(1)
    bridge.press("1")
    bridge.press("2")
    await asyncio.sleep(0.05)  # the gap after the last key
    assert await script.next() == {"type": "response.create"}
    assert script.got.empty(), "nothing is told while the model answers"
    await send(socket, type="response.done", response={"status": "completed"})
    item = (await script.next())["item"]
    assert item["content"] == [{"type": "input_text", "text": "[The caller pressed on the telephone's keypad: 12]"}]
    assert await script.next() == {"type": "response.create"}
    bridge.press("#")
    item = (await script.next())["item"]
    assert item["content"][0]["text"].endswith(": #]")
    await bridge.close()


async def test_a_key_just_pressed_is_told_to_nobody_who_has_gone(server: Server, memory: Memory) -> None:
    _, socket, bridge = await open_bridge(server, memory)
    bridge.press("1")
    await socket.close()
    assert await memory.until(1) == [("end", "server-closed")]
    assert bridge._keys_timer is None
    await bridge.close()


async def test_a_model_that_cannot_answer_ends_the_bridge(server: Server, memory: Memory) -> None:
    _, socket, bridge = await open_bridge(server, memory)
    error = {"type": "invalid_request_error", "code": "insufficient_quota"}
    await send(socket, type="response.done", response={"status": "failed", "status_details": {"error": error}})
    assert await memory.until(1) == [("end", "server-failed")]
    await bridge.close()


async def test_an_error_that_the_session_survives_changes_nothing(server: Server, memory: Memory) -> None:
    _, socket, bridge = await open_bridge(server, memory)
    await send(socket, type="error", error={"type": "invalid_request_error", "message": "no such item"})
    await send(socket, type="session.updated", session={})
    await send(socket, type="rate_limits.updated")
    await say(socket, "item-1", b"still here")
    assert await memory.until(1) == [b"still here"]
    await bridge.close()


async def test_a_session_that_is_refused_is_unavailable(server: Server, memory: Memory) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)
        await send(socket, type="error", error={"code": "invalid_api_key", "message": "Incorrect API key"})
        await socket.wait_closed()

    server.behave = behave
    with pytest.raises(RealtimeError, match="Incorrect API key"):
        await create_realtime(server.url, "openai", "sk-1").open(request(), memory)
    async with asyncio.timeout(2):
        await server.gone.wait()


async def test_a_server_that_closes_instead_is_unavailable(server: Server, memory: Memory) -> None:
    async def behave(socket: ServerConnection) -> None:
        await take(socket)

    server.behave = behave
    with pytest.raises(RealtimeError, match="closed the connection"):
        await create_realtime(server.url, "openai", "sk-1").open(request(), memory)


async def test_a_server_that_never_takes_the_session_is_unavailable_in_time(
    server: Server, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "CONNECT_SECONDS", 0.05)
    with pytest.raises(RealtimeError, match="did not take the session"):
        await create_realtime(server.url, "openai", "sk-1").open(request(), memory)
    async with asyncio.timeout(2):
        await server.gone.wait()


async def test_an_encoding_that_no_server_is_given_is_refused_here_too(memory: Memory) -> None:
    start = StartRealtime(input_encoding="audio/mp3", output_encoding="audio/mp3")
    with pytest.raises(RealtimeError):
        await create_realtime("ws://127.0.0.1:9", "openai", "sk-1").open(request(start), memory)
