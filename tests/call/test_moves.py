"""How a call is listened to at a given moment, and for how long silence is awaited."""

from dataclasses import replace

import pytest

from voicegw.call.inputs import CallParties
from voicegw.call.instructions import BargeIn, Button, Collect
from voicegw.call.moves import (
    go_on,
    hearing_now,
    is_collecting,
    keypad_in_force,
    listen,
    opening_words,
    own_words,
    silence_to_await,
)
from voicegw.call.phrases import PhraseName
from voicegw.call.profile import Endpointing, Keypad, NumberProfile, Silence
from voicegw.call.state import AgentSettings, Asked, CallState, Silences, start_call

PROFILE = NumberProfile(
    keypad=Keypad(delimiters=("*",), gap_seconds=4, max_digits=7), hints=("Bright Smile",), speech_model="phone_call"
)
CALL = start_call(
    "CA1",
    CallParties(caller_number="+14155550123", called_number="+15005550006"),
    user_id="u",
    started_at=0.0,
)
PIN = Collect(gap_seconds=3, delimiters=("#",), max_digits=4)


def told(**settings: object) -> CallState:
    return replace(CALL, agent=replace(AgentSettings(), **settings))  # type: ignore[arg-type]


def offered(count: int) -> Asked:
    return Asked(buttons=tuple(Button(name=f"Choice {place}") for place in range(count)))


def test_keys_are_gathered_as_the_number_says_until_the_agent_says_otherwise() -> None:
    assert keypad_in_force(CALL, PROFILE) == Collect(gap_seconds=4, delimiters=("*",), max_digits=7)
    assert keypad_in_force(told(keypad=PIN), PROFILE) == PIN


@pytest.mark.parametrize(
    ("keypad", "verdict"), [(None, False), (PIN, True), (Collect(enabled=False), False), (Collect(max_digits=1), True)]
)
def test_only_an_enabled_dtmf_trace_collects(keypad: Collect | None, verdict: bool) -> None:
    assert is_collecting(told(keypad=keypad)) is verdict


@pytest.mark.parametrize(("count", "one_key"), [(0, False), (1, True), (9, True), (10, False)])
def test_with_at_most_nine_buttons_one_key_is_enough(count: int, one_key: bool) -> None:
    assert hearing_now(replace(CALL, asked=offered(count)), PROFILE).one_key is one_key


def test_buttons_do_not_shorten_an_entry_that_the_agent_collects() -> None:
    assert not hearing_now(replace(told(keypad=PIN), asked=offered(3)), PROFILE).one_key


def test_buttons_need_one_key_also_where_the_agent_switched_collecting_off() -> None:
    assert hearing_now(replace(told(keypad=Collect(enabled=False)), asked=offered(3)), PROFILE).one_key


def test_the_legacy_keypad_takes_one_key_even_beside_a_collection() -> None:
    assert hearing_now(replace(told(keypad=PIN), asked=Asked(legacy_keypad=True)), PROFILE).one_key


@pytest.mark.parametrize(
    ("while_collecting", "keypad", "speech"),
    [
        ("keys", PIN, False),
        ("keys", Collect(max_digits=1), True),
        ("keys", Collect(enabled=False), True),
        ("keys", None, True),
        ("any", PIN, True),
    ],
)
def test_speech_is_off_only_while_more_than_one_digit_is_collected(
    while_collecting: str, keypad: Collect | None, speech: bool
) -> None:
    profile = PROFILE.model_copy(update={"while_collecting": while_collecting})
    assert hearing_now(told(keypad=keypad), profile).speech is speech


def test_digits_that_have_come_already_are_counted() -> None:
    assert hearing_now(replace(CALL, keys_kept="12"), PROFILE).keys_kept == 2


def test_the_agent_may_switch_language_endpointing_and_hints() -> None:
    hearing = hearing_now(told(language="de-DE", endpointing="dictation", hints=("Karies",)), PROFILE)
    assert (hearing.language, hearing.endpointing) == ("de-DE", Endpointing.DICTATION)
    assert hearing.hints == ("Karies", "Bright Smile")


def test_without_a_word_of_the_agent_the_number_decides_how_speech_is_heard() -> None:
    profile = PROFILE.model_copy(update={"endpointing": Endpointing.FAST, "profanity_filter": False})
    hearing = hearing_now(CALL, profile)
    assert (hearing.language, hearing.endpointing, hearing.speech_model) == ("en-US", Endpointing.FAST, "phone_call")
    assert hearing.hints == ("Bright Smile",)
    assert not hearing.profanity_filter


def test_the_names_of_buttons_are_what_the_recogniser_expects_first() -> None:
    hearing = hearing_now(replace(CALL, asked=Asked(buttons=(Button(name="Cleaning"), Button(name="")))), PROFILE)
    assert hearing.hints == ("Cleaning", "Bright Smile")


def test_an_agent_that_asked_for_it_hears_of_every_silence() -> None:
    state = replace(told(silence_seconds=8.0), silences=Silences(seconds=25.0, prompts=2))
    assert silence_to_await(state, PROFILE) == 8.0


@pytest.mark.parametrize(
    ("silences", "seconds"),
    [(Silences(), 10.0), (Silences(seconds=10.0, prompts=1), 15.0), (Silences(seconds=25.0, prompts=2), 35.0)],
)
def test_our_own_prompts_come_at_10_and_25_seconds_and_the_goodbye_at_60(silences: Silences, seconds: float) -> None:
    assert silence_to_await(replace(CALL, silences=silences), NumberProfile()) == seconds


def test_silence_is_awaited_for_a_second_at_least() -> None:
    profile = NumberProfile(silence=Silence(prompts_at_seconds=(5, 5), goodbye_at_seconds=5))
    assert silence_to_await(replace(CALL, silences=Silences(seconds=5.0, prompts=1)), profile) == 1.0


def test_a_number_without_prompts_goes_straight_to_the_goodbye() -> None:
    profile = NumberProfile(silence=Silence(prompts_at_seconds=(), goodbye_at_seconds=30))
    assert silence_to_await(CALL, profile) == 30.0


def test_listening_and_going_on_hear_alike() -> None:
    state = replace(told(keypad=PIN, silence_seconds=9.0), keys_kept="1")
    assert listen(state, PROFILE).hearing == go_on(state, PROFILE).hearing == hearing_now(state, PROFILE)
    assert listen(state, PROFILE).silence_seconds == 9.0


def test_our_own_words_are_in_the_calls_language_and_the_numbers_wording() -> None:
    profile = NumberProfile(language="en-US", phrases={"goodbye": "So long, {name}."})
    said = own_words(PhraseName.GOODBYE, CALL, profile, name="Ann")
    assert (said.text, said.language, said.by_gateway, said.filler) == ("So long, Ann.", "en-US", True, False)
    german = own_words(PhraseName.FORWARD_BUSY, told(language="de-DE"), profile)
    assert german.language == "de-DE"
    assert german.text != own_words(PhraseName.FORWARD_BUSY, CALL, profile).text


def test_fillers_say_that_they_are_and_differ_from_each_other() -> None:
    first, second = (own_words(PhraseName.FILLER, CALL, PROFILE, variant=variant) for variant in (0, 1))
    assert first.filler
    assert second.filler
    assert first.text != second.text


def test_a_phrase_may_be_protected_from_interruption() -> None:
    assert own_words(PhraseName.CONSENT, CALL, PROFILE, barge_in=BargeIn.NONE).barge_in is BargeIn.NONE


def test_a_disclosure_comes_before_the_agents_first_word_and_nothing_interrupts_it() -> None:
    (said,) = opening_words(CALL, NumberProfile(disclosure="default"))
    assert (said.text, said.barge_in) == (own_words(PhraseName.CONSENT, CALL, PROFILE).text, BargeIn.NONE)
    (own,) = opening_words(CALL, NumberProfile(disclosure="This call is recorded."))
    assert (own.text, own.barge_in) == ("This call is recorded.", BargeIn.NONE)


def test_a_greeting_of_the_numbers_own_may_be_interrupted_as_the_number_says() -> None:
    first, second = opening_words(CALL, NumberProfile(disclosure="Recorded.", greeting="Hello.", barge_in="speech"))
    assert (first.text, second.text, second.barge_in) == ("Recorded.", "Hello.", BargeIn.SPEECH)


def test_most_numbers_let_the_agent_begin() -> None:
    assert opening_words(CALL, PROFILE) == ()
