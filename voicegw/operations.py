"""What a gateway does beside its calls, composed: call log, metrics, traces, events. No caller ever waits for it.

The second composition root, under `app`: the only place where these rooms meet. `Operations` gives calls a journal,
starts what must run, and stops it last, so that the end of every call is still told.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.addresses import line_of
from voicegw.call.entries import Sink
from voicegw.calllog.database import open_engine
from voicegw.calllog.forgotten import ends_of_forgotten_calls
from voicegw.calllog.journal import CallJournal
from voicegw.calllog.queries import CallLogReader
from voicegw.calllog.recordings import Recordings
from voicegw.calllog.retention import delete_old_calls
from voicegw.calllog.revisions import current, upgrade
from voicegw.calllog.writer import CallLogWriter
from voicegw.config import Settings
from voicegw.errors import CallLogError
from voicegw.events.dispatcher import EventDispatcher
from voicegw.events.outbox import EventOutbox
from voicegw.events.payloads import AgentNames
from voicegw.telemetry.loop_lag import LoopLag, watch_loop_lag
from voicegw.telemetry.metrics import CallMetrics
from voicegw.telemetry.readings import Readings
from voicegw.telemetry.tracing import open_tracer

STOP_GRACE_SECONDS = 5.0
_TIDY_EVERY_SECONDS = 3600.0
# Long enough to take what several calls bring in one go, too short for the loop to be late by it
_JOURNAL_SECONDS = 0.05

_log = structlog.get_logger(__name__)


class Operations:
    """Made before the calls are, because they tell its `journal`; `watch` says what is to be read off them.

    `reader` is None where no call log is kept.
    """

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float], wall: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._wall = wall
        self._lag = LoopLag()
        self._live_calls: Callable[[], float] = lambda: 0
        self._breakers: Callable[[], Mapping[str, str]] = dict
        self._tasks: list[asyncio.Task[None]] = []
        self._engine: AsyncEngine | None = None
        self._writer: CallLogWriter | None = None
        self._outbox: EventOutbox | None = None
        self._dispatcher: EventDispatcher | None = None
        self.reader: CallLogReader | None = None
        if settings.call_log:
            self._keep_log(open_engine(settings.database_url.get_secret_value()))
        self._tracer = open_tracer(own_numbers=lambda: self._settings.own_numbers)
        self.metrics = CallMetrics(self._readings(), own_numbers=lambda: self._settings.own_numbers)
        sinks: tuple[Sink | None, ...] = (self._writer, self.metrics, self._outbox, self._tracer)
        self.journal = CallJournal(
            [sink for sink in sinks if sink is not None], clock=clock, wall=wall, defer=self._soon
        )

    @property
    def engine(self) -> AsyncEngine | None:
        """The call log's database; None where none is kept."""
        return self._engine

    def watch(self, *, live_calls: Callable[[], float], breakers: Callable[[], Mapping[str, str]]) -> None:
        """What metrics read off the calls and their agents."""
        self._live_calls, self._breakers = live_calls, breakers

    def reload(self, settings: Settings) -> None:
        """Take on what does not need a restart."""
        self._settings = settings

    async def start(self) -> None:
        """Open the call log and begin to write, send and measure. Raises `CallLogError` where the log's tables are of
        another version; those of a new database are made."""
        if self._writer is not None:
            await self._make_tables()
            await self._writer.start()
            self._run(self._tidy(), "tidy-call-log")
        if self._outbox is not None and self._dispatcher is not None:
            self._outbox.start()
            self._dispatcher.start()
        self._run(watch_loop_lag(self._lag), "watch-loop-lag")

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Write and send what is there, for at most `grace_seconds` each, and close what was opened. Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.journal.flush()
        if self._writer is not None:
            await self._writer.stop(grace_seconds)
        if self._outbox is not None and self._dispatcher is not None:
            await self._outbox.stop(grace_seconds)
            await self._dispatcher.stop(grace_seconds)
        if self._tracer is not None:
            await self._tracer.close(grace_seconds)
        if self._engine is not None:
            await self._engine.dispose()

    def _keep_log(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = CallLogWriter(engine)
        self.reader = CallLogReader(engine)
        if receivers := self._settings.events:
            dispatcher = EventDispatcher(engine, receivers, wall=self._wall)
            self._outbox = EventOutbox(engine, receivers, self._describe, wall=self._wall, posted=dispatcher.wake)
            self._dispatcher = dispatcher

    async def _make_tables(self) -> None:
        url = self._settings.database_url.get_secret_value()
        try:
            if await current(url) is None:
                await upgrade(url)
        except CallLogError as error:
            if not error.retryable:
                raise
            _log.warning("call log cannot be reached yet", reason=str(error))

    async def _tidy(self) -> None:
        """Calls are kept for so many days, and none is live for ever."""
        while True:
            try:
                await self._end_forgotten_calls()
                await self._delete_old_calls()
            except CallLogError as error:
                _log.warning("call log not tidied", code=error.code, reason=str(error))
            await asyncio.sleep(_TIDY_EVERY_SECONDS)

    async def _end_forgotten_calls(self) -> None:
        if self.reader is None or self._writer is None:
            return
        for end in await ends_of_forgotten_calls(self.reader, self._wall()):
            _log.warning("nobody told of a call's end", call_sid=end.call_sid)
            self._writer.receive(end)

    async def _delete_old_calls(self) -> None:
        if self._engine is None or not self._settings.call_log_days:
            return
        days, recordings = self._settings.call_log_days, Recordings(self._settings.recordings_path)
        removed = await delete_old_calls(self._engine, days, self._wall(), recordings=recordings)
        if removed.calls or removed.recordings:
            _log.info("old calls deleted from the call log", calls=removed.calls, recordings=removed.recordings)

    def _describe(self, called_number: str) -> AgentNames:
        profile = self._settings.profile_for(line_of(called_number))
        voiceflow = self._settings.voiceflow
        return AgentNames(
            project_id=(profile.project_id if profile else "") or voiceflow.project_id,
            environment=(profile.environment if profile else "") or voiceflow.environment,
        )

    def _readings(self) -> Readings:
        writer, outbox, dispatcher = self._writer, self._outbox, self._dispatcher
        return Readings(
            live_calls=self._count_live_calls,
            live_calls_limit=lambda: self._settings.max_live_calls,
            loop_lag_seconds=self._lag.worst_seconds,
            breakers=self._read_breakers,
            call_log_queued=(lambda: writer.waiting) if writer else None,
            call_log_dropped=(lambda: writer.dropped) if writer else None,
            call_log_failing=(lambda: writer.failing) if writer else None,
            events_dropped=(lambda: outbox.dropped) if outbox else None,
            events_waiting=(lambda: dispatcher.counts.waiting) if dispatcher else None,
            event_deliveries=(lambda: dispatcher.counts.by_outcome) if dispatcher else None,
        )

    def _count_live_calls(self) -> float:
        return self._live_calls()

    def _read_breakers(self) -> Mapping[str, str]:
        return self._breakers()

    @staticmethod
    def _soon(work: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(_JOURNAL_SECONDS, work)

    def _run(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))
