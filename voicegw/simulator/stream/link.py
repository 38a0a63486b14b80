"""One direction of a stream's network: messages arrive late, in bursts, but in order, and `deliver` gets them."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Generic, TypeVar

from voicegw.simulator.stream.rules import StreamRules

_Message = TypeVar("_Message")


class Link(Generic[_Message]):
    """`run` delivers what was `put`; it ends with whatever `deliver` raises. Nothing waits in `put`."""

    def __init__(self, rules: StreamRules, random: Random, deliver: Callable[[_Message], Awaitable[None]]) -> None:
        self._rules = rules
        self._random = random
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._under_way: asyncio.Queue[tuple[float, _Message]] = asyncio.Queue()

    def put(self, message: _Message) -> None:
        """Send a message on its way."""
        self._under_way.put_nowait((self._arrival(self._loop.time()), message))

    async def run(self) -> None:
        """Deliver until cancelled, or until `deliver` raises."""
        while True:
            arrives_at, message = await self._under_way.get()
            # Behind a late message the next ones wait: TCP keeps the order.
            if (wait_seconds := arrives_at - self._loop.time()) > 0:
                await asyncio.sleep(wait_seconds)
            await self._deliver(message)

    def _arrival(self, now: float) -> float:
        rules = self._rules
        arrival = now + rules.latency_seconds
        if rules.jitter_seconds:
            arrival += self._random.uniform(0.0, rules.jitter_seconds)
        if rules.burst_every_seconds:
            # The network stands still at the end of each period.
            into_period = (arrival - self._began_at) % rules.burst_every_seconds
            if into_period >= rules.burst_every_seconds - rules.burst_seconds:
                arrival += rules.burst_every_seconds - into_period
        return arrival
