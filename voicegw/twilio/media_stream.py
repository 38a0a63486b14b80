"""One socket of a Media Stream, held to the protocol: what may come when. Pure; knows no socket and no clock."""

from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_messages import (
    Connected,
    MediaMessage,
    StreamStarted,
    UnknownMessage,
    parse_message,
)


class StreamReader:
    """Reads the frames of one socket and holds them to the protocol: one `start`, nothing but `connected` before it,
    one stream. After an error the socket is not worth reading any further.

    A message is never dropped for its sequence number: TCP keeps order, and a deaf call is worse than an odd one.
    """

    __slots__ = ("_connected", "started", "stream_sid")

    def __init__(self) -> None:
        self.started: StreamStarted | None = None
        self.stream_sid: str | None = None
        self._connected = False

    def receive(self, text: str) -> MediaMessage:
        """Read the next text frame; what `read_common` reads breaks no rule. Raises `MediaMessageError`, as
        `parse_message` and for a breach of order."""
        message = parse_message(text)
        match message:
            case UnknownMessage():
                if self.started is None:
                    raise MediaMessageError("something unknown came before the stream began")
            case Connected():
                if self._connected or self.started is not None:
                    raise MediaMessageError("a second `connected` on one socket")
                self._connected = True
            case StreamStarted():
                if self.started is not None:
                    raise MediaMessageError("a second `start` on one socket")
                self.started, self.stream_sid = message, message.stream_sid
            case _ if self.started is None:
                raise MediaMessageError("something came before the stream began")
            case _ if message.stream_sid != self.started.stream_sid:
                raise MediaMessageError("a message of another stream")
            case _:
                pass
        return message
