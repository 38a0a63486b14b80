"""PURE: the buffer between the gateway and the caller's ear: played first in, first out, a frame of 20 ms at a time.

A mark comes back "(a) when preceding audio finished, (b) immediately if nothing buffered, (c) for every pending mark
on `clear`". What is in the ear already when a `clear` comes, the rest of its frame, is heard.
"""

from collections import deque
from dataclasses import dataclass

from voicegw.simulator.stream.sound import FRAME_BYTES, RATE_HZ, SILENT_SAMPLE, is_audible

LONGEST_UNDERRUN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms for the ear. `filled` bytes are the gateway's, the rest silence; `resumed_after_seconds` is how long the
    buffer was dry before, where a sound broke off and went on."""

    audio: bytes
    filled: int
    resumed_after_seconds: float | None = None


class Playout:
    """Positions are bytes since the stream began, as the gateway sent them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._received = 0
        self._played = 0
        self._in_ear = 0
        self._marks: deque[tuple[int, str]] = deque()
        self._dry_bytes: int | None = None
        self.largest_lead_seconds = 0.0

    @property
    def lead_seconds(self) -> float:
        """How much of the gateway's audio waits to be heard."""
        return len(self._buffer) / RATE_HZ

    @property
    def pending_marks(self) -> tuple[str, ...]:
        """The marks that have not come back, in order."""
        return tuple(name for _, name in self._marks)

    def put(self, audio: bytes) -> None:
        """More audio of the gateway."""
        self._buffer += audio
        self._received += len(audio)
        self.largest_lead_seconds = max(self.largest_lead_seconds, self.lead_seconds)

    def mark(self, name: str) -> bool:
        """A mark behind all audio so far; True if it comes back at once, because all of that has been heard."""
        if self._received == self._played and not self._in_ear and not self._marks:
            return True
        self._marks.append((self._received, name))
        return False

    def clear(self) -> tuple[bytes, tuple[str, ...]]:
        """Throw away what waits; answers it, and the marks that come back for it."""
        discarded, names = bytes(self._buffer), self.pending_marks
        self._buffer.clear()
        self._marks.clear()
        self._received = self._played
        self._dry_bytes = None
        return discarded, names

    def end_frame(self) -> tuple[str, ...]:
        """The frame in the ear is over; answers the marks that come back for it, in order."""
        self._in_ear = 0
        names: list[str] = []
        while self._marks and self._marks[0][0] <= self._played:
            names.append(self._marks.popleft()[1])
        return tuple(names)

    def next_frame(self) -> Frame:
        """What the ear hears next; call `end_frame` when it has."""
        audio = bytes(self._buffer[:FRAME_BYTES])
        del self._buffer[:FRAME_BYTES]
        filled = self._in_ear = len(audio)
        self._played += filled
        resumed_after = self._resumed(audio) if audio else None
        frame = audio.ljust(FRAME_BYTES, SILENT_SAMPLE)
        if filled < FRAME_BYTES:
            if audio and is_audible(audio):
                self._dry_bytes = FRAME_BYTES - filled
            elif self._dry_bytes is not None and not audio:
                self._dry_bytes += FRAME_BYTES
        else:
            # Full, but perhaps the last: the next frame tells.
            self._dry_bytes = 0 if not self._buffer and is_audible(audio) else None
        return Frame(frame, filled, resumed_after)

    def _resumed(self, audio: bytes) -> float | None:
        """A gap is an underrun if a sound broke off before it and one goes on behind it: a speaker's pauses are in
        the audio, and between two utterances at least one border is silent."""
        dry, self._dry_bytes = self._dry_bytes, None
        if not dry or dry / RATE_HZ > LONGEST_UNDERRUN_SECONDS or not is_audible(audio):
            return None
        return dry / RATE_HZ
