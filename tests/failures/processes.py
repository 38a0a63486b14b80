"""A gateway process that may die: it sees store and agent through handles that are worthless once it is dead, and the
carrier reaches whichever process serves now through `Front`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from voicegw.app import Gateway
from voicegw.simulator import AsgiWeb, WebAnswer, WebError, WebRequest

PUBLIC_URL = "https://gateway.example"
CONNECTION_LOST = 11206


class Surroundings(Protocol):
    """What outlives a process."""

    memory: Any
    agent: Any


class Process:
    """One gateway and its handles. `die` ends it as SIGKILL does: nothing of it acts any more."""

    def __init__(self, make: Callable[[Any, Any], Gateway], around: Surroundings) -> None:
        self.dead = asyncio.Event()
        self.gateway = make(StoreHandle(around.memory, self.dead), AgentHandle(around.agent, self.dead))
        self.web = AsgiWeb({PUBLIC_URL: self.gateway.asgi})

    def die(self) -> None:
        """Whatever it was about to do does not happen. Call it while no other process runs turns."""
        self.dead.set()
        for task in asyncio.all_tasks():
            if task.get_name().startswith(("turn-", "farewell-")):
                task.cancel()


class Front:
    """The carrier's way to the process that serves now; a request under way when it dies is cut off."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.asked = self.answered = 0
        self.news = asyncio.Event()

    async def send(self, request: WebRequest) -> WebAnswer:
        """Send it to the process of this moment, or to the one whose turn it is."""
        processes: list[Process] = [self._world.process, *self._world.others]
        process = processes[self.asked % len(processes)]
        self.asked += 1
        answering = asyncio.ensure_future(process.web.send(request))
        dying = asyncio.ensure_future(process.dead.wait())
        try:
            await asyncio.wait({answering, dying}, return_when=asyncio.FIRST_COMPLETED)
            if dying.done():
                raise WebError(CONNECTION_LOST, "the connection was reset", reached=True)
            self.answered += 1
            self.news.set()
            return answering.result()
        finally:
            answering.cancel()
            dying.cancel()


class StoreHandle:
    """The store as one process sees it. Once that is dead nothing comes through, neither way."""

    def __init__(self, store: Any, dead: asyncio.Event) -> None:
        self._store = store
        self._dead = dead

    async def close(self) -> None:
        """The process lets go of the store; others still have it."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        act = getattr(self._store, name)

        async def guarded(*args: Any, **kwargs: Any) -> Any:
            await _outlive(self._dead)
            result = await act(*args, **kwargs)
            await _outlive(self._dead)
            return result

        return guarded


class AgentHandle:
    """The line to the agents as one process sees it."""

    def __init__(self, agent: Any, dead: asyncio.Event) -> None:
        self._agent = agent
        self._dead = dead

    async def warm(self, url: str) -> bool:
        """There is nothing to open."""
        return True

    @asynccontextmanager
    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Any]:
        """One request, of a process that lives."""
        await _outlive(self._dead)
        async with self._agent.post(url, headers=headers, body=body) as response:
            yield response


async def _outlive(dead: asyncio.Event) -> None:
    if dead.is_set():
        await asyncio.Event().wait()
