"""Is the voice on the line our own, coming back from a loudspeaker? Loudness over time compared, 60–400 ms apart.

A telephone network promises no echo cancelling. What comes back is what we sent, later and weaker: the two loudness
curves rise and fall together, which a caller's own do not for long. Loudness is mulaw's own scale, 0–127, where 16
steps are 6 dB. Knows no carrier; `now` is monotonic seconds.
"""

from collections import deque
from collections.abc import Sequence
from math import sqrt
from typing import Final

from voicegw.media.utterances import BYTES_PER_SECOND

STEP_SECONDS: Final = 0.02
_STEP_BYTES: Final = int(STEP_SECONDS * BYTES_PER_SECOND)
_NEAREST_STEPS: Final = 3  # 60 ms
_FARTHEST_STEPS: Final = 20  # 400 ms
_WINDOW_STEPS: Final = 30
_KEPT_STEPS: Final = 128
_ALIKE_FROM: Final = 0.9
_WEAKER_BY: Final = 10.0
_MOVING_FROM: Final = 4.0  # a curve that hardly moves resembles every other

# mulaw: the bits are inverted and the highest is the sign; what is left grows with the logarithm of the amplitude.
_LOUDNESS: Final = bytes(~byte & 0x7F for byte in range(256))


def loudness(audio: bytes) -> float:
    """How loud a piece of mulaw is on average, 0–127; of no audio 0."""
    return sum(audio.translate(_LOUDNESS)) / len(audio) if audio else 0.0


class EchoGuard:
    """Remembers how loud we and the caller have been in the last seconds."""

    def __init__(self) -> None:
        self._ours: deque[tuple[int, float]] = deque(maxlen=_KEPT_STEPS)
        self._theirs: deque[tuple[int, float]] = deque(maxlen=_WINDOW_STEPS)
        self._ours_until = 0.0

    def send(self, audio: bytes, now: float) -> None:
        """We sent `audio`, which is played after what was sent before."""
        self._ours_until = max(self._ours_until, now)
        for begin in range(0, len(audio), _STEP_BYTES):
            piece = audio[begin : begin + _STEP_BYTES]
            self._ours.append((round(self._ours_until / STEP_SECONDS), loudness(piece)))
            self._ours_until += len(piece) / BYTES_PER_SECOND

    def clear(self, now: float) -> None:
        """What has not been played by now never will be."""
        step = round(now / STEP_SECONDS)
        while self._ours and self._ours[-1][0] > step:
            self._ours.pop()
        self._ours_until = now

    def receive(self, level: float, now: float) -> None:
        """The caller's line has been so loud for the last 20 ms."""
        self._theirs.append((round(now / STEP_SECONDS), level))

    def is_echo(self) -> bool:
        """Does what the caller's line has carried of late follow what we sent?"""
        if len(self._theirs) < _WINDOW_STEPS:
            return False
        ours = dict(self._ours)
        theirs = [level for _, level in self._theirs]
        return any(
            _follows(theirs, [ours.get(step - lag, 0.0) for step, _ in self._theirs])
            for lag in range(_NEAREST_STEPS, _FARTHEST_STEPS + 1)
        )


def _follows(theirs: Sequence[float], ours: Sequence[float]) -> bool:
    mean_theirs, mean_ours = sum(theirs) / len(theirs), sum(ours) / len(ours)
    if mean_ours - mean_theirs < _WEAKER_BY:
        return False
    spread_theirs = sqrt(sum((level - mean_theirs) ** 2 for level in theirs))
    spread_ours = sqrt(sum((level - mean_ours) ** 2 for level in ours))
    if min(spread_theirs, spread_ours) < _MOVING_FROM * sqrt(len(ours)):
        return False
    together = sum((one - mean_theirs) * (other - mean_ours) for one, other in zip(theirs, ours, strict=True))
    return together / (spread_theirs * spread_ours) >= _ALIKE_FROM
