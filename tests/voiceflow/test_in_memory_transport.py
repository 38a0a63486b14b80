"""The in-memory transport behaves like a socket, without one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from voicegw.demo.in_memory import InMemoryTransport
from voicegw.errors import AgentBroke
from voicegw.voiceflow.client import AgentSettings, VoiceflowClient

START = {"type": "http.response.start", "status": 200, "headers": [(b"X-Kind", b"test")]}


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def test_each_slice_is_handed_over_before_the_next_is_sent() -> None:
    heard = asyncio.Event()
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append((scope["method"], scope["path"], scope["raw_path"], dict(scope["headers"])[b"authorization"]))
        request = await receive()
        await send(START)
        await send(part(request["body"]))
        await send(part(b""))
        await heard.wait()
        await send(part(b"two", more=False))

    async with InMemoryTransport(app).post(
        "http://agent.test/v4/a%2Fb?x=1", headers={"Authorization": "key"}, body=b"one"
    ) as response:
        assert (response.status, response.headers["x-kind"]) == (200, "test")
        assert await anext(response.chunks) == b"one"
        heard.set()
        assert [chunk async for chunk in response.chunks] == [b"two"]
    assert scopes == [("POST", "/v4/a/b", b"/v4/a%2Fb", b"key")]


async def test_an_app_is_told_that_the_reader_left() -> None:
    told = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        await send(part(b"one"))
        told.append(await receive())
        with pytest.raises(OSError, match="disconnected"):
            await send(part(b"two"))
        told.append("could not go on")

    async with InMemoryTransport(app).post("http://agent.test/", headers={}, body=b"") as response:
        assert await anext(response.chunks) == b"one"
    assert told == [{"type": "http.disconnect"}, "could not go on"]


async def test_an_app_that_does_not_listen_is_stopped_when_the_reader_leaves() -> None:
    stopped = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        try:
            while True:
                await send(part(b"on and on"))
        finally:
            stopped.set()

    async with InMemoryTransport(app).post("http://agent.test/", headers={}, body=b"") as response:
        assert await anext(response.chunks) == b"on and on"
    assert stopped.is_set()


@pytest.mark.parametrize("crash", [True, False])
@pytest.mark.parametrize("sent", [[], [START], [START, part(b"one")]])
async def test_an_app_that_gives_up_looks_like_a_broken_connection(crash: bool, sent: list[dict[str, Any]]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in sent:
            await send(message)
        if crash:
            raise RuntimeError("crash")

    with pytest.raises(AgentBroke) as caught:
        async with InMemoryTransport(app).post("http://agent.test/", headers={}, body=b"") as response:
            async for _ in response.chunks:
                pass
    assert caught.value.answer_begun == bool(sent)


async def test_the_client_runs_over_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 200})
        await send(part(b'{"sessionKey":"k1"}', more=False))

    settings = AgentSettings(api_key=SecretStr("VF.x"), project_id="p")
    client = VoiceflowClient(settings, InMemoryTransport(app))
    assert await client.warm()
    assert await client.start_session("u") == "k1"
