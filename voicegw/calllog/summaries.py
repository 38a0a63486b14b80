"""`CallSummary`: folds the entries of one call into its rows of `calls` and `turns`. Pure.

Of a live call it keeps only what its rows still need: the transcript so far, and the times of the last two turns.
"""

from datetime import UTC, datetime

from sqlalchemy import String

from voicegw.call.entries import Entry
from voicegw.call.outcomes import outcome_of, reaches_human
from voicegw.call.records import (
    CallEnded,
    CallerSpoke,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    PromptBegan,
    PromptSounded,
    Record,
    StepAnswered,
    TurnBegan,
    TurnEnded,
)
from voicegw.call.waterfall import TIMED, TurnTimes, Waterfall
from voicegw.calllog.full_text import MAX_TRANSCRIPT_CHARS
from voicegw.calllog.schema import calls, turns

Row = dict[str, object]

LIVE = "live"
_LENGTHS = {
    column.name: column.type.length
    for table in (turns, calls)
    for column in table.c
    if isinstance(column.type, String) and column.type.length
}
_CUT_OFF = "…"
_LAST_INSTANT = 253_402_300_799.0  # 9999-12-31: no date is later
_LATE = frozenset({StepAnswered, PromptSounded})  # what may still come of a turn that is over
# What the call's own row tells: most records cost nothing here.
_TOLD = frozenset(
    {CallEnded, CallerSpoke, CallRang, Failed, ForwardFinished, ForwardTried, KeysPressed, PromptBegan, TurnBegan}
)


class CallSummary:
    """One call, entry by entry in the order of their coming. `count`: how many there were; `changed`: the call's row
    is not what it was when it was last taken."""

    def __init__(self, call_sid: str) -> None:
        self.call_sid = call_sid
        self.count = 0
        self.changed = True
        self.ended = False
        self._row: Row = {
            "call_sid": fit("call_sid", call_sid),
            "started_at": 0.0,
            "day": "",
            "caller_number": "",
            "called_number": "",
            "caller_name": "",
            "mode": "",
            "outcome": LIVE,
            "ended_reason": "",
            "ended_at": None,
            "seconds": None,
            "turns": 0,
            "failures": 0,
            "last_failure": "",
            "forwards": 0,
        }
        self._started_at = 0.0
        self._failures = 0
        self._forwards = 0
        self._reached_human = False
        self._transcript = _Transcript()
        self._turns = _LatestTurns()

    def add(self, entry: Entry) -> None:
        """Take the call's next entry in."""
        if not self.count:
            self._date(entry.at - entry.offset)
        self.count += 1
        kind = type(entry.record)
        if kind in TIMED:
            self._turns.add(entry)
        if kind in _TOLD:
            self._tell(entry, entry.record)

    def take_call_row(self) -> Row:
        """The call's row of `calls`, with the transcript once the call has ended."""
        self.changed = False
        return self._row | {"transcript": str(self._transcript) if self.ended else ""}

    def take_turn_rows(self) -> list[Row]:
        """The rows of `turns` of those turns that are over and of which something new is known."""
        shared = {name: self._row[name] for name in ("call_sid", "called_number", "day")}
        return [{**shared, **_turn_row(times)} for times in self._turns.take_finished()]

    def _tell(self, entry: Entry, record: Record) -> None:
        match record:
            case CallerSpoke(text=text):
                self._transcript.add("caller", text)
            case KeysPressed(keys=keys):
                self._transcript.add("keys", keys)
            case PromptBegan(text=text, filler=False):
                self._transcript.add("agent", text)
            case TurnBegan():
                self._change(turns=self._turns.count)
            case Failed(code=code):
                self._failures += 1
                self._change(failures=self._failures, last_failure=fit("last_failure", code))
            case ForwardTried():
                self._forwards += 1
                self._change(forwards=self._forwards)
            case ForwardFinished():
                self._reached_human |= reaches_human(record)
            case CallRang():
                self._ring(entry, record)
            case CallEnded(reason=reason):
                self._end(entry, reason)
            case _:
                pass

    def _change(self, **columns: object) -> None:
        self._row.update(columns)
        self.changed = True

    def _date(self, started_at: float) -> None:
        self._started_at = started_at
        day = datetime.fromtimestamp(min(max(started_at, 0.0), _LAST_INSTANT), UTC).date().isoformat()
        self._change(started_at=started_at, day=day)

    def _ring(self, entry: Entry, rang: CallRang) -> None:
        self._date(entry.at - entry.offset)
        self._change(
            caller_number=fit("caller_number", rang.caller_number),
            called_number=fit("called_number", rang.called_number),
            caller_name=fit("caller_name", rang.caller_name),
            mode=fit("mode", rang.mode),
        )

    def _end(self, entry: Entry, reason: str) -> None:
        if self.ended:  # the first reason stays
            return
        self.ended = True
        self._turns.end()
        self._change(
            outcome=outcome_of(reason, reached_human=self._reached_human).value,
            ended_reason=fit("ended_reason", reason),
            ended_at=entry.at,
            # an entry of a call that the journal does not know has no offset
            seconds=max(0.0, entry.offset or entry.at - self._started_at),
        )


class _Transcript:
    """Who said what, a line each, as long as it is searched."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._room = MAX_TRANSCRIPT_CHARS

    def add(self, who: str, text: str) -> None:
        if not text or self._room <= 0:
            return
        line = f"{who}: {' '.join(_storable(text).split())}"
        if len(line) > self._room:
            line = line[: self._room] + _CUT_OFF
        self._room -= len(line) + 1
        self._lines.append(line)

    def __str__(self) -> str:
        return "\n".join(self._lines)


class _LatestTurns:
    """The times of the last two turns; older turns have their rows for good."""

    def __init__(self) -> None:
        self.count = 0
        self._waterfall = Waterfall()
        self._latest: list[int] = []
        self._over: set[int] = set()
        self._due: set[int] = set()
        self._finished: dict[int, TurnTimes] = {}

    def add(self, entry: Entry) -> None:
        """Take in an entry with a record of the kinds in `TIMED`."""
        self._waterfall.add(entry)
        kind = type(entry.record)
        if kind is TurnBegan:
            self._begin(entry.turn)
        elif kind is TurnEnded and entry.turn in self._latest:
            self._over.add(entry.turn)
            self._due.add(entry.turn)
        elif kind in _LATE and entry.turn in self._over:
            self._due.add(entry.turn)

    def end(self) -> None:
        """No turn of the call goes on."""
        self._due.update(turn for turn in self._latest if turn not in self._over)

    def take_finished(self) -> list[TurnTimes]:
        for turn in self._latest:
            self._finish(turn)
        self._due.clear()
        finished, self._finished = self._finished, {}
        return list(finished.values())

    def _begin(self, turn: int) -> None:
        self.count = max(self.count, turn)
        if turn in self._latest:  # told twice
            return
        self._latest.append(turn)
        if len(self._latest) > 2:
            passed = self._latest.pop(0)
            self._finish(passed)
            self._over.discard(passed)
            self._due.discard(passed)
            self._waterfall.forget(passed)

    def _finish(self, turn: int) -> None:
        if turn in self._due and (times := self._waterfall.times(turn)) is not None:
            self._finished[turn] = times


def _turn_row(times: TurnTimes) -> Row:
    return {
        "turn": times.turn,
        "heard": fit("heard", times.heard),
        "stopped_ms": times.stopped_ms,
        "sent_ms": times.sent_ms,
        "first_byte_ms": times.first_byte_ms,
        "first_sentence_ms": times.first_sentence_ms,
        "answered_ms": times.answered_ms,
        "sounded_ms": times.sounded_ms,
        "total_ms": times.total_ms,
        "failure": fit("failure", times.failure),
    }


def fit(column: str, text: str) -> str:
    """As much of `text` as the column of `calls` or `turns` takes; PostgreSQL refuses what is longer."""
    return _storable(text)[: _LENGTHS[column]]


def _storable(text: str) -> str:
    """The text without what no database takes: the character 0 (PostgreSQL), halves of surrogate pairs (UTF-8)."""
    if text.isascii():
        return text.replace("\0", "")
    return text.replace("\0", "").encode(errors="replace").decode()
