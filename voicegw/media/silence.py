"""For how long the caller has been silent, counted from the moment the last prompt has been *heard*.

Rules: it runs only while nothing is being said, pressed or waited for; a noise that turns out to be nothing does not
begin it anew, so a noisy line cannot postpone it for ever. Knows no prompt and no caller; `now` is monotonic seconds.
"""


class SilenceTimer:
    """One deadline. `since` is the last moment at which something counted as no silence."""

    __slots__ = ("_paused", "_seconds", "_since")

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._since = 0.0
        self._paused = False

    def start(self, seconds: float, now: float) -> None:
        """Whoever listens begins to listen now, for so many seconds of silence."""
        self._seconds = seconds
        self._since = now

    def stop(self) -> None:
        """Nobody waits for the caller."""
        self._seconds = None

    def hear_something(self, now: float) -> None:
        """Until now there was no silence: a prompt was being heard, a key was pressed."""
        self._since = max(self._since, now)

    def pause(self, paused: bool) -> None:
        """Whether something is going on that may turn out to be an answer."""
        self._paused = paused

    def next_timer(self) -> float | None:
        """When the silence will have been long enough; None while it does not run."""
        if self._seconds is None or self._paused:
            return None
        return self._since + self._seconds

    def is_over(self, now: float) -> bool:
        """Has the caller been silent for long enough?"""
        at = self.next_timer()
        return at is not None and now >= at
