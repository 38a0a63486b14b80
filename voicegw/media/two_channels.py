"""What was said and heard on one stream, on one time line: the caller's channel, and the agent's as it was played.

The time line is the caller's: their frames follow each other without a gap. What the carrier says of its playing
(marks) comes over the same way, so a mark stands where the frames around it stand, however late both are. The agent's
audio is placed so that a piece ends at its mark; what follows without a pause follows without a gap; what was cleared
ends at the clear. Positions count samples (mulaw at 8 kHz, one byte each). Knows no file; `now` is monotonic seconds.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from voicegw.media.utterances import BYTES_PER_SECOND

SILENCE: Final = b"\xff"
FRAME_BYTES: Final = 160
LOST_WITHIN_SECONDS: Final = 1.0
"""Frames that are late for longer than this have not been delayed by the way: what should be there was never sent."""
MARK_LATE_BYTES: Final = 2 * BYTES_PER_SECOND
UNDERRUN_BYTES: Final = 480
"""A mark that is later than its piece by so much (60 ms) says that the carrier had run dry before it."""
SHOWN_AFTER_BYTES: Final = 4000
"""The tone of an entry's last key may still sound when the entry is known: half a second more is hidden."""


@dataclass(slots=True)
class _Piece:
    """Audio of the agent's that the carrier may not have played yet, sent at a position of the time line."""

    audio: bytes
    sent_at: int
    mark: str = ""


class TwoChannels:
    """`take` gives what no mark can change any more: both channels, equally long."""

    def __init__(self, now: float) -> None:
        self._began_at = now
        self._caller = bytearray()
        self._agent = bytearray()
        self._taken = 0
        self._frame_at = now
        self._least_lag: int | None = None
        self._lag_since = now - LOST_WITHIN_SECONDS  # the first frame's lag is no jitter
        self._flying: deque[_Piece] = deque()
        self._delay = 0
        self._hidden: list[tuple[int, int | None]] = []

    def receive_caller(self, audio: bytes, now: float) -> None:
        """The caller's next frame."""
        end = self._taken + len(self._caller)
        lag = round((now - self._began_at) * BYTES_PER_SECOND) - end - len(audio)
        self._least_lag = lag if self._least_lag is None else min(self._least_lag, lag)
        if now - self._lag_since >= LOST_WITHIN_SECONDS:
            if self._least_lag > FRAME_BYTES:
                self._caller += SILENCE * self._least_lag
            self._least_lag, self._lag_since = None, now
        self._caller += audio
        self._frame_at = now
        self._believe_late_marks()

    def send(self, audio: bytes, now: float) -> None:
        """More of the agent's audio was sent."""
        self._flying.append(_Piece(audio, self._position(now)))

    def send_mark(self, name: str) -> None:
        """A mark was sent behind it."""
        if self._flying:
            self._flying[-1].mark = name

    def receive_mark(self, name: str, now: float) -> None:
        """The carrier named a mark back; one that is not awaited changes nothing."""
        if not any(piece.mark == name for piece in self._flying):
            return
        while self._flying[0].mark != name:
            self._place(self._flying.popleft())
        self._place(self._flying.popleft(), ended_at=self._position(now))

    def clear(self, now: float) -> None:
        """What was not played yet will not be: as long after `now` as a piece begins after it was sent."""
        cut_at = self._position(now) + self._delay
        while self._flying:
            self._place(self._flying.popleft(), cut_at=cut_at)

    def hide(self, hidden: bool, now: float) -> None:
        """From now on both channels are silent, or no longer; again changes nothing."""
        is_hidden = bool(self._hidden) and self._hidden[-1][1] is None
        if hidden and not is_hidden:
            self._hidden.append((self._position(now), None))
        elif is_hidden and not hidden:
            self._hidden[-1] = (self._hidden[-1][0], self._position(now) + SHOWN_AFTER_BYTES)

    def take(self) -> tuple[bytes, bytes]:
        """What is settled and was not taken before: the caller's channel, the agent's."""
        settled = self._taken + len(self._caller)
        if self._flying:
            settled = min(settled, max(self._agent_end, self._flying[0].sent_at))
        return self._take(max(0, settled - self._taken))

    def finish(self, now: float) -> tuple[bytes, bytes]:
        """The stream is over: all that was not taken, up to now. What the carrier had not played is not in it."""
        length = round((now - self._began_at) * BYTES_PER_SECOND)
        while self._flying:
            self._place(self._flying.popleft(), cut_at=length)
        missing = length - self._taken - len(self._caller)
        self._caller += SILENCE * max(0, missing)
        return self._take(max(0, length - self._taken))

    @property
    def _agent_end(self) -> int:
        return self._taken + len(self._agent)

    def _position(self, now: float) -> int:
        since_frame = round((now - self._frame_at) * BYTES_PER_SECOND)
        return self._taken + len(self._caller) + max(0, min(FRAME_BYTES, since_frame))

    def _place(self, piece: _Piece, *, ended_at: int | None = None, cut_at: int | None = None) -> None:
        due = piece.sent_at + self._delay
        begin = max(due, self._agent_end)
        if ended_at is not None:
            played_from = ended_at - len(piece.audio)
            if due >= self._agent_end:  # it had nothing to wait for: here the way is measured
                begin = max(piece.sent_at, played_from, self._agent_end)
                self._delay = begin - piece.sent_at
            elif played_from > begin + UNDERRUN_BYTES:
                begin = played_from
        audio = piece.audio if cut_at is None else piece.audio[: max(0, cut_at - begin)]
        if audio:
            self._agent += SILENCE * (begin - self._agent_end) + audio

    def _believe_late_marks(self) -> None:
        while self._flying and self._is_overdue(self._flying[0]):
            self._place(self._flying.popleft())

    def _is_overdue(self, piece: _Piece) -> bool:
        end = max(piece.sent_at + self._delay, self._agent_end) + len(piece.audio)
        return end + MARK_LATE_BYTES < self._taken + len(self._caller)

    def _take(self, size: int) -> tuple[bytes, bytes]:
        agent = self._agent[:size].ljust(size, SILENCE)
        caller = self._caller[:size]
        for begin, end in self._hidden:
            first = max(0, begin - self._taken)
            last = size if end is None else min(size, end - self._taken)
            if first < last:
                caller[first:last] = agent[first:last] = SILENCE * (last - first)
        del self._caller[:size], self._agent[:size]
        self._taken += size
        self._hidden = [each for each in self._hidden if each[1] is None or each[1] > self._taken]
        return bytes(caller), bytes(agent)
