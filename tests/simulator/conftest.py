"""A gateway of a few lines, scripted by the test, that checks the signature of everything it gets; and calls to it."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from voicegw.simulator import AsgiWeb, Caller, Carrier, CarrierRules, ScriptedCaller, Step, run_virtual
from voicegw.simulator.report import CallReport
from voicegw.simulator.web import WebClient

ORIGIN = "https://gateway.example"
TOKEN = "auth token"


@dataclass
class Received:
    """A request as the scripted gateway saw it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    params: dict[str, str]
    signed: bool


@dataclass
class Page:
    """What a path answers, `after_seconds`."""

    body: bytes = b""
    content_type: str = "text/xml"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    after_seconds: float = 0.0


Answer = Page | str | Callable[[Received], "Page | str"]


@dataclass
class MediaServer:
    """The gateway's end of one WebSocket, and what came over it: `received` has the instant of each message."""

    receive: Any
    send: Any
    headers: dict[str, str]
    signed: bool
    url: str
    received: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    ended_with: int | None = None
    stream_sid: str = ""

    async def accept(self) -> None:
        await self.send({"type": "websocket.accept"})

    async def until(self, event: str) -> dict[str, Any]:
        """Take what comes until this event; ConnectionError at the end of the socket."""
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                self.ended_with = message["code"]
                raise ConnectionError
            fields = json.loads(message["text"])
            self.received.append((asyncio.get_running_loop().time(), fields))
            if fields["event"] == "start":
                self.stream_sid = fields["streamSid"]
            if fields["event"] == event:
                return fields

    async def until_the_end(self) -> None:
        await self.until("nothing of this name")

    async def say(self, fields: Mapping[str, Any]) -> None:
        await self.raw(json.dumps({"streamSid": self.stream_sid, **fields}))

    async def raw(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})

    async def play(self, audio: bytes) -> None:
        await self.say({"event": "media", "media": {"payload": base64.b64encode(audio).decode()}})

    async def mark(self, name: str) -> None:
        await self.say({"event": "mark", "mark": {"name": name}})

    async def clear(self) -> None:
        await self.say({"event": "clear"})

    async def close(self, code: int = 1000) -> None:
        await self.send({"type": "websocket.close", "code": code})

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [fields for _, fields in self.received if fields["event"] == kind]

    def instants(self, kind: str) -> list[float]:
        """When messages of a kind came, in seconds since the stream began."""
        began = self.received[0][0]
        return [round(at - began, 6) for at, fields in self.received if fields["event"] == kind]


Talk = Callable[[MediaServer], Awaitable[None]]


async def stay_silent(server: MediaServer) -> None:
    """Listen to the end, and say nothing."""
    await server.accept()
    await server.until_the_end()


@dataclass
class ScriptedGateway:
    """An ASGI application; `pages` by path. A text is what stands in `<Response>`; a list answers in turn."""

    pages: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    disconnects: int = 0
    talk: Talk = stay_silent
    servers: list[MediaServer] = field(default_factory=list)

    @property
    def server(self) -> MediaServer:
        """The only WebSocket that was opened."""
        (server,) = self.servers
        return server

    @staticmethod
    def page(verbs: str, **details: Any) -> Page:
        return Page(body=f"<Response>{verbs}</Response>".encode(), **details)

    @staticmethod
    def raw(body: bytes, content_type: str = "text/xml", **details: Any) -> Page:
        return Page(body=body, content_type=content_type, **details)

    def requests(self, path: str) -> list[Received]:
        return [request for request in self.received if request.path == path]

    def params(self, path: str) -> dict[str, str]:
        """The parameters of the last request to a path."""
        return self.requests(path)[-1].params

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._serve_media(scope, receive, send)
            return
        assert scope["type"] == "http"
        request = self._request(scope, (await receive())["body"])
        self.received.append(request)
        answer = self.pages.get(request.path, Page(status=404, body=b"no such page"))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(request)
        page = Page(body=f"<Response>{answer}</Response>".encode()) if isinstance(answer, str) else answer
        if page.after_seconds:
            await self._think(page.after_seconds, receive)
        headers = [("content-type", page.content_type), *page.headers]
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": page.status, "headers": encoded})
        await send({"type": "http.response.body", "body": page.body})

    async def _serve_media(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        url = f"{scope['scheme']}://{headers['host']}{scope['path']}"
        signed = RequestValidator(TOKEN).validate(url, {}, headers.get("x-twilio-signature", ""))
        server = MediaServer(receive, send, headers, signed, url)
        self.servers.append(server)
        assert (await receive()) == {"type": "websocket.connect"}
        try:
            await self.talk(server)
        except ConnectionError:
            return

    async def _think(self, seconds: float, receive: Any) -> None:
        gone = asyncio.create_task(receive())
        done, _ = await asyncio.wait([gone], timeout=seconds)
        self.disconnects += len(done)
        gone.cancel()

    @staticmethod
    def _request(scope: Any, body: bytes) -> Received:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        url = f"{scope['scheme']}://{headers['host']}{scope['path']}" + (f"?{query}" if query else "")
        params = dict(parse_qsl(body.decode(), keep_blank_values=True))
        signature = headers.get("x-twilio-signature", "")
        signed = RequestValidator(TOKEN).validate(url, params, signature)
        return Received(scope["method"], scope["path"], query, headers, params, signed)


Place = Callable[..., CallReport]


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture
def place(gateway: ScriptedGateway) -> Place:
    """Place a call at the scripted gateway, in virtual time; the caller is a list of steps or a Caller."""

    def place(
        steps: Sequence[Step] | Caller = (),
        *,
        rules: CarrierRules | None = None,
        wrap: Callable[[WebClient], WebClient] = lambda web: web,
        apps: Mapping[str, Any] | None = None,
        voice_url: str = f"{ORIGIN}/voice",
        **details: Any,
    ) -> CallReport:
        async def call() -> CallReport:
            async with AsgiWeb({ORIGIN: gateway, **(apps or {})}) as web:
                carrier = Carrier(wrap(web), auth_token=TOKEN, rules=rules, seed=7)
                caller = ScriptedCaller(steps) if isinstance(steps, Sequence) else steps
                return await carrier.place_call(voice_url, caller, **details)

        return run_virtual(call())

    return place
