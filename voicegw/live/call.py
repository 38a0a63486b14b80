"""One call on a media stream, pumped: what comes in goes to the session, what the session asks for is done, in order.

Decides nothing: the session has the line (`media.session`), the dialogue the conversation (`live.dialogue`). One timer.
A call begins before its stream is here, so that its first words are ready; it ends once, by one way, whatever ends it.
"""

import asyncio
from collections.abc import Callable
from typing import Final, assert_never

import structlog

from voicegw.call.moves import hearing_now
from voicegw.call.plan import BridgeRealtime, CallPlan, GoOn, Listen
from voicegw.call.records import Failed
from voicegw.call.state import CallState
from voicegw.call.streaming import StreamEnd
from voicegw.errors import StaleVersion
from voicegw.live.alarm import Alarm
from voicegw.live.backgrounds import Backgrounds
from voicegw.live.bridge import BridgeSink, Bridging
from voicegw.live.caller_line import CallerLine, listen_request
from voicegw.live.calm_frames import CalmFrames
from voicegw.live.dialogue import Dialogue
from voicegw.live.messages import Claimed, Ended, Heard, OrderCame
from voicegw.live.mouth import AudioSink, Mouth
from voicegw.live.ports import PromptSource, Realtime, Recorder, Speech, SpeechRequest, StreamLine, Transcript
from voicegw.live.recorded_line import RecordedLine, record
from voicegw.live.telling import StreamTeller
from voicegw.media import bridge
from voicegw.media import commands as c
from voicegw.media.phases import Phase, rules_of
from voicegw.media.session import MediaSession
from voicegw.turns.call_in_hand import CallInHand

LEAVE_SECONDS: Final = 2.0
_VOICE_FROM: Final = 0.5

_log = structlog.get_logger(__name__)


class LiveCall:
    """Stream `number` of a call. `forget` is called once, when nothing of it is left to do."""

    def __init__(
        self,
        call: CallInHand,
        state: CallState,
        speech: Speech,
        prompts: PromptSource,
        forget: Callable[["LiveCall"], None],
        realtime: Realtime | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.call_sid = state.call_sid
        self.number = state.stream.count
        self._profile = call.line.profile
        self._clock = call.desk.clock
        self._journal = call.desk.journal
        self._speech = speech
        self._forget = forget
        self._teller = StreamTeller(call.desk.journal, state.call_sid)
        self._backgrounds = Backgrounds(prompts, state.call_sid, self._wake)
        hearing, mixer = hearing_now(state, self._profile), self._backgrounds.mixer
        self._session = MediaSession(rules_of(self._profile), hearing, self._clock(), mixer, state.keys_kept)
        self._dialogue = Dialogue(call, state, self._say, self._flush_server, self._backgrounds.want)
        sink = AudioSink(receive=self._receive_speech, finish=self._finish_speech, fail=self._fail_speech)
        self._mouth = Mouth(speech.tts, prompts, sink, state.call_sid, call.desk.journal)
        server = BridgeSink(receive=self._hear_server, flush=self._flush_server, end=self._lose_server)
        self._bridging = Bridging(realtime, server, call.desk.journal)
        self._caller: CallerLine | None = None
        self._line: StreamLine | None = None
        self._recorder = recorder if self._profile.recording else None
        self._recorded: RecordedLine | None = None
        self._obeying = False
        self._frames, self._alarm = CalmFrames(), Alarm(self._wake)
        self._voice_at = 0.0
        self._leaving: StreamEnd | None = None
        self._task = asyncio.create_task(self._run(), name=f"stream-{state.call_sid}")

    async def claim(self, line: StreamLine) -> bool:
        """The carrier's stream is here: speak and listen through `line`. False if another has taken its place."""
        if self._line is not None or self._session.phase is Phase.ENDED:
            return False
        try:
            return await self._speak_through(line)
        except BaseException:  # whoever brought the line gives it up: nothing would ever come through it
            self.lose_line()
            raise

    async def _speak_through(self, line: StreamLine) -> bool:
        if self._recorder is not None:
            line = self._recorded = record(line, self.call_sid, self.number, self._recorder, self._journal, self._clock)
        self._line = line
        taken = asyncio.get_running_loop().create_future()
        self._dialogue.put(Claimed(taken))
        await asyncio.wait({taken, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not (taken.done() and taken.result()) or self._session.phase is Phase.ENDED:  # ended meanwhile
            return False
        request = listen_request(self.call_sid, hearing_now(self._dialogue.state, self._profile))
        recall = self._session.voice.recall
        self._caller = CallerLine(
            self._speech, request, recall, heed=self._heed, understand=self._understand, judge=self._judge
        )
        self._teller.begin(self.number)
        self._session.receive_start(self._clock())
        self._obey()
        return True

    def hear(self, audio: bytes) -> None:
        """20 ms of what the caller says: on this path nothing is made that need not be."""
        if (audio := self._frames.join(audio)) and self._caller is not None:
            self._session.receive_caller_audio(audio, self._clock())
            (self._bridging if self._bridging.active else self._caller).put(audio)
            if self._recorded is not None:
                self._recorded.hear(audio, hidden=self._dialogue.state.agent.sensitive)

    def press(self, key: str) -> None:
        """The caller pressed a key."""
        self._session.receive_key(key, self._clock())
        self._obey()

    def reach_mark(self, name: str) -> None:
        """The carrier named a mark back."""
        self._teller.reach_mark(name, self._clock())
        if self._recorded is not None:
            self._recorded.reach_mark(name)
        if self._session.receive_mark(name, self._clock()):
            self._obey()

    def lose_line(self) -> None:
        """The carrier stopped the stream, or its socket broke. Idempotent."""
        self._session.receive_stop()
        self._obey()

    def notice_order(self) -> None:
        """An order waits in the store."""
        self._dialogue.put(OrderCame())

    async def leave(self, reason: StreamEnd) -> None:
        """End the stream and give the call back as it stands, within two seconds. Never raises."""
        self._leaving = self._leaving or reason
        self.lose_line()
        await asyncio.wait({self._task}, timeout=LEAVE_SECONDS)
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=LEAVE_SECONDS)

    async def _run(self) -> None:
        """The task's root. Whoever ends it closes the line: what follows the stream sees to the call."""
        try:
            await self._dialogue.run()
        except StaleVersion:
            _log.info("stream call is somebody else's by now", call_sid=self.call_sid)
        except Exception:
            _log.exception("stream call crashed", call_sid=self.call_sid)
            self._journal.note(self.call_sid, Failed(part="gateway", code="stream-crashed"))
        finally:
            self._session.receive_stop()
            self._alarm.set(None)
            self._forget(self)
            if self._line is not None:
                self._line.close()
            if self._recorded is not None:
                self._recorded.finish()
            closing = [self._bridging.close(), self._mouth.close(), self._backgrounds.close()]
            closing += [self._caller.close()] if self._caller is not None else []
            await asyncio.gather(*closing, return_exceptions=True)
            self._obeying, self._caller = True, None  # nothing is done any more
            # They know this call by its methods, and would keep it until the garbage collector comes, which is seldom.
            del self._dialogue, self._mouth, self._bridging, self._backgrounds, self._alarm

    def _say(self, turn: int, plan: CallPlan) -> None:
        if self._caller is not None and isinstance(plan.then, GoOn | Listen | BridgeRealtime):
            self._caller.listen_for(plan.then.hearing.language, plan.then.hearing.hints)
        self._session.receive_plan(turn, plan, self._clock())
        self._obey()

    def _receive_speech(self, utterance: int, audio: bytes) -> None:
        if self._session.receive_speech_audio(utterance, audio, self._clock()):
            self._obey()

    def _finish_speech(self, utterance: int) -> None:
        self._session.receive_speech_finished(utterance, self._clock())
        self._obey()

    def _fail_speech(self, utterance: int) -> None:
        self._session.receive_speech_failed(utterance, self._clock())
        self._obey()

    def _hear_server(self, audio: bytes) -> None:
        self._session.bridge.receive_audio(audio, self._clock())
        self._obey()

    def _flush_server(self) -> None:
        self._session.bridge.receive_flush(self._clock())
        self._obey()

    def _lose_server(self, was_here: bool) -> None:
        event = bridge.ENDED_EVENT if was_here else bridge.UNAVAILABLE_EVENT
        self._session.bridge.receive_ended(self._clock(), event=event)
        self._obey()

    def _heed(self, probability: float, seconds: float) -> None:
        now = self._clock()
        if probability >= _VOICE_FROM:
            self._voice_at, self._frames.is_hushed = now, False
        if self._session.receive_voice_probability(probability, seconds, now):
            self._obey()

    def _understand(self, heard: Transcript) -> None:
        self._session.receive_transcript(
            heard.speech, heard.text, self._clock(), final=heard.final, confidence=heard.confidence
        )
        self._obey()

    def _judge(self, pause: int, probability: float) -> None:
        self._session.receive_turn_verdict(pause, probability, self._clock())
        self._obey()

    def _wake(self, at: float = 0.0) -> None:
        try:
            self._session.receive_timer(max(self._clock(), at))
            self._obey()
        except Exception:
            self._crash()

    def _obey(self) -> None:
        """Do what the session asks for, in order, also where doing it tells the session something new."""
        if self._obeying:
            return
        self._obeying = True
        try:
            while commands := self._session.take_commands():
                for command in commands:
                    self._carry_out(command)
        except Exception:
            self._crash()
        finally:
            self._obeying = False
        self._alarm.set(self._session.next_timer())
        may_wait = self._session.voice.is_unmoved_by(0.0) and not (self._recorded or self._bridging.active)
        self._frames.is_hushed, self._frames.is_calm = may_wait, self._session.is_calm

    def _crash(self) -> None:
        """In the timer's or the detector's turn: this call ends, and nobody else's suffers."""
        _log.exception("stream call crashed", call_sid=self.call_sid)
        if self._leaving is None:  # once: closing must not be cut short
            self._leaving = "carrier-stopped"
            self._task.cancel()

    def _carry_out(self, command: c.Command) -> None:
        match command:
            case c.SendAudio(generation=generation, audio=audio):
                if self._line is not None and generation == self._session.generation:
                    self._teller.send(command, self._clock())
                    self._line.send_audio(audio)
            case c.SendMark(generation=generation, name=name):
                if self._line is not None and generation == self._session.generation:
                    self._teller.send_mark(name)
                    self._line.send_mark(name)
            case c.ClearAudio():
                self._teller.clear()
                if self._line is not None:
                    self._line.clear()
            case c.SynthesizeText(utterance=utterance, say=say):
                self._teller.prepare(utterance, say, self._dialogue.state.turn)
                language = say.language or hearing_now(self._dialogue.state, self._profile).language
                voice = self._profile.stream.voice
                self._mouth.say(utterance, SpeechRequest(text=say.text, language=language, voice=voice, ssml=say.ssml))
            case c.LoadAudio(utterance=utterance, prompt=prompt):
                self._teller.prepare(utterance, prompt, self._dialogue.state.turn)
                self._mouth.play(utterance, prompt)
            case c.PlaySound(utterance=utterance, chunk=chunk):
                if chunk.first:
                    self._teller.prepare(utterance, chunk, self._dialogue.state.turn)
                self._mouth.hear_agent(utterance, chunk)
            case c.StopSynthesis(utterance=utterance):
                self._teller.drop(utterance)
                self._mouth.stop(utterance)
            case c.EndStream():
                reason = self._leaving or command.reason
                if reason == "plan":
                    self._teller.hear_out(self._dialogue.state.turn)
                self._teller.end(reason, self._dialogue.state.turn)
                self._dialogue.put(Ended(reason=reason, end=command))
            case c.AskAgent():
                self._teller.hear_out(self._dialogue.state.turn)
                quiet = max(0.0, self._clock() - self._voice_at) if self._voice_at else 0.0
                self._dialogue.put(Heard(command, round(quiet, 3)))
            case c.NoteWaiting() | c.AskFiller():
                self._dialogue.put(command)
            case c.ReportBargeIn() | c.ReportIgnored():
                self._teller.report(command, self._dialogue.state.turn)
            case c.OpenRealtime() | c.SendKey() | c.InterruptRealtime() | c.CloseRealtime():
                self._bridging.obey(command, self._dialogue.state)
            case c.BeginTranscript() | c.FinishTranscript() | c.AskTurnModel():
                if self._caller is not None:
                    self._caller.obey(command)
            case _:
                assert_never(command)
