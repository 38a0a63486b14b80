"""Conversations in virtual time: an agent that follows a script, a performer that writes plain JSON."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from voicegw.call.inputs import CallerInput, CallParties, Pressed, Said, StayedSilent
from voicegw.call.instructions import Instruction, Say, SessionOpened
from voicegw.call.moves import Line
from voicegw.call.plan import CallPlan
from voicegw.call.profile import NumberProfile
from voicegw.call.state import CallState, load_state
from voicegw.errors import AgentError, StoreError
from voicegw.simulator.virtual_time import VirtualTimeLoop
from voicegw.store.memory import MemoryStore
from voicegw.turns.conversation import Conversations, Incoming
from voicegw.turns.ports import CallStore, Performance, TurnRequest

CALL_SID = "CA" + "1" * 32
PARTIES = CallParties(caller_number="+14155550123", called_number="+15005550006")
EPOCH = 1_700_000_000.0
Step = Instruction | AgentError | Exception | float
"""What a scripted turn does next: bring an instruction, break, or rest for so many seconds."""


def now() -> float:
    return asyncio.get_running_loop().time()


def wall() -> float:
    return EPOCH + now()


class ScriptedAgent:
    """Answers turn after turn as `script` says; opens a session in the first. Knows how many turns ran at once."""

    def __init__(self, *script: list[Step]) -> None:
        self.script = list(script)
        self.asked: list[TurnRequest] = []
        self.asked_at: list[float] = []
        self.ended: list[TurnRequest] = []
        self.ended_at: list[float] = []
        self.end_breaks: AgentError | None = None
        self.sessions = 0
        self.running: dict[str, int] = {}
        self.most_at_once = 0
        self.broken_off = 0

    @property
    def heard(self) -> list[CallerInput]:
        return [request.heard for request in self.asked]

    async def take_turn(self, turn: TurnRequest, give: Callable[[Instruction], None]) -> None:
        self.asked.append(turn)
        self.asked_at.append(now())
        steps = self.script.pop(0) if self.script else [Say(text=f"Answer {len(self.asked)}.")]
        self.running[turn.call_sid] = self.running.get(turn.call_sid, 0) + 1
        self.most_at_once = max(self.most_at_once, self.running[turn.call_sid])
        whole = False
        try:
            if not turn.session_key:
                self.sessions += 1
                give(SessionOpened(session_key=f"key-{self.sessions}", user_id=turn.user_id))
            for step in steps:
                match step:
                    case float() | int():
                        await asyncio.sleep(step)
                    case Exception():
                        whole = True
                        raise step
                    case _:
                        give(step)
            whole = True
        finally:
            self.broken_off += not whole
            self.running[turn.call_sid] -= 1

    async def end(self, turn: TurnRequest) -> None:
        self.ended.append(turn)
        self.ended_at.append(now())
        if self.end_breaks is not None:
            raise self.end_breaks

    async def warm(self, profile: NumberProfile) -> None:
        """Nothing to open."""


class PlainPerformer:
    """What is said, what then, and which step comes next, as JSON; `per_answer` prompts fit into one answer."""

    per_answer = 99

    async def perform(self, state: CallState, line: Line, plan: CallPlan) -> Performance:
        said, unsaid = plan.prompts[: self.per_answer], plan.prompts[self.per_answer :]
        words = [prompt.text if isinstance(prompt, Say) else getattr(prompt, "source", "audio") for prompt in said]
        then = "more" if unsaid else plan.then.kind
        answer = {"say": words, "then": then, "next": f"{state.turn}/{state.step}"}
        return Performance(json.dumps(answer).encode(), unsaid, complete=not unsaid)

    def apologise(self, state: CallState, line: Line, again: tuple[int, int] | None = None) -> bytes:
        turn, step = again or (state.turn, state.step)
        answer = {"say": ["Sorry."], "then": "go-on", "next": f"{turn}/{step}", "language": line.profile.language}
        return json.dumps(answer).encode()

    def connect(self, state: CallState) -> bytes:
        return json.dumps({"say": [], "then": "stream", "next": f"{state.turn}/{state.step}"}).encode()

    def ask_again(self, state: CallState) -> bytes:
        return self.connect(state)

    def point_to(self, state: CallState) -> bytes:
        return json.dumps({"say": [], "then": "go-on", "next": f"{state.turn}/{state.step}"}).encode()


class FlakyStore(MemoryStore):
    """A memory store whose methods can be made to fail, and which counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(wall=wall, lifetime_seconds=1e6)
        self.broken: set[str] = set()
        self.saves = 0

    def break_down(self, *methods: str) -> None:
        self.broken = set(methods)

    def _may(self, method: str) -> None:
        if method in self.broken:
            raise StoreError("the disk is full", retryable=True)

    async def create_call(self, *args: Any) -> bool:
        self._may("create_call")
        return await super().create_call(*args)

    async def load_call(self, *args: Any) -> Any:
        self._may("load_call")
        return await super().load_call(*args)

    async def save_call(self, *args: Any, **options: Any) -> int:
        self._may("save_call")
        self.saves += 1
        return await super().save_call(*args, **options)

    async def append_turn(self, *args: Any, **options: Any) -> None:
        self._may("append_turn")
        await super().append_turn(*args, **options)

    async def release_name(self, *args: Any) -> None:
        self._may("release_name")
        await super().release_name(*args)


@dataclass
class Answer:
    """One webhook's answer: when it came (seconds after it was asked), and what it says."""

    content: bytes
    after: float

    @property
    def plain(self) -> dict[str, Any]:
        found = json.loads(self.content)
        assert isinstance(found, dict)
        return found

    @property
    def say(self) -> list[str]:
        return list(self.plain["say"])

    @property
    def then(self) -> str:
        return str(self.plain["then"])

    @property
    def next(self) -> tuple[int, int]:
        turn, step = self.plain["next"].split("/")
        return int(turn), int(step)


@dataclass
class Phone:
    """One call, webhook by webhook, as a carrier makes it; `at` is the step that it was told to ask next."""

    agent: ScriptedAgent
    profile: NumberProfile = field(default_factory=NumberProfile)
    call_sid: str = CALL_SID
    parties: CallParties = PARTIES
    store: CallStore = field(default_factory=FlakyStore)
    performer: PlainPerformer = field(default_factory=PlainPerformer)
    at: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.conversations = self.process()

    def process(self, store: CallStore | None = None, agent: ScriptedAgent | None = None, **more: Any) -> Conversations:
        """Another process of the same gateway, on the same store unless told otherwise."""
        return Conversations(
            agent=agent or self.agent,
            store=store or self.store,
            performer=self.performer,
            line_for=self.line_for,
            clock=now,
            wall=wall,
            **more,
        )

    @property
    def line(self) -> Line:
        return Line(self.profile, frozenset({"+15005550006"}))

    def line_for(self, parties: CallParties) -> Line:
        """The line of the number that was called: there is only this one."""
        assert parties.called_number == self.parties.called_number
        return self.line

    async def ring(self, *, ringing: bool = True, since: float | None = None) -> Answer:
        incoming = Incoming(
            call_sid=self.call_sid,
            parties=self.parties,
            line=self.line,
            user_id=self.call_sid,
            ringing=ringing,
            since=since,
        )
        return await self._timed(self.conversations.ring(incoming))

    async def step(self, heard: CallerInput, *, at: tuple[int, int] | None = None) -> Answer:
        turn, step = at or self.at
        return await self._timed(self.conversations.step(self.call_sid, turn, step, heard))

    async def say(self, text: str) -> Answer:
        return await self.step(Said(text=text))

    async def press(self, keys: str, ended_by: str = "") -> Answer:
        return await self.step(Pressed(keys=keys, ended_by=ended_by))

    async def silence(self) -> Answer:
        return await self.step(StayedSilent())

    async def come(self, order: int) -> Answer:
        """The webhook that the interruption for this order brings."""
        return await self._timed(self.conversations.come_for_order(self.call_sid, order))

    async def state(self) -> CallState:
        stored = await self.store.load_call(self.call_sid)
        assert stored is not None
        state = load_state(stored.document)
        assert state is not None
        return state

    async def _timed(self, answering: Awaitable[bytes]) -> Answer:
        began = now()
        answer = Answer(await answering, now() - began)
        self.at = answer.next
        return answer


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, type[VirtualTimeLoop]]:
    """Tests of this room run on a clock that jumps."""
    return {"virtual-time": VirtualTimeLoop}


@pytest.fixture
def call() -> Callable[..., Phone]:
    """Makes a phone whose agent follows a script: one list for each turn."""

    def make(*script: list[Step], **fields: Any) -> Phone:
        return Phone(agent=ScriptedAgent(*script), **fields)

    return make
