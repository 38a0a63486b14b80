"""What a call still has to do beside its instructions and after them: farewells on sockets, words to make out."""

import asyncio
from collections.abc import Coroutine


class Errands:
    """Runs coroutines in tasks of their own; `drain` waits for all of them, `close` gives them up."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, errand: Coroutine[None, None, None]) -> None:
        """Run it, beginning soon."""
        self._tasks.add(asyncio.create_task(errand))

    async def drain(self) -> None:
        """Wait until nothing is left to do; raises what an errand raised."""
        while self._tasks:
            tasks, self._tasks = self._tasks, set()
            await asyncio.gather(*tasks)

    def close(self) -> None:
        """Give up whatever is left."""
        for task in self._tasks:
            task.cancel()
