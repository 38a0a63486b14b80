"""Callers who hang up at any moment, and calls whose end nobody reports."""

import asyncio

from calls import CALLS, call
from groups import cases, failure
from people import HangsUpAt
from telephone_world import Cell, World, play_cells, play_troubled

INSTANTS = [(name, half / 2) for name in CALLS for half in range(80)]
UNREPORTED = [(name, seconds) for name, seconds in INSTANTS if seconds % 2.5 == 0]


def leaving(name: str, seconds: float, *, status_callback: bool = True) -> Cell:
    caller = HangsUpAt(CALLS[name].steps, seconds)
    return call(name, f"left after {seconds} s", caller=caller, status_callback=status_callback)


@failure(
    "caller hangs up",
    "at any moment of a call (steps of 0.5 s): ringing, listening, waiting, speaking, being forwarded",
    "– (they are gone); the agent is told once, after the turn that still ran; a forward is not dialled any more",
)
@cases(INSTANTS, quick=9, size=80)
def test_the_caller_hangs_up_at_any_moment(cases: tuple[tuple[str, float], ...]) -> None:
    for played in play_cells([leaving(*case) for case in cases]):
        ended_at = played.report.ended_at_seconds
        assert all(dial.at_seconds <= ended_at for dial in played.report.dialled), played.explain()


@failure("caller hangs up", "and no status callback comes", "– (they are gone); the reaper tells the agent")
@cases(UNREPORTED, quick=5, size=40)
def test_a_call_whose_end_nobody_reports_is_reaped(cases: tuple[tuple[str, float], ...]) -> None:
    async def reap(world: World) -> None:
        for minutes in (*range(1, 20), 300):  # a forward may last 4 h, and as long nobody is missed
            await asyncio.sleep(60.0 * minutes)
            await world.process.gateway.conversations.reap()

    for case in cases:
        play_troubled(leaving(*case, status_callback=False), trouble=reap)
