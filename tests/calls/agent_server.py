"""An agent server that answers what a test wants: the v4 API over ASGI, sliced at random borders, keeping what it got.

It holds its side of the contract (a new session of a user ends the old one, a turn streams trace by trace) and writes
down what the gateway must never do to it: two turns at once, actions without a session.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Trace = Any
Action = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Traces, each sent so many seconds after the one before, and how the answer ends.

    `mishap`: refused with 500 before any trace, or cut off after the last.
    """

    timed: Sequence[tuple[float, Trace]] = ()
    mishap: Literal["", "refused", "cut-off"] = ""


@dataclass(slots=True)
class AgentSession:
    """One session: whose it is, which call it belongs to, and what was sent in it."""

    user_id: str
    key: str
    call_sid: str = ""
    actions: list[Action] = field(default_factory=list)
    running: int = 0
    displaced: bool = False


class AgentServer:
    """`answer(action, session)` gives the answer of each turn; `chance` decides how its bytes are cut."""

    def __init__(self, answer: Callable[[Action, AgentSession], Answer], chance: Random) -> None:
        self._answer = answer
        self._chance = chance
        self._sessions: list[AgentSession] = []
        self._calls_of_users: dict[str, str] = {}
        self.wrongs: list[str] = []
        self._told: list[tuple[float, str, Action, Answer]] = []

    def sessions_of(self, call_sid: str) -> list[AgentSession]:
        """The sessions in which this call was talked about."""
        return [session for session in self._sessions if session.call_sid == call_sid]

    def actions_of(self, call_sid: str) -> list[Action]:
        """What the agent was told about one call, in order (a call has one live session at a time)."""
        return [action for session in self.sessions_of(call_sid) for action in session.actions]

    def transcript(self, call_sid: str) -> str:
        """The agent's side of a call, for people to read; times as in the report of a call placed at once."""
        told = [entry for entry in self._told if entry[1] == call_sid]
        return "\n".join(
            f"{at - told[0][0]:8.2f}  {dump(action)[:200]} -> {answer.mishap} "
            + " ".join(f"+{delay_seconds:.2f} {dump(trace)[:160]}" for delay_seconds, trace in answer.timed)
            for at, _, action, answer in told
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        body = json.loads((await receive())["body"])
        key = dict(scope["headers"])[b"authorization"].decode()
        path = scope["path"]
        if path.endswith("/session"):
            await _send_json(send, 200, {"sessionKey": self._open(body["userID"]).key})
            return
        session = next((known for known in self._sessions if known.key == key and not known.displaced), None)
        if session is None:
            await _send_json(send, 401, {"code": 401, "status": "Unauthorized", "data": "Auth Key Required"})
            return
        await self._take_turn(session, body, path.endswith("/stream"), send)

    def _open(self, user_id: str) -> AgentSession:
        """The vendor: "If a session already exists for this user, the existing session will end."""
        for session in self._sessions:
            if session.user_id == user_id:
                session.displaced = True
        call_sid = self._calls_of_users.get(user_id, "")
        opened = AgentSession(user_id, f"key-{len(self._sessions)}-{self._chance.getrandbits(32)}", call_sid)
        self._sessions.append(opened)
        return opened

    async def _take_turn(self, session: AgentSession, body: Any, streamed: bool, send: Any) -> None:
        action = body["action"]
        session.call_sid = body.get("variables", {}).get("call_sid", "") or session.call_sid
        self._calls_of_users[session.user_id] = session.call_sid
        if any(other.running for other in self.sessions_of(session.call_sid)):
            self.wrongs.append(f"{action['type']} came while a turn ran ({session.call_sid})")
        session.actions.append(action)
        answer = self._answer(action, session)
        self._told.append((asyncio.get_running_loop().time(), session.call_sid, action, answer))
        session.running += 1
        try:
            if answer.mishap == "refused":
                await _send_json(send, 500, {"message": "the test wants a failure"})
            elif streamed:
                await self._send_events(answer, send)
            else:
                await self._send_whole(answer, send)
        finally:
            session.running -= 1

    async def _send_events(self, answer: Answer, send: Any) -> None:
        await _begin(send, b"text/event-stream")
        held = b"\n"  # the vendor's body opens with a blank line
        for number, (delay_seconds, trace) in enumerate(answer.timed):
            if delay_seconds:
                await self._send_sliced(held, send)
                held = b""
                await asyncio.sleep(delay_seconds)
            held += f"event: trace\nid: {number}\ndata: {dump(trace)}\n\n".encode()
            if self._chance.random() < 0.5:
                # an event may wait for its last bytes until the next one is due
                border = self._chance.randrange(len(held) + 1)
                await self._send_sliced(held[:border], send)
                held = held[border:]
        if answer.mishap:
            await self._send_sliced(held, send)
            return  # no end of the body: the connection is cut
        await self._send_sliced(held + b"event: end\ndata: {}\n\n", send)
        await send({"type": "http.response.body", "body": b""})

    async def _send_sliced(self, content: bytes, send: Any) -> None:
        borders = sorted(self._chance.randrange(len(content) + 1) for _ in range(self._chance.randrange(4)))
        for begin, end in zip([0, *borders], [*borders, len(content)], strict=True):
            if end > begin:
                await send({"type": "http.response.body", "body": content[begin:end], "more_body": True})

    async def _send_whole(self, answer: Answer, send: Any) -> None:
        await asyncio.sleep(sum(delay_seconds for delay_seconds, _ in answer.timed))
        body = f'{{"traces": [{",".join(dump(trace) for _, trace in answer.timed)}]}}'.encode()
        await _begin(send, b"application/json")
        if answer.mishap:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            return
        await send({"type": "http.response.body", "body": body})


def at_once(traces: Iterable[Trace]) -> Answer:
    """All traces without any delay."""
    return Answer([(0.0, trace) for trace in traces])


def dump(trace: Trace) -> str:
    """A trace as it stands on the wire: plain letters, and lone surrogates as escapes, as `JSON.stringify` does."""
    text = json.dumps(trace, ensure_ascii=False, separators=(",", ":"))
    return text if _is_utf8(text) else json.dumps(trace, separators=(",", ":"))


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


async def _begin(send: Any, content_type: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})


async def _send_json(send: Any, status: int, body: object) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
