"""The agent's answer as a stream of server-sent events: bytes in, events out.

Pure. Frames are cut as the HTML standard says (lines end in LF, CR or CRLF; a blank line ends a frame; a line
that begins with a colon is a comment), with what Voiceflow's streaming recipe adds. Knows no traces and no HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_FRAME_BYTES = 4 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name, its data lines joined by LF, and the last id the stream gave."""

    event: str
    data: str
    id: str = ""


class EventStream:
    """Cuts one answer into events, however the network has sliced it; never raises on what the agent sent.

    `finished` is true once the `end` event came: an answer that ends before it was cut off. (The `end` *event*
    ends the answer; the `end` *trace* ends the conversation.) `overflowed` is true once a frame grew over
    `max_frame_bytes`: nothing after that is read.
    """

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.finished = False
        self.overflowed = False
        self._max_frame_bytes = max_frame_bytes
        self._at_start = True
        self._skip_line_feed = False
        self._line: list[bytes] = []
        self._event = ""
        self._data: list[str] = []
        self._id = ""
        self._frame_bytes = 0

    def receive(self, chunk: bytes) -> list[ServerEvent]:
        """Take the next slice of the body, of any length, and return the events it completes."""
        events: list[ServerEvent] = []
        *ends_of_lines, beginning = self._split(chunk)
        for piece in ends_of_lines:
            if not self._fits(piece):
                return events
            line = piece
            if self._line:
                line = b"".join((*self._line, piece))
                self._line.clear()
            if self._at_start:
                self._at_start = False
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line:
                self._take_field(line)
            elif (event := self._end_frame()) is not None:
                events.append(event)
        if beginning and self._fits(beginning):
            self._line.append(beginning)
        return events

    def _split(self, chunk: bytes) -> list[bytes]:
        # A CR ends its line at once, for nothing may follow; an LF right behind it, even in a later slice, is
        # part of the same line end.
        if self._skip_line_feed and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_line_feed = False
        if chunk:
            self._skip_line_feed = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")

    def _fits(self, piece: bytes) -> bool:
        self._frame_bytes += len(piece)
        if self._frame_bytes > self._max_frame_bytes:
            self.overflowed = True
        return not self.overflowed

    def _take_field(self, line: bytes) -> None:
        # Only whole lines are decoded: a slice may end inside a character.
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case _:
                pass  # a comment (no name), `retry`, or a field that is new to us

    def _end_frame(self) -> ServerEvent | None:
        event, data = self._event, "\n".join(self._data)
        self._event = ""
        self._data.clear()
        self._frame_bytes = 0
        # Voiceflow's recipe: the body opens with a blank line; drop frames without an `event:`.
        if not event:
            return None
        self.finished = self.finished or event == "end"
        return ServerEvent(event, data, self._id)
