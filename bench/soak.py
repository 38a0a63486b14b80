"""Twenty thousand calls through one gateway: does anything stay behind? In virtual time, agent and calls in memory.

Each call rings, says two things and hangs up; in one of twenty the agent fails on the way, each time differently, or
the caller leaves while it thinks. The store forgets what is ten minutes old, so that what it holds levels off at once.
Prints, for each thousand calls, what the garbage collector knows, tasks, descriptors, live calls and resident memory;
at the end the growth since call 2,000, and exits with 1 if there is any (more than 200 bytes of memory a call).
Run: `python -m bench.soak [--calls N] [--sqlite]`.
"""

import argparse
import asyncio
import gc
import itertools
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import structlog

from bench.fast_agent import TWO_SENTENCES
from bench.rounds import show_table
from bench.signed_calls import ACCOUNT_SID, AUTH_TOKEN, FORM_TYPE, PUBLIC_URL, SignedCall
from voicegw.app import Gateway
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.simulator.virtual_time import run_virtual
from voicegw.store.memory import MemoryStore
from voicegw.store.sqlite import SqliteStore

CALLS_AT_ONCE = 20
LIFETIME_SECONDS = 600.0
SETTLED_AFTER_CALLS = 2000
MOST_BYTES_A_CALL = 200
SAMPLE_EVERY_CALLS = 1000
# Twenty turns without a fault, or with: one call of twenty meets one, and the kinds take turns.
_FAULTS = ("reset", "refused", "garbage", "cut off", "hangs", "busy", "late", "caller leaves")
_CALLS_A_FAULT = 20


def _fault_of(number: int) -> str:
    return _FAULTS[number // _CALLS_A_FAULT % len(_FAULTS)] if number % _CALLS_A_FAULT == 0 else ""


class FailingAgent:
    """An ASGI agent whose sessions are named by their call; in the calls that `_fault_of` names, its turns fail."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        if scope["path"].endswith("/session"):
            await _answer(send, 200, json.dumps({"sessionKey": body["userID"]}).encode())
            return
        action = body["action"]["type"]
        key = dict(scope["headers"])[b"authorization"].decode()
        await self._take_turn(send, _fault_of(int(key[2:], 16)) if action == "text" else "")

    async def _take_turn(self, send: Any, fault: str) -> None:
        match fault:
            case "reset":
                raise ConnectionResetError
            case "refused":
                await _answer(send, 400, b'{"message":"no"}')
            case "busy":
                await _answer(send, 429, b"{}", (b"retry-after", b"1"))
            case "garbage":
                await _answer(send, 200, b"event: trace\ndata: {\n\nevent: trace\ndata: 5\n\nevent: end\ndata: {}\n\n")
            case "cut off":
                await _answer(send, 200, _frames()[0])
            case "hangs" | "caller leaves":
                await asyncio.sleep(120.0)
                await _answer(send, 200, b"".join(_frames()))
            case "late":
                await asyncio.sleep(12.0)
                await _answer(send, 200, b"".join(_frames()))
            case _:
                await _answer(send, 200, b"".join(_frames()))


def _frames() -> list[bytes]:
    traces = [b"event: trace\ndata: %s\n\n" % json.dumps(trace).encode() for trace in TWO_SENTENCES]
    return [*traces, b"event: end\ndata: {}\n\n"]


async def _answer(send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


class AsgiLine:
    """Webhooks straight into the application."""

    def __init__(self, gateway: Gateway) -> None:
        self._asgi = gateway.asgi

    async def post(self, path: str, body: bytes, signature: str) -> bytes:
        """See `bench.signed_calls.Line.post`."""
        target, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"content-type", FORM_TYPE.encode()), (b"x-twilio-signature", signature.encode())],
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._asgi(scope, receive, send)
        if sent[0]["status"] != 200:
            raise RuntimeError(f"{path} was answered with {sent[0]['status']}")
        return bytes(sent[1]["body"])

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What there is after so many calls."""

    calls: int
    objects: int
    tasks: int
    descriptors: int
    live_calls: int
    resident_bytes: int


def _sample(calls: int, gateway: Gateway) -> Sample:
    gc.collect()
    return Sample(
        calls=calls,
        objects=len(gc.get_objects()),
        tasks=len(asyncio.all_tasks()),
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        live_calls=gateway.conversations.live_calls,
        resident_bytes=int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
    )


async def _call(gateway: Gateway, number: int) -> None:
    call = SignedCall(AsgiLine(gateway), number)
    await call.ring()
    await asyncio.sleep(5.0)
    leaving = _fault_of(number) == "caller leaves"
    for words in ("I would like an appointment", "", "Tomorrow at nine", ""):
        speaking = asyncio.create_task(call.say(words))
        if leaving:
            await asyncio.sleep(1.0)
            await call.hang_up()
            speaking.cancel()
            with suppress(asyncio.CancelledError):
                await speaking
            return
        await speaking
        await asyncio.sleep(5.0)
    await call.hang_up()


async def _soak(calls: int, directory: Path | None) -> list[Sample]:
    loop = asyncio.get_running_loop()

    def wall() -> float:
        return 1.7e9 + loop.time()

    store: MemoryStore | SqliteStore
    if directory is None:
        store = MemoryStore(wall=wall, lifetime_seconds=LIFETIME_SECONDS)
    else:
        store = SqliteStore(directory / "live.db", wall=wall, lifetime_seconds=LIFETIME_SECONDS)
    settings = Settings(
        twilio=Twilio(account_sid=ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,)),
        public_url=PUBLIC_URL,
        voiceflow=Voiceflow(api_key="VF.DM.bench", project_id="bench"),
    )
    gateway = Gateway(settings, store=store, transport=InMemoryTransport(FailingAgent()), wall=wall)
    samples: list[Sample] = []
    numbers = itertools.count(1)
    async with gateway.running():
        for begun in _batches(calls):
            async with asyncio.TaskGroup() as batch:
                for _ in range(CALLS_AT_ONCE):
                    batch.create_task(_call(gateway, next(numbers)))
            if begun % SAMPLE_EVERY_CALLS == 0:
                await asyncio.sleep(LIFETIME_SECONDS / 2)  # what is under way ends: agents that hang, farewells
                samples.append(_sample(begun, gateway))
                print(f"{begun} calls", file=sys.stderr, flush=True)
    return samples


def _batches(calls: int) -> Iterator[int]:
    return iter(range(CALLS_AT_ONCE, calls + 1, CALLS_AT_ONCE))


def _judge(samples: list[Sample]) -> bool:
    """Print the table and what has grown; whether nothing has."""
    rows = [tuple(f"{value:,}" for value in astuple(sample)) for sample in samples]
    show_table(("calls", "objects", "tasks", "descriptors", "live calls", "resident bytes"), rows)
    settled = next(sample for sample in samples if sample.calls >= min(SETTLED_AFTER_CALLS, samples[-1].calls))
    last = samples[-1]
    calls = max(1, last.calls - settled.calls)
    objects = (last.objects - settled.objects) / calls
    resident = (last.resident_bytes - settled.resident_bytes) / calls
    print(f"\nsince call {settled.calls:,}: {objects:+.3f} objects and {resident:+.0f} bytes of memory a call")
    same = (last.tasks, last.descriptors, last.live_calls) == (settled.tasks, settled.descriptors, settled.live_calls)
    return same and objects < 0.1 and resident <= MOST_BYTES_A_CALL


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--sqlite", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as directory:
        samples = run_virtual(_soak(options.calls, Path(directory) if options.sqlite else None))
    return 0 if _judge(samples) else 1


if __name__ == "__main__":
    sys.exit(main())
