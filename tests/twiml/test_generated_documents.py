"""Properties of generated documents: the vendor's SDK writes the same tree, and what is written reads back."""

from dataclasses import replace
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import twilio.twiml.voice_response as sdk
from hypothesis import given, settings
from hypothesis import strategies as st

import twiml
from twiml import Response, Unknown, check, measure, parse, render
from twiml.schema import schema_of

CLEAN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]) | st.sampled_from("<>&\"'\t\n\r"))
WORDS = CLEAN.filter(bool)
NAMES = st.from_regex(r"[a-z][a-zA-Z0-9.-]{0,8}", fullmatch=True)
ATTRIBUTE_VALUES = {bool: st.booleans(), int: st.integers(-(10**17), 10**17), str: CLEAN}
SDK_NAMES = {"Response": "VoiceResponse"} | {
    kind.__name__: f"Ssml{kind.__name__}" for kind in schema_of(twiml.Say).children.values()
}


def values(types: tuple[type, ...]) -> st.SearchStrategy[Any]:
    """None, or a value of one of the types; text that reads as a number belongs to no type but `str`."""
    if int in types and str in types:
        return st.none() | st.sampled_from(["auto", 3])
    return st.none() | st.one_of(ATTRIBUTE_VALUES[kind] for kind in types)


def joined(content: list[Any]) -> tuple[Any, ...]:
    """Neighbouring texts in one piece, as a reader sees them."""
    pieces: list[Any] = []
    for is_text, run in groupby(content, key=lambda item: isinstance(item, str)):
        if is_text:
            pieces.append("".join(run))
        else:
            pieces.extend(run)
    return tuple(pieces)


def elements(kind: type, depth: int = 3) -> st.SearchStrategy[Any]:
    """Elements of one class, made from its schema, with what may stand inside down to `depth`."""
    schema = schema_of(kind)
    parts: dict[str, st.SearchStrategy[Any]] = {known.field: values(known.types) for known in schema.attributes}
    if schema.text_field is not None:
        parts[schema.text_field] = CLEAN.map(str.strip)
    if schema.children_field is not None:
        inside: list[st.SearchStrategy[Any]] = [WORDS] if schema.mixed else []
        if depth:
            inside += [
                st.deferred(lambda child=child: elements(child, depth - 1)) for child in schema.children.values()
            ]
        parts[schema.children_field] = st.lists(st.one_of(inside), max_size=3).map(joined) if inside else st.just(())
    return st.builds(kind, **parts)


DOCUMENTS = elements(Response)


def unknowns(name: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Unknown]:
    attributes = st.dictionaries(NAMES, CLEAN, max_size=3).map(lambda pairs: tuple(pairs.items()))
    content = st.lists(WORDS | st.deferred(unknowns), max_size=3).map(joined)
    return st.builds(Unknown, name, attributes, content)


def sdk_tree(element: Any) -> ET.Element:
    """The same element as the vendor's SDK builds it."""
    return sdk_element(element).xml()


def sdk_element(element: Any) -> Any:
    schema = schema_of(type(element))
    kind = type(element).__name__
    attributes = {known.field: getattr(element, known.field) for known in schema.attributes}
    if kind == "Break":
        made = sdk.SsmlBreak(**attributes)
    elif schema.text_field is not None:
        made = getattr(sdk, kind)(getattr(element, schema.text_field), **attributes)
    elif schema.mixed:
        made = getattr(sdk, SDK_NAMES.get(kind, kind))("", **attributes)
    else:
        made = getattr(sdk, SDK_NAMES.get(kind, kind))(**attributes)
    for child in getattr(element, schema.children_field) if schema.children_field else ():
        made.append(child if isinstance(child, str) else sdk_element(child))
    return made


def tree_of(document: Response) -> ET.Element:
    return ET.fromstring(render(document))  # noqa: S314 - written a line ago


def plain(tree: ET.Element) -> Any:
    """A tree as values: the parser spells `xml:lang` with its namespace, the SDK's tree without."""
    attributes = {name.replace("{http://www.w3.org/XML/1998/namespace}", "xml:"): value for name, value in tree.items()}
    return tree.tag, attributes, tree.text or "", [plain(child) for child in tree], tree.tail or ""


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_writes_the_tree_that_the_vendors_sdk_builds(document: Response) -> None:
    assert plain(tree_of(document)) == plain(sdk_tree(document))


@pytest.mark.parametrize("kind", sorted(schema_of(Response).children.values(), key=lambda kind: kind.__name__))
def test_each_verb_writes_the_tree_that_the_vendors_sdk_builds(kind: type) -> None:
    @settings(max_examples=15, deadline=None)
    @given(elements(kind))
    def same_tree(verb: Any) -> None:
        assert plain(tree_of(Response((verb,)))) == plain(sdk_tree(Response((verb,))))

    same_tree()


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_what_is_written_reads_back(document: Response) -> None:
    written = render(document)
    assert parse(written) == document
    assert parse(written.encode()) == document


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS, st.lists(unknowns(), max_size=3), st.dictionaries(NAMES, CLEAN, max_size=3))
def test_unknown_elements_and_attributes_read_back(
    document: Response, added: list[Unknown], extras: dict[str, str]
) -> None:
    strange = replace(document, verbs=(*document.verbs, *added), extras=tuple(extras.items()))
    known = set(schema_of(Response).children)
    if not known & {element.name for element in added}:
        assert parse(render(strange)) == strange


@settings(max_examples=30, deadline=None)
@given(DOCUMENTS)
def test_speech_reads_back_as_an_ssml_fragment(document: Response) -> None:
    for verb in document.verbs:
        if isinstance(verb, twiml.Say):
            fragment = render(Response((twiml.Say(verb.content),)))
            for tag in ("<Response>", "<Say>"):
                fragment = fragment.partition(tag)[2].rpartition(tag.replace("<", "</"))[0]
            assert twiml.parse_ssml(fragment) == verb.content


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS)
def test_a_document_measures_as_many_bytes_as_are_written(document: Response) -> None:
    assert measure(document) == len(render(document).encode())
    assert all(measure(verb) < measure(document) for verb in document.verbs)


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS)
def test_any_document_can_be_checked(document: Response) -> None:
    for fault in check(document):
        assert fault.where.startswith("Response")
        assert fault.message
