"""A perfect carrier and a virtual clock for one media session: audio drains in real time, marks come back in order.

`Line` holds the carrier's promises (a mark returns when what was sent before it has been played, or at once after a
clear) and watches ours: nothing of an old utterance after a clear, no more than the lead, no gap while there is audio.
`played` is what was said, `padded` what sounded where nothing was.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from voicegw.call.instructions import Collect
from voicegw.call.plan import Hearing
from voicegw.call.profile import Endpointing
from voicegw.media import commands as c
from voicegw.media.background import Background
from voicegw.media.phases import Phase, SessionRules
from voicegw.media.session import MediaSession

FRAME = 0.02
WINDOW = 0.032
MOST_BUFFERED_SECONDS = 0.4 + 0.001
HEARING = Hearing(keypad=Collect(), language="en-US", endpointing=Endpointing.PATIENT)


@dataclass
class Played:
    utterance: int
    begin: float
    audio: bytes
    end: float


@dataclass
class Line:
    """Drives a session. `on_command` is told every command but those for the carrier; it may schedule answers."""

    session: MediaSession
    on_command: Callable[[c.Command, float], None] = lambda *_: None
    now: float = 0.0
    plays_until: float = 0.0
    played: list[Played] = field(default_factory=list)
    padded: list[Played] = field(default_factory=list)
    log: list[tuple[float, c.Command]] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)
    open: bool = False
    voice: float = 0.0
    caller_audio: bytes = b"\xff" * 160
    watch: Callable[[], None] = lambda: None
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0
    _marks: list[tuple[float, str]] = field(default_factory=list)

    def at(self, when: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, act))

    def start(self) -> None:
        self.open = True
        self.plays_until = self.now
        self.session.receive_start(self.now)
        self._tick_frame()
        self._tick_voice()
        self.obey()

    def run(self, until: float) -> None:
        """Let time pass: timers, marks and whatever was scheduled, each at its instant."""
        at_once = 0
        while self.session.phase is not Phase.ENDED:
            timer = self.session.next_timer()
            assert timer is not None
            mark = self._marks[0][0] if self._marks else None
            event = self._events[0][0] if self._events else None
            nearest = min(at for at in (timer, mark, event) if at is not None)
            if nearest > until:
                break
            at_once = at_once + 1 if nearest <= self.now else 0
            assert at_once < 200, "time stands still"
            self.now = max(self.now, nearest)
            if mark is not None and mark <= self.now:
                self.session.receive_mark(self._marks.pop(0)[1], self.now)
            elif event is not None and event <= self.now:
                heapq.heappop(self._events)[2]()
            else:
                self.session.receive_timer(self.now)
            self.obey()
        self.now = max(self.now, until)

    def obey(self) -> None:
        """Carry out what the session asks for, and watch it."""
        for command in self.session.take_commands():
            self.log.append((self.now, command))
            match command:
                case c.SendAudio():
                    self._play(command)
                case c.SendMark(name=name):
                    assert command.generation == self.session.generation
                    self._marks.append((max(self.now, self.plays_until), name))
                case c.ClearAudio():
                    self._clear()
                case c.StopSynthesis(utterance=utterance):
                    self.dropped.add(utterance)
                    self.on_command(command, self.now)
                case _:
                    self.on_command(command, self.now)
        self.watch()

    def commands(self, kind: type) -> list[c.Command]:
        return [command for _, command in self.log if isinstance(command, kind)]

    def when(self, kind: type) -> list[float]:
        return [at for at, command in self.log if isinstance(command, kind)]

    def heard(self, utterance: int) -> bytes:
        """What the caller's ear got of an utterance until now."""
        return b"".join(
            piece.audio[: max(0, round((min(piece.end, self.now) - piece.begin) * 8000))]
            for piece in self.played
            if piece.utterance == utterance
        )

    def _play(self, command: c.SendAudio) -> None:
        assert self.open, "audio before the stream was open"
        assert command.generation == self.session.generation, "audio of an old generation"
        assert command.utterance not in self.dropped, "audio of a prompt that was cut off"
        assert 0 < len(command.audio) <= 1600
        begin = max(self.now, self.plays_until)
        self.plays_until = begin + len(command.audio) / 8000
        assert self.plays_until - self.now <= MOST_BUFFERED_SECONDS, "the carrier holds too much"
        heard = self.played if command.utterance else self.padded
        heard.append(Played(command.utterance, begin, command.audio, self.plays_until))

    def _clear(self) -> None:
        for piece in (*self.played, *self.padded):
            piece.end = min(piece.end, max(self.now, piece.begin))
        self.plays_until = self.now
        # Twilio: on `clear` all pending marks come back at once.
        self._marks = [(self.now, name) for _, name in self._marks]

    def _tick_frame(self) -> None:
        self.session.receive_caller_audio(self.caller_audio, self.now)
        self.at(self.now + FRAME, self._tick_frame)

    def _tick_voice(self) -> None:
        self.session.receive_voice_probability(self.voice, WINDOW, self.now)
        self.at(self.now + WINDOW, self._tick_voice)


def new_line(
    rules: SessionRules | None = None, hearing: Hearing = HEARING, background: Background | None = None
) -> Line:
    return Line(MediaSession(rules or SessionRules(), hearing, 0.0, background))
