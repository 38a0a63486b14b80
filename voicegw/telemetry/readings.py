"""What is read off the running gateway when its metrics are asked for: live calls, queues, the agents' breakers.

Knows the names and kinds of these metrics, and no room that they are read from: callables are handed in.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from voicegw.telemetry.labels import BREAKER_STATES, DELIVERY_OUTCOMES, known

Number = Callable[[], float]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Callables that give a number as it stands; counts are since the process began. What is None has no series.

    `breakers` gives the state of each agent's breaker by the agent's name, `event_deliveries` the deliveries so far
    by outcome (`labels.DELIVERY_OUTCOMES`). All are called at each scrape, in the event loop: they must not wait.
    """

    live_calls: Number | None = None
    live_calls_limit: Number | None = None
    loop_lag_seconds: Number | None = None
    call_log_queued: Number | None = None
    call_log_dropped: Number | None = None
    call_log_failing: Number | None = None
    events_dropped: Number | None = None
    events_waiting: Number | None = None
    event_deliveries: Callable[[], Mapping[str, float]] | None = None
    breakers: Callable[[], Mapping[str, str]] | None = None


_GAUGES: Mapping[str, tuple[str, str]] = {
    "live_calls": ("voicegw_live_calls", "Calls that are live in this process."),
    "live_calls_limit": ("voicegw_live_calls_limit", "Live calls at which further callers hear that lines are busy."),
    "loop_lag_seconds": (
        "voicegw_event_loop_lag_seconds",
        "How late the event loop was at worst within the last minute.",
    ),
    "call_log_queued": ("voicegw_call_log_queued_entries", "Entries that wait to be written to the call log."),
    "call_log_failing": ("voicegw_call_log_failing", "1 while the call log cannot be written; its entries wait."),
    "events_waiting": ("voicegw_events_waiting", "Events that are not delivered yet and not given up."),
}
_COUNTERS: Mapping[str, tuple[str, str]] = {
    "call_log_dropped": (
        "voicegw_call_log_dropped_entries_total",
        "Entries that never reached the call log: its queue was full.",
    ),
    "events_dropped": (
        "voicegw_events_dropped_total",
        "Events that never reached the outbox: the database failed for too long.",
    ),
}


class ReadingsCollector(Collector):
    """Makes metrics of `readings` at each scrape. A reading that fails is left out and told of once."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._failed: set[str] = set()

    def describe(self) -> Iterator[Metric]:
        """Nothing is read before the first scrape: what is read from may not be there yet."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand now."""
        for field in fields(self._readings):
            read = getattr(self._readings, field.name)
            if read is None:
                continue
            try:
                metric = _metric(field.name, read())
            except Exception as error:  # one room's fault must not hide what the others have to tell
                self._complain(field.name, error)
            else:
                yield metric

    def _complain(self, name: str, error: Exception) -> None:
        if name not in self._failed:
            self._failed.add(name)
            _log.error("a reading for the metrics fails; said once", reading=name, error=type(error).__name__)


def _metric(name: str, value: object) -> Metric:
    if isinstance(value, Mapping):
        return _breakers(value) if name == "breakers" else _deliveries(value)
    if not isinstance(value, int | float):
        raise TypeError(f"{name} gave {type(value).__name__}, and no number")
    if name in _GAUGES:
        return GaugeMetricFamily(*_GAUGES[name], value=value)
    return CounterMetricFamily(*_COUNTERS[name], value=value)


def _breakers(states: Mapping[str, str]) -> Metric:
    """One series for each agent and state, 1 for the state it is in: what a sum over agents can count."""
    metric = GaugeMetricFamily(
        "voicegw_agent_breaker_state", "1 for the state that the agent's breaker is in.", labels=("agent", "state")
    )
    for agent, state in sorted(states.items()):
        for name in BREAKER_STATES:
            metric.add_metric((agent, name), float(state == name))
    return metric


def _deliveries(outcomes: Mapping[str, float]) -> Metric:
    metric = CounterMetricFamily(
        "voicegw_event_deliveries_total",
        "Attempts to deliver an event: delivered, failed and to be tried again, dead and never tried again.",
        labels=("outcome",),
    )
    told = dict.fromkeys(DELIVERY_OUTCOMES, 0.0)
    for outcome, count in outcomes.items():
        label = known(outcome, DELIVERY_OUTCOMES)
        told[label] = told.get(label, 0.0) + count
    for outcome, count in told.items():
        metric.add_metric((outcome,), count)
    return metric
