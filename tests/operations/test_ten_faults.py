"""Ten faults that operators meet, each played as a whole call through the gateway: `voicegw calls show` names it.

Whoever names the fault sees nothing but what the call log has kept (`docs/operations/ten-faults.md` lists the ten).
"""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from voicegw.app import Gateway
from voicegw.call import ailments
from voicegw.call.entries import Entry
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.calllog.database import open_engine
from voicegw.calllog.journal import CallJournal
from voicegw.calllog.revisions import upgrade
from voicegw.calllog.writer import CallLogWriter
from voicegw.cli.root import app
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.demo.server import DEMO_API_KEY, DEMO_PROJECT_ID, create_agent
from voicegw.simulator import (
    Callee,
    Carrier,
    CarrierRules,
    HangsUp,
    Hears,
    Says,
    ScriptedCaller,
    StaysSilent,
    Step,
    run_virtual,
    voicemail,
)
from voicegw.simulator.web_asgi import AsgiWeb
from voicegw.store.memory import MemoryStore

AUTH_TOKEN = "token-of-the-test"
ACCOUNT_SID = "AC" + "a" * 32
PUBLIC_URL = "https://gateway.example"
BEGAN_AT = 1_795_420_800.0  # 2026-11-23 08:00 UTC
NIGHT_DESK = "+14155550177"
LABORATORY = "sip:laboratory@pbx.example.com"
PAGE = Path(__file__).parents[2] / "docs" / "operations" / "ten-faults.md"

PROFILE = NumberProfile(
    forwarding=Forwarding(
        destinations={"night-desk": (Destination(to=NIGHT_DESK, confirm=True),)},
        allow=("+1", "sip:pbx.example.com"),
    ),
)
CALLEES = {LABORATORY: Callee(outcome="busy", ring_seconds=1), NIGHT_DESK: voicemail(ring_seconds=3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededFault:
    """One fault: what the caller does to meet it, what is set wrongly, and what the verdict must say."""

    code: str
    says: str = ""
    hears: str = ""
    steps: Sequence[Step] = ()
    wrong: dict[str, str] = field(default_factory=dict)
    verdict: str

    def caller(self) -> ScriptedCaller:
        if self.steps:
            return ScriptedCaller(self.steps)
        return ScriptedCaller([Hears("How can I help"), Says(self.says), Hears(self.hears, 90.0), HangsUp()])


THE_TEN = (
    SeededFault(
        code="key-refused",
        wrong={"api_key": "VF.DM.of-another-project"},
        steps=(StaysSilent(),),
        verdict=r"The key was refused by Voiceflow \(401\): the caller heard “I'm sorry, our assistant",
    ),
    SeededFault(
        code="out-of-credit",
        says="out of credit",
        hears="not available",
        verdict="The Voiceflow account is out of credit: the caller heard “I'm sorry, our assistant is not available",
    ),
    SeededFault(
        code="agent-slow",
        says="fail silence",
        hears="longer than it should",
        verdict=r"The agent had not answered turn 2 after \d\d s \(budget 25 s\): the caller heard “I'm sorry, this is",
    ),
    SeededFault(
        code="agent-refused",
        says="break",
        hears="went wrong",
        verdict=r"Voiceflow answered turn 2 with an error \(500: .*\): the caller heard “Sorry, something went wrong",
    ),
    SeededFault(
        code="agent-broke",
        says="fail reset",
        hears="went wrong",
        verdict="The agent's answer to turn 2 broke off .*: the caller heard “Sorry, something went wrong",
    ),
    SeededFault(
        code="agent-unreadable",
        says="fail garbage",
        hears="went wrong",
        verdict="The agent's answer to turn 2 could not be read.*: the caller heard “Sorry, something went wrong",
    ),
    SeededFault(
        code="agent-silent",
        says="say nothing",
        hears="still there",
        verdict="The agent answered turn 2 with nothing to hear",
    ),
    SeededFault(
        code="forward-busy",
        says="the laboratory",
        hears="busy",
        verdict="sip:laboratory@pbx.example.com was busy: the caller heard “I'm sorry, the line is busy",
    ),
    SeededFault(
        code="forward-declined",
        says="the night desk",
        hears="nobody is answering",
        verdict=r"Whoever answered at \+14155550177 did not accept the call: a voicemail box, most likely: the",
    ),
    SeededFault(
        code="caller-silent", steps=(StaysSilent(),), verdict=r"Nothing was ever heard of the caller, in \d\d s"
    ),
)
OTHERS = (
    SeededFault(
        code="agent-not-found",
        wrong={"environment": "stagging"},
        steps=(StaysSilent(),),
        verdict=r"Voiceflow knows no such project or environment \(400\)",
    ),
    SeededFault(
        code="forward-refused",
        says="our partner in Berlin",
        hears="can't connect you to that number",
        verdict=r"The settings do not let the agent forward to \+493020455100: it is not on the allow-list",
    ),
    SeededFault(
        code="slow-answer", says="fail slow", hears="anything else", verdict=r"The agent took \d+ s to answer turn 2"
    ),
)


class Kept:
    """A sink that keeps what the journal hands on."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def receive(self, entry: Entry) -> None:
        self.entries.append(entry)


async def play(fault: SeededFault) -> list[Entry]:
    """The whole call in virtual time, and what its journal told."""
    loop = asyncio.get_running_loop()

    def wall() -> float:
        return BEGAN_AT + loop.time()

    voiceflow = {"api_key": DEMO_API_KEY, "project_id": DEMO_PROJECT_ID, **fault.wrong}
    settings = Settings(
        twilio=Twilio(account_sid=ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,)),
        public_url=PUBLIC_URL,
        voiceflow=Voiceflow.model_validate(voiceflow),
        numbers=(PROFILE,),
    )
    kept = Kept()
    gateway = Gateway(
        settings,
        store=MemoryStore(wall=wall, lifetime_seconds=86_400),
        transport=InMemoryTransport(create_agent()),
        wall=wall,
        journal=CallJournal([kept], clock=loop.time, wall=wall),
    )
    await gateway.start()
    carrier = Carrier(
        AsgiWeb({PUBLIC_URL: gateway.asgi}), auth_token=AUTH_TOKEN, account_sid=ACCOUNT_SID, rules=CarrierRules()
    )
    await carrier.place_call(
        f"{PUBLIC_URL}/twilio/voice",
        fault.caller(),
        to="+15005550100",
        fallback_url=f"{PUBLIC_URL}/twilio/fallback",
        status_callback=f"{PUBLIC_URL}/twilio/status",
        callees=CALLEES,
    )
    await gateway.conversations.close(200)
    await gateway.stop()
    return kept.entries


async def keep(url: str, entries: Sequence[Entry]) -> None:
    """Write the call into the log, as a gateway does."""
    await upgrade(url)
    engine = open_engine(url)
    writer = CallLogWriter(engine, batch_seconds=0)
    await writer.start()
    for entry in entries:
        writer.receive(entry)
    await writer.stop(30)
    await engine.dispose()
    assert writer.dropped == 0


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[SeededFault], tuple[dict[str, Any], str]]:
    """Plays a fault, keeps the call, and runs `voicegw calls show last`: as JSON, and as people see it."""
    (tmp_path / "voicegw.toml").write_text('[voiceflow]\napi_key = "VF.DM.x"\nproject_id = "x"\n', encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    monkeypatch.setenv("VOICEGW_DATABASE_URL", url)
    monkeypatch.setattr("voicegw.cli.showing.out._width", 400)
    monkeypatch.chdir(tmp_path)

    def show(fault: SeededFault) -> tuple[dict[str, Any], str]:
        entries = run_virtual(play(fault))
        asyncio.run(keep(url, entries))
        as_json = CliRunner().invoke(app, ["calls", "show", "last", "--json"], catch_exceptions=False)
        for_people = CliRunner().invoke(app, ["calls", "show", "last"], catch_exceptions=False)
        assert (as_json.exit_code, for_people.exit_code) == (0, 0), as_json.output + for_people.output
        return json.loads(as_json.stdout), for_people.stdout

    return show


Show = Callable[[SeededFault], tuple[dict[str, Any], str]]


@pytest.mark.parametrize("fault", (*THE_TEN, *OTHERS), ids=lambda fault: fault.code)
def test_a_seeded_fault_is_named_by_what_the_call_log_has_of_its_call(shown: Show, fault: SeededFault) -> None:
    document, for_people = shown(fault)
    assert document["findings"], for_people
    assert document["findings"][0]["code"] == fault.code, for_people
    assert re.match(fault.verdict, document["verdict"]), document["verdict"]
    assert document["verdict"] in for_people


def test_a_call_without_a_fault_has_none_named(shown: Show) -> None:
    steps = (Hears("How can I help"), Says("opening hours"), Hears("anything else"), Says("no"), StaysSilent())
    document, for_people = shown(SeededFault(code="", steps=steps, verdict=""))
    assert document["findings"] == [], for_people
    assert document["verdict"] == "Nothing went wrong in 3 turns: the agent ended the call."


def test_the_page_lists_the_ten_in_their_order_and_names_the_others() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^\| \d+ \|[^|]*\| `([\w-]+)` \|", page) == [fault.code for fault in THE_TEN]
    named = set(re.findall(r"`([a-z-]+)`", page))
    tables = (ailments.OF_FAILURES, ailments.OF_ENDS, ailments.OF_FORWARDS)
    known = {ailment.code for table in tables for ailment in table.values()}
    assert known <= named
