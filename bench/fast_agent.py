"""An agent that costs next to nothing: `/v4` sessions and `/v4/interact/stream` over a bare asyncio protocol.

Runs in the load generator's process, so that one clock measures a webhook and the agent's part in it.
"""

import asyncio
import json
import time

_ANSWER = (
    {"type": "speak", "payload": {"type": "message", "message": "We have an appointment free tomorrow at nine."}},
    {"type": "speak", "payload": {"type": "message", "message": "Shall I book it for you?"}},
    {"type": "no-reply", "payload": {"timeout": 8}},
)


def _frame(event: str, number: int, data: object) -> bytes:
    return f"event: {event}\nid: {number}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + _chunk(b"\n"),
    *(_chunk(_frame("trace", number, trace)) for number, trace in enumerate(_ANSWER, start=1)),
    _chunk(_frame("end", len(_ANSWER) + 1, {})) + _chunk(b""),
)
_EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class FastAgent:
    """The agent behind one address. `seconds` holds how long the last turn of each call kept it busy."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.turns = 0

    async def listen(self) -> int:
        """Listen on a free loopback port and return it."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])


class _Connection(asyncio.Protocol):
    def __init__(self, agent: FastAgent) -> None:
        self._agent = agent
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        began_at = time.perf_counter()
        self._received += data
        while (end_of_head := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end_of_head]
            headers = {
                name.lower(): value for name, value in (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            }
            end = end_of_head + 4 + int(headers.get(b"content-length", b"0"))
            if len(self._received) < end:
                return
            body, self._received = self._received[end_of_head + 4 : end], self._received[end:]
            self._answer(head.split(b" ", 2)[1], headers, body, began_at)

    def _answer(self, path: bytes, headers: dict[bytes, bytes], body: bytes, began_at: float) -> None:
        if path.endswith(b"/session"):
            # Both servers name the caller by the call's id; as the session's key it tells whose each turn is.
            answer = json.dumps({"sessionKey": json.loads(body)["userID"]}).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))
        elif path.endswith(b"/interact/stream"):
            for piece in _STREAM:
                self._transport.write(piece)
            self._agent.turns += 1
            self._agent.seconds[headers[b"authorization"].decode()] = time.perf_counter() - began_at
        else:
            self._transport.write(_EMPTY)
