"""What it costs to know what happened: CPU of whole gather calls, and with metrics, and with the call log, in one run.

All three gateways keep live calls in SQLite. The first does nothing beside its calls; the second redacts what happens
and counts it for Prometheus; the third also keeps the call log (records, waterfall, transcript, full-text index) in an
SQLite file, as `voicegw serve` does. CPU is the whole process's, its threads included, from the calls' first ring until
all is written, a second after their end. Run: `python -m bench.log_cost [--rounds N] [--calls N] [--turns N]`.
"""

import argparse
import asyncio
import itertools
import os
import tempfile
from pathlib import Path

import uvloop

from bench.fast_agent import FastAgent
from bench.rounds import show_table, spread
from bench.served_process import LOGGED, SQLITE, WATCHED, ServedProcess
from bench.signed_calls import HttpLine, SignedCall

CALLS_AT_ONCE = 16
_WRITTEN_AFTER_SECONDS = 1.5
_numbers = itertools.count(1)


async def _carry_calls(server: ServedProcess, calls: int, turns: int) -> float:
    """Microseconds of CPU for a turn of a whole call: ring, `turns` turns, hang-up."""
    waiting = iter(range(calls))
    before = sum(server.cpu_seconds())

    async def phone() -> None:
        for _ in waiting:
            line = HttpLine(server.port)
            call = SignedCall(line, next(_numbers))
            await call.ring()
            for _ in range(turns):
                await call.say("I would like an appointment tomorrow")
            await call.hang_up()
            line.close()

    await asyncio.gather(*(phone() for _ in range(CALLS_AT_ONCE)))
    await asyncio.sleep(_WRITTEN_AFTER_SECONDS)
    return (sum(server.cpu_seconds()) - before) / (calls * turns) * 1e6


async def compare(rounds: int, calls: int, turns: int) -> None:
    """All rounds, then the table."""
    agent = FastAgent()
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    found: dict[str, list[float]] = {SQLITE: [], WATCHED: [], LOGGED: []}
    with tempfile.TemporaryDirectory() as directory:
        servers = []
        for number, name in enumerate(found):
            place = Path(directory) / str(number)
            place.mkdir()
            servers.append(await asyncio.to_thread(ServedProcess, name, agent_url, place))
        try:
            for server in servers:
                await _carry_calls(server, CALLS_AT_ONCE * 2, turns)
            for number in range(rounds):
                for server in servers[number % 3 :] + servers[: number % 3]:
                    with server.ahead_of_others():
                        found[server.name].append(await _carry_calls(server, calls, turns))
        finally:
            for server in servers:
                await asyncio.to_thread(server.stop)
    print(f"{rounds} rounds of {calls} calls with {turns} turns, {CALLS_AT_ONCE} at once\n")
    rows = [
        (name, spread(figures), _ratios(figures, found[SQLITE]), _ratios(figures, found[WATCHED]))
        for name, figures in found.items()
    ]
    show_table(("server", "CPU us/turn", "x the calls alone", "x with metrics"), rows)


def _ratios(figures: list[float], others: list[float]) -> str:
    return spread([own / other for own, other in zip(figures, others, strict=True)], 2)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=160)
    parser.add_argument("--turns", type=int, default=6)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    uvloop.run(compare(options.rounds, options.calls, options.turns))


if __name__ == "__main__":
    main()
