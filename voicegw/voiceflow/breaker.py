"""Whether an agent is asked at all: a circuit breaker for one agent. Pure; `now` is monotonic seconds.

    state      who may ask               leads to
    CLOSED     everyone                  OPEN at the fifth failure within 30 s with no success between
    OPEN       nobody                    HALF_OPEN when asked after a rest of 10 s
    HALF_OPEN  one trial at a time       CLOSED when the trial succeeds; when it fails OPEN (the rest doubles, to 60 s),
                                         or DOWN if it came from there
    DOWN       nobody                    when a probe succeeds, CLOSED, or HALF_OPEN if a probe cannot tell

A fault that lasts until a person mends it (key, project, environment, credit) leads from everywhere to DOWN.
What a turn finds out that was let through before the breaker moved says nothing about now, unless it is such a fault.
"""

from collections import deque
from enum import StrEnum

FAILURES_TO_OPEN = 5
FAILURE_WINDOW_SECONDS = 30.0
FIRST_REST_SECONDS = 10.0
LONGEST_REST_SECONDS = 60.0


class BreakerState(StrEnum):
    """See the table above."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    DOWN = "down"


class Ticket:
    """Leave to ask the agent once; whoever holds it tells what became of it."""

    __slots__ = ()


class Breaker:
    """The breaker of one agent. Nothing it is told makes it raise."""

    def __init__(self) -> None:
        self._state = BreakerState.CLOSED
        self._failed_at: deque[float] = deque(maxlen=FAILURES_TO_OPEN)
        self._rest_seconds = FIRST_REST_SECONDS
        self._rests_until = 0.0
        self._trial: Ticket | None = None
        self._was_down = False
        self._probe_can_tell = True

    @property
    def state(self) -> BreakerState:
        """The state as of the last event (OPEN stays OPEN until someone asks after the rest)."""
        return self._state

    @property
    def refuses_for_good(self) -> bool:
        """Whether those who are refused had better go elsewhere: a person has to mend the agent."""
        return self._was_down

    def admit(self, now: float) -> Ticket | None:
        """Leave to ask the agent, or None: it must not be asked."""
        if self._state is BreakerState.OPEN and now >= self._rests_until:
            self._state = BreakerState.HALF_OPEN
        if self._state is BreakerState.CLOSED:
            return Ticket()
        if self._state is BreakerState.HALF_OPEN and self._trial is None:
            self._trial = Ticket()
            return self._trial
        return None

    def receive_success(self, ticket: Ticket) -> None:
        """The agent answered as it should."""
        if self._state is BreakerState.CLOSED:
            self._failed_at.clear()
        elif ticket is self._trial:
            self._close()

    def receive_failure(self, ticket: Ticket, now: float) -> None:
        """The agent failed in a way that may pass by itself."""
        if self._state is BreakerState.CLOSED:
            self._failed_at.append(now)
            if len(self._failed_at) == FAILURES_TO_OPEN and now - self._failed_at[0] <= FAILURE_WINDOW_SECONDS:
                self._open(now)
        elif ticket is self._trial:
            if self._was_down:
                self._go_down()
            else:
                self._rest_seconds = min(2 * self._rest_seconds, LONGEST_REST_SECONDS)
                self._open(now)

    def receive_fault(self, *, probe_can_tell: bool) -> None:
        """The agent cannot work until someone mends it; `probe_can_tell` whether a probe sees that it was mended."""
        self._probe_can_tell = probe_can_tell
        self._go_down()

    def receive_no_verdict(self, ticket: Ticket) -> None:
        """The turn is over and says nothing about the agent: another trial may try."""
        if ticket is self._trial:
            self._trial = None

    def receive_probe_success(self) -> None:
        """A probe found an agent that is DOWN to take our settings again."""
        if self._state is not BreakerState.DOWN:
            return
        if self._probe_can_tell:
            self._close()
        else:
            self._state = BreakerState.HALF_OPEN

    def _close(self) -> None:
        self._state = BreakerState.CLOSED
        self._failed_at.clear()
        self._rest_seconds = FIRST_REST_SECONDS
        self._trial = None
        self._was_down = False

    def _open(self, now: float) -> None:
        self._state = BreakerState.OPEN
        self._rests_until = now + self._rest_seconds
        self._trial = None

    def _go_down(self) -> None:
        self._state = BreakerState.DOWN
        self._was_down = True
        self._trial = None
