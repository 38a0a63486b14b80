"""Webhooks that come twice, in another order, or after the end: the same bytes, and nothing happens twice."""

from functools import partial
from random import Random

from calls import CALLS, call
from groups import cases, failure
from telephone_world import AUTH_TOKEN, play_cells, play_troubled
from ways import Afterwards, StatusAmidst, Twice, keeping

APART = [0.0, 0.05, 0.5, 1.0, 2.6, 5.0, 14.0]
DOUBLED = [(name, apart) for name in CALLS for apart in APART]
SHUFFLED = [(name, seed) for name in CALLS for seed in range(8)]
STATUSES = [(name, status) for name in CALLS for status in ("queued", "initiated", "ringing", "in-progress", "no-such")]


@failure("webhook repeated", "every webhook comes twice, 0 to 14 s apart", "the call as ever: the same bytes again")
@cases(DOUBLED, quick=3)
def test_every_webhook_comes_twice(cases: tuple[tuple[str, float], ...]) -> None:
    doubled: list[Twice] = []
    play_cells([call(name, f"doubled after {apart} s", way=keeping(doubled, apart)) for name, apart in cases])
    assert [unlike for way in doubled for unlike in way.unlike] == []


@failure(
    "webhook repeated",
    "the same, and two processes on one store get them in turn",
    "the call as ever: the same bytes again",
)
@cases([case for case in DOUBLED if case[1] in (0.0, 0.5, 1.0, 14.0)], quick=5)
def test_every_webhook_comes_twice_to_two_processes(cases: tuple[tuple[str, float], ...]) -> None:
    for name, apart in cases:
        doubled: list[Twice] = []
        play_troubled(call(name, f"doubled after {apart} s", way=keeping(doubled, apart)), replicas=2)
        assert [unlike for way in doubled for unlike in way.unlike] == []


@failure("webhook repeated", "two processes on one store get the webhooks of a call in turn", "the call as ever")
@cases([(name, replicas) for name in CALLS for replicas in (2, 3)], quick=3)
def test_every_webhook_goes_to_another_process(cases: tuple[tuple[str, int], ...]) -> None:
    for name, replicas in cases:
        play_troubled(call(name, f"over {replicas} processes"), replicas=replicas)


@failure("webhook repeated", "after the end all webhooks come once more, in any order", "– (they are gone)")
@cases(SHUFFLED, quick=4)
def test_webhooks_after_the_end_change_nothing(cases: tuple[tuple[str, int], ...]) -> None:
    play_cells(
        [call(name, f"shuffled by {seed}", way=partial(Afterwards, chance=Random(seed))) for name, seed in cases]
    )


@failure("status callbacks", "late and out of order: an older status before every webhook", "the call as ever")
@cases(STATUSES, quick=4)
def test_an_older_status_is_no_news(cases: tuple[tuple[str, str], ...]) -> None:
    play_cells(
        [
            call(name, f"told {status}", way=partial(StatusAmidst, status=status, auth_token=AUTH_TOKEN))
            for name, status in cases
        ]
    )
