"""One socket of a Media Stream, held to the protocol: what may come when. Pure; knows no socket and no clock."""

from voicegw.twilio.media_fields import MediaMessageError
from voicegw.twilio.media_messages import Connected, MediaMessage, StreamStarted, UnknownMessage, parse_message


class StreamReader:
    """Reads the frames of one socket and holds them to the protocol: one `start`, nothing but `connected` before it,
    one stream. After an error the socket is not worth reading any further.

    `missing` and `repeated` count what the sequence numbers tell; a message is never dropped for its number, since
    TCP already keeps order and a deaf call is worse than an odd one.
    """

    def __init__(self) -> None:
        self.started: StreamStarted | None = None
        self.missing = 0
        self.repeated = 0
        self._connected = False
        self._last_sequence = 0

    def receive(self, text: str) -> MediaMessage:
        """Read the next text frame. Raises `MediaMessageError`, as `parse_message` and for a breach of order."""
        message = parse_message(text)
        match message:
            case UnknownMessage():
                if self.started is None:
                    raise MediaMessageError("something unknown came before the stream began")
                return message
            case Connected():
                if self._connected or self.started is not None:
                    raise MediaMessageError("a second `connected` on one socket")
                self._connected = True
                return message
            case StreamStarted():
                if self.started is not None:
                    raise MediaMessageError("a second `start` on one socket")
                self.started = message
            case _ if self.started is None:
                raise MediaMessageError("something came before the stream began")
            case _ if message.stream_sid != self.started.stream_sid:
                raise MediaMessageError("a message of another stream")
        self._count(message.sequence)
        return message

    def _count(self, sequence: int) -> None:
        # Twilio: the number "starts with 1 and increments from there", over messages of all kinds but `connected`.
        if sequence <= self._last_sequence:
            self.repeated += 1
            return
        self.missing += sequence - self._last_sequence - 1
        self._last_sequence = sequence
