"""Whose silence it is: debts are counted one by one, and a reaction is what the gateway was told."""

from typing import Any

from voicegw.simulator import Presses, Says, Waits
from voicegw.simulator.silence import find_silences

BYE = "<Say>Thank you for calling, goodbye.</Say><Hangup/>"
# A Gather that asks for three seconds, without a word
SILENT_QUESTION = '<Gather input="dtmf speech" timeout="3" action="/more" actionOnEmptyResult="true"/>'


def ask(action: str = "/more", more: str = "") -> str:
    return f'<Gather input="dtmf" timeout="8" action="{action}" {more}><Say>Your PIN, please.</Say></Gather>'


def test_what_is_owed_before_and_after_a_silent_question_are_two_debts(gateway: Any, place: Any) -> None:
    gateway.pages = {
        "/voice": ask("/said"),
        "/said": gateway.page(SILENT_QUESTION, after_seconds=2.5),
        "/more": gateway.page(BYE, after_seconds=3.5),
    }
    silence = find_silences(place([Presses("1#")]))[-1]
    assert (silence.owed_seconds, silence.listening_seconds) == (3.5, 3.0)


def test_words_and_keys_that_nobody_took_are_no_reaction(gateway: Any, place: Any) -> None:
    speech_only = '<Gather input="speech" timeout="9"><Say>What can I do for you?</Say></Gather>'
    gateway.pages = {"/voice": speech_only + ask() + BYE, "/more": BYE}
    unheard = [Presses("7", when="now", after_seconds=6), Waits(8), Says("hello", when="now")]
    assert [silence.reprompted for silence in find_silences(place(unheard)) if silence.listening_seconds > 4][-1]


def test_the_first_keys_of_an_entry_that_goes_on_are_no_reaction_before_its_end(gateway: Any, place: Any) -> None:
    gateway.pages = {"/voice": ask(more='numDigits="4"') + BYE, "/more": ask("/voice")}
    after_the_key, after_the_entry = [
        silence for silence in find_silences(place([Presses("7", after_seconds=3)])) if silence.listening_seconds == 8
    ][:2]
    assert after_the_key.reprompted
    assert not after_the_entry.reprompted
