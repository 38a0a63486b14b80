"""Silence, filler, barge-in rules, speeches, utterances: each on its own."""

import pytest

from voicegw.call.inputs import Pressed, Said
from voicegw.call.instructions import BargeIn, Collect
from voicegw.media.barge_in import BargeInDecider, BargeInRules, Sense, count_words, may_interrupt
from voicegw.media.filler import FillerTimer
from voicegw.media.silence import SilenceTimer
from voicegw.media.speeches import TRANSCRIPT_WITHIN_SECONDS, Speeches
from voicegw.media.utterances import Utterance
from voicegw.media.waiting_inputs import WaitingInputs


class TestSilence:
    def test_it_counts_from_the_last_thing_heard(self) -> None:
        silence = SilenceTimer()
        silence.start(5.0, 10.0)
        silence.hear_something(12.0)
        assert silence.next_timer() == 17.0
        assert (silence.is_over(16.9), silence.is_over(17.0)) == (False, True)

    def test_a_noise_only_pauses_it(self) -> None:
        silence = SilenceTimer()
        silence.start(5.0, 0.0)
        silence.pause(True)
        assert (silence.next_timer(), silence.is_over(9.0)) == (None, False)
        silence.pause(False)
        assert silence.is_over(9.0)

    def test_before_it_is_started_it_has_no_end(self) -> None:
        assert (SilenceTimer().next_timer(), SilenceTimer().is_over(9.0)) == (None, False)

    def test_who_does_not_listen_has_none(self) -> None:
        silence = SilenceTimer()
        silence.start(5.0, 0.0)
        silence.stop()
        assert silence.next_timer() is None


def test_a_filler_is_due_later_after_our_own_words_than_after_the_callers() -> None:
    filler = FillerTimer()
    filler.begin_turn(10.0)
    assert filler.next_timer() == 12.5
    filler.hear_us(11.0)
    assert filler.next_timer() == 14.5
    filler.hear_caller(11.0)
    assert filler.next_timer() == 14.5
    filler.hear_caller(13.0)
    assert filler.next_timer() == 15.5


class TestBargeIn:
    @pytest.mark.parametrize(
        ("policy", "by"),
        [
            (BargeIn.ANY, {"speech", "key"}),
            (BargeIn.SPEECH, {"speech"}),
            (BargeIn.KEYS, {"key"}),
            (BargeIn.NONE, set()),
        ],
    )
    def test_a_prompt_says_what_may_interrupt_it(self, policy: BargeIn, by: set[str]) -> None:
        senses: tuple[Sense, ...] = ("speech", "key")
        assert {sense for sense in senses if may_interrupt(policy, sense)} == by

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", 0),
            ("Mhm.", 0),
            ("uh-huh, mm-hmm", 0),
            ("Yes!", 1),
            ("Um, sim", 2),
            ("mhm, no thanks", 2),
            ("Äh ja", 1),
            ("Ah, ha.", 0),
            ("Oh, stop!", 1),
            ("Okay.", 1),
        ],
    )
    def test_humming_along_is_no_word(self, text: str, words: int) -> None:
        assert count_words(text, voice_seconds=0.3) == words

    @pytest.mark.parametrize(
        ("text", "confidence", "words"),
        [
            ("Mom.", 0.45, 0),
            ("Hell.", 0.58, 0),
            ("Stop.", 0.62, 1),
            ("It had.", 0.5, 0),
            ("Stop.", 0.86, 1),
            ("Stop.", None, 1),
        ],
    )
    def test_what_was_short_and_hardly_heard_is_a_noise(self, text: str, confidence: float | None, words: int) -> None:
        assert count_words(text, confidence, voice_seconds=0.48) == words

    @pytest.mark.parametrize(("text", "confidence", "words"), [("Echo.", 0.45, 1), ("Yeah.", 0.37, 0)])
    def test_what_took_its_time_is_sooner_believed(self, text: str, confidence: float, words: int) -> None:
        assert count_words(text, confidence, voice_seconds=0.51) == words

    def test_words_that_nobody_had_the_time_to_say_are_a_noise_put_into_writing(self) -> None:
        assert count_words("Thank you for watching!", 0.66, voice_seconds=0.192) == 0
        assert count_words("Yes.", None, voice_seconds=0.18) == 0
        assert count_words("No.", 0.72, voice_seconds=0.224) == 1

    def test_a_quick_word_that_the_recogniser_is_sure_of_is_one(self) -> None:
        assert count_words("Yes.", 0.9, voice_seconds=0.18) == 1

    @pytest.mark.parametrize(
        ("confidence", "voice_seconds", "words"),
        [
            (None, 0.2, 1),  # each rule begins with its own figure
            (0.85, 0.1, 1),
            (0.84, 0.1, 0),
            (0.6, 0.49, 1),
            (0.59, 0.49, 0),
            (0.4, 0.5, 1),
            (0.39, 0.5, 0),
        ],
    )
    def test_from_its_figure_on_a_word_is_believed(
        self, confidence: float | None, voice_seconds: float, words: int
    ) -> None:
        assert count_words("Stop.", confidence, voice_seconds=voice_seconds) == words

    def test_one_word_is_an_interruption_where_nothing_else_is_said(self) -> None:
        assert BargeInRules().is_interruption(voice_seconds=0.0, words=1)

    def test_words_or_voice_make_an_interruption(self) -> None:
        rules = BargeInRules(min_words=2, min_seconds=0.8)
        assert rules.is_interruption(voice_seconds=0.0, words=2)
        assert rules.is_interruption(voice_seconds=0.8, words=0)
        assert not rules.is_interruption(voice_seconds=0.79, words=1)
        assert not BargeInRules(min_words=0).is_interruption(voice_seconds=0.1, words=0)

    def test_what_is_held_goes_on_after_the_voice(self) -> None:
        decider = BargeInDecider(BargeInRules(min_seconds=0.8, resume_after_seconds=0.5))
        assert decider.next_timer() is None
        decider.hold(3, 10.0)
        assert decider.next_timer() == pytest.approx(11.3)
        decider.end_speech(2, 10.1)
        assert decider.next_timer() == pytest.approx(11.3)
        decider.end_speech(3, 10.2)
        assert decider.next_timer() == pytest.approx(10.7)
        decider.release(2)
        assert decider.held
        decider.release(3)
        assert not decider.held


class TestSpeeches:
    def test_a_confidence_has_no_more_places_than_say_something(self) -> None:
        speeches = Speeches()
        speech = speeches.begin(1.0, in_quiet=True)
        speeches.receive_transcript(speech.number, "yes", 1.5, final=True, confidence=0.4111111111111111)
        assert speech.confidence == 0.411

    def test_it_is_resolved_when_voice_and_words_are_over(self) -> None:
        speeches = Speeches()
        speech = speeches.begin(1.0, in_quiet=True)
        assert speeches.receive_transcript(speech.number, " yes ", 1.5, final=True, confidence=0.5) is speech
        assert (speeches.active, speeches.next_timer(), speeches.take_resolved(9.0)) == (True, None, [])
        speech.ended_at = 2.0
        assert speeches.current is None
        assert speeches.take_resolved(2.0) == [speech]
        assert (speech.text, speeches.active) == ("yes", False)

    def test_what_is_final_stays_and_what_is_over_is_gone(self) -> None:
        speeches = Speeches()
        speech = speeches.begin(1.0, in_quiet=True)
        speeches.receive_transcript(speech.number, "yes", 1.5, final=True, confidence=None)
        speeches.receive_transcript(speech.number, "no", 1.6, final=False, confidence=None)
        assert speech.text == "yes"
        assert speeches.receive_transcript(7, "who?", 1.7, final=True, confidence=None) is None

    def test_words_that_do_not_come_are_given_up(self) -> None:
        speeches = Speeches()
        speech = speeches.begin(1.0, in_quiet=True)
        speech.ended_at = 2.0
        assert speeches.next_timer() == 2.0 + TRANSCRIPT_WITHIN_SECONDS
        assert speeches.take_resolved(4.9) == []
        assert speeches.take_resolved(5.0) == [speech]
        assert speeches.next_timer() is None


class TestUtterances:
    def test_nobody_knows_its_end_before_it_is_finished(self) -> None:
        utterance = Utterance(number=1, audio=bytearray(8))
        assert (utterance.total, utterance.unsent, utterance.over) == (None, 8, False)

    def test_a_loop_is_taken_over_its_border_in_two_pieces(self) -> None:
        utterance = Utterance(number=1, loops=2, audio=bytearray(b"abcd"), finished=True)
        taken = []
        while utterance.unsent:
            taken.append(utterance.take(min(3, utterance.unsent)))
        assert taken == [b"abc", b"d", b"abc", b"d"]
        assert utterance.total == utterance.sent == 8

    def test_one_without_audio_is_over_however_often_it_repeats(self) -> None:
        assert Utterance(number=1, loops=0, finished=True).over

    def test_an_endless_one_ends_with_the_repetition_that_has_begun(self) -> None:
        utterance = Utterance(number=1, loops=0, audio=bytearray(b"abcd"), finished=True, sent=5)
        assert utterance.total is None
        utterance.stop_repeating()
        assert utterance.total == 8

    @pytest.mark.parametrize("finished", [True, False])
    def test_an_endless_one_that_has_not_begun_is_said_once(self, finished: bool) -> None:
        utterance = Utterance(number=1, loops=0, audio=bytearray(b"abcd"), finished=finished)
        utterance.stop_repeating()
        assert utterance.loops == 1

    def test_a_counted_one_is_not_shortened(self) -> None:
        utterance = Utterance(number=1, loops=3)
        utterance.stop_repeating()
        assert utterance.loops == 3


class TestWaitingInputs:
    def test_what_began_first_is_taken_first(self) -> None:
        waiting = WaitingInputs(Collect(max_digits=1))
        waiting.say("yes", 0.9, 1.0)
        waiting.press("1", 2.0)
        assert waiting.take_first(3.0, words_too=True) == Said(text="yes", confidence=0.9)
        assert waiting.take_first(3.0, words_too=True) == Pressed(keys="1", ended_by="")
        assert waiting.take_first(3.0, words_too=True) is None

    def test_words_are_joined_and_as_sure_as_the_least_sure(self) -> None:
        waiting = WaitingInputs(Collect())
        for text, confidence in (("I would", 0.9), ("like", None), ("to book", 0.4)):
            waiting.say(text, confidence, 1.0)
        assert waiting.take_first(2.0, words_too=False) is None
        assert waiting.take_first(2.0, words_too=True) == Said(text="I would like to book", confidence=0.4)

    def test_each_is_noted_once_while_it_waits(self) -> None:
        waiting = WaitingInputs(Collect(max_digits=1))
        waiting.say("operator", None, 1.0)
        waiting.press("0", 2.0)
        assert waiting.next_note() == 2.0
        assert waiting.take_notes(2.0) == [Said(text="operator"), Pressed(keys="0", ended_by="")]
        assert (waiting.next_note(), waiting.take_notes(9.0)) == (None, [])
        assert waiting.drop_keys() == "0"

    def test_what_was_pressed_before_is_pressed_once_when_the_stream_opens(self) -> None:
        waiting = WaitingInputs(Collect(max_digits=1), "7")
        waiting.open(1.0)
        waiting.open(2.0)
        assert waiting.take_first(3.0, words_too=True) == Pressed(keys="7", ended_by="")
        assert waiting.take_first(3.0, words_too=True) is None

    def test_where_nothing_was_pressed_before_nothing_waits(self) -> None:
        waiting = WaitingInputs(Collect())
        waiting.open(1.0)
        assert not waiting.keys_wait

    def test_of_both_at_once_the_key_is_taken(self) -> None:
        waiting = WaitingInputs(Collect(max_digits=1))
        waiting.say("yes", None, 1.0)
        waiting.press("1", 1.0)
        assert waiting.take_first(2.0, words_too=True) == Pressed(keys="1", ended_by="")

    def test_words_are_noted_as_they_were_heard_also_after_others_were_taken(self) -> None:
        waiting = WaitingInputs(Collect())
        waiting.say("hello", 0.5, 1.0)
        assert waiting.take_notes(1.0) == [Said(text="hello", confidence=0.5)]
        waiting.take_words()
        waiting.say("again", 0.7, 2.0)
        assert waiting.take_notes(2.0) == [Said(text="again", confidence=0.7)]
