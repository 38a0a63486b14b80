"""The writer's text, byte by byte."""

import pytest

from twiml import (
    Break,
    Conference,
    Connect,
    ConversationRelay,
    Dial,
    Gather,
    Hangup,
    Lang,
    Number,
    Pause,
    Play,
    Redirect,
    Response,
    Say,
    SayAs,
    Unknown,
    measure,
    render,
)

HEADER = '<?xml version="1.0" encoding="UTF-8"?>'


def test_a_document_begins_with_its_declaration_and_nothing_before_it() -> None:
    assert render(Response()) == HEADER + "<Response/>"


def test_attributes_are_written_in_their_order_and_only_when_set() -> None:
    gather = Gather((Pause(length=1),), input="dtmf", finish_on_key="", num_digits=4, action_on_empty_result=False)
    assert render(Response((gather, Redirect("https://g/x?a=1&b=2", method="POST")))) == (
        HEADER + '<Response><Gather input="dtmf" finishOnKey="" numDigits="4" actionOnEmptyResult="false">'
        '<Pause length="1"/></Gather><Redirect method="POST">https://g/x?a=1&amp;b=2</Redirect></Response>'
    )


def test_names_that_are_not_camel_case_are_the_carriers() -> None:
    say = Say((Lang(("oui",), xml_lang="fr-FR"), SayAs(("1",), interpret_as="digits"), Break()))
    assert render(Response((say,))) == (
        HEADER + '<Response><Say><lang xml:lang="fr-FR">oui</lang>'
        '<say-as interpret-as="digits">1</say-as><break/></Say></Response>'
    )


def test_numbers_and_truth_values_are_written_as_the_carrier_reads_them() -> None:
    dial = Dial((Conference("room", muted=True, max_participants=2),), timeout=20, answer_on_bridge=True)
    assert render(Response((dial,))) == (
        HEADER + '<Response><Dial timeout="20" answerOnBridge="true">'
        '<Conference muted="true" maxParticipants="2">room</Conference></Dial></Response>'
    )


def test_what_the_vendors_sdk_does_not_declare_is_written_too() -> None:
    relay = ConversationRelay(url="wss://r", eot_threshold="0.7", conversation_configuration="c")
    assert render(Response((Dial((Number("1"),), call_reason="Your order"), Connect((relay,))))) == (
        HEADER + '<Response><Dial callReason="Your order"><Number>1</Number></Dial><Connect>'
        '<ConversationRelay url="wss://r" eotThreshold="0.7" conversationConfiguration="c"/></Connect></Response>'
    )


def test_markup_is_escaped() -> None:
    say = Say(('<a> & "b"',), voice='<v> & "w"\t\n\r')
    assert render(Response((say,))) == (
        HEADER
        + '<Response><Say voice="&lt;v&gt; &amp; &quot;w&quot;&#9;&#10;&#13;">&lt;a&gt; &amp; "b"</Say></Response>'
    )


def test_unknown_attributes_follow_the_known_and_never_repeat_one() -> None:
    pause = Pause(length=1, extras=(("length", "soon"), ("color", "red"), ("color", "blue")))
    assert render(Response((pause,))) == HEADER + '<Response><Pause length="1" color="red"/></Response>'


def test_an_attribute_whose_value_was_not_understood_is_written_as_it_was() -> None:
    assert render(Response((Pause(extras=(("length", "soon"),)),))) == (
        HEADER + '<Response><Pause length="soon"/></Response>'
    )


def test_unknown_elements_are_written_as_they_were() -> None:
    unknown = Unknown("x:Pay", (("a", "<"),), ("b & c", Unknown("D")))
    assert render(Response((unknown, Unknown("#text", content=("<stray>",))))) == (
        HEADER + '<Response><x:Pay a="&lt;">b &amp; c<D/></x:Pay>&lt;stray&gt;</Response>'
    )


@pytest.mark.parametrize("name", ["", "a b", "Say><Dial", "1a", "-a", 'a="', "a/", "a\n", "#text2", "!--"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        render(Response((Unknown(name),)))
    with pytest.raises(ValueError, match="not a name"):
        render(Response((Hangup(extras=((name, "1"),)),)))
    with pytest.raises(ValueError, match="not a name"):
        render(Response((Unknown("a", ((name, "1"),)),)))


def test_a_verb_measures_what_it_adds_to_a_document() -> None:
    verbs = (Say(("Größe",)), Play("https://x.example/ü"))
    assert measure(Say(("Größe",))) == len("<Say>Größe</Say>") + 2
    assert measure(Response(verbs)) == len(HEADER + "<Response></Response>") + sum(measure(verb) for verb in verbs)
