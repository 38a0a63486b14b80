"""The reader keeps what it does not know and refuses what is broken or hostile, with the carrier's code."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twiml import (
    MAX_DOCUMENT_BYTES,
    Break,
    Client,
    Connect,
    ConversationRelay,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Identity,
    Lang,
    Number,
    P,
    Parameter,
    Pause,
    Play,
    Prosody,
    Redirect,
    Refer,
    Response,
    Say,
    Sip,
    Stream,
    TwimlError,
    Unknown,
    parse,
    parse_ssml,
    render,
)
from twiml.reader import MAX_DEPTH

BILLION_LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]>
<Response><Say>&lol3;</Say></Response>"""
EXTERNAL_ENTITY = """<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response><Say>&x;</Say></Response>"""


def code_of(document: str | bytes) -> int:
    with pytest.raises(TwimlError) as caught:
        parse(document)
    assert str(caught.value.code) in str(caught.value)
    return caught.value.code


def test_white_space_between_elements_and_around_urls_is_layout() -> None:
    document = """
      <Response>
        <Gather numDigits="1">
          <Play>
            https://x.example/a.wav
          </Play>
          <Pause/>
        </Gather>
        <Dial>
          +15550100
        </Dial>
        <Dial><Number> +15550101 </Number></Dial>
      </Response>
    """
    assert parse(document) == Response(
        (
            Gather((Play("https://x.example/a.wav"), Pause()), num_digits=1),
            Dial(number="+15550100"),
            Dial((Number("+15550101"),)),
        )
    )


def test_white_space_in_speech_is_kept() -> None:
    assert parse("<Response><Say> a <break/> b\n</Say></Response>") == Response((Say((" a ", Break(), " b\n")),))


def test_comments_instructions_and_cdata_part_no_text() -> None:
    document = "<Response><!-- c --><Say>a<!-- c -->b<?p?>c<![CDATA[<d>]]>&#33;</Say></Response>"
    assert parse(document) == Response((Say(("abc<d>!",)),))


def test_values_have_the_attributes_type() -> None:
    document = '<Response><Gather timeout="7" bargeIn="false" speechTimeout="3" finishOnKey=""/></Response>'
    assert parse(document) == Response(
        (Gather(timeout=7, barge_in=False, speech_timeout=3, finish_on_key=""),),
    )


def test_a_speech_timeout_may_be_a_word() -> None:
    assert parse('<Response><Gather speechTimeout="auto"/></Response>') == Response((Gather(speech_timeout="auto"),))


@pytest.mark.parametrize("value", ["", "soon", "1.5", "9" * 5000, "٣", " 5"])
def test_a_value_that_is_no_number_is_kept_as_it_is(value: str) -> None:
    document = f'<Response><Pause length="{value}"/></Response>'
    assert parse(document) == Response((Pause(extras=(("length", value),)),))
    assert parse(render(parse(document))) == parse(document)


def test_a_value_that_is_neither_true_nor_false_is_kept_as_it_is() -> None:
    document = '<Response><Gather bargeIn="True"/></Response>'
    assert parse(document) == Response((Gather(extras=(("bargeIn", "True"),)),))


def test_unknown_attributes_are_kept() -> None:
    document = '<Response version="2"><Hangup when="now" xmlns:x="urn:x" x:y="1"/></Response>'
    assert parse(document) == Response(
        (Hangup(extras=(("when", "now"), ("xmlns:x", "urn:x"), ("x:y", "1"))),), extras=(("version", "2"),)
    )


def test_unknown_elements_are_kept_with_what_is_in_them() -> None:
    document = '<Response><Pay amount="5">a<Prompt><Say>b</Say></Prompt></Pay></Response>'
    inner = Unknown("Prompt", content=(Unknown("Say", content=("b",)),))
    assert parse(document) == Response((Unknown("Pay", (("amount", "5"),), ("a", inner)),))
    assert render(parse(document)).endswith(document)


def test_names_are_case_sensitive() -> None:
    assert parse("<Response><say>a</say></Response>") == Response((Unknown("say", content=("a",)),))


def test_a_verb_in_the_wrong_place_is_kept_as_unknown() -> None:
    document = "<Response><Gather><Hangup/></Gather><Number>1</Number></Response>"
    assert parse(document) == Response((Gather((Unknown("Hangup"),)), Unknown("Number", content=("1",))))


def test_stray_text_is_kept() -> None:
    document = "<Response>hello<Hangup/></Response>"
    assert parse(document) == Response((Unknown("#text", content=("hello",)), Hangup()))
    assert render(parse(document)).endswith(document)


def test_what_is_inside_an_element_that_takes_nothing_is_skipped() -> None:
    document = "<Response><Hangup>now<Say>a</Say></Hangup><Play>u<b/></Play></Response>"
    assert parse(document) == Response((Hangup(), Play("u")))


def test_nouns_stand_in_their_verbs() -> None:
    document = (
        '<Response><Dial><Client><Identity>joe</Identity><Parameter name="a" value="1"/></Client></Dial>'
        '<Connect><ConversationRelay url="wss://r"><Parameter name="a"/></ConversationRelay></Connect>'
        "<Enqueue>support<Task>{}</Task></Enqueue><Refer><Sip>sip:a@b</Sip></Refer></Response>"
    )
    dial, connect, enqueue, refer = parse(document).verbs
    assert dial == Dial((Client(children=(Identity("joe"), Parameter(name="a", value="1"))),))
    assert connect == Connect((ConversationRelay((Parameter(name="a"),), url="wss://r"),))
    assert isinstance(enqueue, Enqueue)
    assert enqueue.name == "support"
    assert refer == Refer((Sip("sip:a@b"),))


@pytest.mark.parametrize("document", ["", b"", " \n", b"\r\n"])
def test_an_empty_document_is_11770(document: str | bytes) -> None:
    assert code_of(document) == 11770


@pytest.mark.parametrize("root", ["response", "html", "x:Response"])
def test_another_root_is_12102(root: str) -> None:
    assert code_of(f"<{root}/>") == 12102


@pytest.mark.parametrize(
    "document",
    [
        "hello",
        "<Response>",
        "<Response></Say>",
        "<Response/><Response/>",
        "<Response>a & b</Response>",
        "<Response>&nbsp;</Response>",
        "<Response a=1/>",
        '<Response a="1" a="2"/>',
        '\n<?xml version="1.0"?><Response/>',
        "<Response>\x00</Response>",
        "<Response>\ud800</Response>",
        b"<Response>\xff</Response>",
        b'<?xml version="1.0" encoding="klingon"?><Response/>',
        b'<?xml version="1.0" encoding="utf-7"?><Response/>',
    ],
)
def test_a_document_that_is_not_well_formed_is_12100(document: str | bytes) -> None:
    assert code_of(document) == 12100


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "cp1252"])
def test_bytes_are_read_in_the_encoding_that_they_declare(encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?><Response><Say>é</Say></Response>'
    assert parse(document.encode(encoding)) == parse(document) == Response((Say(("é",)),))


@pytest.mark.parametrize("document", [BILLION_LAUGHS, EXTERNAL_ENTITY, "<!DOCTYPE html><Response/>"])
def test_a_document_type_is_refused(document: str) -> None:
    assert code_of(document) == code_of(document.encode()) == 12100


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "11770: the document is empty"),
        ("<response/>", "12102: the root is 'response', not 'Response'"),
        ("<!DOCTYPE html><Response/>", "12100: a document type is refused: 'html'"),
        ("<Response>" + "<a>" * MAX_DEPTH, "12100: nested deeper than 64 elements"),
        ("<Response/>".ljust(MAX_DOCUMENT_BYTES + 1), "11750: 65537 bytes, more than 65536"),
        ("<Response", "12100: unclosed token: line 1, column 0"),
    ],
)
def test_a_refusal_says_why(document: str, said: str) -> None:
    with pytest.raises(TwimlError, match=f"^{re.escape(said)}$"):
        parse(document)


@pytest.mark.parametrize("closing", ["", "</a>"])
def test_ten_thousand_nested_elements_are_refused(closing: str) -> None:
    depth = 10_000
    document = "<Response>" + "<a>" * depth + closing * (20_000 // 4)
    assert len(document) < MAX_DOCUMENT_BYTES
    assert code_of(document) == 12100


def test_the_deepest_nesting_is_read() -> None:
    inside = MAX_DEPTH - 1
    deepest = "<Response>" + "<a>" * inside + "</a>" * inside + "</Response>"
    assert render(parse(deepest)).endswith("<a/>" + "</a>" * (inside - 1) + "</Response>")
    assert code_of(deepest.replace("<a></a>", "<a><a></a></a>")) == 12100


def test_the_longest_document_is_read() -> None:
    frame = len("<Response><Say></Say></Response>")
    longest = f"<Response><Say>{'a' * (MAX_DOCUMENT_BYTES - frame)}</Say></Response>"
    assert parse(longest) == parse(longest.encode())
    assert code_of(longest.replace("a<", "aa<")) == 11750
    assert code_of(longest.replace("a<", "é<")) == 11750


def test_a_megabyte_is_refused() -> None:
    assert code_of(b"<Response>" + b"<Say>hello</Say>" * 65_536 + b"</Response>") == 11750


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("<>/&;=\"'! \n") | st.sampled_from("RSay") | st.characters(), max_size=60) | st.binary())
def test_any_input_is_read_or_refused_with_a_code(document: str | bytes) -> None:
    for given_document in (document, f"<Response>{document!s}</Response>"):
        try:
            parse(given_document)
        except TwimlError as error:
            assert error.code in {11770, 12100, 12102}


def test_an_ssml_fragment_is_the_content_of_a_say() -> None:
    fragment = 'Hi <break time="1s"/><prosody rate="slow">you &amp; <lang xml:lang="fr-FR">toi</lang></prosody>!'
    expected = ("Hi ", Break(time="1s"), Prosody(("you & ", Lang(("toi",), xml_lang="fr-FR")), rate="slow"), "!")
    assert parse_ssml(fragment) == expected


def test_of_a_foreign_element_in_a_fragment_only_the_words_are_kept() -> None:
    fragment = '<speak version="1.1">a<Dial><Number>+1900</Number></Dial><p x="1">b<audio src="u">c</audio></p></speak>'
    assert parse_ssml(fragment) == ("a+1900", P(("bc",)))


def test_words_inside_a_break_are_spoken_after_it() -> None:
    assert parse_ssml("a<break>b<s>c</s></break>d")[:2] == ("a", Break())
    written = render(Response((Say(parse_ssml("a<break>b</break>d")),)))
    assert written.endswith("<Say>a<break/>bd</Say></Response>")


@pytest.mark.parametrize("fragment", ["", "just words", " "])
def test_plain_words_are_a_fragment(fragment: str) -> None:
    assert parse_ssml(fragment) == ((fragment,) if fragment else ())


@pytest.mark.parametrize(
    "fragment",
    ["a & b", "<p>", "</p>", "</p><p>", "</p><Dial>1</Dial><p>", "<!DOCTYPE x>", "&nbsp;", "\ud800", "<p>" * 99],
)
def test_a_broken_fragment_is_refused(fragment: str) -> None:
    with pytest.raises(TwimlError):
        parse_ssml(fragment)


def test_a_stream_in_any_place_has_its_parameters() -> None:
    stream = '<Stream url="wss://x"><Parameter name="a" value="b"/></Stream>'
    expected = Stream((Parameter(name="a", value="b"),), url="wss://x")
    for verb in parse(f"<Response><Start>{stream}</Start><Connect>{stream}</Connect></Response>").verbs:
        assert getattr(verb, "children", None) == (expected,)


def test_a_redirect_without_a_url_goes_to_the_same_document() -> None:
    assert parse("<Response><Redirect/></Response>") == Response((Redirect(),))
