"""Is the voice on the line our own, coming back from a telephone's loudspeaker? What came is laid over what we sent.

A telephone network promises no echo cancelling. What comes back is what we sent, 40–500 ms later and weaker: at one
delay the two waves are alike, whatever the loudness, which another voice's never are for half a second. Audio is only
kept as it passes; it is looked at when somebody asks. Knows no carrier; `now` is monotonic seconds.
"""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from voicegw.media.utterances import BYTES_PER_SECOND

WINDOW_SECONDS: Final = 0.5
NEAREST_SECONDS: Final = 0.04
FARTHEST_SECONDS: Final = 0.5
ALIKE_FROM: Final = 0.5
"""How much of what came must be an echo, 0–1: speech of two people reaches 0.4 by chance, an echo in noise 0.8."""

WEAKER_BY: Final = 4.0  # in power, 6 dB: who is as loud as we are is no echo

_WINDOW: Final = int(WINDOW_SECONDS * BYTES_PER_SECOND)
_NEAREST: Final = int(NEAREST_SECONDS * BYTES_PER_SECOND)
_FARTHEST: Final = int(FARTHEST_SECONDS * BYTES_PER_SECOND)
_SPAN: Final = _WINDOW + _FARTHEST - _NEAREST
_TRANSFORM: Final = 8192  # the next power of two
_SILENCE: Final = b"\xff"

_Floats = npt.NDArray[np.float32]


def _amplitudes() -> _Floats:
    """Of each byte of mulaw, by G.711: inverted; a sign, three bits of exponent, four of mantissa."""
    bits = ~np.arange(256) & 0xFF
    sizes = ((((bits & 0x0F) << 3) + 132) << ((bits >> 4) & 0x07)) - 132
    return np.where(bits & 0x80, -sizes, sizes).astype(np.float32)


_AMPLITUDES: Final = _amplitudes()


class EchoGuard:
    """Remembers what we and the caller have said in the last second."""

    def __init__(self) -> None:
        self._ours: deque[tuple[float, bytes]] = deque()
        self._ours_until = 0.0
        self._theirs = bytearray()
        self._theirs_until = 0.0

    def send(self, audio: bytes, now: float) -> None:
        """We sent `audio`, which is played after what was sent before."""
        begin = max(self._ours_until, now)
        self._ours.append((begin, audio))
        self._ours_until = begin + len(audio) / BYTES_PER_SECOND
        while self._ours[0][0] < now - 2 * (WINDOW_SECONDS + FARTHEST_SECONDS):
            self._ours.popleft()

    def clear(self, now: float) -> None:
        """What has not been played by now never will be."""
        while self._ours and self._ours[-1][0] >= now:
            self._ours.pop()
        if self._ours and self._ours_until > now:
            begin, audio = self._ours.pop()
            self._ours.append((begin, audio[: round((now - begin) * BYTES_PER_SECOND)]))
        self._ours_until = now

    def receive(self, audio: bytes, now: float) -> None:
        """The caller's line has carried `audio` until now."""
        self._theirs += audio
        self._theirs_until = now
        if len(self._theirs) > 2 * _WINDOW:
            del self._theirs[:-_WINDOW]

    def recall(self, size: int) -> bytes:
        """The last `size` bytes that the caller's line has carried, at most half a second."""
        return bytes(self._theirs[-min(size, _WINDOW) :])

    def is_echo(self) -> bool:
        """Is what the caller's line has carried of late what we sent before?"""
        heard = self.recall(_WINDOW).rjust(_WINDOW, _SILENCE)
        theirs = _AMPLITUDES[np.frombuffer(heard, np.uint8)]
        ours = self._played()
        power = float(theirs @ theirs)
        if not power or not ours.any():
            return False
        spectrum = np.fft.rfft(ours, _TRANSFORM) * np.conj(np.fft.rfft(theirs, _TRANSFORM))
        together = np.abs(np.fft.irfft(spectrum, _TRANSFORM)[: _SPAN - _WINDOW + 1])
        so_far = np.concatenate(([0.0], np.cumsum(ours.astype(np.float64) ** 2)))
        powers = so_far[_WINDOW:] - so_far[:-_WINDOW]
        likely = powers >= WEAKER_BY * power
        return bool((together[likely] >= ALIKE_FROM * np.sqrt(powers[likely] * power)).any())

    def _played(self) -> _Floats:
        """What the caller may have heard us say, from the earliest that can be coming back to the latest."""
        played = np.zeros(_SPAN, np.float32)
        first = round(self._theirs_until * BYTES_PER_SECOND) - _WINDOW - _FARTHEST
        for begin, audio in self._ours:
            at = round(begin * BYTES_PER_SECOND) - first
            piece = audio[max(0, -at) : max(0, _SPAN - at)]
            if piece and at < _SPAN:
                played[max(0, at) :][: len(piece)] = _AMPLITUDES[np.frombuffer(piece, np.uint8)]
        return played
