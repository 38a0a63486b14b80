"""The store of live calls fails: a few operations in a row, slowly, or for good."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from calls import CALLS, insisting
from groups import FINAL, RECOVERING, cases, failure
from telephone_world import World, hears, play_troubled

from voicegw.errors import StoreError
from voicegw.simulator import HangsUp, Limits, Says

AT = [(name, first, count) for name in CALLS for first in range(45) for count in (1, 2, 3)]
SLOW = [(name, first, 1.5) for name in CALLS for first in range(0, 45, 3)]
GONE = [(name, first) for name in CALLS for first in range(1, 30, 2)]
GIVES_UP = (Says("what does it cost"), Says("hello"), Says("is anybody there"), HangsUp(after_seconds=40.0))
# Coming back after a pause is a document of its own: a key in it is lost, and says so.
WEAK = Limits(rescued_faults_allowed=True)


class Weak:
    """A store whose operations from the `first` on fail, `count` of them, or take `slow_seconds`."""

    def __init__(self, store: Any, first: int, count: int, slow_seconds: float = 0.0) -> None:
        self._store = store
        self._failing = range(first, first + count)
        self._slow_seconds = slow_seconds
        self._operations = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        act = getattr(self._store, name)

        async def weakly(*args: Any, **kwargs: Any) -> Any:
            number, self._operations = self._operations, self._operations + 1
            if number in self._failing:
                if not self._slow_seconds:
                    raise StoreError(f"operation {number} ({name}) fails", retryable=True)
                await asyncio.sleep(self._slow_seconds)
            return await act(*args, **kwargs)

        return weakly


class Gone(Weak):
    """A store that fails from the `first` operation on, for ten minutes."""

    def __init__(self, store: Any, first: int) -> None:
        super().__init__(store, first, 1_000_000)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if asyncio.get_running_loop().time() > 1_600.0:  # virtual time begins at 1,000 s
            self._failing = range(0)
        return super().__getattr__(name)


async def reap(world: World) -> None:
    """An end that could not be written is found by the reaper."""
    for minutes in (*range(1, 20), 300):
        await asyncio.sleep(60.0 * minutes)
        with suppress(StoreError):
            await world.process.gateway.conversations.reap()


@failure(
    "store fails",
    "any one to three operations in a row",
    "nothing, or “One moment, please. I'll be right back with you.”, and the call goes on",
)
@cases(AT, quick=29, size=60)
def test_any_operation_of_the_store_fails(cases: tuple[tuple[str, int, int], ...]) -> None:
    for name, first, count in cases:
        title = f"{name}, operations {first} to {first + count - 1} fail"
        cell = replace(CALLS[name], name=title, limits=WEAK, steps=insisting(name))
        play_troubled(cell, trouble=reap, weaken=partial(Weak, first=first, count=count))


@failure("store fails", "operations that take 1.5 s", "the call as ever, slower")
@cases(SLOW, quick=9, size=60)
def test_any_operation_of_the_store_is_slow(cases: tuple[tuple[str, int, float], ...]) -> None:
    for name, first, seconds in cases:
        cell = replace(CALLS[name], name=f"{name}, operation {first} takes {seconds} s", limits=WEAK)
        play_troubled(cell, weaken=partial(Weak, first=first, count=1, slow_seconds=seconds))


@failure(
    "store fails",
    "for good, from any operation of the call on (and comes back when the call is over)",
    "“One moment, please. I'll be right back with you.” three times, then “I can't help you at the moment … Goodbye.”",
)
@cases(GONE, quick=9, size=60)
def test_the_store_is_gone(cases: tuple[tuple[str, int], ...]) -> None:
    for name, first in cases:
        cell = replace(CALLS[name], name=f"{name}, the store is gone from operation {first} on", steps=GIVES_UP)
        played = play_troubled(cell, trouble=reap, weaken=partial(Gone, first=first))
        assert hears(played.report, FINAL) or not hears(played.report, RECOVERING), played.explain()
