"""A realtime server in the test, on loopback, that does what each test says; and a listener that remembers."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection

from voicegw.call.instructions import StartRealtime
from voicegw.live.ports import BridgeRequest

Behaviour = Callable[[ServerConnection], Awaitable[None]]
MULAW = StartRealtime(input_encoding="audio/x-mulaw", output_encoding="audio/x-mulaw")


def request(start: StartRealtime = MULAW) -> BridgeRequest:
    return BridgeRequest(call_sid="CA1", session_key="key-1", start=start)


@dataclass
class Memory:
    """A `BridgeListener`: all that the bridge told, in order."""

    told: list[Any] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hear_agent(self, audio: bytes) -> None:
        self._tell(audio)

    def flush(self) -> None:
        self._tell("flush")

    def end(self, reason: str) -> None:
        self._tell(("end", reason))

    def _tell(self, what: object) -> None:
        self.told.append(what)
        self.changed.set()

    @property
    def audio(self) -> bytes:
        return b"".join(each for each in self.told if isinstance(each, bytes))

    async def until(self, count: int) -> list[Any]:
        async with asyncio.timeout(5):
            while len(self.told) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.told


@dataclass
class Server:
    """Serves `behave` to whoever connects, and remembers the headers of the last who did; the test is `over`."""

    url: str = ""
    behave: Behaviour = lambda socket: socket.wait_closed()
    headers: dict[str, str] = field(default_factory=dict)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers = dict(socket.request.headers)
        try:
            await self.behave(socket)
        finally:
            self.gone.set()


async def take(socket: ServerConnection) -> Any:
    """The next message at the server: bytes, or what its JSON holds."""
    async with asyncio.timeout(5):
        message = await socket.recv()
    return message if isinstance(message, bytes) else json.loads(message)


async def send(socket: ServerConnection, **fields: object) -> None:
    await socket.send(json.dumps(fields))


async def accept_session(socket: ServerConnection) -> Any:
    """OpenAI's opening: what we asked for, accepted."""
    await send(socket, type="session.created", session={})
    asked = await take(socket)
    await send(socket, type="session.updated", session=asked["session"])
    return asked


async def say(socket: ServerConnection, item_id: str, audio: bytes, name: str = "response.output_audio.delta") -> None:
    await send(socket, type=name, item_id=item_id, content_index=0, delta=base64.b64encode(audio).decode())
