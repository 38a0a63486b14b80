"""A caller's frames, joined while nobody need know at once what they hold. Most of what all lines together bring is
quiet, and what costs is the way from one call's memory to the next one's, more than what is done there. What counts as
quiet follows each line's own noise. Knows no session.
"""

from typing import Final

from voicegw.audio.mulaw import decode_mulaw

CALM_BYTES: Final = 480  # 60 ms: an onset is noticed so much later at most, where nobody is interrupted by it
FAINT_BYTES: Final = 800  # 100 ms
FAINTEST_HEARD: Final = 32
"""Whoever speaks has louder samples (of 32,768): what has none is far below what opens the detector's gate."""
LOUDEST_NOISE: Final = 1_024
"""No line's noise is taken to be louder, at its peaks: over one that is, people shout."""
NOISY_FRAMES: Final = 25
"""So often something louder than its noise and no voice in it (half a second to one and a half): it has more of it."""
CALMER_TIMES: Final = 10
"""So often in a row (a second) nothing louder than half of it: it has less."""

_LOUDEST: Final = tuple(FAINTEST_HEARD << level for level in range((LOUDEST_NOISE // FAINTEST_HEARD).bit_length()))
_FAINT: Final = tuple(
    bytes(
        code
        for code in range(256)
        if abs(int.from_bytes(decode_mulaw(bytes([code])), "little", signed=True)) <= loudest
    )
    for loudest in _LOUDEST
)


class CalmFrames:
    """`is_hushed`: the caller does not speak, so that what is faint may wait, and only that. `is_calm`: nothing is
    being said to them either, so that they cannot interrupt it."""

    __slots__ = ("_calmer", "_level", "_louder", "_waiting", "is_calm", "is_hushed")

    def __init__(self) -> None:
        self.is_hushed = self.is_calm = False
        self._waiting = b""
        self._level = self._louder = self._calmer = 0

    @property
    def loudest_faint(self) -> int:
        """The loudest sample that is noise on this line (of 32,768)."""
        return _LOUDEST[self._level]

    def join(self, audio: bytes) -> bytes:
        """What is to be told now that `audio` has come: it, and all that waits; or nothing yet."""
        if self._waiting:
            audio = self._waiting + audio
        if self.is_hushed:
            is_faint = not audio.translate(None, _FAINT[self._level])
            if len(audio) < (FAINT_BYTES if is_faint else CALM_BYTES if self.is_calm else 0):
                self._waiting = audio
                return b""
            self._follow_noise(audio, is_faint=is_faint)
        else:
            self._louder = 0  # that was a voice
        self._waiting = b""
        return audio

    def _follow_noise(self, audio: bytes, *, is_faint: bool) -> None:
        """One frame in five may be louder than the noise, and no more."""
        if not is_faint:
            self._calmer, self._louder = 0, self._louder + 1
            if self._louder >= NOISY_FRAMES and self._level < len(_LOUDEST) - 1:
                self._level, self._louder = self._level + 1, 0
            return
        self._louder = max(0, self._louder - 1)
        self._calmer = self._calmer + 1 if self._level and not audio.translate(None, _FAINT[self._level - 1]) else 0
        if self._calmer >= CALMER_TIMES:
            self._level, self._calmer = self._level - 1, 0
