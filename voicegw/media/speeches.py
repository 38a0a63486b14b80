"""What the caller says, stretch by stretch: from the voice's onset to the last word of its transcript.

Rules: a speech is resolved once the voice has ended and its final words have come, or have not come in time; a
recogniser that says nothing must not make the gateway deaf, nor a voice that says nothing make it wait for ever. Knows
no audio; `now` is monotonic seconds.
"""

from dataclasses import dataclass
from typing import Final

from voicegw.media.endpointing import LONGEST_SPEECH_SECONDS

TRANSCRIPT_WITHIN_SECONDS: Final = 3.0
WORDLESS_AFTER_SECONDS: Final = LONGEST_SPEECH_SECONDS + TRANSCRIPT_WITHIN_SECONDS
"""A line that was never quiet for so long, and brought no new words, is noise. Some recognisers say none before the end
of a speech: who speaks for long must not be taken for a television."""


@dataclass(slots=True, kw_only=True)
class Speech:
    """One stretch of the caller's voice, and what it means for the prompt it came over.

    `in_quiet`: nothing was being said when it began; until `yields_until` what is to be said waits for it (None: there
    was nothing to wait, minus infinity: it has waited long enough). `voice_seconds`: of it, once it has ended.
    `interrupting`: it held a prompt. `committed`: it ended that prompt. `echo`: it is our own voice. `over_prompt`: it
    ended over a prompt that speech may not interrupt.
    """

    number: int
    began_at: float
    in_quiet: bool
    yields_until: float | None = None
    text: str = ""
    confidence: float | None = None
    final: bool = False
    ended_at: float | None = None
    voice_seconds: float = 0.0
    interrupting: bool = False
    committed: bool = False
    echo: bool = False
    over_prompt: bool = False


class Speeches:
    """The speech that goes on, and those whose words have not come yet."""

    __slots__ = ("_count", "_news_at", "_speeches")

    def __init__(self) -> None:
        self._speeches: list[Speech] = []
        self._count = 0
        self._news_at = 0.0  # when the voice broke a quiet, or brought new words

    @property
    def current(self) -> Speech | None:
        """The speech whose voice goes on."""
        last = self._speeches[-1] if self._speeches else None
        return last if last is not None and last.ended_at is None else None

    @property
    def active(self) -> bool:
        """Is there voice, or a transcript still to come?"""
        return bool(self._speeches)

    def begin(self, now: float, *, in_quiet: bool, echo: bool = False) -> Speech:
        """The voice began."""
        self._count += 1
        if not self._speeches:
            self._news_at = now
        speech = Speech(number=self._count, began_at=now, in_quiet=in_quiet, echo=echo)
        self._speeches.append(speech)
        return speech

    def receive_transcript(
        self, number: int, text: str, now: float, *, final: bool, confidence: float | None
    ) -> Speech | None:
        """All words of a speech so far; of one that is resolved, None. What is final stays as it is."""
        speech = next((each for each in self._speeches if each.number == number), None)
        if speech is not None and not speech.final:
            if text.strip() != speech.text:
                self._news_at = now
            speech.text, speech.final = text.strip(), final
            # more places say nothing, and the digits of sixteen may look like a card's number
            speech.confidence = None if confidence is None else round(confidence, 3)
        return speech

    def take_resolved(self, now: float) -> list[Speech]:
        """Speeches that nothing more will come of, each once, in the order in which they began."""
        resolved: list[Speech] = []
        while self._speeches and (due := self._due_at(self._speeches[0])) is not None and due <= now:
            resolved.append(self._speeches.pop(0))
        return resolved

    def next_timer(self) -> float | None:
        """When the words that have not come will be given up."""
        return self._due_at(self._speeches[0]) if self._speeches else None

    def wordless_at(self) -> float | None:
        """From when on the voice is noise, if it goes on and brings no new words."""
        return self._news_at + WORDLESS_AFTER_SECONDS if self._speeches else None

    def _due_at(self, speech: Speech) -> float | None:
        if speech.ended_at is None:
            return None
        return speech.ended_at if speech.final else speech.ended_at + TRANSCRIPT_WITHIN_SECONDS
