"""Any text → what can be spoken: words for every voice, and SSML where the text held some.

Agents write for the eye: markdown, links, emoji, tags, control characters. None of it is read out, none of it can
become markup, and no word is lost or made up. Knows no carrier and no voice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final
from unicodedata import category

from voicegw.call.markdown import FIRST_STAND_IN, read_out_markdown
from voicegw.call.ssml import Tag, parse_tag, render_fragment, tag_name

# What most sentences are: words and marks that mean themselves, single blanks, and no place for a bullet or address.
_PLAIN: Final = re.compile(r"[A-Za-z0-9À-ɏ](?:[A-Za-z0-9À-ɏ,.!?;:'’\"()%-]| (?! ))*+(?<! )")
_MOST_TAGS: Final = 0xFFFD  # one private-use plane of stand-ins

_LINE_BREAK: Final = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_BLANKS: Final = re.compile(r"[^\S\n]+")
# Variation selectors and the keycap's frame: "1️⃣" is said as "1".
_FRAMES: Final = re.compile(r"[\ufe00-\ufe0f\u20e3]")
# Pictographs, flags, dingbats, arrows and geometric shapes; not ♯ ♭ ♮ nor numbers in circles, which are words.
_PICTURES: Final = re.compile(
    r"(?: ?[\U0001f000-\U0001f0ff\U0001f10d-\U0001faff\u2600-\u266c\u2670-\u2775\u2794-\u27bf\u2b00-\u2bff"
    r"\u2190-\u21ff\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u25a0-\u25ff\u2139\u3030\u303d\u3297\u3299\ufffc\ufffd])+"
    r"(?P<mark>(?= ?[.,!?;:]))?"
)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_MARKUP: Final = re.compile(r"<[A-Za-z/!?][^<>]{0,2000}>|<!--|-->")
_STAND_IN: Final = re.compile(r"([\U000f0000-\U0010ffff])")
_TAG_OPENING: Final = re.compile(r"(\w?)<(?:([/!?]+)|(?=[A-Za-z]))")

_LISTED_LINE_TAGS: Final = """
    speak p s br hr div section article header footer blockquote pre h1 h2 h3 h4 h5 h6
    ul ol li dl dt dd table tr td th
"""
_LISTED_INLINE_TAGS: Final = """
    a abbr b big cite code del em font i ins kbd mark q small span strike strong sub sup tt u wbr
"""
_LINE_TAGS: Final = frozenset(_LISTED_LINE_TAGS.split())
_INLINE_TAGS: Final = frozenset(_LISTED_INLINE_TAGS.split())


@dataclass(frozen=True, slots=True)
class Speech:
    """What is to be said: `text` in plain words on one line; `ssml` the same words as a well-formed fragment.

    `ssml` is None where the text held no SSML. With nothing to say both are empty.
    """

    text: str
    ssml: str | None = None


def make_speakable(text: str) -> Speech:
    """Return what a voice should say for `text`, whatever it holds; takes time linear in its length.

    `text` never holds anything that could begin a tag; `ssml` holds only the elements and attributes that `ssml.py`
    lists, and is a fragment without a root.
    """
    if _PLAIN.fullmatch(text) and "www." not in text.lower():
        return Speech(text)
    tags: list[Tag] = []
    text = _MARKUP.sub(lambda markup: _stand_in(markup[0], tags), _clean(text))
    text = _MARKUP.sub(lambda markup: _drop(markup[0]), _ENTITY.sub(_decode, text))
    pieces = list(_pieces(read_out_markdown(_BLANKS.sub(" ", text)), tags))
    words = "".join(piece if isinstance(piece, str) else _silence(piece) for piece in pieces)
    words = _disarm(words).strip()
    if not any(character.isalnum() for character in words):
        return Speech("")
    return Speech(words, render_fragment(pieces))


def _clean(text: str) -> str:
    """Leave characters that are text: no controls, surrogates, private use or pictures; blanks are single spaces.

    So what remains is within XML 1.0, and the stand-ins of tags cannot be forged.
    """
    text = _FRAMES.sub("", _LINE_BREAK.sub("\n", text).replace("\t", " "))
    text = "".join(character for character in text if character == "\n" or category(character)[0] != "C")
    return _PICTURES.sub(_blank_unless_marked, _BLANKS.sub(" ", text))


def _blank_unless_marked(picture: re.Match[str]) -> str:
    return " " if picture["mark"] is None else ""


def _decode(entity: re.Match[str]) -> str:
    return _clean(unescape(entity[0]))


def _stand_in(markup: str, tags: list[Tag]) -> str:
    """Shelve a tag of speech in `tags` and return the character that stands for it; drop any other."""
    tag = parse_tag(markup)
    if tag is None or len(tags) > _MOST_TAGS:
        return _drop(markup)
    tags.append(tag)
    pause = "\n\n" if tag.name in _LINE_TAGS else ""
    return pause + chr(FIRST_STAND_IN + len(tags) - 1)


def _drop(markup: str) -> str:
    """What is left of markup: a line's end, a blank, nothing; and of words in angle brackets the words."""
    if markup.startswith(("<!", "<?", "--")):
        return " "
    name = tag_name(markup)
    if name is None:
        return f" {markup[1:-1]} "
    if name in _LINE_TAGS:
        return "\n" if name == "br" else "\n\n"
    return "" if name in _INLINE_TAGS else " "


def _pieces(text: str, tags: list[Tag]) -> Iterator[str | Tag]:
    for part in _STAND_IN.split(text):
        if _STAND_IN.match(part):
            yield tags[ord(part) - FIRST_STAND_IN]
        elif part:
            yield _disarm(part)


def _disarm(words: str) -> str:
    """Take the `<` from what could begin a tag: half a tag is dropped, `a<b` becomes `a< b`."""
    spaced = _TAG_OPENING.sub(lambda found: found[1] + (" " if found[2] or not found[1] else "< "), words)
    return _BLANKS.sub(" ", spaced)


def _silence(tag: Tag) -> str:
    return " " if tag.name == "break" else ""
