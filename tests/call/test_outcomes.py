"""What became of a call."""

import pytest

from voicegw.call.outcomes import outcome_of, reaches_human
from voicegw.call.records import CallEnded, ForwardFinished


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("hangup", "completed"),
        ("agent-ended", "completed"),
        ("anything-new", "completed"),
        ("forward-completed", "forwarded"),
        ("agent-failed", "failed"),
        ("reaped", "lost"),
        ("no-room", "refused"),
        ("not-in-service", "refused"),
    ],
)
def test_the_reason_of_the_end_says_what_became_of_the_call(reason, outcome) -> None:
    assert outcome_of(reason, reached_human=False) == outcome


def test_a_caller_who_hangs_up_on_a_human_was_forwarded() -> None:
    assert outcome_of("hangup", reached_human=True) == "forwarded"


def test_a_call_whose_agent_failed_after_a_human_has_failed() -> None:
    assert outcome_of("agent-failed", reached_human=True) == "failed"


@pytest.mark.parametrize(
    ("record", "reached"),
    [
        (ForwardFinished(outcome="completed", bridged=True), True),
        (ForwardFinished(outcome="completed"), True),
        (ForwardFinished(outcome="completed", bridged=False), False),
        (ForwardFinished(outcome="busy"), False),
        (CallEnded(reason="forward-completed"), False),
    ],
)
def test_a_human_is_reached_by_a_forward_that_was_completed_and_bridged(record, reached) -> None:
    assert reaches_human(record) is reached
