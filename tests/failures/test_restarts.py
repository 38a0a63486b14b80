"""The gateway is killed, handed over or drained while calls go on, at every moment of the usual calls."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache, partial

from broken_agent import Script
from calls import CALLS, insisting
from groups import BUSY, cases, failure
from telephone_world import Cell, Played, World, play_troubled

from voicegw.simulator import Limits, StaysSilent

INSTANTS = [(name, half / 2) for name in CALLS for half in range(72)]
BETWEEN = [(name, number) for name in CALLS for number in range(1, 9)]
# One fault is the carrier's request that was under way when the process died; a lost turn is known after 8 s.
KILLED = Limits(rescued_faults_allowed=True)

Trouble = Callable[[World], Awaitable[None]]


def killed(name: str, when: str, trouble: Trouble) -> Played:
    cell = replace(CALLS[name], name=f"{name} {when}", limits=KILLED, steps=insisting(name))
    return play_troubled(cell, trouble=trouble)


def after(seconds: float, act: Callable[[World], Awaitable[None]]) -> Trouble:
    async def trouble(world: World) -> None:
        await asyncio.sleep(seconds)
        await act(world)

    return trouble


@failure(
    "gateway dies",
    "killed at any moment of a call (steps of 0.5 s), and another process stands there at once",
    "the call goes on; a turn that was under way is lost: fillers, and within 8 s “Sorry … Please say that again”",
)
@cases(INSTANTS, quick=17, size=60)
def test_a_kill_at_any_moment(cases: tuple[tuple[str, float], ...]) -> None:
    for name, seconds in cases:
        killed(name, f"killed after {seconds} s", after(seconds + 0.01, World.kill))


@failure("gateway dies", "killed between any two webhooks", "the call goes on")
@cases(BETWEEN, quick=5, size=60)
def test_a_kill_between_two_webhooks(cases: tuple[tuple[str, int], ...]) -> None:
    async def trouble(number: int, world: World) -> None:
        while world.front.answered < number:
            world.front.news.clear()
            await world.front.news.wait()
        await world.kill()

    for name, number in cases:
        killed(name, f"killed after webhook {number}", partial(trouble, number))


@failure("gateway dies", "killed every 3 to 7 s, again and again", "the call goes on, with apologies")
@cases([(name, apart) for name in CALLS for apart in (3.0, 4.3, 5.0, 7.0)], quick=5)
def test_one_kill_after_another(cases: tuple[tuple[str, float], ...]) -> None:
    async def trouble(apart: float, world: World) -> None:
        for _ in range(4):
            await asyncio.sleep(apart)
            await world.kill()

    for name, apart in cases:
        killed(name, f"killed every {apart} s", partial(trouble, apart))


@failure(
    "gateway is replaced",
    "SIGTERM at any moment (steps of 0.5 s): a new process takes the webhooks, the old one finishes its turns",
    "the call as ever",
)
@cases(INSTANTS, quick=17, size=60, first=8)
def test_a_hand_over_at_any_moment(cases: tuple[tuple[str, float], ...]) -> None:
    for name, seconds in cases:
        cell = CALLS[name]
        played = play_troubled(cell, trouble=after(seconds, World.hand_over))
        assert [asked.action for asked in played.asked] == _asked_in_peace(name), played.explain()


@cache
def _asked_in_peace(name: str) -> list[object]:
    return [asked.action for asked in play_troubled(CALLS[name]).asked]


@failure(
    "gateway is told to stop",
    "SIGTERM at any moment; it drains, ends, and is started again",
    "the call as ever: what was under way is finished first",
)
@cases([case for case in INSTANTS if case[1]], quick=17, size=60, first=13)
def test_a_drain_at_any_moment(cases: tuple[tuple[str, float], ...]) -> None:
    for name, seconds in cases:
        played = play_troubled(CALLS[name], trouble=after(seconds, World.drain))
        assert [asked.action for asked in played.asked] == _asked_in_peace(name), played.explain()


@failure("gateway is told to stop", "and somebody calls while it drains", "“All our lines are busy at the moment.”")
@cases([8.0, 12.0, 20.0], quick=1)
def test_a_caller_who_comes_while_it_drains(cases: tuple[float, ...]) -> None:
    for seconds in cases:
        late = Cell(name="late", script=Script(), steps=(StaysSilent(),), begins_at_seconds=seconds + 0.5, hears=BUSY)
        played = play_troubled(CALLS["slow"], late, trouble=after(seconds, World.drain))
        assert played.report.end_reason == "caller-hung-up", played.explain()
