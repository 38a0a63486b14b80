"""The gateway as one application: who gets in by which route, who the caller is to the agent, starting and stopping."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.routing import Route

from voicegw.app import Gateway, create_gateway
from voicegw.call.inputs import CallParties
from voicegw.call.profile import NumberProfile
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.demo.server import create_agent
from voicegw.errors import StoreError
from voicegw.simulator.virtual_time import run_virtual
from voicegw.store.memory import MemoryStore
from voicegw.twilio.forms import FormError, parse_form
from voicegw.twilio.signature import SignatureVerifier, signed_target

ORIGIN, TOKEN, ACCOUNT = "https://g.example", "token", "AC" + "0" * 32
CALL_SID, OTHER_SID = "CA" + "1" * 32, "CA" + "2" * 32
FORM = {
    "CallSid": CALL_SID,
    "AccountSid": ACCOUNT,
    "From": "+14155550123",
    "To": "+15005550006",
    "CallStatus": "in-progress",
    "Digits": "12",
}
# Anyone may ask these: they say nothing about calls and change nothing.
MUTANTS = 3200


def settings(*profiles: NumberProfile, **more: Any) -> Settings:
    fields: dict[str, Any] = {
        "twilio": Twilio(account_sid=ACCOUNT, auth_tokens=(TOKEN,)),
        "public_url": ORIGIN,
        "voiceflow": Voiceflow(api_key="VF.DM.demo", project_id="demo"),
        "numbers": profiles or (NumberProfile(),),
        **more,
    }
    return Settings(**fields)


class ListeningTransport(InMemoryTransport):
    """Knows as whom a session was opened."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.users: list[str] = []

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Any:
        if url.endswith("/session"):
            self.users.append(json.loads(body)["userID"])
        return super().post(url, headers=headers, body=body)


class Site:
    def __init__(self, configured: Settings, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        self.agent = create_agent()
        self.store = MemoryStore(wall=loop.time, lifetime_seconds=1e6)
        self.transport = ListeningTransport(self.agent)
        self.gateway = Gateway(configured, store=self.store, transport=self.transport, wall=loop.time, **options)
        self.verifier = SignatureVerifier(ORIGIN, (TOKEN,))

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: bytes = b"",
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes = b"",
    ) -> tuple[int, bytes]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "server": ("10.0.0.1", 8080),
            "headers": headers or [],
        }
        await self.gateway.asgi(scope, receive, send)
        return sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])

    async def webhook(self, path: str, **fields: str) -> str:
        form = {**FORM, **fields}
        status, body = await self.ask(
            "POST", path, headers=signed_headers(self.verifier.sign(path, b"", form.items())), body=encode(form)
        )
        assert status == 200
        return body.decode()

    def users(self) -> list[str]:
        return self.transport.users


def signed_headers(signature: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"x-twilio-signature", signature.encode("latin-1", "replace")),
    ]


def encode(form: dict[str, str]) -> bytes:
    return urlencode(form).encode()


def on_a_site(scene: Callable[[Site], Awaitable[None]], configured: Settings | None = None, **options: Any) -> Site:
    async def play() -> Site:
        site = Site(configured or settings(), **options)
        async with site.gateway.running():
            await scene(site)
            await asyncio.sleep(1.0)
        return site

    return run_virtual(play())


class TestRoutes:
    def test_a_route_handed_in_is_part_of_the_application(self) -> None:
        async def hello(_request: Any) -> Any:
            raise AssertionError("not asked")

        async def scene(site: Site) -> None:
            assert "/mine" in [getattr(route, "path", "") for route in site.gateway.asgi.routes]

        on_a_site(scene, routes=[Route("/mine", hello)])

    @pytest.mark.parametrize("path", ["/twilio/voice", "/twilio/step/1/1", "/twilio/status", "/twilio/fallback"])
    def test_webhooks_are_posts_and_signed(self, path: str) -> None:
        async def scene(site: Site) -> None:
            assert (await site.ask("GET", path))[0] == 405
            assert await site.ask("POST", path, body=encode(FORM)) == (403, b"")

        on_a_site(scene)

    @pytest.mark.parametrize(
        "path", ["/", "/docs", "/openapi.json", "/redoc", "/twilio", "/twilio/step/1", "/twilio/step/a/b"]
    )
    def test_there_is_nothing_else_to_find(self, path: str) -> None:
        async def scene(site: Site) -> None:
            assert (await site.ask("GET", path))[0] == 404

        on_a_site(scene)


def mutate(chance: random.Random, site: Site) -> tuple[str, bytes, list[tuple[bytes, bytes]], bytes]:
    """A genuine request with one thing wrong: its path, query, headers, signature or body."""
    path, query, body = "/twilio/voice", b"", encode(FORM)
    signature = site.verifier.sign(path, query, FORM.items())
    headers = signed_headers(signature)
    match chance.randrange(12):
        case 0:  # one byte of the body
            at = chance.randrange(len(body))
            body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 1:  # a piece of the body is gone, or there twice
            at, end = sorted(chance.sample(range(len(body)), 2))
            body = body[:at] + body[end:] if chance.random() < 0.5 else body[:end] + body[at:]
        case 2:  # one character of the signature
            at = chance.randrange(len(signature))
            other = chance.choice("ABCDEFabcdef0123456789+/=-_ \t\x00\xff")
            headers = signed_headers(signature[:at] + other + signature[at + 1 :])
        case 3:  # the signature spelled otherwise
            respelled = [
                signature.rstrip("="),
                signature + "=",
                " " + signature,
                signature + "\n",
                signature.swapcase(),
                "sha1=" + signature,
                signature * 2,
                "",
                signature[: chance.randrange(len(signature))],
            ]
            headers = signed_headers(chance.choice(respelled))
        case 4:  # a field more
            name = chance.choice(["Digits", "CallSid", "To", "ApiVersion", "x", ""])
            body += f"&{name}={chance.randrange(10**6)}".encode()
        case 5:  # a field less
            fields = dict(FORM)
            fields.pop(chance.choice(list(fields)))
            body = encode(fields)
        case 6:  # another value
            name = chance.choice(list(FORM))
            body = encode({**FORM, name: FORM[name] + chance.choice(["0", " ", "\x00", "é", "&x=y"])})
        case 7:  # another path
            path = chance.choice(
                ["/twilio/status", "/twilio/fallback", "/twilio/step/1/1", "/twilio/voice/", "/TWILIO/voice"]
            )
        case 8:  # a query
            query = chance.choice([b"again=1", b"x", b"?", b"&", b"a=%00", b"CallSid=" + OTHER_SID.encode()])
        case 9:  # no form, or none that is said to be one
            headers[0] = (
                b"content-type",
                chance.choice([b"application/json", b"text/plain", b"", b"multipart/form-data; boundary=x"]),
            )
        case 10:  # signed with another secret
            other = SignatureVerifier(ORIGIN, (chance.choice(["tokem", "Token", "token "]),))
            headers = signed_headers(other.sign(path, query, FORM.items()))
        case _:  # signed for another place, or with a key that nobody has
            if chance.random() < 0.5:
                base = chance.choice(["http://g.example", "https://evil.example", "https://g.example/x"])
                headers = signed_headers(SignatureVerifier(base, (TOKEN,)).sign(path, query, FORM.items()))
            else:
                headers.append(
                    (
                        b"x-twilio-webhooks-signature-settings",
                        chance.choice(
                            [b"key=SK1,algorithm=HMAC_SHA256", b"algorithm=HMAC_SHA256", b"key=,algorithm=none"]
                        ),
                    )
                )
    return path, query, headers, body


def is_the_same(site: Site, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
    """Whether what is signed has stayed as it was: another spelling of the same request is no forgery."""
    try:
        pairs = parse_form(body)
    except FormError:
        return False
    same = signed_target(path, query, pairs) == signed_target("/twilio/voice", b"", FORM.items())
    return same and headers == signed_headers(site.verifier.sign("/twilio/voice", b"", FORM.items()))


def test_of_thousands_of_broken_requests_none_is_accepted_and_none_breaks_us() -> None:
    async def scene(site: Site) -> None:
        chance = random.Random(20260101)
        tried = 0
        while tried < MUTANTS:
            path, query, headers, body = mutate(chance, site)
            if is_the_same(site, path, query, headers, body):
                continue
            tried += 1
            status, answer = await site.ask("POST", path, query=query, headers=headers, body=body)
            assert 400 <= status < 500, (path, query, headers, body)
            if status == 403:
                assert answer == b""
        assert await site.store.live_calls() == ()

    assert not on_a_site(scene).agent.received


def test_a_genuine_request_is_accepted_whatever_proxies_add() -> None:
    async def scene(site: Site) -> None:
        signature = site.verifier.sign("/twilio/status", b"", FORM.items())
        for more in (
            [],
            [(b"host", b"evil.example")],
            [(b"x-forwarded-host", b"evil"), (b"x-forwarded-proto", b"http")],
        ):
            headers = [*signed_headers(signature), *more]
            assert (await site.ask("POST", "/twilio/status", headers=headers, body=encode(FORM)))[0] == 200

    on_a_site(scene)


class TestUserIds:
    async def ring(self, site: Site, call_sid: str = CALL_SID, caller: str = "+14155550123") -> None:
        await site.webhook("/twilio/voice", CallSid=call_sid, From=caller, CallStatus="ringing")

    def users(self, policy: str, *calls: tuple[str, str]) -> list[str]:
        async def scene(site: Site) -> None:
            for call_sid, caller in calls:
                await self.ring(site, call_sid, caller)

        return on_a_site(scene, settings(NumberProfile(user_id=policy))).users()  # type: ignore[arg-type]

    def test_by_default_each_call_is_a_user(self) -> None:
        assert self.users("call", (CALL_SID, "+14155550123"), (OTHER_SID, "+14155550123")) == [CALL_SID, OTHER_SID]

    def test_the_caller_may_be_the_user(self) -> None:
        assert self.users("caller", (CALL_SID, "+14155550123")) == ["+14155550123"]

    def test_a_hash_of_the_caller_is_always_the_same_and_tells_nobody(self) -> None:
        (one,), (again,) = (self.users("hash", (sid, "+14155550123")) for sid in (CALL_SID, OTHER_SID))
        (other,) = self.users("hash", (CALL_SID, "+14155550124"))
        assert one == again != other
        assert len(one) == 64
        assert "4155550123" not in one

    @pytest.mark.parametrize("caller", ["anonymous", "+266696687", "client:ann", "sip:ann@pbx.example"])
    @pytest.mark.parametrize("policy", ["caller", "hash"])
    def test_callers_without_a_number_never_share_a_user(self, caller: str, policy: str) -> None:
        assert self.users(policy, (CALL_SID, caller), (OTHER_SID, caller)) == [CALL_SID, OTHER_SID]

    def test_a_second_live_call_of_one_caller_does_not_end_the_first(self) -> None:
        users = self.users("caller", (CALL_SID, "+14155550123"), (OTHER_SID, "+14155550123"))
        assert users == ["+14155550123", f"+14155550123-{OTHER_SID}"]

    def test_the_next_call_after_the_end_is_the_same_user_even_if_the_first_is_replayed(self) -> None:
        async def scene(site: Site) -> None:
            await self.ring(site)
            await site.webhook("/twilio/status", CallStatus="completed")
            await asyncio.sleep(1.0)
            await self.ring(site)
            await self.ring(site, OTHER_SID)

        site = on_a_site(scene, settings(NumberProfile(user_id="caller")))
        assert site.users() == ["+14155550123", "+14155550123"]

    def test_without_a_store_to_ask_a_call_has_a_name_of_its_own(self) -> None:
        async def scene(site: Site) -> None:
            async def broken(*_: object) -> bool:
                raise StoreError("the disk is full")

            site.store.claim_name = broken  # type: ignore[method-assign]
            parties = CallParties(caller_number="+14155550123", called_number="+15005550006")
            profile = NumberProfile(user_id="caller")
            assert await site.gateway._user_id_for(CALL_SID, parties, profile) == f"+14155550123-{CALL_SID}"

        on_a_site(scene)


class TestStartingAndStopping:
    def test_a_running_gateway_is_well_and_ready(self) -> None:
        async def scene(site: Site) -> None:
            status, body = await site.ask("GET", "/healthz")
            assert (status, json.loads(body)["status"]) == (200, "ok")
            status, body = await site.ask("GET", "/readyz")
            assert (status, json.loads(body)) == (200, {"ready": True, "waiting_for": []})

        on_a_site(scene)

    def test_before_its_start_and_after_its_stop_it_is_not_ready(self) -> None:
        async def play() -> None:
            site = Site(settings())
            for _ in range(2):
                status, body = await site.ask("GET", "/readyz")
                assert (status, json.loads(body)["waiting_for"]) == (503, ["stopping"])
                assert (await site.ask("GET", "/healthz"))[0] == 200
                async with site.gateway.running():
                    assert (await site.ask("GET", "/readyz"))[0] == 200

        run_virtual(play())

    @pytest.mark.parametrize("hangs", [False, True])
    def test_a_store_that_does_not_answer_makes_it_not_ready(self, hangs: bool) -> None:
        async def scene(site: Site) -> None:
            async def away(*_: object) -> None:
                if hangs:
                    await asyncio.sleep(3600.0)
                raise StoreError("the disk is full")

            site.store.load_call = away  # type: ignore[method-assign]
            status, body = await site.ask("GET", "/readyz")
            assert (status, json.loads(body)["waiting_for"]) == (503, ["store"])

        on_a_site(scene)

    def test_the_lifespan_starts_and_stops_it(self) -> None:
        async def play() -> None:
            site = Site(settings())
            async with site.gateway.asgi.router.lifespan_context(site.gateway.asgi):
                assert (await site.ask("GET", "/readyz"))[0] == 200
            assert (await site.ask("GET", "/readyz"))[0] == 503

        run_virtual(play())

    def test_calls_whose_end_nobody_reports_are_cleared_up(self) -> None:
        async def scene(site: Site) -> None:
            await site.webhook("/twilio/voice", CallStatus="ringing")
            assert site.gateway.conversations.live_calls == 1
            await asyncio.sleep(1200.0)
            assert site.gateway.conversations.live_calls == 0

        assert [asked.action["type"] for asked in on_a_site(scene).agent.received] == ["launch", "end"]

    def test_a_store_that_fails_while_clearing_up_is_tried_again(self) -> None:
        async def scene(site: Site) -> None:
            asked = []

            async def broken() -> int:
                asked.append(1)
                raise StoreError("the disk is full")

            site.store.purge = broken  # type: ignore[method-assign]
            await asyncio.sleep(130.0)
            assert len(asked) == 2

        on_a_site(scene)

    async def test_a_real_gateway_keeps_its_calls_in_a_file(self, tmp_path: Path) -> None:
        gateway = create_gateway(settings(live_store_path=tmp_path / "live.db"))
        await gateway.start()
        await gateway.stop(1.0)
        assert (tmp_path / "live.db").exists()


class TestReloading:
    def test_new_calls_get_the_new_settings_and_live_calls_keep_theirs(self) -> None:
        async def scene(site: Site) -> None:
            await site.webhook("/twilio/voice", CallStatus="ringing")
            site.gateway.reload(settings(NumberProfile(language="de-DE")))
            assert 'language="de-DE"' not in await site.webhook("/twilio/step/1/1", SpeechResult="hello")
            assert 'language="de-DE"' in await site.webhook("/twilio/voice", CallSid=OTHER_SID, CallStatus="ringing")

        on_a_site(scene)

    def test_a_rotated_token_counts_at_once(self) -> None:
        async def scene(site: Site) -> None:
            rotated = settings(twilio=Twilio(account_sid=ACCOUNT, auth_tokens=("new",)))
            assert site.gateway.reload(rotated) == ()
            signature = site.verifier.sign("/twilio/status", b"", FORM.items())
            headers = signed_headers(signature)
            assert (await site.ask("POST", "/twilio/status", headers=headers, body=encode(FORM)))[0] == 403

        on_a_site(scene)

    def test_what_cannot_change_while_we_run_is_named_and_kept(self) -> None:
        async def scene(site: Site) -> None:
            waiting = site.gateway.reload(settings(public_url="https://other.example"))
            assert "public_url" in waiting
            assert "https://g.example/twilio/step" in await site.webhook("/twilio/voice", CallStatus="ringing")

        on_a_site(scene)

    def test_a_number_that_is_no_longer_served_is_out_of_service_for_new_calls(self) -> None:
        async def scene(site: Site) -> None:
            site.gateway.reload(settings(NumberProfile(number="+15005550001")))
            assert "not in service" in await site.webhook("/twilio/voice", CallStatus="ringing")

        on_a_site(scene)


def test_shared_keys_sign_too_and_only_without_any_secret_nothing_is_checked() -> None:
    async def scene() -> None:
        shared = Site(settings(twilio=Twilio(account_sid=ACCOUNT, shared_keys={"SK1": "secret"})))
        assert (await shared.ask("POST", "/twilio/status", headers=signed_headers("x"), body=encode(FORM)))[0] == 403
        unchecked = settings(twilio=Twilio(), insecure_dev=True, host="127.0.0.1", public_url="")
        headers = [(b"content-type", b"application/x-www-form-urlencoded")]
        status, _ = await Site(unchecked).ask("POST", "/twilio/status", headers=headers, body=encode(FORM))
        assert status == 200

    run_virtual(scene())
