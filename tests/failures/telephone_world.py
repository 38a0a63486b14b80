"""Many calls in one gateway, in memory and virtual time, each with an agent of its own on a line of its own.

A `Cell` is one call in which something fails; beside all of them runs one call in which nothing does, and whose
timeline must be the same as if it were alone.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from broken_agent import BACK, Asked, BrokenAgent, Script, says
from processes import Front, Process

from voicegw.app import Gateway
from voicegw.call.profile import Destination, Forwarding, NumberProfile
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.simulator import (
    Callee,
    Caller,
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
    WebClient,
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
    the invariants count). `profile`: settings of the number that differ. `way`: what stands between the carrier and
    the gateway. `caller`: someone other than one who performs `steps`."""

    name: str
    script: Script
    steps: Sequence[Step] = TRIES_AGAIN
    hears: str = ""
    callees: Mapping[str, Callee] = field(default_factory=lambda: {FRONT_DESK: human(talk_seconds=8)})
    profile: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    way: Callable[[WebClient], WebClient] = lambda web: web
    caller: Caller | None = None
    status_callback: bool = True
    begins_at_seconds: float = 0.0


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
    """What the agent may have acted on. A launch of which nothing was heard is not counted: the next input launches
    again."""
    taken = [each for each in asked if each.reply.taken]
    return [each.action for each in taken if each.reply.well or each.reply.spoke or each.action["type"] != "launch"]


def hears(report: CallReport, pattern: str) -> bool:
    """Did the caller hear this?"""
    return any(re.search(pattern, sound.text or sound.kind, re.IGNORECASE) for sound in report.heard)


class World:
    """A gateway, many callers, an agent and a carrier for each, inside a running virtual-time loop.

    The gateway is a process that may be replaced while calls go on: what the carrier reaches is `front`, what survives
    is `memory`. `trouble` runs beside the calls and makes it happen; `weaken` puts something before the
    store. With several `replicas` requests go to each in turn.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        trouble: "Callable[[World], Awaitable[None]] | None" = None,
        weaken: Callable[[CallStore], CallStore] = lambda store: store,
        replicas: int = 1,
    ) -> None:
        self.cells = cells
        self.trouble = trouble
        self.memory = weaken(MemoryStore(wall=_wall, lifetime_seconds=86_400))
        self.agent = BrokenAgent({_project(index): cell.script for index, cell in enumerate(cells)})
        self.process = self._new_process()
        self.others = [self._new_process() for _ in range(replicas - 1)]
        self.front = Front(self)

    async def start(self) -> None:
        """All processes begin to serve."""
        for process in (self.process, *self.others):
            await process.gateway.start()

    async def kill(self) -> None:
        """The process is gone between two instructions, and another one stands there at once."""
        killed, self.process = self.process, self._new_process()
        killed.die()
        await self.process.gateway.start()

    async def hand_over(self) -> None:
        """SIGTERM: a new process takes the requests from now on, the old one finishes what it has begun."""
        old, self.process = self.process, self._new_process()
        await self.process.gateway.start()
        await old.gateway.stop()

    async def drain(self) -> None:
        """SIGTERM: the process finishes what it has begun, answers meanwhile, and is replaced when it is gone."""
        await self.process.gateway.stop()
        self.process = self._new_process()
        await self.process.gateway.start()

    def _new_process(self) -> Process:
        return Process(lambda store, line: Gateway(self._settings(), store=store, transport=line, wall=_wall), self)

    def _settings(self) -> Settings:
        return _settings(self.cells)

    async def play(self) -> list[Played]:
        """Play all calls at once, to their ends."""
        await self.start()
        tasks_before = len(asyncio.all_tasks())
        trouble = asyncio.create_task(self.trouble(self)) if self.trouble else None
        reports = await asyncio.gather(*(self.place(index, cell) for index, cell in enumerate(self.cells)))
        if trouble is not None:
            await asyncio.wait({trouble}, timeout=86_000.0)
            trouble.cancel()  # what it waits for has not come in this call
        for process in (self.process, *self.others):
            await process.gateway.conversations.close(800.0)
        residue = {"live call": len(await self.memory.live_calls())}
        if trouble is None and not self.others:
            residue["line"] = self.process.gateway.conversations.live_calls
            residue["task"] = len(asyncio.all_tasks()) - tasks_before
        for process in (self.process, *self.others):
            await process.gateway.stop()
        return [
            Played(cell=cell, report=report, asked=self.agent.asked[_project(index)], residue=residue)
            for index, (cell, report) in enumerate(zip(self.cells, reports, strict=True))
        ]

    async def place(self, index: int, cell: Cell) -> CallReport:
        """One call from its first ring to its last request."""
        way = cell.way(self.front)
        carrier = Carrier(
            way,
            auth_token=AUTH_TOKEN,
            account_sid=ACCOUNT_SID,
            rules=CarrierRules(max_call_seconds=LONGEST_CALL_SECONDS),
            seed=index,
        )
        await asyncio.sleep(cell.begins_at_seconds)
        report = await carrier.place_call(
            f"{PUBLIC_URL}/twilio/voice",
            cell.caller or ScriptedCaller(cell.steps),
            from_=f"+1415555{1000 + index}",
            to=_number(index),
            fallback_url=f"{PUBLIC_URL}/twilio/fallback",
            status_callback=f"{PUBLIC_URL}/twilio/status" if cell.status_callback else None,
            callees=cell.callees,
        )
        if (settled := getattr(way, "settled", None)) is not None:
            await settled()
        return report


BYSTANDER = Cell(
    name="the call beside",
    script=Script(turns=(says("Good morning."), says("We are open. Until five."), says("Goodbye then."))),
    steps=(Says("are you open"), Says("thank you very much"), Hears("Goodbye"), StaysSilent()),
)


INSISTS = (Says("are you open"), Says("thank you very much"), Says("goodbye"), Hears("Goodbye"), HangsUp())


def play_cells(cells: Sequence[Cell]) -> list[Played]:
    """Play the cells in one gateway, beside a call in which nothing fails. Raises AssertionError naming every wrong."""
    *played, beside = run_virtual(_play((*cells, BYSTANDER)))
    expect_well(played)
    assert timeline(beside.report) == _undisturbed(), "the call beside was disturbed\n" + beside.explain()
    return played


def play_troubled(cell: Cell, *others: Cell, **troubles: Any) -> Played:
    """Play one cell in a gateway of its own that is in trouble (see `World`), beside calls that share its fate."""
    beside = replace(BYSTANDER, limits=cell.limits, steps=INSISTS)
    played = run_virtual(_play((cell, *others, beside), **troubles))
    expect_well(played)
    return played[0]


async def _play(cells: Sequence[Cell], **troubles: Any) -> list[Played]:
    return await World(cells, **troubles).play()


def expect_well(played: Sequence[Played]) -> None:
    """Raises AssertionError naming every wrong, and one call in full."""
    failed = [each for each in played if each.wrongs()]
    assert not failed, (
        f"{len(failed)} of {len(played)} calls went wrong\n"
        + "\n".join(wrong for each in failed for wrong in each.wrongs()[:3])
        + f"\n{failed[0].explain()}"
    )


def timeline(report: CallReport) -> list[tuple[float, float, str, str]]:
    """What a caller heard and when."""
    return [(round(sound.at_seconds, 3), round(sound.seconds, 3), sound.kind, sound.text) for sound in report.heard]


@cache
def _undisturbed() -> list[tuple[float, float, str, str]]:
    (alone,) = run_virtual(_play((BYSTANDER,)))
    assert alone.wrongs() == [], alone.explain()
    return timeline(alone.report)


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
