"""The counters and histograms of calls: their names, what they mean, and their buckets.

Counting is an addition here, and Prometheus' own objects are made at each scrape: to lock and check a million times a
day what one thread counts would cost more than all else that is done to count. Knows no call; `telemetry.metrics` says
what is counted when, `telemetry.labels` with which labels.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]

# A caller takes a second for prompt and three for slow; at 15 s the carrier gives up, at 25 s the turn apologises.
WAIT_BUCKETS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 25.0, 60.0)
# The gateway's own parts of a turn are milliseconds, the agent's are seconds: one scale for both, to add them up.
PART_BUCKETS = (0.005, 0.025, *WAIT_BUCKETS)
CALL_BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)


class Counts(defaultdict[Labels, int]):
    """A counter: add to the series that has these values of its labels."""

    def __init__(self, name: str, says: str, label_names: Labels) -> None:
        super().__init__(int)
        self.name, self.says, self.label_names = name, says, label_names

    def family(self) -> Metric:
        """The counter as it stands now."""
        metric = CounterMetricFamily(self.name, self.says, labels=self.label_names)
        for values, count in self.items():
            metric.add_metric(values, count)
        return metric


class Durations:
    """One series of a histogram, in seconds."""

    __slots__ = ("_bounds", "_counts", "_seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Something took so long."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._seconds += seconds

    def add_to(self, metric: HistogramMetricFamily, values: Labels) -> None:
        """The series as it stands now. Each bucket holds what is in the smaller ones too."""
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        metric.add_metric(values, list(zip(bounds, accumulate(self._counts), strict=True)), self._seconds)


class Histogram(dict[Labels, Durations]):
    """The series of a histogram by the values of its labels."""

    def __init__(self, name: str, says: str, bounds: tuple[float, ...], label_names: Labels) -> None:
        super().__init__()
        self.name, self.says, self.label_names = name, says, label_names
        self._bounds = bounds

    def __missing__(self, values: Labels) -> Durations:
        series = self[values] = Durations(self._bounds)
        return series

    def family(self) -> Metric:
        """The histogram as it stands now."""
        metric = HistogramMetricFamily(self.name, self.says, labels=self.label_names)
        for values, series in self.items():
            series.add_to(metric, values)
        return metric


class Instruments(Collector):
    """All of them, for a registry to collect. Each may be counted from the thread that scrapes only."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._all: list[Counts | Histogram] = []

        def counter(name: str, says: str, *label_names: str) -> Counts:
            self._all.append(made := Counts(f"voicegw_{name}", says, label_names))
            return made

        def histogram(name: str, says: str, bounds: tuple[float, ...], *label_names: str) -> Histogram:
            self._all.append(made := Histogram(f"voicegw_{name}", says, bounds, label_names))
            return made

        self.calls_started = counter("calls_started_total", "Calls that rang here, by number.", "number", "mode")
        self.calls = counter(
            "calls_total", "Calls that are over, by number, outcome and reason.", "number", "outcome", "reason"
        )
        self.call_seconds = histogram("call_seconds", "How long calls were.", CALL_BUCKETS)[()]
        self.turns = counter(
            "turns_total",
            "The agent's turns that are over, by the code of their failure (none: it answered).",
            "failure",
        )
        self.turn_seconds = histogram(
            "turn_seconds", "From the caller's last sound to the answer, as far as is known.", WAIT_BUCKETS
        )[()]
        self.turn_part_seconds = histogram("turn_part_seconds", "The same wait, by who had it.", PART_BUCKETS, "part")
        self.inputs = counter("caller_inputs_total", "What callers did when it was their turn.", "kind")
        self.barge_ins = counter("barge_ins_total", "Prompts that callers cut off, by speech or keys.", "by")
        self.sessions = counter(
            "agent_sessions_total", "Sessions started with agents, and renewed in mid-call.", "kind"
        )
        self.agent_requests = counter("agent_requests_total", "Actions sent to agents, by type.", "action")
        self.agent_answers = counter("agent_answers_total", "Answers that agents began, by class of status.", "status")
        self.forwards = counter(
            "forwards_total", "Attempts to reach a human, by outcome; of the refused ones why.", "outcome", "reason"
        )
        self.failures = counter("failures_total", "What failed on calls, by who failed and code.", "part", "code")
        self.webhooks = counter("webhooks_total", "Webhooks of the carrier, by name.", "name")
        self.webhook_seconds = histogram(
            "webhook_seconds", "How long the carrier waited for an answer.", PART_BUCKETS, "name"
        )

    def collect(self) -> Iterator[Metric]:
        """All metrics as they stand now."""
        build = GaugeMetricFamily("voicegw_build_info", "1, for the version that runs.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield build
        for instrument in self._all:
            yield instrument.family()
