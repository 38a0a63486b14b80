"""The stream calls of this process. Implements `turns.ports.Streams`; a carrier's socket comes here with its call."""

import asyncio

import structlog

from voicegw.call.moves import Line
from voicegw.call.state import CallState
from voicegw.errors import StoreError
from voicegw.live.call import LiveCall
from voicegw.live.ports import PromptSource, Realtime, Recorder, Speech, StreamLine
from voicegw.turns.call_book import CallBook
from voicegw.turns.call_in_hand import CallInHand, Desk
from voicegw.turns.incoming import UnknownCall

_log = structlog.get_logger(__name__)


class LiveCalls:
    """At most one live stream of each call."""

    def __init__(
        self,
        desk: Desk,
        book: CallBook,
        speech: Speech,
        prompts: PromptSource,
        realtime: Realtime | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._desk = desk
        self._book = book
        self._speech = speech
        self._prompts = prompts
        self._realtime = realtime
        self._recorder = recorder
        self._calls: dict[str, LiveCall] = {}
        self.closing = False

    def __len__(self) -> int:
        return len(self._calls)

    def prepare(self, state: CallState, version: int, line: Line) -> None:
        """Begin the call before its stream comes: the agent's turn is followed, the first words are made."""
        in_hand = CallInHand(self._desk, line, version)
        call = LiveCall(in_hand, state, self._speech, self._prompts, self._forget, self._realtime, self._recorder)
        self._calls[state.call_sid] = call

    async def open(self, call_sid: str, number: int, line: StreamLine) -> LiveCall | None:
        """The call whose stream `number` has come. None where there is no such call, or no stream of it is expected."""
        call = self._calls.get(call_sid)
        if call is None or call.number != number:
            try:
                state, version = await self._book.load(call_sid)
            except (UnknownCall, StoreError):
                return None
            if self.closing or self._calls.get(call_sid) is not call or not _is_expected(state, number):
                return None
            self.prepare(state, version, self._book.line_of(state))
            call = self._calls[call_sid]
        return call if await call.claim(line) else None

    async def leave(self, call_sid: str) -> bool:
        """See `Streams.leave`."""
        call = self._calls.get(call_sid)
        if call is not None:
            await call.leave("carrier-stopped")
        return call is not None

    def notice_order(self, call_sid: str) -> bool:
        """See `Streams.notice_order`."""
        call = self._calls.get(call_sid)
        if call is None:
            return False
        call.notice_order()
        return True

    async def close(self) -> None:
        """See `Streams.close`."""
        self.closing = True
        await asyncio.gather(*(call.leave("moved") for call in list(self._calls.values())))

    def _forget(self, call: LiveCall) -> None:
        if self._calls.get(call.call_sid) is call:
            del self._calls[call.call_sid]


def _is_expected(state: CallState, number: int) -> bool:
    stream = state.stream
    return stream.open and not stream.claimed and stream.count == number and not state.end_sent
