"""Voice probabilities in, onset and end of speech out, in seconds of audio."""

import pytest

from voicegw.call.profile import Endpointing
from voicegw.media.endpointing import (
    LONGEST_SPEECH_SECONDS,
    PATIENCE,
    Endpointer,
    SpeechBegan,
    SpeechEnded,
    SpeechPaused,
    VoiceEvent,
)

WINDOW = 0.032


def hear(endpointer: Endpointer, seconds: float, probability: float) -> list[tuple[float, VoiceEvent]]:
    """What is told within so many seconds, and when."""
    out, at = [], 0.0
    while at < seconds - 1e-9:
        at += WINDOW
        event = endpointer.receive(probability, WINDOW)
        if event is not None:
            out.append((round(at, 3), event))
    return out


def speaking(profile: Endpointing = Endpointing.PATIENT, seconds: float = 1.0) -> Endpointer:
    endpointer = Endpointer(profile)
    assert [event for _, event in hear(endpointer, seconds, 0.9)] == [SpeechBegan()]
    return endpointer


class TestOnset:
    @pytest.mark.parametrize(("probability", "noticed"), [(0.99, 0.064), (0.75, 0.064), (0.7, 0.096), (0.5, 0.096)])
    def test_the_surer_a_voice_is_the_sooner_speech_begins(self, probability: float, noticed: float) -> None:
        assert hear(Endpointer(Endpointing.FAST), 1.0, probability) == [(noticed, SpeechBegan())]

    def test_a_click_is_no_speech(self) -> None:
        endpointer = Endpointer(Endpointing.FAST)
        clicks = [hear(endpointer, WINDOW, 1.0) + hear(endpointer, WINDOW, 0.0) for _ in range(9)]
        assert clicks == [[]] * 9
        assert not endpointer.speaking

    def test_doubt_does_not_begin_speech_but_carries_it(self) -> None:
        assert hear(Endpointer(Endpointing.FAST), 3.0, 0.45) == []
        assert hear(speaking(Endpointing.FAST), 3.0, 0.45) == []

    def test_it_tells_how_long_there_was_voice(self) -> None:
        endpointer = speaking(seconds=0.32)
        assert endpointer.speech_seconds == pytest.approx(0.32)
        assert Endpointer(Endpointing.FAST).speech_seconds == 0.0


class TestEnd:
    @pytest.mark.parametrize("profile", Endpointing)
    def test_the_model_is_asked_and_without_an_answer_quiet_decides(self, profile: Endpointing) -> None:
        told = hear(speaking(profile), 4.0, 0.0)
        patience = PATIENCE[profile]
        asked, ended = (at for at, _ in told)
        assert [event for _, event in told] == [
            SpeechPaused(1),
            SpeechEnded(pytest.approx(1.024), pytest.approx(ended)),
        ]
        assert patience.ask_after_seconds <= asked <= patience.ask_after_seconds + WINDOW
        assert patience.end_after_seconds <= ended <= patience.end_after_seconds + WINDOW

    def test_a_complete_turn_ends_at_once(self) -> None:
        endpointer = speaking()
        hear(endpointer, 0.32, 0.0)
        assert isinstance(endpointer.judge(1, 0.9), SpeechEnded)
        assert not endpointer.speaking
        assert hear(endpointer, 5.0, 0.0) == []

    @pytest.mark.parametrize("profile", Endpointing)
    def test_a_model_that_is_quicker_than_quiet_waits_for_it(self, profile: Endpointing) -> None:
        endpointer, patience = speaking(profile), PATIENCE[profile]
        while not (told := hear(endpointer, WINDOW, 0.0)):
            pass
        assert told[0][1] == SpeechPaused(1)
        asked = patience.ask_after_seconds
        assert endpointer.judge(1, 0.9) is None
        ((ended, event),) = hear(endpointer, 4.0, 0.0)
        assert isinstance(event, SpeechEnded)
        assert asked + ended == pytest.approx(patience.complete_after_seconds, abs=2 * WINDOW)

    def test_an_incomplete_one_buys_time(self) -> None:
        endpointer = speaking(Endpointing.FAST)
        hear(endpointer, 0.224, 0.0)
        assert endpointer.judge(1, 0.1) is None
        ((ended, _),) = hear(endpointer, 3.0, 0.0)
        assert 0.224 + ended == pytest.approx(PATIENCE[Endpointing.FAST].incomplete_after_seconds, abs=WINDOW)

    def test_who_goes_on_speaking_makes_the_verdict_late(self) -> None:
        endpointer = speaking()
        hear(endpointer, 0.32, 0.0)
        assert hear(endpointer, 0.5, 0.9) == []
        assert endpointer.judge(1, 1.0) is None
        assert hear(endpointer, 0.32, 0.0)[0][1] == SpeechPaused(2)
        assert endpointer.judge(1, 1.0) is None
        assert isinstance(endpointer.judge(2, 1.0), SpeechEnded)

    def test_a_click_in_a_pause_does_not_make_it_shorter(self) -> None:
        endpointer = speaking()
        hear(endpointer, 0.96, 0.0)
        hear(endpointer, WINDOW, 0.9)
        ((ended, _),) = hear(endpointer, 3.0, 0.0)
        assert 0.96 + WINDOW + ended == pytest.approx(2.0, abs=WINDOW)

    def test_patience_may_change_while_somebody_speaks(self) -> None:
        endpointer = speaking(Endpointing.DICTATION)
        endpointer.configure(Endpointing.FAST)
        assert hear(endpointer, 4.0, 0.0)[-1][0] == pytest.approx(0.7, abs=WINDOW)

    def test_a_television_set_does_not_speak_for_ever(self) -> None:
        told = hear(Endpointer(Endpointing.PATIENT), LONGEST_SPEECH_SECONDS + 1, 0.9)
        assert [type(event) for _, event in told][:2] == [SpeechBegan, SpeechEnded]

    def test_it_can_be_abandoned(self) -> None:
        endpointer = speaking()
        assert isinstance(endpointer.abandon(), SpeechEnded)
        assert endpointer.abandon() is None

    def test_a_turn_that_is_as_likely_over_as_not_is_over(self) -> None:
        endpointer = speaking()
        hear(endpointer, 0.32, 0.0)
        assert isinstance(endpointer.judge(1, 0.5), SpeechEnded)

    def test_it_ends_at_its_longest_to_the_second(self) -> None:
        endpointer = Endpointer(Endpointing.PATIENT)
        told = [endpointer.receive(0.9, 0.5) for _ in range(int(LONGEST_SPEECH_SECONDS * 2))]
        assert told[-1] == SpeechEnded(LONGEST_SPEECH_SECONDS, 0.0)
        assert told.count(None) == len(told) - 2

    @pytest.mark.parametrize("profile", Endpointing)
    def test_quiet_that_is_just_long_enough_is(self, profile: Endpointing) -> None:
        endpointer, patience = speaking(profile), PATIENCE[profile]
        assert endpointer.receive(0.0, patience.ask_after_seconds) == SpeechPaused(1)
        ended = endpointer.receive(0.0, patience.end_after_seconds - patience.ask_after_seconds)
        assert ended == SpeechEnded(pytest.approx(1.024), pytest.approx(patience.end_after_seconds))


class TestAfterwards:
    def test_a_pause_is_no_voice_but_what_came_before_it_was(self) -> None:
        endpointer = speaking(seconds=0.32)
        hear(endpointer, 0.32, 0.0)
        hear(endpointer, 0.32, 0.9)
        assert endpointer.speech_seconds == pytest.approx(0.64)

    def test_the_next_pause_is_as_long_as_the_first(self) -> None:
        first = hear(speaking(), 0.5, 0.0)[0][0]
        endpointer = speaking()
        hear(endpointer, 0.5, 0.0)
        hear(endpointer, 2 * WINDOW, 0.9)  # just enough to be a voice again
        assert hear(endpointer, 0.5, 0.0)[0] == (first, SpeechPaused(2))

    def test_the_next_speech_begins_from_nothing(self) -> None:
        endpointer = speaking(seconds=1.6)
        endpointer.abandon()
        assert not endpointer.voiced
        assert [event for _, event in hear(endpointer, 1.0, 0.4)] == []
        hear(endpointer, 0.32, 0.9)
        assert endpointer.speech_seconds == pytest.approx(0.32)
        assert hear(endpointer, 3.0, 0.0)[-1][1] == SpeechEnded(pytest.approx(0.32), pytest.approx(2.016))

    def test_the_speech_after_the_longest_begins_from_nothing_too(self) -> None:
        endpointer = Endpointer(Endpointing.PATIENT)
        hear(endpointer, LONGEST_SPEECH_SECONDS, 0.9)
        while endpointer.speaking:
            endpointer.receive(0.9, WINDOW)
        assert hear(endpointer, 0.32, 0.9) == [(2 * WINDOW, SpeechBegan())]
        assert endpointer.speech_seconds == pytest.approx(0.32)
