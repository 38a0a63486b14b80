"""Uvicorn's upgrades handed to picows, on the one port that answers HTTP and media."""

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]

from voicegw.twilio.direct_socket import DirectSockets

HANDSHAKE_SECONDS: Final = 5.0
_BUFFER_BYTES: Final = 4096  # ten frames of a caller's line; it grows where a message is longer
_CONNECTION: Final = re.compile(rb"\r\nconnection: [^\r\n]*\r\n", re.IGNORECASE)

_log = logging.getLogger("voicegw.media-sockets")
_log.setLevel(logging.WARNING)  # picows tells of every connection


class _Upgraded(WSProtocol):  # type: ignore[misc]
    """A connection whose request for an upgrade was read by somebody else."""

    def __init__(self, sockets: DirectSockets, max_frame_bytes: int, **_uvicorns: object) -> None:
        super().__init__(
            None,  # host and port: a client's
            None,  # path: a client's
            False,  # is_client_side
            sockets.listen,
            _log,
            True,  # disconnect_on_exception
            HANDSHAKE_SECONDS,
            False,  # a caller's line is never quiet: who sends nothing is noticed sooner than by a ping
            10.0,
            10.0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            True,  # enable_auto_pong
            max_frame_bytes,
            None,  # extra_headers
            _BUFFER_BYTES,
        )

    def data_received(self, data: bytes) -> None:
        """The request, as uvicorn writes it anew; what follows is read into the buffer by the loop.

        RFC 6455 has `Connection` hold the token, among others; picows knows it only alone. uvicorn has looked for it.
        """
        rest = memoryview(_CONNECTION.sub(b"\r\nconnection: Upgrade\r\n", data))
        while rest:
            room = self.get_buffer(len(rest))
            size = min(len(room), len(rest))
            room[:size] = rest[:size]
            self.buffer_updated(size)
            rest = rest[size:]


def upgrade_to(sockets: DirectSockets, max_frame_bytes: int) -> Callable[..., Any]:
    """What uvicorn's setting `ws` takes: all its WebSockets are streams from then on."""
    return partial(_Upgraded, sockets, max_frame_bytes)
