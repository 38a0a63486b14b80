"""A gateway as a process of its own on an SQLite file, to be killed; its agent and the static host are in this one."""

import asyncio
import json
import os
import socket
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Self

from aiohttp import ClientConnectionError, web

from voicegw.call.profile import NumberProfile
from voicegw.cli.fallback import FALLBACK_NAME, fallback_documents

AUTH_TOKEN = "token-of-the-test"
ACCOUNT_SID = "AC" + "a" * 32
PUBLIC_URL = "https://gateway.example"
STATIC_URL = "https://static.example"
STARTS_WITHIN_SECONDS = 180.0
GREETING = "Good morning."


class RealAgent:
    """Serves the agent's API over loopback, answering piece by piece; `asked`: the actions by call."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.asked: dict[str, list[Mapping[str, Any]]] = defaultdict(list)

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application()
        app.router.add_post("/v4/project/{project}/session", self._session)
        app.router.add_post("/v4/interact/stream", self._turn)
        return app

    async def _session(self, request: web.Request) -> web.Response:
        return web.json_response({"sessionKey": "key-" + (await request.json())["userID"]})

    async def _turn(self, request: web.Request) -> web.StreamResponse:
        call_sid = request.headers["authorization"].removeprefix("key-")
        action = (await request.json())["action"]
        self.asked[call_sid].append(action)
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        words = GREETING if action["type"] == "launch" else f"Here is the answer to {action.get('payload')}."
        try:
            for frame in _frames(words):
                await asyncio.sleep(self._chance.uniform(0.0, 0.4))
                await answer.write(frame)
            await answer.write_eof()
        except ClientConnectionError:
            pass  # whoever asked is dead
        return answer


def _frames(words: str) -> list[bytes]:
    trace = {"type": "speak", "payload": {"type": "message", "message": words}}
    return [b"\n", f"event: trace\nid: 1\ndata: {json.dumps(trace)}\n\n".encode(), b"event: end\ndata: {}\n\n"]


class RealGateway:
    """`voicegw serve` as a child process, its agent, and the host of the fallback documents. An async context."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.agent = RealAgent(chance)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._runners: list[web.AppRunner] = []
        self._log = folder / "gateway.log"
        self.port = _free_port()
        self.static_port = 0

    @property
    def reach(self) -> dict[str, str]:
        """Where the public addresses are."""
        return {
            PUBLIC_URL: f"http://127.0.0.1:{self.port}",
            STATIC_URL: f"http://127.0.0.1:{self.static_port}",
        }

    async def __aenter__(self) -> Self:
        agent_port = await self._serve(self.agent.app())
        self.static_port = await self._serve(_static_host())
        (self._folder / "voicegw.toml").write_text(
            f'public_url = "{PUBLIC_URL}"\nhost = "127.0.0.1"\nport = {self.port}\n'
            f'[twilio]\naccount_sid = "{ACCOUNT_SID}"\nauth_tokens = ["{AUTH_TOKEN}"]\n'
            f'[voiceflow]\napi_key = "VF.DM.key"\nproject_id = "project"\nbase_url = "http://127.0.0.1:{agent_port}"\n'
            '[defaults]\nendpointing = "fast"\n',
            encoding="utf-8",
        )
        await self.start()
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        for runner in self._runners:
            await runner.cleanup()

    async def start(self) -> None:
        """Begin to start the process; it serves some moments later."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "from voicegw.cli import main; main()",
                "serve",
                cwd=self._folder,
                env={name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """SIGKILL, and a supervisor that begins another one at once."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self.start()

    async def ready(self) -> None:
        """Wait until it takes connections."""
        async with asyncio.timeout(STARTS_WITHIN_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return

    async def _serve(self, app: web.Application) -> int:
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])


def _static_host() -> web.Application:
    """The documents that `voicegw check --fallback` writes, on a host that is not the gateway."""
    documents = fallback_documents(NumberProfile(), PUBLIC_URL)

    async def document(request: web.Request) -> web.Response:
        return web.Response(text=documents[request.match_info["name"]], content_type="text/xml")

    app = web.Application()
    app.router.add_route("*", "/{name}", document)
    assert FALLBACK_NAME in documents
    return app


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
