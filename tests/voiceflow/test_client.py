"""The client, over real sockets: what is sent, what comes back, and what each failure is called."""

from __future__ import annotations

import asyncio
import json
import socket
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from voicegw.errors import (
    AgentBroke,
    AgentBusy,
    AgentError,
    AgentNotConfigured,
    AgentRefused,
    AgentTalkedTooMuch,
    AgentUnreachable,
    SessionExpired,
)
from voicegw.voiceflow import actions
from voicegw.voiceflow import client as client_module
from voicegw.voiceflow.answers import AnswerCaps
from voicegw.voiceflow.client import AgentSettings, VoiceflowClient
from voicegw.voiceflow.trace_kinds import DebugTrace, EndTrace, TextTrace
from voicegw.voiceflow.traces import MalformedTrace, Trace, UnknownTrace
from voicegw.voiceflow.transport import AiohttpTransport

API_KEY = "VF.DM.0123456789abcdef.s3cret"
SESSION_KEY = "eyJhbGciOi.session.key"
HELLO = {"type": "text", "payload": {"message": "Hello"}}


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    async with AiohttpTransport() as opened:
        yield opened


def make_client(
    agent: Any, transport: AiohttpTransport, caps: AnswerCaps | None = None, **settings: Any
) -> VoiceflowClient:
    known = {"api_key": SecretStr(API_KEY), "project_id": "p1", "base_url": agent.url}
    return VoiceflowClient(AgentSettings(**(known | settings)), transport, caps)


def answer(body: bytes | str, status: str = "200 OK", headers: str = "") -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def chunked(*slices: bytes) -> bytes:
    """A streamed answer as servers send it: without its length."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(f"{len(s):x}\r\n".encode() + s + b"\r\n" for s in slices)


def frame(event: str, data: object) -> bytes:
    return f"event: {event}\nid: 1\ndata: {json.dumps(data)}\n\n".encode()


END = frame("end", {})
LAST_CHUNK = b"0\r\n\r\n"
SESSION = answer(json.dumps({"sessionKey": SESSION_KEY}))


async def take_turn(client: VoiceflowClient) -> list[Trace]:
    traces: list[Trace] = []
    await client.interact(SESSION_KEY, actions.text("hi"), traces.append)
    return traces


async def test_a_session_draws_the_traffic_split_unless_an_environment_is_named(agent: Any, transport: Any) -> None:
    agent.scripts = [SESSION, SESSION]
    assert await make_client(agent, transport, project_id="p/1").start_session("+1555") == SESSION_KEY
    await make_client(agent, transport, environment="sta ging/ü").start_session("+1555")
    split, named = agent.requests
    assert (split.method, split.path) == ("POST", "/v4/project/p%2F1/session")
    assert named.path == "/v4/project/p1/environment/sta%20ging%2F%C3%BC/session"
    assert split.headers["authorization"] == API_KEY
    assert split.headers["content-type"] == "application/json"
    assert split.json == {"userID": "+1555"}


async def test_a_turn_is_streamed_with_completion_events_asked_for_in_the_body(agent: Any, transport: Any) -> None:
    agent.scripts = [chunked(b"\n", frame("trace", HELLO), END) + LAST_CHUNK]
    client = make_client(agent, transport, timezone="Europe/Berlin", base_url=agent.url + "/")
    traces: list[Trace] = []
    await client.interact(SESSION_KEY, actions.text("hi"), traces.append, {"call_sid": "CA1"})
    assert [type(trace) for trace in traces] == [TextTrace]
    (request,) = agent.requests
    assert request.path == "/v4/interact/stream"
    assert request.headers["authorization"] == SESSION_KEY
    assert request.json == {
        "action": {"type": "text", "payload": "hi"},
        "variables": {"call_sid": "CA1"},
        "config": {"userTimezone": "Europe/Berlin", "completionEvents": True},
    }


async def test_a_turn_may_come_as_one_document(agent: Any, transport: Any) -> None:
    body = '\ufeff{"traces":[{"type":"text","payload":{"message":"a\x01b"}},{"type":"x"},5,{"type":"end"}]}'
    agent.scripts = [answer(body)]
    traces = await take_turn(make_client(agent, transport, streaming=False))
    assert [type(trace) for trace in traces] == [TextTrace, UnknownTrace, MalformedTrace, EndTrace]
    (request,) = agent.requests
    assert request.path == "/v4/interact"
    assert request.json == {"action": {"type": "text", "payload": "hi"}}


async def test_each_trace_is_given_as_soon_as_it_arrives(agent: Any, transport: Any) -> None:
    heard = asyncio.Event()

    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = chunked(frame("trace", HELLO))
        writer.write(whole[:-5])
        await writer.drain()
        writer.write(whole[-5:])
        await heard.wait()
        end = chunked(frame("trace", {"type": "end"}), END).partition(b"\r\n\r\n")[2]
        writer.write(end + LAST_CHUNK)

    agent.scripts = [slowly]
    kinds = []

    def take(trace: Trace) -> None:
        kinds.append(type(trace))
        heard.set()

    await make_client(agent, transport).interact(SESSION_KEY, actions.no_reply(), take)
    assert kinds == [TextTrace, EndTrace]


async def test_a_whole_call_needs_one_connection_and_it_is_open_before(agent: Any, transport: Any) -> None:
    streamed = chunked(frame("trace", HELLO), END) + LAST_CHUNK
    agent.scripts = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", SESSION, streamed, streamed]
    client = make_client(agent, transport)
    assert await client.warm()
    await client.start_session("u")
    await take_turn(client)
    await take_turn(client)
    assert agent.connections == 1
    assert agent.requests[0].method == "HEAD"
    assert "authorization" not in agent.requests[0].headers


async def test_the_answer_is_over_at_its_end_event_even_if_the_agent_does_not_close(agent: Any, transport: Any) -> None:
    agent.scripts = [chunked(frame("trace", HELLO), END, frame("trace", HELLO))]
    assert len(await take_turn(make_client(agent, transport))) == 1


async def test_an_agent_that_babbles_after_its_end_event_is_left(agent: Any, transport: Any) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(chunked(END))
        while True:
            writer.write(chunked(b": and another thing\n").partition(b"\r\n\r\n")[2])
            await writer.drain()

    agent.scripts = [babble]
    assert await take_turn(make_client(agent, transport)) == []
    async with asyncio.timeout(60):
        await agent.left.wait()


async def test_an_end_trace_does_not_end_the_answer(agent: Any, transport: Any) -> None:
    agent.scripts = [chunked(frame("trace", {"type": "end"}), frame("trace", HELLO), END) + LAST_CHUNK]
    assert [type(t) for t in await take_turn(make_client(agent, transport))] == [EndTrace, TextTrace]


async def test_other_events_are_skipped_and_what_is_no_json_is_kept(agent: Any, transport: Any) -> None:
    broken = b'event: trace\ndata: {"type":\n\n'
    agent.scripts = [chunked(frame("state", {}), frame("new", {}), broken, END) + LAST_CHUNK]
    (trace,) = await take_turn(make_client(agent, transport))
    assert trace == MalformedTrace("", '{"type":', "the event's data is not JSON")


async def test_out_of_credit_is_a_trace_like_any_other(agent: Any, transport: Any) -> None:
    debug = {"type": "debug", "payload": {"message": "credit_limit_reached"}}
    agent.scripts = [chunked(frame("trace", debug), END) + LAST_CHUNK]
    (trace,) = await take_turn(make_client(agent, transport))
    assert isinstance(trace, DebugTrace)


async def test_an_agent_with_nothing_to_say_gives_no_traces(agent: Any, transport: Any) -> None:
    agent.scripts = [chunked(b"\n", END) + LAST_CHUNK]
    assert await take_turn(make_client(agent, transport)) == []


@pytest.mark.parametrize(
    ("body", "begun"),
    [(chunked() + LAST_CHUNK, False), (chunked(b"\n", frame("trace", HELLO)) + LAST_CHUNK, True)],
)
async def test_an_answer_without_its_end_event_was_cut_off(
    agent: Any, transport: Any, body: bytes, begun: bool
) -> None:
    agent.scripts = [body]
    with pytest.raises(AgentBroke) as caught:
        await take_turn(make_client(agent, transport))
    assert (caught.value.answer_begun, caught.value.retryable) == (begun, False)


async def test_a_reset_before_the_answer_may_have_reached_the_agent(agent: Any, transport: Any, cut: Any) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut(writer)

    agent.scripts = [refuse, refuse]
    client = make_client(agent, transport)
    with pytest.raises(AgentBroke) as caught:
        await take_turn(client)
    assert (caught.value.answer_begun, caught.value.retryable) == (False, False)
    with pytest.raises(AgentBroke) as caught:
        await client.start_session("u")
    assert caught.value.retryable


async def test_a_reset_in_the_answer_comes_after_what_had_arrived(agent: Any, transport: Any, cut: Any) -> None:
    heard = asyncio.Event()

    async def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(chunked(frame("trace", HELLO)))
        await heard.wait()
        cut(writer)

    agent.scripts = [break_off]
    traces = []

    def take(trace: Trace) -> None:
        traces.append(trace)
        heard.set()

    with pytest.raises(AgentBroke) as caught:
        await make_client(agent, transport).interact(SESSION_KEY, actions.text("hi"), take)
    assert len(traces) == 1
    assert (caught.value.answer_begun, caught.value.retryable) == (True, False)


async def test_nobody_listening_is_safe_to_try_again(transport: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        settings = AgentSettings(api_key=SecretStr(API_KEY), project_id="p1", base_url=url)
        client = VoiceflowClient(settings, transport)
        with pytest.raises(AgentUnreachable) as caught:
            await take_turn(client)
        assert caught.value.retryable
        assert not await client.warm()


async def test_a_silent_session_start_is_given_up_and_safe_to_try_again(agent: Any, transport: Any) -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    agent.scripts = [say_nothing]
    with pytest.raises(AgentBroke, match="no session within") as caught:
        await make_client(agent, transport, session_timeout_seconds=0.05).start_session("u")
    assert (caught.value.answer_begun, caught.value.retryable) == (False, True)


@pytest.mark.parametrize(
    ("status", "on_session", "on_turn"),
    [
        ("400 Bad Request", AgentNotConfigured, AgentRefused),
        ("401 Unauthorized", AgentNotConfigured, SessionExpired),
        ("404 Not Found", AgentNotConfigured, AgentRefused),
        ("429 Too Many Requests", AgentBusy, AgentBusy),
        ("500 Internal Server Error", AgentRefused, AgentRefused),
        ("503 Service Unavailable", AgentRefused, AgentRefused),
    ],
)
async def test_each_status_has_its_meaning(
    agent: Any, transport: Any, status: str, on_session: type[AgentError], on_turn: type[AgentError]
) -> None:
    refusal = answer('{"message":"no"}', status, "Retry-After: 3\r\n")
    agent.scripts = [refusal, refusal]
    client = make_client(agent, transport)
    with pytest.raises(on_session):
        await client.start_session("u")
    with pytest.raises(on_turn) as caught:
        await take_turn(client)
    if isinstance(caught.value, AgentBusy):
        assert caught.value.retry_after_seconds == 3


async def test_a_refusal_that_never_ends_is_still_a_refusal(
    agent: Any, transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_REFUSAL_BODY_SECONDS", 0.05)
    agent.scripts = [b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhal"]
    with pytest.raises(AgentRefused, match=r"\(500\)"):
        await take_turn(make_client(agent, transport))


async def test_a_redirect_is_not_followed_with_our_key(agent: Any, transport: Any) -> None:
    agent.scripts = [answer("", "308 Permanent Redirect", f"Location: {agent.url}/elsewhere\r\n")]
    with pytest.raises(AgentNotConfigured, match="308"):
        await make_client(agent, transport).start_session("u")
    assert len(agent.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nope",
        "[]",
        "{}",
        '{"sessionKey":5}',
        '{"sessionKey":""}',
        '{"sessionKey":"a\\r\\nb"}',
        '{"sessionKey":"ü"}',
    ],
)
async def test_a_session_without_a_usable_key_is_no_session(agent: Any, transport: Any, body: str) -> None:
    agent.scripts = [answer(body)]
    with pytest.raises(AgentBroke):
        await make_client(agent, transport).start_session("u")


async def test_no_more_of_a_session_start_is_read_than_a_key_can_need(agent: Any, transport: Any) -> None:
    agent.scripts = [answer(json.dumps({"padding": "x" * 100_000, "sessionKey": SESSION_KEY}))]
    with pytest.raises(AgentBroke, match="not JSON"):
        await make_client(agent, transport).start_session("u")


@pytest.mark.parametrize("body", ["", "nope", "[]", "{}", '{"traces":5}'])
async def test_a_document_without_traces_is_a_broken_answer(agent: Any, transport: Any, body: str) -> None:
    agent.scripts = [answer(body)]
    with pytest.raises(AgentBroke):
        await take_turn(make_client(agent, transport, streaming=False))


@pytest.mark.parametrize("key", ["", " VF.x", "VF.x\r\nX-Evil: 1", "VF.ü"])
async def test_a_key_that_fits_no_header_is_never_sent(agent: Any, transport: Any, key: str) -> None:
    with pytest.raises(AgentNotConfigured):
        await make_client(agent, transport, api_key=SecretStr(key)).start_session("u")
    assert agent.requests == []


@pytest.mark.parametrize(
    "caps",
    [
        AnswerCaps(max_bytes=200),
        AnswerCaps(max_frame_bytes=30),
        AnswerCaps(max_traces=3),
        AnswerCaps(max_seconds=0.0),
    ],
    ids=["bytes", "frame", "traces", "seconds"],
)
async def test_an_answer_over_a_cap_is_cut_off_and_the_agent_is_left(agent: Any, transport: Any, caps: Any) -> None:
    async def talk_on(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(chunked())
        while True:
            writer.write(chunked(frame("trace", HELLO)).partition(b"\r\n\r\n")[2])
            await writer.drain()

    agent.scripts = [talk_on]
    with pytest.raises(AgentTalkedTooMuch) as caught:
        await take_turn(make_client(agent, transport, caps))
    assert not caught.value.retryable
    async with asyncio.timeout(5):
        await agent.left.wait()


async def test_a_document_over_a_cap_is_cut_off(agent: Any, transport: Any) -> None:
    many = json.dumps({"traces": [HELLO] * 4})
    agent.scripts = [answer(many), answer(many)]
    for caps in (AnswerCaps(max_traces=3), AnswerCaps(max_bytes=100)):
        with pytest.raises(AgentTalkedTooMuch):
            await take_turn(make_client(agent, transport, caps, streaming=False))


async def test_dropping_an_answer_leaves_the_agent(agent: Any, transport: Any) -> None:
    async def wait_for_goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(chunked(frame("trace", HELLO)))
        await reader.read()

    agent.scripts = [wait_for_goodbye]
    begun = asyncio.Event()
    turn = asyncio.create_task(
        make_client(agent, transport).interact(SESSION_KEY, actions.text("hi"), lambda _: begun.set())
    )
    async with asyncio.timeout(5):
        await begun.wait()
    turn.cancel()
    async with asyncio.timeout(5):
        await agent.left.wait()


async def test_secrets_are_in_no_repr_and_no_traceback(agent: Any, transport: Any) -> None:
    session_echo = answer(json.dumps({"message": f"bad key {API_KEY}"}), "500 Oops")
    turn_echo = answer(json.dumps({"message": f"bad keys {API_KEY} and {SESSION_KEY}"}), "500 Oops")
    agent.scripts = [session_echo, answer("x" + API_KEY), turn_echo, b"nonsense\r\n\r\n"]
    client = make_client(agent, transport)
    told = repr(client)
    for attempt in (client.start_session("u"), client.start_session("u"), take_turn(client), take_turn(client)):
        with pytest.raises(AgentError) as caught:
            await attempt
        told += repr(caught.value) + "".join(traceback.format_exception(caught.value))
    assert "bad key …" in told
    assert "bad keys … and …" in told
    assert "s3cret" not in told
    assert SESSION_KEY not in told


async def test_a_probe_says_whether_the_agent_takes_our_settings(agent: Any, transport: Any) -> None:
    agent.scripts = [SESSION, answer('{"data":"Auth Key Required"}', "401 Unauthorized")]
    client = make_client(agent, transport)
    good, bad = await client.probe(), await client.probe()
    assert good.error is None
    assert good.seconds >= 0
    assert isinstance(bad.error, AgentNotConfigured)
    assert "Auth Key Required" in bad.error.message
