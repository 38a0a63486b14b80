"""One webhook of a call, from the conduct's first move to the answer's bytes: begin turns, wait for them, perform.

What is decided is pure and lives in `voicegw.call`; a call that we hear and speak ourselves is answered at once by the
way to a stream, which takes over from there.
"""

from dataclasses import replace

import structlog

from voicegw.call.addresses import RefusalReason, line_of
from voicegw.call.conduct import hear
from voicegw.call.forwarding import ringing_name
from voicegw.call.inputs import ForwardEnded, ForwardOutcome
from voicegw.call.instructions import Prompt, Say
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Move, Perform, go_on
from voicegw.call.patience import Waiting
from voicegw.call.plan import CallPlan, DialLeg, Finish, GoOn, Leg, Listen, still_to_do
from voicegw.call.records import ForwardFinished
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Spoken, is_filler, spoken_text
from voicegw.call.streaming import is_streamed, needs_stream, note_webhook, open_stream
from voicegw.turns.call_in_hand import CallInHand, Desk
from voicegw.turns.ports import Performance, Streams
from voicegw.turns.telling import tell_answer

_HOUR_SECONDS = 3600

_log = structlog.get_logger(__name__)


class Webhook:
    """The webhook being answered: which step, since when, for which line, and the state's version in the store."""

    def __init__(self, desk: Desk, streams: Streams, *, step: str, waiting: Waiting, line: Line, version: int) -> None:
        self._desk = desk
        self._streams = streams
        self._step = step
        self._waiting = waiting
        self._line = line
        self._call = CallInHand(desk, line, version)

    async def answer(self, state: CallState, move: Move) -> bytes:
        """Follow moves until one is to be performed; every loop but the last begins or awaits a turn."""
        while True:
            match move:
                case AskAgent(heard=heard):
                    state = await self._call.begin(state, heard)
                    move = AwaitAgent()
                case AwaitAgent(otherwise=otherwise):
                    state, move = await self._glance(state, otherwise) if otherwise else await self._await(state)
                case Perform(plan=plan):
                    if isinstance(plan.then, DialLeg) and not await self._may_dial(state, plan.then.leg):
                        told = ForwardFinished(
                            outcome="refused", address=plan.then.leg.address, reason=RefusalReason.HOURLY_LIMIT
                        )
                        self._desk.journal.note(state.call_sid, told, state.turn)
                        refused = ForwardEnded(outcome=ForwardOutcome.REFUSED)
                        state, move = hear(revise(state, unsaid=plan.prompts), self._line, refused)
                        continue
                    return await self._perform(state, plan)

    async def _await(self, state: CallState) -> tuple[CallState, Move]:
        if is_streamed(state, self._line):  # a stream follows the turn better than any webhook could
            going_on = CallPlan(prompts=state.unsaid, then=go_on(state, self._line.profile))
            return revise(state, unsaid=()), Perform(going_on)
        words_at = self._waiting.since if state.unsaid else None
        progress = await self._desk.runner.wait(
            state.call_sid, state.turn, state.taken, self._waiting, words_at, begun_at=state.waiting_since
        )
        return self._call.settle(state, progress)

    async def _glance(self, state: CallState, otherwise: tuple[CallState, Move]) -> tuple[CallState, Move]:
        progress = await self._call.so_far(state)
        return self._call.settle(state, progress) if progress.is_news() else otherwise

    async def _perform(self, state: CallState, plan: CallPlan) -> bytes:
        state = revise(note_webhook(self._call.tell_what_happened(state)), step=state.step + 1)
        if needs_stream(state, self._line, plan):
            return await self._connect(state, plan)
        performance = await self._desk.performer.perform(state, self._line, plan)
        if isinstance(plan.then, GoOn) and not (plan.prompts and performance.audible):
            state, filler = self._call.fill(state)
            plan = replace(plan, prompts=filler)
            performance = await self._desk.performer.perform(state, self._line, plan)
        state = revise(
            state,
            unsaid=performance.unsaid,
            after=still_to_do(plan.then, complete=performance.complete),
            repeatable=_repeatable(state, plan),
            spoken=Spoken(text=spoken_text(plan.prompts), at=self._desk.wall(), filler=is_filler(plan.prompts)),
        )
        state = await self._keep(state, plan, performance)
        if isinstance(plan.then, Finish) and performance.complete:
            await self._desk.ender.end(state, self._call.version, self._line, plan.then.reason)
        return performance.answer

    async def _connect(self, state: CallState, plan: CallPlan) -> bytes:
        """Everything of `plan` is left to the stream."""
        state = revise(open_stream(state, plan), spoken=Spoken(at=self._desk.wall()))
        performance = Performance(self._desk.performer.connect(state), unsaid=plan.prompts, complete=False)
        state = await self._keep(state, plan, performance)
        self._streams.prepare(state, self._call.version, self._line)
        return performance.answer

    async def _keep(self, state: CallState, plan: CallPlan, performance: Performance) -> CallState:
        state = await self._call.save(state, answered=(self._step, performance.answer))
        seconds = self._desk.clock() - self._waiting.since
        tell_answer(self._desk.journal, state, plan, performance, self._step, seconds)
        return state

    async def _may_dial(self, state: CallState, leg: Leg) -> bool:
        """Counts the attempt against the destination's hourly cap, and notes that it rings on behalf of this call."""
        counted = await self._desk.store.count(f"forward/{line_of(leg.address)}", _HOUR_SECONDS)
        if counted > self._line.profile.forwarding.max_per_destination_per_hour:
            _log.warning("forward over its hourly cap", call_sid=state.call_sid)
            return False
        await self._desk.store.claim_name(ringing_name(leg, state.parties), state.call_sid)
        return True


def _repeatable(state: CallState, plan: CallPlan) -> tuple[Prompt, ...]:
    """What is worth saying again, should a delimiter that belongs to the last entry cut it off."""
    if not state.entry_full or not isinstance(plan.then, Listen | GoOn):
        return ()
    return tuple(prompt for prompt in plan.prompts if not (isinstance(prompt, Say) and prompt.filler))
