"""When an event is sent again, and when it is given up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.events.schedule import WAITS_SECONDS, Answer, Verdict, wait_after


@pytest.mark.parametrize(
    ("status", "verdict", "fault"),
    [
        (200, Verdict.DELIVERED, ""),
        (204, Verdict.DELIVERED, ""),
        (299, Verdict.DELIVERED, ""),
        (302, Verdict.AGAIN, "answered 302: redirects are not followed"),
        (400, Verdict.AGAIN, "answered 400"),
        (410, Verdict.NEVER, "answered 410: the receiver wants no more"),
        (429, Verdict.AGAIN, "answered 429"),
        (503, Verdict.AGAIN, "answered 503"),
        (None, Verdict.AGAIN, "no answer in time"),
    ],
)
def test_answer_decides_what_becomes_of_an_event(status: int | None, verdict: Verdict, fault: str) -> None:
    answer = Answer(status=status, reason="no answer in time")
    assert (answer.verdict, answer.fault) == (verdict, fault)


def test_waits_grow_from_seconds_to_half_a_day_and_end() -> None:
    waits = [wait_after(attempts, 0.5) for attempts in range(1, 10)]
    assert waits == [5, 30, 120, 600, 1800, 7200, 21600, 43200, None]


@given(st.integers(1, len(WAITS_SECONDS)), st.floats(0, 1))
def test_chance_spreads_waits_by_a_fifth(attempts: int, chance: float) -> None:
    wait = wait_after(attempts, chance)
    assert wait is not None
    assert abs(wait / WAITS_SECONDS[attempts - 1] - 1) <= 0.2 + 1e-9
