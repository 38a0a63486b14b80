"""What the caller has said and pressed and no turn has taken yet, in the order in which it began.

Words that wait are joined; keys become entries by the rules in force when they are taken. Each is given out once.
"""

from dataclasses import dataclass, replace

from voicegw.call.inputs import Pressed, Said
from voicegw.call.instructions import Collect
from voicegw.call.plan import Hearing
from voicegw.media.keypad import KeypadCollector


@dataclass(frozen=True, slots=True)
class _WordsAt:
    text: str
    confidence: float | None
    at: float


class WaitingInputs:
    """A queue of two senses. `keys` were pressed before: they count from the moment the stream is open."""

    def __init__(self, keypad: Collect, keys: str = "") -> None:
        self._keypad = KeypadCollector(keypad)
        self._before = keys
        self._words: list[_WordsAt] = []
        self._noted_words = 0
        self._noted_entry_at: float | None = None

    def configure(self, hearing: Hearing) -> str:
        """Gather keys by these rules from now on. Returns the keys that mean nothing any more."""
        keypad = replace(hearing.keypad, max_digits=1) if hearing.one_key else hearing.keypad
        self._noted_entry_at = None
        return self._keypad.configure(keypad)

    def open(self, now: float) -> None:
        """The stream is open."""
        before, self._before = self._before, ""
        for key in before:
            self._keypad.press(key, now)

    def press(self, key: str, now: float) -> bool:
        """One key. False if the keypad is off."""
        return self._keypad.press(key, now)

    @property
    def keys_wait(self) -> bool:
        """Are there keys that no entry has taken? Not behind a delimiter that belonged to a full one."""
        return self._keypad.first_at is not None

    def say(self, text: str, confidence: float | None, at: float) -> None:
        """Words that began at that moment."""
        self._words.append(_WordsAt(text, confidence, at))

    def take_words(self) -> Said | None:
        """The words that wait, joined."""
        words, self._words, self._noted_words = self._words, [], 0
        known = [each.confidence for each in words if each.confidence is not None]
        text = " ".join(each.text for each in words)
        return Said(text=text, confidence=min(known, default=None)) if words else None

    def drop_words(self) -> str:
        """Forget the words that wait, and return them."""
        words = self.take_words()
        return words.text if words is not None else ""

    def drop_keys(self) -> str:
        """Forget the keys that wait, and return them."""
        return self._keypad.drop()

    def take_first(self, now: float, *, words_too: bool) -> Said | Pressed | None:
        """Whatever is whole and began first; words only if no more are coming (`words_too`)."""
        words = self._words if words_too else []
        entry = self._keypad.peek_entry(now)
        if entry is not None and (not words or entry.first_at <= words[0].at):
            self._keypad.take_entry(now)
            self._noted_entry_at = None
            return entry.pressed
        return self.take_words() if words else None

    def take_notes(self, now: float) -> list[Said | Pressed]:
        """What has become whole since the last time, and goes on waiting."""
        notes: list[Said | Pressed] = [
            Said(text=each.text, confidence=each.confidence) for each in self._words[self._noted_words :]
        ]
        self._noted_words = len(self._words)
        entry = self._keypad.peek_entry(now)
        if entry is not None and entry.first_at != self._noted_entry_at:
            self._noted_entry_at = entry.first_at
            notes.append(entry.pressed)
        return notes

    def next_entry(self) -> float | None:
        """When the keys that wait will be an entry, or have become one; None if time does not make them one."""
        return self._keypad.next_timer()

    def next_note(self) -> float | None:
        """When there will be an entry to take note of."""
        return self._keypad.next_timer() if self._keypad.first_at != self._noted_entry_at else None
