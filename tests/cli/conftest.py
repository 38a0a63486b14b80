"""What commands are tried against: an agent on loopback, a settings file that names it, commands as processes."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from voicegw.cli.serving import Site, address_of, listen
from voicegw.demo.loader import load_dialogue
from voicegw.demo.server import DEMO_API_KEY, DEMO_PROJECT_ID, EmbeddedAgent, create_agent

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"

DIALOGUE = """
start: hello
states:
  hello:
    ask: How can I help you?
    on:
      - {said: slow, goto: slow}
      - {said: bye, goto: bye}
      - {dtmf: ".*", goto: keyed}
  slow:
    say: I look it up.
    tool: {name: book, seconds: 1.5}
    goto: hello
  keyed:
    say: You keyed {last_utterance}.
    goto: hello
  bye:
    say: Goodbye.
    hangup: true
"""


class AgentServer:
    """The embedded agent in a thread of its own, so that commands can run in the test's."""

    def __init__(self, dialogue_path: Path) -> None:
        dialogue_path.write_text(DIALOGUE, encoding="utf-8")
        self.agent: EmbeddedAgent = create_agent(load_dialogue(dialogue_path))
        self._socket = listen("127.0.0.1", 0)
        self.url = address_of(self._socket)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        async with Site(self.agent, self._socket) as site:
            site.open()
            await self._stopping.wait()


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Commands set up logging for their whole process: undo it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentServer]:
    server = AgentServer(tmp_path / "dialogue.yaml")
    server.start()
    yield server
    server.stop()


def free_port() -> int:
    with listen("127.0.0.1", 0) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("VOICEGW_", "TWILIO_", "VOICEFLOW_")):
            monkeypatch.delenv(name)


@pytest.fixture
def settings_file(tmp_path: Path, port: int, agent: AgentServer, clean_environment: None) -> Path:
    """A voicegw.toml in a working directory of its own, for a gateway on loopback."""
    file = tmp_path / "voicegw.toml"
    file.write_text(
        f"""
public_url = "http://127.0.0.1:{port}"
host = "127.0.0.1"
port = {port}
[twilio]
auth_tokens = ["{AUTH_TOKEN}"]
[voiceflow]
api_key = "{DEMO_API_KEY}"
project_id = "{DEMO_PROJECT_ID}"
base_url = "{agent.url}"
""",
        encoding="utf-8",
    )
    return file


@pytest.fixture
def restored_signals() -> Iterator[None]:
    """Commands that run in the test's own process leave signals at their default: put them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def wide_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that do not fold their cells."""
    monkeypatch.setattr("voicegw.cli.showing.out._width", 200)
    monkeypatch.setattr("voicegw.cli.showing.err._width", 200)


Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """Starts `voicegw …` as a process in the test's directory; what is still running at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("VOICEGW_", "TWILIO_", "VOICEFLOW_"))}
        process = subprocess.Popen(
            [sys.executable, "-c", "from voicegw.cli import main; main()", *arguments],
            cwd=tmp_path,
            env=ours | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
async def gateway(settings_file: Path, restored_signals: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """`voicegw serve` in the test's own loop; gives its address, and stops it as SIGTERM does."""
    from voicegw.cli.serve import _serve
    from voicegw.cli.source import SettingsSource

    monkeypatch.chdir(settings_file.parent)
    source = SettingsSource()
    settings = source.load()
    serving = asyncio.create_task(_serve(source, settings))
    await answering(settings.public_url, serving)
    yield settings.public_url
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # a test may have sent it already
        os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 20)


async def answering(url: str, serving: "asyncio.Task[None]") -> None:
    """Wait until the gateway is ready; the first connection may come before its socket."""
    import aiohttp

    async with aiohttp.ClientSession() as http, asyncio.timeout(20):
        while not serving.done():
            try:
                async with http.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0)
    serving.result()
