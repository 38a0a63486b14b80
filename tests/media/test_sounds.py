"""A message of the agent's that comes as sound, on a perfect line: one utterance, however many pieces."""

import pytest
from perfect_line import HEARING, Line, new_line

from voicegw.call.instructions import BargeIn, PlayChunk, PlayRecording, Prompt, Say
from voicegw.call.patience import FILLER_AFTER_SECONDS
from voicegw.call.plan import CallPlan, Finish, GoOn, Listen, Then
from voicegw.media import commands as c
from voicegw.media.playout import STALLED_AFTER_SECONDS

GO_ON = GoOn(hearing=HEARING)
LISTEN = Listen(hearing=HEARING, silence_seconds=10)


def chunk(content: str, *, first: bool = False, last: bool = False, instead: str = "", **fields: BargeIn) -> PlayChunk:
    return PlayChunk(content=content, encoding="audio/pcm", first=first, last=last, instead=instead, **fields)


class Phone(Line):
    """Each character of a piece is a second of audio; words take none."""

    def __init__(self) -> None:
        super().__init__(new_line().session, on_command=self.answer)
        self.start()

    def answer(self, command: c.Command, now: float) -> None:
        match command:
            case c.PlaySound(utterance=number, chunk=chunk):
                self.at(now, lambda: self.session.receive_speech_audio(number, bytes(8000 * len(chunk.content)), now))
                if chunk.last:
                    self.at(now, lambda: self.session.receive_speech_finished(number, now))
            case c.SynthesizeText(utterance=number):
                self.at(now, lambda: self.session.receive_speech_finished(number, now))

    def plan(self, *prompts: Prompt, then: Then = GO_ON) -> None:
        self.session.receive_plan(self.session.turn, CallPlan(prompts=prompts, then=then), self.now)
        self.obey()

    @property
    def pieces(self) -> list[tuple[int, str]]:
        return [(each.utterance, each.chunk.content) for each in self.commands(c.PlaySound)]  # type: ignore[attr-defined]

    @property
    def heard_seconds(self) -> float:
        return sum(len(each.audio) for each in self.commands(c.SendAudio)) / 8000  # type: ignore[attr-defined]


@pytest.fixture
def phone() -> Phone:
    return Phone()


def test_pieces_are_one_utterance_and_the_words_behind_it_another(phone: Phone) -> None:
    phone.plan(chunk("a", first=True))
    phone.plan(chunk("b"))
    phone.plan(chunk("", last=True), Say(text="Hi."), chunk("c", first=True, last=True), then=LISTEN)
    phone.run(8.0)
    assert phone.pieces == [(1, "a"), (1, "b"), (1, ""), (3, "c")]
    assert phone.heard_seconds == 3.0


def test_words_end_a_sound_that_nobody_ended(phone: Phone) -> None:
    phone.plan(chunk("a", first=True), Say(text="Hi."), chunk("b", first=True), chunk("c", first=True, last=True))
    assert phone.pieces == [(1, "a"), (1, ""), (3, "b"), (3, ""), (4, "c")]


def test_nothing_more_is_played_of_a_sound_that_was_cut_off(phone: Phone) -> None:
    phone.plan(chunk("abcd", first=True, instead="one two three four five six seven eight"))
    phone.run(2.0)
    phone.session.receive_key("1", phone.now)
    phone.obey()
    phone.plan(chunk("e"), chunk("f", last=True), then=Finish(reason="agent-ended"))
    phone.run(4.0)
    assert phone.pieces == [(1, "abcd")]
    (cut,) = phone.commands(c.ReportBargeIn)
    assert isinstance(cut, c.ReportBargeIn)
    assert cut.heard_text.startswith("one two")
    assert not cut.heard_text.endswith("eight")
    assert isinstance(cut.prompt, PlayRecording)


def test_last_words_are_heard_after_a_sound_that_was_cut_off(phone: Phone) -> None:
    phone.plan(chunk("abcd", first=True))
    phone.run(1.0)
    phone.session.receive_key("1", phone.now)
    phone.plan(chunk("e", last=True), chunk("f", first=True, last=True), then=Finish(reason="agent-ended"))
    assert phone.pieces == [(1, "abcd"), (2, "f")]


def test_a_sound_that_was_given_up_goes_on_when_more_of_it_comes(phone: Phone) -> None:
    phone.plan(chunk("a", first=True))
    phone.run(12.0)
    phone.plan(chunk("b"), chunk("", last=True), then=LISTEN)
    phone.run(15.0)
    assert phone.pieces == [(1, "a"), (2, "b"), (2, "")]
    assert phone.heard_seconds == 2.0


def test_what_is_left_of_a_sound_whose_beginning_another_stream_said(phone: Phone) -> None:
    phone.plan(chunk("b"), chunk("c", last=True), then=LISTEN)
    first = phone.commands(c.PlaySound)[0]
    assert isinstance(first, c.PlaySound)
    assert first.chunk.first
    phone.run(5.0)
    assert phone.heard_seconds == 2.0


def test_what_was_not_heard_of_a_sound_is_kept_as_a_recording(phone: Phone) -> None:
    phone.plan(chunk("a", first=True), chunk("b", last=True, instead="Words.", barge_in=BargeIn.ANY))
    phone.run(0.5)
    phone.session.receive_stop()
    phone.obey()
    (end,) = phone.commands(c.EndStream)
    assert isinstance(end, c.EndStream)
    assert end.unsaid == (PlayRecording(content=("a", "b"), encoding="audio/pcm", instead="Words."),)


def test_silence_counts_from_the_last_sound_of_an_agent_whose_own_audio_breaks_off(phone: Phone) -> None:
    phone.plan(chunk("ab", first=True), then=LISTEN)
    phone.run(30.0)
    assert phone.when(c.AskAgent) == [pytest.approx(2.0 + 10, abs=0.15)]


def test_a_word_is_due_at_once_where_an_agent_has_been_quiet_in_the_midst_of_its_own_audio(phone: Phone) -> None:
    phone.plan(chunk("ab", first=True))
    phone.run(30.0)
    assert phone.when(c.AskFiller)[0] == pytest.approx(2.0 + STALLED_AFTER_SECONDS, abs=0.01)


def test_a_caller_who_has_just_pressed_a_key_in_such_a_pause_is_given_time(phone: Phone) -> None:
    phone.plan(chunk("ab", first=True, barge_in=BargeIn.NONE))
    phone.at(9.5, lambda: phone.session.receive_key("1", phone.now))
    phone.run(30.0)
    assert phone.when(c.AskFiller)[0] == pytest.approx(9.5 + FILLER_AFTER_SECONDS, abs=0.01)
