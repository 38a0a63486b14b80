"""PURE: what a document holds that the vendor does not know: elements and attributes it warns of (12200)."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from twiml import Gather, Unknown
from twiml.unknown import STRAY_TEXT

_CHECKED_ELSEWHERE = {(Gather.TAG, "timeout"), (Gather.TAG, "numDigits")}
"""Attributes whose bad values have a code of their own."""


def unknown_parts(element: object) -> Iterator[str]:
    """A sentence for each unknown element, unknown attribute, and value not of its attribute's type."""
    if isinstance(element, Unknown):
        yield "text between verbs" if element.name == STRAY_TEXT else f"unknown element <{element.name}>"
        return
    if not is_dataclass(element):
        return
    tag = getattr(element, "TAG", "")
    for item in fields(element):
        value = getattr(element, item.name)
        if item.name == "extras":
            for name, raw in value:
                if (tag, name) not in _CHECKED_ELSEWHERE:
                    yield f"<{tag}>: attribute {name}={raw!r} is not understood"
        elif isinstance(value, tuple):
            for child in value:
                yield from unknown_parts(child)
