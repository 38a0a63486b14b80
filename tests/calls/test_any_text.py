"""Any text that an agent may send, through whole calls: it becomes TwiML that parses and says the same words.

What is to be said for a text is `make_speakable`'s own business, tested elsewhere; here every word of it has to reach
the caller's ear, nothing else, however the text came and however long it is.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import agent_server
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import twiml
from voicegw.call.instructions import BargeIn, Collect, Say
from voicegw.call.plan import CallPlan, Finish, GoOn, Hearing, Listen
from voicegw.call.profile import Endpointing
from voicegw.call.speakable import make_speakable
from voicegw.simulator import CarrierRules, HangsUp, Limits, ScriptedCaller, Waits
from voicegw.twilio.performer import Setting, render_plan

World = Any
Traces = list[dict[str, Any]]

MAX_DOCUMENT_BYTES = 64_000
MARKUP = st.sampled_from(
    [
        *("<", ">", "&", "</Say>", "<Dial>+19005551234</Dial>", "]]>", "<!--", "-->", "<![CDATA[", "&amp;", "&#0;"),
        *("<?xml?>", "<break time='1s'/>", "<speak>", "</speak>", "<prosody rate='slow'>", "\ud800", "\udfff\ud800"),
        *(
            "\x00",
            "\x0b",
            "\x1b[31m",
            "\ufffe",
            "\u202e",
            "\u2028",
            "**",
            "[a](https://b.example)",
            "🦷",
            "👩‍👩‍👧",
            "word ",
        ),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(st.one_of(MARKUP, st.text(max_size=5)), max_size=30).map("".join))
EXAMPLES = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Nothing to say is nothing to hear: that the caller waits in silence for the next question is the agent's will.
LIMITS = Limits(owed_silence_seconds=60, listening_silence_seconds=60)


def speak(text: str) -> Traces:
    return [{"type": "speak", "payload": {"type": "message", "message": text}}]


def text_trace(text: str) -> Traces:
    return [{"type": "text", "payload": {"message": text, "slate": {"id": "s", "content": []}, "messageID": "m"}}]


def completion(text: str) -> Traces:
    """The text as a model writes it: a few characters at a time (more of a text that no model would write)."""
    size = max(7, len(text) // 500)
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    payloads = [{"state": "content", "content": piece} for piece in pieces]
    begin = {"state": "start", "messageID": "m"}
    return [{"type": "completion", "payload": payload} for payload in (begin, *payloads, {"state": "end"})]


def letters(words: str) -> str:
    """What two texts that say the same have in common, whatever became of blanks and marks between sentences."""
    return "".join(character for character in twiml.clean_text(words) if character.isalnum())


def call_that_says(world: World, traces: Traces) -> Any:
    """A call whose agent greets with `traces`; spoken so fast that nothing else is heard before the caller hangs up."""
    agent = agent_server.AgentServer(
        lambda action, _session: agent_server.at_once(traces if action["type"] == "launch" else []), Random(1)
    )
    rules = CarrierRules(words_per_second=1_000_000)
    call = replace(world, agent=lambda: agent, rules=rules).call(ScriptedCaller([Waits(6), HangsUp()]))
    assert call.violations(LIMITS) == [], call.explain()
    assert call.report.dialled == ()
    for exchange in call.report.webhooks:
        document = twiml.parse(exchange.body)
        assert twiml.check(document) == ()
        assert len(exchange.body.encode()) < MAX_DOCUMENT_BYTES
        assert {type(verb) for verb in document.verbs} <= {twiml.Gather, twiml.Say, twiml.Redirect}
    return call


@pytest.mark.parametrize("voice", ["", "Polly.Joanna-Neural"])
@pytest.mark.parametrize("trace_of", [speak, text_trace])
@settings(EXAMPLES, max_examples=25)
@given(text=TEXTS)
@example(text="</Say><Dial>+19005551234</Dial>")
@example(text="\ud800 \x00 a\x0bb \ufffe")
@example(text="<speak>One <break time='1s'/> two & <sub alias='three'>3</sub></speak>")
def test_any_text_is_said_word_by_word(world: World, voice: str, trace_of: Callable[[str], Traces], text: str) -> None:
    world = replace(world, profile=world.profile.model_copy(update={"voice": voice}))
    call = call_that_says(world, trace_of(text))
    speech = make_speakable(text)
    said = twiml.words_of(twiml.parse_ssml(speech.ssml)) if voice and speech.ssml else speech.text
    assert "".join(" ".join(call.report.spoken).split()) == "".join(twiml.clean_text(said).split())


@settings(EXAMPLES, max_examples=40)
@given(text=st.text(st.sampled_from("abc éß你 .?!,;:-'\n1٣"), max_size=300))
@example(text="One. Two! Three? 3.14 is pi, e.g. so")
def test_a_text_in_pieces_is_said_without_loss(world: World, text: str) -> None:
    call = call_that_says(world, completion(text))
    assert letters(" ".join(call.report.spoken)) == letters(make_speakable(text).text)


@settings(EXAMPLES, max_examples=25)
@given(text=TEXTS)
def test_any_text_in_pieces_is_valid_and_dials_nothing(world: World, text: str) -> None:
    call_that_says(world, completion(text))


@pytest.mark.parametrize("trace_of", [speak, text_trace, completion])
@pytest.mark.parametrize("word", ["word ", "&&& <<< ", "你好。", "x" * 5_000, "🦷 a "])
def test_a_text_of_200_kilobytes_is_said_as_far_as_a_turn_may_talk(
    world: World, word: str, trace_of: Callable[[str], Traces]
) -> None:
    text = word * (200_000 // len(word))
    call = call_that_says(world, trace_of(text))
    said = letters(" ".join(call.report.spoken))
    assert letters(make_speakable(text).text).startswith(said)
    assert call.report.end_reason == "caller-hung-up"


HEARING = Hearing(keypad=Collect(), language="en-US", endpointing=Endpointing.PATIENT)
SETTING = Setting(step_url="https://gateway.example/twilio/step/1/1", own_language="en-US", language="en-US")


@pytest.mark.parametrize(
    "then", [Listen(hearing=HEARING, silence_seconds=10), GoOn(hearing=HEARING), Finish(reason="agent-ended")]
)
@settings(EXAMPLES, max_examples=15)
@given(
    said=st.lists(st.tuples(TEXTS, st.integers(1, 400), st.sampled_from(BargeIn)), min_size=1, max_size=12),
)
@example(said=[("a & b. ", 40_000, BargeIn.ANY)])
def test_over_long_speech_goes_on_in_further_documents_without_loss(
    then: Listen | GoOn | Finish, said: list[tuple[str, int, BargeIn]]
) -> None:
    speeches = [(make_speakable(text * times), barge_in) for text, times, barge_in in said]
    prompts = tuple(Say(text=speech.text, ssml=speech.ssml, barge_in=barge_in) for speech, barge_in in speeches)
    heard = ""
    rest = prompts
    for _ in range(2_000):
        document = render_plan(CallPlan(prompts=rest, then=then), SETTING)
        rendered = twiml.render(document.response)
        assert len(rendered.encode()) < MAX_DOCUMENT_BYTES
        assert twiml.check(twiml.parse(rendered)) == ()
        heard += spoken(twiml.parse(rendered))
        rest = document.unsaid
        if document.complete or not rest:
            break
    assert not rest
    expected = "".join(twiml.clean_text(prompt.text) for prompt in prompts)
    assert "".join(heard.split()) == "".join(expected.split())


def spoken(document: twiml.Response) -> str:
    """All words of a document, in order."""
    verbs = [
        child for verb in document.verbs for child in (verb.children if isinstance(verb, twiml.Gather) else (verb,))
    ]
    return " ".join(twiml.words_of(verb.content) for verb in verbs if isinstance(verb, twiml.Say))
