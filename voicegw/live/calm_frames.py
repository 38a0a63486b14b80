"""A caller's frames, joined while nobody speaks. Most of what all lines together bring is such quiet, and what costs is
the way from one call's memory to the next one's, more than what is done there. Knows no session.
"""

from typing import Final

JOINED_BYTES: Final = 480  # 60 ms: an onset is noticed so much later at most, where nobody is interrupted by it


class CalmFrames:
    """Whoever sets `calm` needs not know at once what comes."""

    __slots__ = ("_waiting", "calm")

    def __init__(self) -> None:
        self.calm = False
        self._waiting = b""

    def join(self, audio: bytes) -> bytes:
        """What is to be told now that `audio` has come: it, and all that waits; or nothing yet."""
        if self._waiting:
            audio = self._waiting + audio
        if self.calm and len(audio) < JOINED_BYTES:
            self._waiting = audio
            return b""
        self._waiting = b""
        return audio
