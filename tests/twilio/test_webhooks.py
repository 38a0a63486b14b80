"""Twilio's webhooks over HTTP: what each route answers, end to end against the embedded agent, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

import twiml
from voicegw.app import Gateway
from voicegw.call.inputs import CallerInput, ForwardEnded, ForwardOutcome, Pressed, Said, StayedSilent
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.demo.server import create_agent
from voicegw.errors import StoreClosed, StoreError
from voicegw.simulator.virtual_time import run_virtual
from voicegw.store.memory import MemoryStore
from voicegw.turns.ports import StoredAudio
from voicegw.twilio.signature import SignatureVerifier
from voicegw.twilio.webhooks import read_input

ORIGIN, TOKEN, ACCOUNT = "https://g.example", "token", "AC" + "0" * 32
CALL_SID, CHILD_SID = "CA" + "1" * 32, "CA" + "2" * 32
PROFILE = NumberProfile(
    number="+15005550006",
    forwarding=Forwarding(
        destinations={"front-desk": (Destination(to="+14155550100", confirm=True),)}, human="front-desk"
    ),
    escape_key="0",
    fallback=(Destination(to="+14155550199"),),
)


class Site:
    """A gateway and its embedded agent in this process, asked as Twilio asks."""

    def __init__(self, profile: NumberProfile = PROFILE, **settings: Any) -> None:
        loop = asyncio.get_running_loop()
        self.agent = create_agent()
        self.store = MemoryStore(wall=loop.time, lifetime_seconds=1e6)
        self.gateway = Gateway(
            Settings(
                twilio=Twilio(account_sid=ACCOUNT, auth_tokens=(TOKEN,)),
                public_url=ORIGIN,
                voiceflow=Voiceflow(api_key="VF.DM.demo", project_id="demo"),
                numbers=(profile,),
                **settings,
            ),
            store=self.store,
            transport=InMemoryTransport(self.agent),
            wall=loop.time,
        )
        self.verifier = SignatureVerifier(ORIGIN, (TOKEN,))
        self.at = ""

    async def request(
        self, method: str, target: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        path, _, query = target.partition("?")
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "server": ("g.example", 443),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self.gateway.asgi(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:])

    async def post(self, target: str, **fields: str) -> twiml.Response:
        """One signed webhook; the answer is TwiML without a fault."""
        path, _, query = target.partition("?")
        form = {
            "CallSid": CALL_SID,
            "AccountSid": ACCOUNT,
            "From": "+14155550123",
            "To": "+15005550006",
            "CallStatus": "in-progress",
            **fields,
        }
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": self.verifier.sign(path, query, tuple(form.items())),
        }
        status, answered, body = await self.request("POST", target, headers, urlencode(form).encode())
        assert status == 200
        assert answered["content-type"] == "text/xml; charset=utf-8"
        assert int(answered["content-length"]) == len(body)
        response = twiml.parse(body.decode())
        assert twiml.check(response) == ()
        for verb in response.verbs:
            if isinstance(verb, twiml.Redirect) and "/step/" in verb.url:
                self.at = verb.url.removeprefix(ORIGIN)
            if isinstance(verb, twiml.Dial):
                assert verb.action is not None
                self.at = verb.action.removeprefix(ORIGIN)
        return response

    async def ring(self) -> twiml.Response:
        return await self.post("/twilio/voice", CallStatus="ringing")

    async def step(self, **fields: str) -> twiml.Response:
        return await self.post(self.at, **fields)

    def asked(self) -> list[str]:
        return [received.action["type"] for received in self.agent.received]


def on_a_site(scene: Callable[[Site], Awaitable[None]], profile: NumberProfile = PROFILE, **settings: Any) -> Site:
    async def play() -> Site:
        site = Site(profile, **settings)
        await site.gateway.start()
        await scene(site)
        await asyncio.sleep(1.0)
        await site.gateway.stop()
        return site

    return run_virtual(play())


def said(response: twiml.Response) -> list[str]:
    found = []
    for verb in response.verbs:
        inside = verb.children if isinstance(verb, twiml.Gather) else (verb,)
        found += [twiml.words_of(child.content) for child in inside if isinstance(child, twiml.Say)]
    return found


def tags(response: twiml.Response) -> list[str]:
    return [verb.TAG for verb in response.verbs if not isinstance(verb, twiml.Unknown)]


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({}, StayedSilent()),
        ({"Digits": "", "SpeechResult": ""}, StayedSilent()),
        ({"msg": "Gather End", "FinishedOnKey": ""}, StayedSilent()),
        ({"SpeechResult": "hello", "Confidence": "0.5"}, Said(text="hello", confidence=0.5)),
        ({"SpeechResult": "hello"}, Said(text="hello")),
        ({"SpeechResult": "  ", "Digits": "1"}, Pressed(keys="1")),
        ({"Digits": "12", "FinishedOnKey": "#"}, Pressed(keys="12", ended_by="#")),
        ({"Digits": "12", "FinishedOnKey": ""}, Pressed(keys="12", ended_by="")),
        ({"Digits": "12"}, Pressed(keys="12", ended_by=None)),
        ({"Digits": "", "FinishedOnKey": "#"}, Pressed(keys="", ended_by="#")),
        ({"Digits": "<script>"}, StayedSilent()),
        (
            {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "42", "Digits": "1"},
            ForwardEnded(outcome=ForwardOutcome.COMPLETED, bridged=True, seconds=42),
        ),
        ({"DialCallStatus": "busy"}, ForwardEnded(outcome=ForwardOutcome.BUSY)),
        ({"DialCallStatus": "dancing"}, ForwardEnded(outcome=ForwardOutcome.FAILED)),
        (
            {"DialCallStatus": "completed", "DialBridged": "false"},
            ForwardEnded(outcome=ForwardOutcome.COMPLETED, bridged=False),
        ),
    ],
)
def test_a_steps_form_says_what_the_caller_did(fields: dict[str, str], heard: CallerInput) -> None:
    assert read_input(tuple(fields.items())) == heard


def test_a_call_from_ring_to_hang_up() -> None:
    async def scene(site: Site) -> None:
        assert said(await site.ring())
        assert said(await site.step(SpeechResult="check my appointment", Confidence="0.9"))
        await site.step(Digits="1234", FinishedOnKey="")
        await site.post("/twilio/status", CallStatus="completed")
        await site.post("/twilio/status", CallStatus="completed")

    assert on_a_site(scene).asked() == ["launch", "text", "dtmf", "end"]


def test_every_webhook_repeated_is_the_same_answer_and_one_effect() -> None:
    async def scene(site: Site) -> None:
        async def thrice(target: str, **fields: str) -> None:
            first = await site.post(target, **fields)
            assert await site.post(target, **fields) == first
            assert set(await asyncio.gather(*(site.post(target, **fields) for _ in range(10)))) == {first}

        await thrice("/twilio/voice", CallStatus="ringing")
        await thrice(site.at, SpeechResult="check my appointment")
        await thrice("/twilio/fallback", ErrorCode="11200", ErrorUrl=ORIGIN + site.at)
        await thrice(site.at, Digits="1234", FinishedOnKey="")
        await thrice("/twilio/status", CallStatus="completed")
        await asyncio.sleep(1.0)
        await thrice("/twilio/voice", CallStatus="ringing")
        await thrice(site.at, SpeechResult="after the end")
        assert site.gateway.conversations.live_calls == 0

    assert on_a_site(scene).asked() == ["launch", "text", "dtmf", "end"]


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled"])
def test_a_step_after_the_caller_hung_up_is_the_end(status: str) -> None:
    async def scene(site: Site) -> None:
        await site.ring()
        assert (await site.step(CallStatus=status)).verbs == ()

    assert on_a_site(scene).asked() == ["launch", "end"]


@pytest.mark.parametrize(
    "fields", [{"CallStatus": "in-progress"}, {"CallStatus": "completed", "ParentCallSid": CALL_SID}]
)
def test_a_status_that_is_not_this_calls_end_ends_nothing(fields: dict[str, str]) -> None:
    async def scene(site: Site) -> None:
        await site.ring()
        assert (await site.post("/twilio/status", **fields)).verbs == ()
        assert site.gateway.conversations.live_calls == 1

    on_a_site(scene)


def test_the_end_of_a_call_nobody_knows_is_nothing() -> None:
    async def scene(site: Site) -> None:
        assert (await site.post("/twilio/status", CallStatus="completed")).verbs == ()

    assert on_a_site(scene).asked() == []


@pytest.mark.parametrize("target", ["/twilio/step/7/1", "/twilio/fallback"])
def test_a_call_that_is_not_remembered_begins_anew(target: str) -> None:
    async def scene(site: Site) -> None:
        assert "Gather" in tags(await site.post(target))

    assert on_a_site(scene).asked()[0] == "launch"


class TestForwards:
    async def forward(self, site: Site) -> twiml.Number:
        await site.ring()
        response = await site.step(Digits="0", FinishedOnKey="")
        dial = response.verbs[-1]
        assert isinstance(dial, twiml.Dial)
        (number,) = dial.children
        assert isinstance(number, twiml.Number)
        return number

    async def whisper(self, site: Site, target: str, **fields: str) -> twiml.Response:
        return await site.post(
            target,
            **{"CallSid": CHILD_SID, "ParentCallSid": CALL_SID, "From": "+15005550006", "To": "+14155550100", **fields},
        )

    def test_the_human_hears_who_calls_and_is_asked_for_a_key(self) -> None:
        async def scene(site: Site) -> None:
            number = await self.forward(site)
            assert number.url is not None
            asking = await self.whisper(site, number.url.removeprefix(ORIGIN))
            assert said(asking)[:2] == [
                phrase(PhraseName.CONFIRM_ANNOUNCE, "en-US", caller="1 4 1, 5 5 5, 5 0 1, 2 3"),
                phrase(PhraseName.CONFIRM_PRESS, "en-US"),
            ]
            assert tags(asking) == ["Gather", "Hangup"]
            gather = asking.verbs[0]
            assert isinstance(gather, twiml.Gather)
            answer_to = (gather.action or "").removeprefix(ORIGIN)
            assert (await self.whisper(site, answer_to, Digits="1")).verbs == ()
            for fields in ({"Digits": "2"}, {"Digits": ""}, {}):
                declined = await self.whisper(site, answer_to, **fields)
                assert said(declined) == [phrase(PhraseName.CONFIRM_DECLINED, "en-US")]
                assert tags(declined)[-1] == "Hangup"

        on_a_site(scene)

    def test_a_whisper_for_a_call_that_is_gone_hangs_up(self) -> None:
        async def scene(site: Site) -> None:
            assert tags(await self.whisper(site, "/twilio/whisper/1/1")) == ["Hangup"]

        on_a_site(scene)

    def test_a_leg_that_is_sent_back_to_us_is_busy(self) -> None:
        async def scene(site: Site) -> None:
            await self.forward(site)
            back = {"CallSid": CHILD_SID, "From": "+15005550006", "ForwardedFrom": "+14155550100"}
            response = await site.post("/twilio/voice", CallStatus="ringing", **back)
            assert response.verbs == (twiml.Reject(reason="busy"),)

        on_a_site(scene)

    def test_busy_leads_to_the_next_destination(self) -> None:
        async def scene(site: Site) -> None:
            await self.forward(site)
            response = await site.step(DialCallStatus="busy", DialBridged="false")
            assert said(response)[0] == phrase(PhraseName.FORWARD_BUSY, "en-US")
            assert "+14155550199" in twiml.render(response)

        on_a_site(scene)


class TestAudio:
    def test_it_is_served_by_its_name_and_forgotten_with_its_call(self) -> None:
        async def scene(site: Site) -> None:
            await site.ring()
            await site.store.put_audio(CALL_SID, "name", StoredAudio(b"RIFF", "audio/wav"))
            status, headers, body = await site.request("GET", "/twilio/audio/name.wav", {})
            assert (status, headers["content-type"], body) == (200, "audio/wav", b"RIFF")
            await site.store.forget_call(CALL_SID)
            assert (await site.request("GET", "/twilio/audio/name.wav", {}))[0] == 404

        on_a_site(scene)

    @pytest.mark.parametrize("name", ["", "..", "%2e%2e", "a.wav", "a/b.wav"])
    def test_other_names_are_not_found(self, name: str) -> None:
        async def scene(site: Site) -> None:
            status, _, body = await site.request("GET", f"/twilio/audio/{name}", {})
            assert status == 404
            assert b"RIFF" not in body

        on_a_site(scene)

    def test_a_store_that_fails_is_said_so(self) -> None:
        async def scene(site: Site) -> None:
            site.store.get_audio = broken  # type: ignore[method-assign]
            assert (await site.request("GET", "/twilio/audio/name.wav", {}))[0] == 503

        on_a_site(scene)


async def broken(*_: object, **__: object) -> Any:
    raise StoreError("the disk is full")


class TestAStoreThatFails:
    def test_the_caller_is_asked_for_a_moment_three_times_then_told_to_call_again(self) -> None:
        async def scene(site: Site) -> None:
            await site.ring()
            site.store.load_call = broken  # type: ignore[method-assign]
            target = site.at
            for tries in (1, 2, 3):
                response = await site.post(target, SpeechResult="hello")
                assert said(response) == [phrase(PhraseName.RECOVERING, "en-US")]
                assert tags(response) == ["Say", "Pause", "Redirect"]
                assert site.at == f"{target.partition('?')[0]}?again={tries}"
                target = site.at
            response = await site.post(target, SpeechResult="hello")
            assert said(response) == [phrase(PhraseName.FAILURE_FINAL, "en-US")]
            assert tags(response)[-1] == "Hangup"

        on_a_site(scene, PROFILE.model_copy(update={"fallback": ()}))

    def test_at_last_the_fallback_destinations_are_tried_with_nothing_remembered(self) -> None:
        async def scene(site: Site) -> None:
            await site.ring()
            site.store.load_call = broken  # type: ignore[method-assign]
            target = f"{site.at.partition('?')[0]}?again=3"
            for number in ("+14155550177", "+14155550188"):
                response = await site.post(target, DialCallStatus="busy", DialBridged="false")
                assert tags(response) == ["Say", "Dial"]
                assert number in twiml.render(response)
                (dial,) = [verb for verb in response.verbs if isinstance(verb, twiml.Dial)]
                assert dial.action is not None
                target = dial.action.removeprefix(ORIGIN)
            response = await site.post(target, DialCallStatus="no-answer", DialBridged="false")
            assert said(response) == [phrase(PhraseName.FAILURE_FINAL, "en-US")]
            response = await site.post(target, DialCallStatus="completed", DialBridged="true")
            assert tags(response) == ["Hangup"]

        destinations = (Destination(to="+14155550177"), Destination(to="+14155550188"))
        on_a_site(scene, PROFILE.model_copy(update={"fallback": destinations}))

    def test_once_it_is_back_the_call_goes_on(self) -> None:
        async def scene(site: Site) -> None:
            await site.ring()
            load, site.store.load_call = site.store.load_call, broken  # type: ignore[method-assign,assignment]
            await site.step(SpeechResult="check my appointment")
            site.store.load_call = load  # type: ignore[method-assign]
            assert "Gather" in tags(await site.step())

        on_a_site(scene)

    def test_so_it_is_at_the_first_webhook(self) -> None:
        async def scene(site: Site) -> None:
            site.store.create_call = broken  # type: ignore[method-assign]
            response = await site.ring()
            assert said(response) == [phrase(PhraseName.RECOVERING, "en-US")]
            assert "/twilio/voice?again=1" in twiml.render(response)

        on_a_site(scene)

    def test_one_that_was_closed_for_a_restart_is_no_fault(self, capsys: pytest.CaptureFixture[str]) -> None:
        async def closed(*_: object, **__: object) -> Any:
            raise StoreClosed("it is closed")

        async def scene(site: Site) -> None:
            await site.ring()
            site.store.load_call = closed  # type: ignore[method-assign]
            response = await site.step(SpeechResult="hello")
            assert said(response) == [phrase(PhraseName.RECOVERING, "en-US")]
            assert "?again=1" in site.at

        on_a_site(scene)
        assert "store failed" not in capsys.readouterr().out

    def test_a_number_that_is_not_served_gets_the_same_in_english(self) -> None:
        async def scene(site: Site) -> None:
            site.store.get_answer = broken  # type: ignore[method-assign]
            response = await site.post("/twilio/voice", To="+15005550001", CallStatus="ringing")
            assert said(response) == [phrase(PhraseName.RECOVERING, "en-US")]

        on_a_site(scene)


class TestRefusals:
    def test_a_number_that_is_not_in_service_says_so(self) -> None:
        async def scene(site: Site) -> None:
            response = await site.post("/twilio/voice", To="+15005550001", CallStatus="ringing")
            assert said(response) == [phrase(PhraseName.NOT_IN_SERVICE, "en-US")]
            assert tags(response)[-1] == "Hangup"

        assert on_a_site(scene).asked() == []

    def test_a_full_gateway_refuses_at_the_first_webhook_only(self) -> None:
        async def scene(site: Site) -> None:
            first = await site.ring()
            refused = await site.post("/twilio/voice", CallSid=CHILD_SID, CallStatus="ringing")
            assert said(refused) == [phrase(PhraseName.BUSY, "en-US")]
            assert "Gather" in tags(await site.step(SpeechResult="check my appointment"))
            assert await site.post("/twilio/voice", CallStatus="ringing") == first
            await site.post("/twilio/status", CallStatus="completed")
            accepted = await site.post("/twilio/voice", CallSid=CHILD_SID, CallStatus="ringing")
            assert "Gather" in tags(accepted)

        on_a_site(scene, max_live_calls=1)

    def test_a_gateway_that_stops_takes_no_new_call(self) -> None:
        async def scene(site: Site) -> None:
            await site.gateway.stop()
            assert said(await site.ring()) == [phrase(PhraseName.BUSY, "en-US")]

        on_a_site(scene)
