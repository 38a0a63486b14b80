"""Keys → entries: where an entry ends, what is kept, and that no key is lost or sent twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.inputs import Pressed
from voicegw.call.instructions import Collect
from voicegw.call.keypad_entry import Entry, is_trailing_delimiter, read_entry

HASH = Collect(delimiters=("#",), gap_seconds=3, max_digits=4)
TWO = Collect(delimiters=("#", "*"), gap_seconds=3, max_digits=4)
NO_DELIMITER = Collect(delimiters=(), gap_seconds=3, max_digits=4)
ENDLESS = Collect(delimiters=("#",), gap_seconds=0, max_digits=4)


def read(keypad: Collect, keys: str, ended_by: str | None = "", *, kept: str = "", paused: bool = True) -> Entry:
    return read_entry(keypad, kept, Pressed(keys=keys, ended_by=ended_by), paused=paused)


@pytest.mark.parametrize(
    ("keypad", "keys", "ended_by", "entry"),
    [
        (HASH, "12", "#", Entry("12")),
        (HASH, "12", "", Entry("12")),
        (HASH, "1234", "", Entry("1234", full=True)),
        (TWO, "12", "#", Entry("12")),
        (TWO, "12*", "", Entry("12")),
        (TWO, "12*3", "", Entry("12", "3")),
        (NO_DELIMITER, "12", "", Entry("12")),
        (NO_DELIMITER, "1#*2", "", Entry("1#*2", full=True)),
        (ENDLESS, "12", "#", Entry("12")),
        (ENDLESS, "1234", "", Entry("1234", full=True)),
    ],
)
def test_an_entry_ends_at_its_delimiter_its_length_or_its_gap(
    keypad: Collect, keys: str, ended_by: str, entry: Entry
) -> None:
    assert read(keypad, keys, ended_by) == entry


def test_the_delimiter_is_no_part_of_the_entry() -> None:
    assert read(HASH, "12", "#").keys == "12"


@pytest.mark.parametrize("delimiter", ["#", "*"])
def test_a_lone_delimiter_is_an_entry_itself(delimiter: str) -> None:
    assert read(TWO, "", delimiter) == Entry(delimiter)
    assert read(TWO, delimiter, "") == Entry(delimiter)


def test_another_key_that_is_called_delimiter_elsewhere_is_a_digit() -> None:
    assert read(HASH, "1*", "#") == Entry("1*")


def test_with_no_gap_time_never_ends_an_entry() -> None:
    assert read(ENDLESS, "12") == Entry(None, "12")


def test_with_no_gap_keys_that_the_carrier_does_not_explain_are_complete() -> None:
    assert read(ENDLESS, "12", None) == Entry("12")


def test_a_pause_that_was_not_the_entrys_own_gap_ends_nothing() -> None:
    assert read(HASH, "12", "", paused=False) == Entry(None, "12")


def test_kept_keys_come_first() -> None:
    assert read(HASH, "34", kept="12") == Entry("1234", full=True)
    assert read(HASH, "", "#", kept="12") == Entry("12")


def test_nothing_pressed_is_no_entry() -> None:
    assert read(HASH, "", "") == Entry(None)
    assert read(HASH, "", None) == Entry(None)


def test_one_digit_is_enough_where_one_digit_is_asked_for() -> None:
    assert read(Collect(max_digits=1), "7", "") == Entry("7", full=True)


def test_the_delimiter_right_after_a_full_entry_closes_it() -> None:
    assert read(HASH, "1234#", "") == Entry("1234")
    assert read(HASH, "1234#5", "") == Entry("1234", "5")


def test_keys_after_a_full_entry_are_kept_and_own_the_delimiter_that_follows() -> None:
    assert read(HASH, "12345", "") == Entry("1234", "5", full=False)


@pytest.mark.parametrize(
    ("pressed", "verdict"),
    [
        (Pressed(keys="#", ended_by=""), True),
        (Pressed(keys="", ended_by="#"), True),
        (Pressed(keys="*"), True),
        (Pressed(keys="1", ended_by="#"), False),
        (Pressed(keys="##", ended_by=""), False),
        (Pressed(keys="", ended_by=""), False),
    ],
)
def test_only_one_delimiter_alone_closes_a_full_entry(pressed: Pressed, verdict: bool) -> None:
    assert is_trailing_delimiter(TWO, pressed) is verdict


KEYPADS = st.builds(
    Collect,
    gap_seconds=st.sampled_from([0.0, 2.0]),
    delimiters=st.sampled_from([(), ("#",), ("*",), ("#", "*")]),
    max_digits=st.integers(1, 5),
)
KEYS = st.text("0123456789*#", max_size=12)


@settings(max_examples=300)
@given(KEYPADS, KEYS, KEYS, st.sampled_from(["", "#", None]), st.booleans())
def test_every_key_is_in_the_entry_or_kept_or_a_delimiter_that_closed_it(
    keypad: Collect, kept: str, keys: str, ended_by: str | None, paused: bool
) -> None:
    stream = kept + keys + (ended_by or "")
    entry = read_entry(keypad, kept, Pressed(keys=keys, ended_by=ended_by), paused=paused)
    sent = entry.keys or ""
    assert stream.startswith(sent)
    assert stream.endswith(entry.kept)
    between = stream[len(sent) : len(stream) - len(entry.kept)]
    assert between in ("", *keypad.delimiters)
    assert entry.keys is None or entry.keys


@settings(max_examples=300)
@given(KEYPADS, KEYS, st.booleans())
def test_no_entry_is_longer_than_asked_for_or_holds_a_delimiter_among_its_digits(
    keypad: Collect, keys: str, paused: bool
) -> None:
    sent = read_entry(keypad, "", Pressed(keys=keys, ended_by=""), paused=paused).keys
    if sent is not None and sent not in keypad.delimiters:
        assert len(sent) <= keypad.max_digits
        assert not set(sent) & set(keypad.delimiters)


@settings(max_examples=200)
@given(KEYPADS, KEYS, st.integers(0, 12))
def test_it_does_not_matter_over_how_many_answers_keys_arrive(keypad: Collect, keys: str, cut: int) -> None:
    first = read_entry(keypad, "", Pressed(keys=keys[:cut], ended_by=""), paused=False)
    if first.keys is None:
        second = read_entry(keypad, first.kept, Pressed(keys=keys[cut:], ended_by=""), paused=False)
        assert second == read_entry(keypad, "", Pressed(keys=keys, ended_by=""), paused=False)
