"""Orders into live calls over the vendor's REST API, against a server that answers as it does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import BasicAuth, web
from aiohttp.test_utils import TestServer

from voicegw.call.inputs import CallParties
from voicegw.call.state import CallState, start_call
from voicegw.errors import CarrierError
from voicegw.twilio import live_calls
from voicegw.twilio.live_calls import Account, LiveCalls

SID = "AC" + "0" * 32
CALL_SID = "CA" + "1" * 32


@dataclass
class Vendor:
    """The vendor's API: which passwords it takes, what it answers, what it was asked."""

    passwords: set[str] = field(default_factory=lambda: {"secret"})
    answer: Callable[[], web.StreamResponse] = lambda: web.json_response({"status": "in-progress"})
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        known = BasicAuth.decode(request.headers["Authorization"])
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((request.path, known.password, form))
        if known.login != SID or known.password not in self.passwords:
            return web.json_response({"code": 20003, "message": "Authenticate"}, status=401)
        return self.answer()


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    app = web.Application()
    app.router.add_post("/{path:.*}", vendor.take)
    async with TestServer(app) as server:
        vendor.url = str(server.make_url("")).rstrip("/")
        yield vendor


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., LiveCalls]]:
    made: list[LiveCalls] = []

    def make(vendor: Any, *tokens: str) -> LiveCalls:
        account = Account(SID, tokens or ("secret",))
        made.append(LiveCalls(lambda: account, "https://gateway.example/", api_url=vendor.url))
        return made[-1]

    yield make
    for calls in made:
        await calls.close()


def state(**fields: int) -> CallState:
    parties = CallParties(caller_number="+14155550123", called_number="+15005550006")
    begun = start_call(CALL_SID, parties, user_id="u", started_at=0.0)
    for name, value in fields.items():
        object.__setattr__(begun, name, value)
    return begun


async def test_an_interruption_redirects_the_call_to_its_step_for_its_order(vendor: Vendor, opened: Any) -> None:
    await opened(vendor).interrupt(state(turn=3, step=2, orders_placed=4))
    url = "https://gateway.example/twilio/step/3/2?ordered=4"
    path = f"/2010-04-01/Accounts/{SID}/Calls/{CALL_SID}.json"
    assert vendor.asked == [(path, "secret", {"Url": url, "Method": "POST"})]


async def test_a_hang_up_completes_the_call(vendor: Vendor, opened: Any) -> None:
    calls = opened(vendor)
    await calls.hang_up(CALL_SID)
    await calls.hang_up(CALL_SID)
    assert [form for _, _, form in vendor.asked] == [{"Status": "completed"}] * 2


async def test_during_a_rotation_either_token_may_be_the_right_one(vendor: Vendor, opened: Any) -> None:
    vendor.passwords = {"new"}
    await opened(vendor, "old", "new").hang_up(CALL_SID)
    assert [password for _, password, _ in vendor.asked] == ["old", "new"]


async def test_refused_credentials_name_the_mend_and_no_secret(vendor: Vendor, opened: Any) -> None:
    vendor.passwords = set()
    with pytest.raises(CarrierError, match="TWILIO_AUTH_TOKEN") as error:
        await opened(vendor).hang_up(CALL_SID)
    assert "secret" not in repr(error.value)
    assert not error.value.retryable
    assert "secret" not in repr(Account(SID, ("secret",)))


async def test_a_call_that_is_over_is_refused_in_the_vendors_words(vendor: Vendor, opened: Any) -> None:
    vendor.answer = lambda: web.json_response({"code": 20404, "message": "Call was not found"}, status=404)
    with pytest.raises(CarrierError, match="404: Call was not found") as error:
        await opened(vendor).interrupt(state())
    assert not error.value.retryable


async def test_a_vendor_in_trouble_may_be_asked_again(vendor: Vendor, opened: Any) -> None:
    vendor.answer = lambda: web.Response(status=503, text="<html>down</html>")
    with pytest.raises(CarrierError, match="down") as error:
        await opened(vendor).hang_up(CALL_SID)
    assert error.value.retryable


async def test_a_redirect_is_not_followed_with_the_credentials(vendor: Vendor, opened: Any) -> None:
    vendor.answer = lambda: web.Response(status=307, headers={"Location": f"{vendor.url}/elsewhere"})
    with pytest.raises(CarrierError, match="307"):
        await opened(vendor).hang_up(CALL_SID)
    assert len(vendor.asked) == 1


async def test_a_vendor_that_cannot_be_reached_is_said_to_be(opened: Any) -> None:
    with pytest.raises(CarrierError, match="cannot be reached") as error:
        await opened(Vendor(url="http://127.0.0.1:1")).hang_up(CALL_SID)
    assert error.value.retryable


async def test_a_vendor_that_does_not_answer_is_not_waited_for(
    vendor: Vendor, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_calls, "REQUEST_SECONDS", 0.05)
    never = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        await never.wait()
        raise AssertionError

    app = web.Application()
    app.router.add_post("/{path:.*}", hang)
    async with TestServer(app, shutdown_timeout=0) as server:
        vendor.url = str(server.make_url("")).rstrip("/")
        with pytest.raises(CarrierError, match="did not answer"):
            await opened(vendor).hang_up(CALL_SID)
        never.set()


async def test_without_credentials_nobody_is_asked(vendor: Vendor) -> None:
    calls = LiveCalls(lambda: None, "https://gateway.example", api_url=vendor.url)
    with pytest.raises(CarrierError, match="TWILIO_ACCOUNT_SID"):
        await calls.hang_up(CALL_SID)
    await calls.close()
    assert vendor.asked == []
