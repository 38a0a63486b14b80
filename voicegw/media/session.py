"""One call on a media stream: what the carrier, the caller, speech and the agent's turn bring, and what is to be done.

| phase | what it means | left by |
|---|---|---|
| THINKING | a turn runs: prompts are said as they come; keys and words wait for its end | a plan that listens or ends |
| LISTENING | the agent waits: the first entry, words or silence begin the next turn (`AskAgent`) | `AskAgent` |
| BRIDGED | a realtime server has the caller (`bridge`), once what was said before is heard | any other plan; its end |
| ENDING | the last prompts are said, again if they were cut off; nothing interrupts them now | the last mark |

Rules: never two turns at once. Whoever listens has a timer. An interrupting key is the first of its entry. After a
clear, nothing of an old generation is sent. `now` is monotonic seconds; `receive_*` never raises on what a peer sent.
"""

from math import inf
from typing import assert_never

from voicegw.call.inputs import CallerInput, Pressed, StayedSilent
from voicegw.call.instructions import BargeIn, Say
from voicegw.call.plan import BridgeRealtime, CallPlan, DialLeg, Finish, GoOn, HandOver, Hearing, Listen
from voicegw.media import commands as c
from voicegw.media.background import Background
from voicegw.media.barge_in import Sense, may_interrupt
from voicegw.media.bridge import RealtimeBridge
from voicegw.media.caller_voice import CallerVoice
from voicegw.media.echo import EchoGuard
from voicegw.media.phases import Phase, SessionRules
from voicegw.media.prompt_player import PromptPlayer
from voicegw.media.waiting_inputs import WaitingInputs
from voicegw.media.waits import Waits

_DEAF = (Phase.BRIDGED, Phase.ENDING, Phase.ENDED)


class MediaSession:
    """One stream of one call: after each `receive_*` take the commands. `keys` are left over from the last stream."""

    def __init__(
        self, rules: SessionRules, hearing: Hearing, now: float, background: Background | None = None, keys: str = ""
    ) -> None:
        self.phase = Phase.THINKING
        self.turn = 0
        self._rules = rules
        self._out: list[c.Command] = []
        self._echo = EchoGuard()
        self._player = PromptPlayer(self._out, self._echo, background)
        self.bridge = RealtimeBridge(self._out, self._player, self._settle, self._ask, rules.realtime_silence_seconds)
        self.voice = CallerVoice(self._out, self._echo, rules.barge_in)
        self._waiting = WaitingInputs(hearing.keypad, keys)
        self._waits = Waits(now)
        self._then: Finish | DialLeg | HandOver | None = None
        self._open = False
        self._turn_dropped = False
        self._heard_text: str | None = None
        self._configure(hearing)

    @property
    def generation(self) -> int:
        """What a `SendAudio` or `SendMark` must carry to be worth sending: look at it right before the socket."""
        return self._player.generation

    @property
    def is_calm(self) -> bool:
        """Does nobody speak, so that what the caller's line brings need not be known at once?"""
        return self._open and self._player.all_heard and not self.voice.active

    def take_commands(self) -> list[c.Command]:
        """What is to be done now, in order; each command comes once."""
        commands, self._out[:] = list(self._out), []
        return commands

    def next_timer(self) -> float | None:
        """When `receive_timer` must be called, if nothing else comes; None once the stream has ended."""
        if self.phase is Phase.ENDED:
            return None
        times: list[float | None] = [self._waits.line_until, self._player.next_timer(), self.bridge.next_timer()]
        if self.phase is Phase.THINKING:
            times += [self.voice.next_timer(), self._filler_at(), self._waiting.next_note()]
        elif self.phase is Phase.LISTENING:
            times += [self.voice.next_timer(), self._waits.silence.next_timer(), self._waiting.next_entry()]
        return min(at for at in times if at is not None)

    def receive_timer(self, now: float) -> None:
        """The time that `next_timer` named has come; at any other time this changes nothing."""
        if self.phase is Phase.ENDED:
            return
        if now >= self._waits.line_until:
            self._end("no-media")
        self.bridge.receive_timer(now)
        if (stalled := self._player.stop_stalled(now)) is not None:
            self.receive_speech_failed(stalled, now)
            return
        if (filler_at := self._filler_at()) is not None and now >= filler_at:
            self._waits.filler.hear_us(now)
            self._out.append(c.AskFiller())
        self._settle(now)

    def receive_start(self, now: float) -> None:
        """The stream is open: what was prepared is heard from now on."""
        self._open = True
        self._player.open(now)
        self._waits.open(now)
        self._waiting.open(now)
        self._settle(now)

    def receive_stop(self) -> None:
        """The carrier ended the stream, or the socket broke: again changes nothing."""
        self._end("carrier-stopped")

    def receive_caller_audio(self, audio: bytes, now: float) -> None:
        """The next piece of the caller's line came (mulaw, 8 kHz): a sign of life, whatever it holds."""
        self._waits.hear_line(now)
        self._echo.receive(audio, now)

    def receive_voice_probability(self, probability: float, seconds: float, now: float) -> bool:
        """The next `seconds` of the caller's audio hold voice with this probability (0.0-1.0). False: no news."""
        if self.phase in _DEAF or self.voice.is_unmoved_by(probability):
            return False
        effect = self.voice.receive(probability, seconds, self._player.prompt, now)
        if effect == "interruption":
            self._interrupt("speech", now)
        return self._settle(now, news=effect != "nothing")

    def receive_turn_verdict(self, pause: int, probability: float, now: float) -> None:
        """What the turn model says about a pause: the caller has finished with this probability (0.0-1.0)."""
        if self.phase in _DEAF:
            return
        self.voice.receive_verdict(pause, probability, self._player.prompt, now)
        self._settle(now)

    def receive_transcript(self, speech: int, text: str, now: float, *, final: bool, confidence: float | None) -> None:
        """All words of a speech so far; `final` once none will change or follow."""
        if self.phase in _DEAF:
            return
        self._waits.filler.hear_caller(now)
        if self.voice.receive_transcript(speech, text, now, final=final, confidence=confidence):
            self._interrupt("speech", now)
        self._settle(now)

    def receive_key(self, key: str, now: float) -> None:
        """The caller pressed a key."""
        if self.phase in (Phase.ENDING, Phase.ENDED):
            self._ignore(key, "call-ending")
            return
        if self.phase is Phase.BRIDGED:
            self.bridge.press(key)
            return
        if not self._waiting.press(key, now):
            self._ignore(key, "keypad-off")
            return
        self._waits.hear_key(now)
        if (prompt := self._player.prompt) and may_interrupt(prompt.barge_in, "key") and self._waiting.keys_wait:
            self.voice.release()
            self._interrupt("key", now)
        self._settle(now)

    def receive_mark(self, name: str, now: float) -> bool:
        """The carrier named a mark back. False: no news."""
        return self._settle(now, news=self._player.receive_mark(name, now))

    def receive_plan(self, turn: int, plan: CallPlan, now: float) -> None:
        """What `turn` has brought: prompts to say after those that are being said, and how to go on. What an earlier
        turn still brings is not spoken: the caller has begun another."""
        if turn != self.turn or self.phase in (Phase.ENDING, Phase.ENDED):
            return
        for prompt in plan.prompts:
            # A turn that the caller talked over is not spoken, save for what must be heard: a notice, our own words.
            over = self._turn_dropped and isinstance(plan.then, GoOn | Listen)
            if not over or prompt.barge_in is BargeIn.NONE or (isinstance(prompt, Say) and prompt.by_gateway):
                self._player.say(prompt, now)
            else:
                self._player.skip(prompt)
        if not isinstance(plan.then, BridgeRealtime):
            self._ignore(self.bridge.leave(), "bridged")
        self._waits.silence.stop()
        match plan.then:
            case GoOn(hearing=hearing):
                self.phase = Phase.THINKING
                self._configure(hearing)
            case Listen(hearing=hearing, silence_seconds=seconds):
                self.phase = Phase.LISTENING
                self._turn_dropped = False
                self._waits.silence.start(seconds, now)
                self._configure(hearing)
            case BridgeRealtime(start=start, hearing=hearing):
                self.phase = Phase.BRIDGED
                self.voice.release()
                self.voice.configure(hearing.endpointing, enabled=False)
                self._ignore(self._waiting.drop_words(), "bridged")
                self.bridge.begin(start, self._waiting.drop_keys())
            case Finish() | DialLeg() | HandOver() as then:
                self.phase = Phase.ENDING
                self._then = then
                if not plan.prompts:
                    self._player.say_skipped(now)
                self.voice.release()
                self._ignore(self._waiting.drop_keys(), "call-ending")
            case _:
                assert_never(plan.then)
        self._settle(now)

    def receive_speech_audio(self, utterance: int, audio: bytes, now: float) -> bool:
        """More audio (mulaw, 8 kHz) of an utterance that was asked for. False: no news."""
        return self._settle(now, news=self._player.receive_audio(utterance, audio, now))

    def receive_speech_finished(self, utterance: int, now: float) -> None:
        """An utterance has all its audio."""
        self._player.finish(utterance)
        self._settle(now)

    def receive_speech_failed(self, utterance: int, now: float) -> None:
        """No more audio of an utterance can be had, by any voice of ours: the carrier's own must say what is left."""
        if not self._player.give_up(utterance, now):
            self._end("no-voice")
        self._settle(now)

    def _settle(self, now: float, *, news: bool = True) -> bool:
        """Everything that follows from what has just changed; the order is that of precedence. Without news nothing
        does: what time alone brings is the timer's."""
        if not news or self.phase is Phase.ENDED:
            return news
        self._take_words(now)
        # Nobody is talked over: a prompt is silent while a voice may interrupt it, or was there before it.
        self._player.hold(self.phase is not Phase.ENDING and self.voice.wants_silence(self._player.prompt, now), now)
        self._player.send(now, caller_speaks=self.voice.active)
        self._waits.hear_us(min(now, self._player.heard_until), quiet=self._player.all_heard)
        match self.phase:
            case Phase.THINKING:
                self._out += [c.NoteWaiting(heard=heard) for heard in self._waiting.take_notes(now)]
            case Phase.LISTENING:
                self._ask_if_answered(now)
            case Phase.BRIDGED:
                if self._open and self._player.all_heard:
                    self.bridge.open(now)
            case Phase.ENDING:
                if self._open and self._player.all_heard:
                    self._end("plan")
            case _:
                assert_never(self.phase)
        return True

    def _take_words(self, now: float) -> None:
        if self.phase is Phase.ENDING:
            return
        self.voice.expire(now)
        for speech in self.voice.take_words(now):
            self._waiting.say(speech.text, speech.confidence, speech.began_at)
            if self.phase is Phase.THINKING and speech.in_quiet and self._rules.while_thinking == "drop":
                self._interrupt("speech", now)
                self._turn_dropped = True
        if self.voice.active:
            self._waits.filler.hear_caller(now)

    def _ask_if_answered(self, now: float) -> None:
        collecting = self._waiting.next_entry() is not None
        self._waits.silence.pause(collecting or not self.is_calm)
        if (heard := self._waiting.take_first(now, words_too=not self.voice.active)) is not None:
            if isinstance(heard, Pressed):
                # Keys typed ahead answer what is not said yet: those who know the menu need not hear it.
                self._interrupt("key", now)
            self._ask(heard, now)
        elif self._waits.silence.is_over(now):
            self._ignore(self._waiting.drop_keys(), "entry-abandoned")
            self._ask(StayedSilent(), now)

    def _ask(self, heard: CallerInput, now: float) -> None:
        self.phase = Phase.THINKING
        self.turn += 1
        self._player.forget_skipped()
        self._waits.begin_turn(now)
        self._out.append(c.AskAgent(turn=self.turn, heard=heard, heard_text=self._heard_text))
        self._heard_text = None

    def _interrupt(self, sense: Sense, now: float) -> None:
        if (heard_text := self._player.interrupt(sense, now)) is not None:
            self._turn_dropped = self.phase is Phase.THINKING
            self._heard_text = heard_text

    def _filler_at(self) -> float | None:
        waits = self.phase is Phase.THINKING and self.is_calm and not self._player.on_hold
        return self._waits.filler.next_timer() if waits else None

    def _configure(self, hearing: Hearing) -> None:
        self._ignore(self._waiting.configure(hearing), "keypad-off")
        self.voice.configure(hearing.endpointing, enabled=hearing.speech)

    def _ignore(self, content: str, reason: c.WhyIgnored) -> None:
        if content:
            self._out.append(c.ReportIgnored(content=content, reason=reason))

    def _end(self, reason: c.WhyEnded) -> None:
        if self.phase is Phase.ENDED:
            return
        self.phase = Phase.ENDED
        unsaid, keys = () if reason == "plan" else self._player.unheard, self._waiting.drop_keys()
        for speech in self.voice.take_words(inf):  # nothing more will come of them
            self._waiting.say(speech.text, speech.confidence, speech.began_at)
        words = self._waiting.take_words()
        self.bridge.close()
        self._player.close()
        self._out.append(c.EndStream(reason=reason, then=self._then, unsaid=unsaid, keys=keys, words=words))
