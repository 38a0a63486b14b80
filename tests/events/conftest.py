"""What events are tested with: entries of a call, a database of the call log, receivers on loopback."""

import importlib.util
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from voicegw.call.entries import Entry
from voicegw.call.records import Record
from voicegw.calllog.database import open_engine, writing
from voicegw.config import EventReceiver
from voicegw.events.letters import Letter, NewLetter, find_letters, post_letters
from voicegw.events.payloads import AgentNames, Event

SECRET = "whsec_cmVwbGFjZSB0aGlzIHdpdGggYSByYW5kb20gc2VjcmV0"


def _load_calllog_fixtures() -> ModuleType:
    """The databases of the call log's own tests; under `importlib` mode a folder cannot import its neighbour."""
    path = Path(__file__).parents[1] / "calllog" / "conftest.py"
    spec = importlib.util.spec_from_file_location("voicegw_calllog_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_calllog = _load_calllog_fixtures()
backend, template = _calllog.backend, _calllog.template
upgraded_file, upgraded_postgres = _calllog.upgraded_file, _calllog.upgraded_postgres
open_log, engine = _calllog.open_log, _calllog.engine


@pytest.fixture
async def log_url(backend: str, template: str, tmp_path: Path) -> AsyncIterator[str]:
    """A database with the newest tables, empty where it matters. All of these tests share one of PostgreSQL."""
    if backend == "sqlite":
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'calls.db')}"
        return
    url = _calllog.postgres_url(template)
    yield url
    emptied = open_engine(url)
    async with writing(emptied) as connection:
        await connection.execute(text("TRUNCATE outbox, calls"))
    await emptied.dispose()


@dataclass
class Clock:
    """Epoch seconds that pass only when a test says so."""

    now: float = 1_743_563_467.788

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Clock:
    return Clock()


def receiver_at(url: str, name: str = "crm", types: tuple[str, ...] = ("*",)) -> EventReceiver:
    """A receiver as the settings have it."""
    return EventReceiver(name=name, url=url, secret=SecretStr(SECRET), types=types)


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class ReceiverServer:
    """A receiver that keeps what it gets and answers what `answer` says."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(headers, await request.read()))
        return await self.answer(request) if self.answer else web.Response(status=204)

    def answers(self, *statuses: int) -> None:
        """Answer with these, one after the other, and with 204 from then on."""
        left = iter(statuses)

        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=next(left, 204), headers={"location": "/elsewhere"})

        self.answer = answer

    @property
    def ids(self) -> list[str]:
        return [each.message_id for each in self.received]


OpenReceiver = Callable[[], Awaitable[ReceiverServer]]


@pytest.fixture
async def open_receiver() -> AsyncIterator[OpenReceiver]:
    """Opens receivers on loopback; they are closed after the test."""
    runners: list[web.AppRunner] = []

    async def open_one() -> ReceiverServer:
        server = ReceiverServer()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
        return server

    yield open_one
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def server(open_receiver: OpenReceiver) -> ReceiverServer:
    return await open_receiver()


class Call:
    """Makes the entries of one call, each a second after the one before."""

    def __init__(
        self, call_sid: str = "CA01ed76f14fee29c50f5de59400474006", began_at: float = 1_743_563_467.788
    ) -> None:
        self.call_sid = call_sid
        self._began_at = began_at
        self._seconds = itertools.count()

    def entry(self, record: Record, turn: int = 0) -> Entry:
        offset = float(next(self._seconds))
        return Entry(call_sid=self.call_sid, at=self._began_at + offset, offset=offset, turn=turn, record=record)


@pytest.fixture
def call() -> Call:
    return Call()


@pytest.fixture
def new_call() -> Callable[..., Call]:
    return Call


@pytest.fixture
def receiver(server: "ReceiverServer") -> EventReceiver:
    """The receiver `crm`, which is `server`."""
    return receiver_at(server.url)


@pytest.fixture
def receive_at() -> Callable[..., EventReceiver]:
    return receiver_at


NAMES = AgentNames(project_id="6772da2e485189279fa5b9da", environment="main")


@pytest.fixture
def names() -> AgentNames:
    return NAMES


@dataclass
class Mail:
    """The outbox of a test: puts letters in, looks what became of them."""

    engine: AsyncEngine
    wall: Clock

    async def post(
        self, *occasions: str, call_sid: str = "CA1", receiver: str = "crm", kind: str = "call.turn"
    ) -> None:
        for occasion in occasions:
            event = Event(type=kind, call_sid=call_sid, occasion=occasion, at=self.wall(), body='{"n":1}')
            letter = NewLetter(message_id=f"msg_{receiver}_{call_sid}_{occasion}", receiver=receiver, event=event)
            await post_letters(self.engine, [letter], self.wall())

    async def all(self) -> list[Letter]:
        return await find_letters(self.engine, ["waiting", "dead", "delivered"], limit=1000)

    async def states(self) -> list[str]:
        return [letter.state for letter in await self.all()]


@pytest.fixture
def mail(engine: AsyncEngine, wall: Clock) -> Mail:
    return Mail(engine, wall)
