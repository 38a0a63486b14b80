"""Locks by name: one at a time, in the order of their coming, and nothing kept afterwards."""

import asyncio
from contextlib import suppress

from voicegw.turns.locks import NamedLocks


async def test_one_at_a_time_for_a_name_in_the_order_of_their_coming() -> None:
    locks, told = NamedLocks(), []

    async def work(number: int) -> None:
        async with locks.hold("CA1"):
            told.append(f"{number} begins")
            await asyncio.sleep(0)
            told.append(f"{number} ends")

    await asyncio.gather(*(work(number) for number in range(3)))
    assert told == [f"{number} {word}" for number in range(3) for word in ("begins", "ends")]
    assert len(locks) == 0


async def test_other_names_do_not_wait() -> None:
    locks = NamedLocks()
    async with locks.hold("CA1"), locks.hold("CA2"):
        assert len(locks) == 2
    assert len(locks) == 0


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    locks = NamedLocks()
    async with locks.hold("CA1"):

        async def wait() -> None:
            async with locks.hold("CA1"):
                raise AssertionError("never held")

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        assert len(locks) == 1
    assert len(locks) == 0
    async with locks.hold("CA1"):
        assert len(locks) == 1
