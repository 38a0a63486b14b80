"""Any text made fit for a document: what XML takes, markup escaped, long speech cut to pieces."""

import re
import unicodedata

# XML 1.0 § 2.2: #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]
_BEYOND_MARKUP = "?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff"
_NOT_XML = re.compile(f"[^\t\n\r ->{_BEYOND_MARKUP}]")

# A parser turns a bare carriage return into a line feed, and white space in an attribute into blanks.
_TEXT_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE_MARKUP = _TEXT_MARKUP | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
# Most text needs neither cleaning nor escaping, and one search for any other character than these tells.
_NOT_PLAIN_TEXT = re.compile(f"[^\t\n -%'-;={_BEYOND_MARKUP}]")
_NOT_PLAIN_ATTRIBUTE = re.compile(f"[^ !#-%'-;={_BEYOND_MARKUP}]")

# Possessive, and tried only where a run of marks begins, so that a text of nothing but marks takes linear time.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s)|[。！？]++[」』”’）]*+|\n")
_SPACE = re.compile(r"\s+")
_ZERO_WIDTH_JOINER = "\u200d"


def clean_text(text: str) -> str:
    """Drop what XML 1.0 cannot hold: control characters, lone surrogates, U+FFFE and U+FFFF."""
    return _NOT_XML.sub("", text)


def escape_text(text: str) -> str:
    """Clean `text` and escape its markup, to stand between tags."""
    return clean_text(text).translate(_TEXT_MARKUP) if _NOT_PLAIN_TEXT.search(text) else text


def escape_attribute(text: str) -> str:
    """Clean `text` and escape its markup, to stand between double quotes."""
    return clean_text(text).translate(_ATTRIBUTE_MARKUP) if _NOT_PLAIN_ATTRIBUTE.search(text) else text


def split_text(text: str, max_chars: int) -> tuple[str, ...]:
    """Cut speech into pieces of at most `max_chars`: after a sentence, else after a word, else inside a word.

    The pieces hold every word, in order and unchanged; only white space at a cut is lost; no piece is empty.
    Raises ValueError if `max_chars` is less than 1.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars must be at least 1, not {max_chars}")
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > max_chars:
        cut = _sentence_border(rest, max_chars) or _word_border(rest, max_chars) or _character_border(rest, max_chars)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        pieces.append(rest)
    return tuple(pieces)


def _sentence_border(text: str, limit: int) -> int:
    """The end of the last sentence that fits in `limit` characters, or 0."""
    # One character more than fits, so that the blank after a sentence that just fits is seen.
    ends = [end.end() for end in _SENTENCE_END.finditer(text, 0, limit + 1)]
    return max((end for end in ends if end <= limit), default=0)


def _word_border(text: str, limit: int) -> int:
    """The end of the last word that fits in `limit` characters, or 0."""
    return max((space.start() for space in _SPACE.finditer(text, 0, limit + 1)), default=0)


def _character_border(text: str, limit: int) -> int:
    """`limit`, or less where the cut would part a letter from its accents or tear a joined emoji."""
    cut = limit
    while cut and _joins(text[cut - 1], text[cut]):
        cut -= 1
    return cut or limit


def _joins(before: str, after: str) -> bool:
    return unicodedata.category(after).startswith("M") or _ZERO_WIDTH_JOINER in (before, after)
