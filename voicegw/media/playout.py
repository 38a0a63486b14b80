"""What the caller hears, and has heard: utterances in order, sent a little ahead of the carrier's playing.

Rules: the carrier holds 200–400 ms at most, so that an interruption is short and jitter inaudible. Every piece is
followed by a mark; what a mark has named back was heard. Each clear begins a new generation, and marks of an old one
mean nothing, for Twilio sends "all pending marks" back on `clear`. A mark that is 2 s late counts as come.
Knows no socket; `now` is monotonic seconds.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from voicegw.media.commands import ClearAudio, SendAudio, SendMark
from voicegw.media.utterances import BYTES_PER_SECOND, Dropped, Utterance

LEAD_LEAST_SECONDS: Final = 0.2
LEAD_MOST_SECONDS: Final = 0.4
PIECE_LEAST_BYTES: Final = 480  # 60 ms
PIECE_MOST_BYTES: Final = 1600  # 200 ms
MARK_LATE_SECONDS: Final = 2.0
MARK_TRAVEL_SECONDS: Final = 0.1
"""How long a mark may be under way without a doubt about where the carrier is."""
PAD_LEAST_SECONDS: Final = 0.1
PAD_MOST_SECONDS: Final = 0.2
"""What sounds under silence is sent no further ahead, for the next word waits until it has been played."""
STALLED_AFTER_SECONDS: Final = 8.0
LIVE_UTTERANCE_BYTES: Final = 40_000  # 5 s: of something endless, what was heard is forgotten piece by piece

_DRY_SECONDS: Final = PIECE_LEAST_BYTES / BYTES_PER_SECOND
_ROUNDING_SECONDS: Final = 1e-6


@dataclass(frozen=True, slots=True)
class _Piece:
    """Audio at the carrier that is not known to have been heard, up to position `end` of its utterance."""

    mark: str
    utterance: Utterance
    end: int
    size: int


class Playout:
    """The outbound half of one stream. `generation` is what a piece must carry to be worth sending."""

    def __init__(self) -> None:
        self.generation = 0
        self.held = False
        self._open = False
        self._queue: list[Utterance] = []
        self._flying: deque[_Piece] = deque()
        self._plays_until = 0.0
        self._pad = Utterance(number=0)
        self._padded_from: float | None = None  # when what was said had been played, if only padding came since

    @property
    def numbers(self) -> tuple[int, ...]:
        """The utterances that have not been heard to their end, in order."""
        return tuple(utterance.number for utterance in self._queue)

    @property
    def all_heard(self) -> bool:
        """Has the caller heard everything there is to hear? An endless prompt counts once it was heard through."""
        return all(utterance.heard_enough for utterance in self._queue)

    @property
    def said_until(self) -> float:
        """When the carrier has played, or will have, what it has of what is said: padding apart."""
        return self._plays_until if self._padded_from is None else self._padded_from

    @property
    def unsent_bytes(self) -> int:
        """How much audio waits to be sent, repetitions apart."""
        return sum(utterance.unsent for utterance in self._queue)

    def open(self, now: float) -> None:
        """The carrier takes audio from now on."""
        self._open = True
        self._plays_until = now
        self._restart_stall(now)

    def close(self) -> None:
        """Nothing is sent any more."""
        self.generation += 1
        self._open = False
        self._queue.clear()
        self._flying.clear()

    def begin(self, number: int, now: float, *, loops: int = 1) -> None:
        """Queue utterance `number`; its audio comes later."""
        for utterance in self._queue:
            utterance.stop_repeating()
        self._queue.append(Utterance(number=number, loops=loops, fed_at=now))

    def begin_live(self, number: int, audio: bytes) -> None:
        """Queue utterance `number`, whole as it is; `extend` may make it longer."""
        self._queue.append(Utterance(number=number, audio=bytearray(audio), finished=True))

    def extend(self, number: int, audio: bytes) -> bool:
        """Make the last utterance longer. False if it is not `number`, has been heard, or is long enough."""
        last = self._queue[-1] if self._queue else None
        if last is None or last.number != number or len(last.audio) >= LIVE_UTTERANCE_BYTES:
            return False
        last.audio += audio
        return True

    def receive_audio(self, number: int, audio: bytes, now: float) -> bool:
        """More audio of an utterance; of one that was dropped it is ignored. False: no news, enough was here."""
        utterance = self._find(number)
        if utterance is None or utterance.finished:
            return False
        had_enough = utterance.unsent >= PIECE_LEAST_BYTES
        utterance.audio += audio
        utterance.fed_at = now
        return not had_enough

    def finish(self, number: int) -> None:
        """All audio of an utterance has come."""
        if (utterance := self._find(number)) is not None:
            utterance.finished = True

    def has_audio(self, number: int) -> bool:
        """Has any audio of an utterance come?"""
        return any(each.number == number and each.audio for each in self._queue)

    def replace(self, number: int, successor: int, now: float) -> None:
        """Utterance `successor` takes the place of one that had no audio, and is played once."""
        self._queue = [
            Utterance(number=successor, fed_at=now) if each.number == number else each for each in self._queue
        ]

    def receive_mark(self, name: str, now: float) -> bool:
        """The carrier named a mark back; old and foreign ones are ignored. False: no news, it plays as believed."""
        if not any(piece.mark == name for piece in self._flying):
            return False
        reached = ""
        while reached != name:
            piece = self._flying.popleft()
            piece.utterance.heard, reached = piece.end, piece.mark
        # The carrier still has what is flying, less what it played while the mark was under way.
        latest, believed = now + self._flying_seconds(), self._plays_until
        self._plays_until = min(max(believed, latest - MARK_TRAVEL_SECONDS), latest)
        return self._plays_until < believed or any(each.heard_enough for each in self._queue)

    def hold(self, now: float) -> list[ClearAudio]:
        """Fall silent at once, to go on later from the last mark that came back; again changes nothing."""
        if self.held:
            return []
        self.held = True
        return self._clear(now)

    def resume(self, now: float) -> None:
        """Go on where the caller was when `hold` came."""
        self.held = False
        self._restart_stall(now)

    def drop(self, now: float, wanted: Callable[[int], bool]) -> tuple[list[Dropped], list[ClearAudio]]:
        """Throw the `wanted` utterances away, also what the carrier has of them; the others are played, whole where
        they had not begun. Ends a hold."""
        going = [utterance for utterance in self._queue if wanted(utterance.number)]
        dropped = [self._describe(utterance, now) for utterance in going]
        self._queue = [utterance for utterance in self._queue if utterance not in going]
        self.held = False
        self._restart_stall(now)
        playing_on = any(each.sent for each in self._queue) and not any(each.sent for each in going)
        # Else not gated on what we believe the carrier has: a clear too many costs nothing.
        return dropped, self._clear(now) if going and not playing_on else []

    def send(self, now: float) -> list[SendAudio | SendMark]:
        """What to hand to the carrier now, so that it never runs dry and never holds much."""
        self._believe_late_marks(now)
        out = self._top_up(now) if self._open and not self.held else []
        self._forget_heard()
        return out

    def pad(self, now: float, render: Callable[[int], bytes]) -> list[SendAudio | SendMark]:
        """Where nothing is to be said, send what `render` makes of so many bytes. It is no utterance (number 0): nobody
        waits until it has been heard."""
        at = self.pad_at()
        if at is None or now < at - _ROUNDING_SECONDS:
            return []
        if self._padded_from is None:
            self._padded_from = max(now, self._plays_until)
        lead = max(0.0, self._plays_until - now)
        audio = render(round((PAD_MOST_SECONDS - lead) * BYTES_PER_SECOND))
        self._pad.sent += len(audio)
        self._plays_until = now + lead + len(audio) / BYTES_PER_SECOND
        return self._fly(self._pad, audio)

    def pad_at(self) -> float | None:
        """When `pad` must be called next, if there is anything to pad with; None while there is something to say."""
        head = self._head()
        is_silent = self.held or head is None or not head.unsent
        return self._plays_until - PAD_LEAST_SECONDS if self._open and is_silent else None

    def next_timer(self) -> float | None:
        """When `send` must be called again, if nothing else happens."""
        times = [self._mark_due_at()] if self._flying else []
        head = self._head()
        if self._open and not self.held and head is not None and head.unsent:
            ahead = LEAD_LEAST_SECONDS if self._is_worth_sending(head) else _DRY_SECONDS
            times.append(self._plays_until - ahead)
        return min(times, default=None)

    def stalled_at(self) -> float | None:
        """When the utterance whose turn it is has to be given up, because its audio does not come."""
        head = self._head()
        if not self._open or self.held or head is None or head.finished:
            return None
        return max(head.fed_at, self.said_until) + STALLED_AFTER_SECONDS

    def stalled(self, now: float) -> int | None:
        """The utterance whose audio has been waited for too long."""
        at = self.stalled_at()
        return head.number if at is not None and at <= now and (head := self._head()) is not None else None

    def heard_by_now(self, number: int, now: float) -> int:
        """Bytes of an utterance that have been heard, by marks and, since the last of them, by the clock."""
        utterance = self._find(number)
        if utterance is None:
            return 0
        unplayed = max(0.0, self._plays_until - now) * BYTES_PER_SECOND
        heard = max(utterance.heard, utterance.reached)
        for piece in reversed(self._flying):
            if piece.utterance is utterance and unplayed < piece.size:
                heard = max(heard, piece.end - round(unplayed))
            unplayed = max(0.0, unplayed - piece.size)
        return heard

    def _top_up(self, now: float) -> list[SendAudio | SendMark]:
        out: list[SendAudio | SendMark] = []
        lead = max(0.0, self._plays_until - now)
        if lead > LEAD_LEAST_SECONDS + _ROUNDING_SECONDS:
            return out
        while (room := round((LEAD_MOST_SECONDS - lead) * BYTES_PER_SECOND)) >= PIECE_LEAST_BYTES:
            head = self._head()
            if head is None or not (self._is_worth_sending(head) or self._is_dry(head, lead)):
                break
            audio = head.take(min(head.unsent, PIECE_MOST_BYTES, room))
            lead += len(audio) / BYTES_PER_SECOND
            out += self._fly(head, audio)
            self._plays_until = now + lead
            self._padded_from = None
        return out

    def _fly(self, utterance: Utterance, audio: bytes) -> list[SendAudio | SendMark]:
        mark = f"{self.generation}.{utterance.number}.{utterance.sent}"
        self._flying.append(_Piece(mark, utterance, utterance.sent, len(audio)))
        sent = SendAudio(generation=self.generation, utterance=utterance.number, audio=audio)
        return [sent, SendMark(generation=self.generation, name=mark)]

    def _is_worth_sending(self, head: Utterance) -> bool:
        """A short piece is sent only where nothing could make it longer."""
        return head.unsent >= PIECE_LEAST_BYTES or (head.finished and head.unsent > 0)

    def _is_dry(self, head: Utterance, lead: float) -> bool:
        return head.unsent > 0 and lead <= _DRY_SECONDS + _ROUNDING_SECONDS

    def _head(self) -> Utterance | None:
        """The utterance whose audio goes out next."""
        return next((each for each in self._queue if not each.all_sent), None)

    def _find(self, number: int) -> Utterance | None:
        return next((utterance for utterance in self._queue if utterance.number == number), None)

    def _flying_seconds(self) -> float:
        return sum(piece.size for piece in self._flying) / BYTES_PER_SECOND

    def _mark_due_at(self) -> float:
        after = self._flying_seconds() - self._flying[0].size / BYTES_PER_SECOND
        return self._plays_until - after + MARK_LATE_SECONDS

    def _believe_late_marks(self, now: float) -> None:
        while self._flying and self._mark_due_at() <= now:
            piece = self._flying.popleft()
            piece.utterance.heard = piece.end

    def _forget_heard(self) -> None:
        while self._queue and self._queue[0].over:
            self._queue.pop(0)

    def _clear(self, now: float) -> list[ClearAudio]:
        for utterance in self._queue:
            utterance.reached = self.heard_by_now(utterance.number, now)
            utterance.sent = utterance.heard
        self.generation += 1
        self._flying.clear()
        self._plays_until, self._padded_from = now, None
        return [ClearAudio()] if self._open else []

    def _restart_stall(self, now: float) -> None:
        for utterance in self._queue:
            utterance.fed_at = now

    def _describe(self, utterance: Utterance, now: float) -> Dropped:
        heard = self.heard_by_now(utterance.number, now)
        total = len(utterance.audio) if utterance.finished else 0
        share = min(1.0, heard / total) if total else None
        return Dropped(utterance.number, heard / BYTES_PER_SECOND, share)
