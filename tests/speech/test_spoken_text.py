"""Text for a voice that reads numbers as quantities, and digits that a recogniser wrote as it pleased."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegw.speech.spoken_digits import join_spoken_digits
from voicegw.speech.spoken_text import LONGEST_PIECE, prepare_text, split_clauses


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Call 212-555-0186.", "Call 2 1 2, 5 5 5, 0 1 8 6."),
        ("Call (212) 555-0186.", "Call 2 1 2, 5 5 5, 0 1 8 6."),
        ("Call 1-212-555-0186, please", "Call 1, 2 1 2, 5 5 5, 0 1 8 6, please"),
        ("Call +12125550186.", "Call plus 1, 2 1 2, 5 5 5, 0 1 8 6."),
        ("Call 2125550186.", "Call 2 1 2, 5 5 5, 0 1 8 6."),
        ("Call +49 30 901820.", "Call plus 4 9, 3 0, 9 0 1, 8 2 0."),
        ("Call 555-0186", "Call 5 5 5, 0 1 8 6"),
        ("Order 472915 is ready", "Order 4 7 2, 9 1 5 is ready"),
    ],
)
def test_telephone_numbers_and_codes_are_spelled(text: str, spoken: str) -> None:
    assert prepare_text(text) == spoken


@pytest.mark.parametrize(
    "text",
    [
        "It costs $125000 or €99999.",
        "1,250,000 people",
        "In 2026 5000 men",
        "2024-2025",
        "at 7:30",
        "12345.67",
        "99999%",
    ],
)
def test_quantities_stay_as_they_are(text: str) -> None:
    assert prepare_text(text) == text


def test_markup_and_addresses_are_not_read() -> None:
    assert prepare_text("**Hello** <b>there</b>, see https://example.com/a?b now") == "Hello there , see now"


def test_short_sentence_is_one_piece() -> None:
    assert split_clauses("Yes, please, do.") == ["Yes, please, do."]


@given(st.lists(st.sampled_from(["one", "two,", "three;", "a" * 30, "then:"]), min_size=1, max_size=120))
def test_pieces_are_short_and_lose_no_word(words: list[str]) -> None:
    text = " ".join(words)
    pieces = split_clauses(text)
    assert " ".join(pieces) == text
    assert all(len(piece) < 2 * LONGEST_PIECE for piece in pieces)


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("four seven two, oh one", "47201"),
        ("My pin is four seven two nine.", "My pin is 4729."),
        ("4-7-2-9-1-5", "472915"),
        ("double five 4 3", "5543"),
        ("triple zero one", "0001"),
        ("One two three", "123"),
    ],
)
def test_digits_said_one_by_one_are_one_number(heard: str, written: str) -> None:
    assert join_spoken_digits(heard) == written


@pytest.mark.parametrize(
    "heard",
    [
        "one two",
        "oh well one",
        "press 1, 200, 35",
        "one by one",
        "seven or nine",
        "212-555-0186",
        "at 9, 30 people",
        "",
    ],
)
def test_words_that_are_no_number_stay(heard: str) -> None:
    assert join_spoken_digits(heard) == heard
