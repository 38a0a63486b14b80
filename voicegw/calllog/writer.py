"""`CallLogWriter`: writes what happens on calls into the database, in batches, in a task of its own.

Whoever carries a call never waits for it. What cannot be written yet waits in a bounded queue whose oldest entries
go first; the order of a call's entries stays.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry
from voicegw.calllog.database import CallLogRowRefused, writing
from voicegw.calllog.live_calls import LiveCalls
from voicegw.calllog.revisions import require_newest
from voicegw.calllog.summaries import fit
from voicegw.calllog.writes import CallRows, were_written, write_rows
from voicegw.errors import CallLogError

MAX_WAITING = 20_000
BATCH_ENTRIES = 5_000
BATCH_SECONDS = 1.0
"""A transaction costs 2 ms of CPU whatever is in it; whoever follows the log sees things so much later."""
RETRY_SECONDS = (0.25, 5.0)
WRITE_TIMEOUT_SECONDS = 30.0
_ENTRIES_AT_ONCE = 400  # 1 to 2 ms of work: then others on the event loop have their turn

_log = structlog.get_logger(__name__)


class CallLogWriter:
    """A `call.entries.Sink` that keeps every entry in the call log. `dropped` counts those that it could not keep.

    Writes every `batch_seconds` or `batch_entries`; after a failure again and again, with rests that grow from the
    first to the second of `retry_seconds`. The engine stays its owner's.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        max_waiting: int = MAX_WAITING,
        batch_entries: int = BATCH_ENTRIES,
        batch_seconds: float = BATCH_SECONDS,
        retry_seconds: tuple[float, float] = RETRY_SECONDS,
        write_timeout_seconds: float = WRITE_TIMEOUT_SECONDS,
    ) -> None:
        self._engine = engine
        self._max_waiting = max_waiting
        self._batch_entries = batch_entries
        self._batch_seconds = batch_seconds
        self._retry_seconds = retry_seconds
        self._write_timeout = write_timeout_seconds
        self._queue: deque[Entry] = deque()
        self._in_hand = 0
        self._calls = LiveCalls(engine)
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._flushes = 0
        self._checked = False
        self._troubles: set[bool] = set()  # of this outage: passing ones (True), ones that somebody must mend
        self._behind = False
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many entries are not written yet."""
        return len(self._queue) + self._in_hand

    @property
    def failing(self) -> bool:
        """Has the last try to write failed?"""
        return bool(self._troubles)

    def receive(self, entry: Entry) -> None:
        """Take an entry; the oldest one that waits is dropped where there is no room. Never waits, never raises."""
        waiting = len(self._queue)
        if waiting >= self._max_waiting:
            self._drop_oldest()
        self._queue.append(entry)
        if not waiting:
            self._idle.clear()
            self._arrived.set()
        elif waiting == self._batch_entries - 1:
            self._hurry.set()

    async def start(self) -> None:
        """Begin to write. Raises `CallLogError` where the tables are not this version's; a database that cannot be
        reached now is waited for."""
        try:
            await self._check()
        except CallLogError as error:
            if not error.retryable:
                raise
            self._fail(error)
        self._task = asyncio.create_task(self._run(), name="write-call-log")

    async def flush(self) -> None:
        """Write at once what waits; returns when nothing does. Where the database fails, that is once it works."""
        self._flushes += 1
        self._hurry.set()
        try:
            await self._idle.wait()
        finally:
            self._flushes -= 1

    async def stop(self, grace_seconds: float) -> None:
        """Write what waits, for at most `grace_seconds`; what is not written by then is lost, and counted."""
        self._stopping.set()
        self._arrived.set()
        self._hurry.set()
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=grace_seconds)
        if late:
            self._task.cancel()
            await asyncio.wait({self._task})
            self.dropped += self.waiting
            _log.error("call log stopped before all was written", lost=self.waiting, dropped=self.dropped)

    async def _run(self) -> None:
        while await self._gather():
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_entries))]
            self._in_hand = len(batch)
            try:
                await self._keep(batch)
            except Exception as error:
                # The task's root: a batch that nobody foresaw must not end the log. Its words could be in the error.
                self.dropped += len(batch)
                _log.error("call log dropped what it could not understand", error=type(error).__name__)
            self._in_hand = 0
            self._rest()

    async def _gather(self) -> bool:
        """Wait until there is enough to write, or something for long enough; False: nothing will come any more."""
        await self._arrived.wait()
        if not (self._stopping.is_set() or len(self._queue) >= self._batch_entries):
            await _wait(self._hurry, self._batch_seconds)
        return bool(self._queue)

    def _rest(self) -> None:
        """After a batch: the next one is gathered from now on, as usual."""
        self._behind = self._behind and len(self._queue) >= self._max_waiting // 2
        if not self._flushes and len(self._queue) < self._batch_entries:
            self._hurry.clear()
        if not self._queue:
            self._idle.set()
            if not self._stopping.is_set():
                self._arrived.clear()

    async def _keep(self, batch: Sequence[Entry]) -> None:
        """Write the batch, however long it takes."""
        by_call: dict[str, list[Entry]] = {}
        for entry in batch:
            by_call.setdefault(entry.call_sid, []).append(entry)
        by_call = {fit("call_sid", call_sid): entries for call_sid, entries in by_call.items()}
        if not self._checked:
            await self._until_done(lambda _again: self._check())
        await self._until_done(lambda _again: self._calls.recall(by_call))
        rows, taken = [], 0
        for call_sid, entries in by_call.items():
            rows.append(self._calls.add(call_sid, entries))
            taken += len(entries)
            if taken >= _ENTRIES_AT_ONCE:
                taken = 0
                await asyncio.sleep(0)
        try:
            await self._until_done(lambda again: self._write(rows, again))
        except CallLogRowRefused:
            for row in rows:  # find the one; all others are taken
                await self._keep_alone(row)
        self._calls.forget_some()

    async def _check(self) -> None:
        """Are the tables this version's? A database that could not be reached at start may have any."""
        await require_newest(self._engine)
        self._checked = True

    async def _keep_alone(self, row: CallRows) -> None:
        try:
            await self._until_done(lambda again: self._write([row], again))
        except CallLogRowRefused as error:
            self._calls.forget(row.call_sid)
            self.dropped += row.count
            _log.error(
                "call log dropped what the database refuses",
                call_sid=row.call_sid,
                entries=row.count,
                reason=str(error),
            )

    async def _write(self, rows: Sequence[CallRows], again: bool) -> None:
        async with writing(self._engine) as connection:
            # A connection that broke during the commit leaves open whether it was one.
            if not (again and await were_written(connection, rows)):
                await write_rows(connection, rows)

    async def _until_done(self, act: Callable[[bool], Awaitable[None]]) -> None:
        """Do it until it is done; told whether it is done again. Raises `CallLogRowRefused`."""
        rest_seconds, longest_seconds = self._retry_seconds
        again = False
        while True:
            try:
                async with asyncio.timeout(self._write_timeout):
                    await act(again)
            except CallLogRowRefused:
                raise
            except (CallLogError, TimeoutError) as error:
                self._fail(error)
            else:
                self._succeed()
                return
            again = True
            # Being asked to stop is one more reason to try at once, but only one.
            await (asyncio.sleep(rest_seconds) if self._stopping.is_set() else _wait(self._stopping, rest_seconds))
            rest_seconds = min(2 * rest_seconds, longest_seconds)

    def _fail(self, error: Exception) -> None:
        """Told once in an outage, not at each try; and once more where it turns out that somebody must mend it."""
        passing = not isinstance(error, CallLogError) or error.retryable
        if passing not in self._troubles:
            self._troubles.add(passing)
            reason = str(error) or "no answer in time"
            _log.warning("call log cannot be written, entries wait", reason=reason, waiting=self.waiting)

    def _succeed(self) -> None:
        if self._troubles:
            self._troubles.clear()
            _log.info("call log is written again", waiting=self.waiting, dropped=self.dropped)

    def _drop_oldest(self) -> None:
        self._queue.popleft()
        self.dropped += 1
        if not self._behind:
            self._behind = True
            _log.warning("call log is behind, its oldest entries are dropped", waiting=self.waiting)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
