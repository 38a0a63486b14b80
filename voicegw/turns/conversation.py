"""One call, webhook by webhook: load its state, let the pure conduct decide, wait for the agent, save, answer.

A step is answered once: its bytes are kept, and whoever asks again (a carrier's retry, a replay) gets the same bytes
and changes nothing. One webhook of a call at a time in this process; between processes the store's version decides.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from voicegw.call.answer import begin_turn, fold, settle
from voicegw.call.conduct import hear
from voicegw.call.forward_conduct import begin_fallback
from voicegw.call.heard import estimate_heard
from voicegw.call.inputs import CallerInput, CallParties, Pressed, Said, Started
from voicegw.call.instructions import PlayAudio, Prompt
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Move, Perform, hearing_now, is_collecting, own_words
from voicegw.call.patience import Waiting
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import CallPlan, Finish, GoOn
from voicegw.call.state import CallState, Spoken, dump_state, load_state, spoken_text, start_call
from voicegw.errors import StaleVersion
from voicegw.turns.ending import CallEnder
from voicegw.turns.ports import Agent, CallStore, Performer, TurnRequest
from voicegw.turns.runner import TurnRunner

VOICE_STEP = "voice"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A call whose phone rings."""

    call_sid: str
    parties: CallParties
    line: Line
    user_id: str
    ringing: bool = True


class UnknownCall(LookupError):  # noqa: N818 (says what happened)
    """No such call is remembered: it never began here, or it was over long ago."""


class Conversations:
    """All live calls of this process."""

    def __init__(
        self,
        *,
        agent: Agent,
        store: CallStore,
        performer: Performer,
        line_for: Callable[[CallParties], Line],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._store = store
        self._performer = performer
        self._line_for = line_for
        self._clock = clock
        self._wall = wall
        self._runner = TurnRunner(agent, store, clock, wall)
        self._ender = CallEnder(agent, store, self._runner)
        self._locks: dict[str, _CountedLock] = {}
        self._lines: dict[str, Line] = {}

    @property
    def live_calls(self) -> int:
        """How many calls are live in this process."""
        return len(self._lines)

    async def ring(self, incoming: Incoming) -> bytes:
        """Answer the first webhook of a call: launch the agent, and say what it says. Idempotent."""
        waiting = Waiting(since=self._clock(), ringing=incoming.ringing)
        self._lines[incoming.call_sid] = incoming.line
        state = start_call(incoming.call_sid, incoming.parties, user_id=incoming.user_id, started_at=self._wall())
        async with self._one_at_a_time(incoming.call_sid):
            move: Move = AskAgent(Started())
            version = 1
            if not await self._store.create_call(incoming.call_sid, dump_state(state)):
                if (answer := await self._store.get_answer(incoming.call_sid, VOICE_STEP)) is not None:
                    return answer
                state, version = await self._load(incoming.call_sid)
                move = AwaitAgent() if state.turn else move
            return await self._carry_out(_Webhook(VOICE_STEP, waiting, incoming.line, version), state, move)

    async def step(self, call_sid: str, turn: int, step: int, heard: CallerInput) -> bytes:
        """Answer the webhook of one step with what was heard there. Raises `UnknownCall`, `StoreError`."""
        waiting = Waiting(since=self._clock())
        name = f"{turn}/{step}"
        async with self._one_at_a_time(call_sid):
            state, version = await self._load(call_sid)
            if (turn, step) != (state.turn, state.step):
                answer = await self._store.get_answer(call_sid, name)
                return answer if answer is not None else self._performer.point_to(state)
            line = self._line_of(state)
            state = self._note_what_was_heard(state, line, heard)
            state, move = hear(state, line, heard)
            try:
                return await self._carry_out(_Webhook(name, waiting, line, version), state, move)
            except StaleVersion:  # another process answered this very step first: its bytes are the answer
                answer = await self._store.get_answer(call_sid, name)
                if answer is None:
                    raise
                return answer

    async def hang_up(self, call_sid: str, reason: str) -> None:
        """The call is over, whoever ended it: the agent gets its `end`, exactly once."""
        async with self._one_at_a_time(call_sid):
            try:
                await self._end(call_sid, reason)
            except StaleVersion:  # another process wrote in between: what it wrote decides
                await self._end(call_sid, reason)

    async def _end(self, call_sid: str, reason: str) -> None:
        try:
            state, version = await self._load(call_sid)
        except UnknownCall:
            return
        await self._ender.end(state, version, self._line_of(state), reason)
        self._lines.pop(call_sid, None)

    async def rescue(self, call_sid: str) -> bytes:
        """The carrier could not use an answer: apologise and go on where the call stands; the second time the
        number's fallback destinations, or a goodbye. Raises `UnknownCall`, `StoreError`."""
        waiting = Waiting(since=self._clock())
        async with self._one_at_a_time(call_sid):
            state, version = await self._load(call_sid)
            line = self._line_of(state)
            state = replace(state, fallbacks_asked=state.fallbacks_asked + 1)
            if state.fallbacks_asked == 1:
                await self._store.save_call(call_sid, dump_state(state), version)
                return self._performer.apologise(state, line)
            webhook = _Webhook(f"rescue/{state.fallbacks_asked}", waiting, line, version)
            state, move = begin_fallback(replace(state, unsaid=(), after=None), line, ())
            return await self._carry_out(webhook, state, move)

    async def close(self, grace_seconds: float) -> None:
        """Let running turns and farewells finish for at most `grace_seconds`."""
        await self._runner.close(grace_seconds)
        await self._ender.close(grace_seconds)

    async def _load(self, call_sid: str) -> tuple[CallState, int]:
        stored = await self._store.load_call(call_sid)
        state = load_state(stored.document) if stored else None
        if stored is None or state is None:
            raise UnknownCall(call_sid)
        return state, stored.version

    async def _carry_out(self, webhook: "_Webhook", state: CallState, move: Move) -> bytes:
        """Follow moves until one is to be performed; every loop but the last begins or awaits a turn."""
        while True:
            match move:
                case AskAgent(heard=heard):
                    state = await self._begin(webhook, state, heard)
                    move = AwaitAgent()
                case AwaitAgent():
                    state, move = await self._await(webhook, state)
                case Perform(plan=plan):
                    return await self._perform(webhook, state, plan)

    async def _begin(self, webhook: "_Webhook", state: CallState, heard: CallerInput) -> CallState:
        if state.running:  # the call left this turn behind (escape key, forward): only its session matters now
            progress = await self._runner.settled(state.call_sid, state.turn)
            settings, _ = fold(state, progress.instructions[state.taken :])
            state = replace(state, session_key=settings.session_key, user_id=settings.user_id)
        request = turn_request(state, webhook.line, heard)
        state = begin_turn(replace(state, heard_text=""))
        # saved before the agent is asked: a restart must know that this input has been used
        webhook.version = await self._store.save_call(state.call_sid, dump_state(state), webhook.version)
        self._runner.begin(request, state.turn)
        return state

    async def _await(self, webhook: "_Webhook", state: CallState) -> tuple[CallState, Move]:
        line = webhook.line
        progress = await self._runner.wait(state.call_sid, state.turn, state.taken, webhook.waiting)
        state, prompts = fold(state, progress.instructions)
        over = progress.over
        state, move = settle(
            state,
            line,
            prompts,
            over=over is not None,
            failure=over.failure if over else "",
            permanent=bool(over and over.permanent),
        )
        if isinstance(move, Perform) and isinstance(move.plan.then, GoOn) and not move.plan.prompts:
            state, prompts = _fill(state, line)
            move = Perform(CallPlan(prompts=prompts, then=move.plan.then))
        return state, move

    async def _perform(self, webhook: "_Webhook", state: CallState, plan: CallPlan) -> bytes:
        state = replace(state, step=state.step + 1)
        performance = await self._performer.perform(state, webhook.line, plan)
        state = replace(
            state,
            unsaid=performance.unsaid,
            after=plan.then if performance.unsaid else None,
            spoken=Spoken(text=spoken_text(plan.prompts), at=self._wall()),
        )
        answered = (webhook.step, performance.answer)
        version = await self._store.save_call(state.call_sid, dump_state(state), webhook.version, answered=answered)
        if isinstance(plan.then, Finish) and not performance.unsaid:
            await self._ender.end(state, version, webhook.line, plan.then.reason)
            self._lines.pop(state.call_sid, None)
        return performance.answer

    def _line_of(self, state: CallState) -> Line:
        """A live call keeps the line it began with, whatever is reloaded; after a restart, the line as set now."""
        return self._lines.setdefault(state.call_sid, self._line_for(state.parties))

    def _note_what_was_heard(self, state: CallState, line: Line, heard: CallerInput) -> CallState:
        if not isinstance(heard, Said | Pressed) or not state.spoken.text:
            return state
        seconds = self._wall() - state.spoken.at
        endpointing = hearing_now(state, line.profile).endpointing
        text = estimate_heard(state.spoken.text, seconds, heard, endpointing)
        return replace(state, heard_text="" if text == state.spoken.text else text)

    @asynccontextmanager
    async def _one_at_a_time(self, call_sid: str) -> AsyncIterator[None]:
        held = self._locks.setdefault(call_sid, _CountedLock())
        held.users += 1
        try:
            async with held.lock:
                yield
        finally:
            held.users -= 1
            if not held.users:
                del self._locks[call_sid]


class _CountedLock:
    """A lock that is forgotten with its last user."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


@dataclass(slots=True)
class _Webhook:
    """The webhook being answered: which step, since when, for which line, and the state's version in the store."""

    step: str
    waiting: Waiting
    line: Line
    version: int


def turn_request(state: CallState, line: Line, heard: CallerInput) -> TurnRequest:
    """What the agent needs to know for one turn of this call."""
    return TurnRequest(
        call_sid=state.call_sid,
        parties=state.parties,
        profile=line.profile,
        heard=heard,
        user_id=state.user_id,
        session_key=state.session_key,
        launched=state.launched,
        buttons=state.asked.buttons,
        collecting=is_collecting(state),
        legacy_keypad=state.asked.legacy_keypad,
        heard_text=state.heard_text,
    )


def _fill(state: CallState, line: Line) -> tuple[CallState, tuple[Prompt, ...]]:
    """Something to hear while the agent is busy: its tool's sound, else a filler, never the same twice running."""
    if state.agent.hold_sound.startswith("https://"):
        return state, (PlayAudio(source=state.agent.hold_sound),)
    filler = own_words(PhraseName.FILLER, state, line.profile, variant=state.fillers)
    return replace(state, fillers=state.fillers + 1), (filler,)
