"""The call's notebook: stamps times, keeps records in order, tells whoever watches. Knows no rule of the carrier."""

from collections.abc import Callable
from typing import TypeVar

from voicegw.simulator.timeline import LiveEvent, Record, Warned

_Kept = TypeVar("_Kept")

CLOCK_TICK_SECONDS = 1e-6
"""What times are rounded to. A shorter wait may leave the clock where it was."""

Watcher = Callable[[LiveEvent], None]


class Journal:
    """Keeps what happened on one call. `clock` is monotonic seconds; `on_event` must not block."""

    def __init__(self, clock: Callable[[], float], on_event: Watcher | None = None) -> None:
        self._clock = clock
        self._began_at = clock()
        self._on_event = on_event
        self.records: list[Record] = []

    def now_seconds(self) -> float:
        """Seconds since the call was placed, to the microsecond."""
        return self.seconds_at(self._clock())

    def seconds_at(self, clock_seconds: float) -> float:
        """An instant of the clock in seconds since the call was placed."""
        return round(clock_seconds - self._began_at, 6)

    def keep(self, record: Record) -> None:
        """Write a record down and tell the watcher."""
        self.records.append(record)
        self.tell(record)

    def tell(self, event: LiveEvent) -> None:
        """Tell the watcher of something that is not kept."""
        if self._on_event is not None:
            self._on_event(event)

    def warn(self, code: int, text: str, url: str = "") -> None:
        """Write down what the vendor would log."""
        self.keep(Warned(at_seconds=self.now_seconds(), code=code, text=text, url=url))

    def of(self, kind: type[_Kept]) -> tuple[_Kept, ...]:
        """All records of one kind, in the order in which they ended."""
        return tuple(record for record in self.records if isinstance(record, kind))
