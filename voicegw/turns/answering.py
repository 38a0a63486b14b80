"""Webhooks answered one at a time for each call, and each once: who comes second gets what the first one got."""

import asyncio
from contextlib import AbstractAsyncContextManager

from voicegw.call.moves import Line, Move
from voicegw.call.patience import Waiting
from voicegw.call.state import CallState
from voicegw.errors import StaleVersion
from voicegw.turns.call_book import CallBook
from voicegw.turns.call_in_hand import Desk
from voicegw.turns.locks import NamedLocks
from voicegw.turns.no_streams import NoStreams
from voicegw.turns.ports import Streams
from voicegw.turns.webhook import Webhook

ANSWERED_ELSEWHERE_SECONDS = 10.0
_POLL_SECONDS = 0.1


class Answering:
    """One webhook of a call at a time in this process; between processes the store's version decides."""

    def __init__(self, desk: Desk, book: CallBook) -> None:
        self.streams: Streams = NoStreams()
        self._desk = desk
        self._book = book
        self._locks = NamedLocks()

    def alone_with(self, call_sid: str) -> AbstractAsyncContextManager[object]:
        """No other webhook of the call meanwhile."""
        return self._locks.hold(call_sid)

    async def take_back(self, state: CallState, version: int) -> tuple[CallState, int]:
        """The call as it stands once its stream, if it has one here, has given it back: a carrier that asks what comes
        next has left the stream. Not for a webhook that may be a replay. Raises `UnknownCall`, `StoreError`."""
        if not await self.streams.leave(state.call_sid):
            return state, version
        return await self._book.load(state.call_sid)

    @property
    def held(self) -> int:
        """Of how many calls a webhook is being answered now."""
        return len(self._locks)

    def waiting(self, since: float | None = None, *, ringing: bool = False) -> Waiting:
        """A webhook that came in at `since` (monotonic seconds; None: now)."""
        return Waiting(since=self._desk.clock() if since is None else since, ringing=ringing)

    async def answer(
        self, step: str, waiting: Waiting, line: Line, version: int, state: CallState, move: Move
    ) -> bytes:
        """The bytes for `step`, kept under that name. Raises `StoreError`."""
        webhook = Webhook(self._desk, self.streams, step=step, waiting=waiting, line=line, version=version)
        try:
            return await webhook.answer(state, move)
        except StaleVersion:  # another process has this very step: its bytes are the answer
            answer = await self.elsewhere(state.call_sid, step, ANSWERED_ELSEWHERE_SECONDS)
            if answer is None:
                raise
            return answer

    async def elsewhere(self, call_sid: str, step: str, seconds: float) -> bytes | None:
        """How `step` was answered, by whichever process, at most `seconds` from now; None if it was not."""
        deadline = self._desk.clock() + seconds
        # another process writes the answer: there is nothing to be woken by
        while (answer := await self._desk.store.get_answer(call_sid, step)) is None and self._desk.clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        return answer
