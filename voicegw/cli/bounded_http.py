"""HTTP connections that cannot be held for nothing: a deadline for each request, and a bound for its head.

Uvicorn by itself waits for ever for a request that was begun (or never was), and takes a head of any length: a few
hundred silent connections would keep every caller out. Here they make room for those who have something to say.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the connection, or a request's first byte, to its last: Twilio sends both in one go.
REQUEST_SECONDS = 10.0
# A megabyte of audio takes a minute on the slowest of lines; who has not taken an answer by then does not want it.
ANSWER_SECONDS = 60.0
# Request line and headers; one read of the socket may go over it.
MAX_HEAD_BYTES = 32 * 1024


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's protocol; a connection that misses its deadline is cut off, whatever it is doing meanwhile."""

    _deadline: asyncio.TimerHandle | None = None
    _flush_deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadlines()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._await_request()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._request_is_here()
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop_deadlines()  # the connection is somebody else's now, and what waits in it is no answer
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._flush_deadline is not None:
            self._flush_deadline.cancel()
        self._flush_deadline = self.loop.call_later(ANSWER_SECONDS, self._drop_untaken_answer)

    def _unsupported_upgrade_warning(self) -> None:
        """Anyone may ask for a WebSocket; that there is none is no news for the log."""

    def _make_room(self) -> None:
        """Full: whoever has kept us waiting longest goes, then who only keeps a connection open; else it is a 503."""
        others = [peer for peer in self.connections if isinstance(peer, BoundedHttp) and peer is not self]
        late = [(peer._deadline.when(), peer) for peer in others if peer._deadline is not None]
        if late:
            min(late, key=lambda each: each[0])[1].transport.abort()
            return
        idle = (peer for peer in others if peer.cycle is not None and peer.cycle.response_complete)
        if (peer := next(idle, None)) is not None:
            peer.transport.abort()

    def _await_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _request_is_here(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_deadlines(self) -> None:
        self._request_is_here()
        if self._flush_deadline is not None:
            self._flush_deadline.cancel()

    def _drop_untaken_answer(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
