"""An agent's traces as they come, and a sign whenever text has waited too long for its end. Knows no call."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Self

from voicegw.voiceflow.planner import SPEAKING_TRACES, Planner
from voicegw.voiceflow.traces import Trace

TEXT_PATIENCE_SECONDS = 1.5
"""Text that is no whole sentence yet is said once nothing has come for so long."""


class WithPauses:
    """The traces of `answer`, and a None whenever text has been held back for `TEXT_PATIENCE_SECONDS`."""

    def __init__(self, answer: AsyncGenerator[Trace], planner: Planner) -> None:
        self._answer = answer
        self._planner = planner
        self._held_since = asyncio.get_running_loop().time()
        self._upcoming: asyncio.Task[Trace] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Trace | None:
        loop = asyncio.get_running_loop()
        if self._upcoming is None and self._planner.text_pending:
            # A task of its own, because a time-out around the read itself would break the answer off.
            self._upcoming = asyncio.create_task(_take(self._answer))
            patience_seconds = self._held_since + TEXT_PATIENCE_SECONDS - loop.time()
            await asyncio.wait({self._upcoming}, timeout=patience_seconds)
            if not self._upcoming.done():
                return None
        if self._upcoming is None:
            trace = await anext(self._answer)
        else:
            trace = await self._upcoming
            self._upcoming = None
        if not self._planner.text_pending or isinstance(trace, SPEAKING_TRACES):
            self._held_since = loop.time()
        return trace

    async def aclose(self) -> None:
        """Drop what is still to come."""
        if self._upcoming is not None:
            self._upcoming.cancel()
            await asyncio.wait({self._upcoming})
        await self._answer.aclose()


async def _take(answer: AsyncGenerator[Trace]) -> Trace:
    return await anext(answer)
