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
    if isinstance(element, Unknown):
        return _write_unknown(element)
    kind: type = type(element)
    schema = schema_of(kind)
    attributes = "".join(
        [
            f' {known.name}="{escape_attribute(value) if isinstance(value, str) else _literal(value)}"'
            for known, value in zip(schema.attributes, schema.values(element), strict=True)
            if value is not None
        ]
    )
    if element.extras:
        names = {known.name for known in schema.attributes if getattr(element, known.field) is not None}
        attributes += _write_extras(element.extras, names)
    content = escape_text(getattr(element, schema.text_field)) if schema.text_field is not None else ""
    if schema.children_field is not None:
        content += _write_content(getattr(element, schema.children_field))
    return _enclose(schema.tag, attributes, content)


def measure(element: Element) -> int:
    """Count the UTF-8 bytes that `element` takes when written; a whole `Response` with its header."""
    written = render(element) if isinstance(element, Response) else render_element(element)
    return len(written.encode())


def _write_unknown(element: Unknown) -> str:
    content = _write_content(element.content)
    if element.name == STRAY_TEXT:
        return content
    return _enclose(_checked_name(element.name), _write_extras(element.attributes, set()), content)


def _write_content(content: tuple[Any, ...]) -> str:
    return "".join([escape_text(child) if isinstance(child, str) else render_element(child) for child in content])


def _write_extras(extras: Extras, written: set[str]) -> str:
    """Write each attribute once: XML refuses a second of the same name."""
    attributes = ""
    for name, value in extras:
        if name not in written:
            written.add(name)
            attributes += f' {_checked_name(name)}="{escape_attribute(value)}"'
    return attributes


def _enclose(tag: str, attributes: str, content: str) -> str:
    return f"<{tag}{attributes}>{content}</{tag}>" if content else f"<{tag}{attributes}/>"


def _literal(value: object) -> str:
    return _BOOLEANS[value] if isinstance(value, bool) else str(value)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name in XML: {name!r}")
    return name
