"""What happens when nobody does anything: the caller is asked, a filler passes the time, a dead line is given up.

Joins silence timer and filler timer; each is told only what concerns it. `now` is monotonic seconds.
"""

from typing import Final

from voicegw.media.filler import FillerTimer
from voicegw.media.silence import SilenceTimer

NO_MEDIA_SECONDS: Final = 10.0
CONNECT_WITHIN_SECONDS: Final = 30.0


class Waits:
    """`line_until` is when a line without a sign of life is dead; the silence of `silence`, the filler of `filler`."""

    __slots__ = ("_was_quiet", "filler", "line_until", "silence")

    def __init__(self, now: float) -> None:
        self.line_until = now + CONNECT_WITHIN_SECONDS
        self.silence = SilenceTimer()
        self.filler = FillerTimer()
        self._was_quiet = True

    def open(self, now: float) -> None:
        """The stream is open: what was prepared is heard from now on."""
        self.hear_line(now)
        self.silence.hear_something(now)
        self.filler.begin_turn(now)

    def hear_line(self, now: float) -> None:
        """The line shows a sign of life."""
        self.line_until = now + NO_MEDIA_SECONDS

    def hear_key(self, now: float) -> None:
        """The caller pressed a key."""
        self.silence.hear_something(now)
        self.filler.hear_caller(now)

    def hear_us(self, until: float, *, quiet: bool) -> None:
        """Whether the caller has heard all that we said by now; they were hearing us until then if not."""
        if not (quiet and self._was_quiet):
            self.silence.hear_something(until)
            self.filler.hear_us(until)
        self._was_quiet = quiet

    def begin_turn(self, now: float) -> None:
        """The agent has been asked."""
        self.silence.stop()
        self.filler.begin_turn(now)
