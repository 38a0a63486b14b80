"""`EventDispatcher`: sends what lies in the outbox, at least once, each receiver in a task of its own.

A letter is claimed, posted, and marked as delivered, as due again, or as dead (`events.schedule` decides). Any number
of processes may run one on the same database.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.errors import CallLogError
from voicegw.events.letters import (
    Letter,
    claim_letters,
    count_letters,
    mark_delivered,
    mark_failed,
    next_due_at,
    prune_delivered,
)
from voicegw.events.posting import HttpPoster, Poster
from voicegw.events.receivers import Receiver
from voicegw.events.schedule import Verdict, wait_after

SENT_AT_ONCE = 8
"""To one receiver."""
LEASE_SECONDS = 60.0
"""Far longer than an attempt takes: only a process that died leaves a lease to run out."""
LOOK_EVERY_SECONDS = 5.0
"""Other processes and `voicegw events resend` put letters in without a word to us."""
HOUSEKEEPING_EVERY_SECONDS = 30.0
DELIVERED_KEPT_SECONDS = 3 * 86400.0
_OUTAGE_PAUSE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class DispatchCounts:
    """For metrics: letters that this process `delivered`, attempts that `failed`, letters that it gave up (`dead`), and
    those of the whole database that are `waiting`, as of the last look."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    waiting: int = 0

    @property
    def by_outcome(self) -> dict[str, float]:
        """What came of attempts: those that give a letter up have `failed` as well."""
        return {"delivered": self.delivered, "failed": self.failed, "dead": self.dead}


class EventDispatcher:
    """Sends letters to `receivers`. `wall` gives epoch seconds, `chance` numbers from 0 to 1.

    Without a `poster` it makes one, at `start`. `stop` closes it.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        receivers: Sequence[Receiver],
        *,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        poster: Poster | None = None,
    ) -> None:
        self.counts = DispatchCounts()
        self._engine = engine
        self._receivers = tuple(receivers)
        self._wall = wall
        self._chance = chance
        self._poster = poster
        self._woken = {receiver.name: asyncio.Event() for receiver in self._receivers}
        self._stopping = False
        self._serving: list[asyncio.Task[None]] = []
        self._housekeeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        if not self._receivers:
            return
        self._poster = self._poster or HttpPoster()
        self._serving = [
            asyncio.create_task(self._serve(receiver), name=f"events-to-{receiver.name}")
            for receiver in self._receivers
        ]
        self._housekeeping = asyncio.create_task(self._keep_house(), name="events-housekeeping")

    async def stop(self, grace_seconds: float) -> None:
        """Begin nothing more and wait for what is under way, at most `grace_seconds`. Idempotent.

        What is cut off then is sent again by whoever next runs on this database.
        """
        self._stopping = True
        self.wake()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.wait(self._serving, timeout=grace_seconds)
            for task in self._serving:
                task.cancel()
            await asyncio.gather(self._housekeeping, *self._serving, return_exceptions=True)
            self._housekeeping, self._serving = None, []
        if self._poster is not None:
            await self._poster.close()

    def wake(self) -> None:
        """There may be something new to send."""
        for woken in self._woken.values():
            woken.set()

    async def send_due(self, receiver: Receiver) -> int:
        """Send what is due to one receiver, a few letters at once; says how many were tried. Raises `CallLogError`."""
        letters = await claim_letters(
            self._engine, receiver.name, self._wall(), lease_seconds=LEASE_SECONDS, limit=SENT_AT_ONCE
        )
        sent = await asyncio.gather(*(self._send(receiver, letter) for letter in letters), return_exceptions=True)
        for outcome in sent:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(letters)

    async def keep_house(self) -> None:
        """Prune what was delivered long ago and count what waits. Raises `CallLogError`."""
        await prune_delivered(self._engine, self._wall() - DELIVERED_KEPT_SECONDS)
        self.counts.waiting = (await count_letters(self._engine))["waiting"]

    async def _send(self, receiver: Receiver, letter: Letter) -> None:
        assert self._poster is not None  # noqa: S101 (start made it)
        answer = await self._poster.post(receiver, letter, self._wall())
        verdict = answer.verdict
        if verdict is Verdict.DELIVERED:
            self.counts.delivered += 1
            await mark_delivered(self._engine, letter, self._wall())
            return
        self.counts.failed += 1
        wait_seconds = wait_after(letter.attempts, self._chance()) if verdict is Verdict.AGAIN else None
        due_at = None if wait_seconds is None else self._wall() + wait_seconds
        fields = {"receiver": receiver.name, "id": letter.id, "attempt": letter.attempts, "reason": answer.fault}
        if due_at is None:
            self.counts.dead += 1
            _log.error("an event is given up", **fields)
        else:
            _log.warning("an event was not taken", again_in_seconds=round(wait_seconds or 0), **fields)
        await mark_failed(self._engine, letter, answer.fault, due_at=due_at)

    async def _serve(self, receiver: Receiver) -> None:
        """The task's root of one receiver."""
        woken = self._woken[receiver.name]
        while not self._stopping:
            woken.clear()
            try:
                rest_seconds = 0.0 if await self.send_due(receiver) else await self._rest_seconds(receiver)
            except CallLogError as error:
                rest_seconds = _OUTAGE_PAUSE_SECONDS
                _log.warning("the outbox cannot be used; trying again", code=error.code, reason=error.message)
            except Exception as error:  # its text may hold what a caller said
                rest_seconds = _OUTAGE_PAUSE_SECONDS
                _log.error("events cannot be sent", receiver=receiver.name, error=type(error).__name__)
            if rest_seconds and not self._stopping:
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest_seconds):
                        await woken.wait()

    async def _rest_seconds(self, receiver: Receiver) -> float:
        due_at = await next_due_at(self._engine, receiver.name)
        return LOOK_EVERY_SECONDS if due_at is None else min(max(due_at - self._wall(), 0.0), LOOK_EVERY_SECONDS)

    async def _keep_house(self) -> None:
        """The task's root."""
        while True:
            try:
                await self.keep_house()
            except CallLogError as error:
                _log.warning("the outbox cannot be tidied", code=error.code, reason=error.message)
            await asyncio.sleep(HOUSEKEEPING_EVERY_SECONDS)
