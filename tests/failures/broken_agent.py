"""An agent on a bad line: the transport that a gateway talks through, with recorded answers and everything that may
happen to them. It writes down what it was asked and knows nothing of the gateway but the transport's seam.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from voicegw.errors import AgentBroke, AgentUnreachable

FOREVER_SECONDS = 100_000.0
BACK = "I am with you again."
EVENTS = {"content-type": "text/event-stream"}

Cut = Literal["", "reset", "end-of-file", "stall"]
Way = Literal["open", "refused", "connect-hang", "reset-before-answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer as it comes over the wire, and what happens to it on the way. Seconds are virtual.

    `way`: whether the request arrives at all. `cut_at`: so many bytes of the body come, and then `cut` happens.
    `pauses`: seconds of quiet before a byte. `slice_bytes`: how the body is cut up, `drip_seconds` between the slices.
    `well`: the agent did what it should, and whoever asked has been answered.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: EVENTS)
    way: Way = "open"
    after_seconds: float = 0.0
    pauses: tuple[tuple[int, float], ...] = ()
    slice_bytes: int = 0
    drip_seconds: float = 0.0
    cut: Cut = ""
    cut_at: int = 0
    well: bool = True
    garbled: bool = False

    def cut_off(self, cut: Cut, at: int) -> "Reply":
        """The same answer, of which only the first `at` bytes come."""
        return replace(self, cut=cut, cut_at=at, well=False)

    def corrupted(self, at: int, byte: int = 0x00) -> "Reply":
        """The same answer with one wrong byte."""
        return replace(self, body=self.body[:at] + bytes([byte]) + self.body[at + 1 :], well=False, garbled=True)

    @property
    def spoke(self) -> bool:
        """Did anything come that a caller would hear, so that whoever asked knows that it was taken up?"""
        came = self.body[: self.cut_at] if self.cut else self.body
        frames = came.split(b"\n\n")[:-1]
        return (
            self.status == 200
            and not self.garbled
            and any(b"event: trace" in frame and (b'"speak"' in frame or b'"text"' in frame) for frame in frames)
        )

    @property
    def taken(self) -> bool:
        """May the agent have acted on it? A refused connection, 401 and 429 say for sure that it has not."""
        return self.way in ("open", "reset-before-answer") and self.status not in (401, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How the agent of one number answers: each turn and each session's start in order, then always well."""

    turns: Sequence[Reply] = ()
    sessions: Sequence[Reply] = ()
    ends: Sequence[Reply] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One turn that the agent was asked for; `at` is the loop's time, `beside` says that another turn still ran."""

    at: float
    action: Mapping[str, Any]
    reply: Reply
    beside: bool = False


class BrokenAgent:
    """The agents of many numbers, one project each. Implements the gateway's `AgentTransport`."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self._scripts = scripts
        self._projects: dict[str, str] = {}  # by session key
        self._sessions_asked: dict[str, int] = {}
        self.asked: dict[str, list[Asked]] = {project: [] for project in scripts}
        self._running: dict[str, int] = {}

    async def warm(self, url: str) -> bool:
        """There is nothing to open."""
        return True

    @asynccontextmanager
    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Any]:
        """One request and its answer."""
        if (session := re.search(r"/v4/project/([^/]+)/", url)) is not None:
            reply = self._start_session(session[1])
            async with _answer(reply) as response:
                yield response
            return
        project, action = self._projects[headers["authorization"]], json.loads(body)["action"]
        reply = self._take_turn(project, action)
        self._running[project] = self._running.get(project, 0) + 1
        try:
            async with _answer(reply) as response:
                yield response
        finally:
            self._running[project] -= 1

    def _start_session(self, project: str) -> Reply:
        count = self._sessions_asked[project] = self._sessions_asked.get(project, 0) + 1
        script = self._scripts[project].sessions
        if count <= len(script):
            return script[count - 1]
        key = f"key-{project}-{count}"
        self._projects[key] = project
        return Reply(body=json.dumps({"sessionKey": key}).encode(), headers={"content-type": "application/json"})

    def _take_turn(self, project: str, action: Mapping[str, Any]) -> Reply:
        ending = action["type"] == "end"
        script = self._scripts[project].ends if ending else self._scripts[project].turns
        before = sum((asked.action["type"] == "end") == ending for asked in self.asked[project])
        reply = script[before] if before < len(script) else _well(ending)
        now, beside = asyncio.get_running_loop().time(), bool(self._running.get(project))
        self.asked[project].append(Asked(at=now, action=action, reply=reply, beside=beside))
        return reply


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def _answer(reply: Reply) -> AsyncIterator[_Response]:
    match reply.way:
        case "refused":
            raise AgentUnreachable("connection refused")
        case "connect-hang":
            await asyncio.sleep(5.0)
            raise AgentUnreachable("no connection in time")
        case "reset-before-answer":
            await asyncio.sleep(reply.after_seconds)
            raise AgentBroke("reset", answer_begun=False)
    await asyncio.sleep(reply.after_seconds)
    yield _Response(reply.status, reply.headers, _chunks(reply))


async def _chunks(reply: Reply) -> AsyncIterator[bytes]:
    whole = len(reply.body) if not reply.cut else min(reply.cut_at, len(reply.body))
    pauses = dict(reply.pauses)
    step = reply.slice_bytes or whole or 1
    borders = sorted({*range(0, whole, step), *(at for at in pauses if at <= whole), whole})
    for begin, end in pairwise(borders):
        await asyncio.sleep(pauses.get(begin, 0.0) + (reply.drip_seconds if begin else 0.0))
        yield reply.body[begin:end]
    if reply.cut == "reset":
        raise AgentBroke("reset by peer", answer_begun=True)
    if reply.cut == "stall":
        await asyncio.sleep(FOREVER_SECONDS)


def events(*traces: Mapping[str, Any]) -> bytes:
    """A streamed answer of these traces, as the agent writes it."""
    frames = (f"event: trace\nid: {n}\ndata: {json.dumps(trace)}\n\n" for n, trace in enumerate(traces, 1))
    return ("\n" + "".join(frames) + "event: end\ndata: {}\n\n").encode()


def says(words: str) -> Reply:
    """An agent that answers with these words."""
    return Reply(body=events({"type": "speak", "payload": {"type": "message", "message": words}}))


def refuses(status: int, body: bytes = b"", *, content_type: str = "application/json", **headers: str) -> Reply:
    """An agent that answers with an error status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=body, headers={"content-type": content_type} | named, well=False)


STREAMS = tuple(sorted(path.stem for path in Path(__file__).with_name("streams").glob("*.sse")))


@cache
def recorded(stream: str) -> Reply:
    """One of the recorded answers in `streams/`."""
    return Reply(body=Path(__file__).with_name("streams").joinpath(f"{stream}.sse").read_bytes())


GREETS = says("Good morning, this is the practice.")


def _well(ending: bool) -> Reply:
    return Reply(body=events()) if ending else says(BACK)
