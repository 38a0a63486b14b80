"""PURE: the caller's ear on a stream: all that was heard, to the sample, and where each utterance begins and ends.

An utterance is sound without a pause of `PAUSE_SECONDS`; one that a `clear` cut off ends where it fell silent.
"""

from dataclasses import dataclass

from voicegw.simulator.stream.sound import FRAME_BYTES, FRAME_SECONDS, RATE_HZ, is_audible

PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class UtteranceBegan:
    """Something sounds after a silence. Seconds since the stream began."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """It has been silent for a while since `ends_at_seconds`, or was cut off there."""

    at_seconds: float
    ends_at_seconds: float
    audio: bytes
    cut: bool


class Ear:
    """Takes one frame after another, from the stream's first instant on."""

    def __init__(self) -> None:
        self.recording = bytearray()
        self._began_at: int | None = None
        self._last_sound_ends_at = 0

    def hear(self, frame: bytes) -> UtteranceBegan | UtteranceEnded | None:
        """The next 20 ms; answers what they begin or end."""
        at = len(self.recording)
        self.recording += frame
        if is_audible(frame):
            self._last_sound_ends_at = at + FRAME_BYTES
            if self._began_at is None:
                self._began_at = at
                return UtteranceBegan(at / RATE_HZ)
            return None
        quiet_seconds = (at + FRAME_BYTES - self._last_sound_ends_at) / RATE_HZ
        return self.finish() if quiet_seconds >= PAUSE_SECONDS - FRAME_SECONDS / 2 else None

    @property
    def has_heard(self) -> bool:
        """Has anything sounded yet?"""
        return self._last_sound_ends_at > 0

    def finish(self, *, cut: bool = False) -> UtteranceEnded | None:
        """End what sounds, if anything does: its rest is not heard (`cut`), or nothing is any more."""
        if self._began_at is None:
            return None
        began_at, self._began_at = self._began_at, None
        ended = self._last_sound_ends_at
        audio = bytes(self.recording[began_at:ended])
        return UtteranceEnded(began_at / RATE_HZ, ended / RATE_HZ, audio, cut)
