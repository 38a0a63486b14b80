"""Draws calls-show.svg: a call with a slow agent, in virtual time, and what `voicegw calls show last` prints of it.

Run it when that command or the demo's dialogue changes.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from starlette.types import ASGIApp, Receive, Scope, Send

from voicegw.app import Gateway
from voicegw.call.entries import Entry
from voicegw.call.profile import NumberProfile
from voicegw.calllog.database import open_engine
from voicegw.calllog.journal import CallJournal
from voicegw.calllog.revisions import upgrade
from voicegw.calllog.writer import CallLogWriter
from voicegw.config import Settings, Twilio, Voiceflow
from voicegw.demo.in_memory import InMemoryTransport
from voicegw.demo.server import DEMO_API_KEY, DEMO_PROJECT_ID, EmbeddedAgent, create_agent
from voicegw.simulator import Carrier, HangsUp, Hears, Presses, Says, ScriptedCaller, run_virtual
from voicegw.simulator.web_asgi import AsgiWeb
from voicegw.store.memory import MemoryStore

COLUMNS = 108
PICTURE = Path(__file__).with_name("calls-show.svg")
_URL = "https://gateway.example"
_ACCOUNT, _TOKEN = "AC" + "0" * 32, "token-of-the-picture"
_BEGAN_AT = 1_795_420_800.0  # 2026-11-23 08:00 UTC
_STEPS = (
    Hears("How can I help"),
    Says("my appointment"),
    Hears("PIN", until="begin"),
    Presses("1234", when="now", after_seconds=3.0),
    Hears("anything else"),
    Says("fail silence"),
    Hears("longer than it should", within_seconds=60.0),
    HangsUp(),
)


class _Kept(list[Entry]):
    """A sink of the journal that keeps what it is told."""

    def receive(self, entry: Entry) -> None:
        self.append(entry)


def _far_away(agent: EmbeddedAgent) -> ASGIApp:
    """The agent as it is over the internet: every answer takes a moment."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.15 if scope["path"].endswith("/session") else 0.6)
        await agent(scope, receive, send)

    return answer


async def _play() -> Sequence[Entry]:
    loop, kept = asyncio.get_running_loop(), _Kept()

    def wall() -> float:
        return _BEGAN_AT + loop.time()

    gateway = Gateway(
        Settings(
            twilio=Twilio(account_sid=_ACCOUNT, auth_tokens=(_TOKEN,)),
            public_url=_URL,
            voiceflow=Voiceflow(api_key=DEMO_API_KEY, project_id=DEMO_PROJECT_ID),
            numbers=(NumberProfile(),),
        ),
        store=MemoryStore(wall=wall, lifetime_seconds=86_400),
        transport=InMemoryTransport(_far_away(create_agent())),
        wall=wall,
        journal=CallJournal([kept], clock=loop.time, wall=wall),
    )
    await gateway.start()
    carrier = Carrier(AsgiWeb({_URL: gateway.asgi}), auth_token=_TOKEN, account_sid=_ACCOUNT, seed=4)
    await carrier.place_call(
        f"{_URL}/twilio/voice", ScriptedCaller(_STEPS), to="+15005550100", status_callback=f"{_URL}/twilio/status"
    )
    await gateway.conversations.close(200)
    await gateway.stop()
    return kept


async def _keep(url: str, entries: Sequence[Entry]) -> None:
    await upgrade(url)
    engine = open_engine(url)
    writer = CallLogWriter(engine)
    await writer.start()
    for entry in entries:
        writer.receive(entry)
    await writer.stop(30)
    await engine.dispose()


def main() -> None:
    """Play the call, keep it in a database, run the command on it, picture what it printed."""
    with TemporaryDirectory() as here:
        url = f"sqlite:///{here}/calls.db"
        asyncio.run(_keep(url, run_virtual(_play())))
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("VOICEGW_", "TWILIO_"))},
            **{"VOICEGW_DATABASE_URL": url, "VOICEFLOW_API_KEY": DEMO_API_KEY, "VOICEFLOW_PROJECT_ID": "demo"},
            **{"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)},
        }
        command = [Path(sys.executable).with_name("voicegw"), "calls", "show", "last"]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=True, cwd=here)  # noqa: S603 - our own command
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text("$ voicegw calls show last", "bold"))
    for line in done.stdout.splitlines():
        console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)
    picture = console.export_svg(title="voicegw calls show", theme=MONOKAI, unique_id="calls-show")
    # no font from another host: every system has a monospaced one, and each run of text has its length
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    PICTURE.write_text(re.sub(r"(?m)[ \t]+$", "", picture), encoding="utf-8")


if __name__ == "__main__":
    main()
