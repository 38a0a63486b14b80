"""A caller's side of the embedded agent, in process and on a clock that jumps; every answer is held to the OpenAPI."""

import asyncio
import functools
import json
import selectors
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from voicegw.demo.server import DEMO_API_KEY, EmbeddedAgent, create_agent

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "voiceflow-interact.openapi.yaml"


class _JumpingSelector(selectors.DefaultSelector):
    """Does not wait: what would be a wait moves the loop's clock instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the agent waits for something that never comes"
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time."""

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now


@dataclass
class Contract:
    """The OpenAPI as JSON schema validators."""

    trace: jsonschema.Draft202012Validator
    action: jsonschema.Draft202012Validator
    checked: set[str] = field(default_factory=set)

    def check_trace(self, trace: Any) -> None:
        text = json.dumps(trace, sort_keys=True)
        if text not in self.checked:
            self.trace.validate(trace)
            self.checked.add(text)


@dataclass
class Answer:
    """What came back: pieces of body with their times, and whether the body was complete."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> str:
        return b"".join(piece for _, piece in self.pieces).decode()

    @property
    def events(self) -> list[tuple[str, str, Any]]:
        """Event, id and data of each frame, read by the shape of the vendor's wire format and no other."""
        blank, *frames = self.body.split("\n")[0], *self.body[1:].split("\n\n")
        assert blank == ""
        assert frames.pop() == ""
        events = []
        for frame in frames:
            event, number, data = frame.split("\n")
            assert event.startswith("event: ")
            assert number.startswith("id: ")
            assert data.startswith("data: ")
            events.append((event[7:], number[4:], json.loads(data[6:])))
        return events

    @property
    def traces(self) -> list[dict[str, Any]]:
        if self.headers["content-type"].startswith("application/json"):
            return list(json.loads(self.body)["traces"])
        return [data for event, _, data in self.events if event == "trace"]

    @property
    def kinds(self) -> list[str]:
        return [trace["type"] for trace in self.traces]

    @property
    def words(self) -> str:
        """All that the caller is told, however it was sent."""
        texts = []
        for trace in self.traces:
            payload = trace.get("payload") or {}
            if trace["type"] in ("speak", "text"):
                texts.append(payload["message"])
            elif trace["type"] == "completion" and payload["state"] == "content":
                texts[-1] += payload["content"]
            elif trace["type"] == "completion" and payload["state"] == "start":
                texts.append("")
        return " ".join(texts)

    def payload(self, kind: str) -> Any:
        """The payload of the one trace of this kind."""
        (found,) = [trace.get("payload") for trace in self.traces if trace["type"] == kind]
        return found


@dataclass
class Line:
    """A way to one agent: requests without a network, in virtual time."""

    agent: EmbeddedAgent
    loop: JumpingLoop
    contract: Contract

    async def request(self, path: str, authorization: str, body: Any, method: str = "POST") -> Answer:
        answer, asked = Answer(), False
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.pieces.append((self.loop.time(), message["body"]))
                answer.complete = not message.get("more_body", False)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"authorization", authorization.encode())],
        }
        await self.agent(scope, receive, send)  # type: ignore[arg-type]
        return answer

    def ask(self, path: str, authorization: str, body: Any, method: str = "POST") -> Answer:
        return self.loop.run_until_complete(self.request(path, authorization, body, method))

    def start(self, user_id: str = "call-1", authorization: str = DEMO_API_KEY) -> str:
        answer = self.ask("/v4/project/demo/session", authorization, {"userID": user_id})
        assert answer.status == 200
        return str(json.loads(answer.body)["sessionKey"])


@dataclass
class Call:
    """One caller: what they do becomes an action; the traces of each answer are checked against the OpenAPI."""

    line: Line
    key: str
    path: str = "/v4/interact/stream"
    config: dict[str, Any] = field(default_factory=dict)

    async def interact(self, action: Any, **body: Any) -> Answer:
        self.line.contract.action.validate(action)
        body = {"action": action, "config": self.config, **body}
        answer = await self.line.request(self.path, self.key, body)
        if answer.status == 200 and answer.complete:
            # Garbage and half answers do not parse; the tests of faults look at their bytes.
            try:
                traces = answer.traces
            except ValueError:
                return answer
            for trace in traces:
                self.line.contract.check_trace(trace)
        return answer

    def do(self, action: Any, **body: Any) -> Answer:
        return self.line.loop.run_until_complete(self.interact(action, **body))

    def launch(self, **variables: Any) -> Answer:
        return self.do({"type": "launch", "payload": {"callType": "inbound"}}, variables=variables)

    def say(self, words: str) -> Answer:
        return self.do({"type": "text", "payload": words})

    def press(self, keys: str) -> Answer:
        return self.do({"type": "dtmf", "payload": keys})

    def stay_silent(self) -> Answer:
        return self.do({"type": "no-reply"})

    def tell(self, name: str, **fields: Any) -> Answer:
        return self.do({"type": "event", "payload": {"event": {"name": name, **fields}}})


@functools.cache
def _document() -> dict[str, Any]:
    return dict(_as_json_schema(yaml.safe_load(SPEC.read_text(encoding="utf-8"))))


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 writes `nullable: true` where JSON schema has a union with null."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: _as_json_schema(value) for name, value in node.items()}
    return {"anyOf": [node, {"type": "null"}]} if node.pop("nullable", False) else node


@pytest.fixture(scope="session")
def contract() -> Contract:
    components = {"components": _document()["components"]}
    trace, action = (
        jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **components})
        for name in ("AnyTrace", "AnyRequest")
    )
    return Contract(trace, action)


@pytest.fixture
def loop() -> Iterator[JumpingLoop]:
    loop = JumpingLoop()
    yield loop
    loop.close()


@pytest.fixture
def line_to(loop: JumpingLoop, contract: Contract) -> Callable[[EmbeddedAgent], Line]:
    return lambda agent: Line(agent, loop, contract)


@pytest.fixture
def line(line_to: Callable[[EmbeddedAgent], Line]) -> Line:
    """A line to the dental practice."""
    return line_to(create_agent())


@pytest.fixture
def call_on() -> Callable[..., Call]:
    """Opens a call on a line: `call_on(line, user_id="b", path=…, config=…)`."""
    return lambda line, user_id="call-1", **ways: Call(line, line.start(user_id), **ways)


@pytest.fixture(params=["events", "completions", "document"])
def call(request: pytest.FixtureRequest, line: Line, call_on: Callable[..., Call]) -> Call:
    """A call to the dental practice, once by each way of answering."""
    match request.param:
        case "events":
            return call_on(line)
        case "completions":
            return call_on(line, config={"completionEvents": True})
        case _:
            return call_on(line, path="/v4/interact")
