"""One trace a call: which spans it has, when they begin and end, and that they hold nothing of what was said."""

import json
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from voicegw.call.entries import Entry
from voicegw.call.records import (
    ActionSent,
    AnswerBegan,
    CallEnded,
    CallerInterrupted,
    CallerStayedSilent,
    CallRang,
    Failed,
    ForwardFinished,
    ForwardTried,
    KeysPressed,
    OrderReceived,
    PromptBegan,
    PromptCut,
    PromptHeard,
    SessionStarted,
    StepAnswered,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
)
from voicegw.call.tracecontext import trace_id, traceparent
from voicegw.telemetry.call_spans import MAX_EVENTS, CallTracer

CALL = "CA" + "1" * 32
RANG_AT = 1_700_000_000.0
OUR_NUMBER = "+14155550199"


class Traces:
    """A tracer and what it has exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = CallTracer(SimpleSpanProcessor(self.exporter), lambda: {OUR_NUMBER})

    def play(self, entries: Sequence[Entry]) -> list[ReadableSpan]:
        for entry in entries:
            self.tracer.receive(entry)
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.exporter.get_finished_spans() if span.name == name]
        return span


@pytest.fixture
def traces() -> Traces:
    return Traces()


def seconds(span: ReadableSpan) -> tuple[float, float]:
    """From when to when, in seconds since it rang."""
    assert span.start_time is not None and span.end_time is not None
    return round(span.start_time / 1e9 - RANG_AT, 3), round(span.end_time / 1e9 - RANG_AT, 3)


def ids(span: ReadableSpan) -> tuple[str, str]:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def parent_id(span: ReadableSpan) -> str | None:
    return f"{span.parent.span_id:016x}" if span.parent else None


def test_all_spans_of_a_call_are_in_the_trace_that_its_sid_names(traces, dated, short_call) -> None:
    spans = traces.play(dated(short_call))
    assert {ids(span)[0] for span in spans} == {trace_id(CALL)}
    assert [span.name for span in spans if span.parent is None] == ["call"]


def test_every_span_stands_beneath_another_one_of_the_trace(traces, dated, short_call) -> None:
    spans = traces.play(dated(short_call))
    known = {ids(span)[1] for span in spans}
    assert {parent_id(span) for span in spans} - {None} <= known


def test_the_header_sent_to_the_agent_names_the_span_of_the_turn(traces, dated, short_call) -> None:
    traces.play(dated(short_call))
    trace, turn = ids(traces.named("turn 2"))
    assert traceparent(CALL, 2) == f"00-{trace}-{turn}-01"


def test_spans_have_the_times_of_their_entries(traces, dated, short_call) -> None:
    traces.play(dated(short_call))
    assert seconds(traces.named("call")) == (0.0, 12.0)
    assert seconds(traces.named("turn 1")) == (0.01, 0.5)
    assert seconds(traces.named("turn 2")) == (6.01, 7.0)
    assert seconds(traces.named("webhook voice")) == (0.0, 0.55)
    assert seconds(traces.named("webhook step")) == (6.0, 6.8)


def test_a_request_to_the_agent_stands_beneath_its_turn_with_its_first_byte(traces, dated, short_call) -> None:
    spans = traces.play(dated(short_call))
    first, second = [span for span in spans if span.name == "agent request"]
    assert parent_id(first) == ids(traces.named("turn 1"))[1]
    assert parent_id(second) == ids(traces.named("turn 2"))[1]
    assert seconds(second) == (6.02, 7.0)
    assert second.attributes == {"voicegw.action": "text", "http.response.status_code": 200}
    (first_byte,) = second.events
    assert (first_byte.name, round(first_byte.timestamp / 1e9 - RANG_AT, 2)) == ("first byte", 6.32)


def test_the_call_tells_its_number_outcome_and_reason(traces, dated, short_call) -> None:
    traces.play(dated(short_call))
    assert traces.named("call").attributes == {
        "voicegw.call_sid": CALL,
        "voicegw.direction": "inbound",
        "voicegw.mode": "gather",
        "voicegw.number": OUR_NUMBER,
        "voicegw.outcome": "completed",
        "voicegw.reason": "hangup",
        "voicegw.turns": 2,
    }


def test_nothing_of_what_was_said_or_who_called_is_exported(traces, dated, short_call) -> None:
    spans = traces.play(
        dated(
            [
                *short_call[:-1],
                (8.0, 2, KeysPressed(keys="4711")),
                (8.1, 2, PromptCut(heard="Hello, Eri")),
                (8.2, 2, OrderReceived(order="event", name="Erika", by="token of Erika")),
                (8.3, 2, ForwardTried(address="+14155550142", address_type="phone", attempt=1, ring_seconds=20)),
                (9.0, 2, ForwardFinished(outcome="busy", address="+14155550142", reason="+14155550142")),
                (9.1, 2, Failed(part="agent", code="Erika-4711", reason="it said 4711 to Erika")),
                (12.0, 2, CallEnded(reason="Erika 4711")),
            ]
        )
    )
    exported = "".join(json.dumps(json.loads(span.to_json())) for span in spans)
    for secret in ("4711", "Erika", "Hello", "5550100", "5550142"):
        assert secret not in exported


def test_a_number_that_is_not_listed_is_not_named(traces, dated) -> None:
    rang = CallRang(caller_number="", called_number="+4930123456")
    traces.play(dated([(0.0, 0, rang), (1.0, 0, CallEnded(reason="hangup"))]))
    assert (traces.named("call").attributes or {})["voicegw.number"] == "other"


def test_a_turn_that_fails_says_so_and_so_does_its_request(traces, dated) -> None:
    traces.play(
        dated(
            [
                (0.0, 1, TurnBegan(heard="started")),
                (0.1, 1, ActionSent(action={"type": "launch"})),
                (0.4, 1, Failed(part="agent", code="agent-broke", reason="it broke")),
                (0.5, 1, TurnEnded(failure="agent-broke")),
            ]
        )
    )
    for name in ("turn 1", "agent request"):
        span = traces.named(name)
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "agent-broke"
    (failed,) = traces.named("turn 1").events
    assert (failed.name, failed.attributes) == ("failed", {"voicegw.part": "agent", "voicegw.code": "agent-broke"})


def test_a_turn_that_asks_twice_has_two_requests_one_after_the_other(traces, dated) -> None:
    spans = traces.play(
        dated(
            [
                (0.0, 1, TurnBegan(heard="said")),
                (0.1, 1, ActionSent(action={"type": "launch"})),
                (0.9, 1, ActionSent(action={"type": "text"})),
                (2.0, 1, TurnEnded()),
            ]
        )
    )
    assert [seconds(span) for span in spans if span.name == "agent request"] == [(0.1, 0.9), (0.9, 2.0)]


def test_a_turn_that_outlives_its_call_is_still_told(traces, dated) -> None:
    traces.play(
        dated(
            [
                (0.0, 1, TurnBegan(heard="said")),
                (1.0, 1, CallEnded(reason="hangup")),
                (1.1, 1, WebhookReceived(name="status")),
                (3.0, 1, TurnEnded()),
            ]
        )
    )
    assert seconds(traces.named("turn 1")) == (0.0, 3.0)


def test_the_farewell_is_a_request_of_its_own(traces, dated) -> None:
    traces.play(dated([(5.0, 3, CallEnded(reason="hangup")), (5.1, 3, ActionSent(action={"type": "end"}))]))
    assert seconds(traces.named("agent request")) == (5.1, 5.1)


def test_a_forward_lasts_from_dialling_to_its_outcome(traces, dated) -> None:
    tried = ForwardTried(address="+14155550142", address_type="phone", attempt=1, ring_seconds=20, confirm=True)
    finished = ForwardFinished(outcome="completed", address="+14155550142", seconds=60, bridged=True)
    traces.play(dated([(0.0, 0, WebhookReceived(name="voice")), (10.0, 2, tried), (80.0, 2, finished)]))
    forward = traces.named("forward")
    assert seconds(forward) == (10.0, 80.0)
    assert forward.status.status_code is StatusCode.UNSET
    assert (forward.attributes or {})["voicegw.outcome"] == "completed"


def test_a_forward_that_policy_refused_fails_with_the_reason(traces, dated) -> None:
    traces.play(dated([(10.0, 2, ForwardFinished(outcome="refused", reason="premium-rate"))]))
    forward = traces.named("forward")
    assert seconds(forward) == (10.0, 10.0)
    assert forward.status.status_code is StatusCode.ERROR
    assert (forward.attributes or {})["voicegw.reason"] == "premium-rate"


def test_a_forward_that_another_process_dialled_is_as_long_as_its_outcome_says(traces, dated) -> None:
    traces.play(dated([(80.0, 2, ForwardFinished(outcome="completed", seconds=60, bridged=True))]))
    assert seconds(traces.named("forward")) == (20.0, 80.0)


def test_a_caller_who_hangs_up_while_it_rings_ends_the_forward(traces, dated) -> None:
    tried = ForwardTried(address="+14155550142", address_type="phone", attempt=1, ring_seconds=20)
    traces.play(
        dated([(0.0, 0, WebhookReceived(name="voice")), (10.0, 2, tried), (15.0, 2, CallEnded(reason="hangup"))])
    )
    assert seconds(traces.named("forward")) == (10.0, 15.0)


def test_what_happens_outside_of_turns_is_an_event_of_the_call(traces, dated) -> None:
    happened = [
        (PromptBegan(text="Hello."), "prompt began"),
        (PromptHeard(), "prompt heard"),
        (CallerInterrupted(by="speech"), "caller interrupted"),
        (CallerStayedSilent(), "caller stayed silent"),
        (KeysPressed(keys="1"), "keys pressed"),
        (SessionStarted(), "session started"),
    ]
    script = [(float(at), 1, record) for at, (record, _) in enumerate(happened, 1)]
    traces.play(dated([(0.0, 0, WebhookReceived(name="voice")), *script, (9.0, 1, CallEnded(reason="agent-failed"))]))
    call = traces.named("call")
    assert [event.name for event in call.events] == [name for _, name in happened]
    assert call.status.status_code is StatusCode.ERROR


def test_a_call_with_too_many_events_keeps_the_first(traces, dated) -> None:
    script = [(0.0, 0, WebhookReceived(name="voice")), *[(1.0, 1, PromptHeard())] * (2 * MAX_EVENTS)]
    traces.play(dated([*script, (9.0, 1, CallEnded(reason="hangup"))]))
    assert len(traces.named("call").events) == MAX_EVENTS


def test_two_processes_with_a_hand_in_one_call_make_one_trace(dated, short_call) -> None:
    one, other = Traces(), Traces()
    entries = dated(short_call)
    spans = [*one.play(entries[:9]), *other.play(entries[9:])]
    assert {ids(span)[0] for span in spans} == {trace_id(CALL)}
    assert [span.name for span in spans].count("call") == 1
    assert {parent_id(span) for span in spans} - {None} <= {ids(span)[1] for span in spans}


def test_calls_side_by_side_keep_to_their_own_traces(traces, dated, short_call) -> None:
    pairs = zip(dated(short_call), dated(short_call, "CA" + "2" * 32), strict=True)
    spans = traces.play([entry for pair in pairs for entry in pair])
    assert len({ids(span)[0] for span in spans}) == 2
    assert len(spans) == 14


def test_calls_that_nobody_ends_are_forgotten(traces, dated, monkeypatch) -> None:
    monkeypatch.setattr("voicegw.telemetry.call_spans.MAX_CALLS", 1)
    rang = CallRang(caller_number="", called_number=OUR_NUMBER)
    traces.play([*dated([(0.0, 0, rang)]), *dated([(0.0, 0, rang)], "CA" + "2" * 32)])
    traces.play(dated([(5.0, 0, CallEnded(reason="reaped"))]))
    assert "voicegw.number" not in (traces.named("call").attributes or {})


def test_an_answer_of_which_nobody_knows_the_turn_is_no_span(traces, dated) -> None:
    assert traces.play(dated([(1.0, 1, AnswerBegan()), (2.0, 1, TurnEnded())])) == []


def test_a_step_that_another_process_was_asked_for_is_still_a_span(traces, dated) -> None:
    traces.play(dated([(4.0, 1, StepAnswered(name="1/2", seconds=3.0))]))
    assert seconds(traces.named("webhook step")) == (1.0, 4.0)


async def test_closing_sends_what_is_left_and_can_be_done_twice(traces, dated, short_call) -> None:
    traces.play(dated(short_call))
    await traces.tracer.close()
    await traces.tracer.close()
    assert len(traces.exporter.get_finished_spans()) == 7
