"""What is sent ahead, what counts as heard, and what a clear does to both."""

import pytest

from voicegw.media.commands import ClearAudio, SendAudio, SendMark
from voicegw.media.playout import MARK_LATE_SECONDS, STALLED_AFTER_SECONDS, Playout


def speaking(*seconds: float, finished: bool = True) -> Playout:
    """A line that is open, with all audio there."""
    playout = Playout()
    playout.open(0.0)
    for number, length in enumerate(seconds, 1):
        playout.begin(number, 0.0)
        playout.receive_audio(number, bytes([number]) * round(length * 8000), 0.0)
        if finished:
            playout.finish(number)
    return playout


def sizes(out: list[SendAudio | SendMark]) -> list[int]:
    return [len(each.audio) for each in out if isinstance(each, SendAudio)]


def marks(out: list[SendAudio | SendMark]) -> list[str]:
    return [each.name for each in out if isinstance(each, SendMark)]


class TestTheLead:
    def test_it_begins_with_400_ms_and_is_topped_up_at_200(self) -> None:
        playout = speaking(5.0)
        assert sizes(playout.send(0.0)) == [1600, 1600]
        assert playout.next_timer() == pytest.approx(0.2)
        assert sizes(playout.send(0.1)) == []
        assert sizes(playout.send(0.2)) == [1600]

    def test_a_late_timer_is_made_up_for(self) -> None:
        playout = speaking(5.0)
        playout.send(0.0)
        assert sizes(playout.send(0.35)) == [1600, 1200]
        assert sizes(playout.send(3.0)) == [1600, 1600]

    def test_a_little_audio_waits_for_more_until_the_carrier_runs_dry(self) -> None:
        playout = speaking(0.25, finished=False)
        assert sizes(playout.send(0.0)) == [1600]
        assert playout.next_timer() == pytest.approx(0.2 - 0.06)
        assert sizes(playout.send(0.1)) == []
        assert sizes(playout.send(0.14)) == [400]

    def test_the_last_bit_of_an_utterance_waits_for_nothing(self) -> None:
        playout = speaking(0.21, 0.02)
        assert sizes(playout.send(0.0)) == [1600, 80, 160]

    def test_nothing_is_sent_before_the_line_is_open(self) -> None:
        playout = Playout()
        playout.begin(1, 0.0)
        playout.receive_audio(1, bytes(8000), 0.0)
        assert (playout.send(0.0), playout.next_timer(), playout.stalled_at()) == ([], None, None)
        playout.open(5.0)
        assert sizes(playout.send(5.0)) == [1600, 1600]

    def test_nothing_is_sent_after_it_was_closed(self) -> None:
        playout = speaking(1.0)
        playout.close()
        assert (playout.send(0.0), playout.numbers, playout.generation) == ([], (), 1)

    def test_a_carrier_that_is_behind_gets_less(self) -> None:
        playout = speaking(5.0)
        (first, *_) = marks(playout.send(0.0))
        playout.receive_mark(first, 0.9)  # 0.7 s late: it still has 200 ms, less what it played since
        assert sizes(playout.send(0.9)) == [1600, 800]
        assert playout.next_timer() == pytest.approx(0.9 + 0.4 - 0.2)

    def test_a_carrier_that_is_ahead_gets_more(self) -> None:
        playout = speaking(5.0)
        _, second = marks(playout.send(0.0))
        playout.receive_mark(second, 0.1)
        assert sizes(playout.send(0.1)) == [1600, 1600]


class TestWhatWasHeard:
    def test_the_last_mark_ends_an_utterance(self) -> None:
        playout = speaking(0.3)
        first, last = marks(playout.send(0.0))
        playout.receive_mark(first, 0.2)
        playout.send(0.2)
        assert not playout.all_heard
        playout.receive_mark(last, 0.3)
        assert playout.all_heard
        playout.send(0.3)
        assert playout.numbers == ()

    def test_a_mark_speaks_for_those_before_it(self) -> None:
        playout = speaking(0.3)
        playout.receive_mark(marks(playout.send(0.0))[-1], 0.3)
        assert playout.all_heard

    @pytest.mark.parametrize("name", ["", "1.1.1600", "0.1.1", "0.2.1600", "my label"])
    def test_marks_that_are_not_ours_mean_nothing(self, name: str) -> None:
        playout = speaking(0.2)
        playout.send(0.0)
        playout.receive_mark(name, 0.2)
        assert not playout.all_heard

    def test_a_mark_that_never_comes_counts_as_come_after_2_seconds(self) -> None:
        playout = speaking(0.3)
        playout.send(0.0)
        assert playout.next_timer() == pytest.approx(0.2 + MARK_LATE_SECONDS)
        playout.send(0.2 + MARK_LATE_SECONDS)
        assert not playout.all_heard
        playout.send(0.3 + MARK_LATE_SECONDS)
        assert playout.all_heard

    def test_between_marks_the_clock_tells(self) -> None:
        playout = speaking(2.0)
        first, _ = marks(playout.send(0.0))
        assert playout.heard_by_now(1, 0.1) == 800
        assert playout.heard_by_now(1, 0.3) == 2400
        playout.receive_mark(first, 0.2)
        assert playout.heard_by_now(1, 0.2) == 1600
        assert playout.heard_by_now(7, 0.2) == 0

    def test_of_what_waits_behind_nothing_was_heard(self) -> None:
        playout = speaking(0.2, 0.2)
        playout.send(0.0)
        assert (playout.heard_by_now(1, 0.1), playout.heard_by_now(2, 0.1)) == (800, 0)


class TestHolding:
    def test_it_falls_silent_and_goes_on_from_the_last_mark(self) -> None:
        playout = speaking(1.0)
        first, _ = marks(playout.send(0.0))
        playout.receive_mark(first, 0.2)
        playout.send(0.2)
        assert playout.hold(0.3) == [ClearAudio()]
        assert (playout.hold(0.3), playout.send(0.4), playout.held) == ([], [], True)
        assert playout.heard_by_now(1, 0.5) == 2400
        playout.resume(1.0)
        out = playout.send(1.0)
        assert [each.generation for each in out] == [1, 1, 1, 1]
        assert marks(out) == ["1.1.3200", "1.1.4800"]

    def test_marks_that_a_clear_throws_back_were_not_heard(self) -> None:
        playout = speaking(0.4)
        old = marks(playout.send(0.0))
        playout.hold(0.1)
        for name in old:
            playout.receive_mark(name, 0.15)
        playout.resume(0.2)
        assert not playout.all_heard
        assert sizes(playout.send(0.2)) == [1600, 1600]


class TestDropping:
    def test_what_was_out_is_told(self) -> None:
        playout = speaking(1.0)
        playout.send(0.0)
        (dropped,), clears = playout.drop(0.25, lambda _: True)
        assert (dropped.number, dropped.heard_seconds, dropped.heard_share) == (1, 0.25, 0.25)
        assert (clears, playout.generation, playout.numbers) == ([ClearAudio()], 1, ())

    def test_nobody_knows_the_share_of_an_unfinished_one(self) -> None:
        playout = speaking(1.0, finished=False)
        playout.send(0.0)
        assert playout.drop(0.25, lambda _: True)[0][0].heard_share is None

    def test_what_stays_is_said_whole(self) -> None:
        playout = speaking(0.1, 1.0)
        playout.send(0.0)
        playout.drop(0.05, lambda number: number == 1)
        assert [each.utterance for each in playout.send(0.05) if isinstance(each, SendAudio)] == [2, 2]
        assert playout.numbers == (2,)

    def test_what_is_being_said_is_not_disturbed_for_what_waits(self) -> None:
        playout = speaking(1.0, 1.0)
        playout.send(0.0)
        dropped, clears = playout.drop(0.1, lambda number: number == 2)
        assert ([each.number for each in dropped], clears, playout.generation) == ([2], [], 0)

    def test_dropping_nothing_changes_nothing_but_a_hold(self) -> None:
        playout = speaking(1.0)
        playout.hold(0.0)
        assert playout.drop(0.0, lambda _: False) == ([], [])
        assert not playout.held

    def test_before_the_line_is_open_there_is_nothing_to_clear(self) -> None:
        playout = Playout()
        playout.begin(1, 0.0)
        assert playout.drop(0.0, lambda _: True)[1] == []

    def test_audio_that_comes_after_all_is_ignored(self) -> None:
        playout = speaking(1.0)
        playout.drop(0.0, lambda _: True)
        playout.receive_audio(1, bytes(8000), 0.0)
        playout.finish(1)
        assert (playout.send(0.0), playout.has_audio(1)) == ([], False)

    def test_nothing_is_added_to_what_is_finished(self) -> None:
        playout = speaking(0.1)
        playout.receive_audio(1, bytes(8000), 0.0)
        assert sizes(playout.send(0.0)) == [800]


class TestStalling:
    def test_audio_that_does_not_come_is_given_up(self) -> None:
        playout = Playout()
        playout.open(1.0)
        playout.begin(1, 1.0)
        assert playout.stalled_at() == 1.0 + STALLED_AFTER_SECONDS
        assert (playout.stalled(8.9), playout.stalled(9.0)) == (None, 1)

    def test_it_counts_from_the_end_of_what_there_was(self) -> None:
        playout = speaking(0.2, finished=False)
        playout.send(0.0)
        assert playout.stalled_at() == pytest.approx(0.2 + STALLED_AFTER_SECONDS)

    def test_another_may_take_its_place(self) -> None:
        playout = Playout()
        playout.open(0.0)
        playout.begin(1, 0.0, loops=3)
        playout.begin(2, 0.0)
        playout.replace(1, 3, 5.0)
        assert playout.numbers == (3, 2)
        assert playout.stalled_at() == 5.0 + STALLED_AFTER_SECONDS


class TestLoops:
    def test_a_loop_is_sent_as_often_as_asked(self) -> None:
        playout = Playout()
        playout.open(0.0)
        playout.begin(1, 0.0, loops=3)
        playout.receive_audio(1, bytes(800), 0.0)
        playout.finish(1)
        assert sizes(playout.send(0.0)) == [800, 800, 800]

    def test_an_endless_one_counts_as_heard_after_its_first_time(self) -> None:
        playout = Playout()
        playout.open(0.0)
        playout.begin(1, 0.0, loops=0)
        playout.receive_audio(1, bytes(1600), 0.0)
        playout.finish(1)
        first, _ = marks(playout.send(0.0))
        playout.receive_mark(first, 0.2)
        assert playout.all_heard
        assert sizes(playout.send(0.2)) == [1600]
        playout.begin(2, 0.3)
        assert playout.send(0.4) == []
