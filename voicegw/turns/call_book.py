"""Calls as the store remembers them, and the line that each of them began with in this process."""

from collections.abc import Callable, Iterator

from voicegw.call.inputs import CallParties
from voicegw.call.moves import Line
from voicegw.call.state import CallState, load_state
from voicegw.turns.incoming import UnknownCall
from voicegw.turns.ports import CallStore


class CallBook:
    """A live call keeps the line it began with, whatever is reloaded; after a restart, the line as set now."""

    def __init__(self, store: CallStore, line_for: Callable[[CallParties], Line]) -> None:
        self._store = store
        self._line_for = line_for
        self._lines: dict[str, Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __contains__(self, call_sid: str) -> bool:
        return call_sid in self._lines

    async def load(self, call_sid: str) -> tuple[CallState, int]:
        """A call and its version. Raises `UnknownCall`, `StoreError`."""
        stored = await self._store.load_call(call_sid)
        state = load_state(stored.document) if stored else None
        if stored is None or state is None:
            raise UnknownCall(call_sid)
        return state, stored.version

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
