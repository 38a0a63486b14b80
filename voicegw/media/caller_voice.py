"""The caller's voice → speeches with words, and whether they interrupt: the session's ear.

Joins endpointing, echo guard, transcripts and barge-in. Knows prompts only by what may interrupt them; commands for
the recogniser and the turn model go to the session's outbox.
"""

from math import inf
from typing import Final, Literal, TypeAlias, assert_never

from voicegw.call.instructions import Prompt
from voicegw.call.profile import Endpointing
from voicegw.media.barge_in import BargeInDecider, BargeInRules, count_words, may_interrupt
from voicegw.media.commands import AskTurnModel, BeginTranscript, Command, FinishTranscript, ReportIgnored
from voicegw.media.echo import EchoGuard
from voicegw.media.endpointing import Endpointer, SpeechBegan, SpeechEnded, SpeechPaused, VoiceEvent
from voicegw.media.speeches import Speech, Speeches

VOICE_LOST_SECONDS: Final = 2.0
"""A speech is over when nothing has been told of the voice for so long: silence must not wait for a dead detector."""

VoiceEffect: TypeAlias = Literal["nothing", "change", "interruption"]
"""What more of the caller's line has done: mostly a voice, or quiet, only goes on. An interruption ends the prompt."""

YIELD_AT_MOST_SECONDS: Final = 4.0
"""How long an answer waits for a caller who was speaking before it: what we say must not depend on a quiet line."""


class CallerVoice:
    """Follows one caller's voice. `enabled` is False while speech means nothing."""

    def __init__(self, outbox: list[Command], echo: EchoGuard, rules: BargeInRules) -> None:
        self.enabled = True
        self._outbox = outbox
        self._echo = echo
        self._endpointer = Endpointer(Endpointing.PATIENT)
        self._rules = rules
        self._decider = BargeInDecider(rules)
        self._speeches = Speeches()
        self._followed_at = 0.0
        self._is_noise = False

    @property
    def active(self) -> bool:
        """Is the caller speaking, or are words still to come? Nobody waits for a noise that never ends."""
        return self._speeches.active and not self._is_noise

    def recall(self, size: int) -> bytes:
        """The last `size` bytes of the caller's line, at most half a second: no speech may lose its first sound."""
        return self._echo.recall(size)

    def configure(self, endpointing: Endpointing, *, enabled: bool) -> None:
        """How speech is heard from now on."""
        self._endpointer.configure(endpointing)
        self.enabled = enabled

    def wants_silence(self, prompt: Prompt | None, now: float) -> bool:
        """Must `prompt` wait, because it is not decided yet whether the voice interrupts it, or was there before it?"""
        if prompt is None or not self.enabled or not may_interrupt(prompt.barge_in, "speech"):
            return False
        current = self._speeches.current
        if current is not None and current.in_quiet and current.yields_until is None:
            current.yields_until = now + YIELD_AT_MOST_SECONDS
        return self._decider.held or self._yields_until() is not None

    def is_unmoved_by(self, probability: float) -> bool:
        """Would audio of this probability change nothing? So it is for most of a call."""
        return self._endpointer.is_unmoved_by(probability) and not (self._speeches.active or self._decider.held)

    def receive(self, probability: float, seconds: float, prompt: Prompt | None, now: float) -> VoiceEffect:
        """The next `seconds` of audio hold voice with this probability, while `prompt` is being said."""
        self._followed_at = now
        if (event := self._endpointer.receive(probability, seconds)) is not None:
            self._follow(event, prompt, now)
        current = self._speeches.current
        if current is None:
            return "nothing" if event is None else "change"
        if current.echo and self._endpointer.voiced and not self._echo.is_echo():
            # Somebody else's voice is on the line now: it is a speech of its own, without the words that came back.
            self._follow(self._endpointer.abandon(), prompt, now)
            return "change"
        was_interrupting = current.interrupting
        self._consider(current, prompt, now)
        if self._commit(current):
            return "interruption"
        return "nothing" if event is None and current.interrupting == was_interrupting else "change"

    def receive_verdict(self, pause: int, probability: float, prompt: Prompt | None, now: float) -> None:
        """The turn model on a pause: the caller has finished with this probability."""
        self._follow(self._endpointer.judge(pause, probability), prompt, now)

    def receive_transcript(self, number: int, text: str, now: float, *, final: bool, confidence: float | None) -> bool:
        """All words of a speech so far. True if they make it an interruption."""
        speech = self._speeches.receive_transcript(number, text, now, final=final, confidence=confidence)
        return speech is not None and self._commit(speech)

    def release(self) -> None:
        """What was held has been decided by somebody else: by a key, or because nothing is left to hold."""
        self._decider.release()

    def take_words(self, now: float) -> list[Speech]:
        """Speeches that have come to an end and mean something, each once."""
        return [speech for speech in self._speeches.take_resolved(now) if self._has_meaning(speech)]

    def expire(self, now: float) -> None:
        """Let what was held go on if nothing came of the voice in time; end a speech that nobody follows any more, and
        take for noise what never ends."""
        at = self._decider.next_timer()
        if at is not None and at <= now:
            self._decider.release()
        yields_until = self._yields_until()
        if yields_until is not None and yields_until <= now and self._speeches.current is not None:
            self._speeches.current.yields_until = -inf
        lost_at = self._lost_at()
        if lost_at is not None and lost_at <= now:
            self._follow(self._endpointer.abandon(), None, now)
        wordless_at = self._speeches.wordless_at()
        self._is_noise = wordless_at is not None and wordless_at <= now

    def next_timer(self) -> float | None:
        """When `expire` or `take_words` must be called again."""
        times = [self._decider.next_timer(), self._speeches.next_timer(), self._lost_at(), self._yields_until()]
        if not self._is_noise:
            times.append(self._speeches.wordless_at())
        return min((at for at in times if at is not None), default=None)

    def _yields_until(self) -> float | None:
        current = self._speeches.current
        return None if current is None or current.yields_until == -inf else current.yields_until

    def _lost_at(self) -> float | None:
        return None if self._speeches.current is None else self._followed_at + VOICE_LOST_SECONDS

    def _follow(self, event: VoiceEvent | None, prompt: Prompt | None, now: float) -> None:
        current = self._speeches.current
        if isinstance(event, SpeechBegan):
            is_echo = self._echo.is_echo()
            speech = self._speeches.begin(now, in_quiet=prompt is None and not is_echo, echo=is_echo)
            self._outbox.append(BeginTranscript(speech=speech.number))
            return
        if event is None or current is None:
            return
        match event:
            case SpeechPaused(pause=pause):
                self._outbox.append(AskTurnModel(speech=current.number, pause=pause))
            case SpeechEnded(seconds=seconds, quiet_seconds=quiet_seconds):
                current.ended_at, current.voice_seconds = now, seconds
                current.over_prompt = prompt is not None and not may_interrupt(prompt.barge_in, "speech")
                self._decider.end_speech(current.number, now)
                self._outbox.append(FinishTranscript(speech=current.number, quiet_seconds=quiet_seconds))
            case _:
                assert_never(event)

    def _consider(self, speech: Speech, prompt: Prompt | None, now: float) -> None:
        if not self.enabled or speech.in_quiet or speech.echo or speech.interrupting or prompt is None:
            return
        if may_interrupt(prompt.barge_in, "speech"):
            speech.interrupting = True
            self._decider.hold(speech.number, now)

    def _commit(self, speech: Speech) -> bool:
        """Words count whenever they come."""
        if speech.committed or not speech.interrupting:
            return False
        seconds = self._endpointer.speech_seconds if speech.ended_at is None else speech.voice_seconds
        words = count_words(speech.text, speech.confidence, voice_seconds=seconds)
        if not self._rules.is_interruption(voice_seconds=seconds, words=words):
            return False
        speech.committed = True
        self._decider.release()
        return True

    def _has_meaning(self, speech: Speech) -> bool:
        self._decider.release(speech.number)
        if not speech.text:
            return False
        if not self.enabled:
            self._outbox.append(ReportIgnored(content=speech.text, reason="speech-off"))
        elif speech.committed or speech.in_quiet:
            return True
        elif speech.echo:
            self._outbox.append(ReportIgnored(content=speech.text, reason="echo"))
        elif speech.over_prompt:
            self._outbox.append(ReportIgnored(content=speech.text, reason="not-interruptible"))
        elif speech.interrupting:
            self._outbox.append(ReportIgnored(content=speech.text, reason="too-short"))
        else:
            return True
        return False
