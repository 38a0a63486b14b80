"""An event loop whose clock jumps: where nothing is ready it is at once the time of the next timer.

For whole applications in one process whose transports are in memory. While work runs in the loop's executor the clock
stands still. What waits for a socket or a thread of its own may find that hours have passed meanwhile.
"""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

_Result = TypeVar("_Result")

STALL_SECONDS = 10.0
"""Real seconds after which a loop with no timer and nothing ready is taken to be dead."""


class DeadlockError(RuntimeError):
    """Every task waits, no timer is set, and nothing came from outside: a deadlock, which real time would hide."""


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at the files, and instead of sleeping tells the loop to jump."""

    def __init__(self, jump: Callable[[float | None], float | None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        wait_seconds = self._jump(timeout)
        if wait_seconds is None:
            return ready
        ready = super().select(wait_seconds)
        if not ready and timeout is None:
            raise DeadlockError(f"all tasks have waited {wait_seconds:g} real seconds without a timer")
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in virtual time: `time()` starts at `start_seconds` and moves only from timer to timer."""

    def __init__(self, start_seconds: float = 1000.0) -> None:
        # Not 0, so that `if not started_at` in the code under test is as right or wrong as on a real machine.
        self._virtual_now = start_seconds
        self._in_executor = 0
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        """Seconds of virtual time; monotonic."""
        return self._virtual_now

    @property
    def _clock_resolution(self) -> float:
        """What asyncio fires timers early by: here nothing. A real clock moves on while they come back for the rest of
        their time, which rounding has left; this one would stand still, and they would come back for ever."""
        return math.ulp(self._virtual_now)

    @_clock_resolution.setter
    def _clock_resolution(self, _: float) -> None:
        """The base class sets the real clock's."""

    def _jump(self, timeout: float | None) -> float | None:
        """Move the clock by `timeout` and answer None, or answer how many real seconds to wait for something real."""
        if self._in_executor:
            return STALL_SECONDS if timeout is None else 0.001
        if timeout is None:
            return STALL_SECONDS
        self._virtual_now += timeout
        return None

    def run_in_executor(  # type: ignore[override]  # typeshed's signature uses a TypeVarTuple; callers see no difference
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Run `func` in a thread, as the base class does; the clock stands still until it returns."""
        future = super().run_in_executor(executor, func, *args)
        self._in_executor += 1
        future.add_done_callback(self._left_executor)
        return future

    def _left_executor(self, _: "asyncio.Future[Any]") -> None:
        self._in_executor -= 1


def run_virtual(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end in virtual time, cancel what it left behind, and answer its result.

    Raises what the coroutine raises, and DeadlockError on a deadlock. Must not be called from a running loop.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)
