"""A whole telephone world in memory and virtual time: carrier, gateway, agent, and what each of them wrote down."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import telegraph_speech

from voicegw.app import Gateway
from voicegw.call.entries import NoJournal
from voicegw.call.inputs import Order
from voicegw.call.profile import Destination, Forwarding, Mode, NumberProfile
from voicegw.call.records import Failed, Record
from voicegw.call.state import CallState
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.demo.server import DEMO_API_KEY, DEMO_PROJECT_ID, EmbeddedAgent, create_agent
from voicegw.errors import CarrierError, OrderRefused
from voicegw.simulator import (
    Callee,
    CallReport,
    Carrier,
    CarrierRules,
    Evidence,
    HangsUp,
    Hears,
    Limits,
    Says,
    Telegraph,
    UpdateRefusedError,
    check_invariants,
)
from voicegw.simulator.phone import Caller
from voicegw.simulator.virtual_time import run_virtual
from voicegw.simulator.web_asgi import AsgiWeb
from voicegw.store.memory import MemoryStore
from voicegw.twilio.live_calls import order_url

AUTH_TOKEN = "token-of-the-test"
ACCOUNT_SID = "AC" + "a" * 32
PUBLIC_URL = "https://gateway.example"
OUR_NUMBER = "+15005550100"
FRONT_DESK = "+15005550199"
DUTY_DENTIST = "+15005550177"

PROFILE = NumberProfile(
    forwarding=Forwarding(
        destinations={
            "front-desk": (Destination(to=FRONT_DESK),),
            "duty-dentist": (Destination(to=DUTY_DENTIST),),
        },
        allow=("+1", "sip:pbx.example.com"),
    ),
)


@dataclass(slots=True)
class Call:
    """One finished call: the carrier's report, the actions the agent got, and where the gateway itself failed."""

    report: CallReport
    actions: Sequence[Mapping[str, Any]]
    residue: Mapping[str, int]
    crashes: Sequence[str] = ()

    def texts(self) -> list[str]:
        """What the agent was told in words or keys."""
        return [str(action["payload"]) for action in self.actions if action["type"] in ("text", "dtmf")]

    def kinds(self) -> list[str]:
        """The kinds of the actions, in order."""
        return [str(action["type"]) for action in self.actions]

    def violations(self, limits: Limits | None = None) -> list[str]:
        """What is wrong with the call."""
        secrets = {"the agent's key": DEMO_API_KEY, "the carrier's token": AUTH_TOKEN}
        evidence = Evidence(agent_actions=self.actions, residue=self.residue, secrets=secrets)
        found = [str(v) for v in check_invariants(self.report, limits=limits or Limits(), evidence=evidence)]
        return [*found, *self.crashes]

    def explain(self) -> str:
        """The call for people to read."""
        return self.report.transcript() + "\nagent got: " + repr(list(self.actions))


class Crashes(NoJournal):
    """Keeps what was the gateway's own fault, by call: an apology saves the call, and must not hide the crash."""

    def __init__(self) -> None:
        self.of: dict[str, list[str]] = {}

    def note(self, call_sid: str, record: Record, turn: int = 0) -> None:
        """See `Journal.note`."""
        if isinstance(record, Failed) and record.part == "gateway":
            self.of.setdefault(call_sid, []).append(f"the gateway failed in turn {turn}: {record.code}")


class CarriersApi:
    """What the carrier's REST API lets the gateway do to its own calls."""

    def __init__(self) -> None:
        self.carrier: Carrier | None = None

    async def interrupt(self, state: CallState) -> None:
        """Redirect the call to its next step, for its order."""
        self._do(lambda carrier: carrier.redirect_call(state.call_sid, order_url(PUBLIC_URL, state)))

    async def hang_up(self, call_sid: str) -> None:
        """End the call."""
        self._do(lambda carrier: carrier.complete_call(call_sid))

    def _do(self, update: Callable[[Carrier], None]) -> None:
        if self.carrier is None:
            raise CarrierError("Twilio cannot be reached")
        try:
            update(self.carrier)
        except UpdateRefusedError as error:
            raise CarrierError(f"Twilio refused: {error}") from error


@dataclass(slots=True)
class World:
    """Settings of the world; `run` plays calls in it. `orders` are given from outside to every live call, each at its
    instant; `taken` is what became of them. Without `rest` the gateway cannot tell the carrier of them. `speech` is
    what the gateway hears and speaks with on streams."""

    profile: NumberProfile = PROFILE
    agent: Callable[[], Any] = create_agent
    rules: CarrierRules = field(default_factory=CarrierRules)
    callees: Mapping[str, Callee] = field(default_factory=dict)
    seed: int = 1
    streaming: bool = True
    orders: Sequence[tuple[float, Order]] = ()
    rest: bool = True
    speech: Any = None
    taken: list[Any] = field(default_factory=list)

    def call(self, caller: Caller, **place: Any) -> Call:
        """Play one call to its end."""
        return self.play([caller], **place)[0]

    def play(
        self,
        callers: Sequence[Caller],
        *,
        apart_seconds: float = 0.0,
        each: Sequence[Mapping[str, Any]] = (),
        **place: Any,
    ) -> list[Call]:
        """Play several calls, each begun `apart_seconds` after the one before, against one gateway.

        `place` goes to every `Carrier.place_call`, `each` to the call of the same position.
        """
        places = [{**place, **(each[index] if index < len(each) else {})} for index in range(len(callers))]
        return run_virtual(self._play(callers, apart_seconds, places))

    async def _play(
        self, callers: Sequence[Caller], apart_seconds: float, places: Sequence[Mapping[str, Any]]
    ) -> list[Call]:
        loop = asyncio.get_running_loop()

        def wall() -> float:
            return 1_700_000_000.0 + loop.time()

        agent = self.agent()
        settings = Settings(
            twilio=Twilio(account_sid=ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,)),
            public_url=PUBLIC_URL,
            voiceflow=Voiceflow(api_key=DEMO_API_KEY, project_id=DEMO_PROJECT_ID, streaming=self.streaming),
            numbers=(self.profile,),
        )
        store = MemoryStore(wall=wall, lifetime_seconds=86_400)
        api, crashes = CarriersApi(), Crashes()
        gateway = Gateway(
            settings,
            store=store,
            transport=InMemoryTransport(agent),
            wall=wall,
            control=api,
            journal=crashes,
            speech=self.speech,
        )
        await gateway.start()
        web = AsgiWeb({PUBLIC_URL: gateway.asgi})
        carrier = Carrier(
            web,
            auth_token=AUTH_TOKEN,
            account_sid=ACCOUNT_SID,
            rules=self.rules,
            seed=self.seed,
        )
        api.carrier = carrier if self.rest else None
        outside = asyncio.create_task(self._order(gateway, store))

        async def one(index: int, caller: Caller) -> CallReport:
            await asyncio.sleep(index * apart_seconds)
            return await carrier.place_call(
                f"{PUBLIC_URL}/twilio/voice",
                caller,
                **{
                    "to": OUR_NUMBER,
                    "fallback_url": f"{PUBLIC_URL}/twilio/fallback",
                    "status_callback": f"{PUBLIC_URL}/twilio/status",
                    "callees": self.callees,
                    "speech": Telegraph(),
                    **places[index],
                },
            )

        tasks_before = len(asyncio.all_tasks() - {outside})
        reports = await asyncio.gather(*(one(index, caller) for index, caller in enumerate(callers)))
        await outside
        await gateway.conversations.close(200)
        residue = {
            "live call": gateway.conversations.live_calls,
            "task": len(asyncio.all_tasks()) - tasks_before,
            "socket": web.open_sockets,
        }
        calls = [
            Call(report, _actions_of(agent, report.call_sid), residue, crashes.of.get(report.call_sid, ()))
            for report in reports
        ]
        await gateway.stop()
        return calls

    async def _order(self, gateway: Gateway, store: MemoryStore) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at, order in self.orders:
            await asyncio.sleep(began + at - loop.time())
            for call_sid in await store.live_calls():
                try:
                    self.taken.append(await gateway.conversations.order(call_sid, order))
                except OrderRefused as refused:
                    self.taken.append(refused)


def _actions_of(agent: Any, call_sid: str) -> list[Mapping[str, Any]]:
    if isinstance(agent, EmbeddedAgent):
        return [received.action for received in agent.received_from(call_sid)]
    return list(agent.actions_of(call_sid))


@pytest.fixture
def world() -> World:
    """A world with the dental practice at our number."""
    return World()


@pytest.fixture
def stream_world(world: World) -> World:
    """The same on streams, with exact ears and an exact voice."""
    world.profile = world.profile.model_copy(update={"mode": Mode.STREAM})
    world.speech = telegraph_speech.TelegraphSpeech()
    return world


@pytest.fixture
def booking() -> list[Hears | Says | HangsUp]:
    """What someone hears and says who books a visit, and hangs up."""
    return [
        Hears("How can I help you"),
        Says("I want to book a visit"),
        Hears("What is the visit for"),
        Says("cleaning"),
        Hears("day"),
        Says("Tuesday"),
        Hears("morning|afternoon"),
        Says("morning"),
        Hears("name"),
        Says("Ada Lovelace"),
        Hears("book|shall|take", within_seconds=40),
        HangsUp(),
    ]
