"""One webhook of a call, from the conduct's first move to the answer's bytes: begin turns, wait for them, perform.

What is decided is pure and lives in `voicegw.call`; here it meets the agent, the store and the clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from voicegw.call.addresses import RefusalReason, line_of
from voicegw.call.answer import begin_turn, fold, settle
from voicegw.call.conduct import hear
from voicegw.call.entries import Journal
from voicegw.call.forwarding import ringing_name
from voicegw.call.inputs import CallerInput, ForwardEnded, ForwardOutcome, Pressed, Said
from voicegw.call.instructions import PlayAudio, Prompt, Say
from voicegw.call.moves import AskAgent, AwaitAgent, Line, Move, Perform, is_collecting, own_words
from voicegw.call.orders import take_over_orders
from voicegw.call.patience import Waiting
from voicegw.call.phrases import PhraseName
from voicegw.call.plan import CallPlan, DialLeg, Finish, GoOn, Leg, Listen, still_to_do
from voicegw.call.records import ForwardFinished, TurnBegan
from voicegw.call.revising import revise
from voicegw.call.state import CallState, Spoken, dump_state, is_filler, load_state, spoken_text
from voicegw.errors import StaleVersion
from voicegw.turns.ending import CallEnder
from voicegw.turns.ports import CallStore, Performer, TurnRequest
from voicegw.turns.progress import Progress
from voicegw.turns.runner import TurnRunner
from voicegw.turns.telling import tell_answer

_HOUR_SECONDS = 3600

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every webhook needs, whichever call it is of. `clock` is monotonic, `wall` gives epoch seconds."""

    runner: TurnRunner
    ender: CallEnder
    store: CallStore
    performer: Performer
    clock: Callable[[], float]
    wall: Callable[[], float]
    journal: Journal


class Webhook:
    """The webhook being answered: which step, since when, for which line, and the state's version in the store."""

    def __init__(self, desk: Desk, *, step: str, waiting: Waiting, line: Line, version: int) -> None:
        self._desk = desk
        self._step = step
        self._waiting = waiting
        self._line = line
        self._version = version

    async def answer(self, state: CallState, move: Move) -> bytes:
        """Follow moves until one is to be performed; every loop but the last begins or awaits a turn."""
        while True:
            match move:
                case AskAgent(heard=heard):
                    state = await self._begin(state, heard)
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

    async def _begin(self, state: CallState, heard: CallerInput) -> CallState:
        state = self._tell_what_happened(state)
        if state.running:  # the call has left this turn behind: what matters now is whether it began the conversation
            progress = await self._so_far(state)
            settings, _ = fold(state, progress.instructions)
            state = revise(
                state, session_key=settings.session_key, user_id=settings.user_id, launched=settings.launched
            )
        request = turn_request(state, self._line, heard)
        state = begin_turn(revise(state, heard_text="", waiting_since=self._desk.wall()), heard)
        # saved before the agent is asked: a restart must know that this input has been used
        state = await self._save(state)
        self._desk.journal.note(state.call_sid, TurnBegan(heard=heard.kind), state.turn)
        self._desk.runner.begin(replace(request, turn=state.turn), state.turn)
        return state

    async def _await(self, state: CallState) -> tuple[CallState, Move]:
        words_at = self._waiting.since if state.unsaid else None
        progress = await self._desk.runner.wait(
            state.call_sid, state.turn, state.taken, self._waiting, words_at, begun_at=state.waiting_since
        )
        return self._settle(state, progress)

    async def _glance(self, state: CallState, otherwise: tuple[CallState, Move]) -> tuple[CallState, Move]:
        progress = await self._so_far(state)
        return self._settle(state, progress) if progress.is_news() else otherwise

    async def _so_far(self, state: CallState) -> Progress:
        # a turn begins where waiting does; what the caller adds to it meanwhile only makes us more patient
        return await self._desk.runner.so_far(state.call_sid, state.turn, state.taken, begun_at=state.waiting_since)

    def _settle(self, state: CallState, progress: Progress) -> tuple[CallState, Move]:
        state, prompts = fold(state, progress.instructions)
        over = progress.over
        return settle(
            state,
            self._line,
            prompts,
            over=over is not None,
            failure=over.failure if over else "",
            permanent=bool(over and over.permanent),
            waited_seconds=self._desk.wall() - state.waiting_since,
        )

    async def _perform(self, state: CallState, plan: CallPlan) -> bytes:
        state = revise(self._tell_what_happened(state), step=state.step + 1)
        performance = await self._desk.performer.perform(state, self._line, plan)
        if isinstance(plan.then, GoOn) and not (plan.prompts and performance.audible):
            state, filler = _fill(state, self._line)
            plan = replace(plan, prompts=filler)
            performance = await self._desk.performer.perform(state, self._line, plan)
        state = revise(
            state,
            unsaid=performance.unsaid,
            after=still_to_do(plan.then, complete=performance.complete),
            repeatable=_repeatable(state, plan),
            spoken=Spoken(text=spoken_text(plan.prompts), at=self._desk.wall(), filler=is_filler(plan.prompts)),
        )
        state = await self._save(state, answered=(self._step, performance.answer))
        seconds = self._desk.clock() - self._waiting.since
        tell_answer(self._desk.journal, state, plan, performance, self._step, seconds)
        if isinstance(plan.then, Finish) and performance.complete:
            await self._desk.ender.end(state, self._version, self._line, plan.then.reason)
        return performance.answer

    async def _save(self, state: CallState, answered: tuple[str, bytes] | None = None) -> CallState:
        """Keep the state, and in it the orders that were placed since it was read. Raises `StaleVersion` where anybody
        wrote anything else."""
        while True:
            try:
                self._version = await self._desk.store.save_call(
                    state.call_sid, dump_state(state), self._version, answered=answered, live=not state.end_sent
                )
            except StaleVersion:
                stored = await self._desk.store.load_call(state.call_sid)
                found = load_state(stored.document) if stored else None
                if stored is None or found is None:
                    raise
                placed = found.orders_placed - state.orders_placed
                if not placed or placed != stored.version - self._version:
                    raise
                self._version, state = stored.version, take_over_orders(state, found)
            else:
                return state

    def _tell_what_happened(self, state: CallState) -> CallState:
        for record in state.happened:
            self._desk.journal.note(state.call_sid, record, state.turn)
        return revise(state, happened=()) if state.happened else state

    async def _may_dial(self, state: CallState, leg: Leg) -> bool:
        """Counts the attempt against the destination's hourly cap, and notes that it rings on behalf of this call."""
        counted = await self._desk.store.count(f"forward/{line_of(leg.address)}", _HOUR_SECONDS)
        if counted > self._line.profile.forwarding.max_per_destination_per_hour:
            _log.warning("forward over its hourly cap", call_sid=state.call_sid)
            return False
        await self._desk.store.claim_name(ringing_name(leg, state.parties), state.call_sid)
        return True


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
        sensitive=state.agent.sensitive and isinstance(heard, Said | Pressed),
    )


def _repeatable(state: CallState, plan: CallPlan) -> tuple[Prompt, ...]:
    """What is worth saying again, should a delimiter that belongs to the last entry cut it off."""
    if not state.entry_full or not isinstance(plan.then, Listen | GoOn):
        return ()
    return tuple(prompt for prompt in plan.prompts if not (isinstance(prompt, Say) and prompt.filler))


def _fill(state: CallState, line: Line) -> tuple[CallState, tuple[Prompt, ...]]:
    """Something to hear while the agent is busy: its tool's sound, else a filler, never the same twice running."""
    sound = next((sound for _, sound in reversed(state.agent.tools) if sound.startswith("https://")), "")
    if sound:
        return state, (PlayAudio(source=sound),)
    filler = own_words(PhraseName.FILLER, state, line.profile, variant=state.fillers)
    return revise(state, fillers=state.fillers + 1), (filler,)
