"""How a dataclass stands for a TwiML element; shared by writer and reader, so a new attribute is one line.

The element's name is `TAG`. A field is an attribute named in camelCase (or as `attribute` says), except: the
field made by `text` is the element's text; the field typed as a tuple holds what stands inside (text too, if
`str` is among its types); `extras` keeps attributes that are unknown, or whose value is not of the known type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_origin, get_type_hints

Extras = tuple[tuple[str, str], ...]


def attribute(name: str) -> Any:
    """Declare an attribute, absent by default, whose TwiML `name` is not the field's name in camelCase."""
    return field(default=None, metadata={"name": name})


def text() -> Any:
    """Declare the field that is the element's text: a URL, a number, a name."""
    return field(default="", metadata={"text": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute: where it is kept, what the carrier calls it, and which of bool, int, str it is."""

    field: str
    name: str
    types: tuple[type, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What the writer and the reader know about one class of element."""

    tag: str
    attributes: tuple[Attribute, ...]
    by_name: Mapping[str, Attribute]
    values: Callable[[Any], tuple[object, ...]]
    """Takes the values of `attributes`, in their order, from an element."""
    text_field: str | None
    children_field: str | None
    children: Mapping[str, type]
    """The elements that may stand inside, by TwiML name."""
    mixed: bool
    """True if text stands among the children, so that white space counts."""


@cache
def schema_of(element: type) -> Schema:
    """Describe an element class, once."""
    hints = get_type_hints(element)
    attributes: list[Attribute] = []
    text_field: str | None = None
    children_field: str | None = None
    members: tuple[Any, ...] = ()
    for item in fields(element):
        if item.name == "extras":
            continue
        hint = hints[item.name]
        if item.metadata.get("text"):
            text_field = item.name
        elif get_origin(hint) is tuple:
            children_field, members = item.name, _members(get_args(hint)[0])
        else:
            name = item.metadata.get("name") or _camel_case(item.name)
            attributes.append(Attribute(field=item.name, name=name, types=_members(hint)))
    return Schema(
        tag=element.TAG,  # type: ignore[attr-defined]  # every element class has one
        attributes=tuple(attributes),
        by_name=MappingProxyType({known.name: known for known in attributes}),
        values=_getter([known.field for known in attributes]),
        text_field=text_field,
        children_field=children_field,
        children=MappingProxyType({member.TAG: member for member in members if hasattr(member, "TAG")}),
        mixed=str in members,
    )


def _members(hint: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type, without None."""
    return tuple(member for member in get_args(hint) or (hint,) if member is not NoneType)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _getter(names: list[str]) -> Callable[[Any], tuple[object, ...]]:
    """An `attrgetter` that answers a tuple for one name, and for none, too."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda element: tuple(getattr(element, name) for name in names)
