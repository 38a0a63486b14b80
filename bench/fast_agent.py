"""An agent that costs next to nothing: `/v4` sessions and turns over a bare asyncio protocol.

Runs in the load generator's process, so that one clock measures a webhook and the agent's part in it.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence

Trace = Mapping[str, object]

TWO_SENTENCES: Sequence[Trace] = (
    {"type": "speak", "payload": {"type": "message", "message": "We have an appointment free tomorrow at nine."}},
    {"type": "speak", "payload": {"type": "message", "message": "Shall I book it for you?"}},
    {"type": "no-reply", "payload": {"timeout": 8}},
)
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class FastAgent:
    """The agent behind one address. It answers every turn with `answer`, each trace `apart_seconds` after the last.

    `seconds` holds how long the last turn of each call kept it busy, where that is not waiting.
    """

    def __init__(self, answer: Sequence[Trace] = TWO_SENTENCES, apart_seconds: float = 0.0) -> None:
        self.seconds: dict[str, float] = {}
        self.turns = 0
        self.apart_seconds = apart_seconds
        self.whole = _sized(_json({"traces": answer}))
        frames = [_chunk(_frame("trace", number, trace)) for number, trace in enumerate(answer, start=1)]
        last = _chunk(_frame("end", len(answer) + 1, {})) + _chunk(b"")
        self.stream = (_STREAM_HEAD + _chunk(b"\n") + frames[0], *frames[1:-1], frames[-1] + last)

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
            request, *lines = self._received[:end_of_head].split(b"\r\n")
            headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
            end = end_of_head + 4 + int(headers.get(b"content-length", b"0"))
            if len(self._received) < end:
                return
            body, self._received = self._received[end_of_head + 4 : end], self._received[end:]
            self._answer(request.split(b" ")[1], headers, body, began_at)

    def _answer(self, path: bytes, headers: dict[bytes, bytes], body: bytes, began_at: float) -> None:
        agent = self._agent
        if path.endswith(b"/session"):
            # Both servers name the caller by the call's id; as the session's key it tells whose each turn is.
            self._transport.write(_sized(_json({"sessionKey": json.loads(body)["userID"]})))
            return
        if path.endswith(b"/interact/stream"):
            self._write(agent.stream)
        elif path.endswith(b"/interact"):
            asyncio.get_running_loop().call_later(
                agent.apart_seconds * len(agent.stream), self._transport.write, agent.whole
            )
        else:
            self._transport.write(_sized(b""))
            return
        agent.turns += 1
        agent.seconds[headers[b"authorization"].decode()] = time.perf_counter() - began_at

    def _write(self, pieces: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        for number, piece in enumerate(pieces, start=1):
            if self._agent.apart_seconds:
                loop.call_later(number * self._agent.apart_seconds, self._transport.write, piece)
            else:
                self._transport.write(piece)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _frame(event: str, number: int, data: object) -> bytes:
    return b"event: %s\nid: %d\ndata: %s\n\n" % (event.encode(), number, _json(data))


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def _sized(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content)
