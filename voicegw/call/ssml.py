"""The part of SSML that carriers speak: which elements, which attributes, and a writer that is always well formed.

Carriers differ beyond it, and a bad element fails the whole prompt: what is not on the list below is left out and
its words are kept. Knows no voice: whether one takes SSML at all is decided where the prompt is performed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr


@dataclass(frozen=True, slots=True)
class Tag:
    """One allowed tag, its attributes already checked; `name` is in lower case."""

    name: str
    form: Literal["open", "close", "empty"]
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Element:
    children: frozenset[str] = frozenset()
    attributes: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    needs_one_of: frozenset[str] = frozenset()


_LOUDNESS: Final = r"silent|x-soft|soft|medium|loud|x-loud|default"
_SPEED: Final = r"x-slow|slow|medium|fast|x-fast|default"
_LEVEL: Final = r"x-low|low|medium|high|x-high|default"
_AMOUNT: Final = r"[+-]?\d{1,3}(?:\.\d{1,3})?"

_IN_A_WORD: Final = frozenset({"break", "emphasis", "phoneme", "prosody", "say-as", "sub"})
_IN_A_SENTENCE: Final = _IN_A_WORD | {"lang", "w"}
_IN_A_PARAGRAPH: Final = _IN_A_SENTENCE | {"s"}
_ANYTHING: Final = _IN_A_PARAGRAPH | {"p"}

# Elements nest as in the vendor's SDK. No break is longer than 10 s: more is silence, whoever asks for it.
_ELEMENTS: Final[Mapping[str, _Element]] = {
    "break": _Element(
        attributes={
            "strength": re.compile(r"none|x-weak|weak|medium|strong|x-strong"),
            "time": re.compile(r"(?:\d(?:\.\d{1,3})?|10)s|(?:\d{1,4}|10000)ms"),
        }
    ),
    "emphasis": _Element(_IN_A_SENTENCE, {"level": re.compile(r"strong|moderate|reduced|none")}),
    "lang": _Element(
        _ANYTHING,
        {"xml:lang": re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")},
        needs_one_of=frozenset({"xml:lang"}),
    ),
    "p": _Element(_IN_A_PARAGRAPH),
    "phoneme": _Element(
        attributes={"alphabet": re.compile(r"ipa|x-[a-z-]{1,30}"), "ph": re.compile(r"[^<>\n]{1,200}")},
        needs_one_of=frozenset({"ph"}),
    ),
    "prosody": _Element(
        _ANYTHING,
        {
            "volume": re.compile(rf"{_LOUDNESS}|{_AMOUNT}(?:dB)?"),
            "rate": re.compile(rf"{_SPEED}|{_AMOUNT}%?"),
            "pitch": re.compile(rf"{_LEVEL}|{_AMOUNT}(?:%|st|Hz)"),
        },
        needs_one_of=frozenset({"volume", "rate", "pitch"}),
    ),
    "s": _Element(_IN_A_SENTENCE),
    "say-as": _Element(
        attributes={
            "interpret-as": re.compile(r"[a-z][a-z-]{0,30}"),
            "format": re.compile(r"[A-Za-z0-9:.]{1,20}"),
        },
        needs_one_of=frozenset({"interpret-as"}),
    ),
    "sub": _Element(attributes={"alias": re.compile(r"[^<>\n]{1,200}")}, needs_one_of=frozenset({"alias"})),
    "w": _Element(
        _IN_A_WORD,
        {"role": re.compile(r"[A-Za-z]{1,20}:[A-Za-z]{1,20}")},
        needs_one_of=frozenset({"role"}),
    ),
}

_DEEPEST: Final = 16
"""Elements within elements that are kept: nobody writes more, and no parser need bear it."""

_TAG: Final = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]*)(?P<rest>[^<>]*)>")
_ATTRIBUTE: Final = re.compile(r"""([A-Za-z_:][\w:.-]{0,40})\s{0,4}=\s{0,4}(?:"([^"]*)"|'([^']*)'|([^\s"'=/]+))""")


def tag_name(markup: str) -> str | None:
    """The name, in lower case, of what is built like a tag: a name, then attributes only; None for `<b and c>`."""
    tag = _TAG.fullmatch(markup)
    if tag is None or _ATTRIBUTE.sub("", tag["rest"]).strip() not in ("", "/"):
        return None
    return tag["name"].lower()


@lru_cache(maxsize=256)
def parse_tag(markup: str) -> Tag | None:
    """Read one tag such as `<break time="1s"/>`; None if it is not speech, or lacks the attribute it lives by.

    Attributes that are unknown, or hold what no voice takes, are left out.
    """
    tag = _TAG.fullmatch(markup)
    name = tag_name(markup)
    if tag is None or name is None or (element := _ELEMENTS.get(name)) is None:
        return None
    if tag["end"]:
        return Tag(name, "close")
    given = {key.lower(): unescape(a or b or c) for key, a, b, c in _ATTRIBUTE.findall(tag["rest"])}
    attributes = tuple(
        (key, given[key])
        for key, allowed in element.attributes.items()
        if key in given and allowed.fullmatch(given[key])
    )
    if element.needs_one_of and element.needs_one_of.isdisjoint(dict(attributes)):
        return None
    is_empty = name == "break" or tag["rest"].endswith("/")
    return Tag(name, "empty" if is_empty else "open", attributes)


def render_fragment(pieces: Iterable[str | Tag]) -> str | None:
    """Write words and tags as well-formed XML without a root; None if no tag is left.

    Elements left open are closed at the end; a stray end, or an element where none may stand, is left out. The
    words are all there, escaped.
    """
    writer = _FragmentWriter()
    for piece in pieces:
        writer.write(piece)
    return writer.finish()


class _FragmentWriter:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._open: list[tuple[str, bool]] = []  # the name, and whether it was written
        self._open_names: Counter[str] = Counter()
        self._written: list[str] = []
        self._has_markup = False

    def write(self, piece: str | Tag) -> None:
        if isinstance(piece, str):
            self._out.append(escape(piece))
        elif piece.form == "close":
            self._close(piece.name)
        else:
            self._begin(piece)

    def finish(self) -> str | None:
        while self._open:
            self._pop()
        return "".join(self._out).strip() if self._has_markup else None

    def _begin(self, tag: Tag) -> None:
        may_stand = self._may_stand(tag.name)
        if may_stand:
            attributes = "".join(f" {key}={quoteattr(value)}" for key, value in tag.attributes)
            self._out.append(f"<{tag.name}{attributes}{'/' if tag.form == 'empty' else ''}>")
            self._has_markup = True
        if tag.form == "open":
            self._open.append((tag.name, may_stand))
            self._open_names[tag.name] += 1
            if may_stand:
                self._written.append(tag.name)

    def _may_stand(self, name: str) -> bool:
        if not self._written:
            return True
        return len(self._written) < _DEEPEST and name in _ELEMENTS[self._written[-1]].children

    def _close(self, name: str) -> None:
        if self._open_names[name]:
            while self._pop() != name:
                pass

    def _pop(self) -> str:
        name, was_written = self._open.pop()
        self._open_names[name] -= 1
        if was_written:
            self._written.pop()
            self._out.append(f"</{name}>")
        return name
