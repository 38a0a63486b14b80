"""A gateway with a call log of its own, asked over HTTP in-process; a caller whose webhooks are signed."""

import shutil
import time
from asyncio import get_running_loop, run
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
import structlog

import twiml
from voicegw.app import Gateway
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.call.state import CallState
from voicegw.calllog.revisions import upgrade
from voicegw.calllog.tokens import Scope, Tokens
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.demo.server import DEMO_API_KEY, DEMO_PROJECT_ID, create_agent
from voicegw.operations import Operations
from voicegw.store.memory import MemoryStore
from voicegw.twilio.live_calls import order_url
from voicegw.twilio.signature import SignatureVerifier

ORIGIN = "https://gateway.example"
SIGNING_TOKEN = "the-carriers-token"
CALL_SID = "CA" + "1" * 32
CALLER = "+14155550123"
CALLED = "+15005550006"
FRONT_DESK = "+14155550100"
EVERY_SCOPE = tuple(Scope)


class Wire:
    """The carrier's API: writes down what it is told, and can refuse."""

    def __init__(self) -> None:
        self.interrupted: list[str] = []
        self.hung_up: list[str] = []
        self.refuses: Exception | None = None

    async def interrupt(self, state: CallState) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.interrupted.append(order_url(ORIGIN, state))

    async def hang_up(self, call_sid: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.hung_up.append(call_sid)


@dataclass
class Site:
    """One gateway. `get` and `post` ask its API with a token that opens everything, unless told otherwise."""

    gateway: Gateway
    operations: Operations
    wire: Wire
    client: httpx.AsyncClient
    token: str = ""
    sid: str = CALL_SID
    account_sid: str = "AC" + "0" * 32
    bridge: object = None
    signer: SignatureVerifier = field(default_factory=lambda: SignatureVerifier(ORIGIN, (SIGNING_TOKEN,)))

    @property
    def tokens(self) -> Tokens:
        assert self.operations.engine is not None
        return Tokens(self.operations.engine, time.time)

    async def ask(self, method: str, path: str, *, token: str | None = None, **more: object) -> httpx.Response:
        shown = self.token if token is None else token
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        headers |= more.pop("headers", {})  # type: ignore[arg-type]
        return await self.client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]

    async def get(self, path: str, **more: object) -> httpx.Response:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, **more: object) -> httpx.Response:
        return await self.ask("POST", path, **more)

    async def webhook(self, url: str, call_sid: str = CALL_SID, **fields: str) -> str:
        """What the carrier gets for a signed webhook of a call."""
        form = {
            "CallSid": call_sid,
            "AccountSid": self.account_sid,
            "CallStatus": "in-progress",
            "From": CALLER,
            "To": CALLED,
            **fields,
        }
        target = urlsplit(url)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": self.signer.sign(target.path, target.query, tuple(form.items())),
        }
        answer = await self.client.post(url.removeprefix(ORIGIN), content=urlencode(form), headers=headers)
        assert answer.status_code == 200
        return answer.text

    async def ring(self, call_sid: str = CALL_SID) -> str:
        """A call comes in; where it goes on."""
        return next_url(await self.webhook("/twilio/voice", call_sid, CallStatus="ringing"))

    async def written(self) -> None:
        """All that has happened is in the call log."""
        assert self.operations._writer is not None
        self.operations.journal.flush()
        await self.operations._writer.flush()


def next_url(document: str) -> str:
    """Where a call goes on."""
    for verb in twiml.parse(document).verbs:
        match verb:
            case twiml.Redirect(url=url):
                return url
            case twiml.Gather(action=str(url)) | twiml.Dial(action=str(url)):
                return url
            case _:
                pass
    raise AssertionError(f"leads nowhere: {document}")


@pytest.fixture(scope="session")
def empty_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "empty.db"
    run(upgrade(f"sqlite:///{path}"))
    return path


async def open_one(log: Path, **settings: object) -> Site:
    """A gateway that runs, with the call log in the file `log`; whoever opens it stops it."""
    profile = NumberProfile(
        forwarding=Forwarding(destinations={"front-desk": (Destination(to=FRONT_DESK),)}, allow=("+1",))
    )
    known = Settings(
        twilio=Twilio(account_sid="AC" + "0" * 32, auth_tokens=(SIGNING_TOKEN,)),
        public_url=ORIGIN,
        voiceflow=Voiceflow(api_key=DEMO_API_KEY, project_id=DEMO_PROJECT_ID),
        numbers=(profile,),
        database_url=f"sqlite:///{log}",
        **settings,
    )
    operations, wire = Operations(known, clock=get_running_loop().time), Wire()
    gateway = Gateway(
        known,
        store=MemoryStore(wall=time.time, lifetime_seconds=1e6),
        transport=InMemoryTransport(create_agent()),
        operations=operations,
        control=wire,
    )
    await gateway.start()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(gateway.asgi), base_url=ORIGIN)
    site = Site(gateway, operations, wire, client)
    if operations.engine is not None:
        site.token = await site.tokens.add("all", EVERY_SCOPE)
    return site


@pytest.fixture
async def open_site(empty_log: Path, tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    """Opens sites, with `call_log=False` without one; closes them after the test."""
    opened: list[Site] = []

    async def open_another(**settings: object) -> Site:
        opened.append(await open_one(shutil.copy(empty_log, tmp_path / "calls.db"), **settings))
        return opened[-1]

    yield open_another
    for site in opened:
        await site.client.aclose()
        await site.gateway.stop(0.1)


@pytest.fixture
def open_running_site(empty_log: Path, tmp_path: Path) -> Callable[..., object]:
    """Opens a site in whatever loop this is called; to be closed there."""
    return lambda: open_one(shutil.copy(empty_log, tmp_path / "calls.db"))


@pytest.fixture
async def site(open_site: Callable[..., object]) -> Site:
    """A gateway with an empty call log."""
    return await open_site()  # type: ignore[misc,no-any-return]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield
