"""The socket seam over the network, by the websockets library."""

import ssl
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from voicegw.simulator.stream.web_socket import (
    ABNORMAL_CLOSURE,
    CONNECT_TIMED_OUT,
    CONNECTION_REFUSED,
    HANDSHAKE_FAILED,
    TLS_FAILED,
    UNREACHABLE,
    SocketClosedError,
    SocketRefusedError,
    SocketRequest,
)

_CLOSE_SECONDS = 2.0
_USER_AGENT = "Twilio.TmeWs/1.0"


class NetworkSocket:
    """Serves `Socket` from an open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        """See `Socket`."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as exc:
            raise _closed(exc) from exc

    async def receive(self) -> str | bytes:
        """See `Socket`."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as exc:
            raise _closed(exc) from exc

    async def close(self) -> None:
        """See `Socket`."""
        await self._connection.close()

    def abort(self) -> None:
        """See `Socket`."""
        self._connection.transport.abort()


async def open_network_socket(request: SocketRequest, address: str | None = None) -> NetworkSocket:
    """Connect to the server at `address` (`http://127.0.0.1:8080`), or where the URL says. Raises SocketRefusedError.

    The gateway behind an `address` gets the public `Host`, and `X-Forwarded-Proto`, as behind a TLS proxy.
    """
    url, headers, where = request.url, list(request.headers), dict[str, Any]()
    if address is not None:
        parts, server = urlsplit(request.url), urlsplit(address)
        is_plain = server.scheme == "http"
        url = urlunsplit(parts._replace(scheme="ws" if is_plain else "wss"))
        where = {"host": server.hostname, "port": server.port or (80 if is_plain else 443)}
        headers.append(("X-Forwarded-Proto", "https"))
    try:
        connection = await connect(
            url,
            **where,
            additional_headers=headers,
            user_agent_header=_USER_AGENT,
            open_timeout=request.within_seconds,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,
            compression=None,
            proxy=None,
            max_size=None,
        )
    except InvalidStatus as exc:
        status = exc.response.status_code
        raise SocketRefusedError(HANDSHAKE_FAILED, f"HTTP status {status} instead of 101", status) from exc
    except TimeoutError as exc:
        raise SocketRefusedError(CONNECT_TIMED_OUT, "no answer to the upgrade in time") from exc
    except ssl.SSLError as exc:
        raise SocketRefusedError(TLS_FAILED, str(exc)) from exc
    except ConnectionRefusedError as exc:
        raise SocketRefusedError(CONNECTION_REFUSED, str(exc)) from exc
    except OSError as exc:
        raise SocketRefusedError(UNREACHABLE, str(exc)) from exc
    except (InvalidHandshake, InvalidURI, EOFError) as exc:
        raise SocketRefusedError(HANDSHAKE_FAILED, str(exc)) from exc
    return NetworkSocket(connection)


def _closed(exc: ConnectionClosed) -> SocketClosedError:
    if exc.rcvd is None:
        return SocketClosedError(ABNORMAL_CLOSURE)
    return SocketClosedError(exc.rcvd.code, exc.rcvd.reason)
