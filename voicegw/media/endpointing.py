"""Voice probabilities in, onset and end of the caller's speech out. Time here is seconds of audio, never a clock.

| state | next | when |
|---|---|---|
| QUIET | SPEAKING | voice without a break, until `ONSET_SECONDS` of it are certain: `SpeechBegan` |
| SPEAKING | PAUSED | no voice for `ask_after_seconds`: `SpeechPaused`, the turn model is asked |
| PAUSED | SPEAKING | the same; a verdict on that pause then comes too late |
| PAUSED | QUIET | quiet for as long as the verdict on the pause asks for, or no verdict does: `SpeechEnded` |
| SPEAKING | QUIET | voice for `LONGEST_SPEECH_SECONDS`: `SpeechEnded` |

A verdict that the turn is not complete buys the caller more time. Without a model the profile's quiet decides alone.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from voicegw.call.profile import Endpointing

VOICE_FROM: Final = 0.5
VOICE_UNTIL: Final = 0.35
"""Once there is voice, a probability must fall below this to be none: two thresholds keep it from flickering."""
ONSET_SECONDS: Final = 0.048
"""Each stretch counts as much as the model is sure of it: two windows of 32 ms that are surely voice, or three that may
be. Three of whatever kind would be 12 ms later at the median, 30 ms in a word that begins with a hiss."""
COMPLETE_FROM: Final = 0.5
LONGEST_SPEECH_SECONDS: Final = 60.0
"""Who is heard for so long without a pause is a television set; the agent gets what was understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds of quiet: before the model is asked (it takes its time), and before speech ends after "complete", without
    a verdict, and after "not complete"."""

    ask_after_seconds: float
    complete_after_seconds: float
    end_after_seconds: float
    incomplete_after_seconds: float


PATIENCE: Final = {
    Endpointing.FAST: Patience(
        ask_after_seconds=0.16, complete_after_seconds=0.2, end_after_seconds=0.7, incomplete_after_seconds=1.2
    ),
    Endpointing.PATIENT: Patience(
        ask_after_seconds=0.2, complete_after_seconds=0.3, end_after_seconds=2.0, incomplete_after_seconds=2.0
    ),
    Endpointing.DICTATION: Patience(
        ask_after_seconds=0.9, complete_after_seconds=1.0, end_after_seconds=3.0, incomplete_after_seconds=3.0
    ),
}


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller speaks."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The caller may have finished: worth asking a turn model about this `pause`."""

    pause: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller has finished: after `seconds` of voice, and `quiet_seconds` without."""

    seconds: float
    quiet_seconds: float


VoiceEvent: TypeAlias = SpeechBegan | SpeechPaused | SpeechEnded


class _State(Enum):
    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSED = "paused"


class Endpointer:
    """Decides from the audio alone when the caller speaks. `pause` numbers never come twice."""

    __slots__ = (
        "_certain_seconds",
        "_complete",
        "_patience",
        "_pause",
        "_quiet_seconds",
        "_speech_seconds",
        "_state",
        "_voice_seconds",
        "_voiced",
    )

    def __init__(self, profile: Endpointing) -> None:
        self._patience = PATIENCE[profile]
        self._state = _State.QUIET
        self._voiced = False
        self._voice_seconds = 0.0
        self._certain_seconds = 0.0  # of them, each as far as the model is sure of it
        self._quiet_seconds = 0.0
        self._speech_seconds = 0.0
        self._pause = 0
        self._complete: bool | None = None  # the verdict on this pause, if there is one

    @property
    def speaking(self) -> bool:
        """Is a speech going on, pauses included?"""
        return self._state is not _State.QUIET

    @property
    def voiced(self) -> bool:
        """Was there voice in the latest audio?"""
        return self._voiced

    @property
    def speech_seconds(self) -> float:
        """How long the present speech has had voice, from its onset on; pauses do not count."""
        return self._speech_seconds if self.speaking else 0.0

    def is_unmoved_by(self, probability: float) -> bool:
        """Would audio of this probability leave everything as it is? Quiet after quiet does."""
        quiet = self._state is _State.QUIET and not self._voiced and not self._voice_seconds
        return quiet and probability < VOICE_FROM

    def configure(self, profile: Endpointing) -> None:
        """Other patience from now on."""
        self._patience = PATIENCE[profile]

    def receive(self, probability: float, seconds: float) -> VoiceEvent | None:
        """The next `seconds` of audio hold voice with this probability (0.0-1.0)."""
        self._voiced = probability >= (VOICE_UNTIL if self._voiced else VOICE_FROM)
        if self._voiced:
            return self._hear_voice(probability, seconds)
        return self._hear_quiet(seconds)

    def judge(self, pause: int, probability: float) -> VoiceEvent | None:
        """A turn model's verdict on a pause: the turn is complete with this probability. Late verdicts are ignored."""
        if self._state is not _State.PAUSED or pause != self._pause:
            return None
        self._complete = probability >= COMPLETE_FROM
        return self._end_if_quiet()

    def abandon(self) -> VoiceEvent | None:
        """What was being heard is over, whatever it was."""
        return self._end() if self.speaking else None

    def _hear_voice(self, probability: float, seconds: float) -> VoiceEvent | None:
        self._voice_seconds += seconds
        self._certain_seconds += probability * seconds
        if self._state is _State.SPEAKING:
            self._quiet_seconds = 0.0
            self._speech_seconds += seconds
            return self._end() if self._speech_seconds >= LONGEST_SPEECH_SECONDS else None
        if self._certain_seconds < ONSET_SECONDS - 1e-9:
            return None
        began = self._state is _State.QUIET
        self._speech_seconds += self._voice_seconds
        self._quiet_seconds = 0.0
        self._complete = None
        self._state = _State.SPEAKING
        return SpeechBegan() if began else None

    def _hear_quiet(self, seconds: float) -> VoiceEvent | None:
        # A click is no voice, and does not make a pause shorter.
        self._quiet_seconds += seconds + (self._voice_seconds if self._state is _State.PAUSED else 0.0)
        self._voice_seconds = self._certain_seconds = 0.0
        match self._state:
            case _State.SPEAKING if self._quiet_seconds + 1e-9 >= self._patience.ask_after_seconds:
                self._state = _State.PAUSED
                self._pause += 1
                return SpeechPaused(self._pause)
            case _State.PAUSED:
                return self._end_if_quiet()
            case _:
                return None

    def _end_if_quiet(self) -> SpeechEnded | None:
        patience = self._patience
        enough = {
            None: patience.end_after_seconds,
            True: patience.complete_after_seconds,
            False: patience.incomplete_after_seconds,
        }
        return self._end() if self._quiet_seconds + 1e-9 >= enough[self._complete] else None

    def _end(self) -> SpeechEnded:
        ended = SpeechEnded(self._speech_seconds, self._quiet_seconds)
        self._state = _State.QUIET
        self._voiced = False
        self._voice_seconds = self._certain_seconds = self._quiet_seconds = self._speech_seconds = 0.0
        self._complete = None
        return ended
