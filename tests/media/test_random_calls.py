"""Random callers and agents against the session, on a perfect line, in virtual time: what must hold on every call."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perfect_line import HEARING, Line

from voicegw.audio.mixing import BackgroundMixer
from voicegw.call.inputs import Pressed, Said, StayedSilent
from voicegw.call.instructions import BargeIn, Collect, PlayAudio, Prompt, Say
from voicegw.call.plan import CallPlan, Finish, GoOn, Hearing, Listen
from voicegw.call.profile import Endpointing
from voicegw.media import commands as c
from voicegw.media.background import Background
from voicegw.media.barge_in import BargeInRules
from voicegw.media.phases import Phase, SessionRules
from voicegw.media.session import MediaSession

LONGEST_WAIT_SECONDS = 28.0  # the longest silence allowed for, and what may have to be given up before it runs
INSTEAD = "what is said instead"
MAX = 40


@dataclass
class RandomCall:
    """One call from one seed: an agent that answers, speech that is made and understood, a caller who does anything."""

    dice: Random
    background: Background | None = None
    line: Line = field(init=False)
    keypad: Collect = field(init=False)
    running: bool = True
    turn: int = 0
    keys: str = ""
    delivered: str = ""
    ignored: str = ""
    audio: dict[int, bytes] = field(default_factory=dict)
    complete_at: dict[int, float] = field(default_factory=dict)
    prompts: dict[int, Prompt] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    stopped: int = 0
    acted_at: float = 0.0
    listening_since: float | None = None
    ended: list[c.EndStream] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice = self.dice
        # A delimiter right behind a full entry belongs to it and is not delivered: counted apart, so none here.
        self.keypad = Collect(
            gap_seconds=dice.choice((0.0, 0.5, 2.0)),
            delimiters=dice.choice(((), ("#",), ("#", "*"))),
            max_digits=64,
        )
        rules = SessionRules(
            barge_in=BargeInRules(min_words=dice.choice((1, 2))), while_thinking=dice.choice(("join", "drop"))
        )
        session = MediaSession(rules, self.hearing(), 0.0, self.background)
        self.line = Line(session, on_command=self.obey, watch=self.watch)

    def hearing(self) -> Hearing:
        return Hearing(keypad=self.keypad, language="en-US", endpointing=self.dice.choice(tuple(Endpointing)))

    def obey(self, command: c.Command, now: float) -> None:
        dice, line = self.dice, self.line
        match command:
            case c.AskAgent(turn=turn, heard=heard):
                assert not self.running, "two turns at once"
                assert turn == self.turn + 1
                assert line.session.phase is Phase.THINKING
                self.running, self.turn, self.listening_since = True, turn, None
                if isinstance(heard, Pressed):
                    self.delivered += heard.keys + (heard.ended_by or "")
                elif isinstance(heard, Said):
                    assert heard.text
                line.at(now + dice.uniform(0, 4), self.answer)
            case c.SynthesizeText(utterance=number, say=say):
                self.make_audio(number, say, now)
            case c.LoadAudio(utterance=number, prompt=prompt):
                self.make_audio(number, prompt, now)
            case c.FinishTranscript(speech=speech) if dice.random() < 0.9:
                text = dice.choice(("", "mhm", "yes please", "I would like to book"))
                at = now + dice.uniform(0, 1.5)
                line.at(at, lambda: line.session.receive_transcript(speech, text, line.now, final=True, confidence=0.9))
            case c.AskTurnModel(pause=pause) if dice.random() < 0.8:
                verdict = dice.random()
                line.at(now + 0.06, lambda: line.session.receive_turn_verdict(pause, verdict, line.now))
            case c.ReportIgnored(content=content, reason=reason):
                if reason in ("call-ending", "entry-abandoned", "keypad-off"):
                    self.ignored += content
            case c.AskFiller():
                assert self.running
                line.at(now, lambda: self.plan((Say(text="One moment.", filler=True),), GoOn(hearing=self.hearing())))
            case c.StopSynthesis(utterance=number):
                self.stopped = number
            case c.EndStream():
                self.ended.append(command)
            case _:
                pass

    def make_audio(self, number: int, prompt: Prompt, now: float) -> None:
        dice, line = self.dice, self.line
        self.prompts[number] = prompt
        # What is said instead of a recording takes its place in the order.
        instead = isinstance(prompt, Say) and prompt.text == INSTEAD
        self.places[number] = self.places[self.stopped] if instead else number
        # Each byte tells which utterance and which second it is of.
        seconds = dice.uniform(0.05, 3)
        self.audio[number] = bytes((number * 7 + place // 8000) % 256 for place in range(round(seconds * 8000)))
        fate = dice.random()
        if fate < 0.03:
            return  # it never comes
        at, place = now + dice.uniform(0, 0.8), 0
        while place < len(self.audio[number]):
            size = dice.choice((160, 800, 8000))
            piece = self.audio[number][place : place + size]
            line.at(at, lambda piece=piece: line.session.receive_speech_audio(number, piece, line.now))
            place += size
            at += dice.uniform(0, size / 8000)  # made faster than it is played
        line.at(at, lambda: line.session.receive_speech_finished(number, line.now))
        self.complete_at[number] = at

    def answer(self) -> None:
        dice = self.dice
        for _ in range(dice.choice((0, 0, 1))):
            self.plan(self.some_prompts(), GoOn(hearing=self.hearing()))
        if dice.random() < 0.5:
            self.line.at(self.line.now + dice.uniform(0, 5), self.finish_turn)
        else:
            self.finish_turn()

    def finish_turn(self) -> None:
        if self.dice.random() < 0.08:
            self.plan(self.some_prompts(), Finish(reason="agent-ended"))
        else:
            self.running = False
            self.plan(self.some_prompts(), Listen(hearing=self.hearing(), silence_seconds=self.dice.uniform(1, 10)))

    def plan(self, prompts: tuple[Prompt, ...], then: GoOn | Listen | Finish) -> None:
        self.line.session.receive_plan(self.turn, CallPlan(prompts=prompts, then=then), self.line.now)

    def some_prompts(self) -> tuple[Prompt, ...]:
        dice = self.dice
        return tuple(
            Say(text="some words to say", barge_in=dice.choice(tuple(BargeIn)))
            if dice.random() < 0.8
            else PlayAudio(
                source="https://example.com/a.wav", instead=dice.choice(("", INSTEAD)), loop=dice.choice((0, 1, 2))
            )
            for _ in range(dice.choice((0, 1, 1, 2, 3)))
        )

    def caller_acts(self, until: float) -> None:
        """Schedule everything the caller does: keys in bursts, speech, coughs, echoes of nothing."""
        dice, line, now = self.dice, self.line, 0.0
        while (now := now + dice.expovariate(1 / 3)) < until:
            if dice.random() < 0.5:
                for _ in range(dice.choice((1, 1, 4))):
                    line.at(now, partial(self.press, dice.choice("0123456789*#")))
                    now += dice.uniform(0.06, 0.15)
            else:
                line.at(now, lambda: self.speak(1.0))
                now += dice.choice((0.05, 0.2, 0.5, 1.5, 4.0))
                line.at(now, lambda: self.speak(0.0))

    def speak(self, voice: float) -> None:
        self.line.voice = voice
        self.acted_at = self.line.now

    def press(self, key: str) -> None:
        self.keys += key
        self.acted_at = self.line.now
        self.line.session.receive_key(key, self.line.now)

    def watch(self) -> None:
        """What must hold after every single event."""
        session, now = self.line.session, self.line.now
        if session.phase is Phase.LISTENING:
            self.listening_since = now if self.listening_since is None else self.listening_since
            last_sound = max((piece.end for piece in self.line.played[-3:]), default=0.0)
            quiet_since = max(self.listening_since, self.acted_at, min(now, last_sound))
            assert session.next_timer() is not None
            assert self.line.voice or now - quiet_since < LONGEST_WAIT_SECONDS, "the caller was left alone"
        else:
            self.listening_since = None


@settings(max_examples=MAX, deadline=None)
@given(st.integers(0, 2**32))
def test_what_must_hold_on_every_call(seed: int) -> None:
    assert_all_holds(RandomCall(Random(seed)))


class Murmur(BackgroundMixer):
    """Comes and goes, and leaves every sample of what is said as it is."""

    def mix(self, voice: bytes) -> bytes:
        assert len(super().mix(voice)) == len(voice)
        return voice


@settings(max_examples=MAX // 3, deadline=None)
@given(st.integers(0, 2**32))
def test_it_holds_with_a_sound_under_the_call(seed: int) -> None:
    murmur = Murmur()
    call = RandomCall(Random(seed), murmur)
    for place in range(10):
        call.line.at(6.0 * place, lambda: murmur.start(call.dice.choice(("hold", "behind")), b"\x90" * 4000))
        call.line.at(6.0 * place + call.dice.uniform(0, 8), lambda: murmur.stop(call.dice.choice(("hold", "behind"))))
    assert_all_holds(call)


def assert_all_holds(call: RandomCall) -> None:
    line = call.line
    line.at(call.dice.uniform(0, 2), line.start)
    line.at(call.dice.uniform(0, 3), call.answer)
    call.caller_acts(40.0)
    line.run(40.0)
    call.speak(0.0)
    line.run(120.0)

    # the only ones that may still be on their way
    keys_not_taken = line.session._waiting._keypad.waiting + "".join(end.keys for end in call.ended)
    told = Counter(call.delivered) + Counter(call.ignored) + Counter(keys_not_taken)
    assert told == Counter(call.keys), "a key was lost, or came twice"
    assert is_subsequence(call.delivered, call.keys), "keys came in another order"
    assert_heard_in_order(call)
    assert len(call.ended) <= 1
    if call.ended and call.ended[0].reason == "plan":
        assert_goodbye_was_heard(call)


def is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(key in rest for key in part)


def assert_heard_in_order(call: RandomCall) -> None:
    heard_pieces = [piece for piece in call.line.played if piece.end > piece.begin]
    numbers = [piece.utterance for piece in heard_pieces]
    places = [call.places[number] for number in numbers]
    assert places == sorted(places), "prompts were mixed"
    for number in set(numbers):
        loops = getattr(call.prompts[number], "loop", 1)
        if number in call.line.dropped or loops != 1 or any(isinstance(x, c.ClearAudio) for _, x in call.line.log):
            continue
        heard = call.line.heard(number)
        assert call.audio[number].startswith(heard)
        if any(place > call.places[number] for place in places):
            assert heard == call.audio[number], "a prompt was not heard to its end"


def assert_goodbye_was_heard(call: RandomCall) -> None:
    (ended_at,) = call.line.when(c.EndStream)
    # One that repeats for ever is left in the middle: its words have been heard.
    ends = (piece.end for piece in call.line.played if getattr(call.prompts[piece.utterance], "loop", 1))
    last = max(ends, default=0.0)
    assert last <= ended_at + 1e-6, "the goodbye was cut off"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.05, 6.0), min_size=1, max_size=5), st.integers(0, 2**32))
def test_no_gap_while_there_is_audio(lengths: list[float], seed: int) -> None:
    dice = Random(seed)
    line = Line(MediaSession(SessionRules(), HEARING, 0.0))
    line.start()
    line.session.receive_plan(
        0, CallPlan(prompts=tuple(Say(text="x") for _ in lengths), then=Listen(hearing=HEARING, silence_seconds=5)), 0.0
    )
    for number, seconds in enumerate(lengths, 1):
        line.session.receive_speech_audio(number, bytes([number]) * round(seconds * 8000), 0.0)
        line.session.receive_speech_finished(number, 0.0)
    line.obey()
    line.run(sum(lengths) + dice.random())
    assert [piece.utterance for piece in line.played] == sorted(piece.utterance for piece in line.played)
    assert all(later.begin - earlier.end < 1e-6 for earlier, later in pairwise(line.played)), "the caller heard a gap"
    assert line.played[0].begin == 0.0
    assert {number: len(line.heard(number)) for number in range(1, len(lengths) + 1)} == {
        number: round(seconds * 8000) for number, seconds in enumerate(lengths, 1)
    }


def test_silence_is_told_only_after_everything_was_heard() -> None:
    line = Line(MediaSession(SessionRules(), HEARING, 0.0))
    line.start()
    line.session.receive_plan(
        0, CallPlan(prompts=(Say(text="x"),), then=Listen(hearing=HEARING, silence_seconds=5)), 0.0
    )
    line.session.receive_speech_audio(1, bytes(8000 * 7), 0.0)
    line.session.receive_speech_finished(1, 0.0)
    line.obey()
    line.run(20.0)
    assert line.when(c.AskAgent) == [pytest.approx(12.0)]
    (asked,) = line.commands(c.AskAgent)
    assert isinstance(asked, c.AskAgent)
    assert asked.heard == StayedSilent()
