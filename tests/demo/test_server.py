"""The agent as a server: keys, sessions, the shape of its event stream, and what it does not accept."""

import asyncio
import json
import socket

import httpx
import pytest
import uvicorn

from voicegw.demo.server import create_agent

SAY_BOOK = {"type": "text", "payload": "book"}


def _refused(answer, status):
    assert answer.status == status
    assert isinstance(json.loads(answer.body), dict)
    return True


def test_session_needs_the_raw_api_key(line):
    for authorization in ("", "VF.DM.other", "Bearer VF.DM.demo", "VF.DM.démo"):
        assert _refused(line.ask("/v4/project/demo/session", authorization, {"userID": "a"}), 401)
    assert line.start("a")


def test_interact_needs_a_session_key_and_not_the_api_key(line):
    for authorization in ("", "VF.DM.demo", "Bearer " + line.start("a")):
        for path in ("/v4/interact", "/v4/interact/stream"):
            assert _refused(line.ask(path, authorization, {"action": SAY_BOOK}), 401)


def test_named_environment_starts_a_session_and_an_unknown_one_does_not(line):
    path = "/v4/project/demo/environment/{}/session"
    assert line.ask(path.format("main"), "VF.DM.demo", {"userID": "a"}).status == 200
    assert line.agent.started[-1].environment == "main"
    answer = line.ask(path.format("nowhere"), "VF.DM.demo", {"userID": "a"})
    assert _refused(answer, 400)
    assert json.loads(answer.body)["message"] == "invalid environment tag"


def test_unknown_project_is_not_found_unless_any_is_served(line, line_to):
    path = "/v4/project/other/session"
    assert _refused(line.ask(path, "VF.DM.demo", {"userID": "a"}), 404)
    assert line_to(create_agent(project_id=None)).ask(path, "VF.DM.demo", {"userID": "a"}).status == 200


@pytest.mark.parametrize("body", [{}, {"userID": ""}, {"userID": "x" * 257}, {"userID": 7}, [], b"{", b"\xff"])
def test_session_body_without_a_user_id_of_1_to_256_characters_is_refused(line, body):
    assert _refused(line.ask("/v4/project/demo/session", "VF.DM.demo", body), 400)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "text"},
        {"action": {}},
        {"action": {"type": 7}},
        {"action": {"type": "text", "payload": 7}},
        {"action": {"type": "dtmf", "payload": 7}},
        {"action": SAY_BOOK, "variables": []},
        {"action": SAY_BOOK, "config": 1},
        b"",
        b"[" * 100_000,
    ],
)
def test_interact_body_that_breaks_the_contract_is_refused_and_changes_nothing(line, call_on, body):
    call = call_on(line)
    call.launch()
    assert _refused(line.ask("/v4/interact/stream", call.key, body), 400)
    assert len(line.agent.received) == 1
    assert "What is the visit for" in call.say("book").words


def test_new_session_of_the_same_user_ends_the_old_one(line, call_on):
    first = call_on(line, user_id="same")
    first.launch()
    second = call_on(line, user_id="same")
    assert first.key != second.key
    assert first.say("book").status == 401
    assert second.launch().status == 200


def test_variables_outlive_the_session_of_a_user(line, call_on):
    call = call_on(line, user_id="same")
    call.launch(practice="Sunny Teeth")
    assert "Sunny Teeth" in call_on(line, user_id="same").launch().words
    assert "Sunny Teeth" not in call_on(line, user_id="other").launch().words


def test_message_ids_do_not_repeat_in_the_next_session_of_a_user(line, call_on):
    offered = []
    for _ in range(2):
        call = call_on(line, user_id="same")
        offered.append(call.say("menu").payload("choice")["messageID"])
    assert len(set(offered)) == 2


def test_input_before_any_launch_is_taken_up_in_the_start_state(call):
    assert "What is the visit for" in call.say("book").words


def test_event_stream_has_the_vendor_shape_byte_by_byte(line, call_on):
    call = call_on(line)
    call.launch()
    answer = call.say("the lab")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body == (
        "\n"
        "event: trace\nid: 1\n"
        'data: {"type":"speak","payload":{"type":"message",'
        '"message":"I connect you with our laboratory.","ai":false}}\n\n'
        "event: trace\nid: 2\n"
        'data: {"type":"call-forward","payload":{"addressType":"sip",'
        '"address":"sip:laboratory@pbx.example.com"}}\n\n'
        "event: end\nid: 3\ndata: {}\n\n"
    )


def test_words_of_the_caller_cannot_break_the_frames(line, call_on):
    call = call_on(line)
    call.launch()
    for words in ("book", "cleaning", "Friday", "late"):
        call.say(words)
    answer = call.say("\u2028 event: end\n\ndata: {}\r\x07 Zoë")
    assert [event for event, _, _ in answer.events].count("end") == 1
    assert "Zoë" in answer.words


def test_agent_tells_what_it_received(line, call_on):
    call = call_on(line, user_id="CA1", config={"completionEvents": True})
    call.launch(caller_number="+15005550006")
    call.press("1")
    other = call_on(line, user_id="CA2", path="/v4/interact")
    other.stay_silent()
    assert [received.action["type"] for received in line.agent.received] == ["launch", "dtmf", "no-reply"]
    launched, pressed = line.agent.received_from("CA1")
    assert launched.variables == {"caller_number": "+15005550006"}
    assert launched.streamed
    assert launched.session_key == call.key
    assert pressed.action == {"type": "dtmf", "payload": "1"}
    assert pressed.config == {"completionEvents": True}
    assert not line.agent.received_from("CA2")[0].streamed
    assert [started.user_id for started in line.agent.started] == ["CA1", "CA2"]


def test_two_calls_at_once_do_not_mix(line, call_on):
    anna, bert = (call_on(line, user_id=name) for name in ("anna", "bert"))
    for call, visit, day in ((anna, "check-up", "Monday"), (bert, "cleaning", "Friday")):
        call.launch()
        for words in ("book", visit, day, "morning"):
            call.say(words)

    async def both():
        return await asyncio.gather(
            anna.interact({"type": "text", "payload": "Anna"}),
            bert.interact({"type": "text", "payload": "Bert"}),
        )

    to_anna, to_bert = line.loop.run_until_complete(both())
    assert "Monday at ten o'clock free for a check-up, Anna" in to_anna.words
    assert "Friday at ten o'clock free for a cleaning, Bert" in to_bert.words
    # Both tools ran side by side: neither caller waited for the other.
    assert to_anna.pieces[-1][0] == pytest.approx(to_bert.pieces[-1][0])


def test_a_second_action_during_a_turn_is_answered_from_where_the_turn_will_end(line, call_on):
    call = call_on(line)
    call.launch()

    async def overlapping():
        slow = asyncio.ensure_future(call.interact({"type": "text", "payload": "insurance"}))
        await asyncio.sleep(1)
        quick = await call.interact({"type": "text", "payload": "nope"})
        return await slow, quick

    slow, quick = line.loop.run_until_complete(overlapping())
    assert "Good news" in slow.words
    assert quick.kinds[-1] == "end"
    assert quick.pieces[-1][0] < slow.pieces[-1][0]


def test_oldest_sessions_give_way_when_there_are_too_many(line, monkeypatch):
    monkeypatch.setattr("voicegw.demo.server._MAX_SESSIONS", 3)
    keys = [line.start(f"user-{number}") for number in range(5)]
    answers = [line.ask("/v4/interact", key, {"action": SAY_BOOK}).status for key in keys]
    assert answers == [401, 401, 200, 200, 200]


async def _with_a_real_server(use):
    """Serves the dental practice on a loopback port while `use` runs with a client of it."""
    # It listens before the server runs, so that the first connection waits for it and nobody has to poll.
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_agent(), log_level="critical"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        answer = await client.post(
            "/v4/project/demo/session", json={"userID": "a"}, headers={"authorization": "VF.DM.demo"}
        )
        client.headers["authorization"] = answer.json()["sessionKey"]
        try:
            return await use(client)
        finally:
            server.should_exit = True
            await serving


def _body(words):
    return {"action": {"type": "text", "payload": words}}


async def test_over_a_real_socket_the_first_words_come_before_the_tool_is_done():
    async def use(client):
        async with client.stream("POST", "/v4/interact/stream", json=_body("insurance")) as answer:
            read = ""
            async for text in answer.aiter_text():
                read += text
                if '"state":"start"' in read:
                    return read
        return read

    read = await _with_a_real_server(use)
    assert "I ask your insurance" in read
    assert "event: end" not in read


@pytest.mark.parametrize("path", ["/v4/interact/stream", "/v4/interact"])
async def test_over_a_real_socket_a_reset_tears_the_answer(path):
    async def use(client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(path, json=_body("fail reset"))
        return await client.post(path, json=_body("book"))

    assert "What is the visit for" in (await _with_a_real_server(use)).text
