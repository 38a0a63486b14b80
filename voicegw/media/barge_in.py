"""May the caller's voice interrupt a prompt, and did it? In two stages, so that a cough costs no answer.

Rules: a prompt's own policy says what may interrupt it. A voice over one that speech may interrupt holds it at once;
words, or voice for long enough, make that final; else the prompt goes on. Words that only hum along ("mhm") count as
none while somebody else is speaking. A key interrupts in one stage. Knows no audio; `now` is monotonic seconds.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from voicegw.call.instructions import BargeIn

Sense: TypeAlias = Literal["speech", "key"]

_WORD: Final = re.compile(r"\w+(?:['’-]\w+)*")
# How people say "I am listening", as recognisers spell it in any language. No word of one that we ship ("um" is
# Portuguese for one), and nothing that may be an answer: "okay" and "yeah" are as often one as not.
_HUMMING: Final = frozenset(
    (
        "mhm",
        "mhmm",
        "mm",
        "mmm",
        "mmhm",
        "mmhmm",
        "mm-hmm",
        "mm-hm",
        "m-hm",
        "mm-mm",
        "hm",
        "hmm",
        "hmhm",
        "mh",
        "uh",
        "uh-huh",
        "uhhuh",
        "uhuh",
        "huh",
        "erm",
        "uhm",
        "ah",
        "aha",
        "ah-ha",
        "ha",
        "oh",
        "äh",
        "ähm",
        "aham",
        "uhum",
        "ajá",
        "ahã",
    )
)
_SPOKEN_FROM_SECONDS: Final = 0.2  # a quick "no" has 0.26 s of voice; most hums through the nose, and most music, less
_SURELY_BELIEVED_FROM: Final = 0.85
_LONG_SECONDS: Final = 0.5
_SHORT_BELIEVED_FROM: Final = 0.6  # a little more would silence half of the spoken hums, and a sixth of "no" in noise
_LONG_BELIEVED_FROM: Final = 0.4
_ALLOWED: Final = {
    BargeIn.ANY: ("speech", "key"),
    BargeIn.SPEECH: ("speech",),
    BargeIn.KEYS: ("key",),
    BargeIn.NONE: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BargeInRules:
    """When a voice over a prompt is an interruption: so many words, or so many seconds of voice. A prompt that was
    held for neither goes on `resume_after_seconds` after the voice ended."""

    min_words: int = 1
    min_seconds: float = 0.8
    resume_after_seconds: float = 0.8

    def is_interruption(self, *, voice_seconds: float, words: int) -> bool:
        """Is so much voice, or so many words, more than a noise?"""
        return words >= max(1, self.min_words) or voice_seconds >= self.min_seconds


def may_interrupt(policy: BargeIn, sense: Sense) -> bool:
    """Does a prompt with this policy give way to this sense?"""
    return sense in _ALLOWED[policy]


def count_words(text: str, confidence: float | None = None, *, voice_seconds: float) -> int:
    """The words of `text` that are more than humming along. A recogniser has to put every noise into writing: what was
    hardly a voice said none of them unless it is sure, nor did what it hardly believes in (`confidence` 0-1, None where
    it says nothing of it), and less so the shorter it was."""
    if voice_seconds < _SPOKEN_FROM_SECONDS and (confidence is None or confidence < _SURELY_BELIEVED_FROM):
        return 0
    believed_from = _LONG_BELIEVED_FROM if voice_seconds >= _LONG_SECONDS else _SHORT_BELIEVED_FROM
    if confidence is not None and confidence < believed_from:
        return 0
    return sum(word not in _HUMMING for word in _WORD.findall(text.lower()))


class BargeInDecider:
    """One prompt held for one voice at a time. `held`: be silent, and wait what comes of it."""

    def __init__(self, rules: BargeInRules) -> None:
        self._rules = rules
        self._speech: int | None = None
        self._resume_at = 0.0

    @property
    def held(self) -> bool:
        """Is a prompt being held?"""
        return self._speech is not None

    def hold(self, speech: int, now: float) -> None:
        """The voice of `speech` is over a prompt that it may interrupt."""
        self._speech = speech
        # However long the voice goes on, it has become an interruption by then; should its audio cease to come, not.
        self._resume_at = now + self._rules.min_seconds + self._rules.resume_after_seconds

    def release(self, speech: int | None = None) -> None:
        """It is decided, one way or another: for whichever voice, or only if it was that of `speech`."""
        if speech is None or speech == self._speech:
            self._speech = None

    def end_speech(self, speech: int, now: float) -> None:
        """The voice is silent again; its words may still come."""
        if speech == self._speech:
            self._resume_at = now + self._rules.resume_after_seconds

    def next_timer(self) -> float | None:
        """When a held prompt goes on, if nothing else happens."""
        return self._resume_at if self.held else None
