"""Prompts of a plan → audio asked for, sent, marked, held, dropped: the session's mouth.

Adds to `Playout` what a prompt is: how its audio is made, what may interrupt it, what its words are. Commands go to
the session's outbox; a clear also removes what nobody has taken out of it yet.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, assert_never

from voicegw.call.backgrounds import HOLD
from voicegw.call.heard import WORDS_PER_SECOND
from voicegw.call.instructions import PlayAudio, PlayChunk, PlayRecording, Prompt, Say
from voicegw.call.recorded import add_chunk, begin_recording
from voicegw.media.background import Background
from voicegw.media.barge_in import Sense, may_interrupt
from voicegw.media.commands import (
    ClearAudio,
    Command,
    LoadAudio,
    PlaySound,
    ReportBargeIn,
    SendAudio,
    SendMark,
    StopSynthesis,
    SynthesizeText,
)
from voicegw.media.echo import EchoGuard
from voicegw.media.playout import MARK_TRAVEL_SECONDS, Playout
from voicegw.media.utterances import BYTES_PER_SECOND, Dropped

_NO_SOUND: Final = 0  # the next piece of a sound begins an utterance; None: nobody wants it
MOST_STREAMED_BYTES: Final = 300 * BYTES_PER_SECOND


class PromptPlayer:
    """Says prompts in order. `outbox` is where its commands go, `background` what sounds under them."""

    def __init__(self, outbox: list[Command], echo: EchoGuard, background: Background | None = None) -> None:
        self._outbox = outbox
        self._echo = echo
        self._background = background
        self._playout = Playout()
        self._prompts: dict[int, Prompt] = {}
        self._count = 0
        self._streamed: dict[int, int] = {}
        self._sound: int | None = _NO_SOUND
        self._skipped: Prompt | None = None

    @property
    def generation(self) -> int:
        """What audio must carry to be worth sending."""
        return self._playout.generation

    @property
    def all_heard(self) -> bool:
        """Has the caller heard all prompts?"""
        return self._playout.all_heard

    @property
    def heard_until(self) -> float:
        """Until when the caller has heard us, or will have, as far as the carrier has what is said: no later than its
        last mark comes back. A prompt whose audio does not come is silence."""
        return self._playout.said_until + MARK_TRAVEL_SECONDS

    @property
    def unsent_seconds(self) -> float:
        """How much audio waits to be sent, repetitions apart."""
        return self._playout.unsent_bytes / BYTES_PER_SECOND

    @property
    def on_hold(self) -> bool:
        """Does the caller hear that a tool is at work?"""
        return self._background is not None and self._background.plays(HOLD)

    @property
    def prompt(self) -> Prompt | None:
        """The prompt that is being said or comes next."""
        numbers = self._playout.numbers
        return self._prompts.get(numbers[0]) if numbers else None

    @property
    def unheard(self) -> tuple[Prompt, ...]:
        """The prompts that have not been heard to their end, in order."""
        return tuple(self._prompts[number] for number in self._playout.numbers if number in self._prompts)

    def open(self, now: float) -> None:
        """The carrier takes audio from now on."""
        self._playout.open(now)

    def say(self, prompt: Prompt, now: float) -> None:
        """Ask for the audio of `prompt`, and play it after what is being said. A piece of a sound goes on in the
        utterance that its first piece began; of a sound that was cut off nothing more is played."""
        if isinstance(prompt, PlayChunk):
            self._say_chunk(prompt, now)
            return
        self.end_sound()
        self._count += 1
        self._prompts[self._count] = prompt
        match prompt:
            case Say():
                self._playout.begin(self._count, now)
                self._outbox.append(SynthesizeText(utterance=self._count, say=prompt))
            case PlayAudio():
                self._playout.begin(self._count, now, loops=prompt.loop)
                self._outbox.append(LoadAudio(utterance=self._count, prompt=prompt))
            case PlayRecording():
                self._playout.begin(self._count, now)
                self._outbox.append(LoadAudio(utterance=self._count, prompt=prompt))
            case _:
                assert_never(prompt)

    def skip(self, prompt: Prompt) -> None:
        """Do not say `prompt`: the caller talked over what came before it."""
        if not isinstance(prompt, PlayChunk) and not _is_filler(prompt):
            self._skipped = prompt

    def say_skipped(self, now: float) -> None:
        """Say the last of what was cut off or skipped after all: with it the call ends, or leaves us."""
        if self._skipped is not None:
            self.say(self._skipped, now)
        self._skipped = None

    def forget_skipped(self) -> None:
        """The call goes on: what the caller talked over is not repeated."""
        self._skipped = None

    def end_sound(self) -> None:
        """No more of the sound that comes in pieces is expected: what there is of it is all there is."""
        if self._sound:
            self._outbox.append(PlaySound(utterance=self._sound, chunk=PlayChunk(content="", encoding="", last=True)))
            self._sound = _NO_SOUND

    def stream(self, audio: bytes) -> None:
        """Play more of what somebody else says, after everything before it. What would come minutes late is dropped."""
        if self._playout.unsent_bytes > MOST_STREAMED_BYTES:
            return
        if self._count not in self._streamed or not self._playout.extend(self._count, audio):
            self._count += 1
            self._streamed[self._count] = 0
            self._playout.begin_live(self._count, audio)
        self._streamed[self._count] += len(audio)

    def cut_stream(self, now: float) -> float:
        """Throw away what was streamed. Returns how many seconds of it, since the last time, had been heard."""
        waiting = self._playout.numbers
        heard = sum(size for number, size in self._streamed.items() if number not in waiting) / BYTES_PER_SECOND
        dropped, clears = self._playout.drop(now, lambda number: number in self._streamed)
        self._clear(clears, now)
        self._streamed.clear()
        return heard + sum(each.heard_seconds for each in dropped)

    def end_stream(self) -> None:
        """What was streamed is heard to its end, and then forgotten."""
        self._streamed.clear()

    def receive_audio(self, utterance: int, audio: bytes, now: float) -> bool:
        """More audio of an utterance; of one that nobody waits for it is ignored. False: no news."""
        return self._playout.receive_audio(utterance, audio, now)

    def finish(self, utterance: int) -> None:
        """An utterance has all its audio."""
        self._playout.finish(utterance)

    def give_up(self, utterance: int, now: float) -> bool:
        """No more audio of an utterance will come: play what there is, else say what should be said instead.
        False if there is nothing to be heard of it at all."""
        self._sound = _NO_SOUND if self._sound == utterance else self._sound
        prompt = self._prompts.get(utterance)
        if prompt is None or utterance not in self._playout.numbers or self._playout.has_audio(utterance):
            self._playout.finish(utterance)
            return True
        match prompt:
            case PlayAudio(instead=instead) | PlayRecording(instead=instead) if instead:
                say = Say(text=instead, barge_in=prompt.barge_in)
                # A number of its own: audio that comes too late after all must not be taken for it.
                self._count += 1
                self._prompts[self._count] = say
                self._playout.replace(utterance, self._count, now)
                self._outbox.append(SynthesizeText(utterance=self._count, say=say))
                return True
            case PlayAudio() | PlayRecording() | PlayChunk():
                self._playout.finish(utterance)
                return True
            case Say():
                return False
            case _:
                assert_never(prompt)

    def receive_mark(self, name: str, now: float) -> bool:
        """The carrier named a mark back. False: no news."""
        return self._playout.receive_mark(name, now)

    def hold(self, wanted: bool, now: float) -> None:
        """Fall silent at once if `wanted`, else go on where the caller was; again changes nothing."""
        if wanted:
            self._clear(self._playout.hold(now), now)
        elif self._playout.held:
            self._playout.resume(now)

    def interrupt(self, sense: Sense, now: float) -> str | None:
        """Throw away every prompt that this sense may interrupt; those that it may not are still said. Returns what
        had been heard of the first, None where there was none or nothing but a filler: nobody who talks over that has
        had enough of the answer."""
        dropped, clears = self._playout.drop(
            now, lambda number: number not in self._prompts or may_interrupt(self._prompts[number].barge_in, sense)
        )
        self._clear(clears, now)
        self._outbox += [StopSynthesis(utterance=each.number) for each in dropped]
        if self._sound in [each.number for each in dropped]:
            self._sound = None
        prompts = ((self._prompts[each.number], each) for each in dropped if each.number in self._prompts)
        cut = [(prompt, _words_heard(prompt, each)) for prompt, each in prompts]
        if cut:
            self._outbox.append(ReportBargeIn(kind=sense, prompt=cut[0][0], heard_text=cut[0][1]))
        for prompt, _ in cut:
            self.skip(prompt)
        return next((words for prompt, words in cut if not _is_filler(prompt)), None)

    def close(self) -> None:
        """Nothing more will be heard."""
        stops = [StopSynthesis(utterance=number) for number in self._playout.numbers]
        self._playout.close()
        self._forget_unsent()
        self._outbox += stops
        self._prompts.clear()

    def send(self, now: float, *, caller_speaks: bool) -> None:
        """Hand the carrier what it should have by now, and what sounds under it."""
        sent = self._playout.send(now)
        under = self._background
        if under is not None and under.is_sounding:
            sent = [
                replace(each, audio=under.mix(each.audio)) if isinstance(each, SendAudio) else each for each in sent
            ]
            sent += self._playout.pad(now, lambda count: under.fill(count, is_ducked=caller_speaks))
        for command in sent:
            if isinstance(command, SendAudio):
                self._echo.send(command.audio, now)
        self._outbox += sent
        numbers = self._playout.numbers
        if len(self._prompts) > len(numbers):
            self._prompts = {each: self._prompts[each] for each in numbers if each in self._prompts}

    def stop_stalled(self, now: float) -> int | None:
        """Wait no longer for an utterance whose audio has been waited for too long, if there is one."""
        stalled = self._playout.stalled(now)
        if stalled is not None:
            self._outbox.append(StopSynthesis(utterance=stalled))
        return stalled

    def next_timer(self) -> float | None:
        """When something has to be sent, believed or given up."""
        sounding = self._background is not None and self._background.is_sounding
        pad_at = self._playout.pad_at() if sounding else None
        times = (self._playout.next_timer(), self._playout.stalled_at(), pad_at)
        return min((at for at in times if at is not None), default=None)

    def _say_chunk(self, chunk: PlayChunk, now: float) -> None:
        if chunk.first:
            self.end_sound()
            self._sound = _NO_SOUND
        if self._sound is None:
            self._sound = _NO_SOUND if chunk.last else None
            return
        recording = self._prompts.get(self._sound)
        if isinstance(recording, PlayRecording):
            self._prompts[self._sound] = add_chunk(recording, chunk)
        else:  # its first piece, or the first that comes after a gap in which it was given up
            self._count += 1
            self._sound, chunk = self._count, replace(chunk, first=True)
            self._prompts[self._count] = begin_recording(chunk)
            self._playout.begin(self._count, now)
        self._outbox.append(PlaySound(utterance=self._sound, chunk=chunk))
        if chunk.last:
            self._sound = _NO_SOUND

    def _clear(self, clears: Iterable[ClearAudio], now: float) -> None:
        for clear in clears:
            self._forget_unsent()
            self._outbox.append(clear)
            self._echo.clear(now)

    def _forget_unsent(self) -> None:
        self._outbox[:] = [each for each in self._outbox if not isinstance(each, SendAudio | SendMark)]


def _is_filler(prompt: Prompt) -> bool:
    return isinstance(prompt, Say) and prompt.filler


def _words_heard(prompt: Prompt, dropped: Dropped) -> str:
    words = (prompt.text if isinstance(prompt, Say) else prompt.instead).split()
    share = dropped.heard_share
    count = dropped.heard_seconds * WORDS_PER_SECOND if share is None else len(words) * share
    return " ".join(words[: round(count)])
