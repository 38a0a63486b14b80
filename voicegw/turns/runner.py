"""Turns as tasks of the process: each outlives the webhook that began it, and its progress goes to the store.

One turn at a time per call. Whoever waits for a turn sees it here if this process runs it, else in the store; a turn
whose process died shows no sign of life and counts as lost.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf

import structlog

from voicegw.call.bridging import is_bridged
from voicegw.call.entries import Journal
from voicegw.call.instructions import (
    STILL_ANSWERING,
    AgentDown,
    HoldSound,
    Instruction,
    Note,
    Overdue,
    Prompt,
    SessionOpened,
    proves_launch,
)
from voicegw.call.patience import SENTENCE_GRACE_SECONDS, TURN_LIFETIME_SECONDS, Waiting, budget_seconds
from voicegw.call.records import Failed, Noted, Record, TurnEnded, WordsReady
from voicegw.errors import AgentError, AgentNotConfigured, StoreError
from voicegw.turns.ports import Agent, CallStore, StoredTurn, TurnRequest
from voicegw.turns.progress import Progress, TurnOver, dump_entry, load_progress
from voicegw.turns.running import RunningTurn

BEAT_SECONDS = 2.0
LOST_AFTER_SECONDS = 8.0
_POLL_SECONDS = 0.25

_log = structlog.get_logger(__name__)


class TurnRunner:
    """Begins turns, keeps them going when nobody waits, and lets webhooks wait for them."""

    def __init__(
        self,
        agent: Agent,
        store: CallStore,
        clock: Callable[[], float],
        wall: Callable[[], float],
        journal: Journal,
    ) -> None:
        self._journal = journal
        self._agent = agent
        self._store = store
        self._clock = clock
        self._wall = wall
        self._turns: dict[str, RunningTurn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def begin(self, request: TurnRequest, turn: int) -> None:
        """Begin a turn. A turn of the same call that still runs here was left behind: it is broken off first."""
        running = RunningTurn(request, turn)
        before = self._turns.get(request.call_sid)
        if before is not None and before.over is None and before.task is not None:
            before.task.cancel()
        self._turns[request.call_sid] = running
        running.task = asyncio.create_task(self._run(running, before), name=f"turn-{turn}-{request.call_sid}")

    async def wait(
        self,
        call_sid: str,
        turn: int,
        taken: int,
        waiting: Waiting,
        words_at: float | None = None,
        *,
        begun_at: float = 0.0,
    ) -> Progress:
        """What the turn has brought beyond `taken`, once it is over or as soon as `waiting` says to answer.

        `words_at` is since when there is something to say from elsewhere; `begun_at` as in `so_far`.
        """
        running = self._turns.get(call_sid)
        if running is None or running.turn != turn:
            return await self._wait_elsewhere(call_sid, turn, taken, waiting, words_at, begun_at)
        while running.over is None:
            deadline = waiting.answer_at(words_at if words_at is not None else running.first_words_at(taken))
            if self._clock() >= deadline or not await running.changed_before(deadline, self._clock):
                break
        return running.progress(taken)

    async def so_far(self, call_sid: str, turn: int, taken: int = 0, *, begun_at: float = 0.0) -> Progress:
        """Everything a turn has brought until now beyond `taken`. A turn that another process began at `begun_at`
        (epoch seconds) is given time for its first sign of life."""
        running = self._turns.get(call_sid)
        if running is not None and running.turn == turn:
            return running.progress(taken)
        stored = await self._store.read_turn(call_sid, turn)
        return self._read_stored(stored or StoredTurn((), over=False, beat_at=begun_at), taken)

    async def news(self, call_sid: str, turn: int, taken: int, *, begun_at: float = 0.0) -> Progress:
        """What the turn has brought beyond `taken`, as soon as there is anything, or that it is over."""
        while True:
            running = self._turns.get(call_sid)
            here = running if running is not None and running.turn == turn else None
            progress = here.progress(taken) if here else await self.so_far(call_sid, turn, taken, begun_at=begun_at)
            if progress.instructions or progress.over is not None:
                return progress
            if here is not None:
                await here.changed_before(self._clock() + BEAT_SECONDS, self._clock)
            else:
                await asyncio.sleep(_POLL_SECONDS)

    async def settled(self, call_sid: str, turn: int, *, begun_at: float = 0.0) -> Progress:
        """Everything a turn brought, once it is over (its lifetime bounds the wait)."""
        running = self._turns.get(call_sid)
        if running is not None and running.turn == turn:
            while running.over is None:
                await running.changed_before(self._clock() + BEAT_SECONDS, self._clock)
            return running.progress(0)
        while True:  # another process runs it, or ran it before it died
            progress = await self.so_far(call_sid, turn, begun_at=begun_at)
            if progress.over is not None:
                return progress
            await asyncio.sleep(BEAT_SECONDS)

    def has(self, call_sid: str, turn: int) -> bool:
        """Was this turn begun here?"""
        running = self._turns.get(call_sid)
        return running is not None and running.turn == turn

    def drop(self, call_sid: str) -> None:
        """Forget a call's finished turn."""
        running = self._turns.get(call_sid)
        if running is not None and running.over is not None:
            del self._turns[call_sid]

    async def finish(self, grace_seconds: float) -> None:
        """Let running turns come to their end, for at most `grace_seconds`."""
        if tasks := self._unfinished():
            await asyncio.wait(tasks, timeout=grace_seconds)

    async def close(self) -> None:
        """Break off what still runs."""
        late = self._unfinished()
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _unfinished(self) -> list[asyncio.Task[None]]:
        return [turn.task for turn in self._turns.values() if turn.task is not None and not turn.task.done()]

    async def _run(self, running: RunningTurn, before: RunningTurn | None) -> None:
        request = running.request
        try:
            if before is not None and before.task is not None:
                if not before.task.done():
                    await asyncio.wait({before.task})
                await self._inherit(running, before)
            over = await self._carry(running)
        except AgentError as error:
            _log.warning(
                "turn failed", call_sid=request.call_sid, turn=running.turn, code=error.code, reason=error.brief
            )
            self._note(running, Failed(part="agent", code=error.code, reason=str(error)))
            over = TurnOver(failure=error.code, permanent=isinstance(error, AgentNotConfigured))
        except asyncio.CancelledError:
            broken_off = TurnOver(failure="turn-cancelled")
            self._tell(running, (), broken_off)
            running.show(running.arrivals.take(), self._clock(), broken_off)
            raise
        except Exception:  # the task's root: the caller hears the failure phrase, the operator reads the traceback
            _log.exception("turn crashed", call_sid=request.call_sid, turn=running.turn)
            self._note(running, Failed(part="gateway", code="turn-crashed"))
            over = TurnOver(failure="turn-crashed")
        await self._bring(running, running.arrivals.take(), over)

    async def _inherit(self, running: RunningTurn, before: RunningTurn) -> None:
        """What a turn that the call left behind found out too late for it: its session, and that it launched."""
        opened = [item for item in before.instructions if isinstance(item, SessionOpened)]
        launched = before.over is not None and not before.over.failure
        launched = launched or any(proves_launch(item) for item in before.instructions)
        if launched and not running.request.launched:
            running.request = replace(running.request, launched=True)
        if opened and opened[-1].session_key != running.request.session_key:
            session = opened[-1]
            running.request = replace(running.request, session_key=session.session_key, user_id=session.user_id)
            await self._bring(running, [session])

    async def _carry(self, running: RunningTurn) -> TurnOver:
        """Bring the agent's answer in, batch by batch, to its end or as long as a turn may live at all.

        Past its budget a turn is `Overdue`: the caller is apologised to, and a late answer is still welcome. What
        came with the answer's end is left to be brought together with it.
        """
        lives_until = self._clock() + TURN_LIFETIME_SECONDS
        overdue_at = self._clock() + budget_seconds(open_tools=0)
        open_tools: set[str] = set()
        bridged = False
        reading = asyncio.create_task(self._read(running))
        try:
            while (now := self._clock()) < lives_until:
                wake_at = min(lives_until, overdue_at if overdue_at > now else lives_until, now + BEAT_SECONDS)
                if not await running.arrivals.come_before(wake_at, self._clock):
                    late = now < overdue_at <= self._clock()
                    await self._bring(running, [Overdue()] if late else [])
                    continue
                if running.arrivals.ended:
                    await reading  # raises what broke the answer off
                    return TurnOver()
                arrived = running.arrivals.take()
                for sound in (item for item in arrived if isinstance(item, HoldSound)):
                    (open_tools.add if sound.playing else open_tools.discard)(sound.tool_id)
                bridged = is_bridged(arrived, bridged)
                overdue_at = inf if bridged else self._clock() + budget_seconds(open_tools=len(open_tools))
                lives_until = inf if bridged else min(lives_until, self._clock() + TURN_LIFETIME_SECONDS)
                await self._bring(running, arrived)
        finally:
            if not reading.done():
                reading.cancel()
                await asyncio.wait({reading})
        return TurnOver(failure="agent-slow")

    async def _read(self, running: RunningTurn) -> None:
        """Take the agent's answer as it arrives, in a task of its own: a time-out on reading would break it off."""
        try:
            await self._agent.take_turn(running.request, running.arrivals.put)
        finally:
            running.arrivals.end()

    async def _bring(self, running: RunningTurn, arrived: Sequence[Instruction], over: TurnOver | None = None) -> None:
        """Show what has arrived (nothing: a sign of life) to whoever waits, and write it: the store does what it is
        asked for in turn, so that nothing a webhook makes of it is kept, and then answered, before it.

        A store that fails costs only what other processes could have seen.
        """
        self._tell(running, arrived, over)
        running.show(arrived, self._clock(), over)
        entries = [*arrived, over] if over is not None else arrived
        try:
            await self._store.append_turn(
                running.request.call_sid,
                running.turn,
                tuple(dump_entry(entry) for entry in entries),
                over=over is not None,
            )
        except StoreError as error:
            _log.warning("turn progress not kept", call_sid=running.request.call_sid, reason=str(error))
            self._note(running, Failed(part="store", code=error.code, reason="turn progress not kept"))

    def _tell(self, running: RunningTurn, arrived: Sequence[Instruction], over: TurnOver | None) -> None:
        """The journal learns of first words, of what only it wants to know, and of the turn's end."""
        if not running.words_at and any(isinstance(item, Prompt) for item in arrived):
            self._note(running, WordsReady())
        for item in arrived:
            match item:
                case Note(about=about, fields=fields) if about != STILL_ANSWERING:
                    self._note(running, Noted(about=about, fields=fields))
                case Overdue():
                    self._note(running, Noted(about="agent-overdue"))
                case AgentDown(code=code):
                    self._note(running, Failed(part="agent", code=code))
                case _:
                    pass
        if over is not None and running.over is None:
            self._note(running, TurnEnded(failure=over.failure, permanent=over.permanent))

    def _note(self, running: RunningTurn, record: Record) -> None:
        self._journal.note(running.request.call_sid, record, running.turn)

    async def _wait_elsewhere(
        self, call_sid: str, turn: int, taken: int, waiting: Waiting, words_at: float | None, begun_at: float
    ) -> Progress:
        """Follow a turn that another process runs, or ran before it died."""
        while True:
            progress = await self.so_far(call_sid, turn, taken, begun_at=begun_at)
            if words_at is None and progress.has_words():
                words_at = self._clock() - SENTENCE_GRACE_SECONDS
            if progress.over is not None or self._clock() >= waiting.answer_at(words_at):
                return progress
            await asyncio.sleep(_POLL_SECONDS)

    def _read_stored(self, stored: StoredTurn, taken: int) -> Progress:
        """A turn that shows no sign of life any more died with its process, whatever it had brought before."""
        progress = load_progress(stored.entries, taken)
        if progress.over is None and self._wall() - stored.beat_at > LOST_AFTER_SECONDS:
            return Progress(instructions=progress.instructions, over=TurnOver(failure="turn-lost"))
        return progress
