"""Every attribute that the vendor's SDK declares is a field here, and both write it the same."""

import inspect
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import twilio.twiml.voice_response as sdk

import twiml
from twiml import Response, Unknown, parse, render
from twiml.schema import schema_of

VALUES = {bool: True, int: 7, str: "a & b"}
TEXT_PARAMETERS = {
    twiml.Play: "url",
    twiml.Redirect: "url",
    twiml.Enqueue: "name",
    twiml.Task: "body",
    twiml.Dial: "number",
    twiml.Number: "phone_number",
    twiml.Sip: "sip_url",
    twiml.Client: "identity",
    twiml.Identity: "client_identity",
    twiml.Queue: "name",
    twiml.Conference: "name",
}
SPOKEN_PARAMETERS = {"message", "words"}

MAKERS: list[tuple[type, type, str]] = [
    (twiml.Say, sdk.VoiceResponse, "say"),
    (twiml.Play, sdk.VoiceResponse, "play"),
    (twiml.Pause, sdk.VoiceResponse, "pause"),
    (twiml.Gather, sdk.VoiceResponse, "gather"),
    (twiml.Dial, sdk.VoiceResponse, "dial"),
    (twiml.Connect, sdk.VoiceResponse, "connect"),
    (twiml.Start, sdk.VoiceResponse, "start"),
    (twiml.Stop, sdk.VoiceResponse, "stop"),
    (twiml.Record, sdk.VoiceResponse, "record"),
    (twiml.Enqueue, sdk.VoiceResponse, "enqueue"),
    (twiml.Redirect, sdk.VoiceResponse, "redirect"),
    (twiml.Hangup, sdk.VoiceResponse, "hangup"),
    (twiml.Reject, sdk.VoiceResponse, "reject"),
    (twiml.Refer, sdk.VoiceResponse, "refer"),
    (twiml.Leave, sdk.VoiceResponse, "leave"),
    (twiml.Say, sdk.Gather, "say"),
    (twiml.Play, sdk.Gather, "play"),
    (twiml.Pause, sdk.Gather, "pause"),
    (twiml.Number, sdk.Dial, "number"),
    (twiml.Sip, sdk.Dial, "sip"),
    (twiml.Client, sdk.Dial, "client"),
    (twiml.Queue, sdk.Dial, "queue"),
    (twiml.Conference, sdk.Dial, "conference"),
    (twiml.Identity, sdk.Client, "identity"),
    (twiml.Parameter, sdk.Client, "parameter"),
    (twiml.Sip, sdk.Refer, "sip"),
    (twiml.Task, sdk.Enqueue, "task"),
    (twiml.Stream, sdk.Connect, "stream"),
    (twiml.ConversationRelay, sdk.Connect, "conversation_relay"),
    (twiml.Language, sdk.ConversationRelay, "language"),
    (twiml.Parameter, sdk.ConversationRelay, "parameter"),
    (twiml.Parameter, sdk.Stream, "parameter"),
    (twiml.Stream, sdk.Start, "stream"),
    (twiml.Recording, sdk.Start, "recording"),
    (twiml.Stream, sdk.Stop, "stream"),
    (twiml.Break, sdk.Say, "break_"),
    (twiml.Emphasis, sdk.Say, "emphasis"),
    (twiml.Lang, sdk.Say, "lang"),
    (twiml.P, sdk.Say, "p"),
    (twiml.Phoneme, sdk.Say, "phoneme"),
    (twiml.Prosody, sdk.Say, "prosody"),
    (twiml.S, sdk.Say, "s"),
    (twiml.SayAs, sdk.Say, "say_as"),
    (twiml.Sub, sdk.Say, "sub"),
    (twiml.W, sdk.Say, "w"),
]


def maker_of(parent: type, method: str) -> tuple[Callable[..., Any], list[str]]:
    """The SDK's method on an empty parent, and the names of its parameters."""
    made = parent("") if parent is sdk.Say else parent()
    maker = getattr(made, method)
    return maker, [name for name in inspect.signature(maker).parameters if name != "kwargs"]


def text_parameters(kind: type, parent: type, parameters: list[str]) -> set[str]:
    """The parameters that are not attributes but the element's text."""
    spoken = SPOKEN_PARAMETERS & set(parameters)
    return spoken | {TEXT_PARAMETERS[kind]} if kind in TEXT_PARAMETERS else spoken


def tree_of(element: Any) -> ET.Element:
    # Unknown takes any child, so each element can be written alone.
    written = render(Response((Unknown("x", content=(element,)),)))
    return ET.fromstring(written)[0][0]  # noqa: S314 - written a line ago


def same(ours: ET.Element, theirs: ET.Element) -> bool:
    """The two elements are equal once the SDK's is written and read, too."""
    read = ET.fromstring(ET.tostring(theirs, encoding="unicode"))  # noqa: S314 - written by the SDK
    return (ours.tag, ours.attrib, ours.text or "") == (read.tag, read.attrib, read.text or "")


@pytest.mark.parametrize(("kind", "parent", "method"), MAKERS)
def test_writes_each_attribute_of_the_vendors_sdk_as_it_does(kind: type, parent: type, method: str) -> None:
    maker, parameters = maker_of(parent, method)
    schema = schema_of(kind)
    text = text_parameters(kind, parent, parameters)
    by_sdk_name = {known.name: known for known in schema.attributes}
    texts = dict.fromkeys(text & set(parameters), "some text")
    body = {}
    if texts and schema.text_field:
        body[schema.text_field] = "some text"
    elif texts and schema.children_field:
        body[schema.children_field] = ("some text",)
    assert same(tree_of(kind(**body)), maker(**texts).xml())
    for parameter in set(parameters) - text:
        theirs = maker(**texts, **{parameter: "probe"}).xml()
        name = (set(theirs.attrib) - {"probe"}).pop()
        known = by_sdk_name[name]
        for value in (VALUES[type_] for type_ in known.types):
            ours = kind(**body, **{known.field: value})
            assert same(tree_of(ours), maker(**texts, **{parameter: value}).xml()), parameter


def test_the_sdk_can_write_every_verb_here() -> None:
    written = {kind for kind, parent, _ in MAKERS if parent is sdk.VoiceResponse}
    assert written == set(schema_of(Response).children.values())


def test_what_the_vendors_sdk_writes_for_a_whole_call_is_read() -> None:
    response = sdk.VoiceResponse()
    gather = response.gather(input="dtmf speech", num_digits=4, finish_on_key="", action_on_empty_result=True)
    speech = gather.say("Your ", voice="Polly.Joanna")
    speech.say_as("1234", interpret_as="digits")
    speech.append(", please.")
    dial = response.dial(action="/after", answer_on_bridge=True, timeout=20)
    dial.number("+15550100", send_digits="ww12")
    connect = response.connect()
    connect.stream(url="wss://gateway.example/x", name="agent").parameter(name="a", value="1")
    response.hangup()
    assert parse(str(response)) == Response(
        (
            twiml.Gather(
                (
                    twiml.Say(
                        ("Your ", twiml.SayAs(("1234",), interpret_as="digits"), ", please."),
                        voice="Polly.Joanna",
                    ),
                ),
                input="dtmf speech",
                num_digits=4,
                finish_on_key="",
                action_on_empty_result=True,
            ),
            twiml.Dial(
                (twiml.Number("+15550100", send_digits="ww12"),),
                action="/after",
                answer_on_bridge=True,
                timeout=20,
            ),
            twiml.Connect(
                (twiml.Stream((twiml.Parameter(name="a", value="1"),), url="wss://gateway.example/x", name="agent"),)
            ),
            twiml.Hangup(),
        )
    )
