"""PURE: `<Gather>` as a state machine. Time is an argument; no audio, no network, no clock.

Rules (vendor's Gather page; its two contradictions are settings):
- `timeout` starts when the nested verbs end, or at the first key, and anew at each key.
- A key stops the nested sound at once. `numDigits` keys, or the finish key, submit at once; else the time-out does.
- Keys and speech: the first that is detected wins, and the other is deaf from then on (finishOnKey too).
- Speech stops the time-out; `speechTimeout` after its end, or 60 s after its beginning, it is submitted.
"""

from dataclasses import dataclass
from typing import Literal

from voicegw.simulator.timeline import LostBecause

KEYS = frozenset("0123456789*#ABCD")

MAX_SPEECH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherSettings:
    """How one Gather listens. `finish_on_key` is "" for none; `num_digits` None for no limit.

    `lone_finish_key`: the vendor's two descriptions of a finish key pressed first. "ends": an empty result at once.
    "ignored": nothing but the prompt's end and the start of the time-out.
    """

    takes_keys: bool = True
    takes_speech: bool = False
    timeout_seconds: float = 5.0
    speech_timeout_seconds: float = 5.0
    max_speech_seconds: float = MAX_SPEECH_SECONDS
    num_digits: int | None = None
    finish_on_key: str = "#"
    barge_in: bool = True
    lone_finish_key: Literal["ends", "ignored"] = "ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherResult:
    """How a Gather ended. `speech` is None unless speech was detected; `finished_on_key` is "" if no key ended it."""

    digits: str = ""
    finished_on_key: str = ""
    speech: str | None = None
    confidence: float | None = None

    @property
    def empty(self) -> bool:
        """True if there is no input: without `actionOnEmptyResult` the next verb runs."""
        return not self.digits and not self.speech


class GatherMachine:
    """One Gather from its first nested verb to its `result`.

    `prompting` turns false when the nested sound has ended or must stop. Nothing is taken once there is a result.
    """

    def __init__(self, settings: GatherSettings) -> None:
        self._settings = settings
        self._digits = ""
        self._speech: list[str] = []
        self._confidence: float | None = None
        self._speech_began_at: float | None = None
        self._speaking = False
        self._deadline: float | None = None
        self.prompting = True
        self.result: GatherResult | None = None

    def next_timer(self) -> float | None:
        """When to call `receive_timer`; None for never."""
        return None if self.result else self._deadline

    def receive_prompts_ended(self, now: float) -> None:
        """The nested verbs are over. Only the first call counts, and none after an input stopped them."""
        if not self.prompting:
            return
        self.prompting = False
        if self._speech_began_at is None:
            self._deadline = now + self._settings.timeout_seconds

    def receive_key(self, key: str, now: float) -> LostBecause | None:
        """Take one key. Answers None if it was taken, else why it was lost."""
        settings = self._settings
        if self.result:
            return LostBecause.GATHER_ENDED
        if not settings.takes_keys:
            return LostBecause.NO_KEYS
        if self._speech_began_at is not None:
            # The vendor: "first detected input wins; speech first ⇒ finishOnKey ignored"
            return LostBecause.SPEECH_FIRST
        self.prompting = False
        self._deadline = now + settings.timeout_seconds
        if key == settings.finish_on_key:
            if self._digits or settings.lone_finish_key == "ends":
                self.result = GatherResult(digits=self._digits, finished_on_key=key)
            return None
        self._digits += key
        if settings.num_digits is not None and len(self._digits) >= settings.num_digits:
            self.result = GatherResult(digits=self._digits)
        return None

    def receive_speech_started(self, now: float) -> LostBecause | None:
        """The caller begins to speak. Answers None if that is heard, else why not."""
        settings = self._settings
        if self.result:
            return LostBecause.GATHER_ENDED
        if not settings.takes_speech:
            return LostBecause.NO_SPEECH
        if self._digits:
            return LostBecause.KEYS_FIRST
        if self.prompting and not settings.barge_in:
            return LostBecause.NO_BARGE_IN
        self.prompting = False
        self._speaking = True
        if self._speech_began_at is None:
            self._speech_began_at = now
        self._deadline = self._speech_began_at + settings.max_speech_seconds
        return None

    def receive_speech_ended(self, text: str, confidence: float | None, now: float) -> None:
        """The caller's words are over, for now; a pause shorter than `speech_timeout_seconds` does not end them."""
        if self.result or not self._speaking or self._speech_began_at is None:
            return
        self._speaking = False
        self._speech.append(text)
        self._confidence = confidence
        latest = self._speech_began_at + self._settings.max_speech_seconds
        self._deadline = min(now + self._settings.speech_timeout_seconds, latest)

    def receive_timer(self, now: float) -> None:
        """Time has passed; ends the Gather if its deadline has come."""
        if self.result or self._deadline is None or now < self._deadline:
            return
        if self._speech_began_at is not None:
            words = " ".join(part for part in self._speech if part)
            self.result = GatherResult(speech=words, confidence=self._confidence if words else None)
        else:
            self.result = GatherResult(digits=self._digits)
