"""One prompt on its way to the caller's ear: its audio, how much of it was sent and how much was heard.

Positions count bytes of mulaw at 8 kHz, over all repetitions of a looped prompt. Knows no carrier and no time.
"""

from dataclasses import dataclass, field
from typing import Final

BYTES_PER_SECOND: Final = 8000


@dataclass(slots=True, kw_only=True)
class Utterance:
    """`loops` 0 repeats until something else waits to be said; `fed_at` is when its audio last grew.

    `heard` is what marks have confirmed; `reached` is how far it must have come when it was interrupted.
    """

    number: int
    loops: int = 1
    audio: bytearray = field(default_factory=bytearray)
    finished: bool = False
    sent: int = 0
    heard: int = 0
    reached: int = 0
    fed_at: float = 0.0

    @property
    def total(self) -> int | None:
        """Where it ends; None while nobody knows."""
        if not self.finished:
            return None
        if self.loops == 0 and self.audio:
            return None
        return len(self.audio) * self.loops

    @property
    def over(self) -> bool:
        """Has all of it been heard?"""
        total = self.total
        return total is not None and self.heard >= total

    @property
    def all_sent(self) -> bool:
        """Has all of it been sent?"""
        total = self.total
        return total is not None and self.sent >= total

    @property
    def heard_enough(self) -> bool:
        """Is there nothing new in it for the caller? What repeats for ever is no news after the first time."""
        return self.finished and self.heard >= len(self.audio) * max(1, self.loops)

    @property
    def unsent(self) -> int:
        """How much could be sent at once, without a break, up to the end of this repetition."""
        if not self.finished:
            return len(self.audio) - self.sent
        return 0 if self.all_sent else len(self.audio) - self.sent % len(self.audio)

    def take(self, size: int) -> bytes:
        """The next `size` bytes, at most `unsent`; they count as sent."""
        begin = self.sent % len(self.audio)
        self.sent += size
        return bytes(self.audio[begin : begin + size])

    def stop_repeating(self) -> None:
        """Something waits behind it: an endless prompt ends with the repetition that has begun."""
        if self.loops == 0:
            self.loops = max(1, -(-self.sent // max(1, len(self.audio)))) if self.finished else 1


@dataclass(frozen=True, slots=True)
class Dropped:
    """An utterance that will not be heard to its end; `heard_share` (0.0–1.0) of it was, None if nobody knows how
    long it would have been."""

    number: int
    heard_seconds: float
    heard_share: float | None
