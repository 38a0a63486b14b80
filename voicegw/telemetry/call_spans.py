"""`CallTracer`: a sink that makes one OpenTelemetry trace of each call.

    call                        from the ring to the end; made when the call is over, by whoever sees that
    ├── turn 3                  from the caller's input to the end of the agent's answer
    │   └── agent request       from the action to the end of its answer
    ├── webhook step            as long as the carrier waited for an answer
    └── forward                 from dialling a human to the outcome

Ids are derived from the call (`call.tracecontext`): several processes make one trace. Holds no text of callers or
agents and no number but our own. Imported only where tracing is on (`telemetry.tracing`).
"""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import Span, SpanKind

from voicegw.call.entries import Entry
from voicegw.call.inputs import ForwardOutcome
from voicegw.call.outcomes import CallOutcome, outcome_of, reaches_human
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallRang,
    ForwardFinished,
    ForwardTried,
    StepAnswered,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
)
from voicegw.call.tracecontext import CALL_SPAN, span_id, turn_span
from voicegw.telemetry import labels
from voicegw.telemetry.span_events import Attributes, event_of
from voicegw.telemetry.span_maker import SpanMaker, end_span, nanoseconds

MAX_CALLS = 20_000
"""Calls whose end nobody tells must not pile up; the oldest are forgotten."""
MAX_EVENTS = 100
"""Events of one call that belong to none of its turns; later ones are left out."""
CLOSE_SECONDS = 5.0


@dataclass(slots=True)
class _OpenTurn:
    span: Span
    request: Span | None = None


@dataclass(slots=True)
class _Call:
    """What is known of a call while it is live."""

    facts: dict[str, str | int | float | bool] = field(default_factory=dict)
    events: list[tuple[str, Attributes, int]] = field(default_factory=list)
    turns: dict[int, _OpenTurn] = field(default_factory=dict)
    forward: Span | None = None
    reached_human: bool = False
    ended: bool = False


class CallTracer:
    """Implements `call.entries.Sink`. Lives in one event loop, and hands finished spans to `processor`.

    `own_numbers` gives the numbers that the settings list: others are not named.
    """

    def __init__(self, processor: SpanProcessor, own_numbers: Callable[[], Collection[str]] = frozenset) -> None:
        self._own_numbers = own_numbers
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._spans = SpanMaker(processor)

    async def close(self, grace_seconds: float = CLOSE_SECONDS) -> None:
        """Send what is still to be sent, for at most so long: a collector that is away holds nothing up."""
        await self._spans.close(grace_seconds)

    def receive(self, entry: Entry) -> None:
        """Begin, end or mark a span, as of the entry's own time. Does not wait."""
        call = self._calls.get(entry.call_sid)
        if call is None:
            call = _Call()
            if isinstance(entry.record, CallRang | WebhookReceived | TurnBegan):
                self._keep(entry.call_sid, call)
        self._trace(entry, call)
        if call.ended and not call.turns:  # a turn may outlive its call: the agent is still answering
            self._calls.pop(entry.call_sid, None)

    def _keep(self, call_sid: str, call: _Call) -> None:
        self._calls[call_sid] = call
        if len(self._calls) > MAX_CALLS:
            self._calls.popitem(last=False)

    def _trace(self, entry: Entry, call: _Call) -> None:
        turn = call.turns.get(entry.turn)
        match entry.record:
            case CallRang(direction=direction, mode=mode, called_number=called):
                number = labels.number_label(called, self._own_numbers())
                call.facts |= {"voicegw.direction": direction, "voicegw.mode": mode, "voicegw.number": number}
            case TurnBegan(heard=heard):
                call.turns[entry.turn] = _OpenTurn(self._start_turn(entry, heard))
            case TurnEnded(failure=failure) if turn:
                self._end_turn(entry, turn, failure)
                del call.turns[entry.turn]
            case ActionSent(action=action):
                self._begin_request(entry, turn, labels.known(str(action.get("type", "")), labels.ACTIONS))
            case AnswerBegan(status=status) if turn and turn.request:
                turn.request.add_event("first byte", {}, nanoseconds(entry.at))
                turn.request.set_attribute("http.response.status_code", status)
            case StepAnswered(name=name, seconds=seconds):
                self._spans.start(
                    entry,
                    f"webhook {labels.webhook_label(name)}",
                    {"voicegw.webhook": name},
                    SpanKind.SERVER,
                    seconds_ago=seconds,
                ).end(nanoseconds(entry.at))
            case ForwardTried():
                call.forward = self._start_forward(entry, entry.record)
            case ForwardFinished():
                self._end_forward(entry, entry.record, call.forward)
                call.forward = None
                call.reached_human = call.reached_human or reaches_human(entry.record)
            case CallEnded(reason=reason):
                self._end_call(entry, call, reason)
            case _:
                _mark(entry, call, turn)

    def _start_turn(self, entry: Entry, heard: str) -> Span:
        own_id = span_id(entry.call_sid, turn_span(entry.turn))
        attributes: Attributes = {"voicegw.turn": entry.turn, "voicegw.heard": heard}
        return self._spans.start(entry, f"turn {entry.turn}", attributes, own_id=own_id)

    def _end_turn(self, entry: Entry, turn: _OpenTurn, failure: str) -> None:
        for span in (turn.request, turn.span):
            if span is not None:
                end_span(span, entry.at, labels.known(failure, labels.FAILURE_CODES) if failure else "")

    def _begin_request(self, entry: Entry, turn: _OpenTurn | None, action: str) -> None:
        """One request after another: a turn that asks again is done with the answer before."""
        attributes = {"voicegw.action": action}
        above = span_id(entry.call_sid, turn_span(entry.turn))
        request = self._spans.start(entry, "agent request", attributes, SpanKind.CLIENT, above=above)
        if turn is None:  # the farewell: nobody waits for what is answered
            end_span(request, entry.at)
            return
        if turn.request is not None:
            end_span(turn.request, entry.at)
        turn.request = request

    def _start_forward(self, entry: Entry, tried: ForwardTried) -> Span:
        attributes = {
            "voicegw.attempt": tried.attempt,
            "voicegw.address_type": tried.address_type,
            "voicegw.ring_seconds": tried.ring_seconds,
            "voicegw.confirm": tried.confirm,
        }
        return self._spans.start(entry, "forward", attributes, SpanKind.CLIENT)

    def _end_forward(self, entry: Entry, finished: ForwardFinished, span: Span | None) -> None:
        """Policy refuses what was never dialled, and what another process dialled is as long as its outcome says."""
        if span is None:
            span = self._spans.start(entry, "forward", {}, SpanKind.CLIENT, seconds_ago=finished.seconds)
        outcome = labels.known(finished.outcome, labels.FORWARD_OUTCOMES)
        span.set_attribute("voicegw.outcome", outcome)
        span.set_attribute("voicegw.reason", labels.known(finished.reason, labels.REFUSAL_REASONS))
        span.set_attribute("voicegw.seconds", finished.seconds)
        end_span(span, entry.at, "" if outcome == ForwardOutcome.COMPLETED else outcome)

    def _end_call(self, entry: Entry, call: _Call, reason: str) -> None:
        outcome = outcome_of(reason, reached_human=call.reached_human)
        attributes: Attributes = {
            **call.facts,
            "voicegw.call_sid": entry.call_sid,
            "voicegw.outcome": outcome.value,
            "voicegw.reason": labels.known(reason, labels.REASONS),
            "voicegw.turns": entry.turn,
        }
        own_id = span_id(entry.call_sid, CALL_SPAN)
        span = self._spans.start(entry, "call", attributes, SpanKind.SERVER, own_id=own_id, seconds_ago=entry.offset)
        for name, event_attributes, at in call.events:
            span.add_event(name, event_attributes, at)
        if call.forward is not None:
            end_span(call.forward, entry.at)
        end_span(span, entry.at, "agent-failed" if outcome is CallOutcome.FAILED else "")
        call.ended = True


def _mark(entry: Entry, call: _Call, turn: _OpenTurn | None) -> None:
    """What is no span of its own is an event: of the turn under way, else of the call."""
    found = event_of(entry.record)
    if found is None:
        return
    name, attributes = found
    if turn is not None:
        turn.span.add_event(name, attributes, nanoseconds(entry.at))
    elif len(call.events) < MAX_EVENTS:
        call.events.append((name, attributes, nanoseconds(entry.at)))
