"""One thread for blocking work: a queue leads there, the asker's event loop back. Knows no store.

A sixth of the calls that `run_in_executor` takes, which joins a future of threads to one of the loop, each with its
locks: live calls in SQLite go there four times in every turn.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar, TypeVarTuple, Unpack

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")
_Work = tuple[Callable[..., Any], tuple[Any, ...], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class WorkThread:
    """Does one piece of work after another, in the order in which they were asked for; begins with the first."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._begun = self._closed = False

    async def do(self, act: Callable[[Unpack[_Arguments]], _Result], *arguments: *_Arguments) -> _Result:
        """What `act` returns or raises. Done even where the asker is cancelled meanwhile. Raises RuntimeError once
        closed."""
        if self._closed:
            raise RuntimeError("the thread is closed")
        if not self._begun:
            self._begun = True
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Result] = loop.create_future()
        self._work.put((act, arguments, loop, done))
        return await done

    def close(self) -> None:
        """Take no more work, and wait for what was asked for."""
        self._closed = True
        self._work.put(None)
        if self._begun:
            self._thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            act, arguments, loop, done = work
            result = error = None
            try:
                result = act(*arguments)
            except BaseException as exc:  # it is raised where the work was asked for
                error = exc
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, result, error)


def _settle(done: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if done.done():  # whoever asked was cancelled
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
