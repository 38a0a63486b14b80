"""TwiML text → typed verbs. Whatever it does not know it keeps as data; hostile XML it refuses.

Any DOCTYPE is refused, so there are no entities but XML's own five: none that expand, none that name files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast
from xml.parsers import expat

from twiml.document import Response
from twiml.errors import EMPTY_BODY, PARSE_FAILURE, ROOT_NOT_RESPONSE, TOO_LARGE, TwimlError
from twiml.schema import Attribute, Schema, schema_of
from twiml.ssml import P, Ssml
from twiml.unknown import STRAY_TEXT, Unknown

MAX_DOCUMENT_BYTES = 64 * 1024
"""The carrier refuses a longer document (11750)."""

MAX_DEPTH = 64
"""Deepest nesting read; the vendor names none, but no document that it could run needs a tenth of this."""

_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?[0-9]{1,18}")


@dataclass(slots=True)
class _Node:
    """An element as the XML parser saw it."""

    tag: str
    attributes: list[tuple[str, str]] = field(default_factory=list)
    content: "list[str | _Node]" = field(default_factory=list)


def parse(document: str | bytes) -> Response:
    """Read a TwiML document as its bytes came, or as text.

    Unknown elements are kept as `Unknown`; unknown attributes, and values not of the attribute's type, in
    `extras`; elements inside one that takes none (`<Hangup>`, `<Number>`) are skipped. White space counts in
    speech only. Raises TwimlError: 11770 nothing there, 11750 over 64 kB, 12100 not well-formed, or with a
    DOCTYPE, or nested deeper than `MAX_DEPTH`, 12102 another root than `Response`.
    """
    if not document.strip():
        raise TwimlError(EMPTY_BODY, "the document is empty")
    root = _parse_xml(document)
    if root.tag != Response.TAG:
        raise TwimlError(ROOT_NOT_RESPONSE, f"the root is {root.tag!r}, not 'Response'")
    return cast(Response, _element(Response, root))


def parse_ssml(fragment: str) -> tuple[str | Ssml, ...]:
    """Read a well-formed SSML fragment as the content of a `Say`.

    Of elements that are not SSML (`<speak>`, `<audio>`, a verb) only the words are kept, of unknown attributes
    nothing: the fragment can do nothing but speak. Raises TwimlError as `parse` does, but "" is no error.
    """
    # Any SSML element that may hold the others will do as a root.
    root = _parse_xml(f"<{P.TAG}>{fragment}</{P.TAG}>")
    speech = _element(P, _Node(tag=P.TAG, content=_only_speech(root.content)))
    return cast(tuple[str | Ssml, ...], speech.content)


def _parse_xml(document: str | bytes) -> _Node:
    try:
        # Text has lost its encoding, whatever its declaration says.
        data, encoding = (document.encode(), "utf-8") if isinstance(document, str) else (document, None)
        if len(data) > MAX_DOCUMENT_BYTES:
            raise TwimlError(TOO_LARGE, f"{len(data)} bytes, more than {MAX_DOCUMENT_BYTES}")
        return _TreeBuilder().build(data, encoding)
    except (expat.ExpatError, LookupError, ValueError) as exc:
        # LookupError and ValueError: an encoding that Python does not know, or text that has none.
        raise TwimlError(PARSE_FAILURE, str(exc)) from exc


class _TreeBuilder:
    """Turns expat's events into nodes. Its stack is the elements open now, outermost first."""

    def __init__(self) -> None:
        self._document = _Node(tag="")
        self._open = [self._document]

    def build(self, data: bytes, encoding: str | None) -> _Node:
        # No namespaces: `xml:lang` is an attribute's name here, and an undeclared prefix no error.
        parser = expat.ParserCreate(encoding)
        parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(data, True)
        return cast(_Node, self._document.content[0])

    def _refuse_doctype(self, name: str, *_: object) -> None:
        raise TwimlError(PARSE_FAILURE, f"a document type is refused: {name!r}")

    def _start(self, tag: str, attributes: list[str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise TwimlError(PARSE_FAILURE, f"nested deeper than {MAX_DEPTH} elements")
        node = _Node(tag=tag, attributes=list(zip(attributes[::2], attributes[1::2], strict=True)))
        self._open[-1].content.append(node)
        self._open.append(node)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].content.append(text)


def _only_speech(content: "list[str | _Node]") -> "list[str | _Node]":
    """The same words, without any element or attribute that is not SSML."""
    speech: list[str | _Node] = []
    for item in content:
        if isinstance(item, str):
            speech.append(item)
            continue
        words = _only_speech(item.content)
        if (known := schema_of(P).children.get(item.tag)) is None:
            speech.extend(words)
            continue
        schema = schema_of(known)
        attributes = [(name, value) for name, value in item.attributes if name in schema.by_name]
        speech.append(_Node(tag=item.tag, attributes=attributes, content=words))
        if schema.children_field is None:
            speech.extend(words)
    return speech


def _element(element: type, node: _Node) -> Any:
    """Make the typed element, with what it has no field for in `extras`."""
    schema = schema_of(element)
    values: dict[str, object] = {}
    extras: list[tuple[str, str]] = []
    for name, raw in node.attributes:
        known = schema.by_name.get(name)
        value = None if known is None else _value(known, raw)
        if known is None or value is None:
            extras.append((name, raw))
        else:
            values[known.field] = value
    if schema.text_field is not None:
        # White space around a URL or a number is layout.
        values[schema.text_field] = "".join(item for item in node.content if isinstance(item, str)).strip()
    if schema.children_field is not None:
        values[schema.children_field] = tuple(_children(schema, node))
    return element(**values, extras=tuple(extras))


def _children(schema: Schema, node: _Node) -> Iterator[object]:
    for item in _joined(node.content):
        if isinstance(item, str):
            if schema.mixed:
                yield item
            elif schema.text_field is None and item.strip():
                yield Unknown(STRAY_TEXT, content=(item,))
        elif (known := schema.children.get(item.tag)) is not None:
            yield _element(known, item)
        else:
            yield _unknown(item)


def _unknown(node: _Node) -> Unknown:
    content = tuple(item if isinstance(item, str) else _unknown(item) for item in _joined(node.content))
    return Unknown(node.tag, attributes=tuple(node.attributes), content=content)


def _joined(content: "list[str | _Node]") -> "Iterator[str | _Node]":
    """The same content with each run of text in one piece; the parser cuts it at every line and entity."""
    for is_text, run in groupby(content, key=lambda item: isinstance(item, str)):
        if is_text:
            yield "".join(cast("Iterator[str]", run))
        else:
            yield from run


def _value(known: Attribute, raw: str) -> object:
    """The attribute's value in the first of its types that fits; None if none does."""
    if bool in known.types and raw in _BOOLEANS:
        return _BOOLEANS[raw]
    if int in known.types and _INTEGER.fullmatch(raw):
        return int(raw)
    return raw if str in known.types else None
