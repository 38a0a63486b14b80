"""`CallJournal`: dates what happens on calls, hides what must not be kept, and hands it to every sink.

Redaction comes before anybody else sees a record (`call.redaction`). Knows no database and no carrier.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

import structlog

from voicegw.call.entries import Entry, Sink
from voicegw.call.inputs import CallParties
from voicegw.call.profile import NumberProfile
from voicegw.call.records import Noted, Record
from voicegw.call.redaction import CallRedactor

MAX_OPEN_CALLS = 20_000
"""Calls that nobody ever closes must not pile up; the longest open are forgotten, and then kept hidden."""

_log = structlog.get_logger(__name__)


Defer = Callable[[Callable[[], None]], object]
"""Has something done a moment later, as `loop.call_later` does."""


@dataclass(frozen=True, slots=True)
class _OpenCall:
    began: float  # on the monotonic clock
    redactor: CallRedactor


class CallJournal:
    """Implements `call.entries.Journal`: every record goes, dated and redacted, to each of `sinks` in turn.

    `clock` gives monotonic seconds, `wall` epoch seconds. With `defer`, what is noted is dated at once, and the rest of
    the work is done a moment later for all that has come by then: no caller waits for it. Never waits, never raises.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        defer: Defer | None = None,
    ) -> None:
        self._sinks = tuple(sinks)
        self._defer = defer
        self._noted: list[tuple[CallRedactor | None, str, float, float, int, Record]] = []
        self._clock = clock
        self._wall = wall
        self._open: OrderedDict[str, _OpenCall] = OrderedDict()
        self._complained: set[int] = set()

    def open(self, call_sid: str, parties: CallParties, profile: NumberProfile, started_at: float) -> None:  # noqa: ARG002
        """The call is dated from `started_at` (epoch seconds) and redacted as `profile` says. Idempotent."""
        if call_sid in self._open:
            return
        while len(self._open) >= MAX_OPEN_CALLS:
            self._open.popitem(last=False)
        # A call that another process began has been going on for as long as the wall clocks say.
        age = max(0.0, self._wall() - started_at)
        self._open[call_sid] = _OpenCall(self._clock() - age, CallRedactor(profile))

    def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
        """This happened just now. Of a call that is not open everything is hidden, and its offset is 0."""
        call = self._open.get(call_sid)
        redactor, offset = (call.redactor, self._clock() - call.began) if call else (None, 0.0)
        self._noted.append((redactor, call_sid, self._wall(), offset, turn, record))
        if self._defer is None:
            self.flush()
        elif len(self._noted) == 1:
            self._defer(self.flush)

    def close(self, call_sid: str) -> None:
        """Nothing more comes of this call. Idempotent."""
        self._open.pop(call_sid, None)

    def flush(self) -> None:
        """Redact and hand over what was noted and has waited."""
        noted, self._noted = self._noted, []
        entries = [
            Entry(call_sid=call_sid, at=at, offset=offset, turn=turn, record=self._redacted(redactor, record))
            for redactor, call_sid, at, offset, turn, record in noted
        ]
        for sink in self._sinks:
            for entry in entries:
                try:
                    sink.receive(entry)
                except Exception as error:  # a sink's fault is nobody else's: neither a call's nor another sink's
                    self._complain(sink, error, "a sink of the journal fails; said once")

    def _redacted(self, redactor: CallRedactor | None, record: Record) -> Record:
        try:
            return (redactor or CallRedactor(None)).redact(record)
        except Exception as error:  # what cannot be redacted is not kept
            self._complain(self, error, "a record could not be redacted and is not kept")
            return Noted(about="unredacted-record", fields={"kind": record.kind})

    def _complain(self, about: object, error: Exception, message: str) -> None:
        # Once for each: the log of an outage must not outgrow the calls. The error's own text may hold what a caller
        # said, so only its class and place are told.
        if id(about) in self._complained:
            return
        self._complained.add(id(about))
        last = extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        _log.error(message, by=type(about).__name__, error=type(error).__name__, place=place)
