"""A gateway in memory and virtual time, a carrier that signs anything, and an agent that says what a test wants."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

import twiml
from voicegw.app import Gateway
from voicegw.call.profile import NumberProfile
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.simulator.virtual_time import run_virtual
from voicegw.store.memory import MemoryStore
from voicegw.twilio.signature import SignatureVerifier

ORIGIN = "https://gateway.example"
FORM_TYPE = (b"content-type", b"application/x-www-form-urlencoded")


@dataclass
class Secrets:
    """Each one is found wherever it leaks."""

    token: str = "the-carriers-token"
    api_key: str = "VF.DM.the-agents-key"
    session_key: str = "the-session-key"


@dataclass
class Agent:
    """Speaks the v4 API: `answer` gives the traces for an action, or the status and body of a refusal."""

    session_key: str
    answer: Callable[[Mapping[str, Any]], list[Any] | tuple[int, bytes]] = lambda _action: []
    received: list[Mapping[str, Any]] = field(default_factory=list)
    sessions: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        if scope["path"].endswith("/session"):
            self.sessions += 1
            await self._send(send, 200, json.dumps({"sessionKey": self.session_key}).encode())
            return
        self.received.append(body["action"])
        answer = self.answer(body["action"])
        if isinstance(answer, tuple):
            await self._send(send, *answer)
            return
        events = [f"event: trace\ndata: {json.dumps(trace)}\n\n" for trace in answer]
        await self._send(send, 200, "".join(["\n", *events, "event: end\ndata: {}\n\n"]).encode())

    async def _send(self, send: Any, status: int, body: bytes) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


class Site:
    """One gateway and those around it."""

    def __init__(self, agent: Agent, profile: NumberProfile, secrets: Secrets) -> None:
        loop = asyncio.get_running_loop()
        self.agent = agent
        self.account_sid = "AC" + "0" * 32
        settings = Settings(
            twilio=Twilio(account_sid=self.account_sid, auth_tokens=(secrets.token,)),
            public_url=ORIGIN,
            voiceflow=Voiceflow(api_key=secrets.api_key, project_id="demo"),
            numbers=(profile,),
        )
        self.store = MemoryStore(wall=loop.time, lifetime_seconds=1e6)
        self.gateway = Gateway(settings, store=self.store, transport=InMemoryTransport(agent), wall=loop.time)
        self.verifier = SignatureVerifier(ORIGIN, (secrets.token,))

    def form(self, call_sid: str, **fields: str) -> dict[str, str]:
        """The fields of any webhook of this call."""
        parties = {"From": "+14155550123", "To": "+15005550006"}
        return {"CallSid": call_sid, "AccountSid": self.account_sid, "CallStatus": "in-progress", **parties, **fields}

    async def webhook(self, url: str, call_sid: str, **fields: str) -> str:
        """What the carrier gets for a signed webhook."""
        form = self.form(call_sid, **fields)
        signature = self.sign(url, form.items())
        status, body = await self.post(url, form.items(), signature)
        assert status == 200
        return body.decode()

    def sign(self, url: str, pairs: Iterable[tuple[str, str]]) -> str:
        """The carrier's signature."""
        target = urlsplit(url)
        return self.verifier.sign(target.path, target.query, tuple(pairs))

    async def post(self, url: str, pairs: Iterable[tuple[str, str]], signature: str) -> tuple[int, bytes]:
        """Status and body of one webhook, whoever sends it."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": urlencode(tuple(pairs)).encode()}

        async def send(message: Any) -> None:
            sent.append(message)

        target = urlsplit(url)
        await self.gateway.asgi(
            {
                "type": "http",
                "http_version": "1.1",
                "method": "POST",
                "scheme": "http",
                "path": target.path,
                "raw_path": target.path.encode(),
                "query_string": target.query.encode(),
                "root_path": "",
                "server": ("10.0.0.1", 8080),
                "headers": [FORM_TYPE, (b"x-twilio-signature", signature.encode())],
            },
            receive,
            send,
        )
        return sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])

    async def everything(self, call_sid: str) -> tuple[Any, ...]:
        """What a replay must not change."""
        await asyncio.sleep(1.0)
        stored = await self.store.load_call(call_sid)
        return stored, await self.store.live_calls(), len(self.agent.received), self.agent.sessions


def next_url(document: str) -> str:
    """Where the call goes on."""
    for verb in twiml.parse(document).verbs:
        match verb:
            case twiml.Redirect(url=url):
                return url
            case twiml.Gather(action=str(url)) | twiml.Dial(action=str(url)):
                return url
            case _:
                pass
    raise AssertionError(f"leads nowhere: {document}")


@pytest.fixture
def secrets() -> Secrets:
    """Those of this test."""
    return Secrets()


Scene = Callable[[Site], Awaitable[None]]
Play = Callable[..., Site]


@pytest.fixture
def play(secrets: Secrets) -> Play:
    """Play a scene on a site: `play(scene, answer, profile)`."""

    def run(scene: Scene, answer: Any = lambda _action: [], profile: NumberProfile | None = None) -> Site:
        async def on_site() -> Site:
            site = Site(Agent(secrets.session_key, answer), profile or NumberProfile(), secrets)
            async with site.gateway.running():
                await scene(site)
            return site

        return run_virtual(on_site())

    return run


@pytest.fixture
def leads_to() -> Callable[[str], str]:
    """Reads a document's way on."""
    return next_url
