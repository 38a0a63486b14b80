"""How long a caller waits for the agent's first word: step by step as it is streamed, or the whole turn at once.

The agent says eight sentences in six seconds. Compared are the gateway, the gateway told to ask for whole turns, and
the plain handler, which waits for the end of the stream. A document without a word of the agent's (a filler) takes as
long as it is spoken, and a second of listening; then the carrier comes back. Real time.
Run: `python -m bench.first_word [--rounds N]`.
"""

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from bench.fast_agent import FastAgent
from bench.rounds import show_table, spread
from bench.served_process import MEMORY, PLAIN, WHOLE_TURNS, ServedProcess
from bench.signed_calls import HttpLine, SignedCall

SENTENCES = 8
SECONDS = 6.0
_CHARACTERS_A_SECOND = 15.0
_LISTENING_SECONDS = 1.0
_SPOKEN = re.compile(rb"<Say[^>]*>([^<]*)</Say>")
_OF_THE_AGENT = b"Sentence number"


async def _seconds_to_first_word(port: int, number: int, agent: FastAgent) -> float:
    call = SignedCall(HttpLine(port), number)
    agent.apart_seconds = 0.0
    await call.ring()
    agent.apart_seconds = SECONDS / SENTENCES
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    document = await call.say("Tell me all about it")
    while _OF_THE_AGENT not in document:
        spoken = sum(map(len, _SPOKEN.findall(document)))
        await asyncio.sleep(spoken / _CHARACTERS_A_SECOND + _LISTENING_SECONDS)
        document = await call.say("")
    first_sentence, _, _ = document.partition(_OF_THE_AGENT)
    seconds = loop.time() - began_at + sum(map(len, _SPOKEN.findall(first_sentence))) / _CHARACTERS_A_SECOND
    await call.hang_up()
    return seconds


async def compare(rounds: int) -> None:
    """All rounds, then the table."""
    agent = FastAgent(
        [
            {"type": "speak", "payload": {"type": "message", "message": f"{_OF_THE_AGENT.decode()} {number} of eight."}}
            for number in range(1, SENTENCES + 1)
        ]
    )
    agent_url = f"http://127.0.0.1:{await agent.listen()}"
    waits: dict[str, list[float]] = {MEMORY: [], WHOLE_TURNS: [], PLAIN: []}
    with tempfile.TemporaryDirectory() as directory:
        servers = [await asyncio.to_thread(ServedProcess, name, agent_url, Path(directory)) for name in waits]
        try:
            for number in range(1, rounds + 1):
                for server in servers:
                    waits[server.name].append(await _seconds_to_first_word(server.port, number, agent))
        finally:
            for server in servers:
                await asyncio.to_thread(server.stop)
    print(f"{rounds} rounds; {SENTENCES} sentences in {SECONDS:g} s\n")
    head = ("server", "first word after s", "x of step by step")
    rows = [
        (
            name,
            spread(seconds, 2),
            spread([long / short for long, short in zip(seconds, waits[MEMORY], strict=True)], 2),
        )
        for name, seconds in waits.items()
    ]
    show_table(head, rows)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(compare(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
