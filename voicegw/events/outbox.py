"""`EventOutbox`: a sink of the journal that turns entries into events and puts them into the table `outbox`.

What is put there is sent at least once (`events.dispatcher`). Calls never wait for any of it.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry
from voicegw.call.records import CallEnded, CallRang
from voicegw.calllog.database import CallLogRowRefused, reading
from voicegw.calllog.schema import calls
from voicegw.errors import CallLogError
from voicegw.events.folding import TOLD, CallSoFar, fold, settle
from voicegw.events.letters import NewLetter, post_letters
from voicegw.events.payloads import AgentNames, CallFacts, Event
from voicegw.events.receivers import Receiver, message_id, wants

MAX_ENTRIES = 10_000
MAX_CALLS = 20_000
LETTERS_AT_ONCE = 200
# So that what happens in one moment is one transaction.
LINGER_SECONDS = 0.25
SETTLE_EVERY_SECONDS = 30.0
FORGET_CALL_SECONDS = 3600.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0

_log = structlog.get_logger(__name__)


class EventOutbox:
    """Implements `call.entries.Sink`: takes entries at once and writes their events in a task of its own.

    `describe` names the agent behind a called number, `wall` gives epoch seconds, `posted` is called whenever something
    new can be sent. At most `max_entries` wait: beyond, the oldest is dropped and counted in `dropped`.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        receivers: Sequence[Receiver],
        describe: Callable[[str], AgentNames],
        *,
        wall: Callable[[], float],
        posted: Callable[[], None] = lambda: None,
        max_entries: int = MAX_ENTRIES,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self.dropped = 0
        self._engine = engine
        self._receivers = tuple(receivers)
        self._describe = describe
        self._wall = wall
        self._posted = posted
        self._linger_seconds = linger_seconds
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self._letters: deque[NewLetter] = deque()
        self._calls: OrderedDict[str, CallSoFar] = OrderedDict()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def receive(self, entry: Entry) -> None:
        """See `Sink.receive`. Without receivers nothing is kept."""
        if self._receivers and isinstance(entry.record, TOLD):
            self.dropped += len(self._entries) == self._entries.maxlen
            self._entries.append(entry)
            self._arrived.set()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="event-outbox")

    async def stop(self, grace_seconds: float) -> None:
        """Write what is there, for at most `grace_seconds`, and write no more. Idempotent."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])
        with suppress(TimeoutError, CallLogError):
            async with asyncio.timeout(grace_seconds):
                await self.flush()
        if lost := len(self._entries) + len(self._letters):
            self.dropped += lost
            _log.warning("events not written before the stop", lost=lost)

    async def flush(self) -> None:
        """Make events of all entries so far and write them. Raises `CallLogError`; what is unwritten then is kept."""
        while self._entries or self._letters:
            while self._entries and len(self._letters) < LETTERS_AT_ONCE:
                await self._fold(self._entries.popleft())
            await self._write()

    async def settle(self) -> None:
        """Tell turns that nothing follows; forget calls that were quiet for an hour. Raises `CallLogError`."""
        now = self._wall()
        for call_sid, call in list(self._calls.items()):
            self._calls[call_sid], events = settle(call, now)
            self._address(events)
            if now - call.touched_at > FORGET_CALL_SECONDS:
                del self._calls[call_sid]
        await self._write()

    async def _run(self) -> None:
        """The task's root: an outage of the database is waited for, anything else costs the entry at hand."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SETTLE_EVERY_SECONDS):
                        await self._arrived.wait()
                self._arrived.clear()
                await asyncio.sleep(self._linger_seconds)
                await self.flush()
                await self.settle()
                pause_seconds = _FIRST_PAUSE_SECONDS
                continue
            except CallLogError as error:
                _log.warning("events cannot be written; trying again", code=error.code, reason=error.message)
            except Exception as error:  # its text may hold what a caller said
                self.dropped += 1
                _log.error("an event could not be made", error=type(error).__name__)
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            self._arrived.set()

    async def _fold(self, entry: Entry) -> None:
        call = self._calls.pop(entry.call_sid, None) or await self._find(entry)
        call, events = fold(call, entry)
        if not isinstance(entry.record, CallEnded):
            self._calls[entry.call_sid] = call
            if len(self._calls) > MAX_CALLS:
                self._calls.popitem(last=False)
        self._address(events)

    async def _find(self, entry: Entry) -> CallSoFar:
        """What is known of a call that begins here, or that began in another process and stands in the call log."""
        record = entry.record
        if isinstance(record, CallRang):
            facts = self._facts(
                entry.call_sid, record.caller_number, record.called_number, entry.at, direction=record.direction
            )
            return CallSoFar(facts=facts)
        query = select(calls.c.caller_number, calls.c.called_number, calls.c.started_at)
        try:
            async with reading(self._engine) as connection:
                row = (await connection.execute(query.where(calls.c.call_sid == entry.call_sid))).one_or_none()
        except BaseException:  # the database is away, or this task is stopped: the entry waits for the next time
            self._entries.appendleft(entry)
            raise
        known = row or ("", "", entry.at - entry.offset)
        return CallSoFar(facts=self._facts(entry.call_sid, *known))

    def _facts(
        self, call_sid: str, caller_number: str, called_number: str, started_at: float, *, direction: str = "inbound"
    ) -> CallFacts:
        return CallFacts(
            call_sid=call_sid,
            caller_number=caller_number,
            called_number=called_number,
            started_at=started_at,
            names=self._describe(called_number),
            direction=direction,
        )

    def _address(self, events: Sequence[Event]) -> None:
        """One letter for each receiver that wants an event."""
        self._letters += [
            NewLetter(message_id=message_id(receiver, event), receiver=receiver.name, event=event)
            for event in events
            for receiver in self._receivers
            if wants(receiver, event.type)
        ]

    async def _write(self) -> None:
        letters = list(self._letters)
        if not letters:
            return
        try:
            await post_letters(self._engine, letters, self._wall())
        except CallLogRowRefused:
            # one of them will never be taken: the others must not wait for it
            for letter in letters:
                await self._write_alone(letter)
        for _ in letters:
            self._letters.popleft()
        self._posted()

    async def _write_alone(self, letter: NewLetter) -> None:
        try:
            await post_letters(self._engine, [letter], self._wall())
        except CallLogRowRefused as error:
            self.dropped += 1
            _log.error("an event is refused by the database", type=letter.event.type, reason=error.message)
