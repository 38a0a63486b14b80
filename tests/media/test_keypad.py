"""Keys at their instants → entries: exactly what behaviour promises of delimiters, length, gap and type-ahead."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.inputs import Pressed
from voicegw.call.instructions import Collect
from voicegw.media.keypad import KeypadCollector


def pressed(keypad: Collect, *keys: tuple[str, float]) -> KeypadCollector:
    collector = KeypadCollector(keypad)
    for key, at in keys:
        assert collector.press(key, at)
    return collector


def entries(collector: KeypadCollector, now: float) -> list[tuple[str, str | None]]:
    out = []
    while (entry := collector.take_entry(now)) is not None:
        out.append((entry.pressed.keys, entry.pressed.ended_by))
    return out


def typed(text: str, begin: float = 0.0, every: float = 0.1) -> list[tuple[str, float]]:
    return [(key, begin + place * every) for place, key in enumerate(text)]


class TestWhatEndsAnEntry:
    @pytest.mark.parametrize("delimiter", ["#", "*"])
    def test_any_of_the_delimiters(self, delimiter: str) -> None:
        collector = pressed(Collect(delimiters=("#", "*")), *typed("12" + delimiter))
        assert entries(collector, 0.2) == [("12", delimiter)]

    def test_its_length(self) -> None:
        assert entries(pressed(Collect(max_digits=4), *typed("1234")), 0.3) == [("1234", "")]

    def test_the_gap_to_the_millisecond(self) -> None:
        collector = pressed(Collect(gap_seconds=2.0), *typed("12"))
        assert collector.next_timer() == pytest.approx(2.1)
        assert collector.take_entry(2.0999) is None
        entry = collector.take_entry(2.1)
        assert entry is not None
        assert (entry.pressed, entry.first_at, entry.last_at) == (Pressed(keys="12", ended_by=""), 0.0, 0.1)

    def test_a_pause_of_just_the_gap(self) -> None:
        assert entries(pressed(Collect(gap_seconds=2), ("1", 0.0), ("2", 2.0)), 4.0) == [("1", ""), ("2", "")]

    def test_not_time_where_the_gap_is_0(self) -> None:
        collector = pressed(Collect(gap_seconds=0), *typed("12"))
        assert collector.next_timer() is None
        assert entries(collector, 3600.0) == []
        collector.press("#", 3600.0)
        assert entries(collector, 3600.0) == [("12", "#")]

    def test_length_even_where_the_gap_is_0(self) -> None:
        assert entries(pressed(Collect(gap_seconds=0, max_digits=2), *typed("12")), 0.1) == [("12", "")]

    def test_without_delimiters_every_key_is_a_digit(self) -> None:
        assert entries(pressed(Collect(delimiters=()), *typed("1#*")), 9.0) == [("1#*", "")]


class TestDelimiters:
    def test_pressed_alone_it_goes_as_itself(self) -> None:
        assert entries(pressed(Collect(), ("#", 0.0)), 0.0) == [("", "#")]

    def test_behind_a_full_entry_it_belongs_to_it(self) -> None:
        collector = pressed(Collect(max_digits=2), *typed("12#3#"))
        assert entries(collector, 0.4) == [("12", ""), ("3", "#")]

    def test_behind_a_full_entry_that_was_taken_before_it_came(self) -> None:
        collector = pressed(Collect(max_digits=2), *typed("12"))
        assert entries(collector, 0.1) == [("12", "")]
        collector.press("#", 0.5)
        assert collector.next_timer() is None
        assert (entries(collector, 0.5), collector.waiting) == ([], "")

    @pytest.mark.parametrize(("gap", "later"), [(1.0, 1.0), (0.0, 2.0)])
    def test_long_after_a_full_entry_it_is_an_entry(self, gap: float, later: float) -> None:
        collector = pressed(Collect(max_digits=1, gap_seconds=gap), ("1", 0.0))
        assert entries(collector, 0.0) == [("1", "")]
        collector.press("#", later)
        assert entries(collector, later) == [("", "#")]

    def test_behind_an_entry_that_time_ended_it_is_an_entry(self) -> None:
        collector = pressed(Collect(gap_seconds=1), ("1", 0.0), ("#", 1.5))
        assert entries(collector, 1.5) == [("1", ""), ("", "#")]

    def test_one_more_than_the_entry_needed_is_an_entry(self) -> None:
        assert entries(pressed(Collect(), *typed("12##")), 0.3) == [("12", "#"), ("", "#")]

    def test_behind_a_pause_it_is_an_entry_even_where_pauses_have_become_longer(self) -> None:
        collector = pressed(Collect(gap_seconds=1), ("1", 0.0))
        assert entries(collector, 1.0) == [("1", "")]
        collector.configure(Collect(gap_seconds=5))
        collector.press("#", 2.0)
        assert entries(collector, 2.0) == [("", "#")]

    def test_behind_a_full_entry_late_in_a_call_it_belongs_to_it_too(self) -> None:
        collector = pressed(Collect(max_digits=1, gap_seconds=0), ("1", 100.0))
        assert entries(collector, 100.0) == [("1", "")]
        collector.press("#", 100.5)
        assert entries(collector, 100.5) == []


class TestTypeAhead:
    def test_keys_wait_until_somebody_takes_them(self) -> None:
        collector = pressed(Collect(max_digits=1), *typed("123"))
        assert entries(collector, 60.0) == [("1", ""), ("2", ""), ("3", "")]

    def test_the_gap_ran_while_nobody_listened(self) -> None:
        collector = pressed(Collect(gap_seconds=2), ("1", 0.0), ("2", 5.0))
        assert entries(collector, 5.5) == [("1", "")]
        assert entries(collector, 7.0) == [("2", "")]

    def test_the_rules_are_those_in_force_when_the_entry_is_taken(self) -> None:
        collector = pressed(Collect(), *typed("12"))
        assert collector.configure(Collect(max_digits=1)) == ""
        assert collector.next_timer() == 0.0
        assert entries(collector, 0.1) == [("1", ""), ("2", "")]

    def test_it_tells_when_the_first_and_last_key_came(self) -> None:
        collector = pressed(Collect(), *typed("12"))
        assert (collector.waiting, collector.first_at) == ("12", 0.0)
        assert KeypadCollector(Collect()).first_at is None

    def test_what_is_peeked_at_stays(self) -> None:
        collector = pressed(Collect(max_digits=1), ("1", 0.0))
        assert collector.peek_entry(0.0) == collector.take_entry(0.0)
        assert collector.peek_entry(0.0) is None


class TestOff:
    def test_keys_mean_nothing_while_the_keypad_is_off(self) -> None:
        collector = KeypadCollector(Collect(enabled=False))
        assert not collector.press("1", 0.0)
        assert collector.waiting == ""

    def test_switching_it_off_drops_what_waits(self) -> None:
        collector = pressed(Collect(), *typed("12"))
        assert collector.configure(Collect(enabled=False)) == "12"
        assert collector.next_timer() is None


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from("0123*#"), st.integers(4, 192).map(lambda n: n / 64)), max_size=30),
    st.sampled_from((0.0, 0.5, 2.0)),
    st.integers(1, 5),
)
def test_every_key_is_in_one_entry_and_in_order(keys: list[tuple[str, float]], gap: float, longest: int) -> None:
    """Whether entries are taken as they come or all at the end, they are the same ones."""
    keypad = Collect(gap_seconds=gap, delimiters=("#",), max_digits=longest)
    now, live, late = 0.0, KeypadCollector(keypad), KeypadCollector(keypad)
    at_once: list[tuple[str, str | None]] = []
    for key, pause in keys:
        timer = live.next_timer()
        if timer is not None and timer <= now + pause:
            at_once += entries(live, timer)
        now += pause
        at_once += entries(live, now)
        live.press(key, now)
        late.press(key, now)
        at_once += entries(live, now)
    now += gap
    at_once += entries(live, now)
    assert entries(late, now) == at_once
    assert all(1 <= len(digits + (ended or "")) <= longest + 1 for digits, ended in at_once)
    told = "".join(digits + (ended or "") for digits, ended in at_once) + live.waiting
    everything = "".join(key for key, _ in keys)
    # Only a delimiter behind a full entry is not told.
    assert told.replace("#", "") == everything.replace("#", "")
    assert len(everything) - len(told) <= sum(one != "#" and other == "#" for one, other in pairwise(everything))
