"""The counters and histograms of calls: their names, what they mean, and their buckets.

Knows no call; `telemetry.metrics` says what is counted when, `telemetry.labels` with which labels.
"""

from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_Instrument = TypeVar("_Instrument", Counter, Histogram)

# A caller takes a second for prompt and three for slow; at 15 s the carrier gives up, at 25 s the turn apologises.
WAIT_BUCKETS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 25.0, 60.0)
# The gateway's own parts of a turn are milliseconds, the agent's are seconds: one scale for both, to add them up.
PART_BUCKETS = (0.005, 0.025, *WAIT_BUCKETS)
CALL_BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)


class Labelled(dict[tuple[str, ...], _Instrument], Generic[_Instrument]):
    """The series of one metric by their labels' values, each looked up once: that costs more than counting."""

    def __init__(self, metric: _Instrument) -> None:
        super().__init__()
        self._metric: _Instrument = metric

    def __missing__(self, values: tuple[str, ...]) -> _Instrument:
        series: _Instrument = self._metric.labels(*values)
        self[values] = series
        return series


class Instruments:
    """All of them, in `registry`. Each may be counted from one thread only."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        def counter(name: str, says: str, *label_names: str) -> Labelled[Counter]:
            return Labelled(Counter(f"voicegw_{name}", says, label_names, registry=registry))

        def histogram(name: str, says: str, buckets: tuple[float, ...], *label_names: str) -> Histogram:
            return Histogram(f"voicegw_{name}", says, label_names, registry=registry, buckets=buckets)

        Gauge("voicegw_build_info", "1, for the version that runs.", ("version",), registry=registry).labels(
            version
        ).set(1)
        self.calls_started = counter("calls_started_total", "Calls that rang here, by number.", "number", "mode")
        self.calls = counter(
            "calls_total", "Calls that are over, by number, outcome and reason.", "number", "outcome", "reason"
        )
        self.call_seconds = histogram("call_seconds", "How long calls were.", CALL_BUCKETS)
        self.turns = counter(
            "turns_total",
            "The agent's turns that are over, by the code of their failure (none: it answered).",
            "failure",
        )
        self.turn_seconds = histogram(
            "turn_seconds", "From the caller's last sound to the answer, as far as is known.", WAIT_BUCKETS
        )
        self.turn_part_seconds = Labelled(
            histogram("turn_part_seconds", "The same wait, by who had it.", PART_BUCKETS, "part")
        )
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
        self.webhook_seconds = Labelled(
            histogram("webhook_seconds", "How long the carrier waited for an answer.", PART_BUCKETS, "name")
        )
