"""Webhooks that the carrier could not use: the fallback URL is asked, and the call goes on."""

from calls import CALLS, call, insisting
from groups import FINAL, HUMAN, cases, failure
from telephone_world import FRONT_DESK, Cell, Played, hears, play_cells
from ways import Loses, Loss

from voicegw.call.profile import Destination
from voicegw.simulator import HangsUp, Limits, Says

LOSSES: tuple[Loss, ...] = ("refused", "answer lost", "time-out", "502", "HTML")
# What the carrier itself does meanwhile is no silence of ours: it waits 15 s for an answer.
WHILE_LOST = Limits(rescued_faults_allowed=True, owed_silence_seconds=20.0, webhook_seconds=16.0)

INSISTS = (Says("what does it cost"), Says("hello"), Says("is anybody there"), HangsUp(after_seconds=20.0))

LOST = [(name, position, loss) for name in CALLS for position in range(6) for loss in LOSSES]
TWICE = [(name, position, loss) for name in ("dialogue", "slow", "keys") for position in range(3) for loss in LOSSES]


def losing(name: str, positions: tuple[int, ...], loss: Loss, **changes: object) -> Cell:
    at = " and ".join(str(position) for position in positions)
    return call(
        name,
        f"with webhook {at} lost ({loss})",
        way=lambda web: Loses(web, positions, loss),
        limits=WHILE_LOST,
        **changes,
    )


@failure(
    "webhook lost",
    "any webhook of a call is refused, answered by a proxy (502, HTML), answered too late, or its answer is lost",
    "“I'm sorry, something went wrong on our side. One moment, please.” and then what was lost; or, if what they said "
    "never arrived, “Sorry, something went wrong. Please say that again.”; a forward is never dialled again",
)
@cases(LOST, quick=7, size=60)
def test_any_one_webhook_is_lost(cases: tuple[tuple[str, int, Loss], ...]) -> None:
    for played in play_cells(
        [losing(name, (position,), loss, steps=insisting(name)) for name, position, loss in cases]
    ):
        assert len(played.report.faults) <= 1, played.explain()
        assert hears(played.report, "something went wrong|could not be connected") or not known_faults(played), (
            played.explain()
        )


@failure(
    "webhook lost",
    "two of them; the number has a fallback destination",
    "the apology, and at the second time “I'm connecting you” and a human",
)
@cases(TWICE, quick=7, size=60)
def test_the_second_time_a_human_takes_the_call(cases: tuple[tuple[str, int, Loss], ...]) -> None:
    fallback = {"fallback": (Destination(to=FRONT_DESK),)}
    cells = [losing(name, (at, at + 1), loss, profile=fallback, steps=INSISTS) for name, at, loss in cases]
    for played in play_cells(cells):
        assert hears(played.report, HUMAN) == (known_faults(played) == 2), played.explain()


@failure("webhook lost", "two of them, and there is no fallback destination", "the apology, then a goodbye")
@cases(TWICE, quick=7, size=60, first=3)
def test_the_second_time_is_the_end_where_nobody_can_take_over(cases: tuple[tuple[str, int, Loss], ...]) -> None:
    for played in play_cells([losing(name, (at, at + 1), loss, steps=INSISTS) for name, at, loss in cases]):
        assert hears(played.report, FINAL) == (known_faults(played) == 2), played.explain()


def known_faults(played: Played) -> int:
    """Those of a call that the gateway knows; if the very first webhook never arrived, the fallback is the first."""
    lost = [fault for fault in played.report.faults if fault.rescued]
    never_arrived = "(refused)" in played.cell.name or "(502)" in played.cell.name
    return len(lost) - (never_arrived and any(fault.url.endswith("/voice") for fault in lost))
