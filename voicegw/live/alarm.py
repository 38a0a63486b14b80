"""The one timer of a call, moved only where it must ring earlier: ringing too early costs less than moving it.

Knows nothing of what it rings for.
"""

import asyncio
from collections.abc import Callable
from typing import Final

_SLACK_SECONDS: Final = 0.001  # event loops keep milliseconds; what is due within one is due now


class Alarm:
    """Calls `ring(at)` at the time it was set to (the loop's), or earlier: set it again then."""

    __slots__ = ("_at", "_loop", "_ring", "_timer")

    def __init__(self, ring: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0

    def set(self, at: float | None) -> None:
        """Ring then at the latest; None: not at all."""
        if self._timer is not None and (at is None or at < self._at - _SLACK_SECONDS):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and at is not None:
            self._at, self._timer = at, self._loop.call_at(at, self._go_off)

    def _go_off(self) -> None:
        self._timer = None
        self._ring(self._at)
