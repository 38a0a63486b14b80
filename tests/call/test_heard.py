"""How much of a prompt was heard by a caller who interrupted it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegw.call.heard import WORDS_PER_SECOND, estimate_heard
from voicegw.call.inputs import CallerInput, Pressed, Said, StayedSilent
from voicegw.call.profile import Endpointing

TEXT = "one two three four five six seven eight nine ten"


def heard(seconds: float, by: CallerInput, endpointing: Endpointing = Endpointing.PATIENT) -> str:
    return estimate_heard(TEXT, seconds, by, endpointing)


def test_a_caller_who_waited_heard_everything() -> None:
    assert heard(60, Said(text="yes")) == TEXT
    assert heard(60, Pressed(keys="1")) == TEXT


def test_silence_means_that_everything_was_heard() -> None:
    assert heard(0.1, StayedSilent()) == TEXT


def test_the_callers_own_words_and_the_quiet_after_them_took_time_too() -> None:
    # 2 words at 2.6 a second, 2 s until the recogniser is sure: of 4 s about 1.2 s were the prompt's
    assert heard(4, Said(text="yes please")) == "one two three"


def test_a_longer_wait_for_the_end_of_speech_leaves_less_of_the_prompt() -> None:
    assert len(heard(4, Said(text="yes"), Endpointing.FAST)) > len(heard(4, Said(text="yes"), Endpointing.DICTATION))


def test_keys_take_half_a_second_each() -> None:
    assert heard(2, Pressed(keys="12")) == "one two"
    assert heard(2, Pressed(keys="", ended_by="#")) == "one two three four five"


def test_a_caller_who_spoke_at_once_heard_nothing() -> None:
    assert heard(0.5, Said(text="operator")) == ""


@settings(max_examples=200)
@given(
    st.text(max_size=80),
    st.floats(-5, 500),
    st.one_of(st.builds(Said, text=st.text(max_size=30)), st.builds(Pressed, keys=st.text("0123456789", max_size=9))),
    st.sampled_from(Endpointing),
)
def test_what_was_heard_is_the_beginning_of_what_was_said(
    text: str, seconds: float, by: Said | Pressed, endpointing: Endpointing
) -> None:
    words = estimate_heard(text, seconds, by, endpointing).split()
    assert words == text.split()[: len(words)]


@pytest.mark.parametrize("seconds", [1, 2, 3, 4])
def test_no_one_hears_faster_than_a_voice_speaks(seconds: int) -> None:
    assert len(heard(seconds, Pressed(keys="1")).split()) <= seconds * WORDS_PER_SECOND
