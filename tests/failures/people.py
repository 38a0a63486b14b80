"""Callers who do more than a script says."""

import asyncio
from collections.abc import Sequence

from voicegw.simulator import Phone, ScriptedCaller, Step


class HangsUpAt:
    """Performs `steps`, and puts the phone down `seconds` after the call was placed, whatever happens then."""

    def __init__(self, steps: Sequence[Step], seconds: float) -> None:
        self._script = ScriptedCaller(steps)
        self._seconds = seconds

    async def run(self, phone: Phone) -> None:
        """Live through the call until then."""
        script = asyncio.ensure_future(self._script.run(phone))
        try:
            await phone.wait(self._seconds - phone.now_seconds)
            phone.hang_up()
            await asyncio.Event().wait()
        finally:
            script.cancel()
