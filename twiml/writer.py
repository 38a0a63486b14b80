"""Typed verbs → TwiML text. Built as a string, for it stands between the caller and the first word."""

import re
from typing import Any

from twiml.document import Element, Response
from twiml.schema import Extras, schema_of
from twiml.text import escape_attribute, escape_text
from twiml.unknown import STRAY_TEXT, Unknown

_BOOLEANS = {True: "true", False: "false"}
_HEADER = '<?xml version="1.0" encoding="UTF-8"?>'

# XML 1.0 § 2.3, production [5] Name
_NAME_START = (
    ":A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME = re.compile(f"[{_NAME_START}][{_NAME_START}\\-.0-9\xb7\u0300-\u036f\u203f\u2040]*")


def render(response: Response) -> str:
    """Write a document, from its `<?xml` (the carrier refuses anything before it) to `</Response>`.

    Any text is safe in any field: markup is escaped and what XML cannot hold is dropped. Raises ValueError if the
    name of an unknown element or attribute is not a name.
    """
    return _HEADER + render_element(response)


def render_element(element: Element) -> str:
    """Write one element and what is in it, without the document's header."""
    out: list[str] = []
    _write(element, out)
    return "".join(out)


def measure(element: Element) -> int:
    """Count the UTF-8 bytes that `element` takes when written; a whole `Response` with its header."""
    written = render(element) if isinstance(element, Response) else render_element(element)
    return len(written.encode())


def _write(element: Element, out: list[str]) -> None:
    if isinstance(element, Unknown):
        _write_unknown(element, out)
        return
    kind: type = type(element)
    schema = schema_of(kind)
    out.append("<" + schema.tag)
    for attribute, value in zip(schema.attributes, schema.values(element), strict=True):
        if value is not None:
            written = escape_attribute(value) if isinstance(value, str) else _literal(value)
            out.append(f' {attribute.name}="{written}"')
    if element.extras:
        names = {known.name for known in schema.attributes if getattr(element, known.field) is not None}
        _write_extras(element.extras, names, out)
    body = len(out)
    out.append(">")
    if schema.text_field is not None:
        _write_text(getattr(element, schema.text_field), out)
    if schema.children_field is not None:
        _write_content(getattr(element, schema.children_field), out)
    _close(schema.tag, body, out)


def _write_unknown(element: Unknown, out: list[str]) -> None:
    if element.name == STRAY_TEXT:
        _write_content(element.content, out)
        return
    out.append("<" + _checked_name(element.name))
    _write_extras(element.attributes, set(), out)
    body = len(out)
    out.append(">")
    _write_content(element.content, out)
    _close(element.name, body, out)


def _write_content(content: tuple[Any, ...], out: list[str]) -> None:
    for child in content:
        if isinstance(child, str):
            _write_text(child, out)
        else:
            _write(child, out)


def _write_text(text: str, out: list[str]) -> None:
    if written := escape_text(text):
        out.append(written)


def _write_extras(extras: Extras, written: set[str], out: list[str]) -> None:
    """Write each attribute once: XML refuses a second of the same name."""
    for name, value in extras:
        if name not in written:
            written.add(name)
            out.append(f' {_checked_name(name)}="{escape_attribute(value)}"')


def _close(tag: str, body: int, out: list[str]) -> None:
    """End the element whose `>` is at `body`: shortly, if nothing came after it."""
    if len(out) > body + 1:
        out.append(f"</{tag}>")
    else:
        out[body] = "/>"


def _literal(value: object) -> str:
    return _BOOLEANS[value] if isinstance(value, bool) else str(value)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name in XML: {name!r}")
    return name
