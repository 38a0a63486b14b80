"""The seam to the gateway: one HTTP exchange, no redirects, no retries, no cookies. Those rules are the carrier's.

Implemented over the network by `web_aiohttp.HttpWeb` and inside the process by `web_asgi.AsgiWeb`. Wrap either to
inject faults: the seam is one method, and one more where calls are streamed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from voicegw.simulator.stream.web_socket import Socket, SocketRequest

# The vendor's codes for what goes wrong before there is an answer.
READ_FAILED = 11200
CONNECT_FAILED = 11205
PROTOCOL_VIOLATION = 11206
BAD_HOST = 11210
TLS_FAILED = 11220

Headers = Sequence[tuple[str, str]]


class WebError(Exception):
    """No answer came. `code` is the vendor's error code; `reached` is false if the request surely was not delivered."""

    def __init__(self, code: int, message: str, *, reached: bool) -> None:
        super().__init__(message)
        self.code = code
        self.reached = reached


@dataclass(frozen=True, slots=True, kw_only=True)
class WebRequest:
    """What to send. `url` is sent as it is written, without user information and fragment."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    connect_seconds: float = 5.0
    read_seconds: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAnswer:
    """What came back, whole."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value of a header, whatever its case; "" if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class WebClient(Protocol):
    """Sends one request and reads the whole answer. Raises WebError. Cancelling it disconnects."""

    async def send(self, request: WebRequest) -> WebAnswer:
        """Send `request`; see the class."""
        ...

    async def open_socket(self, request: SocketRequest) -> Socket:
        """Open a WebSocket. Raises SocketRefusedError. Only calls that are streamed need it."""
        ...
