"""The person's side of a line: hear, press, speak, hang up. What a caller or a dialled human is written against."""

import asyncio
from typing import Protocol

from voicegw.simulator.gather import KEYS
from voicegw.simulator.journal import CLOCK_TICK_SECONDS
from voicegw.simulator.line import Invitation, Line, Sound
from voicegw.simulator.speech import speaking_seconds
from voicegw.simulator.stream.sound import seconds_of
from voicegw.simulator.timeline import CallerPressed, CallerSpoke, LostBecause

QUESTION_SECONDS = 1.5
"""A Gather that would listen longer than this after its last sound is a question; a shorter one, a gap in an answer."""


class Caller(Protocol):
    """Someone who uses a phone until the call ends or they hang up. Cancelled when the call ends."""

    async def run(self, phone: "Phone") -> None:
        """Live through one call; returning means staying on the line in silence."""
        ...


class Phone:
    """One person's phone. Times are seconds since the call was placed."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._acted_in_invitation = 0

    @property
    def now_seconds(self) -> float:
        return self._line.journal.now_seconds()

    @property
    def playing(self) -> Sound | None:
        """What is in the ear now."""
        return self._line.sound

    @property
    def begun(self) -> list[Sound]:
        """All sounds so far, in order, the present one included."""
        return self._line.begun

    @property
    def invitation(self) -> Invitation | None:
        """The Gather that is open now."""
        return self._line.invitation

    @property
    def ended(self) -> bool:
        return self._line.ended

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def wait_for_sound(self, position: int) -> Sound:
        """Wait until the sound number `position` (from 0) begins."""
        await self._line.wait_until(lambda: len(self._line.begun) > position)
        return self._line.begun[position]

    async def wait_for_end_of(self, sound: Sound) -> None:
        """Wait until this sound is over."""
        await self._line.wait_until(lambda: self._line.sound is not sound)

    async def understand(self, sound: Sound) -> str:
        """The words of a sound; on a stream they are made out when it is over."""
        await self._line.wait_until(lambda: sound.understood)
        return sound.text

    async def wait_for_quiet(self, seconds: float) -> None:
        """Wait until nothing has been heard for so long (on a stream for half a second at least)."""
        line = self._line
        while True:
            await line.wait_until(lambda: line.sound is None)
            quiet_at = line.quiet_since_seconds + seconds
            if (left_seconds := quiet_at - self.now_seconds) <= CLOCK_TICK_SECONDS:
                return
            await asyncio.sleep(left_seconds)

    async def wait_for_turn(self) -> None:
        """Wait until it is this person's turn: the prompts are over and a question is open in which they did not act.
        On a stream nobody can see a question: it is their turn when the agent has been quiet for a moment.

        Whoever speaks in the gap between two parts of an answer interrupts; this waits for the answer's end.
        """
        await self._line.wait_until(self._is_my_turn)

    def _is_my_turn(self) -> bool:
        invitation = self._line.invitation
        return (
            invitation is not None
            and self._line.sound is None
            and not self._line.prompting
            and invitation.window_seconds > QUESTION_SECONDS
            and invitation.number > self._acted_in_invitation
        )

    def press(self, key: str) -> bool:
        """Press one key; answers whether anyone took it. Raises ValueError if a phone has no such key."""
        if key not in KEYS:
            raise ValueError(f"a phone has no key {key!r}")
        if self._line.ended:
            return False
        self._acted()
        lost_because: LostBecause | None = self._line.deaf_because
        if (listener := self._line.listener) is not None:
            lost_because = listener.receive_key(key)
        self._line.journal.keep(CallerPressed(at_seconds=self.now_seconds, key=key, lost_because=lost_because))
        return not lost_because

    async def press_keys(self, keys: str, gap_seconds: float = 0.3) -> None:
        """Press keys one after another; `w` and `W` in between wait 0.5 s and 1 s."""
        first = True
        for key in keys:
            if key in "wW":
                await self.wait(0.5 if key == "w" else 1.0)
                continue
            if not first:
                await self.wait(gap_seconds)
            first = False
            self.press(key)

    async def say(self, text: str, *, seconds: float | None = None, confidence: float | None = 0.9) -> bool:
        """Speak for `seconds` (else at a usual pace); answers whether anyone listened. Cut short by the call's end.

        On a stream it takes as long as the audio that the caller's voice makes of it.
        """
        if self._line.mouthpiece is not None:
            return await self.sound(await self._line.speech.speak(text), text)
        return await self._speak(text, speaking_seconds(text) if seconds is None else seconds, confidence)

    async def sound(self, audio: bytes, text: str = "", *, confidence: float | None = 0.9) -> bool:
        """Let this mulaw be heard, which says `text`, or is only a noise; else as `say`."""
        mouthpiece = self._line.mouthpiece
        length = seconds_of(audio) if mouthpiece is None or self._line.ended else mouthpiece.speak(audio)
        return await self._speak(text, length, confidence)

    async def _speak(self, text: str, length: float, confidence: float | None) -> bool:
        if self._line.ended:
            return False
        self._acted()
        began_at = self.now_seconds
        listener = self._line.listener
        lost_because = self._line.deaf_because if listener is None else listener.receive_speech_started()
        try:
            await asyncio.sleep(length)
        finally:
            spoke = round(self.now_seconds - began_at, 6)
            self._line.journal.keep(
                CallerSpoke(at_seconds=began_at, seconds=spoke, text=text, lost_because=lost_because)
            )
        if listener is not None and not lost_because:
            listener.receive_speech_ended(text, confidence)
        return not lost_because

    def hang_up(self) -> None:
        """Put the phone down."""
        self._line.hung_up.set()

    def _acted(self) -> None:
        self._acted_in_invitation = self._line.invitations
