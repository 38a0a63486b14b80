"""When an event is sent again, and when never: what an answer means, and how long to wait after each attempt.

Pure: chance is an argument.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

WAITS_SECONDS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0, 43200.0)
"""After the first attempt, the second, and so on. Who fails once more after all of them, some 21 hours, is given up."""

KEEPS_ORDER_ATTEMPTS: Final = 4
"""So often an event is tried before later ones of its call overtake it: one that a receiver chokes on must not keep the
others from it."""

_JITTER = 0.2
_GONE = 410


class Verdict(StrEnum):
    """What an attempt means for the event."""

    DELIVERED = "delivered"
    AGAIN = "again"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a receiver answered: an HTTP status, or None and the reason why there is none."""

    status: int | None
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.status is None:
            return Verdict.AGAIN
        if self.status == _GONE:  # Standard Webhooks: the receiver says by it that it wants no more of this
            return Verdict.NEVER
        return Verdict.DELIVERED if 200 <= self.status < 300 else Verdict.AGAIN

    @property
    def fault(self) -> str:
        """What was wrong, for people; empty if nothing was."""
        if self.verdict is Verdict.DELIVERED:
            return ""
        if self.status is None:
            return self.reason
        why = "the receiver wants no more" if self.status == _GONE else ""
        if 300 <= self.status < 400:
            why = "redirects are not followed"
        return f"answered {self.status}: {why}" if why else f"answered {self.status}"


def wait_after(attempts: int, chance: float) -> float | None:
    """Seconds to wait after so many failed attempts, with up to a fifth more or less (`chance`, 0 to 1); None: give up.

    The spread keeps those that failed together from coming back together.
    """
    if attempts > len(WAITS_SECONDS):
        return None
    return WAITS_SECONDS[max(attempts, 1) - 1] * (1 - _JITTER + 2 * _JITTER * chance)
