"""Every route of the whole application is signed, for tokens, or public by decision; and what it says is true."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from voicegw.api.guard import GuardedRoute, guarded
from voicegw.calllog.tokens import Scope

GUARDS = {"signed", "token", "public"}
PUBLIC = {"/healthz", "/readyz", "/api/openapi.json", "/twilio/audio/{name}"}
"""What anyone may ask: nothing here tells of a call, but for audio, whose names cannot be guessed."""


@dataclass(frozen=True)
class Found:
    """A route, wherever it is mounted."""

    path: str
    methods: tuple[str, ...]
    endpoint: Any

    @property
    def guard(self) -> str | None:
        return getattr(self.endpoint, "guard", None)

    @property
    def asked_at(self) -> str:
        """A path that leads to it."""
        path = self.path.replace("{sid}", "CA1").replace("{name}", "x.wav")
        return re.sub(r"\{\w+:count\}", "1", path)


def walk(routes: Any, prefix: str = "") -> Iterator[Found]:
    for route in routes:
        match route:
            case Mount():
                yield from walk(route.routes, prefix + route.path)
            case Route() | APIRoute():
                methods = tuple(sorted(set(route.methods or ()) - {"HEAD"}))
                yield Found(prefix + route.path, methods, route.endpoint)
            case _ if hasattr(route, "routes"):
                yield from walk(route.routes, prefix)
            case _:
                raise AssertionError(f"a route of a kind that this test does not know: {route!r}")


@pytest.fixture
async def routes(site: Any) -> list[Found]:
    return list(walk(site.gateway.asgi.routes))


async def test_every_route_is_classed(routes: list[Found]) -> None:
    assert [found.path for found in routes if found.guard not in GUARDS] == []
    assert {"/twilio/voice", "/api/calls", "/api/calls/{sid}/hangup", "/healthz"} <= {found.path for found in routes}


async def test_only_what_was_decided_is_public(routes: list[Found]) -> None:
    assert {found.path for found in routes if found.guard == "public"} <= PUBLIC


async def test_an_unclassed_route_would_be_found() -> None:
    async def open_to_all() -> None: ...

    found = list(walk([Mount("/deep", routes=[Route("/down", open_to_all)])]))
    assert [(route.path, route.guard) for route in found] == [("/deep/down", None)]


async def test_an_endpoint_without_a_scope_cannot_become_a_route_of_the_api() -> None:
    async def forgotten() -> None: ...

    with pytest.raises(AttributeError, match="scope"):
        GuardedRoute("/calls", forgotten)
    GuardedRoute("/calls", guarded(Scope.CALLS_READ)(forgotten))


async def test_token_routes_want_a_token_and_its_scope(site: Any, routes: list[Found]) -> None:
    nothing = await site.tokens.add("metrics-only", [Scope.METRICS])
    reads = await site.tokens.add("reads-only", [Scope.CALLS_READ])
    asked = 0
    for found in (found for found in routes if found.guard == "token" and found.path.startswith("/api/")):
        for method in found.methods:
            missing = await site.ask(method, found.asked_at, token="")
            assert missing.status_code == 401, found.path
            assert missing.headers["WWW-Authenticate"] == 'Bearer realm="voicegw"'
            wrong = await site.ask(method, found.asked_at, token="vgw_" + "x" * 43)
            assert wrong.status_code == 401
            assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]
            too_little = await site.ask(method, found.asked_at, token=nothing)
            assert too_little.status_code == 403
            assert 'error="insufficient_scope"' in too_little.headers["WWW-Authenticate"]
            if method == "POST":
                assert (await site.ask(method, found.asked_at, token=reads)).status_code == 403
            assert (await site.ask(method, found.asked_at)).status_code not in (401, 403)
            asked += 1
    assert asked >= 7


async def test_signed_routes_want_the_carriers_signature(site: Any, routes: list[Found]) -> None:
    signed = [found for found in routes if found.guard == "signed"]
    assert len(signed) >= 6
    for found in signed:
        form = {"CallSid": site.sid, "AccountSid": site.account_sid, "CallStatus": "ringing"}
        assert (await site.client.post(found.asked_at, data=form)).status_code == 403, found.path
        forged = {"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
        assert (await site.client.post(found.asked_at, data=form, headers=forged)).status_code == 403, found.path


async def test_public_routes_answer_anyone(site: Any, routes: list[Found]) -> None:
    for found in (found for found in routes if found.guard == "public"):
        assert (await site.client.get(found.asked_at)).status_code in (200, 404), found.path


async def test_a_revoked_token_opens_nothing(site: Any) -> None:
    token = await site.tokens.add("leaver", [Scope.CALLS_READ])
    assert (await site.get("/api/calls", token=token)).status_code == 200
    await site.tokens.revoke("leaver")
    assert (await site.get("/api/calls", token=token)).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "vgw_x", "Bearer  "])
async def test_what_is_no_bearer_token_is_none(site: Any, header: str) -> None:
    answer = await site.ask("GET", "/api/calls", token="", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:voicegw:problem:token-missing"


async def test_without_a_call_log_there_are_no_tokens_to_ask_for(open_site: Callable[..., Any]) -> None:
    site = await open_site(call_log=False)
    answer = await site.get("/api/calls", token="vgw_" + "x" * 43)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:voicegw:problem:no-call-log")
    assert (await site.get("/api/calls", token="")).status_code == 401
