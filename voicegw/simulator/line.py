"""The voice path between one person and the carrier: what sounds, who listens, who hung up.

The carrier plays and listens; the person's side is `phone.Phone`. Knows neither TwiML nor scripts.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from voicegw.simulator.journal import Journal
from voicegw.simulator.speech import CallerSpeech, Humming
from voicegw.simulator.timeline import Answered, Heard, LostBecause, SoundBegan, SoundKind


class Listener(Protocol):
    """Whoever takes the person's input now. Each call answers None if it was taken, else why it was lost."""

    def receive_key(self, key: str) -> LostBecause | None:
        """A key goes down."""
        ...

    def receive_speech_started(self) -> LostBecause | None:
        """The person begins to speak."""
        ...

    def receive_speech_ended(self, text: str, confidence: float | None) -> None:
        """The person stops; only if the beginning was taken."""
        ...


class Mouthpiece(Protocol):
    """What takes the person's voice as audio: a stream."""

    def speak(self, audio: bytes) -> float:
        """Say this mulaw behind what is being said; answers in how many seconds it will have been said."""
        ...


@dataclass(slots=True, eq=False)
class Sound:
    """A sound that is in the ear now. What is not yet `understood` gets its text when its words have been made out."""

    kind: SoundKind
    text: str
    at_seconds: float
    seconds: float
    understood: bool = True


@dataclass(frozen=True, slots=True)
class Invitation:
    """A Gather that is open. `number` counts them; `window_seconds` is how long it listens after its last sound."""

    number: int
    window_seconds: float
    takes_keys: bool
    takes_speech: bool


class Line:
    """One person's line. Only one sound and one listener at a time; whoever waits is woken at every change."""

    def __init__(self, journal: Journal, speech: CallerSpeech | None = None) -> None:
        self.journal = journal
        self.speech = speech or Humming()
        self.mouthpiece: Mouthpiece | None = None
        self.quiet_since_seconds = 0.0
        self.sound: Sound | None = None
        self.begun: list[Sound] = []
        self.invitation: Invitation | None = None
        self.invitations = 0
        self.prompting = False
        self.answered_at_seconds: float | None = None
        self.hung_up = asyncio.Event()
        self.ended = False
        self.deaf_because = LostBecause.NOT_ANSWERED
        self.listener: Listener | None = None
        # In the order in which they came, so that a call in virtual time goes the same way each time.
        self._waiters: dict[asyncio.Future[None], None] = {}

    def answer(self) -> None:
        """The carrier picks up; once."""
        if self.answered_at_seconds is None:
            self.answered_at_seconds = self.journal.now_seconds()
            self.deaf_because = LostBecause.OUTSIDE_GATHER
            self.journal.tell(Answered(at_seconds=self.answered_at_seconds))
            self.changed()

    async def play(self, kind: SoundKind, text: str, seconds: float) -> None:
        """Let a sound be heard for `seconds`; cancelled, it is cut there and written down as far as it was heard."""
        journal = self.journal
        sound = self.begin(Sound(kind, text, journal.now_seconds(), seconds))
        cut = True
        try:
            await asyncio.sleep(seconds)
            cut = False
        finally:
            ended_at = journal.now_seconds()
            heard = round(ended_at - sound.at_seconds, 6)
            journal.keep(Heard(at_seconds=sound.at_seconds, seconds=heard, kind=kind, text=text, cut=cut))
            self.fall_silent(ended_at)

    def begin(self, sound: Sound) -> Sound:
        """Let a sound be in the ear until `fall_silent`."""
        self.sound = sound
        self.begun.append(sound)
        began = SoundBegan(at_seconds=sound.at_seconds, kind=sound.kind, text=sound.text, seconds=sound.seconds)
        self.journal.tell(began)
        self.changed()
        return sound

    def fall_silent(self, since_seconds: float) -> None:
        """Nothing is in the ear since then."""
        self.sound = None
        self.quiet_since_seconds = since_seconds
        self.changed()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Let `listener` have the person's input inside the block."""
        self.listener = listener
        try:
            yield
        finally:
            self.listener = None
            self.changed()

    @contextmanager
    def inviting(self, window_seconds: float, *, takes_keys: bool, takes_speech: bool) -> Iterator[None]:
        """Show the person that a Gather is open inside the block."""
        self.invite(window_seconds, takes_keys=takes_keys, takes_speech=takes_speech)
        try:
            yield
        finally:
            self.withdraw()

    def invite(self, window_seconds: float, *, takes_keys: bool, takes_speech: bool) -> None:
        """Show the person that they may act, until `withdraw`."""
        self.invitations += 1
        self.invitation = Invitation(self.invitations, window_seconds, takes_keys, takes_speech)
        self.changed()

    def withdraw(self) -> None:
        """Show that it is not the person's turn."""
        self.invitation = None
        self.changed()

    @contextmanager
    def streaming(self, listener: Listener, mouthpiece: Mouthpiece) -> Iterator[None]:
        """Let a stream have the person's keys and voice inside the block."""
        self.mouthpiece = mouthpiece
        try:
            with self.listening(listener):
                yield
        finally:
            self.mouthpiece = None
            self.withdraw()

    @contextmanager
    def deaf(self, why: LostBecause) -> Iterator[None]:
        """Say why nobody listens inside the block; it is what lost inputs are written down with."""
        before, self.deaf_because = self.deaf_because, why
        try:
            yield
        finally:
            self.deaf_because = before

    def end(self) -> None:
        """The call is over for this person."""
        self.ended = True
        self.changed()

    def changed(self) -> None:
        """Wake whoever waits."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again at every change of the line."""
        while not condition():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = None
            try:
                await waiter
            finally:
                del self._waiters[waiter]
