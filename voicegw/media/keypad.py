"""Keys, one at a time → entries: an exact collector with type-ahead, the same rules as `call.keypad_entry`.

Rules: every key counts once and in order, from the answer on, whoever speaks or thinks. An entry ends by any of the
delimiters, by its length, or by the gap: time between keys is the caller's own, so it runs while the agent thinks.
Gap 0: time never ends an entry. A delimiter pressed alone is an entry; one that follows a full entry within the gap
belongs to that entry. While the keypad is off, keys mean nothing. Knows no phone; `now` is monotonic seconds.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from voicegw.call.inputs import Pressed
from voicegw.call.instructions import Collect

TRAILING_SECONDS: Final = 2.0
"""How long a delimiter may take to follow a full entry where the keypad has no gap of its own."""


@dataclass(frozen=True, slots=True)
class KeyAt:
    """One key and when it was pressed."""

    key: str
    at: float


@dataclass(frozen=True, slots=True)
class EntryAt:
    """One whole entry, and when its first and its last key were pressed."""

    pressed: Pressed
    first_at: float
    last_at: float


class KeypadCollector:
    """Keeps every key until somebody takes the entry it belongs to."""

    def __init__(self, keypad: Collect) -> None:
        self.keypad = keypad
        self._keys: deque[KeyAt] = deque()
        self._full_at: float | None = None

    @property
    def waiting(self) -> str:
        """The keys that no entry has taken yet."""
        return "".join(pressed.key for pressed in self._keys)

    @property
    def first_at(self) -> float | None:
        """When the first of them was pressed."""
        return self._keys[0].at if self._keys else None

    def configure(self, keypad: Collect) -> str:
        """Gather by other rules from now on, also what waits. Returns the keys that mean nothing any more."""
        self.keypad = keypad
        return "" if keypad.enabled else self.drop()

    def press(self, key: str, now: float) -> bool:
        """One key, at the moment it was pressed. False if it means nothing: the keypad is off."""
        if self.keypad.enabled:
            self._keys.append(KeyAt(key, now))
            self._swallow_trailing_delimiter()
        return self.keypad.enabled

    def drop(self) -> str:
        """Forget the keys that wait, and return them."""
        dropped = self.waiting
        self._keys.clear()
        return dropped

    def peek_entry(self, now: float) -> EntryAt | None:
        """The next whole entry, which stays where it is; None while there is none."""
        self._swallow_trailing_delimiter()
        ended = self._find_end(now)
        if ended is None:
            return None
        size, ended_by = ended
        keys = list(self._keys)[:size]
        digits = "".join(pressed.key for pressed in keys).removesuffix(ended_by)
        return EntryAt(Pressed(keys=digits, ended_by=ended_by), keys[0].at, keys[-1].at)

    def take_entry(self, now: float) -> EntryAt | None:
        """The next whole entry, once."""
        entry = self.peek_entry(now)
        if entry is None:
            return None
        for _ in entry.pressed.keys + (entry.pressed.ended_by or ""):
            self._keys.popleft()
        if not entry.pressed.ended_by and len(entry.pressed.keys) >= self.keypad.max_digits:
            self._full_at = entry.last_at
        return entry

    def next_timer(self) -> float | None:
        """When the keys that wait will have become an entry, if no more come; None if time does not end them."""
        self._swallow_trailing_delimiter()
        if not self._keys:
            return None
        ended = self._find_end(self._keys[0].at)
        if ended is not None:
            return self._keys[ended[0] - 1].at
        # Without an end now, all keys are closer to each other than the gap.
        return self._keys[-1].at + self.keypad.gap_seconds if self.keypad.gap_seconds else None

    def _find_end(self, now: float) -> tuple[int, str] | None:
        """How many keys the first entry has, and the delimiter that ended it."""
        gap = self.keypad.gap_seconds
        for place, pressed in enumerate(self._keys):
            if gap and place and pressed.at - self._keys[place - 1].at >= gap:
                return place, ""
            if pressed.key in self.keypad.delimiters:
                return place + 1, pressed.key
            if place + 1 >= self.keypad.max_digits:
                return place + 1, ""
        if self._keys and gap and now >= self._keys[-1].at + gap:
            return len(self._keys), ""
        return None

    def _swallow_trailing_delimiter(self) -> None:
        if self._full_at is None or not self._keys:
            return
        first = self._keys[0]
        within = self.keypad.gap_seconds or TRAILING_SECONDS
        if first.key in self.keypad.delimiters and first.at - self._full_at < within:
            self._keys.popleft()
        self._full_at = None
