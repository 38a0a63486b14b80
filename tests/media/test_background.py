"""Sounds under a call, on a perfect line: heard without a gap, in nobody's way, and gone with the stream."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perfect_line import HEARING, Line, new_line

from voicegw.audio.mixing import BackgroundMixer
from voicegw.call.backgrounds import BEHIND, HOLD
from voicegw.call.instructions import Prompt, Say
from voicegw.call.plan import CallPlan, Finish, GoOn, Listen, Then
from voicegw.media import commands as c
from voicegw.media.echo import EchoGuard
from voicegw.media.phases import Phase
from voicegw.media.playout import PAD_MOST_SECONDS

MUSIC = bytes(range(0x20, 0x30)) * 500
LISTEN = Listen(hearing=HEARING, silence_seconds=10)
GO_ON = GoOn(hearing=HEARING)


class Phone:
    """A line with music under it. Every prompt is two seconds of 0x10."""

    def __init__(self) -> None:
        self.mixer = BackgroundMixer()
        self.line: Line = new_line(background=self.mixer)
        self.line.on_command = self.answer
        self.delay = 0.0

    def answer(self, command: c.Command, now: float) -> None:
        if isinstance(command, c.SynthesizeText):
            number, session, at = command.utterance, self.line.session, now + self.delay
            self.line.at(at, lambda: session.receive_speech_audio(number, b"\x10" * 16_000, self.line.now))
            self.line.at(at, lambda: session.receive_speech_finished(number, self.line.now))

    def play(self, name: str = BEHIND) -> None:
        self.mixer.start(name, MUSIC)
        self.line.session.receive_timer(self.line.now)
        self.line.obey()

    def plan(self, *prompts: Prompt, then: Then = LISTEN) -> None:
        self.line.session.receive_plan(self.line.session.turn, CallPlan(prompts=prompts, then=then), self.line.now)
        self.line.obey()

    def assert_no_gap(self, begin: float, end: float) -> None:
        """Was there something to hear from `begin` to `end`?"""
        pieces = sorted((each for each in (*self.line.played, *self.line.padded)), key=lambda each: each.begin)
        at = begin
        for piece in pieces:
            assert piece.begin <= at + 1e-6, f"a gap from {at} to {piece.begin}"
            at = max(at, piece.end)
        assert at >= end - 1e-6


@pytest.fixture
def phone() -> Phone:
    phone = Phone()
    phone.line.start()
    return phone


def test_music_is_heard_under_silence_without_a_gap(phone: Phone) -> None:
    phone.play()
    phone.plan()
    phone.line.run(5.0)
    phone.assert_no_gap(0.0, 5.0)
    assert all(each.utterance == 0 for each in phone.line.commands(c.SendAudio))  # type: ignore[attr-defined]


def test_words_are_as_long_as_they_were_and_come_soon(phone: Phone) -> None:
    phone.play()
    phone.line.run(1.0)
    phone.plan(Say(text="x"))
    phone.line.run(6.0)
    phone.assert_no_gap(0.0, 6.0)
    assert len(phone.line.heard(1)) == 16_000
    assert phone.line.played[0].begin <= 1.0 + PAD_MOST_SECONDS
    assert set(phone.line.heard(1)) != {0x10}, "nothing is mixed in"


def test_silence_runs_under_music(phone: Phone) -> None:
    phone.play()
    phone.plan(Say(text="x"))
    phone.line.run(20.0)
    (asked,) = phone.line.when(c.AskAgent)
    assert asked == pytest.approx(12.0, abs=0.25)


def test_hold_sound_needs_no_filler_and_music_does(phone: Phone) -> None:
    phone.plan(then=GO_ON)
    phone.play(HOLD)
    phone.line.run(8.0)
    assert phone.line.commands(c.AskFiller) == []
    phone.mixer.stop(HOLD)
    phone.play(BEHIND)
    phone.line.run(12.0)
    assert len(phone.line.commands(c.AskFiller)) >= 1


def test_voice_that_does_not_come_is_given_up_under_music_too(phone: Phone) -> None:
    phone.delay = 1e9
    phone.play()
    phone.plan(Say(text="x"))
    phone.line.run(20.0)
    (end,) = phone.line.commands(c.EndStream)
    assert isinstance(end, c.EndStream)
    assert end.reason == "no-voice"
    assert phone.line.when(c.EndStream) == [pytest.approx(8.0)]


def test_goodbye_does_not_wait_for_the_music_and_nothing_follows_it(phone: Phone) -> None:
    phone.play()
    phone.plan(Say(text="x"), then=Finish(reason="agent-ended"))
    phone.line.run(20.0)
    (ended_at,) = phone.line.when(c.EndStream)
    assert ended_at == pytest.approx(2.0, abs=0.25)
    phone.play()
    assert max(phone.line.when(c.SendAudio)) <= ended_at
    assert phone.line.session.phase is Phase.ENDED


def test_caller_who_interrupts_hears_the_music_go_on(phone: Phone) -> None:
    phone.play()
    phone.plan(Say(text="x"))
    phone.line.run(1.0)
    phone.line.session.receive_key("1", phone.line.now)
    phone.line.obey()
    phone.line.run(3.0)
    phone.assert_no_gap(0.0, 3.0)
    assert len(phone.line.heard(1)) == 6_400  # it began 200 ms late, behind music that was on its way


def test_caller_is_heard_better_where_the_music_is_ducked(phone: Phone) -> None:
    phone.play()
    phone.plan()
    phone.line.run(2.0)
    phone.line.voice = 1.0
    phone.line.run(4.0)
    loud, ducked = (
        [loudest(each.audio) for each in phone.line.padded if begin < each.begin < begin + 0.9] for begin in (1.0, 3.0)
    )
    assert max(ducked) < min(loud)


def loudest(mulaw: bytes) -> int:
    return max(~byte & 0x7F for byte in mulaw)


def test_echo_guard_is_told_of_what_sounds_alone(monkeypatch: pytest.MonkeyPatch, phone: Phone) -> None:
    told: list[bytes] = []
    monkeypatch.setattr(EchoGuard, "send", lambda *sent: told.append(sent[1]))
    phone.play()
    phone.line.run(1.0)
    assert told == [each.audio for each in phone.line.padded]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from(["say", "start", "stop", "key"])), max_size=12))
def test_no_sample_of_what_is_said_is_lost_or_moved(acts: list[tuple[float, str]]) -> None:
    phone = Phone()
    marked = bytes(place // 100 for place in range(16_000))

    class Plain(BackgroundMixer):
        def mix(self, voice: bytes) -> bytes:
            assert len(super().mix(voice)) == len(voice)
            return voice

    phone.mixer = Plain()
    phone.line = new_line(background=phone.mixer)
    session = phone.line.session

    def answer(command: c.Command, now: float) -> None:
        if isinstance(command, c.SynthesizeText):
            for place in range(0, 16_000, 3_000):
                piece = marked[place : place + 3_000]
                phone.line.at(
                    now + place / 20_000,
                    lambda piece=piece: session.receive_speech_audio(command.utterance, piece, phone.line.now),
                )
            phone.line.at(now + 1.0, lambda: session.receive_speech_finished(command.utterance, phone.line.now))

    phone.line.on_command = answer
    phone.line.start()
    for at, act in acts:
        does = {
            "say": lambda: phone.plan(Say(text="x"), then=GO_ON),
            "start": lambda: phone.mixer.start(BEHIND, MUSIC),
            "stop": lambda: phone.mixer.stop(BEHIND),
            "key": lambda: session.receive_key("1", phone.line.now),
        }
        phone.line.at(at, does[act])
    phone.line.run(60.0)
    numbers = [piece.utterance for piece in phone.line.played]
    assert numbers == sorted(numbers)
    for number in set(numbers):
        heard = phone.line.heard(number)
        assert marked.startswith(heard)
        assert heard == marked or number in phone.line.dropped
