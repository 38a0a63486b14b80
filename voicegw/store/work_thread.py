"""An executor of one thread for blocking work: a queue leads there, the asker's event loop back. Knows no store.

`run_in_executor` on it takes a quarter of the calls that a `ThreadPoolExecutor` needs, whose futures of threads, each
with its locks, are joined to the loop's: live calls in SQLite go to their thread four times in every turn.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar, TypeVarTuple, Unpack

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")
_Work = tuple[Callable[..., Any], tuple[Any, ...], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class WorkThread(Executor):
    """Does one piece of work after another, in the order in which they were asked for; begins with the first."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._begun = self._closed = False

    def submit(  # type: ignore[override]
        self, act: Callable[[Unpack[_Arguments]], _Result], /, *arguments: *_Arguments
    ) -> "asyncio.Future[_Result]":
        """Have `act` done; for the loop that runs here. Done even where the asker is cancelled meanwhile. Raises
        RuntimeError once shut down.

        A future of the loop, not of threads: `run_in_executor` wraps only what is none (`asyncio.wrap_future`).
        """
        if self._closed:
            raise RuntimeError("the thread is closed")
        if not self._begun:
            self._begun = True
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Result] = loop.create_future()
        self._work.put((act, arguments, loop, done))
        return done

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 (see below)
        """Take no more work. What was asked for is done in any case, and waited for with `wait`."""
        self._closed = True
        self._work.put(None)
        if wait and self._begun:
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
