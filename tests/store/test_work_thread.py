"""The thread for blocking work: order, errors, and askers who leave."""

import asyncio
from collections.abc import Callable, Iterator
from threading import Event, current_thread
from typing import Any

import pytest

from voicegw.store.work_thread import WorkThread


@pytest.fixture
def thread() -> Iterator[WorkThread]:
    working = WorkThread("worker")
    yield working
    working.shutdown()


async def do(thread: WorkThread, act: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(thread, act, *arguments)


async def test_work_is_done_in_that_thread_and_its_result_comes_back(thread: WorkThread) -> None:
    assert await do(thread, lambda number: (number + 1, current_thread().name), 6) == (7, "worker")


async def test_work_is_done_in_the_order_in_which_it_was_asked_for(thread: WorkThread) -> None:
    done: list[int] = []
    await asyncio.gather(*(do(thread, done.append, number) for number in range(50)))
    assert done == list(range(50))


async def test_what_it_raises_is_raised_where_it_was_asked_for_and_the_next_work_is_done(thread: WorkThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await do(thread, lambda: 1 // 0)
    assert await do(thread, lambda: "still here") == "still here"


async def test_work_is_done_even_if_the_asker_is_cancelled(thread: WorkThread) -> None:
    may_go_on, done = Event(), list[str]()
    held = asyncio.create_task(do(thread, may_go_on.wait))
    asked = asyncio.create_task(do(thread, done.append, "done"))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    may_go_on.set()
    await held
    assert await do(thread, lambda: list(done)) == ["done"]


async def test_a_thread_that_was_shut_down_takes_no_work(thread: WorkThread) -> None:
    await do(thread, lambda: None)
    thread.shutdown()
    with pytest.raises(RuntimeError):
        await do(thread, lambda: None)


def test_work_goes_on_when_the_loop_that_asked_for_it_is_gone(thread: WorkThread) -> None:
    may_go_on = Event()

    async def ask_and_leave() -> None:
        asked = asyncio.create_task(do(thread, may_go_on.wait))
        await asyncio.sleep(0)
        asked.cancel()

    asyncio.run(ask_and_leave())
    may_go_on.set()
    assert asyncio.run(do(thread, lambda: "still here")) == "still here"
