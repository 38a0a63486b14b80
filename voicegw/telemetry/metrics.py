"""`CallMetrics`: a sink that counts what happens on calls, and renders it with the gateway's readings for Prometheus.

Every name begins with `voicegw_`; units are base units. What may be a label is decided in `telemetry.labels`: nothing
that callers say, and no phone number but those the settings list.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from voicegw import __version__
from voicegw.call.entries import Entry
from voicegw.call.outcomes import outcome_of, reaches_human
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallerInterrupted,
    CallerSpoke,
    CallerStayedSilent,
    CallRang,
    Failed,
    ForwardFinished,
    KeysPressed,
    PromptSounded,
    SessionStarted,
    StepAnswered,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.call.waterfall import TIMED, Waterfall, parts
from voicegw.telemetry import labels
from voicegw.telemetry.instruments import Instruments
from voicegw.telemetry.readings import Readings, ReadingsCollector

MAX_CALLS = 20_000
"""Calls whose end nobody tells must not pile up; the oldest are forgotten."""
MAX_TURNS = 64
"""Turns of a call that wait to be answered; where there are more, they are timed as far as they got."""

_INPUTS = {CallerSpoke: "speech", KeysPressed: "keys", CallerStayedSilent: "silence"}
# What is counted: prompts, traces and notes are the call log's, and most of what a call tells.
_COUNTED = frozenset(
    {
        ActionSent,
        AnswerBegan,
        CallEnded,
        CallRang,
        CallerInterrupted,
        Failed,
        ForwardFinished,
        SessionStarted,
        StepAnswered,
        TurnEnded,
        WebhookReceived,
        *_INPUTS,
    }
)


@dataclass(slots=True)
class _Call:
    """What must be remembered of a live call: its number's label, and the times of its turns under way."""

    number: str
    turn: int = 0
    reached_human: bool = False
    due: bool = False  # the turn has words, or is over: the next answer is the one the caller waits for
    waterfall: Waterfall = field(default_factory=Waterfall)


class CallMetrics:
    """Implements `call.entries.Sink`. Lives in one event loop; costs a few microseconds an entry.

    `own_numbers` gives the numbers that the settings list as of now.
    """

    def __init__(self, readings: Readings, own_numbers: Callable[[], Collection[str]] = frozenset) -> None:
        self._own_numbers = own_numbers
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self.registry = CollectorRegistry()
        self._counted = Instruments(version=__version__)
        self._begin_at_zero()
        self.registry.register(self._counted)
        self.registry.register(ReadingsCollector(readings))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def receive(self, entry: Entry) -> None:
        """Count one entry. Neither waits nor raises, whatever the entry holds."""
        kind = type(entry.record)
        if kind in _COUNTED:
            self._count(entry)
        if kind in TIMED:
            self._time(entry)

    def render(self) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format, and its content type. Takes milliseconds."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _begin_at_zero(self) -> None:
        """Series that alerts watch are there from the start: Prometheus' `increase` of one that is born at 1 is 0."""
        counted = self._counted
        for code in (labels.NONE, *sorted(labels.TURN_FAILURES)):
            counted.turns[(code,)] += 0
        failing = {"store": labels.STORE_FAILURES, "carrier": labels.CARRIER_FAILURES, "gateway": {"turn-crashed"}}
        for part, codes in failing.items():
            for code in (*sorted(codes), labels.OTHER):
                counted.failures[part, code] += 0
        for name in labels.WEBHOOKS:
            counted.webhooks[(name,)] += 0

    def _count(self, entry: Entry) -> None:
        record, counted = entry.record, self._counted
        match record:
            case CallRang():
                call = self._open(entry.call_sid, labels.number_label(record.called_number, self._own_numbers()))
                counted.calls_started[call.number, labels.known(record.mode, labels.MODES)] += 1
            case CallEnded():
                self._end(entry, record.reason)
            case WebhookReceived():
                counted.webhooks[(labels.webhook_label(record.name),)] += 1
            case StepAnswered():
                counted.webhook_seconds[(labels.webhook_label(record.name),)].observe(record.seconds)
            case CallerSpoke() | KeysPressed() | CallerStayedSilent():
                counted.inputs[(_INPUTS[type(record)],)] += 1
            case CallerInterrupted():
                counted.barge_ins[(record.by,)] += 1
            case SessionStarted():
                counted.sessions[("renewed" if record.renewed else "new",)] += 1
            case ActionSent():
                counted.agent_requests[(labels.known(str(record.action.get("type", "")), labels.ACTIONS),)] += 1
            case AnswerBegan():
                counted.agent_answers[(labels.status_label(record.status),)] += 1
            case TurnEnded():
                counted.turns[(labels.known(record.failure, labels.FAILURE_CODES),)] += 1
            case ForwardFinished():
                outcome = labels.known(record.outcome, labels.FORWARD_OUTCOMES)
                counted.forwards[outcome, labels.known(record.reason, labels.REFUSAL_REASONS)] += 1
                if (forwarded := self._calls.get(entry.call_sid)) is not None:
                    forwarded.reached_human |= reaches_human(record)
            case Failed():
                counted.failures[record.part, labels.known(record.code, labels.FAILURE_CODES)] += 1
            case _:
                pass

    def _open(self, call_sid: str, number: str = labels.OTHER) -> _Call:
        """The call as it is known, or from now on. One that another process began has the number `other`."""
        call = self._calls.get(call_sid)
        if call is None:
            call = self._calls[call_sid] = _Call(number)
            if len(self._calls) > MAX_CALLS:
                self._calls.popitem(last=False)
        return call

    def _end(self, entry: Entry, reason: str) -> None:
        call = self._calls.pop(entry.call_sid, None) or _Call(labels.OTHER)
        outcome = outcome_of(reason, reached_human=call.reached_human)
        self._counted.calls[call.number, outcome.value, labels.known(reason, labels.REASONS)] += 1
        self._counted.call_seconds.observe(entry.offset)
        self._observe(call)

    def _time(self, entry: Entry) -> None:
        """Take the entry into the times of its turn; see where the seconds went once the carrier has its answer."""
        kind = type(entry.record)
        if kind is TurnBegan:
            call = self._open(entry.call_sid)
            call.turn, call.due = entry.turn, False
            if len(call.waterfall) >= MAX_TURNS:
                self._observe(call)
        elif (known := self._calls.get(entry.call_sid)) is None:
            return  # over, or not begun here
        else:
            call = known
        call.waterfall.add(entry)
        if entry.turn != call.turn:
            return
        if kind is WordsReady or kind is TurnEnded:
            call.due = True
        elif call.due and (kind is StepAnswered or kind is PromptSounded):
            self._observe(call)

    def _observe(self, call: _Call) -> None:
        for times in call.waterfall.take():
            if times.total_ms is not None:
                self._counted.turn_seconds.observe(times.total_ms / 1000)
            for name, milliseconds in parts(times):
                self._counted.turn_part_seconds[(labels.PARTS.get(name, labels.OTHER),)].observe(milliseconds / 1000)
        call.due = False
