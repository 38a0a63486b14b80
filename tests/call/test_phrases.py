"""Every phrase is there in every language, says the same thing with the same fields, and can be spoken as it is."""

import re
from importlib.resources import files
from tomllib import loads

import pytest

from voicegw.call.phrases import LANGUAGES, PhraseName, fields_of, phrase, read_digits, variants
from voicegw.call.speakable import make_speakable

EACH = [(language, name) for language in LANGUAGES for name in PhraseName]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_holds_every_phrase_and_no_other(language: str) -> None:
    data = loads(files("voicegw.call.phrases").joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    assert set(data) == set(PhraseName)


@pytest.mark.parametrize(("language", "name"), EACH)
def test_each_text_speaks_as_it_is_written(language: str, name: PhraseName) -> None:
    for text in variants(name, language):
        assert make_speakable(text).text == text
        assert text[-1] in ".?!"


@pytest.mark.parametrize(("language", "name"), EACH)
def test_each_text_uses_the_same_fields_in_all_languages(language: str, name: PhraseName) -> None:
    for text in variants(name, language):
        assert frozenset(re.findall(r"\{(\w+)\}", text)) == fields_of(name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_again_and_again_is_said_in_other_words(language: str) -> None:
    assert len(set(variants(PhraseName.FILLER, language))) >= 3
    assert len(set(variants(PhraseName.STILL_THERE, language))) >= 2
    assert len(set(variants(PhraseName.FAILURE, language))) >= 2


@pytest.mark.parametrize("name", PhraseName)
def test_no_language_borrows_from_another(name: PhraseName) -> None:
    assert len({variants(name, language) for language in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de-DE", "de"),
        ("de_AT", "de"),
        ("DE", "de"),
        ("pt-BR", "pt"),
        (" fr-CA ", "fr"),
        ("en-GB", "en"),
        ("cmn-CN", "en"),
        ("", "en"),
        ("../de", "en"),
        ("dex", "en"),
    ],
)
def test_a_language_tag_finds_its_language_or_english(tag: str, language: str) -> None:
    assert variants(PhraseName.GOODBYE, tag) == variants(PhraseName.GOODBYE, language)


def test_fields_are_filled_in() -> None:
    assert phrase(PhraseName.PRESS_FOR, "en", name="sales", digit="1") == "For sales, press 1."
    assert phrase(PhraseName.CONFIRM_ANNOUNCE, "de-DE", caller="Anna") == "Sie haben einen Anruf von Anna."


def test_a_field_that_is_missing_is_not_read_as_a_brace() -> None:
    assert phrase(PhraseName.PRESS_FOR, "en", digit="1") == "For , press 1."
    assert phrase(PhraseName.GOODBYE, "en", {"goodbye": "Bye {nobody} then."}) == "Bye then."


def test_a_field_cannot_bring_in_another_field() -> None:
    assert phrase(PhraseName.PRESS_FOR, "en", name="{digit}", digit="1") == "For {digit}, press 1."


def test_variants_go_round() -> None:
    fillers = [phrase(PhraseName.FILLER, "en", variant=turn) for turn in range(5)]
    assert fillers[0] == "One moment, please."
    assert fillers[4] == fillers[0]
    assert len(set(fillers)) == 4


def test_the_operators_own_words_win() -> None:
    assert phrase(PhraseName.GOODBYE, "en", {"goodbye": "So long."}) == "So long."
    own = {PhraseName.FILLER: ["Hm.", "Let me see."]}
    assert [phrase(PhraseName.FILLER, "en", own, turn) for turn in range(3)] == ["Hm.", "Let me see.", "Hm."]


@pytest.mark.parametrize("nothing", ["", "  ", [], ["", " "]])
def test_an_empty_text_of_the_operators_counts_as_not_set(nothing: str | list[str]) -> None:
    assert phrase(PhraseName.GOODBYE, "en", {"goodbye": nothing}) == "Thank you for calling. Goodbye."


@pytest.mark.parametrize(
    ("number", "spoken"),
    [("+15005550006", "1 5 0, 0 5 5, 5 0 0, 0 6"), ("(030) 12", "0 3 0, 1 2"), ("", ""), ("anonymous", "")],
)
def test_a_number_is_read_digit_by_digit(number: str, spoken: str) -> None:
    assert read_digits(number) == spoken
