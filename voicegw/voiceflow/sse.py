"""The agent's answer as a stream of server-sent events: bytes in, events out.

Pure. Frames are cut as the HTML standard says (lines end in LF, CR or CRLF; a blank line ends a frame; a line
that begins with a colon is a comment), with what Voiceflow's streaming recipe adds. Knows no traces and no HTTP.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_FRAME_BYTES = 4 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A comment has no name; `retry`, and what is new to us, is of no use. A space behind the colon is no part of the value.
_FIELD = re.compile(r"^(event|data|id)(?:: ?(.*))?$", re.MULTILINE)


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
        self._line_end = b""
        self._begun: list[bytes] = []
        self._begun_bytes = 0
        self._id = ""

    def receive(self, chunk: bytes) -> list[ServerEvent]:
        """Take the next slice of the body, of any length, and return the events it completes."""
        events: list[ServerEvent] = []
        if self.overflowed:
            return events
        *frames, beginning = self._with_line_feeds(chunk).split(b"\n\n")
        if frames and self._begun:
            frames[0] = b"".join((*self._begun, frames[0]))
            self._begun, self._begun_bytes = [], 0
        for frame in frames:
            if len(frame) > self._max_frame_bytes:
                self.overflowed = True
                return events
            if (event := self._read_frame(frame)) is not None:
                events.append(event)
        if beginning.endswith(b"\n"):  # half of a blank line, perhaps
            beginning, self._line_end = beginning[:-1], b"\n"
        if beginning:
            self._begun.append(beginning)
            self._begun_bytes += len(beginning)
            self.overflowed = self._begun_bytes > self._max_frame_bytes
        return events

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """What is to be read now, in which every line ends in LF."""
        # A CR ends its line at once, for nothing may follow; an LF right behind it, even in a later slice, is
        # part of the same line end.
        if self._skip_line_feed and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_line_feed = False
        if chunk:
            self._skip_line_feed = chunk.endswith(b"\r")
        line_end, self._line_end = self._line_end, b""
        return line_end + chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _read_frame(self, frame: bytes) -> ServerEvent | None:
        if self._at_start:
            self._at_start = False
            frame = frame.removeprefix(_BYTE_ORDER_MARK)
        event = ""
        data: list[str] = []
        # Only whole frames are decoded: a slice may end inside a character.
        for name, value in _FIELD.findall(frame.decode("utf-8", "replace")):
            if name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif "\0" not in value:
                self._id = value
        # Voiceflow's recipe: the body opens with a blank line; drop frames without an `event:`.
        if not event:
            return None
        self.finished = self.finished or event == "end"
        return ServerEvent(event, "\n".join(data), self._id)
