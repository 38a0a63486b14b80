"""The transport's own business: connecting, and translating what goes wrong in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from voicegw.errors import AgentBroke, AgentNotConfigured, AgentUnreachable
from voicegw.voiceflow.transport import AiohttpTransport


async def fetch(transport: AiohttpTransport, url: str, headers: dict[str, str] | None = None) -> bytes:
    async with transport.post(url, headers=headers or {}, body=b"{}") as response:
        return b"".join([chunk async for chunk in response.chunks])


async def test_a_peer_that_connects_but_never_shakes_hands_is_unreachable(agent: Any) -> None:
    async with AiohttpTransport(connect_timeout_seconds=0.05) as transport:
        with pytest.raises(AgentUnreachable) as caught:
            await fetch(transport, agent.url.replace("http:", "https:"))
    assert caught.value.retryable


async def test_a_host_without_a_name_is_unreachable() -> None:
    async with AiohttpTransport() as transport:
        with pytest.raises(AgentUnreachable):
            await fetch(transport, "http://no-such-host.invalid/")


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "http://127.0.0.1:99999/"])
async def test_an_address_that_is_none_is_a_matter_of_settings(url: str) -> None:
    async with AiohttpTransport() as transport:
        with pytest.raises(AgentNotConfigured):
            await fetch(transport, url)
        assert not await transport.warm(url)


async def test_a_header_with_a_line_break_is_never_sent(agent: Any) -> None:
    async with AiohttpTransport() as transport:
        with pytest.raises(AgentNotConfigured):
            await fetch(transport, agent.url, {"authorization": "a\r\nX-Evil: 1"})
    assert agent.requests == []


async def test_what_is_no_http_is_a_broken_answer(agent: Any) -> None:
    agent.scripts = [b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]
    async with AiohttpTransport() as transport:
        with pytest.raises(AgentBroke) as caught:
            await fetch(transport, agent.url)
    assert not caught.value.answer_begun


async def test_a_body_shorter_than_announced_was_cut_off(agent: Any) -> None:
    async def stop_short(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        writer.close()

    agent.scripts = [stop_short]
    async with AiohttpTransport() as transport:
        with pytest.raises(AgentBroke) as caught:
            await fetch(transport, agent.url)
    assert caught.value.answer_begun


async def test_an_answer_whose_end_comes_late_leaves_the_connection_to_the_next(agent: Any) -> None:
    taken = asyncio.Event()

    async def end_late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n")
        await taken.wait()
        writer.write(b"0\r\n\r\n")

    agent.scripts = [end_late, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
    async with AiohttpTransport() as transport:
        async with transport.post(agent.url, headers={}, body=b"{}") as response:
            assert await anext(response.chunks) == b"body"
            taken.set()
        await fetch(transport, agent.url)
    assert agent.connections == 1


async def test_an_answer_that_is_dropped_is_not_read_on(agent: Any) -> None:
    agent.scripts = [b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbody"]
    async with AiohttpTransport() as transport:
        with pytest.raises(KeyError):
            async with transport.post(agent.url, headers={}, body=b"{}") as response:
                assert await anext(response.chunks) == b"body"
                raise KeyError
        async with asyncio.timeout(5):
            await agent.left.wait()


async def test_closing_twice_does_no_harm() -> None:
    transport = AiohttpTransport()
    await transport.close()
    await transport.close()
