"""Where the seconds of a turn went, read from a call's entries: pure, and never raises, whatever the entries are.

    caller stops · · · received ──── sent ──── first byte ──── first sentence ──── answered
           └ carrier ┘      └ gateway ┘   └ agent ┘      └ agent ┘         └ gateway ┘

On a stream we find the end of speech ourselves, `answered` is the first frame sent, and one moment follows, `sounded`:
when the answer began to play at the carrier. That is the return of the mark behind its first piece, less the length of
that piece, so it holds the mark's own way back (some 50 ms).

All moments are offsets in milliseconds from `received`, when the caller's input reached us; a moment that is not known
is None. A turn that nobody's input began (an order from outside) is told from its own beginning, without a total.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallerSpoke,
    CallerStayedSilent,
    ForwardFinished,
    KeysPressed,
    PromptSounded,
    Record,
    StepAnswered,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)

CARRIER_END_OF_SPEECH = "carrier: end of speech"
GATEWAY = "gateway"
AGENT_FIRST_BYTE = "agent: to first byte"
AGENT_FIRST_SENTENCE = "agent: to first sentence"
AGENT_WITHOUT_WORDS = "agent: without words"
GATEWAY_ANSWER = "gateway: answer"
GATEWAY_END_OF_SPEECH = "gateway: end of speech"
CARRIER_TO_THE_EAR = "carrier: to the ear"

# No moment of a call is further off: what claims to be is not a time. Keeps every sum in a 32-bit column.
_FURTHEST_SECONDS = 500_000.0
_INPUTS = frozenset({CallerSpoke, KeysPressed, CallerStayedSilent, ForwardFinished})
TIMED: frozenset[type[Record]] = _INPUTS | {
    ActionSent,
    AnswerBegan,
    PromptSounded,
    StepAnswered,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
}
"""All that times are made of: a turn may have hundreds of other records."""


class Moments(Protocol):
    """What `parts` needs of a turn: a `TurnTimes`, or what a table kept of one."""

    @property
    def stopped_ms(self) -> int | None: ...
    @property
    def sent_ms(self) -> int | None: ...
    @property
    def first_byte_ms(self) -> int | None: ...
    @property
    def first_sentence_ms(self) -> int | None: ...
    @property
    def answered_ms(self) -> int | None: ...
    @property
    def sounded_ms(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTimes:
    """One turn's moments, in milliseconds from `received`. `heard` is the kind of input that it answers.

    `filler_ms`: the first answer that had nothing of the agent's to say; `total_ms`: from the caller's last sound to
    the answer, on a stream to its first sound at the caller's ear; `failure`: the code of what went wrong, empty if
    nothing did.
    """

    turn: int
    heard: str
    stopped_ms: int | None = None
    sent_ms: int | None = None
    first_byte_ms: int | None = None
    first_sentence_ms: int | None = None
    filler_ms: int | None = None
    answered_ms: int | None = None
    sounded_ms: int | None = None
    total_ms: int | None = None
    failure: str = ""


def turn_times(entries: Iterable[Entry]) -> tuple[TurnTimes, ...]:
    """The times of each turn among `entries` of one call, in the order in which they began.

    The entries may come in any order and parts may be missing; a turn whose beginning is missing is left out.
    """
    waterfall = Waterfall()
    for entry in sorted((entry for entry in entries if _is_dated(entry)), key=attrgetter("offset")):
        waterfall.add(entry)
    return waterfall.take()


class Waterfall:
    """The same for whoever is told of a call as it goes on, entry by entry in the order of their offsets.

    Keeps a few numbers of each turn until it is taken or forgotten, however long the turn goes on.
    """

    def __init__(self) -> None:
        self._input: Entry | None = None  # the last one that no turn had
        self._turns: dict[int, _Turn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, entry: Entry) -> None:
        """Take in what came next of the call; only records of the kinds in `TIMED` change anything."""
        kind = type(entry.record)
        if kind not in TIMED or not _is_dated(entry):
            return
        if kind in _INPUTS or (isinstance(entry.record, WebhookReceived) and entry.record.name == "voice"):
            self._input = entry  # the launch: the first webhook of a call is the input
        elif isinstance(entry.record, TurnBegan):
            self._begin(entry, entry.record.heard)
        elif (turn := self._turns.get(entry.turn)) is not None:
            turn.add(entry.offset, entry.record)

    def times(self, turn: int) -> TurnTimes | None:
        """The turn's times as far as they are known; None where it has not begun."""
        known = self._turns.get(turn)
        return None if known is None else known.times()

    def forget(self, turn: int) -> None:
        """Keep nothing of this turn any more."""
        self._turns.pop(turn, None)

    def take(self) -> tuple[TurnTimes, ...]:
        """The times of all turns in the order of their beginnings; what comes of them from now on is nobody's."""
        turns, self._turns = self._turns, {}
        return tuple(turn.times() for turn in turns.values())

    def _begin(self, entry: Entry, heard: str) -> None:
        if entry.turn in self._turns:  # told twice
            return
        heard_from, self._input = self._input, None
        self._turns[entry.turn] = _Turn(
            number=entry.turn,
            heard=heard,
            began=entry.offset,
            received=entry.offset if heard_from is None else heard_from.offset,
            stopped_ms=None if heard_from is None else _stopped_ms(heard_from.record),
        )


def parts(times: Moments) -> tuple[tuple[str, int], ...]:
    """What the wait was made of, in order: the name of each part and its milliseconds.

    A part whose end is not known belongs to the next one; together they are the total, where there is one. A turn
    that had nothing to say ends in the agent's own part: it is answered when the agent is done.
    """
    last_part = AGENT_WITHOUT_WORDS if times.first_sentence_ms is None else GATEWAY_ANSWER
    end_of_speech = CARRIER_END_OF_SPEECH if times.sounded_ms is None else GATEWAY_END_OF_SPEECH
    moments = (
        (end_of_speech, None if times.stopped_ms is None else 0),
        (GATEWAY, times.sent_ms),
        (AGENT_FIRST_BYTE, times.first_byte_ms),
        (AGENT_FIRST_SENTENCE, times.first_sentence_ms),
        (last_part, times.answered_ms),
        (CARRIER_TO_THE_EAR, times.sounded_ms),
    )
    found = []
    since = times.stopped_ms or 0
    for name, moment in moments:
        if moment is not None:
            found.append((name, moment - since))
            since = moment
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Sound:
    """A prompt's first piece: when it was sent, and when it began to be heard."""

    sent_at: float
    heard_at: float


@dataclass(slots=True)
class _Turn:
    """A turn under way: offsets of the first moment of each kind. `stopped_ms` as in `TurnTimes`."""

    number: int
    heard: str
    began: float
    received: float
    stopped_ms: int | None
    sent: float | None = None
    first_byte: float | None = None
    ready: float | None = None
    ended: TurnEnded | None = None
    due: float | None = None  # its words are ready or, without any, it is over
    filler: float | None = None
    answered: float | None = None
    sound: _Sound | None = None

    def add(self, offset: float, record: Record) -> None:
        """The next record of this turn; what claims to be from before its beginning is not its own."""
        if offset < self.began:
            return
        match record:
            case ActionSent():
                self.sent = offset if self.sent is None else self.sent
            case AnswerBegan():
                self.first_byte = offset if self.first_byte is None else self.first_byte
            case WordsReady() if self.ready is None:
                self._be_ready(offset)
            case StepAnswered():
                self._answer(offset)
            case PromptSounded(filler=False) if self.sound is None and self.due is not None:
                sound = _sound(offset, record)
                self.sound = sound if sound.heard_at >= self.due else None
            case TurnEnded() if self.ended is None:
                # A turn without words is answered when it is over: with what there is to do then, or with an apology.
                self.ended = record
                self.due = offset if self.due is None else self.due
            case _:
                pass

    def _be_ready(self, offset: float) -> None:
        """Words that come after all, when the turn was over: what was said before them was no answer."""
        self.ready = self.due = offset
        self.filler = self.answered if self.filler is None else self.filler
        self.answered = self.sound = None

    def _answer(self, offset: float) -> None:
        if self.due is None:
            self.filler = offset if self.filler is None else self.filler
        elif self.answered is None:
            self.answered = offset

    def times(self) -> TurnTimes:
        """What is known by now."""
        answered, done = self.answered, self.answered
        if self.sound is not None and self.due is not None:
            answered, done = max(self.due, self.sound.sent_at), self.sound.heard_at
        done_ms = self._after_received(done)
        return TurnTimes(
            turn=self.number,
            heard=self.heard,
            stopped_ms=self.stopped_ms,
            sent_ms=self._after_received(self.sent),
            first_byte_ms=self._after_received(self.first_byte),
            first_sentence_ms=self._after_received(self.ready),
            filler_ms=self._after_received(self.filler),
            answered_ms=self._after_received(answered),
            sounded_ms=None if self.sound is None else done_ms,
            total_ms=None if done_ms is None or self.stopped_ms is None else done_ms - self.stopped_ms,
            failure="" if self.ended is None else self.ended.failure,
        )

    def _after_received(self, moment: float | None) -> int | None:
        return None if moment is None else round(1000 * (moment - self.received))


def _sound(offset: float, record: PromptSounded) -> _Sound:
    played, sent = _usable(record.played_seconds), _usable(record.sent_seconds)
    return _Sound(sent_at=offset - max(played, sent), heard_at=offset - played)


def _usable(seconds: float) -> float:
    return seconds if 0 <= seconds <= _FURTHEST_SECONDS else 0.0


def _is_dated(entry: Entry) -> bool:
    return abs(entry.offset) <= _FURTHEST_SECONDS


def _stopped_ms(heard: Record) -> int:
    """When the caller had stopped, from when that reached us."""
    return -round(1000 * _usable(heard.quiet_seconds)) if isinstance(heard, CallerSpoke | KeysPressed) else 0
