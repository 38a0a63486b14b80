"""One answer of the agent as it is heard, trace by trace: what it asks of the call, a sign of life where it asks for
nothing, and text that waits too long for its end. Knows no session and no call."""

import asyncio
from collections.abc import Callable, Iterable

from voicegw.call.instructions import STILL_ANSWERING, Instruction, Note
from voicegw.call.records import Record
from voicegw.voiceflow.planner import SPEAKING_TRACES, Planner
from voicegw.voiceflow.trace_digest import TraceDigest
from voicegw.voiceflow.traces import Trace

TEXT_PATIENCE_SECONDS = 1.5
"""Text that is no whole sentence yet is said once nothing has come for so long."""
SIGN_OF_LIFE_SECONDS = 5.0
"""Traces that ask nothing of the call show at least so often that the agent is at work: a turn's budget runs from
its last trace, and whoever keeps it sees only instructions."""
WORDLESS_SECONDS = 120.0
"""So long such traces count as work (as an open tool does); then an agent that only babbles has used up its turn."""


class Hearing:
    """Gives what `planner` makes of the traces to `give`, in batches, and what they were to `note`. Has a timer while
    text is held back: close it."""

    def __init__(
        self, planner: Planner, give: Callable[[Iterable[Instruction]], None], note: Callable[[Record], None]
    ) -> None:
        self._planner = planner
        self._give = give
        self._note = note
        self._digest = TraceDigest()
        self._loop = asyncio.get_running_loop()
        self._gave_at = self._spoke_at = self._held_since = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def receive(self, trace: Trace) -> None:
        """One more trace has come."""
        for record in self._digest.receive(trace):
            self._note(record)
        now = self._loop.time()
        if self._timer is None or isinstance(trace, SPEAKING_TRACES):
            self._held_since = now
        self._bring(self._planner.receive(trace), now)
        self._stop_timer()
        if self._planner.text_pending:
            self._timer = self._loop.call_at(self._held_since + TEXT_PATIENCE_SECONDS, self._flush)

    def finish(self, *, clean: bool) -> None:
        """The answer is over; not `clean`: it broke off."""
        self._stop_timer()
        self._give(self._planner.finish(clean=clean))

    def close(self) -> None:
        """No more is heard, whether the answer is over or not."""
        self._stop_timer()
        for record in self._digest.finish():
            self._note(record)

    def _flush(self) -> None:
        self._timer = None
        self._bring(self._planner.flush_text(), self._loop.time())

    def _bring(self, instructions: list[Instruction], now: float) -> None:
        if instructions:
            self._spoke_at = now
        elif now - self._gave_at >= SIGN_OF_LIFE_SECONDS and now - self._spoke_at < WORDLESS_SECONDS:
            instructions = [Note(about=STILL_ANSWERING)]
        else:
            return
        self._gave_at = now
        self._give(instructions)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
