"""Orders over HTTP: what a live call takes, what it refuses, and who gave it."""

from typing import Any

import pytest

from voicegw.call.inputs import EventRaised, ForwardOrdered, HangUpOrdered
from voicegw.errors import CarrierError, StoreError


async def orders_of(site: Any) -> tuple[Any, ...]:
    state, _ = await site.gateway.conversations.look(site.sid)
    return tuple(state.orders)


async def test_an_event_reaches_the_call(site: Any) -> None:
    await site.ring()
    answer = await site.post(
        f"/api/calls/{site.sid}/events", json={"name": "paid", "fields": {"sum": 42.5, "ok": True}}
    )
    assert answer.status_code == 202
    assert answer.json() == {"sid": site.sid, "order": "event", "waits_for": "nothing", "reason": ""}
    assert await orders_of(site) == (EventRaised(name="paid", fields={"sum": 42.5, "ok": True}),)
    assert site.wire.interrupted == ["https://gateway.example/twilio/step/1/1?ordered=1"]


async def test_the_interrupted_call_acts_on_its_order_and_says_goodbye(site: Any) -> None:
    await site.ring()
    await site.post(f"/api/calls/{site.sid}/hangup")
    document = await site.webhook(site.wire.interrupted[0])
    assert "Goodbye" in document
    assert "<Hangup" in document
    assert await site.webhook(site.wire.interrupted[0]) == document


async def test_a_hang_up_may_be_without_a_word(site: Any) -> None:
    await site.ring()
    answer = await site.post(f"/api/calls/{site.sid}/hangup", json={"goodbye": False})
    assert answer.json()["order"] == "hang-up"
    assert site.wire.hung_up == [site.sid]
    assert await orders_of(site) == (HangUpOrdered(goodbye=False),)


async def test_a_forward_goes_where_the_policy_allows(site: Any) -> None:
    await site.ring()
    answer = await site.post(f"/api/calls/{site.sid}/forward", json={"address": "front-desk"})
    assert answer.status_code == 202
    assert await orders_of(site) == (ForwardOrdered(address="front-desk"),)
    assert "+14155550100" in await site.webhook(site.wire.interrupted[0])


async def test_a_forward_that_the_policy_refuses_is_a_conflict(site: Any) -> None:
    await site.ring()
    answer = await site.post(f"/api/calls/{site.sid}/forward", json={"address": "+49900123456"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:voicegw:problem:forward-refused")
    assert await orders_of(site) == ()


async def test_nothing_is_interrupted_unless_that_is_wanted(site: Any) -> None:
    await site.ring()
    answer = await site.post(f"/api/calls/{site.sid}/events", json={"name": "paid", "at_once": False})
    assert answer.json()["waits_for"] == "webhook"
    assert site.wire.interrupted == []


async def test_a_carrier_that_cannot_be_told_leaves_the_order_waiting(site: Any) -> None:
    await site.ring()
    site.wire.refuses = CarrierError("Twilio cannot be reached: ClientConnectorError")
    answer = await site.post(f"/api/calls/{site.sid}/events", json={"name": "paid"})
    assert answer.status_code == 202
    assert answer.json()["waits_for"] == "webhook"
    assert answer.json()["reason"].startswith("Twilio cannot be reached")


async def test_the_call_log_says_whose_token_gave_the_order(site: Any) -> None:
    await site.ring()
    await site.post(f"/api/calls/{site.sid}/events", json={"name": "paid"})
    await site.written()
    records = (await site.get(f"/api/calls/{site.sid}/records")).json()["records"]
    (order,) = (entry["record"] for entry in records if entry["record"]["kind"] == "order-received")
    assert order == {"kind": "order-received", "order": "event", "name": "paid", "by": "token all"}


async def test_a_call_that_is_over_takes_nothing(site: Any) -> None:
    await site.ring()
    await site.webhook("/twilio/status", CallStatus="completed")
    for path, body in (("events", {"name": "x"}), ("hangup", {}), ("forward", {"address": "front-desk"})):
        answer = await site.post(f"/api/calls/{site.sid}/{path}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:voicegw:problem:call-over")


async def test_a_call_that_nobody_knows_is_not_live(site: Any) -> None:
    answer = await site.post("/api/calls/CA9/hangup")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:voicegw:problem:call-not-live")


async def test_a_store_that_is_down_is_said_to_be(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.ring()

    async def broken(*_: Any) -> None:
        raise StoreError("live store /secret/path: disk I/O error")

    monkeypatch.setattr(site.gateway.conversations._store, "load_call", broken)
    answer = await site.post(f"/api/calls/{site.sid}/hangup")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:voicegw:problem:store-error")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 129},
        {"name": "line\nbreak"},
        {"name": 7},
        {"name": "x", "fields": {"a": None}},
        {"name": "x", "fields": {"a": [1]}},
        {"name": "x", "fields": {"": 1}},
        {"name": "x", "fields": {"a": 2**60}},
        {"name": "x", "fields": {"a": "y" * 1001}},
        {"name": "x", "fields": {f"f{number}": 1 for number in range(33)}},
        {"name": "x", "surprise": 1},
    ],
)
async def test_an_event_of_another_shape_is_refused(site: Any, body: dict[str, Any]) -> None:
    await site.ring()
    answer = await site.post(f"/api/calls/{site.sid}/events", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert await orders_of(site) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"name": "x", "fields": {"a": NaN}}',
        b'{"name": "\\ud800"}',
        b'{"name": "x", "fields": {"\\ud800": 1}}',
        b'{"name": "x", "fields": {"a": ' + b"9" * 5000 + b"}}",
    ],
)
async def test_bytes_that_are_no_event_are_refused(site: Any, content: bytes) -> None:
    await site.ring()
    headers = {"Content-Type": "application/json"}
    answer = await site.post(f"/api/calls/{site.sid}/events", content=content, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await orders_of(site) == ()


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_has_an_end(site: Any, chunked: bool) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 1000

    content = chunks() if chunked else b" " * 100_000
    answer = await site.post(
        f"/api/calls/{site.sid}/events", content=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:voicegw:problem:body-too-large")


async def test_other_methods_and_paths_are_problems_too(site: Any) -> None:
    answer = await site.ask("DELETE", f"/api/calls/{site.sid}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["type"] == "urn:voicegw:problem:method-not-allowed"
    for path in ("/api", "/api/", "/api/nothing", "/api/calls/", "/api/calls/%0a", "/nothing"):
        answer = await site.get(path)
        assert answer.status_code in (404, 422), path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_no_other_website_may_ask(site: Any) -> None:
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await site.ask("OPTIONS", f"/api/calls/{site.sid}/hangup", headers=origin)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_description_is_complete(site: Any) -> None:
    description = (await site.get("/api/openapi.json", token="")).json()
    assert description["servers"] == [{"url": "/api"}]
    for path, operations in description["paths"].items():
        for operation in operations.values():
            assert operation["security"] == [{"token": []}], path
            assert {"401", "403", "413", "422", "500", "503"} <= set(operation["responses"])
            assert operation["summary"]
            assert operation["description"]


async def test_a_call_that_an_operator_ended_is_told_as_such(site: Any) -> None:
    await site.ring()
    await site.post(f"/api/calls/{site.sid}/hangup")
    await site.webhook(site.wire.interrupted[0])
    await site.gateway.conversations._desk.ender.close(5)
    await site.written()
    call = (await site.get(f"/api/calls/{site.sid}")).json()
    assert call["call"]["ended_reason"] == "operator-ended"
    assert call["verdict"].endswith("an operator ended the call.")
