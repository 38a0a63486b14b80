"""A whole gateway with everything it writes: call log and live store in files, logs at DEBUG, metrics, traces, events.

Virtual time; the databases' threads are waited for in real time while the clock stands still.
"""

import asyncio
import io
import json
import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import aiosqlite.core
import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from voicegw.app import LIVE_STATE_SECONDS, Gateway
from voicegw.cli.logs import configure_logs
from voicegw.config import Settings
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.events.letters import Letter
from voicegw.events.posting import HttpPoster, signed_headers
from voicegw.events.receivers import Receiver
from voicegw.events.schedule import Answer
from voicegw.operations import Operations
from voicegw.simulator import Carrier, CarrierRules, Step, VirtualTimeLoop, run_virtual
from voicegw.simulator.caller import ScriptedCaller
from voicegw.simulator.web_asgi import AsgiWeb
from voicegw.store.sqlite import SqliteStore
from voicegw.store.sqlite_file import SqliteFile
from voicegw.telemetry.metrics import CallMetrics
from voicegw.voiceflow.planner import Planner

PUBLIC_URL = "https://gateway.example"
BEGAN_AT = 1_795_420_800.0


class PatientQueue(SimpleQueue[Any]):
    """What aiosqlite's thread gets to do; until it is done, virtual time stands still."""

    def put_nowait(self, item: Any) -> None:
        future = item[0]
        loop = future.get_loop() if future is not None else None
        if isinstance(loop, VirtualTimeLoop):
            loop._in_executor += 1
            future.add_done_callback(loop._left_executor)
        super().put_nowait(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedCall:
    """One call to be played: who calls which number, and what they do."""

    caller_number: str
    called_number: str
    steps: Sequence[Step]
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Traces:
    """What was written, by the name of the place, at each moment."""

    at: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def places(self, moment: str) -> Mapping[str, bytes]:
        return self.at[moment]


@dataclass(slots=True)
class House:
    """Plays calls one after the other, then lets time pass, and takes down all that is written at each moment."""

    folder: Path
    log: io.StringIO
    spans: InMemorySpanExporter
    events: list[str] = field(default_factory=list)

    def play(self, settings: Mapping[str, Any], agent: Any, calls: Sequence[PlayedCall]) -> Traces:
        urls = {"database_url": f"sqlite:///{self.folder / 'calls.db'}", "live_store_path": self.folder / "live.db"}
        return run_virtual(self._play(Settings.model_validate({**settings, **urls}), agent, calls))

    async def _play(self, settings: Settings, agent: Any, calls: Sequence[PlayedCall]) -> Traces:
        loop = asyncio.get_running_loop()
        skipped = 0.0

        def wall() -> float:
            return BEGAN_AT + loop.time() + skipped

        store = SqliteStore(settings.live_store_path, wall=wall, lifetime_seconds=LIVE_STATE_SECONDS)
        operations = Operations(settings, clock=loop.time, wall=wall)
        transport = InMemoryTransport(agent)
        gateway = Gateway(settings, store=store, transport=transport, wall=wall, operations=operations)
        traces = Traces()
        await gateway.start()
        try:
            for call in calls:
                await self._place(gateway, settings, call)
            await asyncio.sleep(60)
            traces.at["calls over"] = self._written(operations)
            for moment, seconds in (("an hour later", 3700.0), ("forgotten", LIVE_STATE_SECONDS)):
                skipped += seconds
                await store.purge()
                traces.at[moment] = self._written(operations)
        finally:
            await gateway.stop()
        traces.at["stopped"] = self._written(operations)
        return traces

    async def _place(self, gateway: Gateway, settings: Settings, call: PlayedCall) -> None:
        token = settings.twilio.auth_tokens[0].get_secret_value()
        carrier = Carrier(
            AsgiWeb({PUBLIC_URL: gateway.asgi}),
            auth_token=token,
            account_sid=settings.twilio.account_sid,
            rules=CarrierRules(),
            seed=int(call.caller_number[-4:]),
        )
        await carrier.place_call(
            f"{PUBLIC_URL}/twilio/voice",
            ScriptedCaller(call.steps),
            from_=call.caller_number,
            to=call.called_number,
            fallback_url=f"{PUBLIC_URL}/twilio/fallback",
            status_callback=f"{PUBLIC_URL}/twilio/status",
            more_params=call.form,
        )
        await gateway.conversations.close(60)

    def _written(self, operations: Operations) -> dict[str, bytes]:
        places = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        spans = json.dumps([json.loads(span.to_json()) for span in self.spans.get_finished_spans()])
        metrics, _ = operations.metrics.render()
        told = "\n".join(self.events).encode()
        log = self.log.getvalue().encode()
        return {**places, "log": log, "traces": spans.encode(), "metrics": metrics, "events": told}

    async def take_event(self, receiver: Receiver, letter: Letter, now: float) -> Answer:
        """The receiver of events: takes each, with its headers."""
        self.events.append(json.dumps(signed_headers(receiver, letter, now)) + letter.body)
        return Answer(status=200)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """An empty house, with the log as `voicegw serve` would write it at its most talkative."""
    written, spans = io.StringIO(), InMemorySpanExporter()
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setattr(aiosqlite.core, "SimpleQueue", PatientQueue)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setattr("voicegw.telemetry.span_maker.batches_to", lambda _url: SimpleSpanProcessor(spans))
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    configure_logs(level=logging.DEBUG)
    house = House(tmp_path, written, spans)
    monkeypatch.setattr(HttpPoster, "post", house.take_event)
    yield house
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("voicegw").setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
def played_call() -> Callable[..., PlayedCall]:
    return PlayedCall


@pytest.fixture
def exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults whose words are made of what is being handled."""
    receive_trace, receive_entry, save = Planner.receive, CallMetrics.receive, SqliteFile.save_call
    count = {"saves": 0, "entries": 0}

    def crash(self: Planner, trace: Any) -> Any:
        if "boom" in str(trace):
            asyncio.get_running_loop().create_task(die(str(trace)))
            raise ValueError(f"cannot plan {trace}")
        return receive_trace(self, trace)

    async def die(what: str) -> None:
        raise KeyError(what)

    def break_sink(self: CallMetrics, entry: Any) -> None:
        count["entries"] += 1
        if count["entries"] % 50 == 0:
            raise ValueError(f"cannot count {entry}")
        receive_entry(self, entry)

    def break_store(self: SqliteFile, call_sid: str, document: bytes, *rest: Any) -> bool:
        count["saves"] += 1
        if count["saves"] % 60 == 0:
            raise sqlite3.OperationalError("disk I/O error")
        return save(self, call_sid, document, *rest)

    monkeypatch.setattr(Planner, "receive", crash)
    monkeypatch.setattr(CallMetrics, "receive", break_sink)
    monkeypatch.setattr(SqliteFile, "save_call", break_store)
