"""One WebSocket to a realtime server: opened within seconds, written without waiting, left within two seconds.

Nobody who puts a message in waits. A server that is too slow loses the oldest audio; one that does not even take the
rest is given up. Knows no protocol: what a message means is told by whoever opened the link.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Final

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidURI

from voicegw.errors import RealtimeError

CONNECT_SECONDS: Final = 5.0
LEAVE_SECONDS: Final = 1.5
PING_SECONDS: Final = 10.0
MOST_MESSAGE_BYTES: Final = 1_000_000
RECEIVE_BYTES: Final = 16 * 1024
"""What the system keeps for us: audio at 96 kB/s gets through also where an answer takes 100 ms."""
READ_BYTES: Final = 2048
"""What is taken apart in one turn of the event loop: 1,000 pings at most, each of which is answered, hold it for 25 ms.
Audio at 48 kB/s gets through also where a turn takes 20 ms."""
MOST_UNTAKEN_BYTES: Final = 1_000_000
"""A server that has us answer its pings and does not read the answers is given up. What we send otherwise waits."""
MOST_AUDIO_WAITING: Final = 50
"""A second of the caller's voice in frames of 20 ms: what is older would only be answered late."""
MOST_CONTROLS_WAITING: Final = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: str | bytes
    is_audio: bool


class SmallReads(asyncio.BufferedProtocol):
    """Between a transport and its WebSocket: hands on at most `READ_BYTES` in one turn of the event loop."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._read = memoryview(bytearray(READ_BYTES))  # of a bytearray asyncio's TLS would fill a copy
        self.connection_lost = socket.connection_lost  # type: ignore[method-assign]
        self.eof_received = socket.eof_received  # type: ignore[method-assign]
        self.pause_writing = socket.pause_writing  # type: ignore[method-assign]
        self.resume_writing = socket.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (ours is all there is)
        """See `asyncio.BufferedProtocol`."""
        return self._read

    def buffer_updated(self, count: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._socket.data_received(bytes(self._read[:count]))
        if self._socket.transport.get_write_buffer_size() > MOST_UNTAKEN_BYTES:
            self._socket.transport.abort()
        elif count == READ_BYTES:  # there is more, and uvloop would read it at once, up to 32 times (libuv)
            self._socket.transport.pause_reading()
            self._socket.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self._socket.recv_messages.paused:  # else whoever takes messages has enough of them, and will resume
            self._socket.transport.resume_reading()


class PacedConnection(ClientConnection):
    """A WebSocket that no server can make us read much of at once, from its first byte on."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        super().connection_made(transport)
        self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES)
        self.transport.set_protocol(SmallReads(self))


class Link:
    """A connected socket, and the two tasks that read and write it. Make one with `open_link`."""

    def __init__(self, socket: ClientConnection, call_sid: str) -> None:
        self.dropped = 0  # pieces of audio that the server was too slow for
        self._socket = socket
        self._call_sid = call_sid
        self._waiting: deque[_Waiting] = deque()
        self._audio_waiting = 0
        self._something = asyncio.Event()
        self._left = False
        self._writing = asyncio.create_task(self._write(), name=f"realtime-out-{call_sid}")
        self._reading: asyncio.Task[None] | None = None

    def start(self, receive: Callable[[str | bytes], Awaitable[str]], end: Callable[[str], None]) -> None:
        """Read from now on. `receive` is given each message, one after another, and returns why the link is to end
        (empty: it goes on); `end` is told once why it has, unless we left first."""
        self._reading = asyncio.create_task(self._run(receive, end), name=f"realtime-{self._call_sid}")

    async def receive_first(self) -> str | bytes:
        """The next message, before `start`. Raises `RealtimeError` where the server goes instead."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as exc:
            raise RealtimeError(f"the realtime server closed the connection: {exc}") from exc

    def put_audio(self, message: str | bytes) -> None:
        """Send a piece of audio after what waits; the oldest that waits gives way where there is too much."""
        if self._audio_waiting >= MOST_AUDIO_WAITING:
            self._waiting.remove(next(each for each in self._waiting if each.is_audio))
            self._audio_waiting -= 1
            self.dropped += 1
        self._audio_waiting += 1
        self._put(_Waiting(message, is_audio=True))

    def put_control(self, message: str) -> None:
        """Send anything else after what waits; none of it is ever dropped while the link lives."""
        if len(self._waiting) - self._audio_waiting >= MOST_CONTROLS_WAITING:
            self._socket.transport.abort()
            return
        self._put(_Waiting(message, is_audio=False))

    async def leave(self) -> None:
        """Close, within two seconds whatever the server does; nothing is told any more. Again changes nothing."""
        self._left = True
        tasks = {self._writing} | ({self._reading} if self._reading is not None else set())
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._close()

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._something.set()

    async def _run(self, receive: Callable[[str | bytes], Awaitable[str]], end: Callable[[str], None]) -> None:
        try:
            reason = await self._read(receive)
        except Exception:  # the task's root: the caller goes back to turns, the operator reads the traceback
            _log.exception("realtime bridge crashed", call_sid=self._call_sid)
            reason = "bridge-crashed"
        self._writing.cancel()
        if self.dropped:
            _log.warning("realtime server too slow", call_sid=self._call_sid, audio_dropped=self.dropped)
        if not self._left:
            end(reason)
        await self._close()

    async def _read(self, receive: Callable[[str | bytes], Awaitable[str]]) -> str:
        try:
            while True:
                if reason := await receive(await self._socket.recv()):
                    return reason
                # Where messages lie ready `recv` does not wait, and other calls would never have their turn.
                await asyncio.sleep(0)
        except ConnectionClosedOK:
            return "server-closed"
        except ConnectionClosed as exc:
            _log.warning("realtime server failed", call_sid=self._call_sid, reason=str(exc))
            return "server-failed"

    async def _write(self) -> None:
        try:
            while True:
                while self._waiting:
                    waiting = self._waiting.popleft()
                    self._audio_waiting -= waiting.is_audio
                    await self._socket.send(waiting.message)
                self._something.clear()
                await self._something.wait()
        except ConnectionClosed:
            return  # the reader learns of it, and tells

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._socket.close()
        except TimeoutError:
            self._socket.transport.abort()


async def open_link(url: str, headers: Mapping[str, str], call_sid: str) -> Link:
    """Connect to a realtime server. Raises `RealtimeError` where it cannot be reached or does not answer in time."""
    try:
        socket = await connect(
            url,
            create_connection=PacedConnection,
            additional_headers=headers,
            compression=None,  # audio does not get smaller
            open_timeout=CONNECT_SECONDS,
            close_timeout=LEAVE_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            max_size=MOST_MESSAGE_BYTES,
        )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as exc:
        brief = f"the realtime server cannot be reached: {type(exc).__name__}"
        raise RealtimeError(f"the realtime server cannot be reached: {exc}", brief=brief) from exc
    return Link(socket, call_sid)
