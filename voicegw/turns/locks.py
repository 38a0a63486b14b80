"""One holder at a time for each name, and nothing kept for names that nobody holds."""

import asyncio
from typing import Self


class NamedLocks:
    """Locks by name, made for their first user and forgotten with their last."""

    def __init__(self) -> None:
        self._held: dict[str, _Lock] = {}

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, name: str) -> "_Lock":
        """A context manager: wait for the lock called `name` and hold it."""
        return self._held.get(name) or _Lock(name, self._held)


class _Lock:
    """Known under its name for as long as anybody holds it or waits for it."""

    def __init__(self, name: str, held: "dict[str, _Lock]") -> None:
        self._name = name
        self._held = held
        self._lock = asyncio.Lock()
        self._users = 0

    async def __aenter__(self) -> Self:
        self._held[self._name] = self
        self._users += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            del self._held[self._name]
