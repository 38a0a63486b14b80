"""The breaker of one agent: when it opens, what it lets through, how it closes. No clock: seconds are written down."""

from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.voiceflow.breaker import (
    FAILURES_TO_OPEN,
    LONGEST_REST_SECONDS,
    Breaker,
    BreakerState,
    Ticket,
)


def admitted(breaker: Breaker, now: float) -> Ticket:
    ticket = breaker.admit(now)
    assert ticket is not None
    return ticket


def fail(breaker: Breaker, *instants: float) -> None:
    for now in instants:
        breaker.receive_failure(admitted(breaker, now), now)


def opened(at: float = 4.0) -> Breaker:
    breaker = Breaker()
    fail(breaker, *(at - 4 + second for second in range(5)))
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_a_new_agent_is_believed_in() -> None:
    breaker = Breaker()
    assert breaker.state is BreakerState.CLOSED
    assert all(breaker.admit(0.0) for _ in range(100))


def test_it_opens_at_the_fifth_failure_within_thirty_seconds() -> None:
    breaker = Breaker()
    fail(breaker, 0, 7, 14, 21)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 30)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.refuses_for_good


def test_failures_further_apart_do_not_open_it() -> None:
    breaker = Breaker()
    fail(breaker, *(8 * count for count in range(40)))
    assert breaker.state is BreakerState.CLOSED


def test_only_the_last_thirty_seconds_count() -> None:
    breaker = Breaker()
    fail(breaker, 0, 29, 31, 33, 35)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 36)
    assert breaker.state is BreakerState.OPEN


def test_a_success_in_between_forgets_the_failures() -> None:
    breaker = Breaker()
    fail(breaker, 0, 1, 2, 3)
    breaker.receive_success(admitted(breaker, 3.5))
    fail(breaker, 4, 5, 6, 7)
    assert breaker.state is BreakerState.CLOSED


def test_while_it_rests_nobody_may_ask() -> None:
    breaker = opened(at=4)
    assert not any(breaker.admit(4 + second) for second in (0, 5, 9.9))


def test_after_the_rest_one_trial_at_a_time_may_ask() -> None:
    breaker = opened(at=4)
    trial = admitted(breaker, 14)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.admit(14) is None
    assert breaker.admit(500) is None
    breaker.receive_success(trial)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.admit(501)


def test_each_trial_that_fails_doubles_the_rest_up_to_a_minute() -> None:
    breaker = opened(at=0)
    now, rests = 0.0, []
    for _ in range(5):
        began_at = now
        while (trial := breaker.admit(now)) is None:
            now += 1
        rests.append(now - began_at)
        breaker.receive_failure(trial, now)
        assert breaker.state is BreakerState.OPEN
    assert rests == [10, 20, 40, 60, 60]


def test_after_it_has_closed_the_first_rest_is_short_again() -> None:
    breaker = opened(at=4)
    breaker.receive_failure(admitted(breaker, 14), 14)
    breaker.receive_success(admitted(breaker, 34))
    fail(breaker, 40, 41, 42, 43, 44)
    assert breaker.admit(53.9) is None
    assert breaker.admit(54)


def test_after_it_has_closed_five_failures_are_needed_again() -> None:
    breaker = opened(at=4)
    breaker.receive_success(admitted(breaker, 14))
    fail(breaker, 15, 16, 17, 18)
    assert breaker.state is BreakerState.CLOSED


def test_a_trial_without_a_verdict_leaves_its_place_to_the_next() -> None:
    breaker = opened(at=4)
    breaker.receive_no_verdict(admitted(breaker, 14))
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.admit(14)


def test_turns_without_a_verdict_neither_count_nor_forget() -> None:
    breaker = Breaker()
    fail(breaker, 0, 1, 2, 3)
    breaker.receive_no_verdict(admitted(breaker, 4))
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 5)
    assert breaker.state is BreakerState.OPEN


def test_turns_let_through_before_it_opened_change_nothing() -> None:
    breaker = Breaker()
    early = admitted(breaker, 0)
    fail(breaker, 0, 1, 2, 3, 4)
    breaker.receive_success(early)
    breaker.receive_failure(early, 5)
    assert breaker.state is BreakerState.OPEN
    trial = admitted(breaker, 14)
    breaker.receive_success(early)
    breaker.receive_failure(early, 15)
    breaker.receive_no_verdict(early)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.admit(15) is None
    breaker.receive_success(trial)
    assert breaker.state is BreakerState.CLOSED


def test_a_trial_whose_verdict_was_given_has_no_second_one() -> None:
    breaker = opened(at=4)
    late = admitted(breaker, 14)
    breaker.receive_failure(late, 20)
    breaker.receive_success(late)
    assert breaker.state is BreakerState.OPEN
    assert breaker.admit(39.9) is None


def test_a_lasting_fault_sends_everyone_elsewhere_at_once_and_for_good() -> None:
    breaker = Breaker()
    breaker.receive_fault(probe_can_tell=True)
    assert breaker.state is BreakerState.DOWN
    assert breaker.refuses_for_good
    assert breaker.admit(1_000_000) is None


def test_no_turn_brings_it_back_from_down() -> None:
    breaker = Breaker()
    early = admitted(breaker, 0)
    breaker.receive_fault(probe_can_tell=True)
    breaker.receive_success(early)
    breaker.receive_failure(early, 1)
    assert breaker.state is BreakerState.DOWN


def test_a_probe_that_can_tell_closes_it() -> None:
    breaker = Breaker()
    breaker.receive_fault(probe_can_tell=True)
    breaker.receive_probe_success()
    assert breaker.state is BreakerState.CLOSED
    assert not breaker.refuses_for_good


def test_after_a_probe_that_cannot_tell_one_real_turn_decides() -> None:
    breaker = Breaker()
    breaker.receive_fault(probe_can_tell=False)
    breaker.receive_probe_success()
    assert breaker.state is BreakerState.HALF_OPEN
    trial = admitted(breaker, 20)
    assert breaker.admit(20) is None
    assert breaker.refuses_for_good
    breaker.receive_success(trial)
    assert breaker.state is BreakerState.CLOSED
    assert not breaker.refuses_for_good


def test_a_trial_that_meets_the_fault_again_leads_back_to_down() -> None:
    breaker = Breaker()
    breaker.receive_fault(probe_can_tell=False)
    breaker.receive_probe_success()
    trial = admitted(breaker, 20)
    breaker.receive_fault(probe_can_tell=False)
    breaker.receive_success(trial)  # the turn itself ended cleanly: it said that there is no credit
    assert breaker.state is BreakerState.DOWN


def test_a_trial_that_fails_on_the_way_back_from_down_leads_back_to_down() -> None:
    breaker = Breaker()
    breaker.receive_fault(probe_can_tell=False)
    breaker.receive_probe_success()
    breaker.receive_failure(admitted(breaker, 20), 21)
    assert breaker.state is BreakerState.DOWN
    breaker.receive_probe_success()
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_lasting_fault_outdoes_a_rest() -> None:
    breaker = opened(at=4)
    breaker.receive_fault(probe_can_tell=True)
    assert breaker.state is BreakerState.DOWN
    assert breaker.admit(100) is None


def test_a_probe_says_nothing_about_an_agent_that_only_rests() -> None:
    breaker = opened(at=4)
    breaker.receive_probe_success()
    assert breaker.state is BreakerState.OPEN


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "success", "failure", "no-verdict", "fault", "fault-unseen", "probe"]),
        st.floats(min_value=0, max_value=40),
        st.integers(min_value=0, max_value=7),
    ),
    max_size=120,
)


@settings(max_examples=100, deadline=None)
@given(events=EVENTS)
def test_whatever_happens_it_keeps_its_rules_and_can_always_come_back(
    events: list[tuple[str, float, int]],
) -> None:
    breaker, now = Breaker(), 0.0
    running: list[Ticket] = []
    trial: Ticket | None = None
    for what, pause_seconds, which in events:
        now += pause_seconds
        ticket = running[which % len(running)] if running else Ticket()
        before = breaker.state
        match what:
            case "admit":
                given_out = breaker.admit(now)
                if given_out is not None:
                    running.append(given_out)
                    assert before is not BreakerState.DOWN
                    if breaker.state is BreakerState.HALF_OPEN:
                        assert trial not in running[:-1], "two trials at once"
                        trial = given_out
            case "success":
                breaker.receive_success(ticket)
            case "failure":
                breaker.receive_failure(ticket, now)
            case "no-verdict":
                breaker.receive_no_verdict(ticket)
            case "fault" | "fault-unseen":
                breaker.receive_fault(probe_can_tell=what == "fault")
                assert breaker.state is BreakerState.DOWN
            case "probe":
                breaker.receive_probe_success()
        if what in ("success", "failure", "no-verdict") and running:
            running.remove(ticket)
        if breaker.state is not BreakerState.HALF_OPEN:
            trial = None
        assert breaker.refuses_for_good or breaker.state is not BreakerState.DOWN
        assert breaker.refuses_for_good <= (breaker.state in (BreakerState.DOWN, BreakerState.HALF_OPEN))
    for ticket in running:
        breaker.receive_no_verdict(ticket)
    breaker.receive_probe_success()
    breaker.receive_success(admitted(breaker, now + LONGEST_REST_SECONDS))
    assert breaker.state is BreakerState.CLOSED


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_it_opens_exactly_when_five_failures_come_in_a_row(healthy: list[bool]) -> None:
    breaker, in_a_row = Breaker(), 0
    for second, answers in enumerate(healthy):
        ticket = breaker.admit(second / 10)
        if ticket is None:
            assert in_a_row == FAILURES_TO_OPEN
            return
        if answers:
            breaker.receive_success(ticket)
        else:
            breaker.receive_failure(ticket, second / 10)
        in_a_row = 0 if answers else in_a_row + 1
        assert (breaker.state is BreakerState.OPEN) == (in_a_row == FAILURES_TO_OPEN)
