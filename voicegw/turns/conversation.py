"""All live calls of this process, webhook by webhook.

A step is answered once: its bytes are kept, and whoever asks again (a carrier's retry, a replay) gets the same bytes
and changes nothing. One webhook of a call at a time in this process; between processes the store's version decides.
"""

from collections.abc import Callable
from typing import TypeVar

import structlog

from voicegw.call.conduct import end_if_too_long, go_on_after_loss, is_abandoned
from voicegw.call.entries import Journal, NoJournal
from voicegw.call.forward_conduct import begin_fallback
from voicegw.call.forwarding import ringing_name
from voicegw.call.heard import note_heard, words_before_cut
from voicegw.call.inputs import CallerInput, CallParties, ForwardEnded, Order, Started, StayedSilent
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Move, opening_words
from voicegw.call.orders import end_reason, hear_with_orders
from voicegw.call.records import Failed
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Phase, start_call
from voicegw.call.streaming import hear_after_stream
from voicegw.errors import StaleVersion
from voicegw.turns.answering import Answering
from voicegw.turns.call_book import CallBook
from voicegw.turns.call_in_hand import Desk
from voicegw.turns.ending import CallEnder
from voicegw.turns.incoming import Incoming, UnknownCall, is_our_own_leg
from voicegw.turns.orders import OrderDesk, OrderResult
from voicegw.turns.ports import Agent, CallStore, CarrierControl, Performer, Streams
from voicegw.turns.runner import TurnRunner
from voicegw.turns.telling import tell_input, tell_ring, tell_webhook

__all__ = ["VOICE_STEP", "Conversations", "Incoming", "OrderResult", "UnknownCall"]

VOICE_STEP = (0, 0)
# The first answer of a turn in mid-call comes this soon: a filler after 2.5 s, or a late sentence
STEP_ANSWERED_SECONDS = 4.0

_Streams = TypeVar("_Streams", bound=Streams)
_log = structlog.get_logger(__name__)


class Conversations:
    """Answers the webhooks of all calls, and ends them. `clock` is monotonic, `wall` epoch seconds."""

    def __init__(
        self,
        *,
        agent: Agent,
        store: CallStore,
        performer: Performer,
        line_for: Callable[[CallParties], Line],
        clock: Callable[[], float],
        wall: Callable[[], float],
        journal: Journal | None = None,
        control: CarrierControl | None = None,
    ) -> None:
        journal = journal or NoJournal()
        self._journal = journal
        self._store = store
        self._wall = wall
        self._book = CallBook(store, line_for)
        runner = TurnRunner(agent, store, clock, wall, journal)
        ender = CallEnder(agent, store, runner, self._book, journal)
        self._desk = Desk(runner, ender, self._book, store, performer, clock, wall, journal)
        self._answering = Answering(self._desk, self._book)
        self._orders = OrderDesk(journal, control, self._book)

    def stream_through(self, carry: Callable[[Desk, CallBook], _Streams]) -> _Streams:
        """Hear and speak through what `carry` makes, in calls of numbers that are set to; before the first call."""
        self._answering.streams = self._orders.streams = streams = carry(self._desk, self._book)
        return streams

    @property
    def live_calls(self) -> int:
        """How many calls are live in this process."""
        return len(self._book)

    async def ring(self, incoming: Incoming) -> bytes:
        """Answer the first webhook of a call: launch the agent, and say what it says. Idempotent."""
        waiting = self._answering.waiting(incoming.since, ringing=incoming.ringing)
        call_sid, line = incoming.call_sid, incoming.line
        state = start_call(call_sid, incoming.parties, user_id=incoming.user_id, started_at=self._wall())
        state = revise(state, unsaid=opening_words(state, line.profile))
        async with self._answering.alone_with(call_sid):
            move: Move = AskAgent(Started())
            version = 1
            if not await self._book.create(state):
                if (answer := await self._store.get_answer(call_sid, _name(*VOICE_STEP))) is not None:
                    return answer
                state, version = await self._book.load(call_sid)
                move = AwaitAgent() if state.turn else move
            else:
                tell_ring(self._journal, state, line)
            self._book.enter(call_sid, line)
            tell_webhook(self._journal, state, line, "voice")
            return await self._answering.answer(_name(*VOICE_STEP), waiting, line, version, state, move)

    async def first_answer(self, call_sid: str) -> bytes | None:
        """How the first webhook of a call was answered; None if it has not been. Raises `StoreError`."""
        return await self._store.get_answer(call_sid, _name(*VOICE_STEP))

    def is_live(self, call_sid: str) -> bool:
        """Is this call one of `live_calls`?"""
        return call_sid in self._book

    async def step(
        self,
        call_sid: str,
        turn: int,
        step: int,
        heard: CallerInput,
        *,
        again: bool = False,
        since: float | None = None,
    ) -> bytes:
        """Answer the webhook of one step with what was heard there. Raises `UnknownCall`, `StoreError`.

        `again`: it is asked for once more, and if nothing was heard now, what was heard the first time is lost.
        `since`: when the webhook came in (monotonic seconds; None: now).
        """
        waiting = self._answering.waiting(since)
        async with self._answering.alone_with(call_sid):
            state, version = await self._book.load(call_sid)
            name = _name(turn, step)
            line = self._book.line_of(state)
            if (turn, step) != (state.turn, state.step):
                # Step 0 of a turn is nobody's: its answer is under way elsewhere, or could not be kept here.
                here = not state.step and self._desk.runner.has(call_sid, state.turn)
                patience = 0.0 if state.step or again or here else STEP_ANSWERED_SECONDS
                if (answer := await self._answering.elsewhere(call_sid, name, patience)) is not None:
                    return answer
                if here:
                    return await self._answering.answer(name, waiting, line, version, state, AwaitAgent())
                return self._desk.performer.point_to(state)
            state, version = await self._answering.take_back(state, version)
            if isinstance(heard, ForwardEnded) and state.forward.dialled is not None:
                await self._store.release_name(ringing_name(state.forward.dialled, state.parties), call_sid)
            tell_webhook(self._journal, state, line, name)
            before_cut = words_before_cut(state, line, heard, self._wall())
            tell_input(self._journal, state, line, heard, before_cut)
            state = note_heard(state, heard, before_cut, self._wall())
            lost = again and isinstance(heard, StayedSilent)
            state, move = end_if_too_long(state, line, self._wall()) or (
                go_on_after_loss(state, line) if lost else hear_with_orders(state, line, heard)
            )
            return await self._answering.answer(name, waiting, line, version, state, move)

    async def order(self, call_sid: str, order: Order, *, by: str = "", at_once: bool = True) -> OrderResult:
        """Give a live call, of whichever process, an order: it is kept, and carried out at the call's next webhook;
        `at_once` has the carrier interrupt the call for it, where there is a way. `by`: who gives it, for the log.

        Raises `UnknownCall`, `OrderRefused`, `StoreError`.
        """
        return await self._orders.take(call_sid, order, by=by, at_once=at_once)

    async def come_for_order(self, call_sid: str, number: int, *, since: float | None = None) -> bytes:
        """Answer the webhook that an interruption for the call's order `number` brings: the caller has not been silent,
        nothing was listened to. Raises `UnknownCall`, `StoreError`."""
        waiting = self._answering.waiting(since)
        name = f"ordered/{number}"
        async with self._answering.alone_with(call_sid):
            state, version = await self._book.load(call_sid)
            if (answer := await self._store.get_answer(call_sid, name)) is not None:
                return answer
            state, version = await self._answering.take_back(state, version)
            line = self._book.line_of(state)
            tell_webhook(self._journal, state, line, name)
            state, move = end_if_too_long(state, line, self._wall()) or hear_with_orders(state, line, None)
            return await self._answering.answer(name, waiting, line, version, state, move)

    async def follow_stream(self, call_sid: str, number: int, *, since: float | None = None) -> bytes:
        """Answer the webhook that comes once stream `number` of a call is over, however it ended. Raises `UnknownCall`,
        `StoreError`."""
        waiting = self._answering.waiting(since)
        name = f"stream/{number}"
        async with self._answering.alone_with(call_sid):
            state, version = await self._book.load(call_sid)
            if (answer := await self._store.get_answer(call_sid, name)) is not None:
                return answer
            if number != state.stream.count:
                return self._desk.performer.point_to(state)
            if self._answering.streams.closing:
                return self._desk.performer.ask_again(state)
            state, version = await self._answering.take_back(state, version)
            line = self._book.line_of(state)
            tell_webhook(self._journal, state, line, name)
            state, move = end_if_too_long(state, line, self._wall()) or hear_after_stream(state, line)
            return await self._answering.answer(name, waiting, line, version, state, move)

    async def hang_up(self, call_sid: str, reason: str) -> None:
        """The call is over, whoever ended it: the agent gets its `end`, exactly once."""
        async with self._answering.alone_with(call_sid):
            await self._answering.streams.leave(call_sid)
            try:
                await self._end(call_sid, reason)
            except StaleVersion:  # another process wrote in between: what it wrote decides
                await self._end(call_sid, reason)

    async def rescue(
        self, call_sid: str, request_name: str, failed_step: tuple[int, int] | None = None, error_code: str = ""
    ) -> bytes:
        """The carrier could not use an answer: apologise, and go on with the answer that was lost on its way, or where
        the call stands; the second time the number's fallback destinations, or a goodbye. Raises `UnknownCall`,
        `StoreError`.

        `failed_step` is what the URL that failed asks for (`VOICE_STEP`: the first webhook). Idempotent for one
        `request_name`, by which the carrier's request is known when it comes again.
        """
        waiting = self._answering.waiting()
        async with self._answering.alone_with(call_sid):
            state, version = await self._book.load(call_sid)
            name = f"rescue/{request_name}"
            if (answer := await self._store.get_answer(call_sid, name)) is not None:
                return answer
            state, version = await self._answering.take_back(state, version)
            state = revise(state, fallbacks_asked=state.fallbacks_asked + 1)
            line = self._book.line_of(state)
            self._journal.open(call_sid, state.parties, line.profile, state.started_at)
            self._journal.note(call_sid, Failed(part="carrier", code=f"carrier-{error_code}"), state.turn)
            lost = failed_step and await self._store.get_answer(call_sid, _name(*failed_step)) is not None
            if state.end_sent and not lost:
                return self._desk.performer.point_to(state)
            if state.fallbacks_asked > 1:
                state, move = begin_fallback(state, line, ())
                return await self._answering.answer(name, waiting, line, version, state, move)
            if not lost and state.phase is not Phase.THINKING:
                return await self._answering.answer(name, waiting, line, version, *go_on_after_loss(state, line))
            state = state if lost else revise(state, step=state.step + 1)
            answer = self._desk.performer.apologise(state, line, again=failed_step if lost else None)
            await self._book.save(state, version, (name, answer))
            return answer

    async def look(self, call_sid: str) -> tuple[CallState, Line]:
        """A call as it stands, and its line. Raises `UnknownCall`, `StoreError`."""
        state, _ = await self._book.load(call_sid)
        return state, self._book.line_of(state)

    async def is_our_own_forward(self, parties: CallParties) -> bool:
        """Is this new call a leg that we are just dialling, sent back to us by whom we dialled?"""
        return await is_our_own_leg(self._store, parties)

    async def reap(self) -> int:
        """End calls whose end no one has reported; returns how many those were."""
        reaped = 0
        known = set(self._book)
        live = await self._store.live_calls()
        for call_sid in known.difference(live):  # another process saw them end
            self._book.forget(call_sid)
            self._desk.runner.drop(call_sid)
        for call_sid in live:
            try:
                state, _ = await self._book.load(call_sid)
            except UnknownCall:
                continue
            if is_abandoned(state, self._wall()):
                _log.warning("call reaped", call_sid=call_sid)
                await self.hang_up(call_sid, "reaped")
                reaped += 1
        return reaped

    async def close(self, grace_seconds: float) -> None:
        """Let running turns and farewells finish for at most `grace_seconds`; streams are closed in between, so that
        what follows them leads their calls to another process."""
        await self._desk.runner.finish(grace_seconds)
        await self._answering.streams.close()
        await self._desk.runner.close()
        await self._desk.ender.close(grace_seconds)

    async def _end(self, call_sid: str, reason: str) -> None:
        try:
            state, version = await self._book.load(call_sid)
        except UnknownCall:
            return
        await self._desk.ender.end(state, version, self._book.line_of(state), end_reason(state, reason))


def _name(turn: int, step: int) -> str:
    """Under which name the answer of a step is kept."""
    return f"{turn}/{step}"
