"""The clock jumps, in order, and only when nothing is ready."""

import asyncio
import math
import time

import pytest

from voicegw.simulator import DeadlockError, run_virtual, virtual_time


def test_an_hour_of_sleep_passes_at_once_and_exactly() -> None:
    async def sleep() -> float:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - began_at

    assert run_virtual(sleep()) == pytest.approx(3600, abs=1e-6)


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def race() -> list[int]:
        order: list[int] = []

        async def arrive(seconds: int) -> None:
            await asyncio.sleep(seconds)
            order.append(seconds)

        await asyncio.gather(*(arrive(seconds) for seconds in (30, 10, 20, 0)))
        return order

    assert run_virtual(race()) == [0, 10, 20, 30]


def test_a_timeout_ends_a_wait_that_nothing_else_would_end() -> None:
    async def wait() -> float:
        began_at = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(15):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time() - began_at

    assert run_virtual(wait()) == pytest.approx(15, abs=1e-6)


def test_the_clock_stands_still_while_a_thread_works() -> None:
    async def work() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        timer = asyncio.create_task(asyncio.sleep(1000))
        result = await asyncio.to_thread(lambda: (time.sleep(0.02), "done")[1])
        passed = loop.time() - began_at
        await timer
        return result, passed

    assert run_virtual(work()) == ("done", 0.0)


def test_a_thread_that_wakes_the_loop_ends_a_wait_without_timers() -> None:
    async def wait() -> str:
        return await asyncio.to_thread(lambda: "woken")

    assert run_virtual(wait()) == "woken"


def test_a_deadlock_is_told_instead_of_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "STALL_SECONDS", 0.01)

    async def wait_for_nothing() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError):
        run_virtual(wait_for_nothing())


def test_what_a_coroutine_raises_comes_out() -> None:
    async def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError):
        run_virtual(fail())


def test_time_reaches_a_deadline_that_rounding_puts_a_hair_away() -> None:
    async def wait_a_hair(offset: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(offset):  # so that one is always ready while the other comes back for the rest of its time
            await asyncio.sleep(0)
        deadline = math.nextafter(loop.time(), math.inf)
        for _ in range(1000):
            if loop.time() >= deadline:
                return
            await asyncio.sleep(deadline - loop.time())
        pytest.fail("time stands still")

    async def two() -> None:
        await asyncio.gather(wait_a_hair(0), wait_a_hair(1))

    run_virtual(two())
