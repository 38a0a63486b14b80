"""A server of a benchmark as a process of its own, pinned to core 0: the gateway as `voicegw serve` runs it, or the
plain handler on the same server. Run as `python -m bench.served_process NAME AGENT_URL DIRECTORY [PROFILE]`; prints
its port once it answers, and stops when its standard input ends."""

import asyncio
import cProfile
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fastapi import FastAPI

from bench.plain_handler import create_plain_handler
from bench.signed_calls import ACCOUNT_SID, AUTH_TOKEN, PUBLIC_URL
from voicegw.app import LIVE_STATE_SECONDS, Gateway, create_gateway
from voicegw.cli.logs import configure_logs
from voicegw.cli.serving import Site, listen, run, spare_the_collector
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.store.memory import MemoryStore
from voicegw.store.sqlite import SqliteStore
from voicegw.turns.ports import CallStore
from voicegw.voiceflow.transport import AiohttpTransport

MEMORY, SQLITE, PLAIN = "gateway, memory", "gateway, SQLite", "plain handler"
WHOLE_TURNS = "gateway, whole turns"
WATCHED, LOGGED = "the same, and metrics", "the same, and call log"


def _create_app(name: str, agent_url: str, directory: Path) -> FastAPI:
    if name == PLAIN:
        return create_plain_handler(agent_url)
    settings = Settings(
        twilio=Twilio(account_sid=ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,)),
        public_url=PUBLIC_URL,
        max_live_calls=10_000,
        live_store_path=directory / "live.db",
        call_log=name == LOGGED,
        database_url=f"sqlite:///{directory}/calls.db",
        voiceflow=Voiceflow(
            api_key="VF.DM.bench", project_id="bench", base_url=agent_url, streaming=name != WHOLE_TURNS
        ),
    )
    if name in {WATCHED, LOGGED}:
        return create_gateway(settings).asgi
    # the calls alone: what runs beside them is measured by `log_cost`
    store: CallStore = MemoryStore(wall=time.time, lifetime_seconds=LIVE_STATE_SECONDS)
    if name == SQLITE:
        store = SqliteStore(settings.live_store_path, wall=time.time, lifetime_seconds=LIVE_STATE_SECONDS)
    return Gateway(settings, store=store, transport=AiohttpTransport()).asgi


async def _serve(name: str, agent_url: str, directory: Path) -> None:
    listening = listen("127.0.0.1", 0)
    app = _create_app(name, agent_url, directory)
    async with Site(app, listening) as site, app.router.lifespan_context(app):
        if name != PLAIN:  # as `voicegw serve` does
            spare_the_collector()
        site.open()
        print(listening.getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class ServedProcess:
    """One such process, from the outside."""

    def __init__(self, name: str, agent_url: str, directory: Path, profile: Path | None = None) -> None:
        self.name = name
        arguments = [name, agent_url, str(directory), *([str(profile)] if profile else [])]
        self._process = subprocess.Popen(  # noqa: S603 (ourselves)
            [sys.executable, "-m", "bench.served_process", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = int(next(iter(self._process.stdout or ())))

    def cpu_seconds(self) -> tuple[float, float]:
        """CPU that its first thread has used, and that all others have, in seconds (the scheduler's own count)."""
        first = others = 0.0
        for thread in Path(f"/proc/{self._process.pid}/task").iterdir():
            seconds = int((thread / "schedstat").read_text().split()[0]) / 1e9
            if thread.name == str(self._process.pid):
                first = seconds
            else:
                others += seconds
        return first, others

    @contextmanager
    def ahead_of_others(self) -> Iterator[None]:
        """Let it and ourselves come before whatever else the machine does, where we may."""
        threads = [0, *(int(thread.name) for thread in Path(f"/proc/{self._process.pid}/task").iterdir())]
        with suppress(PermissionError):
            for thread in threads:
                os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))
        try:
            yield
        finally:
            for thread in threads:
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))

    def stop(self) -> None:
        """End it, and wait for that."""
        self._process.communicate(timeout=60)


def main(name: str, agent_url: str, directory: str, profile: str = "") -> None:
    """Serve until standard input ends; with `profile`, write what cProfile saw there."""
    os.sched_setaffinity(0, {0})
    configure_logs()
    if not profile:
        run(_serve(name, agent_url, Path(directory)))
        return
    profiler = cProfile.Profile(time.thread_time)  # CPU: not the waits for events and for others
    profiler.runcall(run, _serve(name, agent_url, Path(directory)))
    profiler.dump_stats(profile)


if __name__ == "__main__":
    main(*sys.argv[1:])
