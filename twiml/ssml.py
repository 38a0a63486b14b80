"""SSML inside `<Say>`: the elements that the vendor's SDK can write. Knows no verb."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from twiml.schema import Extras, attribute
from twiml.unknown import Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A pause: `strength` (none … x-strong) or `time` ("500ms", "2s")."""

    TAG: ClassVar[str] = "break"
    strength: str | None = None
    time: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Stressed words; `level` strong, moderate or reduced."""

    TAG: ClassVar[str] = "emphasis"
    content: "Content" = ()
    _: KW_ONLY
    level: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Lang:
    """Words in another language, as `fr-FR`."""

    TAG: ClassVar[str] = "lang"
    content: "Content" = ()
    _: KW_ONLY
    xml_lang: str | None = attribute("xml:lang")
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class P:
    """A paragraph."""

    TAG: ClassVar[str] = "p"
    content: "Content" = ()
    _: KW_ONLY
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Phoneme:
    """Words spoken as `ph` says, in the phonetic `alphabet` ipa, x-sampa, …"""

    TAG: ClassVar[str] = "phoneme"
    content: "Content" = ()
    _: KW_ONLY
    alphabet: str | None = None
    ph: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Prosody:
    """Words with another `volume`, `rate` or `pitch`."""

    TAG: ClassVar[str] = "prosody"
    content: "Content" = ()
    _: KW_ONLY
    volume: str | None = None
    rate: str | None = None
    pitch: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class S:
    """A sentence."""

    TAG: ClassVar[str] = "s"
    content: "Content" = ()
    _: KW_ONLY
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class SayAs:
    """Words read as `interpret_as` says (date, digits, telephone, …), with its `format`."""

    TAG: ClassVar[str] = "say-as"
    content: "Content" = ()
    _: KW_ONLY
    interpret_as: str | None = attribute("interpret-as")
    format: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Sub:
    """Words for which `alias` is spoken."""

    TAG: ClassVar[str] = "sub"
    content: "Content" = ()
    _: KW_ONLY
    alias: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class W:
    """A word whose part of speech is `role`."""

    TAG: ClassVar[str] = "w"
    content: "Content" = ()
    _: KW_ONLY
    role: str | None = None
    extras: Extras = ()


Ssml = Break | Emphasis | Lang | P | Phoneme | Prosody | S | SayAs | Sub | W
Content = tuple[str | Ssml | Unknown, ...]


def words_of(content: Content) -> str:
    """Answer the words a voice would say, one blank apart: without markup, an alias for what it stands for."""
    return " ".join("".join(_words_of(item) for item in content).split())


def _words_of(item: str | Ssml | Unknown) -> str:
    match item:
        case str():
            return item
        case Sub() if item.alias is not None:
            return item.alias
        case Break():
            return " "
        case P() | S():
            return f" {words_of(item.content)} "
        case _:
            return "".join(_words_of(inner) for inner in item.content)
