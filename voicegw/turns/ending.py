"""The end of a call: the agent gets its `end` exactly once, after the turn that may still run.

A turn whose caller is gone is read to its end or its budget; nothing that it still asks for is done.
"""

import asyncio
from dataclasses import replace

import structlog

from voicegw.call.answer import fold
from voicegw.call.entries import Journal
from voicegw.call.forwarding import ringing_name
from voicegw.call.inputs import HungUp
from voicegw.call.moves import Line
from voicegw.call.records import CallEnded
from voicegw.call.state import CallState, finish_call, without_words
from voicegw.errors import AgentError, StoreError
from voicegw.turns.call_book import CallBook
from voicegw.turns.ports import Agent, CallStore, TurnRequest
from voicegw.turns.runner import TurnRunner

_log = structlog.get_logger(__name__)


class CallEnder:
    """Says farewell to the agent for every call that ends, in tasks of its own."""

    def __init__(self, agent: Agent, store: CallStore, runner: TurnRunner, book: CallBook, journal: Journal) -> None:
        self._book = book
        self._journal = journal
        self._agent = agent
        self._store = store
        self._runner = runner
        self._farewells: set[asyncio.Task[None]] = set()

    async def end(self, state: CallState, version: int, line: Line, reason: str) -> None:
        """Mark the call as ended and tell the agent, unless that was done before. Raises `StaleVersion`, `StoreError`.

        The mark is saved before anything is sent: of two processes only one gets to send.
        """
        if state.end_sent:
            return
        state = replace(finish_call(state, reason), end_sent=True)
        await self._book.save(without_words(state), version)
        self._book.forget(state.call_sid)
        _log.info("call ended", call_sid=state.call_sid, reason=state.ended_reason)
        # The end may be all that this process sees of the call: the one that had it died.
        self._journal.open(state.call_sid, state.parties, line.profile, state.started_at)
        self._journal.note(state.call_sid, CallEnded(reason=state.ended_reason), state.turn)
        farewell = asyncio.create_task(self._farewell(state, line), name=f"farewell-{state.call_sid}")
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def close(self, grace_seconds: float) -> None:
        """Wait for farewells under way, at most `grace_seconds`."""
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=grace_seconds)

    async def _farewell(self, state: CallState, line: Line) -> None:
        """The task's root: what fails here is logged, the agent's own session time-out mends it."""
        try:
            if state.turn:
                progress = await self._runner.settled(state.call_sid, state.turn, begun_at=state.waiting_since)
                state, _ = fold(state, progress.instructions[state.taken :])
                self._runner.drop(state.call_sid)
            try:
                if state.session_key:
                    await self._agent.end(_last_request(state, line))
            finally:
                await self._release_names(state)
        except (AgentError, StoreError) as error:
            _log.warning("agent not told of the end", call_sid=state.call_sid, code=error.code, reason=error.brief)
        except Exception:
            _log.exception("farewell crashed", call_sid=state.call_sid)
        finally:
            self._journal.close(state.call_sid)

    async def _release_names(self, state: CallState) -> None:
        await self._store.release_name(state.user_id, state.call_sid)
        if state.forward.dialled is not None:
            await self._store.release_name(ringing_name(state.forward.dialled, state.parties), state.call_sid)


def _last_request(state: CallState, line: Line) -> TurnRequest:
    return TurnRequest(
        call_sid=state.call_sid,
        parties=state.parties,
        profile=line.profile,
        heard=HungUp(),
        user_id=state.user_id,
        session_key=state.session_key,
        launched=state.launched,
        turn=state.turn,
    )
