"""Whatever an agent says, a document says it and does nothing else."""

from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import example, given, settings
from hypothesis import strategies as st

from twiml import Dial, Emphasis, Gather, Number, Parameter, Redirect, Response, Say, Stream, clean_text, parse, render

MARKUP = st.sampled_from(
    ["</Say><Dial>+1900</Dial><Say>", "<!--", "-->", "<![CDATA[", "]]>", "&amp;", "&#0;", '"', "'/>", "<?xml?>", "&x;"]
)
# Surrogates too: st.text() alone leaves them out.
ANY_TEXT = st.lists(st.text(st.characters(), max_size=20) | MARKUP, max_size=6).map("".join)


def tree_of(document: Response) -> ET.Element:
    return ET.fromstring(render(document).encode())  # noqa: S314 - what is tested is that it parses


def shape(tree: ET.Element) -> list[Any]:
    return [tree.tag, *(shape(child) for child in tree)]


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
@example("</Say><Dial>+1900</Dial><Say>")
@example("\ud800 half a \udfff surrogate \x00\x0b\x1f\ufffe\uffff")
@example("line\r\nline\rline\ttab")
def test_any_text_is_spoken_as_it_is_and_dials_nothing(text: str) -> None:
    tree = tree_of(Response((Gather((Say((text, Emphasis((text,)), text)),)), Redirect("/next"))))
    assert shape(tree) == ["Response", ["Gather", ["Say", ["emphasis"]]], ["Redirect"]]
    assert "".join(tree[0][0].itertext()) == clean_text(text) * 3


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
@example('" onclick="')
@example("a\r\n\tb")
def test_any_text_is_an_attributes_value_as_it_is(text: str) -> None:
    stream = Stream((Parameter(name=text, value=text),), url=text)
    tree = tree_of(Response((Say((), voice=text), Dial((Number(text, send_digits=text),), caller_id=text), stream)))
    clean = clean_text(text)
    assert shape(tree) == ["Response", ["Say"], ["Dial", ["Number"]], ["Stream", ["Parameter"]]]
    assert [element.attrib for element in tree.iter()] == [
        {},
        {"voice": clean},
        {"callerId": clean},
        {"sendDigits": clean},
        {"url": clean},
        {"name": clean, "value": clean},
    ]
    assert (tree[1][0].text or "") == clean


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT)
def test_any_text_reads_back(text: str) -> None:
    words = clean_text(text)
    expected = Response((Say((words,) if words else (), voice=words),))
    assert parse(render(Response((Say((text,), voice=text),)))) == expected


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT)
def test_cleaning_drops_only_what_xml_cannot_hold(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean
    assert clean == "".join(character for character in text if not _is_no_xml(ord(character)))


def _is_no_xml(code_point: int) -> bool:
    is_control = code_point < 0x20 and chr(code_point) not in "\t\n\r"
    return is_control or 0xD800 <= code_point < 0xE000 or code_point in (0xFFFE, 0xFFFF)
