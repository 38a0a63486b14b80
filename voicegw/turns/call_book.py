"""Calls as the store remembers them, and the line that each of them began with in this process: the one way in and out
of a call's state."""

from collections.abc import Callable, Iterator

from voicegw.call.inputs import CallParties
from voicegw.call.moves import Line
from voicegw.call.revising import revise
from voicegw.call.state import CallState, dump_state, load_state
from voicegw.turns.incoming import UnknownCall
from voicegw.turns.ports import CallStore


class CallBook:
    """A live call keeps the line it began with, whatever is reloaded; after a restart, the line as set now."""

    def __init__(self, store: CallStore, line_for: Callable[[CallParties], Line]) -> None:
        self._store = store
        self._line_for = line_for
        self._lines: dict[str, Line] = {}
        self._written: dict[str, tuple[bytes, CallState]] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __contains__(self, call_sid: str) -> bool:
        return call_sid in self._lines

    async def create(self, state: CallState) -> bool:
        """Keep a new call as version 1; False if it is known already. Raises `StoreError`."""
        return await self._store.create_call(state.call_sid, dump_state(state))

    async def load(self, call_sid: str) -> tuple[CallState, int]:
        """A call and its version. Raises `UnknownCall`, `StoreError`."""
        stored = await self._store.load_call(call_sid)
        if stored is None:
            raise UnknownCall(call_sid)
        document, state = self._written.get(call_sid, (b"", None))
        if stored.document != document:
            state = load_state(stored.document)
        if state is None:
            raise UnknownCall(call_sid)
        return state, stored.version

    async def save(self, state: CallState, version: int, answered: tuple[str, bytes] | None = None) -> int:
        """Keep the state in place of `version`, and with it the answer to a step; returns the new version. Raises
        `StaleVersion`, `StoreError`.

        What was written here is known here: as long as nobody else writes, it need not be read from JSON again.
        """
        document = dump_state(state)
        version = await self._store.save_call(
            state.call_sid, document, version, answered=answered, live=not state.end_sent
        )
        if state.call_sid in self._lines:
            self._written[state.call_sid] = document, state if not state.happened else revise(state, happened=())
        return version

    def enter(self, call_sid: str, line: Line) -> None:
        """A call begins on `line`."""
        self._lines[call_sid] = line

    def line_of(self, state: CallState) -> Line:
        """The line of a call that is live here from now on."""
        if state.end_sent:
            return self._line_for(state.parties)
        if state.call_sid not in self._lines:
            self._lines[state.call_sid] = self._line_for(state.parties)
        return self._lines[state.call_sid]

    def peek_line(self, state: CallState) -> Line:
        """The line of a call that may be live in another process."""
        return self._lines.get(state.call_sid) or self._line_for(state.parties)

    def forget(self, call_sid: str) -> None:
        """The call is over, or has left this process."""
        self._lines.pop(call_sid, None)
        self._written.pop(call_sid, None)
