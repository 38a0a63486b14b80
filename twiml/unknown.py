"""Elements without a type here, or in a place where they are not known, kept as data."""

from dataclasses import dataclass

from twiml.schema import Extras

STRAY_TEXT = "#text"


@dataclass(frozen=True, slots=True)
class Unknown:
    """An element kept as it was written: its `name`, its attributes, and the text and elements inside it.

    Text that stands where only elements may (the carrier skips it) has the name `STRAY_TEXT`.
    """

    name: str
    attributes: Extras = ()
    content: tuple["str | Unknown", ...] = ()
