"""`Finding`: something that went wrong on a call, in words; and how one is made of an ailment and an entry. Pure."""

from dataclasses import dataclass

from voicegw.call.ailments import Ailment
from voicegw.call.entries import Entry
from voicegw.call.failure_signs import shortened
from voicegw.call.records import Noted
from voicegw.call.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that went wrong. `code` is stable, `sentence` names it, `advice` says what to do.

    `turn` and `offset` (seconds since the call began) say where; `serious`: callers suffer by it; `times`: how often.
    """

    code: str
    sentence: str
    advice: str
    turn: int
    offset: float
    serious: bool = True
    times: int = 1

    @property
    def where(self) -> str:
        """As in "turn 3, 0:41"."""
        at = f"{int(self.offset) // 60}:{int(self.offset) % 60:02}"
        return f"turn {self.turn}, {at}" if self.turn else at


def find(ailment: Ailment, entry: Entry, /, *, serious: bool | None = None, told: str = "", **fields: str) -> Finding:
    """A finding of `ailment` at the time and turn of `entry`; `told` is added to its sentence, `fields` filled in."""
    of_turn = f"turn {entry.turn}" if entry.turn else "the call"
    given = {"turn": of_turn, "detail": "", "status": "", "code": ailment.code, **fields}
    return Finding(
        code=ailment.code,
        sentence=ailment.says.format_map(given) + told,
        advice=ailment.advice.format_map(given),
        turn=entry.turn,
        offset=entry.offset,
        serious=ailment.serious if serious is None else serious,
    )


def has_note(story: Story, turn: int, about: str) -> bool:
    """Was something noted in that turn?"""
    return any(noted.about == about for noted in story.records(Noted, turn))


def heard_of_it(story: Story, since: Entry | float) -> str:
    """What the caller heard of the gateway about it, to be added to a finding's sentence."""
    text = story.explanation(since)
    return f": the caller heard “{shortened(text).rstrip('.')}”" if text else ""
