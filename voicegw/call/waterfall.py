"""Where the seconds of a turn went, read from a call's entries: pure, and never raises, whatever the entries are.

    caller stops · · · received ──── sent ──── first byte ──── first sentence ──── answered
           └ carrier ┘      └ gateway ┘   └ agent ┘      └ agent ┘         └ gateway ┘

On a stream we find the end of speech ourselves, `answered` is the first frame sent, and one moment follows, `sounded`:
when the answer began to play at the carrier. That is the return of the mark behind its first piece, less the length of
that piece, so it holds the mark's own way back (some 50 ms).

All moments are offsets in milliseconds from `received`, when the caller's input reached us; a moment that is not known
is None. A turn that nobody's input began (an order from outside) is told from its own beginning, without a total.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
"""All that `turn_times` reads: a turn may have hundreds of other records, and nobody needs to keep those for it."""


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


def turn_times(entries: Sequence[Entry]) -> tuple[TurnTimes, ...]:
    """The times of each turn among `entries` of one call, in the order in which they began.

    The entries may come in any order and parts may be missing; a turn whose beginning is missing is left out.
    """
    dated = sorted((entry for entry in entries if abs(entry.offset) <= _FURTHEST_SECONDS), key=_order)
    by_turn: dict[int, list[Entry]] = {}
    for entry in dated:
        by_turn.setdefault(entry.turn, []).append(entry)
    return tuple(_times(turn, by_turn[turn.began.turn]) for turn in _beginnings(dated))


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


def _order(entry: Entry) -> tuple[float, int]:
    """By time; at one and the same moment the input comes before the turn that it begins."""
    return (entry.offset, 0 if _is_input(entry.record) else 1)


def _is_input(record: Record) -> bool:
    # The launch: the first webhook of a call is the input.
    return type(record) in _INPUTS or (isinstance(record, WebhookReceived) and record.name == "voice")


@dataclass(frozen=True, slots=True)
class _Beginning:
    began: Entry
    kind: str
    input: Entry | None


def _beginnings(dated: Iterable[Entry]) -> Iterator[_Beginning]:
    """Where each turn begins (first, where it is told twice), with the last input before it that no turn had."""
    seen: set[int] = set()
    waiting: Entry | None = None
    for entry in dated:
        if _is_input(entry.record):
            waiting = entry
        elif isinstance(entry.record, TurnBegan) and entry.turn not in seen:
            seen.add(entry.turn)
            yield _Beginning(entry, entry.record.heard, waiting)
            waiting = None


def _times(turn: _Beginning, dated: Iterable[Entry]) -> TurnTimes:
    received = turn.began.offset if turn.input is None else turn.input.offset
    stopped = None if turn.input is None else _stopped(turn.input.record)
    firsts: dict[type[Record], Entry] = {}
    answers: list[float] = []
    sounds: list[_Sound] = []
    for entry in dated:
        if entry.offset >= turn.began.offset:
            firsts.setdefault(type(entry.record), entry)
            if isinstance(entry.record, StepAnswered):
                answers.append(entry.offset)
            elif isinstance(entry.record, PromptSounded) and not entry.record.filler:
                sounds.append(_sound(entry.offset, entry.record))
    ready, ended = _at(firsts.get(WordsReady)), firsts.get(TurnEnded)
    # A turn without words is answered when it is over: with what there is to do then, or with an apology.
    due = _at(ended) if ready is None else ready
    filler = next((at for at in answers if due is None or at < due), None)
    answered = next((at for at in answers if due is not None and at >= due), None)
    sound = next((each for each in sounds if due is not None and each.heard_at >= due), None)
    if sound is not None and due is not None:
        answered = max(due, sound.sent_at)
    answered_ms = _milliseconds(answered, received)
    sounded_ms = None if sound is None else _milliseconds(sound.heard_at, received)
    done_ms = answered_ms if sounded_ms is None else sounded_ms
    return TurnTimes(
        turn=turn.began.turn,
        heard=turn.kind,
        stopped_ms=stopped,
        sent_ms=_milliseconds(_at(firsts.get(ActionSent)), received),
        first_byte_ms=_milliseconds(_at(firsts.get(AnswerBegan)), received),
        first_sentence_ms=_milliseconds(ready, received),
        filler_ms=_milliseconds(filler, received),
        answered_ms=answered_ms,
        sounded_ms=sounded_ms,
        total_ms=None if done_ms is None or stopped is None else done_ms - stopped,
        failure=ended.record.failure if ended is not None and isinstance(ended.record, TurnEnded) else "",
    )


@dataclass(frozen=True, slots=True)
class _Sound:
    """A prompt's first piece: when it was sent, and when it began to be heard."""

    sent_at: float
    heard_at: float


def _sound(offset: float, record: PromptSounded) -> _Sound:
    played, sent = (_usable(seconds) for seconds in (record.played_seconds, record.sent_seconds))
    return _Sound(sent_at=offset - max(played, sent), heard_at=offset - played)


def _usable(seconds: float) -> float:
    return seconds if 0 <= seconds <= _FURTHEST_SECONDS else 0.0


def _stopped(record: Record) -> int:
    match record:
        case CallerSpoke() | KeysPressed() if 0 <= record.quiet_seconds <= _FURTHEST_SECONDS:
            return -round(1000 * record.quiet_seconds)
        case _:
            return 0


def _at(entry: Entry | None) -> float | None:
    return None if entry is None else entry.offset


def _milliseconds(moment: float | None, received: float) -> int | None:
    return None if moment is None else round(1000 * (moment - received))
