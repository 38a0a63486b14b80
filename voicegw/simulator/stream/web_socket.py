"""The seam to the gateway's WebSocket: one socket, text and binary messages. The protocol on it is the stream's.

Implemented over the network by `web_socket_network` and inside the process by `web_socket_asgi`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

CONNECT_TIMED_OUT = 31901
CONNECTION_REFUSED = 31902
UNREACHABLE = 31904
TLS_FAILED = 31910
HANDSHAKE_FAILED = 31920

NORMAL_CLOSURE = 1000
ABNORMAL_CLOSURE = 1006


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketRequest:
    """The upgrade to ask for; `url` is `wss://…`."""

    url: str
    headers: Sequence[tuple[str, str]] = ()
    within_seconds: float = 5.0


class SocketRefusedError(Exception):
    """There is no socket. `code` is the vendor's error; `status` the HTTP status of the answer, if there was one."""

    def __init__(self, code: int, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


class SocketClosedError(Exception):
    """The socket is no more. `code` is the peer's close code; 1006: it broke without one."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code


class Socket(Protocol):
    """An open WebSocket."""

    async def send(self, text: str) -> None:
        """Send a text message. Raises SocketClosedError."""
        ...

    async def receive(self) -> str | bytes:
        """The next message of the gateway. Raises SocketClosedError."""
        ...

    async def close(self) -> None:
        """Close with 1000 and wait a moment for the gateway's own close."""
        ...

    def abort(self) -> None:
        """Let the connection vanish, without a close."""
        ...
