"""The bytes of an answer: where a document leads, in which voice, and the few that need no call."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

import twiml
from voicegw.call.inputs import CallParties
from voicegw.call.instructions import Prompt, Say
from voicegw.call.moves import Line, go_on, listen
from voicegw.call.phrases import PhraseName, phrase
from voicegw.call.plan import CallPlan, Finish
from voicegw.call.profile import NumberProfile
from voicegw.call.state import AgentSettings, CallState, start_call
from voicegw.store.memory import MemoryStore
from voicegw.twilio.answers import (
    EMPTY,
    HANG_UP,
    REJECT_BUSY,
    TwimlPerformer,
    ask_to_accept,
    say_and_hang_up,
    try_again,
)
from voicegw.twilio.served_audio import ServedAudio
from voicegw.twilio.stream_tokens import StreamTokens

PARTIES = CallParties(caller_number="+14155550123", called_number="+15005550006")
PROFILE = NumberProfile(language="en-GB", voice="Polly.Amy")
LINE = Line(PROFILE)
CALL = replace(start_call("CA1", PARTIES, user_id="u", started_at=0.0), turn=3, step=2)


class NoPreparer:
    async def prepare(self, source: bytes, encoding: str = "") -> bytes:
        return source

    async def prepare_data_uri(self, uri: str) -> bytes:
        return uri.encode()


def performer() -> TwimlPerformer:
    store = MemoryStore(wall=lambda: 0.0, lifetime_seconds=1.0)
    audio = ServedAudio(store, NoPreparer(), "https://g.example/gate/")
    return TwimlPerformer("https://g.example/gate/", audio, StreamTokens([b"secret"]), lambda: 1_700_000_000.0)


def perform(plan: CallPlan, state: CallState = CALL) -> Any:
    return asyncio.run(performer().perform(state, LINE, plan))


def parsed(answer: bytes) -> twiml.Response:
    response = twiml.parse(answer.decode())
    assert twiml.check(response) == ()
    return response


def test_a_document_leads_to_the_step_that_the_state_names() -> None:
    performance = perform(CallPlan(prompts=(Say(text="Hello."),), then=listen(CALL, PROFILE)))
    (gather, back) = parsed(performance.answer).verbs
    assert isinstance(gather, twiml.Gather)
    assert isinstance(back, twiml.Redirect)
    assert gather.action == back.url == "https://g.example/gate/twilio/step/3/2"
    assert (performance.unsaid, performance.complete, performance.audible) == ((), True, True)


@pytest.mark.parametrize(
    ("language", "voice", "spoken"),
    [("", "Polly.Amy", "en-GB"), ("en-GB", "Polly.Amy", "en-GB"), ("de-DE", None, "de-DE")],
)
def test_the_numbers_voice_speaks_only_its_own_language(language: str, voice: str | None, spoken: str) -> None:
    state = replace(CALL, agent=AgentSettings(language=language))
    (say, _) = parsed(perform(CallPlan(prompts=(Say(text="Hello."),), then=Finish(reason="x")), state).answer).verbs
    assert isinstance(say, twiml.Say)
    assert (say.voice, say.language) == (voice, spoken)


def test_what_did_not_fit_is_handed_back() -> None:
    prompts: tuple[Prompt, ...] = (Say(text="word " * 20_000),)
    performance = perform(CallPlan(prompts=prompts, then=Finish(reason="x")))
    assert performance.unsaid
    assert not performance.complete


def test_an_answer_that_nobody_hears_says_so() -> None:
    assert not perform(CallPlan(prompts=(), then=go_on(CALL, PROFILE))).audible


def test_a_stale_step_is_pointed_to_the_one_that_is_expected() -> None:
    (redirect,) = parsed(performer().point_to(CALL)).verbs
    assert redirect == twiml.Redirect("https://g.example/gate/twilio/step/3/2", method="POST")


def test_before_the_first_turn_there_is_nowhere_to_point_to() -> None:
    assert performer().point_to(replace(CALL, turn=0, step=0)) == EMPTY


def test_an_apology_goes_on_where_the_call_stands() -> None:
    say, redirect = parsed(performer().apologise(CALL, LINE)).verbs
    assert isinstance(say, twiml.Say)
    assert say.content == (phrase(PhraseName.APPLICATION_ERROR, "en-GB"),)
    assert redirect == twiml.Redirect("https://g.example/gate/twilio/step/3/2", method="POST")


def test_the_answers_that_need_no_call() -> None:
    assert parsed(EMPTY).verbs == ()
    assert parsed(HANG_UP).verbs == (twiml.Hangup(),)
    assert parsed(REJECT_BUSY).verbs == (twiml.Reject(reason="busy"),)
    say, hang_up = parsed(say_and_hang_up(PhraseName.BUSY, PROFILE)).verbs
    assert isinstance(say, twiml.Say)
    assert (say.voice, say.language) == ("Polly.Amy", "en-GB")
    assert hang_up == twiml.Hangup()


def test_while_our_memory_is_away_the_caller_comes_back_to_the_same_url() -> None:
    verbs = parsed(try_again(PROFILE, "https://g.example/twilio/voice?again=1")).verbs
    assert [verb.TAG for verb in verbs if not isinstance(verb, twiml.Unknown)] == ["Say", "Pause", "Redirect"]
    assert verbs[-1] == twiml.Redirect("https://g.example/twilio/voice?again=1", method="POST")


@pytest.mark.parametrize(
    ("parties", "announced"),
    [
        (replace(PARTIES, caller_name="Ann & Bob"), "You have a call from Ann & Bob."),
        (PARTIES, "You have a call from 1 4 1, 5 5 5, 5 0 1, 2 3."),
        (replace(PARTIES, caller_number=""), None),
    ],
)
def test_a_human_is_asked_twice_whether_they_take_the_call(parties: CallParties, announced: str | None) -> None:
    gather, _ = parsed(ask_to_accept(parties, PROFILE, "https://g.example/twilio/whisper/1/1?asked=1")).verbs
    assert isinstance(gather, twiml.Gather)
    words = [twiml.words_of(child.content) for child in gather.children if isinstance(child, twiml.Say)]
    press = phrase(PhraseName.CONFIRM_PRESS, "en-GB")
    assert words == ([announced, press] * 2 if announced else [press] * 2)
    assert (gather.input, gather.num_digits, gather.finish_on_key) == ("dtmf", 1, "")
    assert gather.action_on_empty_result is True
