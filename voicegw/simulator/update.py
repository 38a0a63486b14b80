"""What the vendor's REST API does to one live call: new instructions from outside, in place of what is running.

"POST /Calls/{CA}.json: Url+Method | Status=completed. Redirect is immediate and aborts current verb"; "redirecting
non-live ⇒ 21220", "ended call ⇒ 404 code 20404".
"""

import asyncio
from collections.abc import Callable, Coroutine

from voicegw.simulator.call_context import CallContext, End, GoTo

CALL_NOT_IN_PROGRESS = 21220
NO_SUCH_CALL = 20404


class UpdateRefusedError(Exception):
    """The API would refuse this update with the vendor's `code`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Updates:
    """The updates of one call, in the order in which they came; the first one waiting is the next one carried out."""

    def __init__(self, context: CallContext) -> None:
        self._context = context
        self._waiting: asyncio.Queue[GoTo | End] = asyncio.Queue()

    def redirect(self, url: str, method: str) -> None:
        """Leave what the call is doing and ask `url`. Raises UpdateRefusedError unless the call was answered."""
        self._check("in-progress")
        self._waiting.put_nowait(GoTo(url=url, purpose="redirect", method=method))

    def complete(self) -> None:
        """End the call. Raises UpdateRefusedError where it is over."""
        self._check("in-progress", "ringing")
        self._waiting.put_nowait(End("ended-by-rest"))

    async def obey(self, run: Callable[[GoTo], Coroutine[None, None, str]], first: GoTo) -> str:
        """Let `run` carry out `first`, and then whatever an update says instead; answers why the call ended."""
        target = first
        while True:
            running = asyncio.create_task(run(target))
            update = asyncio.create_task(self._waiting.get())
            try:
                await asyncio.wait([running, update], return_when=asyncio.FIRST_COMPLETED)
                if not update.done():
                    return running.result()
            finally:
                update.cancel()
                running.cancel()
                await asyncio.wait([running, update])
            match update.result():
                case End(reason=reason):
                    return reason
                case GoTo() as goto:
                    self._context.at_hangup = None
                    target = goto

    def _check(self, *statuses: str) -> None:
        if self._context.line.ended:
            raise UpdateRefusedError(NO_SUCH_CALL, "the call is over")
        if self._context.leg.status not in statuses:
            raise UpdateRefusedError(CALL_NOT_IN_PROGRESS, "the call is not in progress")
