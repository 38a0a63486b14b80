"""How late the event loop is: one number for the metrics, and a line in the log when it is bad.

A loop that is late is late for everybody: webhooks, the agent's answers, timers. `LoopLag` is pure arithmetic on given
instants; `watch_loop_lag` is the task that feeds it.
"""

import asyncio
from collections import deque

import structlog

EVERY_SECONDS = 0.25
BAD_SECONDS = 0.1
"""Lag that is worth a line: the gateway's whole share of a turn is less."""
WINDOW_SECONDS = 60.0
"""So far back a lag still shows, so that no scrape misses it."""
LINE_EVERY_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class LoopLag:
    """The lags of the last minute. `now` is monotonic seconds and never goes back."""

    def __init__(self) -> None:
        # Falling lags by time: a later one that is worse makes the ones before it irrelevant.
        self._worst: deque[tuple[float, float]] = deque()
        self._told_at = float("-inf")

    def receive(self, lag_seconds: float, now: float) -> bool:
        """A timer that was due at `now - lag_seconds` fired. Says whether the operator should be told."""
        while self._worst and self._worst[-1][1] <= lag_seconds:
            self._worst.pop()
        self._worst.append((now, lag_seconds))
        while self._worst[0][0] <= now - WINDOW_SECONDS:
            self._worst.popleft()
        if lag_seconds <= BAD_SECONDS or now - self._told_at < LINE_EVERY_SECONDS:
            return False
        self._told_at = now
        return True

    def worst_seconds(self) -> float:
        """The worst lag of the last minute as of the last one received; 0 before the first."""
        return self._worst[0][1] if self._worst else 0.0


async def watch_loop_lag(lag: LoopLag) -> None:
    """Measure for ever how late this loop is; to be run as one task of the process, cancelled at its end."""
    loop = asyncio.get_running_loop()
    while True:
        due_at = loop.time() + EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)
        now = loop.time()
        late_seconds = max(0.0, now - due_at)
        if lag.receive(late_seconds, now):
            _log.warning("event loop is late", lag_seconds=round(late_seconds, 3))
