"""When a webhook that waits for the agent is answered, and how long a turn may go without a trace."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.patience import TOOL_BUDGET_SECONDS, TURN_BUDGET_SECONDS, Waiting, budget_seconds


def test_with_nothing_to_say_a_filler_comes_after_two_and_a_half_seconds() -> None:
    assert Waiting(since=100.0).answer_at(None) == 102.5


def test_while_the_phone_rings_nobody_hears_silence() -> None:
    assert Waiting(since=100.0, ringing=True).answer_at(None) == 108.0


def test_the_first_sentence_waits_a_second_and_a_half_for_the_next() -> None:
    assert Waiting(since=100.0).answer_at(100.5) == 102.0


def test_a_sentence_that_came_with_the_webhook_is_said_soon() -> None:
    assert Waiting(since=100.0).answer_at(100.0) == 101.5


def test_a_late_sentence_is_not_kept_waiting() -> None:
    assert Waiting(since=100.0).answer_at(102.4) == 103.0


def test_a_sentence_that_came_while_the_last_answer_was_spoken_counts_from_then() -> None:
    assert Waiting(since=100.0).answer_at(97.0) == 98.5


@settings(max_examples=200)
@given(st.floats(0, 1e6), st.booleans(), st.none() | st.floats(-100, 100))
def test_a_webhook_is_answered_well_under_the_carriers_fifteen_seconds(
    since: float, ringing: bool, words_after: float | None
) -> None:
    words_at = None if words_after is None else since + words_after
    assert Waiting(since=since, ringing=ringing).answer_at(words_at) - since <= 8.5 + 1e-6


@pytest.mark.parametrize(("open_tools", "seconds"), [(0, TURN_BUDGET_SECONDS), (1, TOOL_BUDGET_SECONDS), (3, 120.0)])
def test_a_turn_may_rest_longer_while_a_tool_is_at_work(open_tools: int, seconds: float) -> None:
    assert budget_seconds(open_tools=open_tools) == seconds


def test_the_budgets_are_those_that_the_caller_was_promised() -> None:
    assert (TURN_BUDGET_SECONDS, TOOL_BUDGET_SECONDS) == (25.0, 120.0)
