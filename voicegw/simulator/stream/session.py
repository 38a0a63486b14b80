"""One open stream: the caller's frames out, the gateway's audio in, on one clock of 20 ms, until somebody ends it.

At each tick the 20 ms before it have been said and heard, and the next are begun. Keys go out at their own instant.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random

from voicegw.simulator.journal import Journal
from voicegw.simulator.line import Line, Sound
from voicegw.simulator.stream.ear import Ear, UtteranceBegan, UtteranceEnded
from voicegw.simulator.stream.link import Link
from voicegw.simulator.stream.mouth import Mouth
from voicegw.simulator.stream.playout import Playout
from voicegw.simulator.stream.records import Breach, Cleared, MarkTrip, Streamed, StreamEnd, Underrun
from voicegw.simulator.stream.rules import StreamRules
from voicegw.simulator.stream.sound import FRAME_SECONDS, RATE_HZ, SILENT_FRAME, with_echo
from voicegw.simulator.stream.web_socket import ABNORMAL_CLOSURE, Socket, SocketClosedError
from voicegw.simulator.stream.wire import BreachError, Clear, Mark, Media, MessageWriter, read_message
from voicegw.simulator.timeline import Heard

STOP_GRACE_SECONDS = 0.5
STOP_TRAVEL_SECONDS = 0.25
"""What comes so soon after `stop` was sent before it was read."""


class _DiedError(Exception):
    """The settings let the connection break here."""


class StreamSession:
    """Serves `line.Listener` and `line.Mouthpiece` while it runs."""

    def __init__(self, line: Line, socket: Socket, writer: MessageWriter, rules: StreamRules, random: Random) -> None:
        self._line = line
        self._journal: Journal = line.journal
        self._socket = socket
        self._writer = writer
        self._rules = rules
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._messages = 0
        self._outgoing: Link[str] = Link(rules, random, self._send)
        self._incoming: Link[str | bytes | SocketClosedError] = Link(rules, random, self._take)
        self._playout, self._ear, self._mouth = Playout(), Ear(), Mouth()
        self._in_ear = SILENT_FRAME
        self._marks: list[MarkTrip] = []
        self._marks_back = 0
        self._clears: list[Cleared] = []
        self._underruns: list[Underrun] = []
        self._breaches: list[Breach] = []
        self._sounding: Sound | None = None
        self._close_code: int | None = None
        self._understanding: list[asyncio.Task[None]] = []
        self._late_messages = 0

    async def run(self, parameters: Mapping[str, str]) -> StreamEnd:
        """Stream until the connection ends; answers who ended it. Cancelling leaves the socket open for `leave`."""
        self._outgoing.put(self._writer.connected())
        self._outgoing.put(self._writer.start(parameters))
        work = (self._tick_on(), self._receive(), self._outgoing.run(), self._incoming.run())
        tasks = [asyncio.create_task(task) for task in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return self._why(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._note(self._ear.finish())
            # The frame in the ear ends with the stream.
            del self._ear.recording[round(self._elapsed_seconds() * RATE_HZ) :]

    async def leave(self) -> None:
        """Take leave of the gateway: `stop`, "then Twilio closes WS"; or vanish, where the rules say so."""
        if not self._rules.says_stop:
            self._socket.abort()
            return
        try:
            await self._socket.send(self._writer.stop())
            stopped_at = self._loop.time()
            async with asyncio.timeout(STOP_GRACE_SECONDS):
                while True:
                    await self._socket.receive()
                    self._late_messages += self._loop.time() - stopped_at > STOP_TRAVEL_SECONDS
        except (SocketClosedError, TimeoutError):
            await self._socket.close()

    async def understood(self) -> None:
        """Wait until the words of all that was heard have been made out."""
        await asyncio.gather(*self._understanding)

    def report(self, record: Streamed) -> Streamed:
        """The record with all that this stream knows of itself."""
        return replace(
            record,
            close_code=self._close_code,
            heard=bytes(self._ear.recording),
            said=self._mouth.said(),
            marks=tuple(self._marks),
            clears=tuple(self._clears),
            underruns=tuple(self._underruns),
            breaches=tuple(self._breaches),
            largest_lead_seconds=self._playout.largest_lead_seconds,
            unheard_seconds=self._playout.lead_seconds,
            messages_after_stop=self._late_messages,
        )

    def receive_key(self, key: str) -> None:
        """See `line.Listener`."""
        if self._rules.keys_sound:
            self._mouth.sound_key(key, self._elapsed_seconds())
        self._outgoing.put(self._writer.dtmf(key))

    def receive_speech_started(self) -> None:
        """See `line.Listener`."""

    def receive_speech_ended(self, _text: str, _confidence: float | None) -> None:
        """See `line.Listener`."""

    def speak(self, audio: bytes) -> float:
        """See `line.Mouthpiece`."""
        now = self._elapsed_seconds()
        return self._mouth.speak(audio, now) - now

    def _elapsed_seconds(self) -> float:
        return self._loop.time() - self._began_at

    async def _tick_on(self) -> None:
        number = 0
        while True:
            self._tick(number)
            number += 1
            # Against absolute instants, so that a late tick does not make the next one late.
            await asyncio.sleep(max(0.0, self._began_at + number * FRAME_SECONDS - self._loop.time()))

    def _tick(self, number: int) -> None:
        if number:
            for name in self._playout.end_frame():
                self._return_mark(name)
            self._send_voice((number - 1) * round(FRAME_SECONDS * 1000))
        frame = self._playout.next_frame()
        if (gap_seconds := frame.resumed_after_seconds) is not None:
            self._underruns.append(Underrun(round(self._journal.now_seconds() - gap_seconds, 6), gap_seconds))
        self._in_ear = frame.audio
        self._note(self._ear.hear(frame.audio))
        self._offer_turn()

    def _send_voice(self, at_ms: int) -> None:
        said = self._mouth.take_frame()
        stops_after = self._rules.media_stops_after_seconds
        if stops_after is not None and at_ms >= stops_after * 1000:
            return
        if self._rules.loss and self._random.random() < self._rules.loss:
            return
        if self._rules.echo_decibels is not None:
            said = with_echo(said, self._in_ear, self._rules.echo_decibels)
        self._outgoing.put(self._writer.media(said, at_ms))

    def _note(self, event: UtteranceBegan | UtteranceEnded | None) -> None:
        match event:
            case UtteranceBegan():
                self._line.withdraw()
                at = self._on_call(event.at_seconds)
                self._sounding = self._line.begin(Sound("stream", "", at, float("inf"), understood=False))
            case UtteranceEnded() if self._sounding is not None:
                self._line.fall_silent(self._on_call(event.ends_at_seconds))
                sound, self._sounding = self._sounding, None
                self._understanding.append(asyncio.create_task(self._understand(sound, event)))

    async def _understand(self, sound: Sound, utterance: UtteranceEnded) -> None:
        sound.text = await self._line.speech.understand(utterance.audio)
        sound.understood = True
        sound.seconds = round(utterance.ends_at_seconds - utterance.at_seconds, 6)
        self._journal.keep(
            Heard(at_seconds=sound.at_seconds, seconds=sound.seconds, kind="stream", text=sound.text, cut=utterance.cut)
        )
        self._line.changed()

    def _offer_turn(self) -> None:
        """Nobody can see that the gateway listens: the caller feels asked when it has been quiet for a moment."""
        line = self._line
        if line.invitation is not None or line.sound is not None or not self._ear.has_heard:
            return
        if self._journal.now_seconds() - line.quiet_since_seconds >= self._rules.turn_quiet_seconds:
            line.invite(float("inf"), takes_keys=True, takes_speech=True)

    async def _send(self, message: str) -> None:
        self._count()
        # What the gateway sent before its close is still to be heard: the receiving side tells of the end.
        with suppress(SocketClosedError):
            await self._socket.send(message)

    async def _receive(self) -> None:
        while True:
            try:
                self._incoming.put(await self._socket.receive())
            except SocketClosedError as closed:
                # Behind what was sent before it.
                self._incoming.put(closed)
                await asyncio.Event().wait()

    async def _take(self, message: str | bytes | SocketClosedError) -> None:
        if isinstance(message, SocketClosedError):
            raise message
        self._count()
        try:
            order = read_message(message, self._writer.stream_sid)
        except BreachError as breach:
            self._breaches.append(Breach(self._journal.now_seconds(), breach.code, str(breach)))
            return
        match order:
            case Media(audio):
                self._playout.put(audio)
            case Mark(name):
                self._marks.append(MarkTrip(name, self._journal.now_seconds()))
                if self._playout.mark(name):
                    self._return_mark(name)
            case Clear():
                self._clear()

    def _clear(self) -> None:
        discarded, names = self._playout.clear()
        self._clears.append(Cleared(self._journal.now_seconds(), discarded))
        if discarded:
            self._note(self._ear.finish(cut=True))
        for name in names:
            self._return_mark(name, cleared=True)

    def _return_mark(self, name: str, *, cleared: bool = False) -> None:
        """Marks come back in the order in which they were set, whatever brings them."""
        trip = self._marks[self._marks_back]
        self._marks[self._marks_back] = replace(trip, back_at_seconds=self._journal.now_seconds(), cleared=cleared)
        self._marks_back += 1
        self._outgoing.put(self._writer.mark(name))

    def _count(self) -> None:
        if self._messages == self._rules.dies_after_messages:
            self._socket.abort()
            raise _DiedError
        self._messages += 1

    def _why(self, tasks: "list[asyncio.Task[None]]") -> StreamEnd:
        for task in tasks:
            if not task.done():
                continue
            match task.exception():
                case _DiedError():
                    return "rules"
                case SocketClosedError(code=code):
                    self._close_code = code
                    return "broken" if code == ABNORMAL_CLOSURE else "gateway"
                case BaseException() as failure:
                    raise failure
        raise AssertionError("no part of a stream ends by itself")

    def _on_call(self, stream_seconds: float) -> float:
        return self._journal.seconds_at(self._began_at + stream_seconds)
