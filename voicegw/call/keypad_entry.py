"""Keys as they come from the phone → the agent's entries: delimiters, length, what is kept for later.

Rules: a key is sent exactly once; an entry has no delimiter; a delimiter pressed alone is an entry itself; a
delimiter that follows an entry ended by its length belongs to that entry. Knows no clock: a carrier that collects
with a time-out says so by `Pressed.ended_by == ""`.
"""

from dataclasses import dataclass

from voicegw.call.inputs import Pressed
from voicegw.call.instructions import Collect


@dataclass(frozen=True, slots=True)
class Entry:
    """What the keys so far amount to: `keys` to send now (None: not complete yet), `kept` for what comes next.

    `full`: the entry ended because it has all its digits, and nothing has come after them yet.
    """

    keys: str | None
    kept: str = ""
    full: bool = False


def read_entry(keypad: Collect, kept: str, pressed: Pressed, *, paused: bool) -> Entry:
    """Read `kept` and the new keys as one entry. `paused` is True where the carrier's wait was the entry's own gap.

    With `gap_seconds` 0 time never completes an entry. Where the carrier does not tell what ended the keys
    (`ended_by` None), they are taken as complete.
    """
    stream = kept + pressed.keys + (pressed.ended_by or "")
    digits = ""
    for position, key in enumerate(stream):
        if key in keypad.delimiters:
            return Entry(digits or key, stream[position + 1 :])
        digits += key
        if len(digits) >= keypad.max_digits:
            rest = stream[position + 1 :]
            return Entry(digits, _without_leading_delimiter(keypad, rest), full=not rest)
    if not digits:
        return Entry(None)
    if pressed.ended_by is None or (paused and keypad.gap_seconds > 0):
        return Entry(digits)
    return Entry(None, digits)


def is_trailing_delimiter(keypad: Collect, pressed: Pressed) -> bool:
    """Are the keys nothing but one delimiter? After a full entry it closes that entry and means nothing more."""
    return (pressed.keys + (pressed.ended_by or "")) in keypad.delimiters


def _without_leading_delimiter(keypad: Collect, rest: str) -> str:
    return rest[1:] if rest[:1] in keypad.delimiters else rest
