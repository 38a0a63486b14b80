"""Which of several providers are worth asking now: one that failed rests, longer each time, then is tried once.

Pure: time is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FIRST_REST_SECONDS: Final = 5.0
LONGEST_REST_SECONDS: Final = 60.0
PROBE_SECONDS: Final = 5.0
"""How long the others wait for what a probe of one request shows."""


@dataclass(slots=True)
class _Rest:
    failures: int
    until: float


class RestingProviders:
    """The providers of one kind by name, for all calls; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._rests: dict[str, _Rest] = {}

    def order(self, names: Sequence[str], now: float) -> list[str]:
        """The names in the order to ask them: those at rest come last. Whoever asks for a provider whose rest is over
        is its probe; until it is known how that went, it counts as resting for all others."""
        awake = [name for name in names if name not in self._rests or self._rests[name].until <= now]
        for name in awake[:1]:
            if name in self._rests:
                self._rests[name].until = now + PROBE_SECONDS
        return [*awake, *(name for name in names if name not in awake)]

    def note_success(self, name: str) -> None:
        """It works."""
        self._rests.pop(name, None)

    def note_failure(self, name: str, now: float) -> None:
        """It does not; it rests for 5 s, twice as long for each failure in a row, at most a minute."""
        failures = self._rests[name].failures + 1 if name in self._rests else 1
        seconds = min(FIRST_REST_SECONDS * 2.0 ** min(failures - 1, 10), LONGEST_REST_SECONDS)
        self._rests[name] = _Rest(failures, now + seconds)
