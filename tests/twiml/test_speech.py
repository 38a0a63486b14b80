"""The words of speech, whatever its markup."""

import doctest

import pytest

import twiml
from twiml import Unknown, parse_ssml, words_of


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("", ""),
        (" plain words ", "plain words"),
        ("one<break/>two", "one two"),
        ("<p>One.</p><p><s>Two.</s><s>Three.</s></p>four", "One. Two. Three. four"),
        ('<emphasis>very</emphasis> <prosody rate="slow">s<w role="x">lo</w>w</prosody>', "very slow"),
        ('<sub alias="aluminium">Al</sub> and <sub>Fe</sub>', "aluminium and Fe"),
        ('<say-as interpret-as="digits">12</say-as>', "12"),
    ],
)
def test_the_words_are_those_that_are_spoken(fragment: str, words: str) -> None:
    assert words_of(parse_ssml(fragment)) == words


def test_the_words_in_an_unknown_element_are_spoken() -> None:
    assert words_of(("a", Unknown("sparkle", content=("b", Unknown("x", content=("c",)))))) == "abc"


def test_the_example_in_the_package_is_true() -> None:
    assert doctest.testmod(twiml) == (0, 1)
