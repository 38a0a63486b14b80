"""A caller's frames, joined while nobody need know at once what they hold. Most of what all lines together bring is
quiet, and what costs is the way from one call's memory to the next one's, more than what is done there. Knows no
session.
"""

from typing import Final

from voicegw.audio.mulaw import decode_mulaw

CALM_BYTES: Final = 480  # 60 ms: an onset is noticed so much later at most, where nobody is interrupted by it
FAINT_BYTES: Final = 800  # 100 ms
FAINTEST_HEARD: Final = 32
"""Whoever speaks has louder samples (of 32,768): what has none is far below what opens the detector's gate."""

_FAINT: Final = bytes(
    code
    for code in range(256)
    if abs(int.from_bytes(decode_mulaw(bytes([code])), "little", signed=True)) <= FAINTEST_HEARD
)


class CalmFrames:
    """`is_hushed`: the caller does not speak, so that what is faint may wait, and only that. `is_calm`: nothing is
    being said to them either, so that they cannot interrupt it."""

    __slots__ = ("_waiting", "is_calm", "is_hushed")

    def __init__(self) -> None:
        self.is_hushed = self.is_calm = False
        self._waiting = b""

    def join(self, audio: bytes) -> bytes:
        """What is to be told now that `audio` has come: it, and all that waits; or nothing yet."""
        if self._waiting:
            audio = self._waiting + audio
        if self.is_hushed:
            is_faint = not audio.translate(None, _FAINT)
            if len(audio) < (FAINT_BYTES if is_faint else CALM_BYTES if self.is_calm else 0):
                self._waiting = audio
                return b""
        self._waiting = b""
        return audio
