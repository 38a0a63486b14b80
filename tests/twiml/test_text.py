"""Long speech is cut where a speaker would breathe, and loses no word."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twiml import clean_text, split_text

WORDS = st.text(st.sampled_from("ab.!?…。é") | st.characters(codec="utf-8"), max_size=12)
SPEECH = st.lists(WORDS | st.sampled_from(["Hello.", "Mr", " ", "\n", "ok?", "«ja!»"]), max_size=30).map(" ".join)


def test_short_speech_stays_whole() -> None:
    assert split_text("Hello there.", 12) == ("Hello there.",)


def test_nothing_to_say_has_no_pieces() -> None:
    assert split_text("", 10) == split_text(" \n", 10) == ()


def test_is_cut_after_the_last_sentence_that_fits() -> None:
    assert split_text("One. Two! Three and four?", 12) == ("One. Two!", "Three and", "four?")


def test_a_sentence_that_just_fits_stays_whole() -> None:
    assert split_text("One two. Three.", 8) == ("One two.", "Three.")


def test_of_the_sentences_that_fit_the_last_one_may_fill_the_piece() -> None:
    assert split_text("A. B c. D", 7) == ("A. B c.", "D")
    assert split_text("一。二三。四", 5) == ("一。二三。", "四")


def test_a_sentence_may_be_one_mark() -> None:
    assert split_text("。 abc def", 7) == ("。", "abc def")


def test_a_closing_quote_stays_with_its_sentence() -> None:
    assert split_text('"Go on." "No."', 9) == ('"Go on."', '"No."')
    assert split_text("一二。」三", 4) == ("一二。」", "三")


def test_a_decimal_point_ends_no_sentence() -> None:
    assert split_text("It is 3.14159 in all", 10) == ("It is", "3.14159 in", "all")


def test_sentences_without_blanks_between_them_are_told_apart() -> None:
    assert split_text("今日は。明日は晴れです。", 8) == ("今日は。", "明日は晴れです。")


def test_a_line_is_as_good_as_a_sentence() -> None:
    assert split_text("one two\nthree four", 13) == ("one two", "three four")


def test_is_cut_between_words_where_no_sentence_ends() -> None:
    assert split_text("one two three", 9) == ("one two", "three")


def test_a_word_that_just_fits_stays_whole() -> None:
    assert split_text("one two three", 7) == ("one two", "three")


def test_a_word_too_long_is_cut_between_characters() -> None:
    assert split_text("abcdefgh ij", 3) == ("abc", "def", "gh", "ij")


def test_a_letter_keeps_its_accents() -> None:
    assert split_text("abe\u0301cd", 3) == ("ab", "e\u0301c", "d")


def test_a_joined_emoji_stays_whole() -> None:
    family = "\U0001f468\u200d\U0001f469"
    assert split_text(f"ab{family}c", 4) == ("ab", f"{family}c")


def test_one_character_and_more_accents_than_fit_are_cut_all_the_same() -> None:
    assert split_text("e\u0301\u0302\u0303", 2) == ("e\u0301", "\u0302\u0303")


@pytest.mark.parametrize("max_chars", [0, -1])
def test_pieces_have_at_least_one_character(max_chars: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        split_text("a", max_chars)


@settings(max_examples=300, deadline=None)
@given(SPEECH, st.integers(1, 40))
def test_every_word_is_kept_in_order(text: str, max_chars: int) -> None:
    pieces = split_text(text, max_chars)
    assert all(piece and len(piece) <= max_chars for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    if all(len(word) <= max_chars for word in text.split()) and not set(text) & set("。！？"):
        assert [word for piece in pieces for word in piece.split()] == text.split()


def test_what_xml_cannot_hold_is_dropped() -> None:
    assert clean_text("a\x00b\x1bc\ud800d\ufffee\tf\n\U0001f600\x85") == "abcde\tf\n\U0001f600\x85"
