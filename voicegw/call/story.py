"""The entries of one call in order of time, and the questions that whoever reads them asks. Pure, never raises."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    CallEnded,
    CallerSpoke,
    KeysPressed,
    PromptBegan,
    Record,
    TurnBegan,
    TurnEnded,
    WordsReady,
)

_Kind = TypeVar("_Kind", bound=Record)

# No moment of a call is further off: what claims to be is not a time.
_FURTHEST_SECONDS = 500_000.0


class Story:
    """One call's entries, in any order; those without a usable time are left out.

    A long call has ten thousands of them, and is read beside live ones: entries are looked up, not searched for.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        dated = (entry for entry in entries if abs(entry.offset) <= _FURTHEST_SECONDS)
        self.entries = sorted(dated, key=lambda entry: entry.offset)
        self._by_turn: dict[int, list[Entry]] = {}
        self._places: dict[type[object], list[int]] = {}  # where the entries of each kind are
        for place, entry in enumerate(self.entries):
            self._by_turn.setdefault(entry.turn, []).append(entry)
            self._places.setdefault(type(entry.record), []).append(place)

    def of(self, *kinds: type[object], turn: int | None = None) -> Iterator[Entry]:
        """The entries with a record of one of `kinds`, of one turn or of all."""
        if turn is not None:
            return (entry for entry in self._by_turn.get(turn, ()) if isinstance(entry.record, kinds))
        return (self.entries[place] for place in sorted(self._places_of(kinds)))

    def between(self, since: float, until: float) -> list[Entry]:
        """The entries from one offset to another, both included."""
        return self.entries[self._place(since) : bisect_right(self.entries, until, key=_offset)]

    def first(self, *kinds: type[Record], turn: int | None = None) -> Entry | None:
        """The first of them, if there is one."""
        return next(self.of(*kinds, turn=turn), None)

    def records(self, kind: type[_Kind], turn: int | None = None) -> Iterator[_Kind]:
        """The records of one kind without their dates."""
        return (entry.record for entry in self.of(kind, turn=turn) if isinstance(entry.record, kind))

    def explanation(self, since: Entry | float) -> str:
        """What the gateway said itself after an entry, or from an offset on, before the caller did something; else
        empty. Words that only pass the time explain nothing."""
        for place in range(self._place_after(since), len(self.entries)):
            match self.entries[place].record:
                case CallerSpoke() | KeysPressed():
                    return ""
                case PromptBegan(by_gateway=True, filler=False, text=text) if text:
                    return text
        return ""

    def _place_after(self, since: Entry | float) -> int:
        """Where what comes after an entry begins, or after an offset; the end where there is no such entry."""
        if not isinstance(since, Entry):
            return self._place(since)
        place = self._place(since.offset)
        while place < len(self.entries) and self.entries[place].offset == since.offset:
            place += 1
            if self.entries[place - 1] == since:
                return place
        return len(self.entries)

    def _place(self, offset: float) -> int:
        return bisect_left(self.entries, offset, key=_offset)

    def _places_of(self, kinds: Iterable[type[object]]) -> Iterator[int]:
        for kind in kinds:
            yield from self._places.get(kind, ())


def _offset(entry: Entry) -> float:
    return entry.offset


def is_the_agents(record: Record) -> bool:
    """Is it the agent who speaks in this prompt? The gateway's own words and what passes the time are no answer."""
    return isinstance(record, PromptBegan) and not (record.by_gateway or record.filler)


def is_answer(record: Record) -> bool:
    """Does this show that the agent has said something?"""
    return isinstance(record, WordsReady) or is_the_agents(record)


@dataclass(frozen=True, slots=True)
class FirstWords:
    """How long the agent took to its first words: from `sent` (an offset) to `until`, which may be another end."""

    sent: float
    until: Entry | None

    @property
    def took(self) -> float:
        """In seconds."""
        return self.until.offset - self.sent if self.until else 0.0


def first_words(story: Story, turn: int) -> FirstWords:
    """The wait for the agent's first words in a turn; one that brought none ends with the turn, the call, or now."""
    began = story.first(ActionSent, turn=turn) or story.first(TurnBegan, turn=turn)
    words = (each for each in story.of(WordsReady, PromptBegan, turn=turn) if is_answer(each.record))
    ends = (next(words, None), story.first(TurnEnded, turn=turn), story.first(CallEnded))
    known = [end for end in ends if end is not None] or story.entries[-1:]
    return FirstWords(began.offset if began else 0.0, min(known, key=lambda end: end.offset, default=None))
