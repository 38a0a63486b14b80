"""What is counted of calls, with which labels, and what is read off the gateway at each scrape."""

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from voicegw.call.entries import Entry
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
    Noted,
    SessionStarted,
    StepAnswered,
    TurnBegan,
    TurnEnded,
    WebhookReceived,
    WordsReady,
)
from voicegw.telemetry.labels import BREAKER_STATES
from voicegw.telemetry.metrics import MAX_TURNS, CallMetrics
from voicegw.telemetry.readings import Readings

CALL = "CA" + "1" * 32
OUR_NUMBER = "+14155550199"
RANG = CallRang(caller_number="+14155550100", called_number=OUR_NUMBER)


class Scraped:
    """`CallMetrics` as Prometheus sees it."""

    def __init__(self, readings: Readings | None = None) -> None:
        self.metrics = CallMetrics(readings or Readings(), lambda: {OUR_NUMBER})

    def play(self, entries: list[Entry]) -> "Scraped":
        for entry in entries:
            self.metrics.receive(entry)
        return self

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        text = self.metrics.render()[0].decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, /, **labels: str) -> float | None:
        return self.samples().get((f"voicegw_{name}", tuple(sorted(labels.items()))))

    def named(self, name: str) -> dict[tuple[str, ...], float]:
        """The values that are not 0 of a metric's series, by their labels' values in the order of the labels' names."""
        return {
            tuple(value for _, value in labels): found
            for (sample, labels), found in self.samples().items()
            if sample == f"voicegw_{name}" and found
        }


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


def test_a_call_is_counted_when_it_rings_and_when_it_ends(scraped, dated, short_call) -> None:
    scraped.play(dated(short_call))
    assert scraped.value("calls_started_total", number=OUR_NUMBER, mode="gather") == 1
    assert scraped.value("calls_total", number=OUR_NUMBER, outcome="completed", reason="hangup") == 1
    assert scraped.value("call_seconds_sum") == 12.0


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("forward-completed", "forwarded"),
        ("agent-failed", "failed"),
        ("caller-silent", "completed"),
        ("reaped", "lost"),
    ],
)
def test_the_reason_of_an_end_says_the_outcome(scraped, dated, reason, outcome) -> None:
    scraped.play(dated([(0.0, 0, RANG), (1.0, 0, CallEnded(reason=reason))]))
    assert scraped.value("calls_total", number=OUR_NUMBER, outcome=outcome, reason=reason) == 1


def test_a_reason_that_is_not_ours_is_no_label(scraped, dated) -> None:
    scraped.play(dated([(0.0, 0, RANG), (1.0, 0, CallEnded(reason="because 4711"))]))
    assert scraped.value("calls_total", number=OUR_NUMBER, outcome="completed", reason="other") == 1


def test_a_caller_who_hangs_up_on_a_human_was_forwarded(scraped, dated) -> None:
    talked = ForwardFinished(outcome="completed", bridged=True, seconds=40)
    scraped.play(dated([(0.0, 0, RANG), (60.0, 1, talked), (61.0, 1, CallEnded(reason="hangup"))]))
    assert scraped.value("calls_total", number=OUR_NUMBER, outcome="forwarded", reason="hangup") == 1


def test_a_call_that_another_process_began_is_counted_at_its_end(scraped, dated) -> None:
    scraped.play(dated([(9.0, 2, CallEnded(reason="hangup"))]))
    assert scraped.value("calls_total", number="other", outcome="completed", reason="hangup") == 1


def test_the_wait_of_each_turn_is_timed_from_the_callers_last_sound(scraped, dated, short_call) -> None:
    scraped.play(dated(short_call))
    assert scraped.value("turn_seconds_count") == 2
    assert scraped.value("turn_seconds_sum") == pytest.approx(0.55 + 1.6)


def test_a_wait_counts_in_the_bucket_it_just_fills_and_in_all_larger_ones(scraped, dated) -> None:
    answered = [StepAnswered(name="voice", seconds=seconds) for seconds in (0.1, 0.11, 0.25, 61.0)]
    scraped.play(dated([(0.0, 0, record) for record in answered]))
    bounds = ("0.025", "0.1", "0.25", "60.0", "+Inf")
    counts = [scraped.value("webhook_seconds_bucket", name="voice", le=bound) for bound in bounds]
    assert counts == [0, 1, 3, 3, 4]
    assert scraped.value("webhook_seconds_count", name="voice") == 4


def test_the_parts_of_a_wait_add_up_to_it(scraped, dated, short_call) -> None:
    scraped.play(dated(short_call))
    by_part = scraped.named("turn_part_seconds_sum")
    assert by_part[("carrier-end-of-speech",)] == pytest.approx(0.8)
    assert by_part[("agent-first-byte",)] == pytest.approx(0.28 + 0.3)
    assert sum(by_part.values()) == pytest.approx(0.55 + 1.6)


def test_a_turn_is_timed_as_soon_as_it_is_answered(scraped, dated, short_call) -> None:
    scraped.play(dated(short_call)[:9])
    assert scraped.value("turn_seconds_count") == 1


def test_fillers_are_no_answer(scraped, dated) -> None:
    scraped.play(
        dated(
            [
                (0.0, 0, RANG),
                (0.0, 0, WebhookReceived(name="voice")),
                (0.0, 1, TurnBegan(heard="started")),
                (2.5, 1, StepAnswered(name="voice", seconds=2.5)),
                (5.0, 1, WordsReady()),
                (5.5, 1, StepAnswered(name="1/2", seconds=0.5)),
            ]
        )
    )
    assert scraped.value("turn_seconds_sum") == 5.5


def test_a_turn_that_the_caller_did_not_wait_for_is_timed_as_far_as_it_got(scraped, dated) -> None:
    scraped.play(
        dated(
            [
                (0.0, 0, RANG),
                (0.0, 1, TurnBegan(heard="started")),
                (0.1, 1, ActionSent(action={"type": "launch"})),
                (0.6, 1, AnswerBegan()),
                (0.7, 1, CallEnded(reason="hangup")),
            ]
        )
    )
    assert scraped.value("turn_seconds_count") == 0
    assert scraped.value("turn_part_seconds_sum", part="agent-first-byte") == 0.5


def test_the_end_of_a_turn_that_was_left_behind_does_not_answer_the_next_one(scraped, dated) -> None:
    scraped.play(
        dated(
            [
                (0.0, 0, RANG),
                (0.0, 1, TurnBegan(heard="said")),
                (1.0, 1, CallerSpoke(text="stop")),
                (1.0, 2, TurnBegan(heard="said")),
                (1.5, 1, TurnEnded()),
                (2.0, 2, StepAnswered(name="1/2", seconds=1.0)),
            ]
        )
    )
    assert scraped.value("turn_seconds_count") == 0


def test_of_turns_that_are_never_answered_only_so_many_wait(scraped, dated) -> None:
    turns = [(float(turn), turn, TurnBegan(heard="said")) for turn in range(1, 10 * MAX_TURNS)]
    scraped.play(dated([(0.0, 0, RANG), *turns]))
    (call,) = scraped.metrics._calls.values()
    assert len(call.waterfall) <= MAX_TURNS


def test_calls_that_nobody_ends_are_forgotten(scraped, dated, monkeypatch) -> None:
    monkeypatch.setattr("voicegw.telemetry.metrics.MAX_CALLS", 10)
    for number in range(100):
        scraped.play(dated([(0.0, 0, RANG)], f"CA{number}"))
    assert len(scraped.metrics._calls) == 10


def test_what_follows_the_end_of_a_call_is_not_kept(scraped, dated, short_call) -> None:
    scraped.play(dated([*short_call, (12.1, 2, ActionSent(action={"type": "end"})), (12.2, 2, AnswerBegan())]))
    assert scraped.value("agent_requests_total", action="end") == 1
    assert not scraped.metrics._calls


def test_everything_else_that_matters_is_counted(scraped, dated) -> None:
    records = [
        WebhookReceived(name="3/7"),
        StepAnswered(name="3/7", seconds=0.25),
        CallerSpoke(text="hello"),
        KeysPressed(keys="1"),
        CallerStayedSilent(),
        CallerInterrupted(by="keys"),
        SessionStarted(),
        SessionStarted(renewed=True),
        ActionSent(action={"type": "dtmf"}),
        AnswerBegan(status=503),
        TurnEnded(failure="agent-refused"),
        ForwardFinished(outcome="refused", reason="premium-rate"),
        Failed(part="store", code="store-error"),
        Noted(about="anything"),
    ]
    scraped.play(dated([(0.0, 0, record) for record in records]))
    assert scraped.named("webhooks_total") == {("step",): 1}
    assert scraped.value("webhook_seconds_sum", name="step") == 0.25
    assert scraped.named("caller_inputs_total") == {("speech",): 1, ("keys",): 1, ("silence",): 1}
    assert scraped.named("barge_ins_total") == {("keys",): 1}
    assert scraped.named("agent_sessions_total") == {("new",): 1, ("renewed",): 1}
    assert scraped.named("agent_requests_total") == {("dtmf",): 1}
    assert scraped.named("agent_answers_total") == {("5xx",): 1}
    assert scraped.named("turns_total") == {("agent-refused",): 1}
    assert scraped.named("forwards_total") == {("refused", "premium-rate"): 1}
    assert scraped.value("failures_total", part="store", code="store-error") == 1


def test_nothing_of_what_was_said_or_who_called_is_in_a_label(scraped, dated, short_call) -> None:
    secret = "4711 Erika +14155550100"
    hostile = [
        CallRang(caller_number="+14155550100", called_number=secret, mode=secret),
        WebhookReceived(name=secret),
        StepAnswered(name=secret, seconds=1.0, answer=secret),
        ActionSent(action={"type": secret, "payload": secret}),
        TurnEnded(failure=secret),
        ForwardFinished(outcome=secret, address=secret, reason=secret),
        Failed(part="agent", code=secret, reason=secret),
        CallEnded(reason=secret),
    ]
    scraped.play([*dated(short_call), *dated([(0.0, 0, record) for record in hostile], "CA" + "2" * 32)])
    text = scraped.metrics.render()[0].decode()
    for part in ("4711", "Erika", "5550100"):
        assert part not in text


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            lambda word, kind: kind(word),
            st.text(max_size=20),
            st.sampled_from(
                [
                    lambda word: CallRang(caller_number=word, called_number=word, mode=word),
                    lambda word: CallEnded(reason=word),
                    lambda word: Failed(part="agent", code=word),
                    lambda word: ActionSent(action={"type": word}),
                    lambda word: WebhookReceived(name=word),
                    lambda word: ForwardFinished(outcome=word, reason=word),
                    lambda word: TurnEnded(failure=word),
                ]
            ),
        ),
        max_size=40,
    )
)
def test_whatever_comes_from_outside_the_number_of_series_is_bounded(records) -> None:
    scraped = Scraped()
    before = len(scraped.samples())
    for record in records:
        scraped.metrics.receive(Entry(call_sid=CALL, at=0.0, offset=0.0, turn=0, record=record))
    assert len(scraped.samples()) - before < 20


def test_what_alerts_watch_is_there_before_anything_has_failed(scraped) -> None:
    """The increase of a series that is born at 1 is 0."""
    assert scraped.value("turns_total", failure="none") == 0
    assert scraped.value("turns_total", failure="agent-broke") == 0
    assert scraped.value("failures_total", part="store", code="store-error") == 0
    assert scraped.value("failures_total", part="carrier", code="other") == 0
    assert scraped.value("webhooks_total", name="voice") == 0


def test_a_reading_is_as_it_stands_at_the_scrape() -> None:
    live = [3.0]
    scraped = Scraped(Readings(live_calls=lambda: live[0]))
    assert scraped.value("live_calls") == 3.0
    live[0] = 4.0
    assert scraped.value("live_calls") == 4.0


def test_a_reading_that_is_not_given_has_no_series(scraped) -> None:
    assert scraped.value("live_calls") is None


def test_an_agents_breaker_has_a_series_for_each_state() -> None:
    scraped = Scraped(Readings(breakers=lambda: {"p/main at agent.example": "open"}))
    agent = "p/main at agent.example"
    states = {state: scraped.value("agent_breaker_state", agent=agent, state=state) for state in BREAKER_STATES}
    assert states == {"closed": 0, "half-open": 0, "open": 1, "down": 0}


def test_deliveries_are_counted_by_outcome_and_unknown_outcomes_together() -> None:
    scraped = Scraped(Readings(event_deliveries=lambda: {"delivered": 5, "dead": 1, "eaten": 2, "burnt": 3}))
    assert scraped.named("event_deliveries_total") == {("delivered",): 5, ("dead",): 1, ("other",): 5}
    assert scraped.value("event_deliveries_total", outcome="failed") == 0


def test_what_the_call_log_and_the_outbox_count_is_read() -> None:
    scraped = Scraped(
        Readings(
            call_log_queued=lambda: 7,
            call_log_dropped=lambda: 2,
            call_log_failing=lambda: True,
            events_dropped=lambda: 3,
        )
    )
    assert scraped.value("call_log_queued_entries") == 7
    assert scraped.value("call_log_dropped_entries_total") == 2
    assert scraped.value("call_log_failing") == 1
    assert scraped.value("events_dropped_total") == 3


def test_a_reading_that_fails_hides_no_other_and_is_told_of_once() -> None:
    def fail() -> float:
        raise RuntimeError("secret")

    with structlog.testing.capture_logs() as logs:
        scraped = Scraped(Readings(live_calls=fail, events_waiting=lambda: 2, call_log_queued=lambda: "7"))  # type: ignore[arg-type,return-value]
        assert scraped.value("events_waiting") == 2
        assert scraped.value("live_calls") is None
    assert [(line["reading"], line["error"]) for line in logs] == [
        ("live_calls", "RuntimeError"),
        ("call_log_queued", "TypeError"),
    ]


def test_the_page_says_what_it_is_and_holds_the_process_and_no_moments_of_creation(scraped, dated, short_call) -> None:
    page, content_type = scraped.play(dated(short_call)).metrics.render()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"process_resident_memory_bytes" in page
    assert b'voicegw_build_info{version="' in page
    assert b"_created" not in page


def test_two_gateways_in_one_process_count_for_themselves(dated, short_call) -> None:
    one, other = Scraped(), Scraped()
    one.play(dated(short_call))
    assert one.named("turns_total") == {("none",): 2}
    assert other.named("turns_total") == {}
