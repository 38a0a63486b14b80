"""Turns as tasks: one at a time, kept going when nobody waits, bounded, and seen from other processes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from voicegw.call.entries import NoJournal
from voicegw.call.inputs import CallParties, Said
from voicegw.call.instructions import HoldSound, Note, Overdue, Say, SessionOpened
from voicegw.call.patience import TURN_LIFETIME_SECONDS, Waiting
from voicegw.call.profile import NumberProfile
from voicegw.errors import AgentBroke
from voicegw.turns.ports import TurnRequest
from voicegw.turns.progress import Progress, TurnOver, dump_entry
from voicegw.turns.runner import LOST_AFTER_SECONDS, TurnRunner
from voicegw.turns.running import RunningTurn

Call = Callable[..., Any]
CALL_SID = "CA" + "1" * 32
HELLO = Say(text="Hello.")


def now() -> float:
    return asyncio.get_running_loop().time()


def wall() -> float:
    return 1_700_000_000.0 + now()


def request(**fields: Any) -> TurnRequest:
    return TurnRequest(
        call_sid=CALL_SID,
        parties=CallParties(caller_number="+14155550123", called_number="+15005550006"),
        profile=NumberProfile(),
        heard=Said(text="hello"),
        **{"session_key": "k", "launched": True, **fields},
    )


class Room:
    def __init__(self, call: Call, *script: Any) -> None:
        self.phone = call(*script)
        self.agent, self.store = self.phone.agent, self.phone.store
        self.runner = self.another()
        self.begun_at = 0.0

    def another(self) -> TurnRunner:
        return TurnRunner(self.agent, self.store, now, wall, NoJournal())

    async def begin(self, turn: int = 1, **fields: Any) -> None:
        await self.store.create_call(CALL_SID, b"{}")
        self.begun_at = wall()
        self.runner.begin(request(**fields), turn)
        await asyncio.sleep(0)

    async def wait(self, turn: int = 1, taken: int = 0, runner: TurnRunner | None = None) -> Progress:
        asked = self.runner if runner is None else runner  # an idle runner has no length
        return await asked.wait(CALL_SID, turn, taken, Waiting(since=now()), begun_at=self.begun_at)


async def test_a_turn_goes_on_though_nobody_waits(call: Call) -> None:
    room = Room(call, [5.0, HELLO])
    await room.begin()
    await asyncio.sleep(30.0)
    assert await room.wait() == Progress(instructions=(HELLO,), over=TurnOver())


async def test_what_was_taken_is_not_brought_again(call: Call) -> None:
    room = Room(call, [HELLO, 5.0, Say(text="More.")])
    await room.begin()
    first = await room.wait()
    assert first == Progress(instructions=(HELLO,))
    await asyncio.sleep(10.0)
    assert await room.wait(taken=1) == Progress(instructions=(Say(text="More."),), over=TurnOver())


async def test_what_breaks_is_told_after_what_had_arrived(call: Call) -> None:
    room = Room(call, [HELLO, AgentBroke("cut", answer_begun=True)])
    await room.begin()
    assert await room.wait() == Progress(instructions=(HELLO,), over=TurnOver(failure="agent-broke"))


async def test_a_turn_is_overdue_25_seconds_after_its_last_trace(call: Call) -> None:
    room = Room(call, [20.0, Note(about="block"), 20.0, Note(about="block"), 200.0])
    await room.begin()
    await asyncio.sleep(64.0)
    assert Overdue() not in (await room.runner.so_far(CALL_SID, 1)).instructions
    await asyncio.sleep(2.0)
    assert (await room.runner.so_far(CALL_SID, 1)).instructions[-1] == Overdue()


async def test_it_is_overdue_once_until_something_comes(call: Call) -> None:
    room = Room(call, [100.0, HELLO, 100.0])
    await room.begin()
    await asyncio.sleep(190.0)
    progress = await room.runner.so_far(CALL_SID, 1)
    assert progress.instructions == (Overdue(), HELLO, Overdue())


async def test_a_tool_may_work_for_two_minutes_and_all_must_be_done(call: Call) -> None:
    room = Room(
        call,
        [
            HoldSound(tool_id="a", playing=True),
            HoldSound(tool_id="b", playing=True),
            HoldSound(tool_id="a", playing=False),
            110.0,
            HoldSound(tool_id="b", playing=False),
            24.0,
            HELLO,
        ],
    )
    await room.begin()
    await asyncio.sleep(200.0)
    assert Overdue() not in (await room.runner.so_far(CALL_SID, 1)).instructions


async def test_no_turn_lives_for_ever(call: Call) -> None:
    room = Room(call, [*[20.0, Note(about="block")] * 100])
    await room.begin()
    await asyncio.sleep(TURN_LIFETIME_SECONDS + 1)
    progress = await room.runner.so_far(CALL_SID, 1)
    assert progress.over == TurnOver(failure="agent-slow")
    assert room.agent.broken_off == 1


async def test_a_turn_left_behind_is_broken_off_before_the_next_begins(call: Call) -> None:
    room = Room(call, [500.0], [HELLO])
    await room.begin(1)
    await asyncio.sleep(3.0)
    await room.begin(2)
    assert await room.wait(2) == Progress(instructions=(HELLO,), over=TurnOver())
    assert (room.agent.most_at_once, room.agent.broken_off) == (1, 1)


async def test_a_session_it_opened_goes_on_to_the_next(call: Call) -> None:
    room = Room(call, [500.0], [HELLO])
    await room.begin(1, session_key="", launched=False)
    await asyncio.sleep(1.0)
    await room.begin(2, session_key="", launched=False)
    progress = await room.wait(2)
    assert progress.instructions == (SessionOpened(session_key="key-1", user_id=""), HELLO)
    assert room.agent.sessions == 1
    assert room.agent.asked[1].session_key == "key-1"
    assert not room.agent.asked[1].launched


async def test_a_launch_that_was_over_is_not_repeated(call: Call) -> None:
    room = Room(call, [HELLO], [HELLO])
    await room.begin(1, session_key="", launched=False)
    await asyncio.sleep(1.0)
    await room.begin(2, session_key="key-1", launched=False)
    assert (await room.wait(2)).instructions == (HELLO,)
    assert room.agent.asked[1].launched


async def test_a_turn_cancelled_while_it_waits_for_another_is_over(call: Call) -> None:
    room = Room(call, [500.0], [500.0])
    await room.begin(1)
    await room.begin(2)
    await room.runner.close()
    progress = await room.runner.settled(CALL_SID, 2)
    assert progress.over == TurnOver(failure="turn-cancelled")


async def test_with_nothing_running_there_is_nothing_to_wait_for(call: Call) -> None:
    room = Room(call, [HELLO])
    await room.begin()
    await room.wait()
    began = now()
    await asyncio.sleep(0)
    await room.runner.finish(25.0)
    assert now() == began


async def test_only_finished_turns_are_forgotten(call: Call) -> None:
    room = Room(call, [5.0, HELLO])
    await room.begin()
    room.runner.drop(CALL_SID)
    assert len(room.runner) == 1
    await asyncio.sleep(6.0)
    room.runner.drop(CALL_SID)
    room.runner.drop(CALL_SID)
    assert len(room.runner) == 0
    assert await room.wait() == Progress(instructions=(HELLO,), over=TurnOver())


async def test_another_process_sees_what_this_one_runs(call: Call) -> None:
    room = Room(call, [1.0, HELLO, 1.0, Say(text="More.")])
    await room.begin()
    began = now()
    progress = await room.wait(runner=room.another())
    assert progress.instructions == (HELLO,)
    assert now() - began == pytest.approx(1.0, abs=0.3)
    rest = await room.wait(taken=1, runner=room.another())
    assert rest == Progress(instructions=(Say(text="More."),), over=TurnOver())


async def test_it_answers_in_time_though_nothing_comes(call: Call) -> None:
    room = Room(call, [100.0])
    await room.begin()
    began = now()
    assert await room.wait(runner=room.another()) == Progress()
    assert now() - began <= 2.8


async def test_a_turn_without_a_sign_of_life_died_with_its_process(call: Call) -> None:
    room = Room(call)
    await room.store.create_call(CALL_SID, b"{}")
    await room.store.append_turn(CALL_SID, 1, (dump_entry(HELLO),), over=False)
    await asyncio.sleep(LOST_AFTER_SECONDS)
    assert await room.runner.so_far(CALL_SID, 1) == Progress(instructions=(HELLO,))
    await asyncio.sleep(0.1)
    lost = TurnOver(failure="turn-lost")
    assert await room.wait() == Progress(instructions=(HELLO,), over=lost)
    assert await room.wait(turn=7) == Progress(over=lost)


async def test_whoever_says_farewell_waits_for_a_turn_that_another_process_runs(call: Call) -> None:
    room = Room(call, [10.0, HELLO])
    await room.begin()
    began = now()
    progress = await room.another().settled(CALL_SID, 1, begun_at=room.begun_at)
    assert progress == Progress(instructions=(HELLO,), over=TurnOver())
    assert 10.0 <= now() - began <= 12.5


async def test_whoever_says_farewell_does_not_wait_for_the_dead(call: Call) -> None:
    room = Room(call)
    await room.store.create_call(CALL_SID, b"{}")
    await room.store.append_turn(CALL_SID, 1, (), over=False)
    began = now()
    assert (await room.runner.settled(CALL_SID, 1)).over == TurnOver(failure="turn-lost")
    assert now() - began <= LOST_AFTER_SECONDS + 2.5


async def test_nothing_is_awaited_of_a_turn_that_is_over() -> None:
    turn = RunningTurn(request(), 1)
    turn.show([], now(), TurnOver(failure="first"))
    turn.show([], now(), TurnOver(failure="second"))
    assert turn.over == TurnOver(failure="first")
    assert await turn.changed_before(now() + 5.0, now)
