"""Conversations on a perfect line in virtual time, told as callers would tell them."""

from collections.abc import Callable

import pytest
from perfect_line import HEARING, Line

from voicegw.call.inputs import Pressed, Said, StayedSilent
from voicegw.call.instructions import BargeIn, Collect, PlayAudio, PlayRecording, Prompt, Say
from voicegw.call.plan import CallPlan, Finish, GoOn, Hearing, Listen, Then
from voicegw.call.profile import Endpointing
from voicegw.media import commands as c
from voicegw.media.phases import Phase, SessionRules
from voicegw.media.session import MediaSession

LISTEN = Listen(hearing=HEARING, silence_seconds=10)
GO_ON = GoOn(hearing=HEARING)
BYE = Finish(reason="agent-ended")
QUESTION = Say(text="one two three four five six seven eight")
SECONDS = 4.0


class Phone(Line):
    """A line whose speech takes a second of audio for two words, and whose recogniser hears what it is told."""

    def __init__(self, rules: SessionRules | None = None, hearing: Hearing = HEARING, keys: str = "") -> None:
        super().__init__(MediaSession(rules or SessionRules(), hearing, 0.0, keys=keys), on_command=self.answer)
        self.words: str | None = ""
        self.words_after = 0.2
        self.makes_audio = True

    def answer(self, command: c.Command, now: float) -> None:
        match command:
            case c.SynthesizeText(utterance=number) | c.LoadAudio(utterance=number) if self.makes_audio:
                self.at(now, lambda: self.session.receive_speech_audio(number, bytes(round(SECONDS * 8000)), self.now))
                self.at(now, lambda: self.session.receive_speech_finished(number, self.now))
            case c.FinishTranscript(speech=speech) if self.words is not None:
                words = self.words
                self.at(
                    now + self.words_after,
                    lambda: self.session.receive_transcript(speech, words, self.now, final=True, confidence=None),
                )
            case c.AskTurnModel(pause=pause):
                self.at(now + 0.05, lambda: self.session.receive_turn_verdict(pause, 1.0, self.now))

    def plan(self, *prompts: Prompt, then: Then = LISTEN, turn: int | None = None) -> None:
        turn = self.session.turn if turn is None else turn
        self.session.receive_plan(turn, CallPlan(prompts=prompts, then=then), self.now)
        self.obey()

    def press(self, keys: str) -> None:
        for key in keys:
            self.session.receive_key(key, self.now)
        self.obey()

    def speak(self, seconds: float, words: str | None) -> None:
        self.words = words
        self.voice = 1.0
        self.run(self.now + seconds)
        self.voice = 0.0

    def understand(self, words: str) -> None:
        speech = self.commands(c.BeginTranscript)[-1].speech  # type: ignore[attr-defined]
        self.session.receive_transcript(speech, words, self.now, final=False, confidence=None)

    @property
    def said(self) -> list[str]:
        return [each.say.text for each in self.commands(c.SynthesizeText)]  # type: ignore[attr-defined]

    @property
    def asked(self) -> list[object]:
        return [command.heard for command in self.commands(c.AskAgent) if isinstance(command, c.AskAgent)]

    @property
    def ignored(self) -> list[tuple[str, str]]:
        return [(each.content, each.reason) for each in self.commands(c.ReportIgnored)]  # type: ignore[attr-defined]

    @property
    def end(self) -> c.EndStream:
        (end,) = self.commands(c.EndStream)
        assert isinstance(end, c.EndStream)
        return end


@pytest.fixture
def phone() -> Phone:
    phone = Phone()
    phone.start()
    return phone


class TestListening:
    def test_words_after_a_prompt_are_the_next_turn(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(5.0)
        phone.speak(1.0, "a table for two")
        phone.run(8.0)
        assert phone.asked == [Said(text="a table for two")]
        assert phone.session.phase is Phase.THINKING

    def test_silence_counts_from_when_the_prompt_was_heard(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(30.0)
        assert (phone.asked, phone.when(c.AskAgent)) == ([StayedSilent()], [pytest.approx(SECONDS + 10)])

    def test_a_turn_without_a_word_listens_at_once(self, phone: Phone) -> None:
        phone.plan()
        phone.run(30.0)
        assert phone.when(c.AskAgent) == [pytest.approx(10.0)]

    def test_a_noise_without_words_does_not_begin_silence_anew(self, phone: Phone) -> None:
        phone.plan()
        phone.run(8.0)
        phone.speak(0.3, "")
        phone.run(20.0)
        assert phone.when(c.AskAgent) == [pytest.approx(10.0, abs=0.1)]

    def test_a_recogniser_that_says_nothing_leaves_nobody_alone(self, phone: Phone) -> None:
        phone.plan()
        phone.run(8.0)
        phone.speak(0.5, None)
        phone.run(20.0)
        assert phone.asked == [StayedSilent()]
        assert 11.0 < phone.when(c.AskAgent)[0] < 13.0

    def test_a_voice_detector_that_dies_leaves_nobody_alone(self, phone: Phone) -> None:
        phone.plan()
        phone.speak(1.0, None)
        phone._tick_voice = lambda: None  # type: ignore[method-assign]
        phone.run(20.0)
        assert phone.asked == [StayedSilent()]

    def test_the_silence_of_a_line_that_is_not_open_yet_does_not_count(self) -> None:
        phone = Phone()
        phone.plan()
        phone.run(15.0)
        phone.start()
        phone.run(30.0)
        assert phone.when(c.AskAgent) == [pytest.approx(25.0)]


class TestBargeIn:
    def test_a_voice_falls_silent_at_once_and_words_cut_the_prompt_off(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(2.0)
        phone.speak(0.6, "stop please")
        phone.run(4.0)
        assert phone.when(c.ClearAudio)[0] - 2.0 < 0.15
        (cut,) = phone.commands(c.ReportBargeIn)
        assert isinstance(cut, c.ReportBargeIn)
        assert (cut.kind, cut.prompt, cut.heard_text) == ("speech", QUESTION, "one two three four")
        (asked,) = phone.commands(c.AskAgent)
        assert asked == c.AskAgent(turn=1, heard=Said(text="stop please"), heard_text="one two three four")

    def test_a_long_voice_is_final_before_its_words_come(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(2.0)
        phone.speak(1.0, "I have something to say")
        assert phone.when(c.ReportBargeIn) == [pytest.approx(2.8, abs=0.05)]

    @pytest.mark.parametrize("words", ["", "mhm", None])
    def test_a_cough_costs_the_caller_no_word_of_the_prompt(self, phone: Phone, words: str | None) -> None:
        phone.plan(QUESTION)
        phone.run(2.0)
        phone.speak(0.3, words)
        phone.run(9.0)
        assert phone.commands(c.ReportBargeIn) == []
        assert len(phone.heard(1)) >= SECONDS * 8000
        assert ("mhm", "too-short") in phone.ignored if words else phone.ignored == []

    def test_words_of_what_hardly_was_a_voice_cost_none_either(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(2.0)
        phone.speak(0.16, "thank you for watching")
        phone.run(9.0)
        assert (phone.commands(c.ReportBargeIn), phone.ignored) == ([], [("thank you for watching", "too-short")])

    def test_words_that_come_after_the_prompt_went_on_cut_it_off_even_so(self, phone: Phone) -> None:
        phone.words_after = 1.5
        phone.plan(QUESTION)
        phone.run(1.0)
        phone.speak(0.3, "yes please")
        phone.run(4.0)
        assert len(phone.commands(c.ReportBargeIn)) == 1
        assert phone.asked == [Said(text="yes please")]

    @pytest.mark.parametrize("policy", [BargeIn.NONE, BargeIn.KEYS])
    def test_a_prompt_that_speech_may_not_interrupt_goes_on(self, phone: Phone, policy: BargeIn) -> None:
        phone.plan(Say(text="terms", barge_in=policy))
        phone.run(1.0)
        phone.speak(1.0, "stop it now")
        phone.run(5.0)
        assert (phone.commands(c.ClearAudio), phone.asked) == ([], [])
        assert phone.ignored == [("stop it now", "not-interruptible")]

    def test_who_still_speaks_when_such_a_prompt_ends_is_heard(self, phone: Phone) -> None:
        phone.plan(Say(text="terms", barge_in=BargeIn.NONE))
        phone.run(3.0)
        phone.speak(2.0, "I agree")
        phone.run(8.0)
        assert phone.asked == [Said(text="I agree")]

    def test_what_must_be_heard_is_heard_even_if_what_came_before_was_cut_off(self, phone: Phone) -> None:
        notice = Say(text="notice", barge_in=BargeIn.NONE)
        phone.plan(QUESTION, notice)
        phone.run(1.0)
        phone.press("1")
        phone.run(7.0)
        assert (len(phone.heard(1)), len(phone.heard(2))) == (8000, SECONDS * 8000)

    def test_our_own_echo_interrupts_nothing(self, phone: Phone) -> None:
        phone.session.voice._echo.is_echo = lambda: True  # type: ignore[method-assign]
        phone.plan(QUESTION)
        phone.run(1.0)
        phone.speak(1.0, "one two three")
        phone.run(5.0)
        assert (phone.commands(c.ClearAudio), phone.ignored) == ([], [("one two three", "echo")])

    def test_caller_who_speaks_over_our_echo_interrupts_with_their_own_words(self, phone: Phone) -> None:
        is_echo = iter([True] * 10)
        phone.session.voice._echo.is_echo = lambda: next(is_echo, False)  # type: ignore[method-assign]
        phone.plan(QUESTION)
        phone.run(1.0)
        phone.speak(1.0, "one two three")
        phone.run(5.0)
        echo, caller = phone.commands(c.BeginTranscript)
        assert (echo, caller) == (c.BeginTranscript(speech=1), c.BeginTranscript(speech=2))
        assert phone.commands(c.ClearAudio)
        assert phone.ignored == [("one two three", "echo")]
        assert phone.asked

    def test_our_echo_after_a_prompt_is_no_answer_to_it(self, phone: Phone) -> None:
        phone.session.voice._echo.is_echo = lambda: True  # type: ignore[method-assign]
        phone.plan()
        phone.run(1.0)
        phone.speak(1.0, "one two three")
        phone.run(5.0)
        assert (phone.asked, phone.ignored) == ([], [("one two three", "echo")])

    def test_speech_that_is_switched_off_interrupts_nothing(self) -> None:
        phone = Phone()
        phone.start()
        deaf = Hearing(keypad=Collect(), language="en-US", endpointing=Endpointing.FAST, speech=False)
        phone.plan(QUESTION, then=Listen(hearing=deaf, silence_seconds=10))
        phone.speak(1.0, "hello there")
        phone.run(3.0)
        assert (phone.commands(c.ClearAudio), phone.ignored) == ([], [("hello there", "speech-off")])


class TestKeys:
    def test_the_key_that_interrupts_is_the_first_of_its_entry(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(2.0)
        phone.press("1")
        phone.run(2.5)
        phone.press("2#")
        assert phone.asked == [Pressed(keys="12", ended_by="#")]
        assert phone.when(c.ClearAudio) == [2.0]

    def test_keys_typed_while_the_agent_thinks_wait_and_skip_the_menu_they_answer(self, phone: Phone) -> None:
        phone.press("1")
        phone.run(5.0)
        assert (phone.asked, phone.commands(c.NoteWaiting)) == (
            [],
            [c.NoteWaiting(heard=Pressed(keys="1", ended_by=""))],
        )
        phone.plan(QUESTION)
        assert phone.asked == [Pressed(keys="1", ended_by="")]
        assert phone.heard(1) == b""

    def test_the_delimiter_behind_a_full_entry_interrupts_nothing(self, phone: Phone) -> None:
        pin = Hearing(keypad=Collect(max_digits=2), language="en-US", endpointing=Endpointing.PATIENT)
        phone.plan(then=Listen(hearing=pin, silence_seconds=10))
        phone.press("12")
        phone.plan(QUESTION, then=Listen(hearing=pin, silence_seconds=10))
        phone.run(0.3)
        phone.press("#")
        phone.run(SECONDS + 1.0)
        assert phone.asked == [Pressed(keys="12", ended_by="")]
        assert phone.commands(c.ClearAudio) == []

    def test_keys_do_not_interrupt_what_only_speech_may(self, phone: Phone) -> None:
        phone.plan(Say(text="terms", barge_in=BargeIn.SPEECH))
        phone.run(1.0)
        phone.press("1#")
        phone.run(5.0)
        assert phone.asked == [Pressed(keys="1", ended_by="#")]
        assert phone.commands(c.ClearAudio) == []
        assert len(phone.heard(1)) == SECONDS * 8000

    def test_with_gap_0_an_unfinished_entry_becomes_silence_in_the_end(self) -> None:
        hearing = Hearing(keypad=Collect(gap_seconds=0), language="en-US", endpointing=Endpointing.PATIENT)
        phone = Phone(hearing=hearing)
        phone.start()
        phone.plan(then=Listen(hearing=hearing, silence_seconds=5))
        phone.run(3.0)
        phone.press("12")
        phone.run(20.0)
        assert (phone.asked, phone.when(c.AskAgent)) == ([StayedSilent()], [pytest.approx(8.0)])
        assert phone.ignored == [("12", "entry-abandoned")]

    def test_one_key_is_enough_where_buttons_are_offered(self, phone: Phone) -> None:
        one = Hearing(keypad=Collect(), language="en-US", endpointing=Endpointing.PATIENT, one_key=True)
        phone.plan(then=Listen(hearing=one, silence_seconds=10))
        phone.press("3")
        assert phone.asked == [Pressed(keys="3", ended_by="")]

    def test_a_keypad_that_is_off_hears_nothing(self, phone: Phone) -> None:
        off = Hearing(keypad=Collect(enabled=False), language="en-US", endpointing=Endpointing.PATIENT)
        phone.press("1")
        phone.plan(then=Listen(hearing=off, silence_seconds=10))
        phone.press("2")
        assert phone.ignored == [("1", "keypad-off"), ("2", "keypad-off")]

    def test_a_key_decides_what_a_voice_had_left_open(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(1.0)
        phone.speak(0.3, "")
        phone.press("1#")
        assert phone.asked == [Pressed(keys="1", ended_by="#")]

    def test_the_first_input_wins_and_the_other_waits(self, phone: Phone) -> None:
        phone.plan()
        phone.run(1.0)
        phone.speak(1.0, "I said it")
        phone.press("1#")
        phone.run(4.0)
        assert phone.asked == [Pressed(keys="1", ended_by="#")]
        phone.plan()
        assert phone.asked[1:] == [Said(text="I said it")]


class TestThinking:
    def test_words_added_meanwhile_are_joined_and_the_answer_is_said(self, phone: Phone) -> None:
        phone.speak(0.5, "and a window seat")
        phone.run(2.0)
        phone.speak(0.5, "please")
        phone.run(4.0)
        assert phone.asked == []
        phone.plan(QUESTION)
        assert phone.asked == [Said(text="and a window seat please")]
        phone.run(9.0)
        assert len(phone.heard(1)) == SECONDS * 8000

    def test_or_the_answer_is_dropped_for_them(self) -> None:
        phone = Phone(SessionRules(while_thinking="drop"))
        phone.start()
        phone.speak(0.5, "no wait")
        phone.run(2.0)
        phone.plan(QUESTION)
        assert (phone.asked, phone.commands(c.SynthesizeText)) == ([Said(text="no wait")], [])

    def test_an_answer_does_not_talk_over_the_caller(self, phone: Phone) -> None:
        phone.voice = 1.0
        phone.run(1.0)
        phone.plan(QUESTION, then=GO_ON)
        phone.speak(1.0, "hello?")
        phone.run(8.0)
        assert phone.played[0].begin > 2.0
        assert len(phone.heard(1)) == SECONDS * 8000

    def test_but_does_not_wait_for_a_noisy_line_for_ever(self, phone: Phone) -> None:
        phone.voice = 1.0
        phone.run(1.0)
        phone.plan(QUESTION, then=GO_ON)
        phone.run(10.0)
        assert phone.played[0].begin == pytest.approx(5.0, abs=0.1)

    def test_a_turn_that_was_interrupted_is_not_spoken_any_further(self, phone: Phone) -> None:
        phone.plan(QUESTION, then=GO_ON)
        phone.run(1.0)
        phone.press("1")
        phone.plan(Say(text="more"), Say(text="notice", barge_in=BargeIn.NONE), then=GO_ON)
        assert [each.say.text for each in phone.commands(c.SynthesizeText)][1:] == ["notice"]  # type: ignore[attr-defined]

    def test_the_last_words_are_spoken_even_so(self, phone: Phone) -> None:
        phone.plan(QUESTION, then=GO_ON)
        phone.press("1")
        phone.plan(Say(text="goodbye"), then=BYE)
        phone.run(9.0)
        assert len(phone.heard(2)) == SECONDS * 8000

    def test_talking_over_a_filler_does_not_cost_the_answer(self, phone: Phone) -> None:
        phone.plan(Say(text="one moment", filler=True), then=GO_ON)
        phone.press("1")
        phone.plan(QUESTION, then=GO_ON)
        phone.run(9.0)
        assert len(phone.heard(2)) == SECONDS * 8000

    def test_fillers_come_after_2_5_seconds_and_3_5_after_words(self, phone: Phone) -> None:
        phone.run(7.0)
        assert phone.when(c.AskFiller) == [pytest.approx(2.5), pytest.approx(6.0)]
        phone.plan(QUESTION, then=GO_ON)
        phone.run(15.0)
        assert phone.when(c.AskFiller)[2] == pytest.approx(7.0 + SECONDS + 3.5)

    def test_what_an_earlier_turn_still_brings_is_not_spoken(self, phone: Phone) -> None:
        phone.plan()
        phone.press("1#")
        phone.plan(QUESTION, turn=0)
        assert (phone.commands(c.SynthesizeText), phone.session.phase) == ([], Phase.THINKING)


class TestNoiseForEver:
    """A television that the detector takes for a voice, and of which the recogniser makes no words."""

    def test_caller_in_it_is_asked_whether_they_are_there_and_asked_again(self, phone: Phone) -> None:
        phone.plan()
        phone.voice = 0.9
        phone.run(66.0)
        phone.plan(QUESTION)
        phone.run(100.0)
        assert phone.asked == [StayedSilent(), StayedSilent()]
        assert phone.when(c.AskAgent)[1] == pytest.approx(phone.played[-1].end + 10, abs=0.1)

    @pytest.mark.parametrize("interim", [True, False])
    def test_who_speaks_for_as_long_is_left_to_speak(self, phone: Phone, interim: bool) -> None:
        phone.plan()
        phone.words = "word after word"
        for minute in range(3):
            if interim:
                phone.at(30.0 + 60 * minute, lambda: phone.understand("word"))
        phone.voice = 0.9
        phone.run(200.0)
        assert phone.asked == []

    def test_words_in_it_are_not_kept_back_for_ever(self, phone: Phone) -> None:
        phone.plan()
        phone.at(5.0, lambda: phone.understand("yes"))
        phone.words = "yes"
        phone.voice = 0.9
        phone.run(62.0)
        phone.words = ""
        phone.run(70.0)
        assert phone.asked == [Said(text="yes")]

    def test_fillers_tell_the_caller_in_it_that_the_agent_thinks(self, phone: Phone) -> None:
        phone.voice = 0.9
        phone.run(70.0)
        assert phone.when(c.AskFiller) == [pytest.approx(63.1, abs=0.1), pytest.approx(66.6, abs=0.1)]

    def test_once_the_line_was_quiet_a_voice_is_the_callers_again(self, phone: Phone) -> None:
        phone.plan(then=Listen(hearing=HEARING, silence_seconds=70))
        phone.speak(65.0, "")
        phone.run(68.0)
        phone.speak(5.0, "I am back")
        phone.run(80.0)
        assert phone.asked == [Said(text="I am back")]


class TestTheEnd:
    def test_it_ends_with_the_mark_of_the_last_prompt(self, phone: Phone) -> None:
        phone.plan(QUESTION, then=BYE)
        phone.run(20.0)
        assert phone.when(c.EndStream) == [pytest.approx(SECONDS)]
        assert phone.end == c.EndStream(reason="plan", then=BYE)

    def test_without_marks_it_ends_2_seconds_later(self, phone: Phone) -> None:
        phone.session.receive_mark = lambda *_: None  # type: ignore[method-assign]
        phone.plan(QUESTION, then=BYE)
        phone.run(20.0)
        assert phone.when(c.EndStream) == [pytest.approx(SECONDS + 2.0)]

    def test_nothing_interrupts_a_goodbye(self, phone: Phone) -> None:
        phone.press("7")
        phone.plan(QUESTION, then=BYE)
        phone.press("1")
        phone.speak(1.0, "wait")
        phone.session.receive_turn_verdict(1, 1.0, phone.now)
        phone.session.receive_transcript(1, "wait", phone.now, final=True, confidence=None)
        phone.plan(Say(text="more"))
        phone.run(9.0)
        assert phone.when(c.EndStream) == [pytest.approx(SECONDS)]
        assert phone.ignored == [("7", "call-ending"), ("1", "call-ending")]

    def test_last_words_that_were_cut_off_before_they_were_known_to_be_the_last_are_said_again(
        self, phone: Phone
    ) -> None:
        phone.plan(Say(text="first"), QUESTION, then=GO_ON)
        phone.run(1.0)
        phone.press("1")
        phone.plan(then=BYE)
        phone.press("2")
        phone.run(20.0)
        assert phone.said == ["first", QUESTION.text, QUESTION.text]
        assert phone.when(c.EndStream) == [pytest.approx(1.0 + SECONDS)]

    def test_last_words_of_a_turn_that_the_caller_talked_over_are_said_after_all(self, phone: Phone) -> None:
        phone.plan(Say(text="first"), then=GO_ON)
        phone.run(1.0)
        phone.press("1")
        phone.plan(QUESTION, then=GO_ON)
        phone.plan(then=BYE)
        phone.run(20.0)
        assert phone.said == ["first", QUESTION.text]
        assert phone.end.reason == "plan"

    def test_our_own_words_are_said_though_the_caller_talked_over_the_turn(self, phone: Phone) -> None:
        phone.plan(QUESTION, then=GO_ON)
        phone.run(1.0)
        phone.press("1")
        phone.run(5.0)
        assert phone.when(c.AskFiller) == [pytest.approx(4.5)]
        phone.plan(Say(text="One moment.", filler=True, by_gateway=True), then=GO_ON)
        assert phone.said == [QUESTION.text, "One moment."]

    def test_what_was_cut_off_a_turn_ago_is_not_said_again(self, phone: Phone) -> None:
        phone.plan(QUESTION, then=GO_ON)
        phone.run(1.0)
        phone.press("1#")
        phone.plan()
        phone.plan(then=BYE)
        assert (phone.said, phone.when(c.EndStream)) == ([QUESTION.text], [1.0])

    def test_keys_that_no_entry_has_taken_go_on_in_the_next_stream(self, phone: Phone) -> None:
        phone.plan()
        phone.press("12")
        phone.session.receive_stop()
        phone.obey()
        assert phone.end.keys == "12"
        after = Phone(keys=phone.end.keys)
        after.run(5.0)
        after.start()
        after.plan()
        after.press("3#")
        assert after.asked == [Pressed(keys="123", ended_by="#")]

    def test_a_voice_held_the_last_prompt_no_longer(self, phone: Phone) -> None:
        phone.plan(QUESTION, then=GO_ON)
        phone.run(1.0)
        phone.voice = 1.0
        phone.run(1.3)
        phone.plan(then=BYE)
        phone.run(9.0)
        assert phone.end.reason == "plan"
        assert len(phone.heard(1)) >= SECONDS * 8000

    def test_a_line_that_goes_dead_is_given_up(self, phone: Phone) -> None:
        phone._tick_frame = lambda: None  # type: ignore[method-assign]
        phone.run(30.0)
        assert (phone.when(c.EndStream), phone.end.reason) == ([pytest.approx(10.0, abs=0.1)], "no-media")

    def test_a_line_that_never_opens_is_given_up(self) -> None:
        phone = Phone()
        phone.run(60.0)
        assert phone.when(c.EndStream) == [30.0]

    def test_once_the_carrier_stopped_nothing_changes_any_more(self, phone: Phone) -> None:
        phone.plan(QUESTION)
        phone.run(1.0)
        for _ in range(2):
            phone.session.receive_stop()
        phone.obey()
        assert phone.end == c.EndStream(reason="carrier-stopped", unsaid=(QUESTION,))
        assert phone.commands(c.StopSynthesis) == [c.StopSynthesis(utterance=1)]
        late: tuple[Callable[[], None], ...] = (
            lambda: phone.session.receive_timer(2.0),
            lambda: phone.session.receive_mark("0.1.1600", 2.0),
            lambda: phone.session.receive_key("1", 2.0),
            lambda: phone.session.receive_voice_probability(1.0, 0.032, 2.0),
            lambda: phone.session.receive_speech_audio(1, bytes(160), 2.0),
            lambda: phone.session.receive_speech_finished(1, 2.0),
            lambda: phone.session.receive_speech_failed(1, 2.0),
        )
        for receive in late:
            receive()
        assert phone.session.take_commands() == [c.ReportIgnored(content="1", reason="call-ending")]
        assert phone.session.next_timer() is None


class TestVoicesThatFail:
    def test_where_no_voice_of_ours_can_say_it_the_carrier_must(self, phone: Phone) -> None:
        phone.makes_audio = False
        phone.plan(QUESTION, Say(text="more"), then=BYE)
        phone.session.receive_speech_failed(1, phone.now)
        phone.obey()
        assert phone.end == c.EndStream(reason="no-voice", then=BYE, unsaid=(QUESTION, Say(text="more")))

    def test_a_voice_that_never_answers_has_failed(self, phone: Phone) -> None:
        phone.makes_audio = False
        phone.plan(QUESTION)
        phone.run(20.0)
        assert (phone.when(c.EndStream), phone.end.reason) == ([8.0], "no-voice")

    def test_a_voice_that_breaks_off_has_said_what_it_has(self, phone: Phone) -> None:
        phone.makes_audio = False
        phone.plan(QUESTION)
        phone.session.receive_speech_audio(1, bytes(8000), phone.now)
        phone.session.receive_speech_failed(1, phone.now)
        phone.obey()
        phone.run(30.0)
        assert phone.when(c.AskAgent) == [pytest.approx(11.0)]

    @pytest.mark.parametrize(
        "prompt",
        [
            PlayAudio(source="https://example.com/a.mp3", instead="the menu", loop=3),
            PlayRecording(content=("AA==",), encoding="audio/pcm", instead="the menu"),
        ],
    )
    def test_a_recording_that_cannot_be_had_is_told_in_words(self, phone: Phone, prompt: PlayAudio) -> None:
        phone.makes_audio = False
        phone.plan(prompt)
        phone.makes_audio = True
        phone.session.receive_speech_failed(1, phone.now)
        phone.obey()
        phone.session.receive_speech_audio(1, bytes(8000), phone.now)
        phone.run(9.0)
        assert phone.commands(c.SynthesizeText) == [c.SynthesizeText(utterance=2, say=Say(text="the menu"))]
        assert (len(phone.heard(1)), len(phone.heard(2))) == (0, SECONDS * 8000)

    def test_without_such_words_it_is_left_out(self, phone: Phone) -> None:
        phone.makes_audio = False
        phone.plan(PlayAudio(source="https://example.com/a.mp3"))
        phone.session.receive_speech_failed(1, phone.now)
        phone.run(30.0)
        assert phone.when(c.AskAgent) == [pytest.approx(10.0)]

    def test_the_words_of_a_recording_that_was_cut_off_are_told_as_far_as_they_came(self, phone: Phone) -> None:
        phone.plan(PlayAudio(source="https://example.com/a.mp3", instead="a b c d"))
        phone.run(2.0)
        phone.press("1#")
        assert phone.commands(c.AskAgent)[0].heard_text == "a b"  # type: ignore[attr-defined]

    def test_of_a_prompt_that_is_still_being_made_the_words_are_estimated(self, phone: Phone) -> None:
        phone.makes_audio = False
        phone.plan(QUESTION)
        phone.session.receive_speech_audio(1, bytes(16000), phone.now)
        phone.obey()
        phone.run(1.0)
        phone.press("1#")
        assert phone.commands(c.AskAgent)[0].heard_text == "one two three"  # type: ignore[attr-defined]
