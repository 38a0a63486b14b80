"""When the caller has waited for the agent so long that a word is due, as `call.patience` says for all modes.

Rules: 2.5 s after the caller's own last input; 3.5 s after our last words ended, be they a filler or the beginning of
an answer. Knows no words; `now` is monotonic seconds.
"""

from typing import Final

from voicegw.call.patience import FILLER_AFTER_SECONDS

FILLER_AFTER_WORDS_SECONDS: Final = 3.5


class FillerTimer:
    """One deadline, which everything that is heard puts off."""

    def __init__(self) -> None:
        self._at = 0.0

    def hear_caller(self, now: float) -> None:
        """The caller has just done something."""
        self._at = max(self._at, now + FILLER_AFTER_SECONDS)

    def begin_turn(self, now: float) -> None:
        """The agent has been asked."""
        self._at = now + FILLER_AFTER_SECONDS

    def hear_us(self, until: float) -> None:
        """The caller was hearing us until then, or is about to."""
        self._at = max(self._at, until + FILLER_AFTER_WORDS_SECONDS)

    def next_timer(self) -> float:
        """When a filler is due, if the caller hears nothing until then."""
        return self._at
