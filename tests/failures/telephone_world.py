"""Many calls in one gateway, in memory and virtual time, each with an agent of its own on a line of its own.

A `Cell` is one call in which something fails; beside all of them runs one call in which nothing does, and whose
timeline must be the same as if it were alone.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from broken_agent import BACK, Asked, BrokenAgent, Script, says

from voicegw.app import Gateway
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.simulator import (
    AsgiWeb,
    Callee,
    CallReport,
    Carrier,
    CarrierRules,
    Evidence,
    HangsUp,
    Hears,
    Limits,
    Says,
    ScriptedCaller,
    StaysSilent,
    Step,
    check_invariants,
    human,
    run_virtual,
)
from voicegw.store.memory import MemoryStore
from voicegw.turns.ports import CallStore

AUTH_TOKEN = "token-of-the-test"
ACCOUNT_SID = "AC" + "a" * 32
API_KEY = "VF.DM.key-of-the-test"
PUBLIC_URL = "https://gateway.example"
FRONT_DESK = "+15005550199"
LONGEST_CALL_SECONDS = 900.0

FORWARDING = Forwarding(
    destinations={"front-desk": (Destination(to=FRONT_DESK),)}, allow=("+1",), max_per_destination_per_hour=100_000
)
TRIES_AGAIN = (Says("hello again"), Hears(BACK, within_seconds=400.0), HangsUp())
"""The caller's part in most cells: whatever happened, speak when it is their turn, and be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One call in which something fails. `hears`: what the caller must hear of it (a regular expression; empty: only
    the invariants count). `profile`: settings of the number that differ."""

    name: str
    script: Script
    steps: Sequence[Step] = TRIES_AGAIN
    hears: str = ""
    callees: Mapping[str, Callee] = field(default_factory=lambda: {FRONT_DESK: human(talk_seconds=8)})
    profile: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A cell's call: the carrier's report, what its agent was asked, and what the gateway kept of it."""

    cell: Cell
    report: CallReport
    asked: Sequence[Asked]
    residue: Mapping[str, int]

    def wrongs(self) -> list[str]:
        """What should not have happened; empty if nothing."""
        return [f"{self.cell.name}: {wrong}" for wrong in self._wrongs()]

    def explain(self) -> str:
        """The call for people to read."""
        asked = [f"{asked.action['type']} {asked.action.get('payload', '')}" for asked in self.asked]
        return f"--- {self.cell.name}\n{self.report.transcript()}\nagent got: {asked}"

    def _wrongs(self) -> list[str]:
        evidence = Evidence(
            agent_actions=actions_that_count(self.asked), residue=self.residue, secrets={"the API key": API_KEY}
        )
        wrongs = [str(wrong) for wrong in check_invariants(self.report, limits=self.cell.limits, evidence=evidence)]
        if self.report.end_reason in ("time-limit", "too-many-documents"):
            wrongs.append("the call came to no end")
        ends = [asked for asked in self.asked if asked.action["type"] == "end"]
        if self.asked and not ends:
            wrongs.append("the agent was not told that the call is over")
        if self.cell.hears and not hears(self.report, self.cell.hears):
            wrongs.append(f"the caller did not hear /{self.cell.hears}/")
        return wrongs + [f"{asked.action['type']} was asked while a turn ran" for asked in self.asked if asked.beside]


def actions_that_count(asked: Sequence[Asked]) -> list[Mapping[str, Any]]:
    """What the agent may have acted on. A launch that failed is not counted: the next input launches again."""
    taken = [each for each in asked if each.reply.taken]
    return [each.action for each in taken if each.reply.well or each.action["type"] != "launch"]


def hears(report: CallReport, pattern: str) -> bool:
    """Did the caller hear this?"""
    return any(re.search(pattern, sound.text or sound.kind, re.IGNORECASE) for sound in report.heard)


@dataclass(slots=True)
class Wire:
    """What a test may put between the parts: another store, another web in front of the gateway."""

    rules: CarrierRules = CarrierRules(max_call_seconds=LONGEST_CALL_SECONDS)
    stop_at_seconds: float | None = None


class World:
    """One gateway and everything around it, inside a running virtual-time loop."""

    def __init__(self, cells: Sequence[Cell], wire: Wire | None = None) -> None:
        self.cells = cells
        self.wire = wire or Wire()
        self.agent = BrokenAgent({_project(index): cell.script for index, cell in enumerate(cells)})
        self.store = self.make_store()
        self.gateway = self.make_gateway()

    def make_store(self) -> CallStore:
        """The calls' memory; survives the gateway."""
        return MemoryStore(wall=_wall, lifetime_seconds=86_400)

    def make_gateway(self) -> Gateway:
        """A gateway process on the store."""
        return Gateway(_settings(self.cells), store=self.store, transport=self.agent, wall=_wall)

    def make_web(self) -> Any:
        """The carrier's way to the gateway."""
        return AsgiWeb({PUBLIC_URL: self.gateway.asgi})

    async def play(self) -> list[Played]:
        """Play all calls at once, to their ends."""
        await self.gateway.start()
        carrier = Carrier(
            self.make_web(), auth_token=AUTH_TOKEN, account_sid=ACCOUNT_SID, rules=self.wire.rules, seed=1
        )
        tasks_before = len(asyncio.all_tasks())
        calls = (self.place(carrier, index, cell) for index, cell in enumerate(self.cells))
        reports = await asyncio.gather(*calls)
        await self.gateway.conversations.close(800.0)
        residue = {
            "live call": self.gateway.conversations.live_calls,
            "task": len(asyncio.all_tasks()) - tasks_before,
        }
        played = [
            Played(cell=cell, report=report, asked=self.agent.asked[_project(index)], residue=residue)
            for index, (cell, report) in enumerate(zip(self.cells, reports, strict=True))
        ]
        await self.gateway.stop()
        return played

    async def place(self, carrier: Carrier, index: int, cell: Cell) -> CallReport:
        """One call from its first ring to its last request."""
        return await carrier.place_call(
            f"{PUBLIC_URL}/twilio/voice",
            ScriptedCaller(cell.steps),
            from_=f"+1415555{1000 + index}",
            to=_number(index),
            fallback_url=f"{PUBLIC_URL}/twilio/fallback",
            status_callback=f"{PUBLIC_URL}/twilio/status",
            callees=cell.callees,
        )


BYSTANDER = Cell(
    name="the call beside",
    script=Script(turns=(says("Good morning."), says("We are open. Until five."), says("Goodbye then."))),
    steps=(Says("are you open"), Says("thank you very much"), Hears("Goodbye"), StaysSilent()),
)


def play_cells(cells: Sequence[Cell], wire: Wire | None = None, world: type[World] = World) -> list[Played]:
    """Play the cells in one gateway, beside a call in which nothing fails. Raises AssertionError naming every wrong."""
    *played, beside = run_virtual(_play((*cells, BYSTANDER), wire, world))
    failed = [each for each in played if each.wrongs()]
    assert not failed, (
        f"{len(failed)} of {len(played)} calls went wrong\n"
        + "\n".join(wrong for each in failed for wrong in each.wrongs()[:3])
        + f"\n{failed[0].explain()}"
    )
    assert timeline(beside.report) == _undisturbed(), "the call beside was disturbed\n" + beside.explain()
    return played


def timeline(report: CallReport) -> list[tuple[float, float, str, str]]:
    """What a caller heard and when."""
    return [(round(sound.at_seconds, 3), round(sound.seconds, 3), sound.kind, sound.text) for sound in report.heard]


@cache
def _undisturbed() -> list[tuple[float, float, str, str]]:
    (alone,) = run_virtual(_play((BYSTANDER,), None, World))
    assert alone.wrongs() == [], alone.explain()
    return timeline(alone.report)


async def _play(cells: Sequence[Cell], wire: Wire | None, world: type[World]) -> list[Played]:
    return await world(cells, wire).play()


def _wall() -> float:
    return 1_700_000_000.0 + asyncio.get_running_loop().time()


def _settings(cells: Sequence[Cell]) -> Settings:
    base = NumberProfile(forwarding=FORWARDING)
    numbers = tuple(
        NumberProfile.model_validate(
            base.model_dump() | {"number": _number(index), "project_id": _project(index)} | dict(cell.profile)
        )
        for index, cell in enumerate(cells)
    )
    return Settings(
        twilio=Twilio(account_sid=ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,)),
        public_url=PUBLIC_URL,
        max_live_calls=10_000,
        voiceflow=Voiceflow(api_key=API_KEY, project_id="project"),
        numbers=numbers,
    )


def _number(index: int) -> str:
    return f"+1500556{1000 + index}"


def _project(index: int) -> str:
    return f"project-{index}"
