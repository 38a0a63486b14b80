"""What is sent to a caller on one Media Stream: a short queue in front of the socket. Implements `StreamLine`.

Whoever speaks never waits for the socket. What a `clear` overtakes in the queue is never written; a socket that does
not keep up for seconds is given up. Knows no framework: `send` writes one text frame.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from voicegw.twilio.media_outgoing import ClearPlayback, OutgoingMessage, PlayMedia, SetMark, render_message

MAX_QUEUED: Final = 64
"""Audio is sent at most 0.4 s ahead, in pieces with a mark each: so many wait only where nothing was taken for 5 s."""


class MediaLine:
    """The way to one caller. `closed` is set once nothing more will be sent, whoever wanted it so."""

    def __init__(self, stream_sid: str) -> None:
        self.closed = asyncio.Event()
        self.overrun = False
        self._stream_sid = stream_sid
        self._queue: deque[OutgoingMessage] = deque()
        self._filled = asyncio.Event()

    def send_audio(self, audio: bytes) -> None:
        """See `StreamLine.send_audio`."""
        self._put(PlayMedia(audio))

    def send_mark(self, name: str) -> None:
        """See `StreamLine.send_mark`."""
        self._put(SetMark(name))

    def clear(self) -> None:
        """See `StreamLine.clear`."""
        self._queue.clear()
        self._put(ClearPlayback())

    def close(self) -> None:
        """See `StreamLine.close`. Idempotent."""
        self._queue.clear()
        self.closed.set()

    async def write(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Write what is sent, for as long as the line is open. Raises what `send` raises."""
        while True:
            while self._queue:
                await send(render_message(self._stream_sid, self._queue.popleft()))
            self._filled.clear()
            await self._filled.wait()

    def _put(self, message: OutgoingMessage) -> None:
        if self.closed.is_set():
            return
        if len(self._queue) >= MAX_QUEUED:
            self.overrun = True
            self.close()
            return
        self._queue.append(message)
        self._filled.set()
