"""The entries of one call in order of time, and the questions that whoever reads them asks. Pure, never raises."""

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
    """One call's entries, in any order; those without a usable time are left out."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        dated = (entry for entry in entries if abs(entry.offset) <= _FURTHEST_SECONDS)
        self.entries = sorted(dated, key=lambda entry: entry.offset)
        self._by_turn: dict[int, list[Entry]] = {}
        for entry in self.entries:
            self._by_turn.setdefault(entry.turn, []).append(entry)

    def of(self, *kinds: type[Record], turn: int | None = None) -> Iterator[Entry]:
        """The entries with a record of one of `kinds`, of one turn or of all."""
        return (entry for entry in self._of_turn(turn) if isinstance(entry.record, kinds))

    def first(self, *kinds: type[Record], turn: int | None = None) -> Entry | None:
        """The first of them, if there is one."""
        return next(self.of(*kinds, turn=turn), None)

    def records(self, kind: type[_Kind], turn: int | None = None) -> Iterator[_Kind]:
        """The records of one kind without their dates."""
        return (entry.record for entry in self._of_turn(turn) if isinstance(entry.record, kind))

    def explanation(self, since: Entry | float) -> str:
        """What the gateway said itself after an entry, or from an offset on, before the caller did something; else
        empty. Words that only pass the time explain nothing."""
        if isinstance(since, Entry):
            later = self.entries[self.entries.index(since) + 1 :] if since in self.entries else []
        else:
            later = [entry for entry in self.entries if entry.offset >= since]
        for entry in later:
            match entry.record:
                case CallerSpoke() | KeysPressed():
                    return ""
                case PromptBegan(by_gateway=True, filler=False, text=text) if text:
                    return text
        return ""

    def _of_turn(self, turn: int | None) -> list[Entry]:
        return self.entries if turn is None else self._by_turn.get(turn, [])


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
