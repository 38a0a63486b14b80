"""Full signed turns for one core: webhook → agent on the other core → TwiML, against the plain handler of that job.

The server has core 0 to itself, as far as others leave it; agent and load generator share core 1. In each round every
server takes its turns: first as many as it can (CPU per turn by the scheduler's count, which other work on the machine
hardly moves), then at a steady pace (the server's own share: time of the webhook less the agent's own work; in this
part both processes come before others on a shared machine, where that is permitted, for to wait is not to work).
`--parts` shows instead where the gateway's time goes, by cProfile: shares, for the profiler itself costs.
Run: `python -m bench.webhook_turns [--rounds N] [--turns N] [--parts]`.
"""

import argparse
import asyncio
import itertools
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.fast_agent import FastAgent
from bench.parts import show_parts
from bench.rounds import percentile, show_table, spread
from bench.served_process import MEMORY, PLAIN, SQLITE, ServedProcess
from bench.signed_calls import HttpLine, SignedCall

CALLS_AT_ONCE = 16
TURNS_A_SECOND_WHEN_PACED = 50.0
_numbers = itertools.count(1)


@dataclass(slots=True)
class Figures:
    """What the rounds gave for one server: microseconds of CPU per turn, milliseconds of its own share."""

    cpu_us: list[float] = field(default_factory=list)
    others_us: list[float] = field(default_factory=list)
    own_p50_ms: list[float] = field(default_factory=list)
    own_p99_ms: list[float] = field(default_factory=list)


async def _with_calls(port: int) -> tuple[list[SignedCall], dict[str, HttpLine]]:
    lines = [HttpLine(port) for _ in range(CALLS_AT_ONCE)]
    calls = [SignedCall(line, next(_numbers)) for line in lines]
    await asyncio.gather(*(call.ring() for call in calls))
    return calls, {call.call_sid: line for call, line in zip(calls, lines, strict=True)}


async def saturate(server: ServedProcess, turns: int, figures: Figures) -> None:
    """Every call speaks again as soon as it is answered; then all hang up, and what is still to be done is done."""
    calls, _ = await _with_calls(server.port)
    before = server.cpu_seconds()

    async def talk(call: SignedCall) -> None:
        for _ in range(turns // CALLS_AT_ONCE):
            await call.say("I would like an appointment tomorrow")

    await asyncio.gather(*(talk(call) for call in calls))
    after = server.cpu_seconds()
    taken = turns // CALLS_AT_ONCE * CALLS_AT_ONCE
    figures.cpu_us.append((sum(after) - sum(before)) / taken * 1e6)
    figures.others_us.append((after[1] - before[1]) / taken * 1e6)
    await asyncio.gather(*(call.hang_up() for call in calls))


async def _pace(server: ServedProcess, agent: FastAgent, turns: int, figures: Figures) -> None:
    """Calls speak in turn, at a steady pace, whatever the server does."""
    calls, lines = await _with_calls(server.port)
    own: list[float] = []

    async def speak(call: SignedCall) -> None:
        await call.say("I would like an appointment tomorrow")
        own.append((lines[call.call_sid].seconds - agent.seconds[call.call_sid]) * 1e3)

    loop = asyncio.get_running_loop()
    began_at = loop.time()
    speaking: list[asyncio.Task[None]] = []
    for number in range(turns):
        await asyncio.sleep(began_at + number / TURNS_A_SECOND_WHEN_PACED - loop.time())
        if number >= CALLS_AT_ONCE:
            await speaking[number - CALLS_AT_ONCE]  # a call says one thing at a time
        speaking.append(asyncio.create_task(speak(calls[number % CALLS_AT_ONCE])))
    await asyncio.gather(*speaking)
    figures.own_p50_ms.append(percentile(own, 0.5))
    figures.own_p99_ms.append(percentile(own, 0.99))
    await asyncio.gather(*(call.hang_up() for call in calls))


async def compare(rounds: int, turns: int) -> None:
    """All rounds, then the table."""
    agent = FastAgent()
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    figures = {name: Figures() for name in (MEMORY, SQLITE, PLAIN)}
    with tempfile.TemporaryDirectory() as directory:
        servers = [await asyncio.to_thread(ServedProcess, name, agent_url, Path(directory)) for name in figures]
        try:
            for server in servers:  # once for nothing: imports, caches, connections
                await saturate(server, CALLS_AT_ONCE * 10, Figures())
            for number in range(rounds):
                for server in servers[number % 3 :] + servers[: number % 3]:
                    await saturate(server, turns, figures[server.name])
                    with server.ahead_of_others():
                        await _pace(server, agent, turns // 4, figures[server.name])
        finally:
            for server in servers:
                await asyncio.to_thread(server.stop)
    _show(figures, rounds, turns)


def _show(figures: dict[str, Figures], rounds: int, turns: int) -> None:
    print(
        f"{rounds} rounds of {turns} turns; {CALLS_AT_ONCE} calls at once, paced at {TURNS_A_SECOND_WHEN_PACED:g}/s\n"
    )
    rows = []
    for name, found in figures.items():
        ratios = [plain / own for plain, own in zip(figures[PLAIN].cpu_us, found.cpu_us, strict=True)]
        rows.append(
            (
                name,
                spread(found.cpu_us),
                spread(found.others_us),
                spread([1e6 / cpu for cpu in found.cpu_us]),
                spread(ratios, 2),
                spread(found.own_p50_ms, 2),
                spread(found.own_p99_ms, 1),
            )
        )
    head = ("server", "CPU us/turn", "of it threads", "turns/s/core", "x plain", "own p50 ms", "own p99 ms")
    show_table(head, rows)


async def profile(names: Sequence[str], turns: int) -> None:
    """One saturated run of each server under the profiler, and where its time went."""
    agent = FastAgent()
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    for name in names:
        with tempfile.TemporaryDirectory() as directory:
            kept = Path(directory) / "profile"
            server = await asyncio.to_thread(ServedProcess, name, agent_url, Path(directory), kept)
            figures = Figures()
            await saturate(server, turns, figures)
            await asyncio.to_thread(server.stop)
            print(f"\n{name}: store's thread {figures.others_us[0]:.0f} us a turn; the event loop's by part:")
            show_parts(kept, agent.turns)
            agent.turns = 0


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=1600)
    parser.add_argument("--parts", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if options.parts:
        uvloop.run(profile((MEMORY, SQLITE), options.turns))
    else:
        uvloop.run(compare(options.rounds, options.turns))


if __name__ == "__main__":
    main()
